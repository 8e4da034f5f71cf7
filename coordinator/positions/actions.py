"""What can be done with a position: log, revise, adhere to it, leave it, let it run out."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from coordinator.db import touch
from coordinator.entries import actions as entries
from coordinator.entries.models import Entry, EntryVersion, Kind, State
from coordinator.entries.queries import tokens_of
from coordinator.entries.rules import may_see
from coordinator.history.actions import record
from coordinator.people.models import Person, Unit
from coordinator.people.queries import unit_readers
from coordinator.positions import queries
from coordinator.positions.models import Adherence, Position, Stance
from coordinator.positions.rules import AdheresToItself, AlreadyHeld, NothingToAdhereTo, PositionDraft, check


def log_position(
    session: Session,
    draft: PositionDraft,
    *,
    unit: Unit,
    by: Person | None,
    at: datetime,
    on: date,
    form_key: str | None = None,
    offer: bool = False,
    supersedes: Position | None = None,
) -> Position:
    """Log a position of a unit as a draft; `supersedes` ends when this one is released."""
    check(draft)
    position = Position(supersedes_id=supersedes.id if supersedes else None)
    entries.start(session, position, draft, unit=unit, by=by, at=at, on=on, form_key=form_key, offer=offer)
    return position


def revise(
    session: Session,
    position: Position,
    draft: PositionDraft,
    *,
    base: int,
    by: Person | None,
    at: datetime,
    form_key: str | None = None,
    offer: bool = False,
) -> EntryVersion:
    """Make a new version of a position; raises EditedMeanwhile if `base` is no longer the newest."""
    check(draft)
    return entries.revise(session, position, draft, base=base, by=by, at=at, form_key=form_key, offer=offer)


def adhere(session: Session, position: Position, *, unit: Unit, by: Person, at: datetime) -> Adherence:
    """Make another unit's released line the own unit's; raises AlreadyHeld if the unit has a line of its own."""
    entries.refresh(session, position)
    if position.unit_id == unit.id:
        raise AdheresToItself
    if position.state != State.RELEASED or position.question_id is None or position.on_behalf_of_id is not None:
        raise NothingToAdhereTo
    if queries.held_by(session, unit.id, position.question_id, position.level) is not None:
        raise AlreadyHeld
    standing = queries.adhered_by(session, unit.id, position.question_id)
    for other in standing:
        if other.entry_id == position.id and other.version == position.standing_version:
            return other
        _leave(session, other, by=by, at=at)
    session.flush()
    adherence = Adherence(entry_id=position.id, unit_id=unit.id, version=position.standing_version, by_id=by.id, at=at)
    session.add(adherence)
    record(
        session,
        "position.adhered",
        subject=("entry", position.id),
        by=by,
        at=at,
        said={"unit": unit.short_name, "version": position.standing_version},
    )
    touch(session, "entry", position.id)
    return adherence


def leave(session: Session, position: Position, *, unit: Unit, by: Person, at: datetime) -> None:
    """End a unit's adherence to a line; nothing if there is none."""
    for adherence in session.scalars(
        select(Adherence).where(Adherence.entry_id == position.id, Adherence.unit_id == unit.id, Adherence.ended_at.is_(None))
    ).all():
        _leave(session, adherence, by=by, at=at)


def expire(session: Session, *, on: date, at: datetime) -> int:
    """End every released position of the reader's reach that was valid until a day before `on`; return how many."""
    over = session.scalars(
        select(Position).where(Position.state == State.RELEASED, Position.valid_until < on).order_by(Position.id)
    ).all()
    for position in over:
        entries.expire(session, position, at=at)
    return len(over)


def _leave(session: Session, adherence: Adherence, *, by: Person | None, at: datetime) -> None:
    adherence.ended_at = at
    record(
        session,
        "position.left",
        subject=("entry", adherence.entry_id),
        by=by,
        at=at,
        said={"unit_id": adherence.unit_id, "version": adherence.version},
    )
    touch(session, "entry", adherence.entry_id)


def _make_room(session: Session, position: Position, version: EntryVersion, by: Person | None, at: datetime) -> None:
    """Refuse a second released position on a question at a level; a line of one's own ends adhering to another's.

    An outside voice takes no room: it is no line of the unit that wrote it down.
    """
    question_id = version.content.get("question_id")
    if question_id is None or version.content.get("on_behalf_of_id") is not None:
        return
    held = queries.held_by(session, position.unit_id, question_id, version.level)
    if held is not None and held.id != position.id:
        raise AlreadyHeld
    for adherence in queries.adhered_by(session, position.unit_id, question_id):
        _leave(session, adherence, by=by, at=at)


def _end_adherences(session: Session, entry: Position, at: datetime) -> None:
    if entry.kind != Kind.POSITION:
        return
    for adherence in session.scalars(select(Adherence).where(Adherence.entry_id == entry.id, Adherence.ended_at.is_(None))):
        adherence.ended_at = at


def _follow_recall(session: Session, entry: Entry, was: int, at: datetime) -> None:
    """End the adherence of units that a recall took the line from; the others hold the same words under their new number."""
    if entry.kind != Kind.POSITION:
        return
    standing = session.scalars(select(Adherence).where(Adherence.entry_id == entry.id, Adherence.ended_at.is_(None))).all()
    readers = unit_readers(session, {a.unit_id for a in standing})
    audience = tokens_of(session, entry.audience_id)
    for adherence in standing:
        if not may_see(readers[adherence.unit_id], level=entry.level, audience=audience):
            _leave(session, adherence, by=None, at=at)
        elif adherence.version == was:
            adherence.version = entry.standing_version


def _write_stance(session: Session, position: Position, content: dict[str, object]) -> None:
    stance = content.get("stance")
    position.stance = Stance(str(stance)) if stance else None


entries.before_release(Kind.POSITION, _make_room)
entries.when_ended(_end_adherences)
entries.when_narrowed(_follow_recall)
entries.with_standing(Kind.POSITION, _write_stance)
