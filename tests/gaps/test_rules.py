"""What is missing, as tables: each line is a case."""

from datetime import date, timedelta

import pytest

from coordinator.entries.models import Entry
from coordinator.gaps import rules
from coordinator.gaps.models import GapKind, Known
from coordinator.gaps.rules import Gap, Upcoming
from coordinator.people.models import Unit
from coordinator.topics.models import Stake, Topic

TODAY = date(2026, 3, 2)
LEAD, CO, MUST, INFORM = Stake.LEAD, Stake.CO_LEAD, Stake.MUST_CONSULT, Stake.INFORM
IN = timedelta(days=1)

MISSED = {
    "a unit that must be consulted and was not": ([MUST], {}, MUST),
    "the weightiest say counts": ([MUST, LEAD, CO], {}, LEAD),
    "who is only informed need not be asked": ([INFORM], {}, None),
    "who has no stake need not be asked": ([], {}, None),
    "the own unit does not ask itself": ([LEAD], {"own": True}, None),
    "who was asked was not passed over": ([LEAD], {"asked": True}, None),
    "who made the line its own has read it": ([LEAD], {"adheres": True}, None),
    "who contributes is at the table": ([MUST], {"contributes": True}, None),
}


@pytest.mark.parametrize(("stakes", "how", "told"), MISSED.values(), ids=MISSED.keys())
def test_a_unit_with_a_say_that_was_not_asked_was_passed_over(
    stakes: list[Stake], how: dict[str, bool], told: Stake | None
) -> None:
    assert rules.missed(stakes, **{"own": False, "asked": False, **how}) is told


def event(days: int, *, say: set[int] | None = None, answered: set[int] | None = None, lasts: int = 0) -> Upcoming:
    starts = TODAY + timedelta(days=days)
    return Upcoming(starts, starts + timedelta(days=lasts), frozenset(say or ()), frozenset(answered or ()))


EVENTS = {
    "near, and nobody has a line": (event(9), True),
    "near, and somebody has one where nobody has a say": (event(9, answered={7}), False),
    "near, and one with a say has a line": (event(9, say={1, 2}, answered={2}), False),
    "near, and only others have": (event(9, say={1, 2}, answered={7}), True),
    "on the last day of the window": (event(30), True),
    "a day after it": (event(31), False),
    "under way": (event(-1, lasts=3), True),
    "over": (event(-3, lasts=2), False),
}


@pytest.mark.parametrize(("upcoming", "told"), EVENTS.values(), ids=EVENTS.keys())
def test_an_event_that_comes_needs_a_line_of_those_with_a_say(upcoming: Upcoming, told: bool) -> None:
    assert rules.lacks_line(upcoming, on=TODAY, window=timedelta(days=30)) is told


LEADS = {
    "nobody has a stake": ([], True, False, True),
    "one is to be consulted, none leads": ([MUST, INFORM], True, False, True),
    "one leads": ([MUST, LEAD], True, False, False),
    "one leads with another": ([CO], True, False, False),
    "nobody works on it": ([], False, False, False),
    "an umbrella needs no lead": ([], True, True, False),
}


@pytest.mark.parametrize(("stakes", "worked_on", "umbrella", "told"), LEADS.values(), ids=LEADS.keys())
def test_a_topic_that_is_worked_on_needs_a_lead(stakes: list[Stake], worked_on: bool, umbrella: bool, told: bool) -> None:
    assert rules.lacks_lead(stakes, worked_on=worked_on, umbrella=umbrella) is told


@pytest.mark.parametrize(
    ("related", "worked_on", "umbrella", "told"),
    [(4, True, False, True), (9, True, False, True), (3, True, False, False), (4, False, False, False), (9, True, True, False)],
)
def test_a_butterfly_has_wings_and_somebody_at_work_on_it(related: int, worked_on: bool, umbrella: bool, told: bool) -> None:
    assert rules.is_butterfly(related=related, worked_on=worked_on, umbrella=umbrella, wings=4) is told


@pytest.mark.parametrize(
    ("stakes", "worked_on", "within", "umbrella", "told"),
    [
        ([], False, False, False, True),
        ([INFORM], False, False, False, True),
        ([MUST], False, False, False, True),
        ([LEAD], False, False, False, False),
        ([], True, False, False, False),
        ([], False, True, False, False),
        ([], False, False, True, False),
    ],
)
def test_a_wing_is_covered_by_a_lead_or_by_work_on_it_or_within(
    stakes: list[Stake], worked_on: bool, within: bool, umbrella: bool, told: bool
) -> None:
    assert rules.is_bare(stakes, worked_on=worked_on, covered_within=within, umbrella=umbrella) is told


@pytest.mark.parametrize(
    ("review", "ends", "told"),
    [(-1, 5, True), (-1, 0, True), (0, 5, False), (3, 5, False), (-1, -1, False), (-1, None, False), (None, 5, False)],
)
def test_a_review_that_is_overdue_matters_until_the_event_is_over(review: int | None, ends: int | None, told: bool) -> None:
    review_by = None if review is None else TODAY + review * IN
    ends_on = None if ends is None else TODAY + ends * IN
    assert rules.lapsed_before(review_by, event_ends_on=ends_on, on=TODAY) is told


def test_we_know_holds_until_its_day_and_while_what_it_rests_on_stays() -> None:
    said = Known(until_on=TODAY + IN, rests_on=rules.rests_on(version=1, stake=0), ended_at=None)
    assert rules.holds(said, "version=1;stake=0", on=TODAY)
    assert rules.holds(said, "version=1;stake=0", on=TODAY + IN)
    assert not rules.holds(said, "version=1;stake=0", on=TODAY + 2 * IN)
    assert not rules.holds(said, "version=2;stake=0", on=TODAY)


@pytest.mark.parametrize(
    ("then", "now", "told"),
    [
        ("version=1;stake=0", "version=2;stake=0", ["version"]),
        ("version=1;stake=0", "version=2;stake=1", ["version", "stake"]),
        ("days=2026-03-11/2026-03-12;say=2.ab", "days=2026-03-11/2026-03-12;say=3.cd", ["say"]),
        ("edges=1.a", "edges=1.a", []),
    ],
)
def test_what_moved_since_is_said_in_words(then: str, now: str, told: list[str]) -> None:
    assert rules.moved(then, now) == [rules.MOVED[name] for name in told]


@pytest.mark.parametrize(
    ("why", "days", "refused"),
    [
        ("they are told in person", 14, None),
        ("they are told in person", 0, None),
        ("  ", 14, rules.ReasonMissing),
        ("they are told", None, rules.EndMissing),
        ("they are told", -1, rules.EndsInThePast),
        ("they are told", 121, rules.EndsTooLate),
    ],
)
def test_we_know_needs_a_reason_and_an_end_that_is_not_far_away(
    why: str, days: int | None, refused: type[Exception] | None
) -> None:
    until = None if days is None else TODAY + timedelta(days=days)
    if refused is None:
        rules.check_known(why, until, on=TODAY, most=timedelta(days=120))
        return
    with pytest.raises(refused):
        rules.check_known(why, until, on=TODAY, most=timedelta(days=120))


@pytest.mark.parametrize(("days", "refused"), [(0, None), (-700, None), (1, rules.AskedLater), (-800, rules.AskedLongAgo)])
def test_nobody_was_asked_tomorrow_or_long_ago(days: int, refused: type[Exception] | None) -> None:
    asked_on = TODAY + timedelta(days=days)
    if refused is None:
        rules.check_asked(asked_on, on=TODAY)
        return
    with pytest.raises(refused):
        rules.check_asked(asked_on, on=TODAY)


def test_units_that_were_not_asked_about_one_entry_are_told_together_and_what_was_said_of_one_apart() -> None:
    one, other = Entry(ref="one"), Entry(ref="other")
    known = Known(until_on=TODAY, rests_on="version=1")
    gaps = [
        Gap(GapKind.CONSULTATION, "consultation:1:1", "", entry=one),
        Gap(GapKind.REVIEW, "review:1", "", entry=one),
        Gap(GapKind.CONSULTATION, "consultation:2:1", "", entry=other),
        Gap(GapKind.CONSULTATION, "consultation:1:2", "", entry=one),
        Gap(GapKind.CONSULTATION, "consultation:1:3", "", entry=one, known=known),
    ]
    told = [[gap.key for gap in group] for group in rules.together(gaps)]
    assert told == [["consultation:1:1", "consultation:1:2"], ["review:1"], ["consultation:2:1"], ["consultation:1:3"]]


@pytest.mark.parametrize(
    ("units", "named"),
    [(2, "A (Lead), B (Lead)"), (3, "A (Lead), B (Lead), C (Lead)"), (5, "A (Lead), B (Lead), C (Lead) and 2 more")],
)
def test_the_first_units_are_named_and_the_others_counted(units: int, named: str) -> None:
    topic = Topic(id=1, name="Encryption")
    group = [
        Gap(GapKind.CONSULTATION, name, "", unit=Unit(short_name=name), stake=LEAD, topics=(topic,)) for name in "ABCDE"[:units]
    ]
    said = rules.sentence_of_all(group, lambda words: words[0] % words[1] if isinstance(words, tuple) else words, day=str)
    assert said == f"Not asked, with a say in “Encryption”: {named}."
