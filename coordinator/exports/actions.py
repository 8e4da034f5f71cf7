"""Keeping who took what out."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from coordinator.exports.rules import Format, Subject, said_of
from coordinator.history.actions import record
from coordinator.openings.actions import note_file
from coordinator.people.models import Person


def note(
    session: Session,
    subject: Subject,
    form: Format,
    *,
    filters: Mapping[str, str],
    rows: int,
    level: int,
    digest: str,
    refs: Sequence[str],
    by: Person,
    at: datetime,
) -> None:
    """Record an export: what, how narrowed, how many rows up to which level, the digest of the file; nothing of its content.

    For the units whose entries are in it, by their `refs`, it counts as an opening.
    """
    said = {"what": subject.value, "form": form.value, "filters": said_of(filters), "rows": rows, "level": level, "digest": digest}
    record(session, "entries.exported", subject=("person", by.id), by=by, at=at, said=said)
    note_file(session, refs, by=by, at=at)
