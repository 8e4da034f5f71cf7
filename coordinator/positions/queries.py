"""What is known of positions."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from coordinator.calendar.models import Event, Question
from coordinator.db import protect
from coordinator.entries.models import State
from coordinator.entries.queries import hangs_on
from coordinator.errors import NotFound
from coordinator.people.models import Unit
from coordinator.positions.models import Adherence, Position

protect(Adherence, hangs_on(Adherence.entry_id))


def with_company() -> Select[Position]:
    """Return a select of positions with all that a list or a page shows of them."""
    return select(Position).options(
        joinedload(Position.unit).joinedload(Unit.organisation),
        joinedload(Position.question).options(joinedload(Question.topic), joinedload(Question.forum)),
        joinedload(Position.forum),
        joinedload(Position.event).joinedload(Event.forum),
        joinedload(Position.on_behalf_of),
        selectinload(Position.topics),
    )


def one(session: Session, ref: str) -> Position:
    """Return a position by ref with its company; raises NotFound for a hidden one as for one that never was."""
    found = session.scalars(
        with_company()
        .where(Position.ref == ref)
        .options(
            joinedload(Position.author),
            joinedload(Position.audience),
            selectinload(Position.counterparts),
            selectinload(Position.instruments),
        )
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def held_by(session: Session, unit_id: int, question_id: int, level: int) -> Position | None:
    """Return the released line of a unit on a question at a level, or None; an outside voice that it wrote down is none."""
    return session.scalars(
        select(Position).where(
            Position.unit_id == unit_id,
            Position.question_id == question_id,
            Position.level == level,
            Position.state == State.RELEASED,
            Position.on_behalf_of_id.is_(None),
        )
    ).one_or_none()


def adherences(session: Session, position_ids: Iterable[int]) -> Sequence[Adherence]:
    """Return who adheres now to some positions, by unit."""
    return session.scalars(
        select(Adherence)
        .where(Adherence.entry_id.in_(list(position_ids)), Adherence.ended_at.is_(None))
        .options(joinedload(Adherence.unit))
        .order_by(Adherence.entry_id, Adherence.unit_id)
    ).all()


def adhered_by(session: Session, unit_id: int, question_id: int) -> Sequence[Adherence]:
    """Return the standing adherences of a unit to lines on a question."""
    return session.scalars(
        select(Adherence)
        .join(Position, Position.id == Adherence.entry_id)
        .where(Adherence.unit_id == unit_id, Adherence.ended_at.is_(None), Position.question_id == question_id)
    ).all()


def linkable(session: Session, *, also: Iterable[int] = (), most: int = 500) -> Sequence[Any]:
    """Return (id, ref, title, unit) of the released positions that a dossier may draw on, by unit and title.

    Those that it draws on already are among them.
    """
    newest = (
        select(Position.id)
        .where(Position.state == State.RELEASED)
        .order_by(Position.logged_on.desc(), Position.id.desc())
        .limit(most)
    )
    return session.execute(
        select(Position.id, Position.ref, Position.title, Unit.short_name.label("unit"))
        .join(Unit, Unit.id == Position.unit_id)
        .where(or_(Position.id.in_(newest), Position.id.in_(sorted(set(also)))))
        .order_by(Unit.short_name, Position.title, Position.id)
    ).all()
