"""What can be done with a dossier beyond what every entry can."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, select, update
from sqlalchemy.orm import Session

from coordinator.db import touch
from coordinator.dossiers.models import Contributor, Dossier, DossierPosition, DossierType, Milestone, Paper
from coordinator.dossiers.rules import DossierDraft, check
from coordinator.entries import actions as entries
from coordinator.entries.models import Entry, EntryVersion, Kind
from coordinator.entries.rules import new_code
from coordinator.history.actions import record
from coordinator.people.models import Person, Unit


def log_dossier(
    session: Session,
    draft: DossierDraft,
    *,
    unit: Unit,
    by: Person | None,
    at: datetime,
    on: date,
    form_key: str | None = None,
    offer: bool = False,
    code: str | None = None,
) -> Dossier:
    """Log a dossier of a unit as a draft, under a new code unless one is given."""
    check(draft)
    dossier = Dossier(code=code or new_code(unit.short_name[:40]))
    entries.start(session, dossier, draft, unit=unit, by=by, at=at, on=on, form_key=form_key, offer=offer)
    return dossier


def revise(
    session: Session,
    dossier: Dossier,
    draft: DossierDraft,
    *,
    base: int,
    by: Person | None,
    at: datetime,
    form_key: str | None = None,
    offer: bool = False,
) -> EntryVersion:
    """Make a new version of a dossier; raises EditedMeanwhile if `base` is no longer the newest."""
    check(draft)
    return entries.revise(session, dossier, draft, base=base, by=by, at=at, form_key=form_key, offer=offer)


def restate(
    connection: Connection,
    dossier_id: int,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    by: Person | None,
    at: datetime,
) -> None:
    """Let a dossier say otherwise who does it, whether or not it is seen: text, level and readers stay as they are.

    What is under way is changed in place; of what is released a version is made that differs in nothing else.
    """
    entry, version = Dossier.__table__, EntryVersion.__table__
    row = connection.execute(
        select(version)
        .join(entry, and_(entry.c.id == version.c.entry_id, entry.c.newest_version == version.c.number))
        .where(version.c.entry_id == dossier_id)
    ).one()
    content = change(row.content)
    if content == row.content:
        return
    if row.released_at is None:
        connection.execute(update(EntryVersion).where(version.c.id == row.id).values(content=content))
        return
    doer = by.id if by else None
    fresh = {"number": row.number + 1, "content": content, "author_id": doer, "form_key": None, "note": "", "made_at": at}
    fresh |= {"offered_at": at, "released_at": at, "released_by_id": doer}
    fresh["handed_to_id"] = row.handed_to_id or row.author_id  # it stays in the hands in which it was
    connection.execute(insert(EntryVersion), {k: v for k, v in row._mapping.items() if k != "id"} | fresh)
    connection.execute(
        update(Entry).where(entry.c.id == dossier_id).values(newest_version=row.number + 1, standing_version=row.number + 1)
    )


def mark_past(session: Session, *, on: date, at: datetime) -> int:
    """Mark the milestones of days before `on` as past, so that nothing is found by them any more; return how many."""
    over = session.scalars(select(Milestone).where(Milestone.due_on < on, Milestone.past.is_(False)).order_by(Milestone.id)).all()
    for entry_id in sorted({m.entry_id for m in over}):
        record(session, "dossier.milestone_passed", subject=("entry", entry_id), by=None, at=at)
        touch(session, "entry", entry_id)
    for milestone in over:
        milestone.past = True
    return len(over)


def _write(session: Session, dossier: Dossier, content: dict[str, Any]) -> None:
    kind = content.get("dossier_type")
    dossier.dossier_type = DossierType(kind) if kind else None
    entries.replace(session, Contributor, dossier.id, "unit_id", content.get("contributing", []))
    entries.replace(session, DossierPosition, dossier.id, "position_id", content.get("positions", []))
    passed = set(
        session.execute(
            select(Milestone.due_on, Milestone.text).where(Milestone.entry_id == dossier.id, Milestone.past.is_(True))
        ).all()
    )
    for table in (Milestone, Paper):
        session.execute(delete(table).where(table.entry_id == dossier.id), execution_options={"synchronize_session": False})
    milestones = [
        {"entry_id": dossier.id, "due_on": day, "text": t, "past": (day, t) in passed}
        for day, t in ((date.fromisoformat(d), t) for d, t in content.get("milestones", []))
    ]
    papers = [{"entry_id": dossier.id, "label": label, "url": url} for label, url in content.get("papers", [])]
    if milestones:
        session.execute(insert(Milestone), milestones)
    if papers:
        session.execute(insert(Paper), papers)


entries.with_standing(Kind.DOSSIER, _write)
