"""What names mean to whoever brings entries in, and what of their unit was brought in before."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from coordinator.calendar.models import Counterpart, Event, Forum, Instrument, Question
from coordinator.dossiers.queries import leads
from coordinator.entries.models import AudienceToken, Entry, EntryVersion, Kind, State
from coordinator.entries.queries import named_readers
from coordinator.exchange.queries import taken_before
from coordinator.lists.queries import names as listed_names
from coordinator.lists.queries import unit_names
from coordinator.lists.rules import Names
from coordinator.people.models import Circle, Organisation, Person
from coordinator.people.queries import seats
from coordinator.people.rules import has_ended


def names(session: Session, me: Person, *, refs: Iterable[str], on: date) -> Names:
    """Return what the names in a file mean to a person on a day: what a form would offer; `refs` are of positions that it names.

    Outside the ministry the names of its units and of reading groups mean nothing.
    """
    inside = me.unit.organisation.circle is Circle.MINISTRY
    listed = listed_names(session)
    found = Names()
    for sort in ("topic", "forum", "group") if inside else ("topic", "forum"):
        for thing_id, called in listed.called.get(sort, {}).items():
            found.learn(sort, thing_id, called)
    _learn_units(session, found, me, inside=inside, on=on)
    rows = session.execute(
        select(Event.id, Event.name, Forum.short_name).join(Forum, Forum.id == Event.forum_id).where(Event.past.is_(False))
    )
    for event_id, name, forum in rows:
        found.learn("event", event_id, (name, f"{forum} / {name}"))
    for question_id, text in session.execute(select(Question.id, Question.text)):
        found.learn("question", question_id, (text,))
    for counterpart_id, name in session.execute(select(Counterpart.id, Counterpart.name)):
        found.learn("counterpart", counterpart_id, (name,))
        if inside:  # nobody else writes down what others hold
            found.learn("voice", counterpart_id, (name,))
    for instrument_id, name, short_name in session.execute(select(Instrument.id, Instrument.name, Instrument.short_name)):
        found.learn("instrument", instrument_id, (name, short_name))
    for person in leads(session, me.unit_id):
        found.learn("lead", person.id, (person.name, person.email))
    drawn_on = select(Entry.id, Entry.ref).where(
        Entry.kind == Kind.POSITION, Entry.state == State.RELEASED, Entry.ref.in_(sorted(set(refs)))
    )
    for position_id, ref in session.execute(drawn_on):
        found.learn("position", position_id, (ref,))
    return found


def _learn_units(session: Session, found: Names, me: Person, *, inside: bool, on: date) -> None:
    homes = {
        row.id: (row.short_name, row.name)
        for row in session.execute(select(Organisation.id, Organisation.short_name, Organisation.name))
    }
    every = seats(session)
    known = [
        seat
        for seat in every.values()
        if (inside or seat.organisation_id == me.unit.organisation_id) and not has_ended(seat.ends_on, on=on)
    ]
    with_units_below = {above for seat in known for above in seat.line[1:]}
    over_me = set(every[me.unit_id].line[1:])
    for seat in known:
        called = unit_names(homes[seat.organisation_id], seat.name, seat.short_name)
        found.learn("unit", seat.id, called)
        if seat.id in with_units_below:
            found.learn("bureau", seat.id, called)
        if seat.id in over_me:
            found.learn("coord", seat.id, called)


def learn_held(session: Session, found: Names, contents: Iterable[dict[str, Any]], tokens: Iterable[str]) -> None:
    """Let names mean what versions hold already, though nobody may choose it any more: a past event, a reader by name."""
    contents = list(contents)
    events = {c["event_id"] for c in contents if c.get("event_id")}
    held = select(Event.id, Event.name, Forum.short_name).join(Forum, Forum.id == Event.forum_id)
    for event_id, name, forum in session.execute(held.where(Event.id.in_(events))):
        found.learn("event", event_id, (name, f"{forum} / {name}"))
    leading = {c["lead_id"] for c in contents if c.get("lead_id")}
    positions = {i for c in contents for i in c.get("positions", ())}
    for position_id, ref in session.execute(select(Entry.id, Entry.ref).where(Entry.id.in_(positions))):
        found.learn("position", position_id, (ref,))
    readers = {int(t.partition(":")[2]) for t in tokens if t.startswith("user:")}
    rows = session.execute(select(Person.id, Person.name, Person.email).where(or_(Person.id.in_(leading), Person.id.in_(readers))))
    for person_id, name, email in rows:
        if person_id in leading:
            found.learn("lead", person_id, (name, email))
        if person_id in readers:
            found.learn("user", person_id, (email,))
    contributing = {i for c in contents for i in c.get("contributing", ())}
    for token, named in named_readers(session, {*tokens, *(f"unit:{i}" for i in contributing)}).items():
        sort, _, number = token.partition(":")
        if sort in {"unit", "bureau", "coord", "group"} and int(number) not in found.called.get(sort, {}):
            found.learn(sort, int(number), (named.name,))


@dataclass(frozen=True)
class Before:
    """What rows of a file were brought in before: by ref and by their own names; and under which source a new one goes."""

    by_ref: dict[str, Entry]
    by_id: dict[str, Entry]
    sources: dict[str, str]
    versions: dict[tuple[int, int], EntryVersion]
    """By entry and number: of each entry the newest version and the one that stands, as far as they are seen."""
    tokens: dict[int, frozenset[str]]
    """Of each audience of those."""


def before(session: Session, me: Person, *, refs: Iterable[str], ids: Iterable[str]) -> Before:
    """Return the entries of a person's own unit that rows name.

    An id under which something stands that the person does not see is free to them: their row then goes under a source of
    their own, and is answered as any new one.
    """
    wanted = sorted(set(ids))
    shared, personal = f"web {me.unit.ref}", f"web {me.unit.ref} {me.ref}"
    taken = {source: taken_before(session, source, wanted) for source in (shared, personal)}
    numbers = {entry_id for found in taken.values() for entry_id, _unit, _digest in found.values()}
    asked = or_(Entry.id.in_(numbers), Entry.ref.in_(sorted(set(refs))))
    seen = session.scalars(select(Entry).where(Entry.unit_id == me.unit_id, asked)).all()
    by_number = {entry.id: entry for entry in seen}
    by_id, sources = {}, {}
    for external_id in wanted:
        for source in (shared, personal):
            known = taken[source].get(external_id)
            if known is not None and known[0] in by_number:
                by_id[external_id] = by_number[known[0]]
                break
        sources[external_id] = personal if external_id in taken[shared] else shared
    versions = session.scalars(
        select(EntryVersion)
        .join(Entry, Entry.id == EntryVersion.entry_id)
        .where(
            Entry.id.in_(by_number), or_(EntryVersion.number == Entry.newest_version, EntryVersion.number == Entry.standing_version)
        )
    ).all()
    tokens: defaultdict[int, set[str]] = defaultdict(set)
    audiences = {v.audience_id for v in versions}
    for audience_id, token in session.execute(
        select(AudienceToken.audience_id, AudienceToken.token).where(AudienceToken.audience_id.in_(audiences))
    ):
        tokens[audience_id].add(token)
    return Before(
        by_ref={entry.ref: entry for entry in seen},
        by_id=by_id,
        sources=sources,
        versions={(v.entry_id, v.number): v for v in versions},
        tokens={audience_id: frozenset(tokens[audience_id]) for audience_id in audiences},
    )
