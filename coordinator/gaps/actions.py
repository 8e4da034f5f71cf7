"""Saying whom one asked about an entry, and that one knows of a gap."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from coordinator.entries.models import Entry
from coordinator.gaps import queries, rules
from coordinator.gaps.models import Asked, GapKind, Known
from coordinator.gaps.rules import Gap
from coordinator.history.actions import record
from coordinator.people.models import Person


def ask(
    session: Session, entry: Entry, *, unit_id: int, asked_on: date, note: str = "", by: Person | None, at: datetime, on: date
) -> Asked:
    """Write down that a unit was asked about an entry on a day; said again, it replaces what was said.

    Raises AsksItself for the entry's own unit, AskedLater or AskedLongAgo for a day that cannot be.
    """
    if unit_id == entry.unit_id:
        raise rules.AsksItself
    rules.check_asked(asked_on, on=on)
    row = queries.asked_row(session, entry, unit_id)
    if row is None:
        row = Asked(entry_id=entry.id, unit_id=unit_id)
        session.add(row)
    row.asked_on, row.note, row.by_id, row.at = asked_on, note.strip(), by.id if by else None, at
    said = {"unit": unit_id, "on": asked_on.isoformat()}
    record(session, "gap.asked", subject=("entry", entry.id), by=by, at=at, said=said)
    session.flush()
    return row


def unask(session: Session, row: Asked, *, by: Person | None, at: datetime) -> None:
    """Take back that a unit was asked: it was written down by mistake."""
    said = {"unit": row.unit_id, "on": row.asked_on.isoformat()}
    record(session, "gap.unasked", subject=("entry", row.entry_id), by=by, at=at, said=said)
    session.delete(row)


def know(session: Session, gap: Gap, *, why: str, until_on: date | None, by: Person, at: datetime, on: date) -> Known:
    """Say that a gap is known, why, and until when; what was said of it before is replaced.

    Raises a refusal if the reason or the end is missing, or if the end is past or too far away.
    """
    rules.check_known(why, until_on, on=on, most=queries.windows().known)
    older = queries.standing(session, gap.key)
    if older is not None:
        older.ended_at = at
        session.flush()  # before the new one: of a gap one word stands
    event_id = gap.event.id if gap.kind is GapKind.EVENT and gap.event is not None else None
    topic_id = gap.topic.id if gap.topic is not None else None
    entry_id = gap.entry.id if gap.entry is not None else None
    subject = ("entry", entry_id) if entry_id else ("event", event_id) if event_id else ("topic", topic_id or 0)
    said = {"gap": gap.kind.value, "until": until_on.isoformat() if until_on else "", "by_unit": by.unit_id}
    if gap.unit is not None:
        said["unit"] = gap.unit.id
    number = record(session, "gap.known", subject=subject, by=by, at=at, said=said)
    made = Known(
        kind=gap.kind,
        key=gap.key,
        entry_id=entry_id,
        unit_id=gap.unit.id if gap.unit is not None else None,
        event_id=event_id,
        topic_id=topic_id,
        why=why.strip(),
        until_on=until_on,
        rests_on=gap.rests_on,
        by_id=by.id,
        by_unit_id=by.unit_id,
        at=at,
        number=number,
    )
    session.add(made)
    session.flush()
    return made


def take_back(session: Session, known: Known, *, by: Person, at: datetime) -> None:
    """Take back that a gap is known: from here on it is shown again."""
    known.ended_at = at
    subject = (
        ("entry", known.entry_id) if known.entry_id else ("event", known.event_id) if known.event_id else ("topic", known.topic_id)
    )
    said = {"gap": known.kind.value} | ({"unit": known.unit_id} if known.unit_id else {})
    record(session, "gap.taken_back", subject=(subject[0], subject[1] or 0), by=by, at=at, said=said)
