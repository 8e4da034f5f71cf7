"""What can be done with forums, events, questions, counterparts and instruments. What can move an overlap is marked as touched."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, TypeVar

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from coordinator.calendar.models import Counterpart, Event, Forum, Instrument, InstrumentParty, Question
from coordinator.calendar.rules import CounterpartDraft, EventDraft, ForumDraft, InstrumentDraft, QuestionDraft, besides, is_past
from coordinator.db import touch
from coordinator.errors import Refused
from coordinator.history.actions import record
from coordinator.people.models import Person
from coordinator.people.rules import comparable
from coordinator.topics.actions import when_merged
from coordinator.topics.models import Topic

Thing = TypeVar("Thing", Forum, Event, Question, Counterpart, Instrument)


class NameTaken(Refused):
    """There is one of this name already. Choose another, or open the one that exists."""

    field = "name"


class AliasTaken(Refused):
    """One of these other names is the name of another already: take it away here or there."""

    field = "aliases"


class AskedAlready(Refused):
    """This question is in the list already. Open that one."""

    field = "text"


class EndsBeforeItStarts(Refused):
    """This ends before it starts."""

    field = "ends_on"


class InForceBeforeAdopted(Refused):
    """It would be in force before it was adopted."""

    field = "in_force_on"


def add_forum(session: Session, draft: ForumDraft, *, by: Person | None, at: datetime) -> Forum:
    """Add a forum; raises NameTaken, AliasTaken."""
    draft = _check_forum(session, draft)
    return _added(session, Forum(**vars(draft)), "forum", draft, by=by, at=at)


def revise_forum(session: Session, forum: Forum, draft: ForumDraft, *, by: Person | None, at: datetime) -> None:
    """Change what a forum is called; raises NameTaken, AliasTaken."""
    draft = _check_forum(session, draft, but=forum.id)
    _revised(session, forum, "forum", draft, by=by, at=at)


def _check_forum(session: Session, draft: ForumDraft, *, but: int | None = None) -> ForumDraft:
    others = [f for f in session.execute(select(Forum.id, Forum.name, Forum.short_name, Forum.aliases)) if f.id != but]
    _free(((f.id, f.name) for f in others), draft.name)
    return _with_free_aliases(draft, (draft.name, draft.short_name), [((f.name, f.short_name), f.aliases) for f in others])


def add_event(session: Session, draft: EventDraft, *, by: Person | None, at: datetime) -> Event:
    """Add a dated session of a forum; raises NameTaken and AliasTaken within the forum, EndsBeforeItStarts."""
    draft = _check_event(session, draft)
    return _added(session, Event(**vars(draft), past=is_past(draft.ends_on, today=at.date())), "event", draft, by=by, at=at)


def revise_event(session: Session, event: Event, draft: EventDraft, *, by: Person | None, at: datetime) -> None:
    """Change an event; moved to a day to come, it is no longer past. Raises as `add_event` does."""
    draft = _check_event(session, draft, but=event.id)
    event.past = event.past and is_past(draft.ends_on, today=at.date())
    _revised(session, event, "event", draft, by=by, at=at)


def _check_event(session: Session, draft: EventDraft, *, but: int | None = None) -> EventDraft:
    if draft.ends_on < draft.starts_on:
        raise EndsBeforeItStarts
    beside = select(Event.id, Event.name, Event.aliases).where(Event.forum_id == draft.forum_id)
    others = [e for e in session.execute(beside) if e.id != but]
    _free(((e.id, e.name) for e in others), draft.name)
    return _with_free_aliases(draft, (draft.name,), [((e.name,), e.aliases) for e in others])


def mark_past(session: Session, *, on: date, at: datetime) -> Sequence[int]:
    """Mark the events that are over on a day, and return their ids; what hung on their dates follows in the same change."""
    over = session.scalars(select(Event).where(Event.ends_on < on, ~Event.past).order_by(Event.id)).all()
    for event in over:
        event.past = True
        touch(session, "event", event.id)
        record(session, "event.past", subject=("event", event.id), by=None, at=at)
    return [event.id for event in over]


def add_question(session: Session, draft: QuestionDraft, *, by: Person | None, at: datetime) -> Question:
    """Add a question; raises AskedAlready."""
    _free_question(session, draft.text)
    return _added(session, Question(**vars(draft)), "question", draft, by=by, at=at)


def revise_question(session: Session, question: Question, draft: QuestionDraft, *, by: Person | None, at: datetime) -> None:
    """Change a question; raises AskedAlready."""
    _free_question(session, draft.text, but=question.id)
    _revised(session, question, "question", draft, by=by, at=at)


def _free_question(session: Session, text: str, *, but: int | None = None) -> None:
    try:
        _free(session.execute(select(Question.id, Question.text)), text, but=but)
    except NameTaken:
        raise AskedAlready from None


def add_counterpart(session: Session, draft: CounterpartDraft, *, by: Person | None, at: datetime) -> Counterpart:
    """Add a counterpart; raises NameTaken."""
    _free(session.execute(select(Counterpart.id, Counterpart.name)), draft.name)
    return _added(session, Counterpart(**vars(draft)), "counterpart", draft, by=by, at=at)


def revise_counterpart(
    session: Session, counterpart: Counterpart, draft: CounterpartDraft, *, by: Person | None, at: datetime
) -> None:
    """Change a counterpart; raises NameTaken."""
    _free(session.execute(select(Counterpart.id, Counterpart.name)), draft.name, but=counterpart.id)
    _revised(session, counterpart, "counterpart", draft, by=by, at=at)


def add_instrument(session: Session, draft: InstrumentDraft, *, by: Person | None, at: datetime) -> Instrument:
    """Add an instrument; raises NameTaken, InForceBeforeAdopted."""
    _check_instrument(session, draft)
    made = Instrument(**{name: value for name, value in vars(draft).items() if name != "party_ids"})
    session.add(made)
    session.flush()  # gives the instrument its id
    _keep_parties(session, made, draft)
    touch(session, "instrument", made.id)
    record(session, "instrument.added", subject=("instrument", made.id), by=by, at=at, said=_said(draft))
    return made


def revise_instrument(session: Session, instrument: Instrument, draft: InstrumentDraft, *, by: Person | None, at: datetime) -> None:
    """Change an instrument; raises NameTaken, InForceBeforeAdopted."""
    _check_instrument(session, draft, but=instrument.id)
    before = select(InstrumentParty.counterpart_id).where(InstrumentParty.instrument_id == instrument.id)
    held = {"party_ids": tuple(sorted(session.scalars(before)))}
    was = {n: _plain(held.get(n, getattr(instrument, n, None))) for n in vars(draft)}
    now = {n: _plain(v) for n, v in vars(draft).items()}
    for name in now.keys() - held.keys():
        setattr(instrument, name, getattr(draft, name))
    session.flush()
    _keep_parties(session, instrument, draft)
    touch(session, "instrument", instrument.id)
    changed = {n: v for n, v in was.items() if v != now[n]}
    record(
        session,
        "instrument.revised",
        subject=("instrument", instrument.id),
        by=by,
        at=at,
        said=_said(draft) | {"was": changed},
    )


def _check_instrument(session: Session, draft: InstrumentDraft, *, but: int | None = None) -> None:
    if draft.adopted_on and draft.in_force_on and draft.in_force_on < draft.adopted_on:
        raise InForceBeforeAdopted
    _free(session.execute(select(Instrument.id, Instrument.name)), draft.name, but=but)


def _keep_parties(session: Session, instrument: Instrument, draft: InstrumentDraft) -> None:
    session.execute(delete(InstrumentParty).where(InstrumentParty.instrument_id == instrument.id))
    if draft.party_ids:
        session.execute(
            insert(InstrumentParty), [{"instrument_id": instrument.id, "counterpart_id": i} for i in sorted(set(draft.party_ids))]
        )


def _free(taken: Iterable[Any], name: str, *, but: int | None = None) -> None:
    if any(comparable(other) == comparable(name) for other_id, other in taken if other_id != but):
        raise NameTaken


Named = TypeVar("Named", ForumDraft, EventDraft)


def _with_free_aliases(draft: Named, own: Iterable[str], others: Iterable[tuple[Iterable[str], Iterable[str]]]) -> Named:
    """Return a draft without aliases that are its own names; `others` are the names and the aliases of each of the others."""
    aliases, names, called = besides(draft.aliases, own), set[str](), set[str]()
    for its_names, its_aliases in others:
        names |= {comparable(name) for name in its_names}
        called |= {comparable(name) for name in its_aliases}
    if {comparable(name) for name in aliases} & (names | called):
        raise AliasTaken
    if comparable(draft.name) in called:
        raise NameTaken
    return replace(draft, aliases=aliases)


def _added(session: Session, thing: Thing, kind: str, draft: Any, *, by: Person | None, at: datetime) -> Thing:
    session.add(thing)
    session.flush()  # gives the thing its id
    touch(session, kind, thing.id)
    record(session, f"{kind}.added", subject=(kind, thing.id), by=by, at=at, said=_said(draft))
    return thing


def _revised(session: Session, thing: Any, kind: str, draft: Any, *, by: Person | None, at: datetime) -> None:
    was = {name: _plain(getattr(thing, name)) for name, value in vars(draft).items() if getattr(thing, name) != value}
    for name, value in vars(draft).items():
        setattr(thing, name, value)
    session.flush()
    touch(session, kind, thing.id)
    record(session, f"{kind}.revised", subject=(kind, thing.id), by=by, at=at, said=_said(draft) | {"was": was})


def _said(draft: Any) -> dict[str, Any]:
    return {n: _plain(v) for n, v in vars(draft).items() if v is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return sorted(value)
    return value.isoformat() if isinstance(value, date) else value


def _follow_topic(session: Session, gone: Topic, into: Topic, at: datetime) -> None:
    """Put the questions on a merged topic on the one that took it up."""
    asked = session.scalars(select(Question.id).where(Question.topic_id == gone.id)).all()
    session.execute(update(Question).where(Question.topic_id == gone.id).values(topic_id=into.id))
    touch(session, "question", *asked)


when_merged(_follow_topic)
