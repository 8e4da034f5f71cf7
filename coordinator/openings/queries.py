"""What is known of who opened what; for whoever opened it, and for the unit whose it is."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, joinedload

from coordinator.db import Reader as AnyReader
from coordinator.db import protect
from coordinator.entries.models import Entry, EntryVersion
from coordinator.entries.queries import readers_among, tokens_of, visible
from coordinator.entries.rules import may_see
from coordinator.openings.models import Opening, Way
from coordinator.openings.rules import Known, Opened, by_opener, last_recall, may_know
from coordinator.people.models import Person, Unit
from coordinator.people.queries import unit_readers

_entry = Entry.__table__.alias()


def _known(reader: AnyReader) -> ColumnElement[bool]:
    """Return the rule as SQL: one's own openings, and those of what one's unit owns, as long as one sees it."""
    of_own = exists().where(
        _entry.c.id == Opening.entry_id, _entry.c.unit_id == (getattr(reader, "unit_id", None) or 0), visible(reader, _entry.c)
    )
    return or_(Opening.person_id == (getattr(reader, "person_id", None) or 0), of_own)


protect(Opening, _known)


def new_to(session: Session, person_id: int, entries: Iterable[Entry]) -> list[Entry]:
    """Return those of some entries whose standing version a person has not opened on a page before."""
    asked = list(entries)
    known = session.execute(
        select(Opening.entry_id, Opening.version).where(
            Opening.entry_id.in_(sorted({e.id for e in asked})), Opening.person_id == person_id, Opening.way == Way.PAGE
        )
    )
    seen = {(entry_id, version) for entry_id, version in known}
    return [e for e in asked if (e.id, e.standing_version) not in seen]


def number_of(session: Session, entry: Entry) -> int:
    """Return how many people of other units opened an entry, or got it in some way; a mailbox counts as one."""
    who = func.coalesce(Opening.person_id, -Opening.unit_id)
    return session.scalar(select(func.count(who.distinct())).where(Opening.entry_id == entry.id)) or 0


def known(session: Session, entry: Entry, versions: Sequence[EntryVersion], *, person: Person) -> Known | None:
    """Return what the page of an entry tells a person of who opened it, or None if that is not for them."""
    return Known(number_of(session, entry), last_recall(versions)) if may_know(person, entry, versions) else None


def of_entry(session: Session, entry: Entry, versions: Sequence[EntryVersion]) -> Opened:
    """Return who opened an entry, and who of them may read it as it stands now; the number of statements is constant."""
    rows = session.scalars(
        select(Opening)
        .where(Opening.entry_id == entry.id)
        .options(joinedload(Opening.person), joinedload(Opening.unit).joinedload(Unit.organisation))
        .order_by(Opening.at, Opening.id)
    ).all()
    audience = tokens_of(session, entry.audience_id)
    persons = readers_among(session, {r.person_id for r in rows if r.person_id}, level=entry.level, audience=audience)
    mailboxes = unit_readers(session, {r.unit_id for r in rows if r.person_id is None})
    units = {i for i, reader in mailboxes.items() if may_see(reader, level=entry.level, audience=audience)}
    openers = by_opener(rows, persons=persons, units=units)
    return Opened(
        lost=tuple(o for o in openers if not o.still),
        still=tuple(o for o in openers if o.still),
        recalled=tuple(v for v in versions if v.recalled_at is not None),
    )
