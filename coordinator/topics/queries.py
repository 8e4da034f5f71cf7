"""What is known of topics."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from coordinator.errors import NotFound
from coordinator.people.models import Unit
from coordinator.people.rules import comparable
from coordinator.topics.models import Broader, Equity, Related, Topic, TopicName
from coordinator.topics.rules import WEIGHT

FEWEST_LETTERS = 3
MOST_SUGGESTIONS = 10


@dataclass(frozen=True)
class Node:
    """A topic in the tree, with those that lie within it; one with several broader topics stands under each."""

    topic: Topic
    children: tuple["Node", ...]


def topics(session: Session) -> Sequence[Topic]:
    """Return all topics that are not merged, with their names and aliases, by name."""
    return session.scalars(
        select(Topic).where(Topic.merged_into_id.is_(None)).options(selectinload(Topic.names)).order_by(Topic.name, Topic.id)
    ).all()


def topic(session: Session, ref: str) -> Topic:
    """Return a topic by ref with its names, or the one that it was merged into; raises NotFound."""
    found = session.scalars(select(Topic).where(Topic.ref == ref)).one_or_none()
    for _step in range(20):
        if found is None or found.merged_into_id is None:
            break
        found = session.scalars(select(Topic).where(Topic.id == found.merged_into_id)).one_or_none()
    if found is None:
        raise NotFound
    return session.scalars(select(Topic).where(Topic.id == found.id).options(selectinload(Topic.names))).one()


def by_key(session: Session, key: str) -> Topic | None:
    """Return a topic by key, or None."""
    return session.scalars(select(Topic).where(Topic.key == key)).one_or_none()


def by_name(session: Session, text: str) -> Topic | None:
    """Return the topic that has a key, a name or an alias, compared as names are, or None."""
    found = session.scalars(
        select(Topic).join(TopicName, TopicName.topic_id == Topic.id).where(TopicName.text_key == comparable(text))
    ).one_or_none()
    return found or session.scalars(select(Topic).where(Topic.key == text, Topic.merged_into_id.is_(None))).one_or_none()


def tree(session: Session) -> tuple[Node, ...]:
    """Return the topics that lie within no other, each with what lies within it, by name."""
    listed = {t.id: t for t in topics(session)}
    within: dict[int, list[int]] = defaultdict(list)
    inner = set[int]()
    for edge in session.scalars(select(Broader)):
        if edge.topic_id in listed and edge.broader_id in listed:
            within[edge.broader_id].append(edge.topic_id)
            inner.add(edge.topic_id)
    order = {topic_id: place for place, topic_id in enumerate(listed)}

    def node(topic_id: int) -> Node:
        below = sorted(within[topic_id], key=order.__getitem__)
        return Node(listed[topic_id], tuple(node(child) for child in below))

    return tuple(node(topic_id) for topic_id in listed if topic_id not in inner)


def broader_edges(session: Session) -> dict[int, set[int]]:
    """Return for each topic the ids of the topics directly broader."""
    found: dict[int, set[int]] = defaultdict(set)
    for topic_id, broader_id in session.execute(select(Broader.topic_id, Broader.broader_id)):
        found[topic_id].add(broader_id)
    return found


def standing(session: Session | Connection, ids: Iterable[int]) -> set[int]:
    """Return the topics that some ids stand for today: of a merged one the id of the one that took it up."""
    wanted = sorted(set(ids))
    found = select(Topic.__table__.c.id, Topic.__table__.c.merged_into_id).where(Topic.__table__.c.id.in_(wanted))
    return {into or topic_id for topic_id, into in session.execute(found)}


def broader_of(session: Session, topic_id: int) -> Sequence[Topic]:
    """Return the topics that a topic lies within, by name."""
    return _ordered(session, select(Broader.broader_id).where(Broader.topic_id == topic_id))


def narrower_of(session: Session, topic_id: int) -> Sequence[Topic]:
    """Return the topics that lie within a topic, by name."""
    return _ordered(session, select(Broader.topic_id).where(Broader.broader_id == topic_id))


def basket(session: Session, topic_id: int) -> frozenset[int]:
    """Return the ids of a topic and of all topics that lie within it, however deep."""
    inner = select(Topic.id).where(Topic.id == topic_id).cte("inner_topics", recursive=True)
    inner = inner.union(select(Broader.topic_id).join(inner, Broader.broader_id == inner.c.id))
    return frozenset(session.scalars(select(inner.c.id)))


def related_of(session: Session, topic_id: int) -> Sequence[Topic]:
    """Return the other wings of the butterfly, by name."""
    one_way = select(Related.high_id).where(Related.low_id == topic_id)
    return _ordered(session, one_way.union(select(Related.low_id).where(Related.high_id == topic_id)))


def _ordered(session: Session, ids: Any) -> Sequence[Topic]:
    found = select(Topic).where(Topic.id.in_(ids), Topic.merged_into_id.is_(None))
    return session.scalars(found.order_by(Topic.name, Topic.id)).all()


def equities(session: Session, topic_id: int) -> Sequence[Equity]:
    """Return all stakes in a topic, past ones too, the newest first, with their units."""
    return session.scalars(
        select(Equity)
        .where(Equity.topic_id == topic_id)
        .options(joinedload(Equity.unit).joinedload(Unit.organisation))
        .order_by(Equity.from_on.desc(), Equity.id)
    ).all()


def stakes_of(session: Session, unit_ids: Iterable[int]) -> Sequence[Equity]:
    """Return all stakes of some units, past ones too, with topics and units, by topic, the newest first."""
    return session.scalars(
        select(Equity)
        .join(Topic, Topic.id == Equity.topic_id)
        .where(Equity.unit_id.in_(sorted(set(unit_ids))))
        .options(joinedload(Equity.topic), joinedload(Equity.unit))
        .order_by(Topic.name, Equity.from_on.desc(), Equity.id)
    ).all()


def equities_at(session: Session, topic_ids: Iterable[int], day: date) -> Sequence[Equity]:
    """Return the stakes in topics that hold on a day, with their units, by topic and weight of the stake."""
    found = session.scalars(
        select(Equity)
        .where(
            Equity.topic_id.in_(sorted(set(topic_ids))),
            Equity.from_on <= day,
            or_(Equity.until_on.is_(None), Equity.until_on >= day),
        )
        .options(joinedload(Equity.unit).joinedload(Unit.organisation))
    ).all()
    return sorted(found, key=lambda e: (e.topic_id, WEIGHT[e.stake], e.unit.short_name, e.id))


def stakes_from(session: Session, topic_ids: Iterable[int], day: date) -> Sequence[Equity]:
    """Return the stakes in topics that hold on a day or begin after it, with their units, the earliest first."""
    return session.scalars(
        select(Equity)
        .where(Equity.topic_id.in_(sorted(set(topic_ids))), or_(Equity.until_on.is_(None), Equity.until_on >= day))
        .options(joinedload(Equity.unit).joinedload(Unit.organisation))
        .order_by(Equity.from_on, Equity.id)
    ).all()


def equity(session: Session, topic_id: int, ref: str) -> Equity:
    """Return a stake in a topic by ref; raises NotFound."""
    found = session.scalars(select(Equity).where(Equity.topic_id == topic_id, Equity.ref == ref)).one_or_none()
    if found is None:
        raise NotFound
    return found


def suggestions(session: Session, typed: str) -> Sequence[Topic]:
    """Return at most ten topics with a name or alias that begins as typed; fewer than three letters suggest nothing."""
    wanted = comparable(typed)
    if len(wanted) < FEWEST_LETTERS:
        return ()
    named = select(TopicName.topic_id).where(TopicName.text_key.startswith(wanted, autoescape=True))
    return session.scalars(
        select(Topic)
        .where(Topic.id.in_(named), Topic.merged_into_id.is_(None))
        .order_by(Topic.name, Topic.id)
        .limit(MOST_SUGGESTIONS)
    ).all()


def offered(session: Session) -> list[tuple[str, str, int, dict[str, str]]]:
    """Return all topics as choices of a form: ref, name, id, and the aliases that are searched too."""
    return [
        (
            t.ref,
            t.name,
            t.id,
            {"data-aliases": " | ".join(n.text for n in t.names if n.alias)} if any(n.alias for n in t.names) else {},
        )
        for t in topics(session)
    ]
