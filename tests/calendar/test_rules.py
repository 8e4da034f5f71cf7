from datetime import date

import pytest

from coordinator.calendar.models import Event
from coordinator.calendar.rules import by_day, month
from coordinator.errors import NotFound

TODAY = date(2026, 3, 2)


def test_a_month_comes_in_whole_weeks_from_monday_on():
    shown = month("2026-02", today=TODAY)
    assert (shown.first, shown.last) == (date(2026, 2, 1), date(2026, 2, 28))
    assert shown.weeks[0][0] == date(2026, 1, 26)
    assert {len(week) for week in shown.weeks} == {7}
    assert (shown.previous, shown.following) == ("2026-01", "2026-03")


def test_without_a_month_it_is_the_one_that_it_is():
    assert month(None, today=TODAY).holds(TODAY)
    assert month("", today=TODAY).first == date(2026, 3, 1)


@pytest.mark.parametrize("said", ["2026-13", "2026-00", "2026-3", "1899-12", "2200-01", "march", "2026-03-01", "²026-01"])
def test_what_is_no_month_is_not_found(said):
    with pytest.raises(NotFound):
        month(said, today=TODAY)


def test_the_first_and_the_last_month_have_one_neighbour():
    assert month("1900-01", today=TODAY).previous is None
    assert month("2199-12", today=TODAY).following is None


def test_an_event_stands_on_each_of_its_days():
    event = Event(name="Session", starts_on=date(2026, 3, 31), ends_on=date(2026, 4, 2))
    days = by_day([event], month("2026-03", today=TODAY).weeks)
    assert [day.day for day, events in days.items() if events] == [31, 1, 2]
