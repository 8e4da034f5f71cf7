"""What is known of deputies."""

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, joinedload

from coordinator.deputies.models import Deputy
from coordinator.errors import NotFound
from coordinator.people.models import Person, Unit


def _with_both() -> Select[Deputy]:
    return select(Deputy).options(
        joinedload(Deputy.person).joinedload(Person.unit), joinedload(Deputy.deputy).joinedload(Person.unit)
    )


def one(session: Session, ref: str) -> Deputy:
    """Return a deputyship by ref, with both persons; raises NotFound."""
    found = session.scalars(_with_both().where(Deputy.ref == ref)).one_or_none()
    if found is None:
        raise NotFound
    return found


def of_persons(session: Session, person_ids: Iterable[int]) -> Sequence[Deputy]:
    """Return who stands in, stood in or will stand in for some persons, the latest first."""
    return session.scalars(
        _with_both().where(Deputy.person_id.in_(sorted(set(person_ids)))).order_by(Deputy.from_on.desc(), Deputy.id.desc())
    ).all()


def for_whom(session: Session, deputy_id: int, *, on: date) -> Sequence[Deputy]:
    """Return for whom a person stands in on a day, or will, with unit and roles; somebody disabled has nothing that waits."""
    return session.scalars(
        select(Deputy)
        .join(Person, Person.id == Deputy.person_id)
        .where(
            Deputy.deputy_id == deputy_id,
            or_(Deputy.until_on.is_(None), Deputy.until_on >= on),
            Person.disabled_at.is_(None),
        )
        .options(
            joinedload(Deputy.person).joinedload(Person.unit).joinedload(Unit.organisation),
            joinedload(Deputy.person).selectinload(Person.duties),
            joinedload(Deputy.person).selectinload(Person.memberships),
        )
        .order_by(Deputy.from_on, Deputy.id)
    ).all()
