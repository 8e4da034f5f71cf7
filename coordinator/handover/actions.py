"""Handing over, in one change: what is under way and what stands, dossiers led, deputies, what was said about overlaps.

Whoever does it may not see all of it; what they do not see is handed over all the same.
"""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.orm import Session

from coordinator.db import read_as_system
from coordinator.deputies import actions as deputies
from coordinator.deputies.rules import DeputyDraft, StandsInAlready
from coordinator.dossiers.actions import restate
from coordinator.entries.models import Entry, EntryVersion
from coordinator.handover import queries
from coordinator.handover.rules import Held, NoColleague, NotYours, can_take_over, may_disable
from coordinator.history.actions import record
from coordinator.overlaps.models import Overlap, Step
from coordinator.overlaps.queries import OPEN
from coordinator.people import actions as people
from coordinator.people.models import Person

PURPOSE = "handover"
_entry, _version, _overlap = (m.__table__ for m in (Entry, EntryVersion, Overlap))


def hand_over(session: Session, person: Person, *, to: Person, disable: bool, by: Person, at: datetime, on: date) -> None:
    """Give what somebody holds to a colleague of the unit, and disable the account if wanted.

    Raises NoColleague, NotYours.
    """
    if not can_take_over(to, person):
        raise NoColleague
    if disable and not may_disable(by, person):
        raise NotYours
    with read_as_system(session, PURPOSE) as connection:
        held = queries.held(connection.execute, person)
        for entry in held:
            _pass(session, connection, entry, to=to, by=by, at=at)
        _tell_overlaps(session, connection, person, to=to, by=by, at=at)
    _pass_deputies(session, person, to=to, on=on, by=by, at=at)
    said = {"colleague": to.id, "disabled": disable}
    record(session, "person.handed_over", subject=("person", person.id), by=by, at=at, said=said)
    if disable:
        people.disable(session, person, by=by, at=at)
    session.flush()
    session.expire_all()  # it was moved past the session


def _pass(session: Session, connection: Connection, entry: Held, *, to: Person, by: Person, at: datetime) -> None:
    if entry.leads:
        connection.execute(update(Entry).where(_entry.c.id == entry.id), {"lead_id": to.id})
        restate(connection, entry.id, lambda content: {**content, "lead_id": to.id}, by=by, at=at)
    if entry.holds:
        newest = (
            select(_version.c.id)
            .join(_entry, _entry.c.id == _version.c.entry_id)
            .where(_entry.c.id == entry.id, _version.c.number == _entry.c.newest_version)
        )
        version = connection.scalars(newest).one()  # another than before, if it was said anew who leads
        connection.execute(update(EntryVersion).where(_version.c.id == version), {"handed_to_id": to.id})
        if entry.draft:
            connection.execute(update(Entry).where(_entry.c.id == entry.id), {"author_id": to.id})
    said = {"colleague": to.id, "lead": entry.leads}
    number = record(session, f"{entry.kind.value}.handed_over", subject=("entry", entry.id), by=by, at=at, said=said)
    connection.execute(update(Entry).where(_entry.c.id == entry.id), {"changed_number": number})


def _tell_overlaps(session: Session, connection: Connection, person: Person, *, to: Person, by: Person, at: datetime) -> None:
    """Put it on the record of the open overlaps that somebody acknowledged for the unit that a colleague goes on with them."""
    ids = connection.scalars(
        select(_overlap.c.id)
        .where(_overlap.c.id.in_(queries.acted_on(person)), _overlap.c.current.is_(True), _overlap.c.state.in_(OPEN))
        .order_by(_overlap.c.id)
    ).all()
    steps: list[dict[str, Any]] = []
    for overlap_id in ids:
        number = record(session, "overlap.handed_over", subject=("overlap", overlap_id), by=by, at=at, said={"colleague": to.id})
        steps.append(
            {
                "overlap_id": overlap_id,
                "number": number,
                "at": at,
                "did": "handed_over",
                "person_id": by.id,
                "unit_id": person.unit_id,
                "said": "",
                "detail": {},
            }
        )
    if steps:
        connection.execute(insert(Step), steps)


def _pass_deputies(session: Session, person: Person, *, to: Person, on: date, by: Person, at: datetime) -> None:
    """End the own deputies, and let the colleague stand in where somebody stood in."""
    for row in queries.deputyships(session, person.id, on=on):
        start, until = max(row.from_on, on + timedelta(days=1)), row.until_on
        deputies.end(session, row, on=on, by=by, at=at)
        if row.deputy_id != person.id or row.person_id == to.id or (until is not None and until < start):
            continue
        session.flush()
        try:
            deputies.name(session, row.person, DeputyDraft(to.id, start, until), by=by, at=at)
        except StandsInAlready:  # the colleague's turn is taken by somebody named meanwhile
            continue
