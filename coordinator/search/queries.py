"""What is found: topics and units by name, and all that a reader may see on one topic."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, literal, or_, select, union_all
from sqlalchemy.orm import Session, joinedload

from coordinator.calendar.models import Event, Forum, Question
from coordinator.db import among_found, behind
from coordinator.entries.models import Entry, EntryTopic, Kind, State
from coordinator.entries.queries import ids_on, units_on, with_company
from coordinator.people.models import Circle, Organisation, Person, Unit
from coordinator.people.rules import comparable
from coordinator.positions.models import Position, Stance
from coordinator.positions.queries import with_company as positions_with_company
from coordinator.topics.models import Topic, TopicName

MOST_LINKS = 6
MOST_POSITIONS = 24
MOST_DOSSIERS = 10
MOST_UNITS = 24
MOST_EVENTS = 6

_on = EntryTopic.__table__  # of an entry that is seen: to ask of each link whether it is would be to ask twice
_entry: Any = Entry.__table__
_stance = Position.__table__.c.stance  # a position's alone


# --- by name -----------------------------------------------------------------------------------------------------------


def topics_named(session: Session, words: str) -> Sequence[tuple[Topic, str]]:
    """Return the topics of which a name or alias, in any language, is part of the words or holds them, and that name."""
    wanted = comparable(words)
    if len(wanted) < 2:
        return []
    inside = literal(f" {wanted} ").like(literal("% ") + TopicName.text_key + literal(" %"))
    rows = session.execute(
        select(Topic, TopicName.text)
        .join(TopicName, TopicName.topic_id == Topic.id)
        .where(Topic.merged_into_id.is_(None), or_(TopicName.text_key.contains(wanted, autoescape=True), inside))
        .order_by(TopicName.text_key != wanted, TopicName.alias, Topic.name, Topic.id, TopicName.id)
        .limit(MOST_LINKS * 5)
    )
    found: dict[int, tuple[Topic, str]] = {}
    for topic, name in rows:
        found.setdefault(topic.id, (topic, name))
    return list(found.values())[:MOST_LINKS]


def units_named(session: Session, words: str, person: Person) -> Sequence[Unit]:
    """Return the units with a name that holds the words; outside the ministry only those that the person may know of."""
    wanted = " ".join(words.split())
    if len(wanted) < 2:
        return []
    found = (
        select(Unit)
        .join(Organisation, Organisation.id == Unit.organisation_id)
        .where(or_(Unit.short_name.icontains(wanted, autoescape=True), Unit.name.icontains(wanted, autoescape=True)))
        .options(joinedload(Unit.organisation))
        .order_by(func.lower(Unit.short_name) != wanted.lower(), Unit.short_name, Unit.id)
        .limit(MOST_LINKS)
    )
    if person.unit.organisation.circle is not Circle.MINISTRY:
        found = found.where(or_(Unit.organisation_id == person.unit.organisation_id, Unit.id.in_(select(Entry.unit_id))))
    return session.scalars(found).all()


def calendar_named(session: Session, words: str) -> list[tuple[Forum | Event, str]]:
    """Return the forums, and the events to come, with a name that is part of the words or holds them, and that name."""
    wanted = comparable(words)
    if len(wanted) < 2:
        return []
    forums = session.scalars(select(Forum).order_by(Forum.short_name, Forum.id)).all()
    ahead = select(Event).where(Event.past.is_(False)).options(joinedload(Event.forum)).order_by(Event.starts_on, Event.id)
    named = [
        (thing, (thing.name, getattr(thing, "short_name", thing.name), *thing.aliases))
        for thing in (*forums, *session.scalars(ahead))
    ]
    found = [(thing, next((name for name in names if _meets(comparable(name), wanted)), None)) for thing, names in named]
    return [(thing, name) for thing, name in found if name is not None][:MOST_LINKS]


def _meets(name: str, wanted: str) -> bool:
    return wanted in name or f" {name} " in f" {wanted} "


# --- one topic ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Presence:
    """How much a reader sees on a topic."""

    entries: int = 0
    units: int = 0


def presence(session: Session, topic_ids: Iterable[int]) -> dict[int, Presence]:
    """Return how many released entries of how many units a reader sees on each of some topics."""
    on = units_on(sorted(set(topic_ids)))
    rows = session.execute(select(on.c.topic_id, func.sum(on.c.entries), func.count()).group_by(on.c.topic_id))
    return {topic_id: Presence(int(entries), units) for topic_id, entries, units in rows}


def positions_on(session: Session, topic_id: int, *, leading: Collection[int] = ()) -> Sequence[Position]:
    """Return the released positions on a topic, or on a question of it, by unit.

    At most 24, those of leading units first and then the newest: on a crowded topic nobody reads more, and its list has all.
    """
    of_it = select(Question.id).where(Question.topic_id == topic_id)
    on_it = union_all(ids_on(topic_id), select(_entry.c.id).where(_entry.c.question_id.in_(of_it)))
    some = (
        select(Position.id)
        .where(among_found(Position.id, on_it), behind(Position.state) == State.RELEASED)
        .order_by(Position.unit_id.in_(sorted(leading)).desc(), Position.logged_on.desc(), Position.id.desc())
        .limit(MOST_POSITIONS)
    )
    rows = session.scalars(positions_with_company().where(Position.id.in_(session.scalars(some).all()))).all()
    return sorted(rows, key=lambda p: (p.unit.short_name, p.id))


def questions_on(session: Session, topic_id: int) -> Sequence[Question]:
    """Return the questions on a topic with their forums, by text."""
    return session.scalars(
        select(Question)
        .where(Question.topic_id == topic_id)
        .options(joinedload(Question.forum), joinedload(Question.topic))
        .order_by(Question.text, Question.id)
    ).all()


def dossiers_on(session: Session, topic_id: int) -> Sequence[Entry]:
    """Return the newest released dossiers on a topic."""
    newest = (Entry.logged_on.desc(), Entry.id.desc())
    some = (
        select(Entry.id)
        .where(among_found(Entry.id, ids_on(topic_id)), behind(Entry.kind) == Kind.DOSSIER, behind(Entry.state) == State.RELEASED)
        .order_by(*newest)
        .limit(MOST_DOSSIERS)
    )
    return session.scalars(with_company().where(Entry.id.in_(session.scalars(some).all())).order_by(*newest)).all()


@dataclass(frozen=True)
class Holding:
    """What one unit has on a topic, in numbers, and the stances that it takes there."""

    unit: Unit
    positions: int
    dossiers: int
    stances: tuple[Stance, ...]


def holdings(session: Session, topic_id: int) -> Sequence[Holding]:
    """Return the units with released entries on a topic and what they have there, by short name; at most 24."""
    has = (
        select(Entry.unit_id, Entry.kind, _stance, func.count().label("many"))
        .join(_on, _on.c.entry_id == Entry.id)
        .where(_on.c.topic_id == topic_id, behind(Entry.state) == State.RELEASED, Entry.on_behalf_of_id.is_(None))
        .group_by(Entry.unit_id, Entry.kind, _stance)
        .cte("has")
    )
    first = (
        select(Unit.id).where(Unit.id.in_(select(has.c.unit_id))).order_by(Unit.short_name, Unit.id).limit(MOST_UNITS).subquery()
    )
    rows = session.execute(
        select(Unit, has.c.kind, has.c.stance, has.c.many)
        .join(has, has.c.unit_id == Unit.id)
        .where(Unit.id.in_(select(first.c.id)))
        .order_by(Unit.short_name, Unit.id)
    )
    units, many, stances = dict[int, Unit](), defaultdict[tuple[int, Kind], int](int), defaultdict[int, set[Stance]](set)
    for unit, kind, stance, number in rows:
        units[unit.id] = unit
        many[unit.id, kind] += number
        stances[unit.id] |= {stance} - {None}
    return [
        Holding(u, many[u.id, Kind.POSITION], many[u.id, Kind.DOSSIER], tuple(s for s in Stance if s in stances[u.id]))
        for u in units.values()
    ]


def events_for(session: Session, topic_id: int, *, on: date) -> Sequence[Event]:
    """Return the next events where a topic is negotiated: of the forums of its questions and of the entries that are seen."""
    named = (  # once for both: each asking would look through all entries on the topic
        select(Entry.forum_id, Entry.event_id)
        .join(_on, _on.c.entry_id == Entry.id)
        .where(_on.c.topic_id == topic_id, behind(Entry.state) == State.RELEASED)
        .distinct()
        .cte("named")
    )
    asked = select(Question.forum_id).where(Question.topic_id == topic_id, Question.forum_id.is_not(None))
    at = or_(
        Event.forum_id.in_(asked),
        Event.forum_id.in_(select(named.c.forum_id).where(named.c.forum_id.is_not(None))),
        Event.id.in_(select(named.c.event_id).where(named.c.event_id.is_not(None))),
    )
    return session.scalars(
        select(Event)
        .where(at, Event.ends_on >= on)
        .options(joinedload(Event.forum))
        .order_by(Event.starts_on, Event.id)
        .limit(MOST_EVENTS)
    ).all()
