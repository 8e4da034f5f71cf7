"""Pages of the shared list of topics, for everybody to read and for coordinators to keep."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from coordinator.calendar.models import Question
from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.entries.models import Entry
from coordinator.entries.rules import may_log
from coordinator.errors import Refused
from coordinator.extensions import settings, time_zone
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.rules import look
from coordinator.pages import refusal_status, translated
from coordinator.people.gate import require, signed_in
from coordinator.people.models import Circle, Person, Unit
from coordinator.people.queries import units
from coordinator.people.rules import may_keep_lists
from coordinator.positions.models import Position
from coordinator.positions.queries import adherences
from coordinator.search import queries as search
from coordinator.search.rules import beginning
from coordinator.topics import actions, queries
from coordinator.topics.forms import EndForm, EquityForm, TopicForm
from coordinator.topics.models import Equity, Stake, Topic

blueprint = Blueprint("topics", __name__, url_prefix="/topics")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Show the tree of topics."""
    return render_template("topics/index.html", tree=queries.tree(db.session()), may_keep=may_keep_lists(signed_in()))


@blueprint.route("/add", methods=["GET", "POST"])
def add() -> ResponseReturnValue:
    """Add a topic."""
    require(may_keep_lists(signed_in()))
    form = _offer(TopicForm())
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
    form = _offer(
        TopicForm(
            name=topic.name,
            umbrella=topic.umbrella,
            broader=[t.ref for t in queries.broader_of(session, topic.id)],
            related=[t.ref for t in queries.related_of(session, topic.id)],
            aliases="\n".join(f"{n.language}: {n.text}" for n in topic.names if n.alias),
        ),
        but=topic,
    )
    if form.validate_on_submit():
        try:
            with transaction(db.session) as written:
                actions.revise(written, topic, form.draft(), by=signed_in(), at=now())
        except Refused as error:
            form.refuse(error)
            return render_template("topics/edit.html", form=form, topic=queries.topic(db.session(), ref)), refusal_status(error)
        flash(_("Saved."), "success")
        return redirect(url_for(".index"), 303)
    return render_template("topics/edit.html", form=form, topic=topic), 422 if form.is_submitted() else 200


@blueprint.route("/<ref:ref>/equities", methods=["GET", "POST"])
def equities(ref: str) -> ResponseReturnValue:
    """Show who has a stake in a topic, past ones too; coordinators give one."""
    topic, keeper = queries.topic(db.session(), ref), may_keep_lists(signed_in())
    # outside the ministry, nobody is told which unit has a stake in what
    require(signed_in().unit.organisation.circle is Circle.MINISTRY)
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


def _offer(form: TopicForm, *, but: Topic | None = None) -> TopicForm:
    offered = [t for t in queries.offered(db.session()) if but is None or t[2] != but.id]
    form.broader.offer(offered)
    form.related.offer(offered)
    return form


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
LEADING = (Stake.LEAD, Stake.CO_LEAD)


@blueprint.get("/<ref:ref>")
def show(ref: str) -> ResponseReturnValue:
    """Answer "what is our line on this?": who says what, who works on it, where they clash, when it comes up."""
    person, on = signed_in(), today(time_zone())
    topic = queries.topic(db.session(), ref)
    if topic.ref != ref:
        return redirect(url_for(".show", ref=topic.ref))
    positions = search.positions_on(db.session(), topic.id)
    holdings = search.holdings(db.session(), topic.id)
    stakes = _stakes(topic, person, on=on)
    broader, narrower, related = _neighbours(topic)
    counted = search.presence(db.session(), [topic.id, *(t.id for t in (*broader, *narrower, *related))])
    here = counted.get(topic.id, search.Presence())
    open_ones, many = overlaps.listed(db.session(), overlaps.Filters(topic_id=topic.id), size=OVERLAPS_SHOWN)
    dossiers = search.dossiers_on(db.session(), topic.id)
    ends = [entry for overlap in open_ones for entry in (overlap.low, overlap.high)]

    def wings(listed: Iterable[Topic]) -> list[Wing]:
        return [Wing(t, p.entries, p.units) for t in listed for p in [counted.get(t.id, search.Presence())]]

    return render_template(
        "topics/show.html",
        page_level=max((entry.level for entry in (*positions, *dossiers, *ends)), default=None),
        topic=topic,
        aliases=[n for n in topic.names if n.alias],
        here=here,
        crowded=here.units > overlaps.CROWDED and not topic.umbrella,
        on=on,
        answers=_answers(topic, positions, {s.unit_id: s.stake for s in stakes}),
        stances=_stances(positions),
        holdings=holdings,
        dossiers=[_dossier(d) for d in dossiers],
        more_dossiers=len(dossiers) == search.MOST_DOSSIERS,
        overlaps=[look(o, person, on=on, t=translated) for o in open_ones],
        more_overlaps=many > OVERLAPS_SHOWN,
        equities=[
            (stake, [s.unit for s in stakes if s.stake is stake]) for stake in Stake if any(s.stake is stake for s in stakes)
        ],
        has_lead=any(s.stake in LEADING for s in stakes),
        inside=person.unit.organisation.circle is Circle.MINISTRY,
        events=search.events_for(db.session(), topic.id, on=on),
        broader=wings(broader),
        narrower=wings(narrower),
        related=wings(related),
        may_log=may_log(person),
        may_keep=may_keep_lists(person),
    )


def _stakes(topic: Topic, person: Person, *, on: date) -> Sequence[Equity]:
    """Return the stakes that hold today; outside the ministry, nobody is told which unit has a stake in what."""
    inside = person.unit.organisation.circle is Circle.MINISTRY
    return queries.equities_at(db.session(), [topic.id], on) if inside else ()


def _by_stake(stakes: Sequence[Equity]) -> list[tuple[Stake, list[Unit]]]:
    held: dict[Stake, list[Unit]] = {}
    for equity in stakes:  # in the order of their weight
        held.setdefault(equity.stake, []).append(equity.unit)
    return list(held.items())


def _neighbours(topic: Topic) -> tuple[Sequence[Topic], Sequence[Topic], Sequence[Topic]]:
    return (
        queries.broader_of(db.session(), topic.id),
        queries.narrower_of(db.session(), topic.id),
        queries.related_of(db.session(), topic.id),
    )


def _answers(topic: Topic, positions: Sequence[Position], stakes: dict[int, Stake]) -> list[tuple[Question | None, list[Line]]]:
    """Return the lines by question, those of leading units first; a question without a line that is seen stands last."""
    adherents: defaultdict[int, list[Unit]] = defaultdict(list)
    for adherence in adherences(db.session(), [p.id for p in positions]):
        adherents[adherence.entry_id].append(adherence.unit)
    questions: dict[int, Question | None] = {q.id: q for q in search.questions_on(db.session(), topic.id)}
    lines: defaultdict[int, list[Line]] = defaultdict(list)
    for position in positions:
        key = position.question_id or 0
        questions.setdefault(key, position.question)
        stake = stakes.get(position.unit_id)
        lines[key].append(Line(position, beginning(position.text), stake, tuple(adherents[position.id])))
    for listed in lines.values():
        listed.sort(key=lambda line: line.stake not in LEADING)
    found = [(question, lines[key]) for key, question in questions.items()]
    return sorted(found, key=lambda a: (not a[1], a[0] is None))


def _stances(positions: Sequence[Position]) -> dict[int, list[str]]:
    """Return for each unit the stances that it takes, each once."""
    said: defaultdict[int, dict[str, None]] = defaultdict(dict)
    for position in positions:
        if position.stance is not None:
            said[position.unit_id][position.stance.value] = None
    return {unit_id: list(words) for unit_id, words in said.items()}


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
