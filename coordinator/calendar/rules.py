"""What is typed about forums, events, questions, counterparts and instruments, and what a month is made of."""

from calendar import Calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from coordinator.calendar.models import CounterpartKind, Event, InstrumentKind
from coordinator.errors import NotFound
from coordinator.people.rules import comparable


@dataclass(frozen=True)
class ForumDraft:
    """A forum as it was typed."""

    name: str
    short_name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class EventDraft:
    """An event as it was typed."""

    forum_id: int
    name: str
    starts_on: date
    ends_on: date
    place: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class QuestionDraft:
    """A question as it was typed."""

    text: str
    topic_id: int
    forum_id: int | None = None


@dataclass(frozen=True)
class CounterpartDraft:
    """A counterpart as it was typed; `code` is a country's ISO 3166 code of two letters."""

    name: str
    kind: CounterpartKind
    code: str | None = None


@dataclass(frozen=True)
class InstrumentDraft:
    """An instrument as it was typed; the parties are named where they are counterparts, and said in words where not."""

    name: str
    short_name: str
    kind: InstrumentKind
    forum_id: int | None = None
    party_ids: tuple[int, ...] = ()
    parties: str = ""
    adopted_on: date | None = None
    in_force_on: date | None = None
    link: str = ""


LONGEST_ALIAS, MOST_ALIASES = 120, 30


def besides(aliases: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return what a thing is called besides its own names, each once, in the order given."""
    kept: dict[str, str] = {}
    for alias in aliases:
        kept.setdefault(comparable(alias), alias)
    for name in names:
        kept.pop(comparable(name), None)
    return tuple(kept.values())


def is_past(ends_on: date, *, today: date) -> bool:
    """An event is past on the day after its last."""
    return ends_on < today


# --- a month -----------------------------------------------------------------------------------------------------------

FIRST_YEAR, LAST_YEAR = 1900, 2199


@dataclass(frozen=True)
class Month:
    """A month in whole weeks from Monday on, and its neighbours."""

    first: date
    last: date
    weeks: tuple[tuple[date, ...], ...]

    @property
    def previous(self) -> str | None:
        """Return the month before as an address has it, or None at the edge of what is kept."""
        return _in_address(self.first - timedelta(days=1))

    @property
    def following(self) -> str | None:
        """Return the month after as an address has it, or None at the edge of what is kept."""
        return _in_address(self.last + timedelta(days=1))

    def holds(self, day: date) -> bool:
        """Say whether a day lies in the month."""
        return self.first <= day <= self.last


def month(said: str | None, *, today: date) -> Month:
    """Return the month that an address names (2026-11), or the one it is; raises NotFound for what is no month."""
    year, number = today.year, today.month
    if said:
        parts = said.split("-")
        if [len(p) for p in parts] != [4, 2] or not all(p.isascii() and p.isdigit() for p in parts):
            raise NotFound
        year, number = int(parts[0]), int(parts[1])
        if not (FIRST_YEAR <= year <= LAST_YEAR and 1 <= number <= 12):
            raise NotFound
    weeks = tuple(tuple(week) for week in Calendar().monthdatescalendar(year, number))
    days = [d for week in weeks for d in week if d.month == number]
    return Month(days[0], days[-1], weeks)


def _in_address(day: date) -> str | None:
    return f"{day:%Y-%m}" if FIRST_YEAR <= day.year <= LAST_YEAR else None


def by_day(events: Iterable[Event], weeks: Iterable[Iterable[date]]) -> dict[date, list[Event]]:
    """Return for each day of some weeks the events that take place on it, in the order given."""
    listed = list(events)
    return {day: [e for e in listed if e.starts_on <= day <= e.ends_on] for week in weeks for day in week}
