"""What stands in the lists now, as the tables show it, and what the names in a file mean."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from coordinator.calendar.models import Counterpart, Event, Forum, Instrument
from coordinator.lists.rules import ListKind, Names, Standing
from coordinator.people.models import Duty, Group, Membership, Organisation, Person, Unit
from coordinator.topics.models import Broader, Equity, Related, Topic, TopicName


@dataclass(frozen=True)
class Held:
    """One thing of a list and what stands in its columns."""

    id: int
    ref: str
    values: dict[str, Any]


def names(session: Session) -> Names:
    """Return what the names of organisations, units, topics, forums, counterparts and reading groups mean now."""
    found = Names()
    called: dict[int, tuple[str, str]] = {}
    for row in session.execute(select(Organisation.id, Organisation.name, Organisation.short_name).order_by(Organisation.id)):
        called[row.id] = (row.short_name, row.name)
        found.learn("organisation", row.id, (row.name, row.short_name))
    units = session.execute(select(Unit.id, Unit.organisation_id, Unit.name, Unit.short_name).order_by(Unit.id)).all()
    for unit_id, home, name, short_name in units:
        found.learn("unit", unit_id, unit_names(called[home], name, short_name))
    standing = {row.id: row.merged_into_id or row.id for row in session.execute(select(Topic.id, Topic.merged_into_id))}
    by_topic: defaultdict[int, list[str]] = defaultdict(list)
    for topic_id, text in session.execute(select(TopicName.topic_id, TopicName.text).order_by(TopicName.alias, TopicName.id)):
        by_topic[standing[topic_id]].append(text)
    for topic_id, texts in by_topic.items():
        found.learn("topic", topic_id, texts)
    forums = select(Forum.id, Forum.name, Forum.short_name, Forum.aliases).order_by(Forum.id)
    for forum_id, name, short_name, aliases in session.execute(forums):
        found.learn("forum", forum_id, (short_name, name, *aliases))
    for counterpart_id, name in session.execute(select(Counterpart.id, Counterpart.name).order_by(Counterpart.id)):
        found.learn("counterpart", counterpart_id, (name,))
    for group_id, name in session.execute(select(Group.id, Group.name)):
        found.learn("group", group_id, (name,))
    return found


def unit_names(organisation: tuple[str, str], name: str, short_name: str) -> tuple[str, ...]:
    """Return the names by which a unit is found, the shortest first; with its organisation where two have the same."""
    homes = tuple(dict.fromkeys(organisation))
    return (short_name, name, *(f"{home} / {own}" for home in homes for own in dict.fromkeys((short_name, name))))


def held(session: Session, kind: ListKind) -> list[Held]:
    """Return a list as it stands, in an order that stays the same."""
    return list(_HELD[kind](session))


def _people(session: Session) -> Iterator[Held]:
    roles: defaultdict[int, set[Any]] = defaultdict(set)
    for person_id, role in session.execute(select(Duty.person_id, Duty.role)):
        roles[person_id].add(role)
    groups: defaultdict[int, set[int]] = defaultdict(set)
    for person_id, group_id in session.execute(select(Membership.person_id, Membership.group_id)):
        groups[person_id].add(group_id)
    columns = (Person.id, Person.ref, Person.email, Person.name, Person.unit_id, Person.clearance, Person.disabled_at)
    for row in session.execute(select(*columns).order_by(Person.name, Person.id)):
        yield Held(
            row.id,
            row.ref,
            {
                "email": row.email,
                "name": row[3],
                "unit": row.unit_id,
                "roles": frozenset(roles[row.id]),
                "clearance": row.clearance,
                "groups": frozenset(groups[row.id]),
                "state": Standing.ACTIVE if row.disabled_at is None else Standing.DISABLED,
            },
        )


def _units(session: Session) -> Iterator[Held]:
    for unit in session.scalars(select(Unit).order_by(Unit.organisation_id, Unit.short_name, Unit.id)):
        yield Held(
            unit.id,
            unit.ref,
            {
                "organisation": unit.organisation_id,
                "name": unit.name,
                "short_name": unit.short_name,
                "parent": unit.parent_id,
                "mailbox": unit.mailbox or "",
                "starts_on": unit.starts_on,
                "ends_on": unit.ends_on,
            },
        )


def _topics(session: Session) -> Iterator[Held]:
    broader: defaultdict[int, set[int]] = defaultdict(set)
    for topic_id, broader_id in session.execute(select(Broader.topic_id, Broader.broader_id)):
        broader[topic_id].add(broader_id)
    related: defaultdict[int, set[int]] = defaultdict(set)
    for low, high in session.execute(select(Related.low_id, Related.high_id)):
        related[low].add(high)
        related[high].add(low)
    aliases: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)
    for row in session.execute(select(TopicName.topic_id, TopicName.language, TopicName.text).where(TopicName.alias)):
        aliases[row.topic_id].add((row.language, row.text))
    for topic in session.scalars(select(Topic).where(Topic.merged_into_id.is_(None)).order_by(Topic.name, Topic.id)):
        yield Held(
            topic.id,
            topic.ref,
            {
                "name": topic.name,
                "umbrella": topic.umbrella,
                "broader": frozenset(broader[topic.id]),
                "related": frozenset(related[topic.id]),
                "aliases": frozenset(aliases[topic.id]),
            },
        )


def _equities(session: Session) -> Iterator[Held]:
    found = select(Equity).join(Topic, Topic.id == Equity.topic_id).where(Topic.merged_into_id.is_(None))
    for equity in session.scalars(found.order_by(Topic.name, Equity.from_on, Equity.id)):
        yield Held(
            equity.id,
            equity.ref,
            {
                "topic": equity.topic_id,
                "unit": equity.unit_id,
                "stake": equity.stake,
                "from_on": equity.from_on,
                "until_on": equity.until_on,
            },
        )


def _forums(session: Session) -> Iterator[Held]:
    for forum in session.scalars(select(Forum).order_by(Forum.short_name, Forum.id)):
        yield Held(forum.id, forum.ref, {"name": forum.name, "short_name": forum.short_name, "aliases": forum.aliases})


def _events(session: Session) -> Iterator[Held]:
    for event in session.scalars(select(Event).order_by(Event.starts_on, Event.id)):
        yield Held(
            event.id,
            event.ref,
            {
                "forum": event.forum_id,
                "name": event.name,
                "starts_on": event.starts_on,
                "ends_on": event.ends_on,
                "place": event.place,
                "aliases": event.aliases,
            },
        )


def _instruments(session: Session) -> Iterator[Held]:
    rows = select(Instrument).options(selectinload(Instrument.named_parties)).order_by(Instrument.short_name, Instrument.id)
    for paper in session.scalars(rows.execution_options(populate_existing=True)):
        yield Held(
            paper.id,
            paper.ref,
            {
                "name": paper.name,
                "short_name": paper.short_name,
                "kind": paper.kind,
                "forum": paper.forum_id,
                "party_list": frozenset(c.id for c in paper.named_parties),
                "parties": paper.parties,
                "adopted_on": paper.adopted_on,
                "in_force_on": paper.in_force_on,
                "link": paper.link,
            },
        )


_HELD: dict[ListKind, Callable[[Session], Iterator[Held]]] = {
    ListKind.PEOPLE: _people,
    ListKind.UNITS: _units,
    ListKind.TOPICS: _topics,
    ListKind.EQUITIES: _equities,
    ListKind.FORUMS: _forums,
    ListKind.EVENTS: _events,
    ListKind.INSTRUMENTS: _instruments,
}
