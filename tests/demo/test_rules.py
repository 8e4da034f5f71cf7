from datetime import date, timedelta

import pytest

from coordinator.demo import rules
from coordinator.demo.rules import Do, Ministry, sitting, story, working_day

MONDAY = date(2026, 3, 16)
WEEK = [MONDAY + timedelta(days=n) for n in range(7)]
each_day = pytest.mark.parametrize("today", WEEK, ids=[f"{d:%A}" for d in WEEK])


def ministry(today: date) -> Ministry:
    return Ministry(rules.read()[0], today=today, zone="Europe/Vienna")


@pytest.mark.parametrize("day", WEEK[:5], ids=str)
def test_a_working_day_stays(day: date) -> None:
    assert working_day(day, onward=True) == working_day(day, onward=False) == day


@pytest.mark.parametrize("day", WEEK[5:], ids=str)
def test_a_weekend_is_left_in_the_direction_that_is_said(day: date) -> None:
    assert working_day(day, onward=True) == WEEK[0] + timedelta(days=7)
    assert working_day(day, onward=False) == WEEK[4]


@each_day
def test_sessions_lie_in_working_weeks_and_on_their_side_of_today(today: date) -> None:
    for event in ministry(today).all("event"):
        first, last = ministry(today).sitting(event)
        assert first.weekday() < 5, event["key"]
        assert last.weekday() < 5, event["key"]
        assert (first > today) == (event["starts_in"] > 0), event["key"]
        assert (last < today) == (event["ends_in"] < 0), event["key"]
        assert abs((first - today).days - event["starts_in"]) <= 3, event["key"]


def test_a_session_of_one_week_begins_on_the_nearest_monday() -> None:
    thursday = WEEK[3]
    assert sitting(thursday, thursday + timedelta(days=4), today=MONDAY - timedelta(days=30)) == (WEEK[0], WEEK[4])


@each_day
def test_the_story_happened_in_order_before_today_and_on_working_days(today: date) -> None:
    steps = story(ministry(today))

    assert all(a.at < b.at for a, b in zip(steps, steps[1:], strict=False))
    assert steps[-1].at.date() < today or steps[-1].do is Do.NIGHT
    assert steps[0].at.date() > today - timedelta(days=365)
    assert all(s.at.weekday() < 5 for s in steps if s.do is not Do.NIGHT)
    assert all(8 <= s.at.hour <= 19 for s in steps if s.do is not Do.NIGHT)


@each_day
def test_nothing_happens_to_an_entry_before_it_is_logged(today: date) -> None:
    there: set[str] = set()
    for step in story(ministry(today)):
        if step.do is Do.LOG:
            assert step.said.get("supersedes", step.said["key"]) in there | {step.said["key"]}
            there.add(step.said["key"])
        assert {step.said[name] for name in ("key", "a", "b") if name in step.said} <= there, step


def test_the_same_day_makes_the_same_story() -> None:
    assert [(s.at, s.do, s.by) for s in story(ministry(MONDAY))] == [(s.at, s.do, s.by) for s in story(ministry(MONDAY))]
