"""What an instance has, in one look."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from coordinator.calendar.models import Event, Forum
from coordinator.entries.models import Entry, Kind, State
from coordinator.people.models import Circle, Duty, Organisation, Person, Role, Unit
from coordinator.setup.rules import FEWEST_UNITS, Standing
from coordinator.topics.models import Equity, Stake, Topic


def _living(on: date) -> ColumnElement[bool]:
    return and_(Organisation.circle == Circle.MINISTRY, or_(Unit.ends_on.is_(None), Unit.ends_on > on))


def _has(role: Role, *or_this: Role) -> ColumnElement[bool]:
    duty, person = aliased(Duty), aliased(Person)
    return exists().where(
        person.unit_id == Unit.id, person.disabled_at.is_(None), duty.person_id == person.id, duty.role.in_([role, *or_this])
    )


def standing(session: Session, *, on: date) -> Standing:
    """Return what an instance has on a day, as far as the session's reader sees it; one statement."""
    units = select(func.count(Unit.id)).join(Organisation, Organisation.id == Unit.organisation_id).where(_living(on))
    lines = (
        select(Entry.unit_id)
        .where(Entry.kind == Kind.POSITION, Entry.state == State.RELEASED)
        .distinct()
        .limit(FEWEST_UNITS)
        .subquery()
    )
    counted: dict[str, Select[int]] = {
        "ministries": select(func.count(Organisation.id)).where(Organisation.circle == Circle.MINISTRY),
        "organisations": select(func.count(Organisation.id)),
        "units": units,
        "persons": select(func.count(Person.id)).where(Person.disabled_at.is_(None)),
        "manned": units.where(_has(Role.OFFICER, Role.RELEASING_OFFICER), _has(Role.RELEASING_OFFICER)),
        "topics": select(func.count(Topic.id)).where(Topic.merged_into_id.is_(None)),
        "leads": select(func.count(Equity.id)).where(
            Equity.stake == Stake.LEAD, or_(Equity.until_on.is_(None), Equity.until_on >= on)
        ),
        "forums": select(func.count(Forum.id)),
        "events": select(func.count(Event.id)),
        "lines": select(func.count()).select_from(lines),
    }
    row = session.execute(select(*(asked.scalar_subquery().label(name) for name, asked in counted.items()))).one()
    return Standing(**row._mapping)


def writing(session: Session, *, on: date, most: int = 12) -> Sequence[Unit]:
    """Return units of the ministry in which somebody logs, by short name."""
    return session.scalars(
        select(Unit)
        .join(Organisation, Organisation.id == Unit.organisation_id)
        .where(_living(on), _has(Role.OFFICER, Role.RELEASING_OFFICER))
        .order_by(Unit.short_name, Unit.id)
        .limit(most)
    ).all()


def unmanned(session: Session, *, on: date, most: int = 20) -> Sequence[Unit]:
    """Return units of the ministry in which nobody may release, by short name: what they log would stay a draft."""
    return session.scalars(
        select(Unit)
        .join(Organisation, Organisation.id == Unit.organisation_id)
        .where(_living(on), ~_has(Role.RELEASING_OFFICER))
        .order_by(Unit.short_name, Unit.id)
        .limit(most)
    ).all()
