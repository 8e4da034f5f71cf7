"""Pages of forums, events, questions, counterparts and instruments, for everybody to read and for coordinators to keep."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial, update_wrapper
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from coordinator.agenda import queries as agenda
from coordinator.agenda.rules import Answer
from coordinator.calendar import actions, queries, rules
from coordinator.calendar.forms import CounterpartForm, EventForm, ForumForm, InstrumentForm, QuestionForm
from coordinator.calendar.models import Question
from coordinator.clock import now, today
from coordinator.db import db, transaction
from coordinator.entries.forms import called, inside_ministry
from coordinator.entries.models import EntryCounterpart, EntryInstrument
from coordinator.entries.rules import may_log
from coordinator.errors import Refused
from coordinator.extensions import settings
from coordinator.gaps.forms import here
from coordinator.gaps.queries import Filters
from coordinator.links import is_link
from coordinator.openings.gate import handed_out
from coordinator.overlaps.rules import look
from coordinator.pages import page_of, refusal_status, translated
from coordinator.people.gate import reader, require, signed_in
from coordinator.people.rules import may_keep_lists
from coordinator.positions.models import Position
from coordinator.topics.queries import offered

blueprint = Blueprint("calendar", __name__, url_prefix="/calendar")

PER_PAGE = 50
EVENTS_PER_PAGE = 15
OVERLAPS_SHOWN = 10


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """List the events that are not over, the nearest first and each with its state; and those that are, the last one first."""
    on = today(settings().time_zone)
    events = queries.events(db.session(), ending_from=on)
    page = page_of(len(events), EVENTS_PER_PAGE)
    return render_template(
        "calendar/index.html",
        coming=agenda.state_of(db.session(), events[page.offset : page.offset + page.size], on=on),
        page=page,
        over=queries.events(db.session(), before=on)[::-1] if page.number == page.pages else [],
        on=on,
        may_keep=may_keep_lists(signed_in()),
    )


@blueprint.get("/month")
def month() -> ResponseReturnValue:
    """Show the events of a month by day, those that are not over with their state."""
    on = today(settings().time_zone)
    shown = rules.month(request.args.get("month"), today=on)
    events = queries.events_between(db.session(), shown.weeks[0][0], shown.weeks[-1][-1])
    coming = agenda.state_of(db.session(), [e for e in events if e.ends_on >= on], on=on)
    return render_template(
        "calendar/month.html",
        month=shown,
        days=rules.by_day(events, shown.weeks),
        listed=[e for e in events if e.starts_on <= shown.last and e.ends_on >= shown.first],
        states={c.event.id: c.state for c in coming},
        on=on,
        may_keep=may_keep_lists(signed_in()),
    )


@blueprint.get("/forums")
def forums() -> ResponseReturnValue:
    """List the forums, the one with the nearest event first."""
    on = today(settings().time_zone)
    listed = queries.forums_nearest_first(db.session(), on=on)
    return render_template("calendar/forums.html", listed=listed, on=on, may_keep=may_keep_lists(signed_in()))


@blueprint.get("/questions")
def questions() -> ResponseReturnValue:
    """List the questions, the one before the nearest event first."""
    on = today(settings().time_zone)
    ids = queries.questions_nearest_first(db.session(), on=on)
    page = page_of(len(ids), PER_PAGE)
    listed = agenda.asked(db.session(), ids[page.offset : page.offset + page.size], on=on)
    return render_template("calendar/questions.html", listed=listed, page=page, on=on, may_keep=may_keep_lists(signed_in()))


@blueprint.get("/counterparts")
def counterparts() -> ResponseReturnValue:
    """List the counterparts, those whom somebody meets soonest first."""
    return _things("counterpart", "calendar/counterparts.html", agenda.counterparts_nearest_first)


@blueprint.get("/instruments")
def instruments() -> ResponseReturnValue:
    """List the instruments, the one with the nearest event first."""
    return _things("instrument", "calendar/instruments.html", agenda.instruments_nearest_first)


def _things(kind: str, template: str, nearest_first: Callable[..., Sequence[Any]]) -> ResponseReturnValue:
    on = today(settings().time_zone)
    found = nearest_first(db.session(), on=on)
    page = page_of(len(found), PER_PAGE)
    return render_template(
        template,
        kept=kept_as(kind),
        listed=found[page.offset : page.offset + page.size],
        page=page,
        on=on,
        may_keep=may_keep_lists(signed_in()),
    )


# --- one of them ---------------------------------------------------------------------------------------------------------


@blueprint.get("/events/<ref:ref>")
def event(ref: str) -> ResponseReturnValue:
    """Show an event: what is asked there, who says what, who is missing, where lines clash, who works on it."""
    me, on = signed_in(), today(settings().time_zone)
    found = queries.event(db.session(), ref)
    coming, answers = agenda.at_event(db.session(), found, on=on)
    overlaps = agenda.overlaps_at(db.session(), found, most=OVERLAPS_SHOWN + 1)
    dossiers = agenda.dossiers_at(db.session(), found.id)
    ends = [end for overlap in overlaps for end in (overlap.low, overlap.high)]
    further = [line for answer in answers for line in answer.further]
    gaps = here(db.session(), reader(), me, Filters(event_id=found.id), on=on, event=found.ref)
    missing = [] if gaps.level is None else [gaps.level]
    return render_template(
        "calendar/event.html",
        page_level=max((*(e.level for e in (*_entries(answers), *further, *dossiers, *ends)), *missing), default=None),
        coming=coming,
        answers=answers,
        cut=coming.positions + coming.outside > len(_entries(answers)) + len(further),
        overlaps=[look(o, me, on=on, t=translated) for o in overlaps[:OVERLAPS_SHOWN]],
        more_overlaps=len(overlaps) > OVERLAPS_SHOWN,
        dossiers=dossiers,
        more_dossiers=len(dossiers) == agenda.MOST_DOSSIERS,
        others=[e for e in queries.events_of(db.session(), found.forum_id) if e.id != found.id and e.ends_on >= on],
        gaps=gaps,
        on=on,
        may_log=may_log(me) and found.ends_on >= on,
        may_keep=may_keep_lists(me),
    )


@blueprint.get("/events/<ref:ref>/brief")
def brief(ref: str) -> ResponseReturnValue:
    """Show what a delegation takes to an event: the lines to take, the red lines, who holds what. Made to be printed."""
    on = today(settings().time_zone)
    found = queries.event(db.session(), ref)
    coming, answers = agenda.at_event(db.session(), found, on=on, whole=True)
    handed_out(*_entries(answers))
    return render_template(
        "calendar/brief.html",
        page_level=max((e.level for e in _entries(answers)), default=None),
        coming=coming,
        answers=answers,
        cut=coming.positions + coming.outside > len(_entries(answers)),
        on=on,
    )


@blueprint.get("/questions/<ref:ref>")
def question(ref: str) -> ResponseReturnValue:
    """Show the stances on a question side by side."""
    me, on = signed_in(), today(settings().time_zone)
    found = queries.question(db.session(), ref)
    said = agenda.on_question(db.session(), found, on=on)
    handed_out(*_entries([said]))
    overlaps = agenda.overlaps_on(db.session(), found.id, most=OVERLAPS_SHOWN)
    return render_template(
        "calendar/question.html",
        page_level=max((e.level for e in _entries([said])), default=None),
        question=found,
        asked=agenda.asked(db.session(), [found.id], on=on)[0],
        answer=said,
        overlaps=[look(o, me, on=on, t=translated) for o in overlaps],
        events=[e for e in queries.events_of(db.session(), found.forum_id) if e.ends_on >= on] if found.forum_id else [],
        on=on,
        may_log=may_log(me),
        may_keep=may_keep_lists(me),
    )


@blueprint.get("/forums/<ref:ref>")
def forum(ref: str) -> ResponseReturnValue:
    """Show a forum: its events with their state, and the questions before it."""
    on = today(settings().time_zone)
    found = queries.forum(db.session(), ref)
    events = queries.events_of(db.session(), found.id)
    ids = queries.questions_nearest_first(db.session(), Question.forum_id == found.id, on=on)
    page = page_of(len(ids), PER_PAGE)
    return render_template(
        "calendar/forum.html",
        forum=found,
        coming=agenda.ahead(db.session(), on=on, until=max((e.starts_on for e in events), default=on), forum_ids=[found.id]),
        over=[e for e in reversed(events) if e.ends_on < on],
        questions=agenda.asked(db.session(), ids[page.offset : page.offset + page.size], on=on),
        page=page,
        on=on,
        may_keep=may_keep_lists(signed_in()),
    )


@blueprint.get("/counterparts/<ref:ref>")
def counterpart(ref: str) -> ResponseReturnValue:
    """Show a counterpart: who works on it, what is near, where work on it overlaps."""
    found = queries.counterpart(db.session(), ref)
    return render_template(
        "calendar/counterpart.html",
        instruments=queries.instruments_of(db.session(), found.id),
        may_record=may_log(signed_in()) and inside_ministry(signed_in().unit),
        **_work("counterpart", EntryCounterpart, found, agenda.voices_of(db.session(), found.id)),
    )


@blueprint.get("/instruments/<ref:ref>")
def instrument(ref: str) -> ResponseReturnValue:
    """Show an instrument: what it is, who works on it, what is near, where work on it overlaps."""
    on = today(settings().time_zone)
    found = queries.instrument(db.session(), ref)
    return render_template(
        "calendar/instrument.html",
        link=found.link if is_link(found.link) else None,
        coming=[e for e in queries.events_of(db.session(), found.forum_id) if e.ends_on >= on] if found.forum_id else [],
        **_work("instrument", EntryInstrument, found, agenda.voices_on(db.session(), found.id)),
    )


def _work(kind: str, links: type[EntryCounterpart | EntryInstrument], thing: Any, voices: Sequence[Position]) -> dict[str, Any]:
    """Return the counterpart or the instrument of a page, and what it shows of the work on it."""
    me, on = signed_in(), today(settings().time_zone)
    work = agenda.at_work(db.session(), links, thing.id, on=on)
    overlaps = agenda.overlaps_of(db.session(), links, thing.id, most=OVERLAPS_SHOWN + 1)
    entries = [piece.entry for one in work for piece in one.pieces]
    near = {e.event.id: e.event for e in entries if e.event is not None and e.event.ends_on >= on}
    ends = [end for overlap in overlaps for end in (overlap.low, overlap.high)]
    return {
        "kept": kept_as(kind),
        "thing": thing,
        "of_it": {kind: thing.ref},
        "may_keep": may_keep_lists(me),
        "page_level": max((e.level for e in (*entries, *voices, *ends)), default=None),
        "voices": voices,
        "work": work,
        "cut": len(entries) == agenda.MOST_WORK,
        "near": agenda.state_of(db.session(), sorted(near.values(), key=lambda e: (e.starts_on, e.id)), on=on),
        "overlaps": [look(o, me, on=on, t=translated) for o in overlaps[:OVERLAPS_SHOWN]],
        "more_overlaps": len(overlaps) > OVERLAPS_SHOWN,
        "on": on,
        "may_log": may_log(me),
    }


def _entries(answers: Iterable[Answer]) -> list[Any]:
    return [entry for a in answers for entry in (*(line.position for line in a.lines), *(voice.position for voice in a.voices))]


# --- kept by coordinators ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kept:
    """A kind of thing that coordinators keep: what is typed of it, what is done with it, where it is shown."""

    kind: str
    """Names its addresses and its page."""
    words: Any
    """On the button that adds one."""
    listed: Any
    """On the list of them."""
    form: Callable[..., Any]
    """Makes a form that offers what may be chosen; takes what it starts with."""
    typed: Callable[[Any], dict[str, Any]]
    """What the form starts with for one that exists."""
    find: Callable[[Session, str], Any]
    add: Callable[..., Any]
    revise: Callable[..., None]
    name: Callable[[Any], str] = lambda thing: str(thing.name)

    @property
    def list_endpoint(self) -> str:
        """Return where the list of them is."""
        return ".index" if self.kind == "event" else f".{self.kind}s"

    def url(self, thing: Any) -> str:
        """Return where one of them is shown."""
        return url_for(f".{self.kind}", ref=thing.ref)


def _event_form(**given: Any) -> EventForm:
    form = EventForm(**given)
    form.forum.offer(_forums())
    return form


def _question_form(**given: Any) -> QuestionForm:
    form = QuestionForm(**given)
    form.topic.offer(offered(db.session()))
    form.forum.offer(_forums())
    return form


def _instrument_form(**given: Any) -> InstrumentForm:
    form = InstrumentForm(**given)
    form.forum.offer(_forums())
    form.party_list.offer((c.ref, c.name, c.id) for c in queries.counterparts(db.session()))
    return form


def _forums() -> Iterable[tuple[str, str, int]]:
    listed = queries.forums(db.session())
    return [(f.ref, called(f.name, f.short_name), f.id) for f in listed]


KEPT = (
    Kept(
        "forum",
        _l("Add a forum"),
        _l("Forums"),
        form=ForumForm,
        typed=lambda forum: {"name": forum.name, "short_name": forum.short_name, "aliases": "\n".join(forum.aliases)},
        find=queries.forum,
        add=actions.add_forum,
        revise=actions.revise_forum,
    ),
    Kept(
        "event",
        _l("Add an event"),
        _l("Calendar"),
        form=_event_form,
        typed=lambda event: {
            "forum": event.forum.ref,
            "name": event.name,
            "place": event.place,
            "starts_on": event.starts_on,
            "ends_on": event.ends_on,
            "aliases": "\n".join(event.aliases),
        },
        find=queries.event,
        add=actions.add_event,
        revise=actions.revise_event,
    ),
    Kept(
        "question",
        _l("Add a question"),
        _l("Questions"),
        form=_question_form,
        typed=lambda question: {
            "text": question.text,
            "topic": question.topic.ref,
            "forum": question.forum.ref if question.forum else None,
        },
        find=queries.question,
        add=actions.add_question,
        revise=actions.revise_question,
        name=lambda question: str(question.text),
    ),
    Kept(
        "counterpart",
        _l("Add a counterpart"),
        _l("Counterparts"),
        form=CounterpartForm,
        typed=lambda one: {"name": one.name, "kind": one.kind.value, "code": one.code},
        find=queries.counterpart,
        add=actions.add_counterpart,
        revise=actions.revise_counterpart,
    ),
    Kept(
        "instrument",
        _l("Add an instrument"),
        _l("Instruments"),
        form=_instrument_form,
        typed=lambda one: {
            **{name: getattr(one, name) for name in ("name", "short_name", "parties", "adopted_on", "in_force_on", "link")},
            "kind": one.kind.value,
            "forum": one.forum.ref if one.forum else None,
            "party_list": [c.ref for c in one.named_parties],
        },
        find=queries.instrument,
        add=actions.add_instrument,
        revise=actions.revise_instrument,
    ),
)


def kept_as(kind: str) -> Kept:
    """Return how things of a kind are kept."""
    return next(kept for kept in KEPT if kept.kind == kind)


def _add(kept: Kept) -> ResponseReturnValue:
    require(may_keep_lists(signed_in()))
    form = kept.form()
    return _keep(kept, form, lambda s: kept.add(s, form.draft(), by=signed_in(), at=now()))


def _edit(kept: Kept, ref: str) -> ResponseReturnValue:
    require(may_keep_lists(signed_in()))
    thing = kept.find(db.session(), ref)
    form = kept.form(**kept.typed(thing))

    def revise(written: Session) -> Any:
        kept.revise(written, thing, form.draft(), by=signed_in(), at=now())
        return thing

    return _keep(kept, form, revise, known=kept.name(thing))


def _keep(kept: Kept, form: Any, act: Callable[[Session], Any], *, known: str = "") -> ResponseReturnValue:
    """Show a form, or do what it says and show the thing; a refusal stands beside what was typed."""
    if not form.validate_on_submit():
        return render_template("calendar/edit.html", form=form, kept=kept, known=known), 422 if form.is_submitted() else 200
    try:
        with transaction(db.session) as written:
            thing = act(written)
    except Refused as error:
        form.refuse(error)
        return render_template("calendar/edit.html", form=form, kept=kept, known=known), refusal_status(error)
    flash(_("Saved."), "success")
    return redirect(kept.url(thing), 303)


for _one in KEPT:
    for _address, _does in (("add", _add), ("<ref:ref>/edit", _edit)):
        _view = update_wrapper(partial(_does, _one), _does)
        _endpoint = f"{_does.__name__.strip('_')}_{_one.kind}"
        blueprint.add_url_rule(f"/{_one.kind}s/{_address}", _endpoint, _view, methods=["GET", "POST"])
