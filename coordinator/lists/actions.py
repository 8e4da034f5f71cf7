"""Bringing a list in: each row by itself, through the actions by which a list is kept by hand."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from coordinator.calendar import actions as calendar
from coordinator.calendar.models import Event, Forum, Instrument
from coordinator.calendar.rules import EventDraft, ForumDraft, InstrumentDraft
from coordinator.errors import N_, Refused
from coordinator.exchange.rules import BadRow, Did, Outcome, Said, joined, listed
from coordinator.history.actions import record
from coordinator.lists import queries
from coordinator.lists.queries import Held
from coordinator.lists.rules import (
    ListKind,
    Names,
    NotKnown,
    Standing,
    called,
    completed,
    key,
    related_both_ways,
    understood,
    written,
)
from coordinator.people import actions as people
from coordinator.people.models import Organisation, Person, Unit
from coordinator.people.rules import PersonDraft, UnitDraft, comparable
from coordinator.sheets import Line
from coordinator.topics import actions as topics
from coordinator.topics.models import Topic
from coordinator.topics.queries import broader_of, related_of
from coordinator.topics.rules import EquityDraft, TopicDraft

Values = dict[str, Any]


@dataclass
class Work:
    """One file on its way in: what names mean, what is there already, which row spoke of what."""

    session: Session
    kind: ListKind
    by: Person | None
    at: datetime
    time_zone: str
    names: Names
    by_ref: dict[str, Held] = field(default_factory=dict)
    by_key: dict[tuple[Any, ...], Held] = field(default_factory=dict)
    spoken_of: dict[int, int] = field(default_factory=dict)
    added: list[int] = field(default_factory=list)
    to_come: Counter[str] = field(default_factory=Counter)
    """The names that rows bring which have not come in yet."""


@dataclass(frozen=True)
class Result:
    """What became of a file: an outcome for each row, and the ids of what is new."""

    outcomes: list[Outcome]
    added: list[int]


def bring_in(session: Session, kind: ListKind, lines: Sequence[Line], *, by: Person | None, at: datetime, time_zone: str) -> Result:
    """Bring the rows of a file into a list; one that is refused leaves the others as they are, and nothing is ever taken away.

    A row that names what a later row brings waits for it. Needs a transaction; rolled back, it was a trial.
    """
    work = Work(session, kind, by, at, time_zone, queries.names(session))
    for held in queries.held(session, kind):
        work.by_ref[held.ref] = held
        work.by_key[key(kind, held.values)] = held
    if kind is ListKind.TOPICS:
        cells = related_both_ways(line.cells for line in lines)
        lines = [replace(line, cells=c) for line, c in zip(lines, cells, strict=True)]
    outcomes: dict[int, Outcome] = {}
    waiting = list(lines)
    while waiting:
        work.to_come = Counter(name for line in waiting for name in _brings(kind, line))
        left = [line for line in waiting if not _try(work, line, outcomes)]
        if len(left) == len(waiting):  # each waits for one that waits: none of them can come in
            work.to_come.clear()
            for line in left:
                _try(work, line, outcomes)
            break
        waiting = left
    return Result([outcomes[line.number] for line in lines], work.added)


def _brings(kind: ListKind, line: Line) -> set[str]:
    """Return the names by which other rows of the same list may mean what a row brings."""
    if kind not in _SORT:
        return set()
    return {comparable(line.cells.get(name, "")) for name in ("name", "short_name")}


def _try(work: Work, line: Line, outcomes: dict[int, Outcome]) -> bool:
    """Bring one row in and keep what became of it, or say that it has to wait for another that waits."""
    try:
        outcomes[line.number] = _take(work, line)
    except NotKnown as unknown:
        if _comes_later(work, line, unknown):
            return False
        outcomes[line.number] = _bad(work, line, unknown.said)
    except BadRow as bad:
        outcomes[line.number] = _bad(work, line, bad.said)
    except Refused as refusal:
        outcomes[line.number] = _bad(work, line, (refusal.sentence, {}))
    except IntegrityError:
        outcomes[line.number] = _bad(work, line, (N_("the register refuses it beside what is there already"), {}))
    work.to_come.subtract(_brings(work.kind, line))
    return True


def _bad(work: Work, line: Line, why: Said) -> Outcome:
    return Outcome(line.number, Did.BAD, why, called(work.kind, line.cells))


_SORT = {ListKind.UNITS: "unit", ListKind.TOPICS: "topic"}


def _comes_later(work: Work, line: Line, unknown: NotKnown) -> bool:
    """Say whether another row that has not come in yet brings what a name in a row means."""
    own = unknown.key in _brings(work.kind, line)
    return _SORT.get(work.kind) == unknown.sort and work.to_come[unknown.key] > own


def _take(work: Work, line: Line) -> Outcome:
    if line.fault:
        raise BadRow(line.fault)
    cells = _without_later(work, line)
    said = understood(work.kind, cells, work.names)
    found = _found(work, cells.get("ref", "").strip(), said)
    if found is None:
        return _add(work, line, completed(work.kind, said))
    if found.id in work.spoken_of:
        raise BadRow(N_("it is about the same as row %(line)s"), line=str(work.spoken_of[found.id]))
    changed = {name: value for name, value in said.items() if value != found.values[name]}
    before, after = (written(work.kind, values, work.names) for values in (found.values, found.values | said))
    if changed:
        with work.session.begin_nested():
            _CHANGE[work.kind](work, found, found.values | said, changed)
            work.session.flush()
        _learn(work, found.id, found.values | said)
    work.spoken_of[found.id] = line.number
    moved = tuple((name, before[name], after[name]) for name in changed)
    return Outcome(line.number, Did.CHANGED if changed else Did.UNCHANGED, what=called(work.kind, before), changes=moved)


def _found(work: Work, ref: str, said: Values) -> Held | None:
    if not ref:
        return work.by_key.get(key(work.kind, said))
    found = work.by_ref.get(ref)
    if found is None:
        raise BadRow(N_("nothing in this list has that ref: leave the ref empty to add something"))
    return found


def _add(work: Work, line: Line, values: Values) -> Outcome:
    with work.session.begin_nested():
        thing_id = _ADD[work.kind](work, values)
        work.session.flush()
    work.added.append(thing_id)
    work.spoken_of[thing_id] = line.number
    work.by_key[key(work.kind, values)] = Held(thing_id, "", values)
    _learn(work, thing_id, values)
    cells = written(work.kind, values, work.names)
    return Outcome(
        line.number, Did.NEW, what=called(work.kind, cells), changes=tuple((n, "", text) for n, text in cells.items() if text)
    )


def _without_later(work: Work, line: Line) -> dict[str, str]:
    """Return the cells of a topic without those related ones that a later row brings: that row says of itself that they are."""
    if work.kind is not ListKind.TOPICS or not line.cells.get("related"):
        return line.cells
    kept = []
    for name in listed(line.cells["related"]):
        try:
            work.names.find("topic", name)
        except NotKnown as unknown:
            if _comes_later(work, line, unknown):
                continue
        except BadRow:
            pass
        kept.append(name)
    return line.cells | {"related": joined(kept)}


def _learn(work: Work, thing_id: int, values: Values) -> None:
    if work.kind is ListKind.UNITS:
        home = work.session.get_one(Organisation, values["organisation"])
        work.names.learn("unit", thing_id, queries.unit_names((home.short_name, home.name), values["name"], values["short_name"]))
    elif work.kind is ListKind.TOPICS:
        work.names.learn("topic", thing_id, (values["name"], *(text for _language, text in sorted(values["aliases"]))))
    elif work.kind is ListKind.FORUMS:
        work.names.learn("forum", thing_id, (values["short_name"], values["name"], *values["aliases"]))


# --- each kind, by the actions of its own feature ------------------------------------------------------------------------


def _add_person(work: Work, values: Values) -> int:
    draft = PersonDraft(
        name=values["name"],
        email=values["email"],
        unit_id=values["unit"],
        roles=values["roles"],
        clearance=values["clearance"],
        time_zone=work.time_zone,
        group_ids=values["groups"],
    )
    person = people.add_person(work.session, draft, by=work.by, at=work.at)
    if values["state"] is Standing.DISABLED:
        people.disable(work.session, person, by=work.by, at=work.at)
    return person.id


def _change_person(work: Work, held: Held, values: Values, changed: Values) -> None:
    person = work.session.get_one(Person, held.id)
    draft = PersonDraft(
        name=values["name"],
        email=values["email"],
        unit_id=values["unit"],
        roles=values["roles"],
        clearance=values["clearance"],
        time_zone=person.time_zone,
        group_ids=values["groups"],
    )
    people.revise_person(work.session, person, draft, by=work.by, at=work.at)
    if "state" in changed:
        act = people.disable if values["state"] is Standing.DISABLED else people.enable
        act(work.session, person, by=work.by, at=work.at)


def _unit_draft(values: Values) -> dict[str, Any]:
    return {
        "organisation_id": values["organisation"],
        "name": values["name"],
        "short_name": values["short_name"],
        "parent_id": values["parent"],
        "mailbox": values["mailbox"] or None,
        "starts_on": values["starts_on"],
        "ends_on": values["ends_on"],
    }


def _add_unit(work: Work, values: Values) -> int:
    return people.add_unit(work.session, UnitDraft(**_unit_draft(values)), by=work.by, at=work.at).id


def _change_unit(work: Work, held: Held, values: Values, changed: Values) -> None:
    unit = work.session.get_one(Unit, held.id)
    people.revise_unit(work.session, unit, _redrafted(UnitDraft, unit, _unit_draft(values)), by=work.by, at=work.at)


def _add_topic(work: Work, values: Values) -> int:
    draft = TopicDraft(
        name=values["name"],
        umbrella=values["umbrella"],
        broader_ids=values["broader"],
        related_ids=values["related"],
        aliases=values["aliases"],
    )
    return topics.add(work.session, draft, by=work.by, at=work.at).id


def _change_topic(work: Work, held: Held, values: Values, changed: Values) -> None:
    topic = work.session.get_one(Topic, held.id)
    broader = values["broader"] if "broader" in changed else frozenset(t.id for t in broader_of(work.session, topic.id))
    # an earlier row may have joined two of them: what this row does not change stays as it is by now
    related = values["related"] if "related" in changed else frozenset(t.id for t in related_of(work.session, topic.id))
    if "aliases" in changed:
        _let_go_of_changed_aliases(work, topic, held.values["aliases"] - values["aliases"], values["aliases"])
    draft = TopicDraft(
        name=values["name"],
        umbrella=values["umbrella"],
        broader_ids=broader,
        related_ids=related,
        aliases=values["aliases"],
    )
    topics.revise(work.session, topic, draft, by=work.by, at=work.at)


def _let_go_of_changed_aliases(
    work: Work, topic: Topic, gone: frozenset[tuple[str, str]], wanted: frozenset[tuple[str, str]]
) -> None:
    """Drop an alias of which only the language or the capitals change: it comes back as it is wanted."""
    keys = {comparable(text) for _language, text in wanted}
    for _language, text in sorted(gone):
        if comparable(text) in keys:
            topics.drop_alias(work.session, topic, text, by=work.by, at=work.at)
    work.session.flush()


def _add_equity(work: Work, values: Values) -> int:
    topic = work.session.get_one(Topic, values["topic"])
    draft = EquityDraft(unit_id=values["unit"], stake=values["stake"], from_on=values["from_on"], until_on=values["until_on"])
    return topics.give_equity(work.session, topic, draft, by=work.by, at=work.at).id


def _change_equity(work: Work, held: Held, values: Values, changed: Values) -> None:
    if changed.keys() & {"topic", "unit", "from_on"}:
        raise BadRow(N_("topic, unit and first day of a stake stay as they are: end it, and add another without a ref"))
    topic = work.session.get_one(Topic, values["topic"])
    draft = EquityDraft(unit_id=values["unit"], stake=values["stake"], from_on=values["from_on"], until_on=values["until_on"])
    topics.place(work.session, topic, draft, by=work.by, at=work.at)


def _add_forum(work: Work, values: Values) -> int:
    draft = ForumDraft(**values)
    return calendar.add_forum(work.session, draft, by=work.by, at=work.at).id


def _change_forum(work: Work, held: Held, values: Values, changed: Values) -> None:
    forum = work.session.get_one(Forum, held.id)
    draft = _redrafted(ForumDraft, forum, values)
    calendar.revise_forum(work.session, forum, draft, by=work.by, at=work.at)


def _event_draft(values: Values) -> dict[str, Any]:
    return {
        "forum_id": values["forum"],
        "name": values["name"],
        "starts_on": values["starts_on"],
        "ends_on": values["ends_on"],
        "place": values["place"],
        "aliases": values["aliases"],
    }


def _add_event(work: Work, values: Values) -> int:
    return calendar.add_event(work.session, EventDraft(**_event_draft(values)), by=work.by, at=work.at).id


def _change_event(work: Work, held: Held, values: Values, changed: Values) -> None:
    event = work.session.get_one(Event, held.id)
    calendar.revise_event(work.session, event, _redrafted(EventDraft, event, _event_draft(values)), by=work.by, at=work.at)


def _instrument_draft(values: Values) -> InstrumentDraft:
    named = {"forum": "forum_id", "party_list": "party_ids"}
    said = {named.get(name, name): value for name, value in values.items()}
    return InstrumentDraft(**said | {"party_ids": tuple(sorted(values["party_list"]))})


def _add_instrument(work: Work, values: Values) -> int:
    return calendar.add_instrument(work.session, _instrument_draft(values), by=work.by, at=work.at).id


def _change_instrument(work: Work, held: Held, values: Values, changed: Values) -> None:
    instrument = work.session.get_one(Instrument, held.id)
    calendar.revise_instrument(work.session, instrument, _instrument_draft(values), by=work.by, at=work.at)


def _redrafted(draft: type[Any], thing: Any, said: dict[str, Any]) -> Any:
    """Return a draft of a thing as it stands with what a row says: what no column holds stays."""
    return draft(**{f.name: said[f.name] if f.name in said else getattr(thing, f.name) for f in fields(draft)})


_ADD: dict[ListKind, Callable[[Work, Values], int]] = {
    ListKind.PEOPLE: _add_person,
    ListKind.UNITS: _add_unit,
    ListKind.TOPICS: _add_topic,
    ListKind.EQUITIES: _add_equity,
    ListKind.FORUMS: _add_forum,
    ListKind.EVENTS: _add_event,
    ListKind.INSTRUMENTS: _add_instrument,
}
_CHANGE: dict[ListKind, Callable[[Work, Held, Values, Values], None]] = {
    ListKind.PEOPLE: _change_person,
    ListKind.UNITS: _change_unit,
    ListKind.TOPICS: _change_topic,
    ListKind.EQUITIES: _change_equity,
    ListKind.FORUMS: _change_forum,
    ListKind.EVENTS: _change_event,
    ListKind.INSTRUMENTS: _change_instrument,
}


def note_taken_out(session: Session, kind: ListKind, *, rows: int, digest: str, by: Person, at: datetime) -> None:
    """Record that somebody took a list out: which, how many rows, and the digest of the file."""
    record(
        session, "list.exported", subject=("person", by.id), by=by, at=at, said={"list": kind.value, "rows": rows, "digest": digest}
    )
