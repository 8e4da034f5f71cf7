"""What is known of dossiers."""

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from coordinator.calendar.models import Event
from coordinator.db import protect
from coordinator.dossiers.models import Contributor, Dossier, DossierPosition, Milestone, Paper
from coordinator.entries.models import Entry
from coordinator.entries.queries import hangs_on
from coordinator.errors import NotFound
from coordinator.people.models import Unit

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
