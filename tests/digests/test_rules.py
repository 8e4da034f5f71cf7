"""When a digest is due, in every zone and season; what it is called; what may stop it."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from coordinator.digests.models import Cadence
from coordinator.digests.rules import due_at, latest_period, message_id, stop_token, stops, wait_after

VIENNA = "Europe/Vienna"


def utc(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cadence", "at", "period"),
    [
        (Cadence.DAILY, "2026-03-02T05:59", "2026-03-01"),
        (Cadence.DAILY, "2026-03-02T06:00", "2026-03-02"),
        (Cadence.DAILY, "2026-03-02T22:59", "2026-03-02"),
        (Cadence.DAILY, "2026-03-02T23:30", "2026-03-02"),  # Tuesday there already, and its hour still to come
        (Cadence.DAILY, "2024-02-29T12:00", "2024-02-29"),
        (Cadence.WEEKLY, "2026-03-02T05:59", "2026-02-23"),
        (Cadence.WEEKLY, "2026-03-02T06:00", "2026-03-02"),
        (Cadence.WEEKLY, "2026-03-08T20:00", "2026-03-02"),
        (Cadence.OFF, "2026-03-02T06:00", None),
    ],
)
def test_the_last_period_that_is_due(cadence: Cadence, at: str, period: str | None) -> None:
    expected = date.fromisoformat(period) if period else None
    assert latest_period(cadence, 7, VIENNA, at=utc(at)) == expected


@pytest.mark.parametrize(
    ("day", "hour", "zone", "moment"),
    [
        ("2026-03-28", 7, VIENNA, "2026-03-28T06:00"),
        ("2026-03-29", 7, VIENNA, "2026-03-29T05:00"),
        ("2026-03-29", 2, VIENNA, "2026-03-29T01:00"),  # 02:00 does not exist: it is 03:00 then
        ("2026-10-25", 2, VIENNA, "2026-10-25T00:00"),  # 02:00 comes twice: the first
        ("2026-10-25", 7, VIENNA, "2026-10-25T06:00"),
        ("2026-03-29", 1, "Europe/London", "2026-03-29T01:00"),
        ("2026-10-25", 1, "Europe/London", "2026-10-25T00:00"),
        ("2026-03-02", 7, "Asia/Kathmandu", "2026-03-02T01:15"),
    ],
)
def test_an_hour_is_due_once_also_when_the_clocks_change(day: str, hour: int, zone: str, moment: str) -> None:
    assert due_at(date.fromisoformat(day), hour, zone).astimezone(UTC) == utc(moment)


@pytest.mark.parametrize("zone", [VIENNA, "Europe/London", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("hour", [0, 1, 2, 3, 7, 23])
def test_going_through_a_year_in_half_hours_each_local_day_becomes_due_once(zone: str, hour: int) -> None:
    start, seen = datetime(2026, 1, 1, tzinfo=UTC), []
    for step in range(366 * 48):
        period = latest_period(Cadence.DAILY, hour, zone, at=start + timedelta(minutes=30 * step))
        if not seen or period != seen[-1]:
            seen.append(period)
    assert all(a is not None and b is not None and b - a == timedelta(days=1) for a, b in pairwise(seen))


def test_one_person_and_day_have_one_name() -> None:
    def name(who: str, day: int) -> str:
        return message_id(who, date(2026, 3, day), domain="ministry.example")

    assert name("a" * 22, 2) == name("a" * 22, 2)
    assert len({name("a" * 22, 2), name("b" * 22, 2), name("a" * 22, 3)}) == 3
    assert "a" * 22 not in name("a" * 22, 2)


def test_a_token_stops_one_person_under_one_secret() -> None:
    token = stop_token("secret", "a" * 22)
    assert len(token) == 22
    assert stops("secret", "a" * 22, token)
    assert not stops("secret", "b" * 22, token)
    assert not stops("other", "a" * 22, token)


def test_waiting_grows_and_has_an_end() -> None:
    waits = [wait_after(n) for n in range(1, 12)]
    assert waits == sorted(waits)
    assert (waits[0], waits[1], waits[-1]) == (timedelta(minutes=5), timedelta(minutes=10), timedelta(hours=3))
