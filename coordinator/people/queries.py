"""What is known of organisations, units and persons."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Select, literal, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from coordinator.errors import NotFound
from coordinator.people.models import Group, Organisation, Person, Unit
from coordinator.people.rules import NOBODY, Reader, comparable, effective_level, person_tokens, unit_tokens


def person_with_unit(session: Session, ref: str) -> Person | None:
    """Return a person by ref with unit, organisation, roles and groups, or None."""
    return session.scalars(_persons().where(Person.ref == ref)).one_or_none()


def person_by_email(session: Session, email: str) -> Person | None:
    """Return a person by address, compared as addresses are, or None."""
    return session.scalars(_persons().where(Person.email_key == comparable(email))).one_or_none()


def _persons() -> Select[tuple[Person]]:
    return select(Person).options(
        joinedload(Person.unit).joinedload(Unit.organisation),
        selectinload(Person.duties),
        selectinload(Person.memberships),
    )


def ancestors(session: Session, unit_ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Return for each unit the ids of itself and of the units above it, nearest first."""
    start = select(Unit.id.label("of"), Unit.id.label("id"), Unit.parent_id, literal(0).label("far")).where(
        Unit.id.in_(list(unit_ids))
    )
    above = start.cte("above", recursive=True)
    up = aliased(Unit)
    above = above.union_all(
        select(above.c.of, up.id, up.parent_id, above.c.far + 1).where(up.id == above.c.parent_id, above.c.far < 20)
    )
    found: dict[int, tuple[int, ...]] = {}
    for of, unit_id in session.execute(select(above.c.of, above.c.id).order_by(above.c.of, above.c.far)):
        found[of] = (*found.get(of, ()), unit_id)
    return found


def reader_of(session: Session, person: Person) -> Reader:
    """Return a person as the register sees them; somebody disabled is nobody. The person comes with unit, roles and groups."""
    if not person.is_active:
        return NOBODY
    unit = person.unit
    above = ancestors(session, [unit.id])[unit.id]
    tokens = unit_tokens(
        unit.id, organisation_id=unit.organisation_id, circle=unit.organisation.circle, ancestors=above
    ) | person_tokens(person.id, person.roles, (m.group_id for m in person.memberships), above)
    return Reader(
        level=effective_level(person.clearance, unit.organisation.ceiling),
        tokens=tokens,
        unit_id=unit.id,
        person_id=person.id,
        roles=person.roles,
    )


def unit_readers(session: Session, unit_ids: Iterable[int]) -> dict[int, Reader]:
    """Return each unit as a reader: what every member of it, cleared to the organisation's ceiling, may see."""
    wanted = sorted(set(unit_ids))
    above = ancestors(session, wanted)
    rows = session.execute(
        select(Unit.id, Organisation.id, Organisation.circle, Organisation.ceiling)
        .join(Organisation, Organisation.id == Unit.organisation_id)
        .where(Unit.id.in_(wanted))
    )
    return {
        unit_id: Reader(
            level=ceiling,
            tokens=unit_tokens(unit_id, organisation_id=organisation_id, circle=circle, ancestors=above[unit_id]),
            unit_id=unit_id,
        )
        for unit_id, organisation_id, circle, ceiling in rows
    }


def units(session: Session) -> Sequence[Unit]:
    """Return all units with their organisations, in the order of their short names."""
    return session.scalars(select(Unit).options(joinedload(Unit.organisation)).order_by(Unit.short_name, Unit.id)).all()


def unit(session: Session, ref: str) -> Unit:
    """Return a unit by ref with its organisation and parent; raises NotFound."""
    found = session.scalars(
        select(Unit).options(joinedload(Unit.organisation), joinedload(Unit.parent)).where(Unit.ref == ref)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def people_of(session: Session, unit_id: int) -> Sequence[Person]:
    """Return the active persons of a unit with their roles, by name."""
    return session.scalars(
        _persons().where(Person.unit_id == unit_id, Person.disabled_at.is_(None)).order_by(Person.name, Person.id)
    ).all()


def groups(session: Session) -> Sequence[Group]:
    """Return the reading groups by name."""
    return session.scalars(select(Group).order_by(Group.name)).all()
