"""What is known of dossiers."""

from collections.abc import Sequence

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from coordinator.calendar.models import Event
from coordinator.db import protect
from coordinator.dossiers.models import Contributor, Dossier, DossierPosition, Milestone, Paper
from coordinator.entries.models import Entry, State
from coordinator.entries.queries import hangs_on
from coordinator.errors import NotFound
from coordinator.people.models import Person, Unit

protect(Milestone, hangs_on(Milestone.entry_id))
protect(Paper, hangs_on(Paper.entry_id))
protect(Contributor, hangs_on(Contributor.entry_id))
protect(DossierPosition, hangs_on(DossierPosition.entry_id))


def with_company() -> Select[Dossier]:
    """Return a select of dossiers with all that a list or a page shows of them."""
    return select(Dossier).options(
        joinedload(Dossier.unit).joinedload(Unit.organisation),
        joinedload(Dossier.forum),
        joinedload(Dossier.event).joinedload(Event.forum),
        joinedload(Dossier.lead),
        selectinload(Dossier.topics),
    )


def one(session: Session, ref: str) -> Dossier:
    """Return a dossier by ref with its company; raises NotFound for a hidden one as for one that never was."""
    found = session.scalars(
        with_company()
        .where(Dossier.ref == ref)
        .options(
            joinedload(Dossier.author),
            joinedload(Dossier.audience),
            selectinload(Dossier.counterparts),
            selectinload(Dossier.instruments),
            selectinload(Dossier.contributing),
            selectinload(Dossier.milestones),
            selectinload(Dossier.papers),
        )
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFound
    return found


def positions_of(session: Session, dossier: Dossier) -> Sequence[Entry]:
    """Return those positions that a dossier draws on which the reader may see, by title."""
    return session.scalars(
        select(Entry)
        .join(DossierPosition, DossierPosition.position_id == Entry.id)
        .where(DossierPosition.entry_id == dossier.id)
        .options(joinedload(Entry.unit))
        .order_by(Entry.title, Entry.id)
    ).all()


def drawing_on(session: Session, position_id: int) -> Sequence[Dossier]:
    """Return the dossiers that draw on a position and that the reader may see, by title."""
    return session.scalars(
        select(Dossier)
        .join(DossierPosition, DossierPosition.entry_id == Dossier.id)
        .where(DossierPosition.position_id == position_id, Dossier.state.in_([State.DRAFT, State.RELEASED]))
        .options(joinedload(Dossier.unit))
        .order_by(Dossier.title, Dossier.id)
    ).all()


def leads(session: Session, unit_id: int, *, also: int | None = None) -> Sequence[Person]:
    """Return the active persons of a unit, who may lead its dossiers, by name, with whoever leads one already."""
    return session.scalars(
        select(Person)
        .where(or_(and_(Person.unit_id == unit_id, Person.disabled_at.is_(None)), Person.id == also))
        .order_by(Person.name, Person.id)
    ).all()
