"""What a reader may know to have happened, and all of it without content for an auditor."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select, true
from sqlalchemy.orm import Session, joinedload

from coordinator.calendar.models import Counterpart, Event, Forum, Instrument, Question
from coordinator.chronicle.rules import KINDS_NAMED, Company, Sort, Thing, families, numbers
from coordinator.entries.models import Entry, EntryVersion, Kind
from coordinator.entries.queries import visible
from coordinator.entries.rules import ABOUT_GAPS, OF_A_VERSION, TOLD
from coordinator.errors import NotFound
from coordinator.exclusions.queries import of_exclusion
from coordinator.exclusions.queries import some as some_exclusions
from coordinator.gaps.models import Known
from coordinator.history.models import Event as Happening
from coordinator.history.models import Note, Payload
from coordinator.overlaps.models import Overlap, Step
from coordinator.overlaps.queries import of_overlap
from coordinator.people.models import Group, Organisation, Person, Unit
from coordinator.people.rules import Reader
from coordinator.people.rules import may_keep_people as keeps_people
from coordinator.topics.models import Topic

# --- who may know of what: what nobody is named for here is nobody's ------------------------------------------------------

_entry, _version, _payload = Entry.__table__.alias(), EntryVersion.__table__.alias(), Payload.__table__.alias()
_of_overlap, _of_exclusion = of_overlap(Happening.subject_id), of_exclusion(Happening.subject_id)
OPEN_LISTS = ("forum", "event", "question", "counterpart", "instrument")


def _named(dids: Iterable[str]) -> list[str]:
    return sorted(f"{kind}.{did}" for kind in (*(k.value for k in Kind), "entry") for did in dids)


def _of_entries(reader: Reader) -> ColumnElement[bool]:
    """Return the rule for events of entries as SQL; entries.rules.may_see_event is its twin."""
    own = _entry.c.unit_id == reader.unit_id
    seen_version = (
        exists()
        .where(
            _payload.c.number == Happening.number,
            _version.c.entry_id == Happening.subject_id,
            _version.c.number == _payload.c.said["version"].as_integer(),
            visible(reader, _version.c),
            or_(_version.c.released_at.is_not(None), own),
        )
        .correlate(Happening, _entry)
    )
    return exists().where(
        _entry.c.id == Happening.subject_id,
        visible(reader, _entry.c),
        or_(own, Happening.action.in_(_named(TOLD)), Happening.action.startswith(ABOUT_GAPS)),
        or_(Happening.action.not_in(_named(OF_A_VERSION)), seen_version),
    )


def _of_organisations(reader: Reader, *, inside: bool) -> ColumnElement[bool]:
    return true() if inside else Happening.subject_id == _organisation_id(reader)


def _of_units(reader: Reader, *, inside: bool) -> ColumnElement[bool]:
    own = select(Unit.id).where(Unit.organisation_id == _organisation_id(reader))
    return true() if inside else Happening.subject_id.in_(own)


def _organisation_id(reader: Reader) -> int:
    return next((int(t.partition(":")[2]) for t in reader.tokens if t.startswith("org:")), 0)


def known_to(reader: Reader) -> ColumnElement[bool]:
    """Return as SQL which events a reader may know of: of what they may see, and no event tells more than its page does."""
    inside = "circle:ministry" in reader.tokens
    by_kind: dict[str, ColumnElement[bool]] = {
        "entry": _of_entries(reader),
        "overlap": _of_overlap(reader),
        "exclusion": _of_exclusion(reader),
        # outside the ministry, nobody is told which unit has a stake in what
        "topic": true() if inside else Happening.action.not_like("equity.%"),
        "organisation": _of_organisations(reader, inside=inside),
        "unit": _of_units(reader, inside=inside),
        "group": true() if inside else false(),
        "person": true() if keeps_people(reader) else Happening.subject_id == (reader.person_id or 0),
        **dict.fromkeys(OPEN_LISTS, true()),
    }
    known = or_(*(and_(Happening.subject_kind == kind, rule) for kind, rule in by_kind.items()))
    return known if inside else and_(known, ~Happening.action.startswith(ABOUT_GAPS))


# --- what happened -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filters:
    """What the history is narrowed by; every part is optional."""

    thing: tuple[str, int] | None = None
    sort: Sort | None = None
    by_id: int | None = None
    who: str = ""
    """Part of the name of whoever did it, among the people of one organisation if `colleagues_of` says so."""
    colleagues_of: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if filters.thing is not None:
        where += [Happening.subject_kind == filters.thing[0], Happening.subject_id == filters.thing[1]]
    if filters.sort is not None:
        where.append(or_(*(Happening.action.startswith(f"{family}.") for family in families(filters.sort))))
    if filters.by_id is not None:
        where.append(Happening.actor_id == filters.by_id)
    if filters.who:
        colleagues = (
            select(Person.id).join(Unit, Unit.id == Person.unit_id).where(Person.name.icontains(filters.who, autoescape=True))
        )
        if filters.colleagues_of is not None:
            colleagues = colleagues.where(Unit.organisation_id == filters.colleagues_of)
        where.append(Happening.actor_id.in_(colleagues))
    if filters.since is not None:
        where.append(Happening.at >= filters.since)
    if filters.until is not None:
        where.append(Happening.at < filters.until)
    return where


def _with_company() -> Select[Happening]:
    return select(Happening).options(
        joinedload(Happening.actor).joinedload(Person.unit).joinedload(Unit.organisation), joinedload(Happening.payload)
    )


def listed(session: Session, reader: Reader, filters: Filters, *, number: int, size: int) -> tuple[Sequence[Happening], bool]:
    """Return one page of the events that a reader may know of, the newest first, and whether there are older ones.

    They are not counted: to say how many there are would cost more than to read them.
    """
    found = session.scalars(
        _with_company()
        .where(*_conditions(filters), known_to(reader))
        .order_by(Happening.number.desc())
        .limit(size + 1)
        .offset((number - 1) * size)
    ).all()
    return found[:size], len(found) > size


_NAMED: dict[str, tuple[Any, Any]] = {
    "topic": (Topic, Topic.name),
    "forum": (Forum, Forum.name),
    "event": (Event, Event.name),
    "question": (Question, Question.text),
    "counterpart": (Counterpart, Counterpart.name),
    "instrument": (Instrument, Instrument.name),
    "organisation": (Organisation, Organisation.name),
    "unit": (Unit, Unit.name),
    "group": (Group, Group.name),
    "person": (Person, Person.name),
}
_SHORT: dict[str, tuple[Any, Any]] = {"unit": (Unit, Unit.short_name), "organisation": (Organisation, Organisation.short_name)}


def company(session: Session, events: Sequence[Happening], *, also: Iterable[tuple[str, int]] = ()) -> Company:
    """Return what the sentences of some events need, read as the reader, in a number of statements that does not grow with them."""
    about: defaultdict[str, set[int]] = defaultdict(set)
    named: defaultdict[str, set[int]] = defaultdict(set)
    for kind, i in also:
        about[kind].add(i)
    for event in events:
        about[event.subject_kind].add(event.subject_id)
        for kind, ids in numbers(event.action, event.payload.said if event.payload else {}).items():
            named[kind] |= ids
    found = Company()
    for kind, (model, name) in _NAMED.items():
        for i, ref, text in session.execute(select(model.id, model.ref, name).where(model.id.in_(sorted(about[kind])))):
            found.things[kind, i] = Thing(text, ref)
    for kind in KINDS_NAMED:  # all of them, so that the number of statements is always the same
        model, name = _SHORT.get(kind, _NAMED[kind])
        found.names[kind] = dict(session.execute(select(model.id, name).where(model.id.in_(sorted(named[kind])))).all())
    _entries(session, found, about["entry"])
    _overlaps(session, found, about["overlap"], [e.number for e in events])
    said = select(Known.number, Known.why).where(Known.number.in_([e.number for e in events]))
    found.known = dict(session.execute(said).all())
    for exclusion in some_exclusions(session, about["exclusion"]):
        ends = [e for e in (exclusion.low, exclusion.high) if e is not None]
        units = [u.short_name for u in (exclusion.unit, exclusion.other_unit) if u is not None]
        name = " ↔ ".join([f"{e.unit.short_name}: {e.title}" for e in ends] or units)
        more = exclusion.topic.name if exclusion.topic is not None else exclusion.phrase
        level = max((e.level for e in ends), default=None)
        found.things["exclusion", exclusion.id] = Thing(f"{name}, {more}" if more else name, exclusion.ref, level=level)
    found.before = _before(session, [e for e in events if e.action.endswith(".revised") and e.subject_kind != "entry"])
    return found


def _entries(session: Session, found: Company, ids: set[int]) -> None:
    rows = session.execute(
        select(Entry.id, Entry.title, Entry.ref, Unit.short_name, Unit.organisation_id, Entry.level, Entry.ended_why)
        .join(Unit, Unit.id == Entry.unit_id)
        .where(Entry.id.in_(sorted(ids)))
    )
    for i, title, ref, unit, organisation_id, level, why in rows:
        found.things["entry", i] = Thing(title, ref, unit, organisation_id, level, why)
    moves = (
        select(Happening.subject_id, Happening.number, Payload.said["from"].as_string())
        .join(Payload, Payload.number == Happening.number)
        .where(Happening.subject_kind == "entry", Happening.subject_id.in_(sorted(ids)), Happening.action.in_(_named(["moved"])))
        .order_by(Happening.number)
    )
    for i, number, unit in session.execute(moves):
        found.owners.setdefault(i, []).append((number, unit))
    versions = select(EntryVersion).where(EntryVersion.entry_id.in_(sorted(ids))).order_by(EntryVersion.number)
    for version in session.scalars(versions):
        found.versions.setdefault(version.entry_id, []).append(version)


def _overlaps(session: Session, found: Company, ids: set[int], happened: Sequence[int]) -> None:
    rows = session.scalars(
        select(Overlap)
        .where(Overlap.id.in_(sorted(ids)))
        .options(
            joinedload(Overlap.low).joinedload(Entry.unit),
            joinedload(Overlap.high).joinedload(Entry.unit),
        )
    )
    for overlap in rows:
        ends = " ↔ ".join(f"{end.unit.short_name}: {end.title}" for end in (overlap.low, overlap.high))
        found.things["overlap", overlap.id] = Thing(
            ends,
            overlap.ref,
            level=max(overlap.low.level, overlap.high.level),
            units=(overlap.low.unit.short_name, overlap.high.unit.short_name),
        )
    steps = select(Step).where(Step.overlap_id.in_(sorted(ids)), Step.number.in_(happened), Step.person_id.is_not(None))
    for step in session.scalars(steps.options(joinedload(Step.unit))):
        found.steps[step.number] = step


def _before(session: Session, revised: Sequence[Happening]) -> dict[int, dict[str, Any]]:
    """Return what was said of each thing when it was last written down whole before an event that keeps nothing of it."""
    blind = [e for e in revised if e.payload is None or "was" not in e.payload.said]
    earlier = Happening.__table__.alias()
    last = (
        select(func.max(earlier.c.number))
        .where(
            earlier.c.subject_kind == Happening.subject_kind,
            earlier.c.subject_id == Happening.subject_id,
            earlier.c.number < Happening.number,
            or_(earlier.c.action.endswith(".added"), earlier.c.action.endswith(".revised")),
        )
        .correlate(Happening)
        .scalar_subquery()
    )
    rows = session.execute(
        select(Happening.number, Payload.said)
        .join(Payload, Payload.number == last)
        .where(Happening.number.in_([e.number for e in blind]))
    )
    return {number: said for number, said in rows}


def thing_id(session: Session, kind: str, ref: str) -> int:
    """Return the number of a thing by ref; raises NotFound for a hidden one as for one that never was."""
    model: Any = {"entry": Entry, "overlap": Overlap}.get(kind) or _NAMED[kind][0]
    found: int | None = session.scalar(select(model.id).where(model.ref == ref))
    if found is None:
        raise NotFound
    return found


def known_outside(session: Session, kind: str, number: int, organisation_id: int) -> bool:
    """Say whether somebody of an organisation outside the ministry may know of a thing that has no rule of its own."""
    match kind:
        case "organisation":
            return number == organisation_id
        case "unit":
            return session.scalar(select(Unit.organisation_id).where(Unit.id == number)) == organisation_id
        case "group":
            return False
    return True


def colleague(session: Session, ref: str, *, organisation_id: int) -> Person:
    """Return a person of an organisation by ref; raises NotFound for anybody else."""
    found = session.scalars(
        select(Person).join(Unit, Unit.id == Person.unit_id).where(Person.ref == ref, Unit.organisation_id == organisation_id)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


# --- for the auditor: all of it, without what it says ---------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """One event as an auditor sees it: under which number, when, by whom, what kind of thing was done to what kind of thing.

    `first` is the number of the first event of the same thing: it tells things apart and says nothing of them.
    """

    number: int
    at: datetime
    actor: Person | None
    action: str
    first: int


def marks(session: Session, filters: Filters, *, first: int | None, number: int, size: int) -> tuple[list[Mark], int]:
    """Return one page of all events without content, the newest first, and how many there are; of one thing, or of all."""
    where = _conditions(filters)
    if first is not None:
        same = select(Happening.subject_kind, Happening.subject_id).where(Happening.number == first).subquery()
        where += [
            Happening.subject_kind == select(same.c.subject_kind).scalar_subquery(),
            Happening.subject_id == select(same.c.subject_id).scalar_subquery(),
        ]
    total = session.scalar(select(func.count()).select_from(Happening).where(*where)) or 0
    rows = session.scalars(
        select(Happening)
        .where(*where)
        .options(joinedload(Happening.actor).joinedload(Person.unit).joinedload(Unit.organisation))
        .order_by(Happening.number.desc())
        .limit(size)
        .offset((number - 1) * size)
    ).all()
    things = {(e.subject_kind, e.subject_id) for e in rows}
    starts = (
        select(Happening.subject_kind, Happening.subject_id, func.min(Happening.number))
        .where(or_(false(), *(and_(Happening.subject_kind == k, Happening.subject_id == i) for k, i in sorted(things))))
        .group_by(Happening.subject_kind, Happening.subject_id)
    )
    firsts = {(kind, i): n for kind, i, n in session.execute(starts)}
    return [Mark(e.number, e.at, e.actor, e.action, firsts[e.subject_kind, e.subject_id]) for e in rows], total


def notes(session: Session, filters: Filters, *, number: int, size: int) -> tuple[Sequence[Note], int]:
    """Return one page of what was noted at the door, the newest first, and how many there are."""
    where: list[ColumnElement[bool]] = []
    if filters.who:
        where.append(Note.person_id.in_(select(Person.id).where(Person.name.icontains(filters.who, autoescape=True))))
    if filters.since is not None:
        where.append(Note.at >= filters.since)
    if filters.until is not None:
        where.append(Note.at < filters.until)
    total = session.scalar(select(func.count()).select_from(Note).where(*where)) or 0
    rows = session.scalars(
        select(Note)
        .where(*where)
        .options(joinedload(Note.person).joinedload(Person.unit).joinedload(Unit.organisation))
        .order_by(Note.at.desc(), Note.id.desc())
        .limit(size)
        .offset((number - 1) * size)
    ).all()
    return rows, total
