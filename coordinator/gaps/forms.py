"""What may be typed about a gap: whom one asked and when, why it is known and until when; gaps as other pages show them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from coordinator.entries.forms import day
from coordinator.entries.models import Entry
from coordinator.fields import DateField, Form, RefField, Required, Text
from coordinator.gaps import queries, rules
from coordinator.gaps.models import GapKind
from coordinator.gaps.queries import Filters
from coordinator.gaps.rules import Gap, Heard
from coordinator.pages import translated
from coordinator.people.models import Person
from coordinator.people.rules import Reader


class AskedForm(Form):
    """Who was asked about an entry, and when."""

    unit = RefField(_l("Unit that was asked"), [Required(_l("Choose the unit."))], empty=_l("Choose a unit"))
    asked_on = DateField(_l("Asked on"), [Required(_l("Say on which day."))])
    note = Text(_l("What they said, or how they were asked"), most=1_000)


class KnownForm(Form):
    """Why a gap is known, and until when."""

    why = Text(_l("We know, because"), [Required(_l("Say why this is known, for whoever looks at it next."))], most=1_000)
    until = DateField(_l("Until"), [Required(_l("Say until when: nothing is known for ever."))])


# --- on other pages ----------------------------------------------------------------------------------------------------

SHOWN = 5


@dataclass(frozen=True)
class Here:
    """The first gaps of a thing as its page shows them, how many there are, and the address of the list of exactly these."""

    items: Sequence[dict[str, Any]]
    total: int
    url: str
    level: int | None = None


def item(gap: Gap, person: Person, *, on: date) -> dict[str, Any]:
    """Return what a list shows of a gap to a person."""
    return rules.shown(gap, person, on=on, url=url_for, t=translated, day=day)


def items_together(gaps: Iterable[Gap], person: Person, *, on: date) -> list[dict[str, Any]]:
    """Return what a list shows of gaps to a person, one item for all units that were not asked about one entry."""
    groups = rules.together(gaps)
    return [rules.shown_together(group, person, on=on, url=url_for, t=translated, day=day) for group in groups]


def here(session: Session, reader: Reader, person: Person, filters: Filters, *, on: date, **narrowed: str) -> Here:
    """Return the first gaps that pass some filters; `narrowed` are the same filters as they stand in the address of the list."""
    found = queries.listed(session, reader, filters, on=on, size=SHOWN)
    kept: dict[str, Any] = narrowed
    return Here([item(g, person, on=on) for g in found.gaps], found.total, url_for("gaps.index", **kept), found.level)


@dataclass(frozen=True)
class Hearing:
    """Who has a say in an entry and how it stands with each, and what else is missing of it."""

    rows: Sequence[tuple[Heard, dict[str, Any] | None]] = ()
    """Each with its gap as a list shows it, if it leaves one."""
    others: Sequence[dict[str, Any]] = ()
    may_ask: bool = False


def hearing(session: Session, reader: Reader, person: Person, entry: Entry, *, on: date) -> Hearing:
    """Return what the page of an entry shows of who was asked about it."""
    rows, gaps = queries.heard(session, reader, entry, on=on)
    return Hearing(
        rows=[(row, item(row.gap, person, on=on) if row.gap is not None else None) for row in rows],
        others=[item(g, person, on=on) for g in gaps if g.kind is GapKind.REVIEW and not g.is_known],
        may_ask=rules.may_ask(person, entry) and queries.is_inside(reader),
    )
