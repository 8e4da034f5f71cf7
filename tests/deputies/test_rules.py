from datetime import date

import pytest

from coordinator.deputies.rules import DeputyDraft, holds_on, meets

MAY = date(2026, 5, 1)


@pytest.mark.parametrize(
    ("day", "until", "holds"),
    [
        (date(2026, 4, 30), None, False),
        (MAY, None, True),
        (date(2030, 1, 1), None, True),
        (date(2026, 5, 9), date(2026, 5, 9), True),
        (date(2026, 5, 10), date(2026, 5, 9), False),
    ],
    ids=["before", "first day", "open", "last day", "after"],
)
def test_both_days_of_a_deputyship_count(day, until, holds):
    assert holds_on(day, from_on=MAY, until_on=until) is holds


@pytest.mark.parametrize(
    ("start", "until", "other", "together"),
    [
        (MAY, None, (date(2026, 6, 1), None), True),
        (MAY, date(2026, 5, 31), (date(2026, 6, 1), None), False),
        (MAY, date(2026, 6, 1), (date(2026, 6, 1), date(2026, 6, 2)), True),
        (MAY, MAY, (date(2026, 4, 1), date(2026, 4, 30)), False),
        (MAY, MAY, (date(2026, 4, 1), None), True),
    ],
    ids=["both open", "one after the other", "a day in common", "over before", "open before"],
)
def test_two_deputyships_meet_when_they_share_a_day(start, until, other, together):
    assert meets(DeputyDraft(1, start, until), [other]) is together
    assert meets(DeputyDraft(1, *other), [(start, until)]) is together
