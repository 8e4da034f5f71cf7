"""The rows of an export, as the reader sees them: read in chunks, by columns, so that many cost little."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from coordinator.calendar.models import Counterpart, Event, Forum, Instrument, Question
from coordinator.dossiers.models import Contributor, DossierPosition, Milestone, Paper
from coordinator.entries.models import (
    AudienceToken,
    Entry,
    EntryCounterpart,
    EntryInstrument,
    EntrySource,
    EntryTopic,
    EntryVersion,
)
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.rules import look
from coordinator.people.models import Group, Organisation, Person, Unit
from coordinator.positions.models import Adherence
from coordinator.topics.models import Topic

CHUNK, FEW = 2_000, 500  # rows at a time, and rows that come with all their company
Row = dict[str, Any]

_entry = Entry.__table__
_PLAIN = (
    "title",
    "text",
    "language",
    "reason",
    "red_lines",
    "fallback",
    "talking_points",
    "valid_from",
    "valid_until",
    "registry_link",
    "review_by",
    "logged_on",
    "code",
    "ended_why",
    "source",
    "said_on",
)


def chunks(ids: Sequence[int], size: int = CHUNK) -> Iterator[Sequence[int]]:
    """Yield some numbers, so many at a time."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


@dataclass(frozen=True)
class _Names:
    """The names of all that entries speak of, by what it is."""

    unit: Mapping[int, tuple[str, int]]
    organisation: Mapping[int, str]
    topic: Mapping[int, str]
    forum: Mapping[int, str]
    event: Mapping[int, tuple[str, date]]
    question: Mapping[int, str]
    counterpart: Mapping[int, str]
    instrument: Mapping[int, str]
    group: Mapping[int, str]


def _names(session: Session) -> _Names:
    def two(*columns: Any) -> dict[int, str]:
        return dict(session.execute(select(*columns)).all())

    return _Names(
        unit={i: (name, home) for i, name, home in session.execute(select(Unit.id, Unit.short_name, Unit.organisation_id))},
        organisation=two(Organisation.id, Organisation.name),
        topic=two(Topic.id, Topic.name),
        forum=two(Forum.id, Forum.name),
        event={i: (name, day) for i, name, day in session.execute(select(Event.id, Event.name, Event.starts_on))},
        question=two(Question.id, Question.text),
        counterpart=two(Counterpart.id, Counterpart.name),
        instrument=two(Instrument.id, Instrument.name),
        group=two(Group.id, Group.name),
    )


def entries(session: Session, ids: Sequence[int], *, person: Person) -> Iterator[Row]:
    """Yield those of some entries that the reader sees, in the order of the numbers.

    Who reads an entry is told to its own organisation, why it is restricted to its own unit, as on its page.
    """
    names = _names(session)
    for some in chunks(ids):
        found = {row["_id"]: row for row in _entry_rows(session, some, names, person)}
        for entry_id in some:
            row = found.get(entry_id)
            if row is not None:
                yield {name: value for name, value in row.items() if not name.startswith("_")}


def _entry_rows(session: Session, ids: Sequence[int], names: _Names, person: Person) -> Iterator[Row]:
    columns = [_entry.c[name] for name in _PLAIN]
    rows = session.execute(
        select(
            Entry.id,
            Entry.ref,
            Entry.kind,
            Entry.unit_id,
            Entry.state,
            Entry.level,
            Entry.forum_id,
            Entry.event_id,
            Entry.standing_version,
            Entry.ended_at,
            _entry.c.question_id,
            _entry.c.stance,
            _entry.c.on_behalf_of_id,
            _entry.c.dossier_type,
            _entry.c.lead_id,
            *columns,
        ).where(Entry.id.in_(list(ids)))
    ).all()
    units = {i: name for i, (name, _home) in names.unit.items()}
    many = {
        "topics": _linked(session, ids, EntryTopic.entry_id, EntryTopic.topic_id, names.topic),
        "counterparts": _linked(session, ids, EntryCounterpart.entry_id, EntryCounterpart.counterpart_id, names.counterpart),
        "instruments": _linked(session, ids, EntryInstrument.entry_id, EntryInstrument.instrument_id, names.instrument),
        "contributing": _linked(session, ids, Contributor.entry_id, Contributor.unit_id, units),
        "also_held_by": _adherents(session, ids, names),
        "milestones": _told(session, ids, Milestone, Milestone.due_on, Milestone.text, lambda day, text: f"{day} {text}"),
        "papers": _told(session, ids, Paper, Paper.label, Paper.url, lambda label, url: f"{label} {url}"),
        "positions": _drawn_on(session, ids),
    }
    versions = _versions(session, ids)
    audiences = _audiences(session, [v.audience_id for v in versions.values()], names)
    leading = select(Person.id, Person.name).where(Person.id.in_({row.lead_id for row in rows if row.lead_id}))
    known = select(EntrySource.entry_id, EntrySource.external_id).where(EntrySource.entry_id.in_(list(ids)))
    leads, sources = (dict(session.execute(found).all()) for found in (leading, known))
    for row in rows:
        unit, home = names.unit[row.unit_id]
        own, colleague = row.unit_id == person.unit_id, home == person.unit.organisation_id
        version = versions.get(row.id)
        event, event_on = names.event.get(row.event_id, (None, None))
        yield {
            "_id": row.id,
            "ref": row.ref,
            "id": sources.get(row.id) if own else None,
            "kind": row.kind.value,
            "level": row.level,
            "unit": unit,
            "organisation": names.organisation[home],
            "state": row.state.value,
            "question": names.question.get(row.question_id),
            "stance": row.stance.value if row.stance else None,
            "on_behalf_of": names.counterpart.get(row.on_behalf_of_id),
            "type": row.dossier_type.value if row.dossier_type else None,
            "forum": names.forum.get(row.forum_id),
            "event": event,
            "event_on": event_on,
            "lead": leads.get(row.lead_id) if colleague else None,
            "audience": audiences[version.audience_id](row.unit_id) if version is not None and colleague else None,
            "restriction_reason": version.restriction_reason if version is not None and own else None,
            "version": row.standing_version,
            "released_on": version.released_at.date() if version is not None and version.released_at else None,
            "ended_on": row.ended_at.date() if row.ended_at else None,
            **{name: getattr(row, name) for name in _PLAIN},
            **{name: found.get(row.id, []) for name, found in many.items()},
        }


def _linked(session: Session, ids: Sequence[int], holder: Any, held: Any, names: Mapping[int, str]) -> dict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for entry_id, thing_id in session.execute(select(holder, held).where(holder.in_(list(ids)))):
        found[entry_id].append(names[thing_id])
    return {entry_id: sorted(listed) for entry_id, listed in found.items()}


def _told(
    session: Session, ids: Sequence[int], model: Any, one: Any, other: Any, say: Callable[[Any, Any], str]
) -> dict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    rows = select(model.entry_id, one, other).where(model.entry_id.in_(list(ids))).order_by(model.entry_id, one, model.id)
    for entry_id, first, second in session.execute(rows):
        found[entry_id].append(say(first, second))
    return found


def _adherents(session: Session, ids: Sequence[int], names: _Names) -> dict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    rows = select(Adherence.entry_id, Adherence.unit_id).where(Adherence.entry_id.in_(list(ids)), Adherence.ended_at.is_(None))
    for entry_id, unit_id in session.execute(rows):
        found[entry_id].append(names.unit[unit_id][0])
    return {entry_id: sorted(listed) for entry_id, listed in found.items()}


def _drawn_on(session: Session, ids: Sequence[int]) -> dict[int, list[str]]:
    """Return for each dossier the refs of those positions that the reader sees too, by title."""
    links = select(DossierPosition.entry_id, DossierPosition.position_id).where(DossierPosition.entry_id.in_(list(ids)))
    pairs = session.execute(links).all()
    # in two steps: joined, SQLite walks over all entries for their order
    drawn_on = select(Entry.id, Entry.title, Entry.ref).where(
        Entry.id.in_(sorted({position_id for _entry_id, position_id in pairs}))
    )
    seen = {row.id: (row.title, row.id, row.ref) for row in session.execute(drawn_on)}
    found: defaultdict[int, list[tuple[str, int, str]]] = defaultdict(list)
    for entry_id, position_id in pairs:
        if position_id in seen:
            found[entry_id].append(seen[position_id])
    return {entry_id: [ref for _title, _id, ref in sorted(listed)] for entry_id, listed in found.items()}


def _versions(session: Session, ids: Sequence[int]) -> dict[int, Any]:
    """Return for each entry the version that stands."""
    rows = session.execute(
        select(EntryVersion.entry_id, EntryVersion.audience_id, EntryVersion.restriction_reason, EntryVersion.released_at)
        .join(Entry, and_(Entry.id == EntryVersion.entry_id, Entry.standing_version == EntryVersion.number))
        .where(EntryVersion.entry_id.in_(list(ids)))
    )
    return {row.entry_id: row for row in rows}


_SORTS = {"circle": "", "unit": "", "bureau": "bureau:", "coord": "coord:", "group": "group:", "user": "user:", "org": "org:"}


def _audiences(session: Session, audience_ids: Iterable[int], names: _Names) -> dict[int, Callable[[int], list[str]]]:
    """Return for each audience how it is written for an owner unit: in the words that an import reads."""
    tokens: defaultdict[int, set[str]] = defaultdict(set)
    wanted = sorted(set(audience_ids))
    for audience_id, token in session.execute(
        select(AudienceToken.audience_id, AudienceToken.token).where(AudienceToken.audience_id.in_(wanted))
    ):
        tokens[audience_id].add(token)
    persons = {int(t.partition(":")[2]) for listed in tokens.values() for t in listed if t.startswith("user:")}
    emails = dict(session.execute(select(Person.id, Person.email).where(Person.id.in_(sorted(persons)))).all()) if persons else {}

    def said(token: str) -> str:
        sort, _, number = token.partition(":")
        if sort == "circle":
            return number
        known: Mapping[int, Any] = {"group": names.group, "user": emails, "org": names.organisation}.get(
            sort, {i: n for i, (n, _home) in names.unit.items()}
        )
        return f"{_SORTS[sort]}{known.get(int(number), number)}"

    def written(listed: set[str]) -> Callable[[int], list[str]]:
        def of(owner_id: int) -> list[str]:
            own = f"unit:{owner_id}"
            return sorted(said(t) for t in (listed - {own} or {own}))

        return of

    return {audience_id: written(tokens[audience_id]) for audience_id in wanted}


def overlap_rows(session: Session, ids: Sequence[int], *, person: Person, on: date, t: Any) -> Iterator[Row]:
    """Yield those of some overlaps that the reader sees, each with the own end first, in the reader's words."""
    for some in chunks(ids, FEW):
        for overlap in overlaps.some(session, some):
            seen = look(overlap, person, on=on, t=t)
            yield {
                "level": max(seen.mine.level, seen.theirs.level),
                "ref": overlap.ref,
                "kind": overlap.kind.value,
                "severity": overlap.severity.value,
                "state": overlap.state.value,
                "found_on": overlap.found_at.date(),
                "next": seen.event[0] if seen.event else None,
                "in_days": seen.event[1] if seen.event else None,
                **_end("first", seen.mine),
                **_end("second", seen.theirs),
                "reasons": list(seen.reasons),
                "settings": overlap.settings,
                "acknowledged_by": [u.short_name for u in seen.acknowledged],
                "waiting_for": [u.short_name for u in seen.waiting],
                "outcome": overlap.outcome.value if overlap.outcome else None,
                "statement": overlap.statement or None,
                "lead_unit": overlap.lead_unit.short_name if overlap.lead_unit else None,
            }
        session.expunge_all()


def _end(place: str, entry: Entry) -> Row:
    stance = getattr(entry, "stance", None)
    return {
        f"{place}_unit": entry.unit.short_name,
        f"{place}_kind": entry.kind.value,
        f"{place}_title": entry.title,
        f"{place}_stance": stance.value if stance else None,
        f"{place}_level": entry.level,
        f"{place}_ref": entry.ref,
    }
