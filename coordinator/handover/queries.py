"""What somebody holds: to whoever hands it over as far as they see it, to the change itself in whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from coordinator.deputies.models import Deputy
from coordinator.dossiers.models import Dossier
from coordinator.entries.models import Entry, EntryVersion, State
from coordinator.handover.rules import Held
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.models import Overlap, Side
from coordinator.people.models import Group, Membership, Person

CURRENT = (State.DRAFT, State.RELEASED)


def holder(person_id: int) -> ColumnElement[bool]:
    """Return the condition for versions that are in somebody's hands: written and kept, or taken over."""
    return or_(
        EntryVersion.handed_to_id == person_id,
        and_(EntryVersion.author_id == person_id, EntryVersion.handed_to_id.is_(None)),
    )


def held(run: Any, person: Person) -> list[Held]:
    """Return the current entries of a person's unit that are in their hands or led by them; `run` runs a statement."""
    newest = and_(EntryVersion.entry_id == Entry.id, EntryVersion.number == Entry.newest_version)
    current = and_(Entry.unit_id == person.unit_id, Entry.state.in_(CURRENT))
    led = {i for (i,) in run(select(Dossier.id).where(Dossier.lead_id == person.id, Dossier.unit_id == person.unit_id))}
    rows = run(
        select(Entry.id, Entry.kind, EntryVersion.id.label("version_id"), Entry.state, holder(person.id).label("holds"))
        .join(EntryVersion, newest)
        .where(current, or_(holder(person.id), Entry.id.in_(sorted(led))))
        .order_by(Entry.id)
    )
    return [Held(r.id, r.kind, r.version_id, r.state is State.DRAFT, bool(r.holds), r.id in led) for r in rows]


@dataclass(frozen=True)
class Work:
    """What somebody holds, as far as the session's reader sees it."""

    under_way: Sequence[Entry]
    released: Sequence[Entry]
    led: Sequence[Dossier]
    overlaps: Sequence[Overlap]
    deputies: Sequence[Deputy]
    stands_in_for: Sequence[Deputy]
    groups: Sequence[Group]

    @property
    def level(self) -> int | None:
        """Return the highest level of what is shown."""
        ends = [end.level for o in self.overlaps for end in (o.low, o.high)]
        return max((*(e.level for e in (*self.under_way, *self.released, *self.led)), *ends), default=None)


def work_of(session: Session, person: Person, *, on: date) -> Work:
    """Return what a person holds on a day; the number of statements is the same however much it is."""
    found = held(session.execute, person)
    entries = session.scalars(
        select(Entry).where(Entry.id.in_([h.id for h in found if h.holds])).order_by(Entry.kind, Entry.title, Entry.id)
    ).all()
    led = session.scalars(
        select(Dossier)
        .where(Dossier.id.in_([h.id for h in found if h.leads]))
        .options(selectinload(Dossier.milestones))
        .order_by(Dossier.title, Dossier.id)
    ).all()
    rows = deputyships(session, person.id, on=on)
    return Work(
        under_way=[e for e in entries if e.state is State.DRAFT or e.newest_version > e.standing_version],
        released=[e for e in entries if e.state is State.RELEASED and e.newest_version == e.standing_version],
        led=led,
        overlaps=session.scalars(
            overlaps.with_company()
            .where(Overlap.id.in_(acted_on(person)), Overlap.current.is_(True), Overlap.state.in_(overlaps.OPEN))
            .order_by(*overlaps.in_order())
            .limit(100)
        ).all(),
        deputies=[d for d in rows if d.person_id == person.id],
        stands_in_for=[d for d in rows if d.deputy_id == person.id],
        groups=session.scalars(
            select(Group)
            .join(Membership, Membership.group_id == Group.id)
            .where(Membership.person_id == person.id)
            .order_by(Group.name)
        ).all(),
    )


def deputyships(session: Session, person_id: int, *, on: date) -> Sequence[Deputy]:
    """Return where a person stands in, or somebody for them, on a day or later."""
    return session.scalars(
        select(Deputy)
        .where(
            or_(Deputy.person_id == person_id, Deputy.deputy_id == person_id),
            or_(Deputy.until_on.is_(None), Deputy.until_on >= on),
        )
        .options(joinedload(Deputy.person), joinedload(Deputy.deputy))
        .order_by(Deputy.from_on, Deputy.id)
    ).all()


def acted_on(person: Person) -> Select[int]:
    """Return a select of the overlaps that somebody acknowledged, or said how to close, for the unit."""
    by_them = or_(Side.acknowledged_by_id == person.id, Side.closing_by_id == person.id)
    return select(Side.overlap_id).where(Side.unit_id == person.unit_id, by_them)
