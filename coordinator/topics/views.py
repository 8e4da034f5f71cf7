"""Pages of the shared list of topics, for everybody to read and for coordinators to keep."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from coordinator.calendar.models import Question
from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.entries.forms import inside_ministry
from coordinator.entries.models import Entry
from coordinator.entries.rules import may_log
from coordinator.errors import NotFound, Refused
from coordinator.extensions import settings, time_zone
from coordinator.gaps.forms import here as gaps_here
from coordinator.gaps.queries import Filters
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.rules import look
from coordinator.pages import refusal_status, translated
from coordinator.people.gate import reader, require, signed_in
from coordinator.people.models import Person, Unit
from coordinator.people.queries import unit as one_unit
from coordinator.people.queries import units
from coordinator.people.rules import may_keep_lists
from coordinator.positions.models import Position
from coordinator.positions.queries import adherences
from coordinator.positions.rules import is_voice
from coordinator.search import queries as search
from coordinator.search.rules import beginning
from coordinator.topics import actions, queries
from coordinator.topics.forms import CellForm, EndForm, EquityForm, MergeForm, TopicForm
from coordinator.topics.models import Equity, Stake, Topic
from coordinator.topics.rules import LEADING, holds_on, joined, meets

blueprint = Blueprint("topics", __name__, url_prefix="/topics")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Show the tree of topics."""
    me = signed_in()
    return render_template(
        "topics/index.html", tree=queries.tree(db.session()), may_keep=may_keep_lists(me), inside=inside_ministry(me.unit)
    )


@blueprint.route("/add", methods=["GET", "POST"])
def add() -> ResponseReturnValue:
    """Add a topic."""
    require(may_keep_lists(signed_in()))
    form = _offer(TopicForm())
    form.offer_rows()
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                added = actions.add(written, form.draft(), by=signed_in(), at=now())
        except Refused as error:
            form.refuse(error)
            return render_template("topics/edit.html", form=form, topic=None), refusal_status(error)
        flash(_("“%(name)s” is in the list.", name=added.name), "success")
        return redirect(url_for(".equities", ref=added.ref), 303)
    return render_template("topics/edit.html", form=form, topic=None), 422 if form.is_submitted() else 200


@blueprint.route("/<ref:ref>/edit", methods=["GET", "POST"])
def edit(ref: str) -> ResponseReturnValue:
    """Rename a topic, change its edges, its mark and its other names."""
    require(may_keep_lists(signed_in()))
    session, topic = db.session(), queries.topic(db.session(), ref)
    if topic.ref != ref and request.method == "GET":
        return redirect(url_for(".edit", ref=topic.ref))
    form = _offer(
        TopicForm(
            name=topic.name,
            umbrella=topic.umbrella,
            broader=[t.ref for t in queries.broader_of(session, topic.id)],
            narrower=[t.ref for t in queries.narrower_of(session, topic.id)],
            related=[t.ref for t in queries.related_of(session, topic.id)],
        ),
        but=topic,
    )
    form.offer_rows([n for n in topic.names if n.alias])
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                actions.revise(written, topic, form.draft(), by=signed_in(), at=now())
        except Refused as error:
            form.refuse(error)
            return _edit_page(form, queries.topic(db.session(), ref)), refusal_status(error)
        flash(_("Saved."), "success")
        return redirect(url_for(".show", ref=topic.ref), 303)
    return _edit_page(form, topic), 422 if form.is_submitted() else 200


def _edit_page(form: TopicForm, topic: Topic) -> str:
    here = search.presence(db.session(), [topic.id]).get(topic.id, search.Presence())
    wide = here.units > overlaps.CROWDED and not topic.umbrella
    return render_template("topics/edit.html", form=form, topic=topic, here=here, wide=wide)


def _offer(form: TopicForm, *, but: Topic | None = None) -> TopicForm:
    offered = [t for t in queries.offered(db.session()) if but is None or t[2] != but.id]
    for field in (form.broader, form.narrower, form.related):
        field.offer(offered)
    return form


# --- merging -------------------------------------------------------------------------------------------------------------


@blueprint.route("/<ref:ref>/merge", methods=["GET", "POST"])
def merge(ref: str) -> ResponseReturnValue:
    """Merge a topic into another: first what would move, then the deed."""
    require(may_keep_lists(signed_in()))
    topic = queries.topic(db.session(), ref)
    if topic.ref != ref:
        return redirect(url_for(".show", ref=topic.ref), 303)
    offered = [t for t in queries.offered(db.session()) if t[2] != topic.id]
    form = MergeForm(into=request.args.get("into"))
    form.into.offer(offered)
    if form.is_submitted():
        chosen = form.into.data
        if not form.validate():
            return render_template("topics/merge.html", form=form, topic=topic, into=None), 422
    else:
        chosen = request.args.get("into", "")
        if chosen and chosen not in {t[0] for t in offered}:
            raise NotFound
    into = queries.topic(db.session(), chosen) if chosen else None
    if into is not None and form.is_submitted():
        try:
            with transaction(db.session) as written:
                gone, stays = queries.topic(written, ref), queries.topic(written, chosen)
                actions.merge(written, gone, into=stays, by=signed_in(), at=now())
        except Refused as error:
            form.refuse(error)
            return render_template("topics/merge.html", form=form, topic=topic, into=None), refusal_status(error)
        flash(_("“%(gone)s” is merged into “%(name)s”; its old address leads here.", gone=topic.name, name=into.name), "success")
        return redirect(url_for(".show", ref=into.ref), 303)
    moves = _moves(topic, into) if into is not None else None
    return render_template("topics/merge.html", form=form, topic=topic, into=into, moves=moves)


def _moves(topic: Topic, into: Topic) -> dict[str, Any]:
    """Return what would move with a merge, as far as the reader sees it."""
    session = db.session()
    stakes, there = queries.equities(session, topic.id), queries.equities(session, into.id)
    ours, theirs = _neighbours(topic), _neighbours(into)
    known = {t.id for listed in theirs for t in listed} | {topic.id, into.id}
    counted = search.presence(session, [topic.id])
    return {
        "names": topic.names,
        "edges": [
            (heading, [t for t in listed if t.id not in known])
            for heading, listed in zip((_("Lies within"), _("Covers"), _("Touches")), ours, strict=True)
        ],
        "stakes": [(s, joined([s, *same]) if same else None) for s in stakes for same in [_same(s, there)]],
        "questions": search.questions_on(session, topic.id),
        "here": counted.get(topic.id, search.Presence()),
    }


def _same(stake: Equity, there: Iterable[Equity]) -> list[Equity]:
    return [other for other in there if other.unit_id == stake.unit_id and meets(stake, other)]


# --- stakes --------------------------------------------------------------------------------------------------------------


@blueprint.route("/<ref:ref>/equities", methods=["GET", "POST"])
def equities(ref: str) -> ResponseReturnValue:
    """Show who has a stake in a topic, past ones too; coordinators give one."""
    topic, keeper = queries.topic(db.session(), ref), may_keep_lists(signed_in())
    # outside the ministry, nobody is told which unit has a stake in what
    require(inside_ministry(signed_in().unit))
    if topic.ref != ref and request.method == "GET":
        return redirect(url_for(".equities", ref=topic.ref))
    form = EquityForm(from_on=today(settings().time_zone))
    form.unit.offer((u.ref, f"{u.short_name} – {u.name}", u.id) for u in units(db.session()))
    status = 200
    if form.is_submitted():
        require(keeper)
        status = 422
        if form.validate():
            try:
                with transaction(db.session) as written:
                    actions.give_equity(written, topic, form.draft(), by=signed_in(), at=now())
                return redirect(url_for(".equities", ref=ref), 303)
            except Refused as error:
                form.refuse(error)
                topic, status = queries.topic(db.session(), ref), refusal_status(error)
    held = queries.equities(db.session(), topic.id)
    day = today(settings().time_zone)
    return render_template("topics/equities.html", form=form, topic=topic, held=held, day=day, may_keep=keeper), status


@blueprint.route("/<ref:ref>/equities/<ref:equity>/end", methods=["GET", "POST"])
def end_equity(ref: str, equity: str) -> ResponseReturnValue:
    """Let a stake end."""
    require(may_keep_lists(signed_in()))
    topic = queries.topic(db.session(), ref)
    stake = queries.equity(db.session(), topic.id, equity)
    form = EndForm(on=today(settings().time_zone))
    if form.validate_on_submit() and form.on.data is not None:
        try:
            with transaction(db.session) as written:
                actions.end_equity(written, stake, on=form.on.data, by=signed_in(), at=now())
            return redirect(url_for(".equities", ref=ref), 303)
        except Refused as error:
            form.refuse(Refused(error.sentence, field="on"))
            return render_template("topics/end_equity.html", form=form, topic=queries.topic(db.session(), ref)), refusal_status(
                error
            )
    return render_template("topics/end_equity.html", form=form, topic=topic), 422 if form.is_submitted() else 200


# --- the matrix: who leads, who must be asked --------------------------------------------------------------------------------


@blueprint.get("/matrix")
def matrix() -> ResponseReturnValue:
    """Show who leads and who must be asked on the topics of a basket: topics down, units across."""
    me, on = signed_in(), today(settings().time_zone)
    require(inside_ministry(me.unit))
    listed, edges = queries.topics(db.session()), queries.broader_edges(db.session())
    baskets = _baskets(listed, edges)
    asked = request.args.get("basket")
    basket = next((t for t in baskets if t.ref == asked), None) if asked else (baskets[0] if baskets else None)
    if asked and basket is None:
        raise NotFound
    inside = queries.basket(db.session(), basket.id) if basket is not None else frozenset()
    rows = sorted((t for t in listed if t.id in inside), key=lambda t: (t.id != getattr(basket, "id", 0), t.name, t.id))
    held: defaultdict[tuple[int, int], list[Equity]] = defaultdict(list)
    columns: dict[int, Unit] = {}
    for stake in queries.stakes_from(db.session(), inside, on):
        held[stake.topic_id, stake.unit_id].append(stake)
        columns[stake.unit_id] = stake.unit
    every = units(db.session())
    chosen = [u for u in every if u.ref in request.args.getlist("unit")]
    columns |= {u.id: u for u in chosen}
    led = {t for (t, _u), stakes in held.items() if any(_leads(s, on) for s in stakes)}
    return render_template(
        "topics/matrix.html",
        on=on,
        baskets=baskets,
        basket=basket,
        rows=rows,
        columns=sorted(columns.values(), key=lambda u: (u.short_name, u.id)),
        others=[u for u in every if u.id not in columns],
        chosen=chosen,
        held=held,
        unled=[t for t in rows if t.id not in led and not t.umbrella],
        led=led,
        may_keep=may_keep_lists(me),
    )


def _baskets(listed: Sequence[Topic], edges: Mapping[int, Iterable[int]]) -> list[Topic]:
    """Return the topics that others lie within, and those that lie within none."""
    wide = {above for over in edges.values() for above in over}
    return [t for t in listed if t.id in wide or not edges.get(t.id)]


def _leads(stake: Equity, on: date) -> bool:
    return stake.stake in LEADING and holds_on(on, from_on=stake.from_on, until_on=stake.until_on)


@blueprint.route("/<ref:ref>/equities/of/<ref:unit>", methods=["GET", "POST"])
def cell(ref: str, unit: str) -> ResponseReturnValue:
    """Say what one unit has in one topic, from a day on: one cell of the matrix."""
    require(may_keep_lists(signed_in()))
    topic, holder, on = queries.topic(db.session(), ref), one_unit(db.session(), unit), today(settings().time_zone)
    form = CellForm()
    stakes = [s for s in queries.equities(db.session(), topic.id) if s.unit_id == holder.id]
    status = 200
    if not form.is_submitted():
        now_or_next = [s for s in reversed(stakes) if s.until_on is None or s.until_on >= on]
        form.start(now_or_next[0] if now_or_next else None, on=on)
    elif not form.validate():
        status = 422
    else:
        try:
            with transaction(db.session) as written:
                _write_cell(written, topic, holder, form)
            flash(_("Saved."), "success")
            return redirect(_matrix_of(topic), 303)
        except Refused as error:
            form.refuse(error)
            topic, status = queries.topic(db.session(), ref), refusal_status(error)
            holder = one_unit(db.session(), unit)
            stakes = [s for s in queries.equities(db.session(), topic.id) if s.unit_id == holder.id]
    return render_template("topics/cell.html", form=form, topic=topic, unit=holder, stakes=stakes, back=_matrix_of(topic)), status


def _write_cell(session: Session, topic: Topic, unit: Unit, form: CellForm) -> None:
    draft = form.draft(unit.id)
    if draft is not None:
        actions.place(session, topic, draft, by=signed_in(), at=now())
    elif form.from_on.data is not None:
        actions.clear(session, topic, unit.id, on=form.from_on.data, by=signed_in(), at=now())


def _matrix_of(topic: Topic) -> str:
    """Return the address of the matrix of a basket that a topic lies in, or of its own."""
    above = queries.broader_of(db.session(), topic.id)
    inner = queries.narrower_of(db.session(), topic.id)
    return url_for(".matrix", basket=topic.ref if inner or not above else above[0].ref)


# --- what is our line on this? -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A position as the page of a topic shows it: its first sentences, the owner's stake, who else makes it theirs."""

    position: Position
    beginning: str
    stake: Stake | None
    adherents: tuple[Unit, ...]


@dataclass(frozen=True)
class Wing:
    """A neighbouring topic and how much of it the reader sees."""

    topic: Topic
    entries: int
    units: int


OVERLAPS_SHOWN = 5


@blueprint.get("/<ref:ref>")
def show(ref: str) -> ResponseReturnValue:
    """Answer "what is our line on this?": who says what, who works on it, where they clash, when it comes up."""
    person, on = signed_in(), today(time_zone())
    topic = queries.topic(db.session(), ref)
    if topic.ref != ref:
        return redirect(url_for(".show", ref=topic.ref))
    stakes = _stakes(topic, person, on=on)
    positions = search.positions_on(db.session(), topic.id, leading={s.unit_id for s in stakes if s.stake in LEADING})
    holdings = search.holdings(db.session(), topic.id)
    broader, narrower, related = _neighbours(topic)
    counted = search.presence(db.session(), [topic.id, *(t.id for t in (*broader, *narrower, *related))])
    present = counted.get(topic.id, search.Presence())
    open_ones, many = overlaps.listed(db.session(), overlaps.Filters(topic_id=topic.id), size=OVERLAPS_SHOWN)
    dossiers = search.dossiers_on(db.session(), topic.id)
    ends = [entry for overlap in open_ones for entry in (overlap.low, overlap.high)]
    gaps = gaps_here(db.session(), reader(), person, Filters(topic_ids=frozenset({topic.id})), on=on, topic=topic.ref)
    missing = [] if gaps.level is None else [gaps.level]

    def wings(listed: Iterable[Topic]) -> list[Wing]:
        return [Wing(t, p.entries, p.units) for t in listed for p in [counted.get(t.id, search.Presence())]]

    return render_template(
        "topics/show.html",
        page_level=max((*(entry.level for entry in (*positions, *dossiers, *ends)), *missing), default=None),
        topic=topic,
        aliases=[n for n in topic.names if n.alias],
        here=present,
        crowded=present.units > overlaps.CROWDED and not topic.umbrella,
        on=on,
        answers=_answers(topic, positions, {s.unit_id: s.stake for s in stakes}),
        more_positions=len(positions) == search.MOST_POSITIONS,
        holdings=holdings,
        more_units=len(holdings) == search.MOST_UNITS,
        dossiers=[_dossier(d) for d in dossiers],
        more_dossiers=len(dossiers) == search.MOST_DOSSIERS,
        overlaps=[look(o, person, on=on, t=translated) for o in open_ones],
        more_overlaps=many > OVERLAPS_SHOWN,
        equities=[
            (stake, [s.unit for s in stakes if s.stake is stake]) for stake in Stake if any(s.stake is stake for s in stakes)
        ],
        has_lead=any(s.stake in LEADING for s in stakes),
        inside=inside_ministry(person.unit),
        events=search.events_for(db.session(), topic.id, on=on),
        broader=wings(broader),
        narrower=wings(narrower),
        related=wings(related),
        gaps=gaps,
        may_log=may_log(person),
        may_keep=may_keep_lists(person),
    )


def _stakes(topic: Topic, person: Person, *, on: date) -> Sequence[Equity]:
    """Return the stakes that hold today; outside the ministry, nobody is told which unit has a stake in what."""
    inside = inside_ministry(person.unit)
    return queries.equities_at(db.session(), [topic.id], on) if inside else ()


def _neighbours(topic: Topic) -> tuple[Sequence[Topic], Sequence[Topic], Sequence[Topic]]:
    return (
        queries.broader_of(db.session(), topic.id),
        queries.narrower_of(db.session(), topic.id),
        queries.related_of(db.session(), topic.id),
    )


def _answers(
    topic: Topic, positions: Sequence[Position], stakes: dict[int, Stake]
) -> list[tuple[Question | None, list[Line], list[Position]]]:
    """Return the lines by question, those of leading units first, and apart from them the outside voices.

    A question without a line that is seen stands last.
    """
    adherents: defaultdict[int, list[Unit]] = defaultdict(list)
    for adherence in adherences(db.session(), [p.id for p in positions]):
        adherents[adherence.entry_id].append(adherence.unit)
    questions: dict[int, Question | None] = {q.id: q for q in search.questions_on(db.session(), topic.id)}
    lines: defaultdict[int, list[Line]] = defaultdict(list)
    voices: defaultdict[int, list[Position]] = defaultdict(list)
    for position in positions:
        key = position.question_id or 0
        questions.setdefault(key, position.question)
        if is_voice(position):
            voices[key].append(position)
            continue
        stake = stakes.get(position.unit_id)
        lines[key].append(Line(position, beginning(position.text), stake, tuple(adherents[position.id])))
    for listed in lines.values():
        listed.sort(key=lambda line: line.stake not in LEADING)
    found = [(question, lines[key], voices[key]) for key, question in questions.items()]
    return sorted(found, key=lambda a: (not a[1], a[0] is None))


def _dossier(entry: Entry) -> dict[str, Any]:
    return {
        "ref": getattr(entry, "code", None) or "",
        "url": url_for("dossiers.show", ref=entry.ref),
        "kind": translated(entry.kind.label),
        "title": entry.title,
        "unit": entry.unit,
        "state": entry.state,
        "level": entry.level,
        "date": entry.logged_on,
        "topics": [],
    }
