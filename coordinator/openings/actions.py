"""Noting who opened what. It is bookkeeping: no change of the register, and written once for each person, version and way."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, literal, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from coordinator.entries.models import Entry, State
from coordinator.openings.models import Opening, Way
from coordinator.people.models import Person

KEPT = timedelta(days=400)
CHUNK = 500
_entry, _opening = Entry.__table__, Opening.__table__


def note(session: Session, entries: Iterable[Entry], way: Way, *, person_id: int | None, unit_id: int, at: datetime) -> None:
    """Note that entries reached somebody, or without a person the mailbox of a unit, in the version that stands."""
    _note(session, _entry.c.id, sorted({e.id for e in entries}), way, person_id=person_id, unit_id=unit_id, at=at)


def note_mail(session: Session, entry_ids: Iterable[int], *, person_id: int | None, unit_id: int, at: datetime) -> None:
    """Note that a mail spoke of entries, by their numbers inside: nothing is read again while it goes out."""
    _note(session, _entry.c.id, sorted(set(entry_ids)), Way.MAIL, person_id=person_id, unit_id=unit_id, at=at)


def note_file(session: Session, refs: Sequence[str], *, by: Person, at: datetime) -> None:
    """Note that somebody took entries out in a file, by their refs as they stand in it."""
    _note(session, _entry.c.ref, sorted(set(refs)), Way.FILE, person_id=by.id, unit_id=by.unit_id, at=at)


def _note(session: Session, key: Any, keys: Sequence[Any], way: Way, *, person_id: int | None, unit_id: int, at: datetime) -> None:
    make = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    for start in range(0, len(keys), CHUNK):
        reached = select(
            _entry.c.id,
            _entry.c.standing_version,
            literal(person_id, _opening.c.person_id.type),
            literal(unit_id, _opening.c.unit_id.type),
            literal(way, _opening.c.way.type),
            literal(at, _opening.c.at.type),
        ).where(key.in_(keys[start : start + CHUNK]), _entry.c.unit_id != unit_id, _entry.c.state != State.DRAFT)
        names = ["entry_id", "version", "person_id", "unit_id", "way", "at"]
        session.execute(make(Opening).from_select(names, reached).on_conflict_do_nothing())


def forget_old(session: Session, *, at: datetime) -> None:
    """Let go of the openings of more than a year ago."""
    session.execute(delete(Opening).where(Opening.at < at - KEPT), execution_options={"synchronize_session": False})
