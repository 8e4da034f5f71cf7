"""When a digest is due, in every zone and season; what it is called; what may stop it."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from coordinator.digests.models import WORKING_DAYS, Cadence, Schedule, Weekday
from coordinator.digests.rules import due_at, latest_period, message_id, next_period, shared_level, stop_token, stops, wait_after

VIENNA = "Europe/Vienna"
DAILY = Schedule(Cadence.DAILY, 7)
MONDAYS = Schedule(Cadence.WEEKLY, 7, frozenset({Weekday.MONDAY}))
FRIDAYS = Schedule(Cadence.WEEKLY, 16, frozenset({Weekday.FRIDAY}))
WORKDAYS = Schedule(Cadence.CHOSEN, 7, WORKING_DAYS)
MO_TH = Schedule(Cadence.CHOSEN, 7, frozenset({Weekday.MONDAY, Weekday.THURSDAY}))
OFF = Schedule(Cadence.OFF, 7)


def utc(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


# Monday 2 March 2026 in Vienna is an hour ahead of UTC; Easter Monday is 6 April
EASTER = {date(2026, 4, 3): "Good Friday", date(2026, 4, 6): "Easter Monday"}


@pytest.mark.parametrize(
    ("schedule", "at", "period", "coming"),
    [
        (DAILY, "2026-03-02T05:59", "2026-03-01", "2026-03-02"),
        (DAILY, "2026-03-02T06:00", "2026-03-02", "2026-03-03"),
        (DAILY, "2026-03-02T22:59", "2026-03-02", "2026-03-03"),
        (DAILY, "2026-03-02T23:30", "2026-03-02", "2026-03-03"),  # Tuesday there already, and its hour still to come
        (DAILY, "2024-02-29T12:00", "2024-02-29", "2024-03-01"),
        (MONDAYS, "2026-03-02T05:59", "2026-02-23", "2026-03-02"),
        (MONDAYS, "2026-03-02T06:00", "2026-03-02", "2026-03-09"),
        (MONDAYS, "2026-03-08T20:00", "2026-03-02", "2026-03-09"),
        (FRIDAYS, "2026-03-06T14:59", "2026-02-27", "2026-03-06"),
        (FRIDAYS, "2026-03-06T15:00", "2026-03-06", "2026-03-13"),
        (WORKDAYS, "2026-03-06T06:00", "2026-03-06", "2026-03-09"),
        (WORKDAYS, "2026-03-08T12:00", "2026-03-06", "2026-03-09"),  # back on Sunday after a day off the net: Friday's comes late
        (MO_TH, "2026-03-04T12:00", "2026-03-02", "2026-03-05"),
        (MO_TH, "2026-03-05T06:00", "2026-03-05", "2026-03-09"),
        (OFF, "2026-03-02T06:00", None, None),
        # holidays: nothing is due on them, nothing becomes due that was one, and the next day has it all
        (DAILY, "2026-04-02T05:00", "2026-04-02", "2026-04-04"),
        (DAILY, "2026-04-03T05:00", None, "2026-04-04"),
        (DAILY, "2026-04-04T04:59", "2026-04-02", "2026-04-04"),
        (DAILY, "2026-04-04T05:00", "2026-04-04", "2026-04-05"),
        (WORKDAYS, "2026-04-03T12:00", None, "2026-04-07"),
        (WORKDAYS, "2026-04-04T12:00", "2026-04-02", "2026-04-07"),
        (WORKDAYS, "2026-04-06T12:00", None, "2026-04-07"),
        (WORKDAYS, "2026-04-06T22:30", "2026-04-02", "2026-04-07"),  # past midnight there: the holiday is over
        (WORKDAYS, "2026-04-07T05:00", "2026-04-07", "2026-04-08"),
        (MONDAYS, "2026-04-06T12:00", None, "2026-04-13"),
        (MONDAYS, "2026-04-07T12:00", "2026-03-30", "2026-04-13"),
    ],
)
def test_the_last_period_that_is_due_and_the_next_that_comes(
    schedule: Schedule, at: str, period: str | None, coming: str | None
) -> None:
    before, after = (date.fromisoformat(day) if day else None for day in (period, coming))
    assert latest_period(schedule, VIENNA, at=utc(at), holidays=EASTER) == before
    assert next_period(schedule, VIENNA, at=utc(at), holidays=EASTER) == after


def test_where_every_day_is_a_holiday_nothing_is_in_sight() -> None:
    always = {date(2026, 1, 1) + timedelta(days=n) for n in range(365)}
    assert latest_period(DAILY, VIENNA, at=utc("2026-06-01T12:00"), holidays=always) is None
    assert next_period(DAILY, VIENNA, at=utc("2026-06-01T12:00"), holidays=always) is None


@pytest.mark.parametrize(
    ("ceiling", "clearances", "level"),
    [(2, [2, 2], 2), (2, [2, 0, 1], 0), (1, [2, 2], 1), (0, [2], 0), (2, [], None)],
    ids=["all cleared", "the least of them", "the organisation's ceiling", "a firm", "nobody there"],
)
def test_a_mailbox_reads_what_everybody_in_the_unit_may(ceiling: int, clearances: list[int], level: int | None) -> None:
    assert shared_level(ceiling, clearances) == level


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
    start, seen, promised = datetime(2026, 1, 1, tzinfo=UTC), [], set()
    schedule = Schedule(Cadence.DAILY, hour)
    for step in range(366 * 48):
        at = start + timedelta(minutes=30 * step)
        period = latest_period(schedule, zone, at=at)
        promised.add(next_period(schedule, zone, at=at))
        if not seen or period != seen[-1]:
            seen.append(period)
    assert all(a is not None and b is not None and b - a == timedelta(days=1) for a, b in pairwise(seen))
    assert set(seen[1:]) <= promised  # and each was announced before it came


@pytest.mark.parametrize("zone", [VIENNA, "America/New_York"])
def test_going_through_a_year_working_days_come_once_and_holidays_never(zone: str) -> None:
    start, seen = datetime(2026, 1, 1, tzinfo=UTC), set()
    for step in range(366 * 24):
        seen.add(latest_period(WORKDAYS, zone, at=start + timedelta(hours=step), holidays=EASTER))
    days = {d for d in seen if d is not None and d >= date(2026, 1, 2)}
    assert days == {
        d
        for d in (date(2026, 1, 2) + timedelta(days=n) for n in range(365))
        if d.weekday() < 5 and d not in EASTER and d <= date(2027, 1, 1)
    }


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
