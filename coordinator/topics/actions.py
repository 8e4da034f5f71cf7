"""What can be done with topics. Whatever can move an overlap is marked as touched."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, or_, select, update
from sqlalchemy.orm import Session

from coordinator.db import touch
from coordinator.errors import Refused
from coordinator.history.actions import record
from coordinator.people.models import Person
from coordinator.people.rules import comparable
from coordinator.topics.models import Broader, Equity, Related, Stake, Topic, TopicName
from coordinator.topics.queries import broader_edges, by_key
from coordinator.topics.rules import EquityDraft, TopicDraft, joined, key_of, makes_a_circle, meets


class NameTaken(Refused):
    """A topic has this name or alias already. Open that one, or choose another name."""

    field = "name"
    text = ""
    """The name that is taken, where several were typed."""


class WithinItself(Refused):
    """A topic cannot lie within itself, not even through others."""

    field = "broader"


class MergedAlready(Refused):
    """This topic has been merged into another; change that one."""


class EndsBeforeItStarts(Refused):
    """This stake ends before it starts."""

    field = "until_on"


class StakeHeld(Refused):
    """This unit has a stake in the topic at that time already. End it first."""

    field = "unit"


# What hangs on a topic on the floors above moves along when it is merged into another.
Merged = Callable[[Session, Topic, Topic, datetime], None]
_merged: list[Merged] = []


def when_merged(follow: Merged) -> None:
    """Say what else moves when a topic (the first) is merged into another."""
    _merged.append(follow)


def add(session: Session, draft: TopicDraft, *, by: Person | None, at: datetime) -> Topic:
    """Add a topic with its names and edges; raises NameTaken, WithinItself."""
    _free(session, draft.name)
    topic = Topic(key=draft.key or _free_key(session, draft.name), name=draft.name, umbrella=draft.umbrella)
    session.add(topic)
    session.flush()  # gives the topic its id
    session.add(_named(topic, draft.name, "en", alias=False))
    session.flush()
    touch(session, "topic", topic.id)
    record(session, "topic.added", subject=("topic", topic.id), by=by, at=at, said={"name": draft.name, "umbrella": draft.umbrella})
    _level(session, topic, draft, by=by, at=at)
    return topic


def load(session: Session, listed: Iterable[Mapping[str, Any]], *, by: Person | None, at: datetime) -> int:
    """Bring in a list of topics, as config/topics.toml has them, and return how many are new; what is there is left alone.

    Raises NameTaken, WithinItself, and KeyError where a list names a topic that neither it nor the register has.
    """
    new: list[tuple[Topic, Mapping[str, Any]]] = []
    for said in listed:
        if by_key(session, said["key"]) is None:
            draft = TopicDraft(name=said["name"], key=said["key"], umbrella=said.get("umbrella", False))
            new.append((add(session, draft, by=by, at=at), said))
    for topic, said in new:  # the edges last: a list names topics before they come
        for alias in said.get("alias", ()):
            add_alias(session, topic, alias["text"], language=alias["language"], by=by, at=at)
        broaden(session, topic, [_known(session, key).id for key in said.get("broader", ())], by=by, at=at)
        for key in said.get("related", ()):
            relate(session, topic, _known(session, key), by=by, at=at)
    return len(new)


def _known(session: Session, key: str) -> Topic:
    topic = by_key(session, key)
    if topic is None:
        raise KeyError(f"there is no topic with the key {key}")
    return topic


def revise(session: Session, topic: Topic, draft: TopicDraft, *, by: Person | None, at: datetime) -> None:
    """Bring a topic to what is drafted, recording what differs; raises NameTaken, WithinItself, MergedAlready."""
    _standing(topic)
    rename(session, topic, draft.name, by=by, at=at)
    mark_umbrella(session, topic, draft.umbrella, by=by, at=at)
    _level(session, topic, draft, by=by, at=at)


def rename(session: Session, topic: Topic, name: str, *, by: Person | None, at: datetime) -> None:
    """Rename a topic; the same name changes nothing. Raises NameTaken, MergedAlready."""
    _standing(topic)
    if topic.name == name:
        return
    _free(session, name, but=topic.id)
    before, topic.name = topic.name, name
    # its own name moves along; an alias that reads the same becomes the name
    session.execute(
        delete(TopicName).where(TopicName.topic_id == topic.id, TopicName.text_key == comparable(name), TopicName.alias)
    )
    own = session.scalars(select(TopicName).where(TopicName.topic_id == topic.id, ~TopicName.alias)).one()
    own.text, own.text_key = name, comparable(name)
    touch(session, "topic", topic.id)
    record(session, "topic.renamed", subject=("topic", topic.id), by=by, at=at, said={"from": before, "to": name})


def add_alias(session: Session, topic: Topic, text: str, *, language: str, by: Person | None, at: datetime) -> None:
    """Add another name that finds a topic; one that it has already changes nothing. Raises NameTaken, MergedAlready."""
    _standing(topic)
    held = session.scalars(select(TopicName).where(TopicName.text_key == comparable(text))).one_or_none()
    if held is not None and held.topic_id == topic.id:
        return
    if held is not None:
        taken = NameTaken(field="aliases")
        taken.text = text
        raise taken
    session.add(_named(topic, text, language, alias=True))
    session.flush()
    touch(session, "topic", topic.id)
    record(session, "topic.alias_added", subject=("topic", topic.id), by=by, at=at, said={"text": text, "language": language})


def drop_alias(session: Session, topic: Topic, text: str, *, by: Person | None, at: datetime) -> None:
    """Take an alias away; one that is not there changes nothing."""
    gone = session.scalars(
        select(TopicName).where(TopicName.topic_id == topic.id, TopicName.alias, TopicName.text_key == comparable(text))
    ).one_or_none()
    if gone is not None:
        session.delete(gone)
        touch(session, "topic", topic.id)
        record(session, "topic.alias_dropped", subject=("topic", topic.id), by=by, at=at, said={"text": text})


def broaden(
    session: Session, topic: Topic, broader_ids: Iterable[int], *, by: Person | None, at: datetime, field: str = "broader"
) -> None:
    """Say which topics a topic lies within, all of them; raises WithinItself, MergedAlready."""
    _standing(topic)
    wanted, edges = set(broader_ids), broader_edges(session)
    has = edges.get(topic.id, set())
    if wanted == has:
        return
    if any(makes_a_circle(topic.id, broader_id, edges) for broader_id in wanted - has):
        raise WithinItself(field=field)
    names = dict(session.execute(select(Topic.id, Topic.name).where(Topic.id.in_(has ^ wanted))).all())
    session.execute(delete(Broader).where(Broader.topic_id == topic.id, Broader.broader_id.in_(has - wanted)))
    session.add_all(Broader(topic_id=topic.id, broader_id=broader_id) for broader_id in wanted - has)
    session.flush()
    touch(session, "topic", topic.id, *(has ^ wanted))
    said = {"added": sorted(names[i] for i in wanted - has), "dropped": sorted(names[i] for i in has - wanted)}
    record(session, "topic.broadened", subject=("topic", topic.id), by=by, at=at, said=said)


def _put_within(session: Session, narrower: Iterable[int], topic: Topic, *, by: Person | None, at: datetime) -> None:
    edges = broader_edges(session)
    for narrow in session.scalars(select(Topic).where(Topic.id.in_(sorted(narrower))).order_by(Topic.id)).all():
        broaden(session, narrow, edges.get(narrow.id, set()) | {topic.id}, by=by, at=at, field="narrower")


def _take_out(session: Session, narrower: Iterable[int], topic: Topic, *, by: Person | None, at: datetime) -> None:
    edges = broader_edges(session)
    for narrow in session.scalars(select(Topic).where(Topic.id.in_(sorted(narrower))).order_by(Topic.id)).all():
        broaden(session, narrow, edges[narrow.id] - {topic.id}, by=by, at=at)


def relate(session: Session, topic: Topic, other: Topic, *, by: Person | None, at: datetime) -> None:
    """Join two wings of the butterfly; joined ones stay so. Raises WithinItself for one and the same, MergedAlready."""
    _standing(topic)
    _standing(other)
    if topic.id == other.id:
        raise WithinItself(field="related")
    low, high = sorted((topic.id, other.id))
    if session.get(Related, (low, high)) is None:
        session.add(Related(low_id=low, high_id=high))
        session.flush()
        touch(session, "topic", low, high)
        record(session, "topic.related", subject=("topic", topic.id), by=by, at=at, said={"to": other.name})


def unrelate(session: Session, topic: Topic, other: Topic, *, by: Person | None, at: datetime) -> None:
    """Part two wings again."""
    low, high = sorted((topic.id, other.id))
    edge = session.get(Related, (low, high))
    if edge is not None:
        session.delete(edge)
        session.flush()
        touch(session, "topic", low, high)
        record(session, "topic.unrelated", subject=("topic", topic.id), by=by, at=at, said={"from": other.name})


def mark_umbrella(session: Session, topic: Topic, umbrella: bool, *, by: Person | None, at: datetime) -> None:
    """Say whether a topic is so wide that sharing it says nothing."""
    _standing(topic)
    if topic.umbrella != umbrella:
        topic.umbrella = umbrella
        touch(session, "topic", topic.id)
        record(session, "topic.umbrella_marked", subject=("topic", topic.id), by=by, at=at, said={"umbrella": umbrella})


def merge(session: Session, topic: Topic, *, into: Topic, by: Person | None, at: datetime) -> None:
    """Let a topic redirect to another, which takes over its names, edges and stakes.

    What hangs on a topic on the floors above (entries, questions, what was decided about overlaps) follows through
    `when_merged`, in the same transaction. Raises WithinItself for one and the same, MergedAlready.
    """
    _standing(topic)
    _standing(into)
    if topic.id == into.id:
        raise WithinItself(field="into")
    touch(session, "topic", topic.id, into.id, *_neighbours(session, topic.id))
    _move_edges(session, topic.id, into.id)
    session.execute(update(TopicName).where(TopicName.topic_id == topic.id).values(topic_id=into.id, alias=True))
    _move_stakes(session, topic.id, into.id)
    session.execute(update(Topic).where(Topic.merged_into_id == topic.id).values(merged_into_id=into.id))
    topic.merged_into_id = into.id
    session.flush()
    record(session, "topic.merged", subject=("topic", topic.id), by=by, at=at, said={"into": into.name})
    record(session, "topic.took_in", subject=("topic", into.id), by=by, at=at, said={"name": topic.name})
    for follow in _merged:
        follow(session, topic, into, at)


def _move_stakes(session: Session, gone: int, into: int) -> None:
    """Give the stakes in one topic to another; where a unit has one there on the same days, the one with more say stands."""
    there = list(session.scalars(select(Equity).where(Equity.topic_id == into).order_by(Equity.id)))
    for stake in session.scalars(select(Equity).where(Equity.topic_id == gone).order_by(Equity.id)).all():
        same = [other for other in there if other.unit_id == stake.unit_id and meets(stake, other)]
        stake.stake, stake.from_on, stake.until_on = joined([stake, *same])
        stake.topic_id = into
        for other in same:
            session.delete(other)
        there = [other for other in there if other not in same] + [stake]
    session.flush()


def _neighbours(session: Session, topic_id: int) -> set[int]:
    found = {
        t
        for edge in session.scalars(select(Broader).where(or_(Broader.topic_id == topic_id, Broader.broader_id == topic_id)))
        for t in (edge.topic_id, edge.broader_id)
    }
    found |= {
        t
        for edge in session.scalars(select(Related).where(or_(Related.low_id == topic_id, Related.high_id == topic_id)))
        for t in (edge.low_id, edge.high_id)
    }
    return found - {topic_id}


def _move_edges(session: Session, gone: int, into: int) -> None:
    edges = broader_edges(session)
    up, down = edges.pop(gone, set()), {t for t, above in edges.items() if gone in above}
    related = {
        low if high == gone else high
        for low, high in session.execute(
            select(Related.low_id, Related.high_id).where(or_(Related.low_id == gone, Related.high_id == gone))
        )
    }
    session.execute(delete(Broader).where(or_(Broader.topic_id == gone, Broader.broader_id == gone)))
    session.execute(delete(Related).where(or_(Related.low_id == gone, Related.high_id == gone)))
    for above in edges.values():
        above.discard(gone)
    for low, high in [*((into, b) for b in up), *((t, into) for t in down)]:
        # an edge that would close a circle between the two falls away with the merge
        if low != high and high not in edges.get(low, set()) and not makes_a_circle(low, high, edges):
            session.add(Broader(topic_id=low, broader_id=high))
            edges.setdefault(low, set()).add(high)
    for other in related - {into}:
        low, high = sorted((into, other))
        if session.get(Related, (low, high)) is None:
            session.add(Related(low_id=low, high_id=high))
    session.flush()


# --- stakes ----------------------------------------------------------------------------------------------------------------


def give_equity(session: Session, topic: Topic, draft: EquityDraft, *, by: Person | None, at: datetime) -> Equity:
    """Give a unit a dated stake; raises EndsBeforeItStarts, StakeHeld if it has one at that time, MergedAlready."""
    _standing(topic)
    if draft.until_on is not None and draft.until_on < draft.from_on:
        raise EndsBeforeItStarts
    if _meeting(session, topic, draft):
        raise StakeHeld
    equity = Equity(topic_id=topic.id, unit_id=draft.unit_id, stake=draft.stake, from_on=draft.from_on, until_on=draft.until_on)
    session.add(equity)
    session.flush()  # gives the stake its id
    _stake_moved(session, "equity.given", equity, by=by, at=at)
    return equity


def end_equity(session: Session, equity: Equity, *, on: date, by: Person | None, at: datetime) -> None:
    """Let a stake end on a day, the last on which it holds; raises EndsBeforeItStarts."""
    if on < equity.from_on:
        raise EndsBeforeItStarts
    equity.until_on = on
    session.flush()
    _stake_moved(session, "equity.ended", equity, by=by, at=at)


def place(session: Session, topic: Topic, draft: EquityDraft, *, by: Person | None, at: datetime) -> Equity:
    """Let a unit have a stake from a day on: what it had until then ends on the day before. Raises as `give_equity` does."""
    _standing(topic)
    held = _held(session, topic, draft.unit_id, draft.from_on)
    if held is None:
        return give_equity(session, topic, draft, by=by, at=at)
    if held.stake == draft.stake or held.from_on == draft.from_on:
        if draft.until_on is not None and draft.until_on < held.from_on:
            raise EndsBeforeItStarts
        if _meeting(session, topic, draft, but=held.id):
            raise StakeHeld
        if (held.stake, held.until_on) != (draft.stake, draft.until_on):
            before = held.stake
            held.stake, held.until_on = draft.stake, draft.until_on
            session.flush()
            _stake_moved(session, "equity.changed", held, by=by, at=at, was=before)
        return held
    end_equity(session, held, on=draft.from_on - timedelta(days=1), by=by, at=at)
    return give_equity(session, topic, draft, by=by, at=at)


def clear(session: Session, topic: Topic, unit_id: int, *, on: date, by: Person | None, at: datetime) -> None:
    """Let a unit have no stake from a day on; one that would have begun on that day is taken back. Raises MergedAlready."""
    _standing(topic)
    held = _held(session, topic, unit_id, on)
    if held is None:
        return
    if held.from_on < on:
        end_equity(session, held, on=on - timedelta(days=1), by=by, at=at)
        return
    _stake_moved(session, "equity.taken_back", held, by=by, at=at)
    session.delete(held)
    session.flush()


def _held(session: Session, topic: Topic, unit_id: int, on: date) -> Equity | None:
    day = EquityDraft(unit_id=unit_id, stake=Stake.INFORM, from_on=on, until_on=on)
    return session.scalars(_meeting_rows(topic, day)).one_or_none()


def _meeting_rows(topic: Topic, draft: EquityDraft) -> Select[Equity]:
    """Return a select of the unit's stakes in a topic that hold on one of the days of a draft."""
    found = select(Equity).where(
        Equity.topic_id == topic.id,
        Equity.unit_id == draft.unit_id,
        or_(Equity.until_on.is_(None), Equity.until_on >= draft.from_on),
    )
    return found if draft.until_on is None else found.where(Equity.from_on <= draft.until_on)


def _meeting(session: Session, topic: Topic, draft: EquityDraft, *, but: int = 0) -> bool:
    return session.scalars(_meeting_rows(topic, draft).where(Equity.id != but)).first() is not None


def hand_on(session: Session, equity: Equity, *, to: int, on: date, by: Person | None, at: datetime) -> None:
    """Let a stake go on as another unit's from a day on, to its own end.

    Where that unit has a stake in the topic at the same time, the stronger of the two counts.
    """
    start, until, gone = max(on, equity.from_on), equity.until_on, timedelta(days=1)
    if until is not None and until < on:
        return
    if equity.from_on < on:
        end_equity(session, equity, on=on - gone, by=by, at=at)
    else:
        _drop_equity(session, equity, by=by, at=at)
    for held in _stakes_between(session, equity, to, start, until):
        if held.stake.weight <= equity.stake.weight:
            if start < held.from_on:
                _take_over(session, equity, to, start, held.from_on - gone, by=by, at=at)
            if held.until_on is None:
                return
            start = max(start, held.until_on + gone)
    if until is None or start <= until:
        _take_over(session, equity, to, start, until, by=by, at=at)


def _stakes_between(session: Session, equity: Equity, unit_id: int, start: date, until: date | None) -> Sequence[Equity]:
    same = EquityDraft(unit_id=unit_id, stake=equity.stake, from_on=start, until_on=until)
    topic = session.get_one(Topic, equity.topic_id)
    return session.scalars(_meeting_rows(topic, same).order_by(Equity.from_on, Equity.id)).all()


def _take_over(
    session: Session, equity: Equity, to: int, start: date, until: date | None, *, by: Person | None, at: datetime
) -> None:
    """Give a unit another's stake for a time; a weaker one that it has then steps back, and comes back afterwards."""
    for weaker in _stakes_between(session, equity, to, start, until):
        last, stake = weaker.until_on, weaker.stake
        if weaker.from_on < start:
            end_equity(session, weaker, on=start - timedelta(days=1), by=by, at=at)
        else:
            _drop_equity(session, weaker, by=by, at=at)
        if until is not None and (last is None or last > until):
            _give(session, equity.topic_id, to, stake, until + timedelta(days=1), last, by=by, at=at)
    _give(session, equity.topic_id, to, equity.stake, start, until, by=by, at=at, came_from=equity.unit_id)


def _give(
    session: Session,
    topic_id: int,
    unit_id: int,
    stake: Stake,
    start: date,
    until: date | None,
    *,
    by: Person | None,
    at: datetime,
    came_from: int | None = None,
) -> None:
    fresh = Equity(topic_id=topic_id, unit_id=unit_id, stake=stake, from_on=start, until_on=until)
    session.add(fresh)
    session.flush()
    _stake_moved(session, "equity.given" if came_from is None else "equity.handed_on", fresh, by=by, at=at, came_from=came_from)


def _drop_equity(session: Session, equity: Equity, *, by: Person | None, at: datetime) -> None:
    _stake_moved(session, "equity.taken_back", equity, by=by, at=at)
    session.delete(equity)
    session.flush()


def _stake_moved(
    session: Session,
    action: str,
    equity: Equity,
    *,
    by: Person | None,
    at: datetime,
    was: Stake | None = None,
    came_from: int | None = None,
) -> None:
    touch(session, "topic", equity.topic_id)
    said: dict[str, Any] = {"unit": equity.unit_id, "stake": equity.stake.value, "from": equity.from_on.isoformat()}
    if equity.until_on is not None:
        said["until"] = equity.until_on.isoformat()
    if was is not None and was != equity.stake:
        said["stake_was"] = was.value
    if came_from is not None:
        said["came_from"] = came_from
    record(session, action, subject=("topic", equity.topic_id), by=by, at=at, said=said)


# --- inside --------------------------------------------------------------------------------------------------------------


def _standing(topic: Topic) -> None:
    if topic.merged_into_id is not None:
        raise MergedAlready


def _free(session: Session, name: str, *, but: int | None = None) -> None:
    taken = session.scalars(select(TopicName.topic_id).where(TopicName.text_key == comparable(name))).one_or_none()
    if taken is not None and taken != but:
        raise NameTaken


def _free_key(session: Session, name: str) -> str:
    key, number = key_of(name), 1
    taken = set(session.scalars(select(Topic.key)))
    while (found := key if number == 1 else f"{key[:76]}-{number}") in taken:
        number += 1
    return found


def _named(topic: Topic, text: str, language: str, *, alias: bool) -> TopicName:
    return TopicName(topic_id=topic.id, text=text, text_key=comparable(text), language=language, alias=alias)


def _level(session: Session, topic: Topic, draft: TopicDraft, *, by: Person | None, at: datetime) -> None:
    edges = broader_edges(session)
    below = {t for t, above in edges.items() if topic.id in above}
    inside = below if draft.narrower_ids is None else set(draft.narrower_ids)
    _take_out(session, below - inside, topic, by=by, at=at)  # first, so that two topics can change places
    broaden(session, topic, draft.broader_ids, by=by, at=at)
    _put_within(session, inside - below, topic, by=by, at=at)
    pairs = session.execute(
        select(Related.low_id, Related.high_id).where(or_(Related.low_id == topic.id, Related.high_id == topic.id))
    )
    has = {low if high == topic.id else high for low, high in pairs}
    for other in session.scalars(select(Topic).where(Topic.id.in_(has ^ draft.related_ids)).order_by(Topic.id)).all():
        (relate if other.id in draft.related_ids else unrelate)(session, topic, other, by=by, at=at)
    named = session.scalars(select(TopicName).where(TopicName.topic_id == topic.id, TopicName.alias).order_by(TopicName.id)).all()
    wanted = {comparable(text): (language, text) for language, text in draft.aliases}
    for name in named:
        if name.text_key not in wanted:
            drop_alias(session, topic, name.text, by=by, at=at)
    session.flush()
    for key, (language, text) in sorted(wanted.items()):
        if key not in {n.text_key for n in named}:
            add_alias(session, topic, text, language=language, by=by, at=at)
