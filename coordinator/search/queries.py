"""What is found: topics and units by name, and all that a reader may see on one topic."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, literal, or_, select
from sqlalchemy.orm import Session, joinedload

from coordinator.calendar.models import Event, Forum, Question
from coordinator.entries.models import Entry, EntryTopic, Kind, State
from coordinator.entries.queries import with_company
from coordinator.people.models import Circle, Organisation, Person, Unit
from coordinator.people.rules import comparable
from coordinator.positions.models import Position
from coordinator.positions.queries import with_company as positions_with_company
from coordinator.topics.models import Topic, TopicName

MOST_LINKS = 6
MOST_POSITIONS = 200
MOST_DOSSIERS = 25
MOST_UNITS = 60
MOST_EVENTS = 6


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
    rows = session.execute(
        select(EntryTopic.topic_id, func.count(Entry.id), func.count(func.distinct(Entry.unit_id)))
        .join(Entry, Entry.id == EntryTopic.entry_id)
        .where(EntryTopic.topic_id.in_(sorted(set(topic_ids))), Entry.state == State.RELEASED)
        .group_by(EntryTopic.topic_id)
    )
    return {topic_id: Presence(entries, units) for topic_id, entries, units in rows}


def positions_on(session: Session, topic_id: int) -> Sequence[Position]:
    """Return the released positions on a topic, or on a question of it, by unit; at most 200, the newest."""
    on_it = select(EntryTopic.entry_id).where(EntryTopic.topic_id == topic_id)
    of_it = select(Question.id).where(Question.topic_id == topic_id)
    rows = session.scalars(
        positions_with_company()
        .where(or_(Position.id.in_(on_it), Position.question_id.in_(of_it)), Position.state == State.RELEASED)
        .order_by(Position.logged_on.desc(), Position.id.desc())
        .limit(MOST_POSITIONS)
    ).all()
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
    on_it = select(EntryTopic.entry_id).where(EntryTopic.topic_id == topic_id)
    return session.scalars(
        with_company()
        .where(Entry.id.in_(on_it), Entry.kind == Kind.DOSSIER, Entry.state == State.RELEASED)
        .order_by(Entry.logged_on.desc(), Entry.id.desc())
        .limit(MOST_DOSSIERS)
    ).all()


@dataclass(frozen=True)
class Holding:
    """What one unit has on a topic, in numbers."""

    unit: Unit
    positions: int
    dossiers: int


def holdings(session: Session, topic_id: int) -> Sequence[Holding]:
    """Return the units with released entries on a topic and how many of each kind, by short name; at most sixty."""
    many: defaultdict[int, dict[Kind, int]] = defaultdict(dict)
    units: dict[int, Unit] = {}
    rows = session.execute(
        select(Unit, Entry.kind, func.count(Entry.id))
        .join(Entry, Entry.unit_id == Unit.id)
        .join(EntryTopic, EntryTopic.entry_id == Entry.id)
        .where(EntryTopic.topic_id == topic_id, Entry.state == State.RELEASED, Entry.on_behalf_of_id.is_(None))
        .group_by(Unit.id, Entry.kind)
        .order_by(Unit.short_name, Unit.id, Entry.kind)
        .limit(MOST_UNITS * 2)
    )
    for unit, kind, number in rows:
        units[unit.id] = unit
        many[unit.id][kind] = number
    found = [Holding(u, many[u.id].get(Kind.POSITION, 0), many[u.id].get(Kind.DOSSIER, 0)) for u in units.values()]
    return found[:MOST_UNITS]


def events_for(session: Session, topic_id: int, *, on: date) -> Sequence[Event]:
    """Return the next events where a topic is negotiated: of the forums of its questions and of the entries that are seen."""
    released = (
        select(Entry.id)
        .join(EntryTopic, EntryTopic.entry_id == Entry.id)
        .where(EntryTopic.topic_id == topic_id, Entry.state == State.RELEASED)
    )
    forums = select(Entry.forum_id).where(Entry.id.in_(released), Entry.forum_id.is_not(None))
    asked = select(Question.forum_id).where(Question.topic_id == topic_id, Question.forum_id.is_not(None))
    named = select(Entry.event_id).where(Entry.id.in_(released), Entry.event_id.is_not(None))
    return session.scalars(
        select(Event)
        .where(or_(Event.forum_id.in_(asked), Event.forum_id.in_(forums), Event.id.in_(named)), Event.ends_on >= on)
        .options(joinedload(Event.forum))
        .order_by(Event.starts_on, Event.id)
        .limit(MOST_EVENTS)
    ).all()
