"""Who may know who opened an entry, and what is made of the openings."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from coordinator.entries.models import Entry, EntryVersion, State
from coordinator.openings.models import Opening, Way
from coordinator.people.models import Organisation, Person, Role, Unit


def may_know(person: Person, entry: Entry, versions: Iterable[EntryVersion]) -> bool:
    """Who opened an entry is for the releasing officers of its unit and for whoever wrote it there."""
    wrote = {entry.author_id, *(v.author_id for v in versions), *(v.handed_to_id for v in versions)}
    return person.unit_id == entry.unit_id and (Role.RELEASING_OFFICER in person.roles or person.id in wrote)


def is_worth_noting(entry: Entry, unit_id: int) -> bool:
    """What a unit opens of its own is its own business, and a draft nobody else can open."""
    return entry.unit_id != unit_id and entry.state != State.DRAFT


def last_recall(versions: Sequence[EntryVersion]) -> EntryVersion | None:
    """Return the version whose release was taken back last, unless something was released since; `versions` newest first."""
    recalled = max((v for v in versions if v.recalled_at is not None), key=lambda v: v.number, default=None)
    if recalled is None or recalled.recalled_at is None:
        return None
    since = any(v.released_at is not None and v.released_at > recalled.recalled_at for v in versions)
    return None if since else recalled


@dataclass(frozen=True)
class Known:
    """What the page of an entry tells its own unit: how many of other units opened it, and which release was taken back."""

    people: int
    recalled: EntryVersion | None


@dataclass(frozen=True)
class Opener:
    """Somebody who opened an entry, or the mailbox of a unit that got its title: when first in each way, and which versions."""

    person: Person | None
    unit: Unit
    firsts: tuple[tuple[Way, datetime], ...]
    versions: tuple[int, ...]
    still: bool
    """May read the entry as it stands now."""

    @property
    def organisation(self) -> Organisation:
        """The organisation of the unit from which it was opened."""
        return self.unit.organisation

    @property
    def first_at(self) -> datetime:
        """The moment of the first time."""
        return min(at for _way, at in self.firsts)


@dataclass(frozen=True)
class Opened:
    """All that is known of who opened an entry: those whom it was taken from since, those who may still read it."""

    lost: tuple[Opener, ...]
    still: tuple[Opener, ...]
    recalled: tuple[EntryVersion, ...]
    """The versions whose release was taken back, the latest first, each with whoever did."""

    @property
    def people(self) -> int:
        """How many opened it, or got it in some way."""
        return len(self.lost) + len(self.still)

    @property
    def units(self) -> int:
        """From how many units."""
        return len({o.unit.id for o in (*self.lost, *self.still)})


def by_opener(rows: Sequence[Opening], *, persons: Collection[int], units: Collection[int]) -> tuple[Opener, ...]:
    """Return the openings by whoever opened, in the order of units and names; `persons` and `units` may still read the entry."""
    found: dict[tuple[int | None, int], list[Opening]] = {}
    for row in rows:
        found.setdefault((row.person_id, row.unit_id), []).append(row)
    openers = []
    for (person_id, unit_id), some in found.items():
        firsts: dict[Way, datetime] = {}
        for row in some:
            firsts[row.way] = min(row.at, firsts.get(row.way, row.at))
        openers.append(
            Opener(
                person=some[0].person,
                unit=some[0].unit,
                firsts=tuple((way, firsts[way]) for way in Way if way in firsts),
                versions=tuple(sorted({row.version for row in some})),
                still=unit_id in units if person_id is None else person_id in persons,
            )
        )
    return tuple(sorted(openers, key=_by_unit))


def _by_unit(opener: Opener) -> tuple[str, str, str, datetime]:
    name = "" if opener.person is None else opener.person.name.casefold()
    return opener.organisation.name.casefold(), opener.unit.short_name.casefold(), name, opener.first_at
