"""What is known of organisations, units and persons."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Select, case, func, literal, or_, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from coordinator.errors import NotFound
from coordinator.people.models import Circle, Group, Membership, OneTimeLink, Organisation, Person, SignIn, Unit, UnitSuccession
from coordinator.people.rules import (
    NOBODY,
    Reader,
    comparable,
    effective_level,
    line_above,
    person_tokens,
    secret_digest,
    sign_in_stands,
    unit_tokens,
)


def person_with_unit(session: Session, ref: str) -> Person | None:
    """Return a person by ref with unit, organisation, roles and groups, or None."""
    return session.scalars(_persons().where(Person.ref == ref)).one_or_none()


def person_by_email(session: Session, email: str) -> Person | None:
    """Return a person by address, compared as addresses are, or None."""
    return session.scalars(_persons().where(Person.email_key == comparable(email))).one_or_none()


def _persons() -> Select[Person]:
    return select(Person).options(
        joinedload(Person.unit).joinedload(Unit.organisation),
        selectinload(Person.duties),
        selectinload(Person.memberships),
    )


_PARENTS = select(Unit.id, Unit.parent_id)
_SEATS = (
    select(
        Unit.id,
        Unit.ref,
        Unit.short_name,
        Unit.name,
        Unit.parent_id,
        Unit.organisation_id,
        Organisation.circle,
        Organisation.ceiling,
        Unit.ends_on,
    )
    .join(Organisation, Organisation.id == Unit.organisation_id)
    .order_by(Unit.short_name, Unit.id)
)


def ancestors(session: Session, unit_ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Return for each unit the ids of itself and of the units above it, nearest first."""
    parents: dict[int, int | None] = {i: above for i, above in session.execute(_PARENTS)}
    return {i: line_above(i, parents) for i in unit_ids if i in parents}


class Seat(NamedTuple):
    """A unit, as much of it as choosing and counting readers ask, with the units above it and the tokens that its members hold."""

    id: int
    ref: str
    short_name: str
    name: str
    organisation_id: int
    circle: Circle
    ceiling: int
    line: tuple[int, ...]
    tokens: frozenset[str]
    ends_on: date | None


def seats(session: Session) -> dict[int, Seat]:
    """Return every unit, in the order of their short names: plain rows, because there are hundreds."""
    rows = session.execute(_SEATS).all()
    parents: dict[int, int | None] = {r.id: r.parent_id for r in rows}
    found: dict[int, Seat] = {}
    for r in rows:
        line = line_above(r.id, parents)
        tokens = unit_tokens(r.id, organisation_id=r.organisation_id, circle=r.circle, ancestors=line)
        found[r.id] = Seat(r.id, r.ref, r.short_name, r.name, r.organisation_id, r.circle, r.ceiling, line, tokens, r.ends_on)
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


def all_units_reader(session: Session) -> Reader:
    """Return whom the nightly change reads as: every entry carries its owner unit's token, so this one reaches them all."""
    return Reader(level=2, tokens=frozenset(f"unit:{i}" for i in session.scalars(select(Unit.id))))


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


def group(session: Session, ref: str) -> Group:
    """Return a reading group by ref; raises NotFound."""
    found = session.scalars(select(Group).where(Group.ref == ref)).one_or_none()
    if found is None:
        raise NotFound
    return found


def members(session: Session, group_id: int) -> Sequence[Person]:
    """Return the persons in a reading group, those who are disabled too, by name, with unit and roles."""
    return session.scalars(
        _persons()
        .join(Membership, Membership.person_id == Person.id)
        .where(Membership.group_id == group_id)
        .order_by(Person.name, Person.id)
    ).all()


def group_sizes(session: Session) -> dict[int, int]:
    """Return how many active persons each reading group has."""
    counted = (
        select(Membership.group_id, func.count(Person.id))
        .join(Person, Person.id == Membership.person_id)
        .where(Person.disabled_at.is_(None))
        .group_by(Membership.group_id)
    )
    return {group_id: number for group_id, number in session.execute(counted)}


def everybody(session: Session) -> Sequence[Person]:
    """Return all active persons with their units, by name."""
    return session.scalars(_persons().where(Person.disabled_at.is_(None)).order_by(Person.name, Person.id)).all()


def sign_in(session: Session, secret: str, *, at: datetime, idle: timedelta, at_most: timedelta) -> tuple[SignIn, Person] | None:
    """Return the sign-in that a browser carries, with its person, or None if it no longer stands or the person is disabled."""
    row = session.scalars(select(SignIn).where(SignIn.secret_digest == secret_digest(secret))).one_or_none()
    if row is None or not sign_in_stands(
        started_at=row.started_at, seen_at=row.seen_at, ended_at=row.ended_at, at=at, idle=idle, at_most=at_most
    ):
        return None
    person = session.scalars(_persons().where(Person.id == row.person_id, Person.disabled_at.is_(None))).one_or_none()
    return None if person is None else (row, person)


def link_owner(session: Session, secret: str, *, at: datetime) -> Person | None:
    """Return whom a one-time link is for, or None if it is unknown, used, past its end, or its person disabled."""
    return session.scalars(
        _persons()
        .join(OneTimeLink, OneTimeLink.person_id == Person.id)
        .where(
            OneTimeLink.secret_digest == secret_digest(secret),
            OneTimeLink.used_at.is_(None),
            OneTimeLink.ends_at > at,
            Person.disabled_at.is_(None),
        )
    ).one_or_none()


def links_to_mail(session: Session, *, at: datetime) -> Sequence[tuple[int, str]]:
    """Return (id of the link, address) for the links whose mail is due, the oldest first."""
    found = session.execute(
        select(OneTimeLink.id, Person.email)
        .join(Person, Person.id == OneTimeLink.person_id)
        .where(
            OneTimeLink.mail_due_at.is_not(None),
            OneTimeLink.used_at.is_(None),
            OneTimeLink.ends_at > at,
            Person.disabled_at.is_(None),
        )
        .order_by(OneTimeLink.mail_due_at, OneTimeLink.id)
    )
    return [(link, email) for link, email in found]


def organisations(session: Session) -> Sequence[Organisation]:
    """Return all organisations, the ministry first, then by name."""
    nearest = case({Circle.MINISTRY: 0, Circle.GOVERNMENT: 1}, value=Organisation.circle, else_=2)
    return session.scalars(select(Organisation).order_by(nearest, Organisation.name)).all()


def is_empty(session: Session) -> bool:
    """Say whether nobody has begun yet: there is no organisation."""
    return session.scalars(select(Organisation.id).limit(1)).one_or_none() is None


def organisation(session: Session, ref: str) -> Organisation:
    """Return an organisation by ref; raises NotFound."""
    found = session.scalars(select(Organisation).where(Organisation.ref == ref)).one_or_none()
    if found is None:
        raise NotFound
    return found


def units_for(session: Session, person: Person, *, also: Iterable[int] = ()) -> Sequence[Unit]:
    """Return the units whose names a person may see: all of them inside the ministry, else those of the own organisation.

    `also` are units that stand on entries which the person sees.
    """
    found = select(Unit).options(joinedload(Unit.organisation)).order_by(Unit.short_name, Unit.id)
    if person.unit.organisation.circle is not Circle.MINISTRY:
        found = found.where(or_(Unit.organisation_id == person.unit.organisation_id, Unit.id.in_(sorted(set(also)))))
    return session.scalars(found).all()


def children_of(session: Session, unit_id: int) -> Sequence[Unit]:
    """Return the units directly below a unit, by short name."""
    return session.scalars(select(Unit).where(Unit.parent_id == unit_id).order_by(Unit.short_name, Unit.id)).all()


def successions(session: Session, unit_id: int) -> Sequence[UnitSuccession]:
    """Return what a unit came from and what it went on as, the oldest first, each with both units."""
    return session.scalars(
        select(UnitSuccession)
        .where(or_(UnitSuccession.predecessor_id == unit_id, UnitSuccession.successor_id == unit_id))
        .options(joinedload(UnitSuccession.predecessor), joinedload(UnitSuccession.successor))
        .order_by(UnitSuccession.on, UnitSuccession.predecessor_id, UnitSuccession.successor_id)
    ).all()


def below(session: Session, unit_ids: Iterable[int]) -> frozenset[int]:
    """Return the ids of some units and of all units below them."""
    start = select(Unit.id, literal(0).label("far")).where(Unit.id.in_(sorted(set(unit_ids)))).cte("below", recursive=True)
    down = aliased(Unit)
    found = start.union_all(select(down.id, start.c.far + 1).where(down.parent_id == start.c.id, start.c.far < 20))
    return frozenset(session.scalars(select(found.c.id)))


def head_counts(session: Session, unit_ids: Iterable[int]) -> dict[int, int]:
    """Return how many active persons each of some units has."""
    counted = (
        select(Person.unit_id, func.count(Person.id))
        .where(Person.disabled_at.is_(None), Person.unit_id.in_(sorted(set(unit_ids))))
        .group_by(Person.unit_id)
    )
    return {unit_id: number for unit_id, number in session.execute(counted)}


def names_of(session: Session, person_ids: Iterable[int]) -> dict[int, str]:
    """Return the names of some persons."""
    wanted = select(Person.id, Person.name).where(Person.id.in_(sorted(set(person_ids))))
    return {i: name for i, name in session.execute(wanted)}


def colleagues(session: Session, person: Person) -> Sequence[Person]:
    """Return the active persons of a person's organisation but that one, those of the own unit first, then by name."""
    return session.scalars(
        _persons()
        .join(Unit, Unit.id == Person.unit_id)
        .where(Unit.organisation_id == person.unit.organisation_id, Person.disabled_at.is_(None), Person.id != person.id)
        .order_by(case((Person.unit_id == person.unit_id, 0), else_=1), Person.name, Person.id)
    ).all()


def unit_by_name(session: Session, name: str) -> Unit | None:
    """Return the unit of a short name (first) or full name, compared as names are, or None if none or several have it.

    The name of a unit that ended leads to the one that follows, if it is one: lists from before a reorganisation stay good.
    """
    wanted = comparable(name)
    listed = session.scalars(select(Unit).options(joinedload(Unit.organisation)).order_by(Unit.id)).all()
    for found in ([u for u in listed if comparable(u.short_name) == wanted], [u for u in listed if comparable(u.name) == wanted]):
        if len(found) == 1:
            return _still_there(session, found[0], {u.id: u for u in listed})
    return None


def _still_there(session: Session, unit: Unit, units: dict[int, Unit]) -> Unit:
    if unit.ends_on is None:
        return unit
    after: dict[int, list[int]] = {}
    for old, new in session.execute(select(UnitSuccession.predecessor_id, UnitSuccession.successor_id)):
        after.setdefault(old, []).append(new)
    for _step in range(20):
        followers = after.get(unit.id, [])
        if unit.ends_on is None or len(followers) != 1:
            break
        unit = units[followers[0]]
    return unit


def persons(session: Session, *, offset: int, limit: int) -> Sequence[Person]:
    """Return persons by name, those who are disabled too, with unit and roles."""
    return session.scalars(_persons().order_by(Person.name, Person.id).offset(offset).limit(limit)).all()


def person_count(session: Session) -> int:
    """Return how many persons there are."""
    return session.scalars(select(func.count()).select_from(Person)).one()


def person(session: Session, ref: str) -> Person:
    """Return a person by ref with unit, roles and groups; raises NotFound."""
    found = person_with_unit(session, ref)
    if found is None:
        raise NotFound
    return found


def group_named(session: Session, name: str) -> Group | None:
    """Return a reading group by name, or None."""
    return session.scalars(select(Group).where(Group.name == name)).one_or_none()


def organisation_named(session: Session, name: str) -> Organisation | None:
    """Return an organisation by its full or short name, or None."""
    return session.scalars(
        select(Organisation).where(or_(Organisation.name == name, Organisation.short_name == name)).order_by(Organisation.id)
    ).first()
