"""What is excluded: for the detector over its own connection, for a reader as far as they may see it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, or_, select, true
from sqlalchemy.orm import Session, joinedload

from coordinator.db import Reader, protect
from coordinator.entries.models import Entry, EntryTopic, State
from coordinator.entries.queries import visible
from coordinator.errors import NotFound
from coordinator.exclusions.models import Exclusion, ExclusionKind
from coordinator.people.models import Person

PAGE = 25

# --- who sees an exclusion: of a pair whoever sees both ends, of the rest the ministry and the units themselves --------------

_low, _high = Entry.__table__.alias(), Entry.__table__.alias()  # making one is slow: each criterion keeps its own


def _seen(exclusion: Any) -> Any:
    def criterion(reader: Reader) -> ColumnElement[bool]:
        low, high = _low, _high
        both = and_(
            exists().where(low.c.id == exclusion.low_id, visible(reader, low.c)),
            exists().where(high.c.id == exclusion.high_id, visible(reader, high.c)),
        )
        own = sorted(int(t.partition(":")[2]) for t in reader.tokens if t.startswith("unit:"))
        inside = "circle:ministry" in reader.tokens
        units = true() if inside else or_(exclusion.unit_id.in_(own), exclusion.other_unit_id.in_(own))
        return or_(both, and_(exclusion.kind != ExclusionKind.PAIR, units))

    return criterion


protect(Exclusion, _seen(Exclusion))
_exclusion = Exclusion.__table__


def of_exclusion(exclusion_id: Any) -> Any:
    """Return a criterion for rows that hang on an exclusion: they are seen when it is."""
    alias = _exclusion.alias()

    def criterion(reader: Reader) -> ColumnElement[bool]:
        return exists().where(alias.c.id == exclusion_id, _seen(alias.c)(reader))

    return criterion


# --- what the detector is told -----------------------------------------------------------------------------------------------

_holds = _exclusion.c.ended_at.is_(None)


def pairs(connection: Connection) -> dict[tuple[int, int], int]:
    """Return the excluded pairs, each with its exclusion."""
    rows = connection.execute(
        select(_exclusion.c.low_id, _exclusion.c.high_id, _exclusion.c.id)
        .where(_holds, _exclusion.c.kind == ExclusionKind.PAIR)
        .order_by(_exclusion.c.id.desc())
    )
    return {(low, high): i for low, high, i in rows}


def units_on_topics(connection: Connection) -> dict[tuple[int, int, int], int]:
    """Return which two units are excluded on which topic (lower unit, higher unit, topic), each with its exclusion."""
    rows = connection.execute(
        select(_exclusion.c.unit_id, _exclusion.c.other_unit_id, _exclusion.c.topic_id, _exclusion.c.id)
        .where(_holds, _exclusion.c.kind == ExclusionKind.UNITS)
        .order_by(_exclusion.c.id.desc())
    )
    return {(one, other, topic): i for one, other, topic, i in rows}


def phrases(connection: Connection) -> dict[int, tuple[str, ...]]:
    """Return the phrases that say nothing in the texts of each unit that has some."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    rows = connection.execute(
        select(_exclusion.c.unit_id, _exclusion.c.phrase)
        .where(_holds, _exclusion.c.kind == ExclusionKind.PHRASE)
        .order_by(_exclusion.c.id)
    )
    for unit_id, phrase in rows:
        found[unit_id].append(phrase)
    return {unit_id: tuple(said) for unit_id, said in found.items()}


def entries_on(connection: Connection, unit_id: int, topic_id: int) -> list[int]:
    """Return the released entries of a unit on a topic."""
    entry, topic = Entry.__table__, EntryTopic.__table__
    return list(
        connection.scalars(
            select(entry.c.id)
            .join(topic, topic.c.entry_id == entry.c.id)
            .where(entry.c.unit_id == unit_id, topic.c.topic_id == topic_id, entry.c.state == State.RELEASED)
            .order_by(entry.c.id)
        )
    )


def texts_of(connection: Connection, unit_id: int) -> list[tuple[int, str, str]]:
    """Return the released entries of a unit with title and text."""
    entry = Entry.__table__
    rows = connection.execute(
        select(entry.c.id, entry.c.title, entry.c.text)
        .where(entry.c.unit_id == unit_id, entry.c.state == State.RELEASED)
        .order_by(entry.c.id)
    )
    return [(i, title, text) for i, title, text in rows]


# --- what a reader sees ------------------------------------------------------------------------------------------------------


def with_company() -> Select[Exclusion]:
    """Return a select of exclusions with what they are about and whose they are."""
    low, high = joinedload(Exclusion.low), joinedload(Exclusion.high)
    return select(Exclusion).options(
        low.joinedload(Entry.unit),
        high.joinedload(Entry.unit),
        joinedload(Exclusion.unit),
        joinedload(Exclusion.other_unit),
        joinedload(Exclusion.topic),
        joinedload(Exclusion.owner).joinedload(Person.unit),
        joinedload(Exclusion.owner_unit),
        joinedload(Exclusion.ended_by).joinedload(Person.unit),
    )


def listed(
    session: Session, *, holding: bool, kind: ExclusionKind | None = None, number: int = 1
) -> tuple[Sequence[Exclusion], int]:
    """Return one page of the exclusions that hold (the first to end first) or have ended (the last first), and their number."""
    where: list[ColumnElement[bool]] = [Exclusion.ended_at.is_(None) if holding else Exclusion.ended_at.is_not(None)]
    if kind is not None:
        where.append(Exclusion.kind == kind)
    order = (Exclusion.until_on, Exclusion.id) if holding else (Exclusion.ended_at.desc(), Exclusion.id.desc())
    total = session.scalar(select(func.count(Exclusion.id)).where(*where)) or 0
    rows = session.scalars(with_company().where(*where).order_by(*order).limit(PAGE).offset((number - 1) * PAGE)).all()
    return rows, total


def one(session: Session, ref: str) -> Exclusion:
    """Return an exclusion by ref with its company; raises NotFound for a hidden one as for one that never was."""
    found = session.scalars(with_company().where(Exclusion.ref == ref).execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFound
    return found


def some(session: Session, ids: Iterable[int]) -> Sequence[Exclusion]:
    """Return exclusions by their numbers inside, as far as the reader may see them, the oldest first."""
    return session.scalars(with_company().where(Exclusion.id.in_(list(ids))).order_by(Exclusion.id)).all()


def phrases_of_unit(session: Session, unit_id: int) -> Sequence[Exclusion]:
    """Return the phrases that are left out of a unit's texts, the oldest first."""
    return session.scalars(
        with_company()
        .where(Exclusion.ended_at.is_(None), Exclusion.kind == ExclusionKind.PHRASE, Exclusion.unit_id == unit_id)
        .order_by(Exclusion.id)
    ).all()


def counts(session: Session) -> dict[ExclusionKind, int]:
    """Return how many exclusions of each kind hold, as far as the reader may see them."""
    rows = session.execute(
        select(Exclusion.kind, func.count(Exclusion.id)).where(Exclusion.ended_at.is_(None)).group_by(Exclusion.kind)
    )
    return {kind: number for kind, number in rows}
