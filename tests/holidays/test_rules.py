"""How a list of holidays is read, and who keeps it."""

from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from coordinator.holidays.rules import Day, may_keep, parsed
from coordinator.people.models import Role

CHRISTMAS = Day(date(2026, 12, 25), "Christmas Day")


@pytest.mark.parametrize(
    ("typed", "days"),
    [
        ("2026-12-25 Christmas Day", [CHRISTMAS]),
        ("2026-12-25;Christmas Day\n\n", [CHRISTMAS]),
        ("2026-12-25, Christmas Day\n2026-01-01: New Year", [Day(date(2026, 1, 1), "New Year"), CHRISTMAS]),
        ("2026-12-25 Xmas\n2026-12-25 Christmas Day", [CHRISTMAS]),
        ("2026-12-25 – Noël", [Day(date(2026, 12, 25), "Noël")]),
        ("", []),
    ],
    ids=["one", "semicolon", "two in order", "the last name counts", "dash", "none"],
)
def test_a_list_of_days_is_read_line_by_line(typed: str, days: list[Day]) -> None:
    assert parsed(typed) == (tuple(days), None)


@pytest.mark.parametrize(
    "line",
    [
        "Christmas Day",
        "25.12.2026 Christmas",
        "2026-02-30 Never",
        "2026-12-25",
        "2026-12-25 ",
        "0001-01-01 Old",
        "2026-12-25 " + "x" * 121,
    ],
)
def test_the_first_line_that_is_no_day_is_named_and_nothing_is_taken(line: str) -> None:
    assert parsed(f"2026-01-01 New Year\n{line}\nnor this") == ((), line.strip())


@pytest.mark.parametrize(
    ("role", "own", "may"),
    [
        (Role.RELEASING_OFFICER, True, True),
        (Role.RELEASING_OFFICER, False, False),
        (Role.OFFICER, True, False),
        (Role.COORDINATOR, False, True),
        (Role.ADMINISTRATOR, True, False),
    ],
)
def test_a_unit_s_releasing_officers_and_coordinators_keep_its_holidays(role: Role, own: bool, may: bool) -> None:
    person: Any = SimpleNamespace(roles=frozenset({role}), unit_id=1)
    unit: Any = SimpleNamespace(id=1 if own else 2)
    assert may_keep(person, unit) is may
