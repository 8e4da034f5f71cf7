"""The rules of the picture as tables: rows, tables that never grow, medians, scales, the week in words."""

from datetime import date
from random import Random
from statistics import median_low
from typing import Any

import pytest

from coordinator.dashboard.rules import (
    EMPTY,
    MOST,
    Axis,
    Cell,
    Change,
    Line,
    Median,
    Near,
    Place,
    Turn,
    Week,
    axis,
    bureaus,
    chart,
    days_of,
    grid,
    median,
    mondays,
    nodes,
    steps,
    told,
)
from coordinator.overlaps.models import Severity
from coordinator.people.models import Circle
from coordinator.positions.models import Stance


def place(number: int, parent: int | None = None, *, of: int = 1, circle: Circle = Circle.MINISTRY, name: str = "") -> Place:
    return Place(number, f"ref{number}", name or f"U{number}", f"Unit {number}", parent, of, circle)


def said(rows: Any) -> list[str]:
    return [f"{'  ' * n.depth}{n.place.short_name}{'!' if n.alone else ''}{'+' if n.opens else ''}" for n in rows]


MODEL = [
    place(1, name="DM"),
    place(2, name="CDP"),
    place(3, 2, name="ICS"),
    place(4, 2, name="ICP"),
    place(5, 3, name="Team"),
    place(6, name="LA"),
]
TOPPED = [place(1, name="Top"), place(2, 1, name="Bureau"), place(3, 2, name="Desk"), place(4, 1, name="Office")]
OUTSIDE = [
    place(1, name="Own"),
    place(2, of=2, circle=Circle.GOVERNMENT, name="Authority"),
    place(3, 2, of=2, circle=Circle.GOVERNMENT, name="Division"),
    place(4, of=3, circle=Circle.COUNTRY, name="Aardvark"),
]


@pytest.mark.parametrize(
    ("places", "opened", "rows"),
    [
        pytest.param([], (), [], id="no unit, no row"),
        pytest.param(MODEL, (), ["CDP+", "DM", "LA"], id="units without a parent are the bureaus"),
        pytest.param(MODEL, (2,), ["CDP!", "  ICP", "  ICS+", "DM", "LA"], id="an opened bureau stands alone above its units"),
        pytest.param(MODEL, (5,), ["CDP!", "  ICP", "  ICS!", "    Team", "DM", "LA"], id="what is above the opened one is opened"),
        pytest.param(MODEL, (6,), ["CDP+", "DM", "LA"], id="a unit with nothing below it cannot be opened"),
        pytest.param(MODEL, (99,), ["CDP+", "DM", "LA"], id="a unit that is not there opens nothing"),
        pytest.param(TOPPED, (), ["Bureau+", "Office", "Top!"], id="below one top its children are the bureaus"),
        pytest.param(TOPPED, (2,), ["Bureau!", "  Desk", "Office", "Top!"], id="below one top a bureau opens"),
        pytest.param(TOPPED, (1,), ["Bureau+", "Office", "Top!"], id="the top is open already"),
        pytest.param(OUTSIDE, (), ["Own", "Authority+", "Aardvark"], id="the ministry first, an agency in one row"),
        pytest.param([place(1), place(2, 1)], (), ["U1!", "U2"], id="a top with one unit"),
    ],
)
def test_units_roll_up_to_their_bureau(places, opened, rows):
    assert said(nodes(places, opened=opened)) == rows


@pytest.mark.parametrize("opened", [(), (2,), (5,), (17,)])
def test_each_unit_is_counted_in_exactly_one_row(opened):
    chance = Random(7)
    places = [place(n, chance.choice([None, *range(1, n)]), of=n % 3) for n in range(1, 40)]
    places = [
        place(
            p.id,
            p.parent_id if p.parent_id and places[p.parent_id - 1].organisation_id == p.organisation_id else None,
            of=p.organisation_id,
        )
        for p in places
    ]
    rows = {n.id: n for n in nodes(places, opened=opened)}
    by_id = {p.id: p for p in places}

    def row_of(unit: Place) -> int:
        while unit.id not in rows:
            unit = by_id[unit.parent_id]
        return unit.id

    counted = {p.id: row_of(p) for p in places}
    for unit, row in counted.items():
        assert unit == row or not rows[row].alone
    assert {n.narrowing[0] for n in rows.values() if n.opens} <= {"bureau"}
    assert {n.narrowing[0] for n in rows.values() if n.alone} <= {"unit"}
    assert len(bureaus(places)) <= len(rows)


# --- tables that never grow too large ----------------------------------------------------------------------------------


def test_a_small_table_shows_all_that_weigh_anything_in_their_order():
    assert axis({1: 3, 2: 0, 3: 9}, [3, 2, 1]) == Axis((3, 1))


def test_a_large_table_shows_the_heaviest_first_and_sums_up_the_others():
    order = list(range(100))
    weights = {n: n + 1 for n in order}
    first = axis(weights, order, most=40)
    assert first.shown == tuple(range(61, 100))
    assert first.others == tuple(range(61))
    assert (first.page, first.pages) == (1, 3)
    second, third = (axis(weights, order, page=n, most=40) for n in (2, 3))
    assert second.shown == tuple(range(22, 61))
    assert third.shown == tuple(range(22))
    assert third.others == ()
    assert axis(weights, order, page=99, most=40) == third
    assert axis(weights, order, page=0, most=40) == first


@pytest.mark.parametrize("number", [0, 1, 39, 40, 41, 500])
def test_no_more_rows_stand_in_a_table_than_fit(number):
    order = list(range(number))
    found = axis(dict.fromkeys(order, 1), order)
    assert len(found.shown) + bool(found.others) <= MOST
    assert set(found.shown) | set(found.others) == set(order)


def test_the_others_sum_up_what_the_pages_behind_show():
    chance = Random(3)
    cells = {(row, column): Cell(chance.randint(0, 9), chance.choice([None, 0, 1, 2])) for row in range(9) for column in range(9)}
    totals = {row: Cell(100 + row) for row in range(9)}
    weights = dict.fromkeys(range(9), 1)

    def page(down: int, across: int) -> Any:
        return grid(
            cells,
            totals,
            down=axis(weights, range(9), page=down, most=6),
            across=axis(weights, range(9), page=across, most=6),
        )

    first, right, below = page(1, 1), page(1, 2), page(2, 1)
    for row, behind in zip(first.rows[:-1], right.rows[:-1], strict=True):
        assert row.key == behind.key
        assert row.rest == sum(behind.cells, EMPTY)
        assert row.total == totals[row.key]
    others = first.rows[-1]
    assert others.key is None
    assert others.total == sum((r.total for r in below.rows), EMPTY)
    assert others.cells == tuple(sum(column, EMPTY) for column in zip(*(r.cells for r in below.rows), strict=True))
    assert others.rest == sum((r.rest for r in below.rows), EMPTY)
    assert max(first.shade(c) for r in first.rows[:-1] for c in r.cells) == 4
    assert first.shade(EMPTY) == 0


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Cell(), Cell(), Cell()),
        (Cell(2, 1), Cell(3, 0), Cell(5, 0)),
        (Cell(2, None), Cell(0, 3), Cell(2, 3)),
    ],
)
def test_cells_add_up_to_the_worst_of_both(one, other, both):
    assert one + other == other + one == both


def test_a_cell_says_its_worst_in_a_word():
    assert [Cell(1, rank).severity for rank in (0, 1, 2, 3, None)] == [*Severity, None]


# --- how near, how fast ------------------------------------------------------------------------------------------------

TODAY = date(2026, 3, 2)


def test_every_day_falls_into_one_column_of_nearness():
    def holds(filters: dict[str, str], day: date | None) -> bool:
        if day is None:
            return filters == {"undated": "1"}
        until, after = filters.get("until"), filters.get("after")
        return "undated" not in filters and (not until or day.isoformat() <= until) and (not after or day.isoformat() > after)

    found = {
        day: [near for near in Near if holds(days_of(near, on=TODAY), day)]
        for day in (None, TODAY, date(2026, 3, 9), date(2026, 3, 10), date(2026, 4, 1), date(2026, 4, 2))
    }
    assert [*found.values()] == [[Near.UNDATED], [Near.WEEK], [Near.WEEK], [Near.MONTH], [Near.MONTH], [Near.LATER]]


def test_a_median_is_that_of_the_list_that_was_counted():
    chance = Random(5)
    for _turn in range(50):
        hours = [chance.randint(0, 200) for _ in range(chance.randint(1, 30))]
        assert median({h: hours.count(h) for h in hours}) == Median(median_low(hours), len(hours))
    assert median({}) == Median(None, 0)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (None, None),
        (0, "0 hours"),
        (1, "1 hour"),
        (47, "47 hours"),
        (48, "2 days"),
        (60, "2 days"),
        (61, "3 days"),
        (240, "10 days"),
    ],
)
def test_a_median_is_said_in_hours_or_days(hours, words):
    assert (lambda s: s and s[0] % s[1])(Median(hours, 1).said) == words


@pytest.mark.parametrize("day", [date(2026, 3, 2), date(2026, 3, 5), date(2026, 3, 8)])
def test_the_weeks_begin_on_mondays_and_end_with_the_own_one(day):
    assert mondays(on=day, weeks=3) == (date(2026, 2, 16), date(2026, 2, 23), date(2026, 3, 2))


@pytest.mark.parametrize(
    ("most", "scale"),
    [
        (0, (0, 1)),
        (1, (0, 1)),
        (4, (0, 1, 2, 3, 4)),
        (5, (0, 2, 4, 6)),
        (9, (0, 5, 10)),
        (10, (0, 5, 10)),
        (37, (0, 10, 20, 30, 40)),
    ],
)
def test_a_scale_goes_up_in_even_steps(most, scale):
    assert steps(most) == scale


@pytest.mark.parametrize("most", [*range(60), 99, 100, 101, 999, 12_345])
def test_a_scale_holds_its_number_in_at_most_five_steps(most):
    scale = steps(most)
    assert scale[0] == 0
    assert scale[-1] >= most
    assert 2 <= len(scale) <= 5
    assert len(scale) == 2 or scale[-2] < most


def test_the_bars_stand_on_the_ground_in_their_own_weeks_and_as_high_as_their_numbers():
    weeks = [Week(monday, found=n, closed=2 * n) for n, monday in enumerate(mondays(on=TODAY, weeks=13))]
    drawn = chart(weeks)
    ground = drawn.lines[0][0]
    assert all(round(b.y + b.height, 1) == ground for b in (*drawn.found, *drawn.closed))
    assert [b.number for b in drawn.closed] == [2 * n for n in range(13)]
    assert all(round(c.height, 0) == pytest.approx(2 * f.height, abs=1) for f, c in zip(drawn.found, drawn.closed, strict=True))
    starts = [b.x for pair in zip(drawn.found, drawn.closed, strict=True) for b in pair]
    assert starts == sorted(starts)
    assert all(a.x + a.width <= b.x for a, b in zip(drawn.found, drawn.closed, strict=True))
    assert drawn.names[-1][1] == TODAY
    assert len(drawn.names) <= 7
    assert chart([]).found == ()


# --- the week in words -------------------------------------------------------------------------------------------------


def words(change: Change) -> str:
    return told(change, day=lambda d: f"{d.day} {d:%B}", t=lambda s: s[0] % s[1] if isinstance(s, tuple) else s)


WEEK = {"since": date(2026, 2, 23), "on": TODAY}


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        ({}, "nothing new, nothing closed, no event near"),
        ({"found": {Severity.MEDIUM: 1}}, "one new clash"),
        ({"found": {Severity.HIGH: 2, Severity.LOW: 1}}, "3 new clashes, 2 of them high"),
        ({"found": {Severity.CRITICAL: 1, Severity.HIGH: 2}}, "3 new clashes, one of them critical"),
        ({"settled": 2}, "no new clash, 2 settled"),
        ({"dismissed": 1, "near": 1}, "no new clash, one dismissed, one event within two weeks"),
        ({"changed": 4, "ended": 1, "near": 3}, "no new clash, 4 lines new or revised, one line ended, 3 events within two weeks"),
    ],
)
def test_the_week_is_told_in_one_sentence(facts, sentence):
    assert words(Change(**WEEK, **facts)) == f"Since 23 February: {sentence}."


def test_what_waits_alone_is_no_news():
    assert Change(**WEEK, waiting=5).is_quiet


class Paper:
    level = 2


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        (Stance.SUPPORT, Stance.RED_LINE, True),
        (Stance.SUPPORT, Stance.SUPPORT, False),
        (None, Stance.SUPPORT, False),
        (Stance.SUPPORT, None, False),
    ],
)
def test_a_line_says_how_its_stance_moved(before, after, moved):
    line: Any = Line(Paper(), Turn.REVISED, before, after)
    assert (line.moved is not None) is moved
    assert Change(**WEEK, lines=(line,)).level == 2
    if moved:
        assert line.moved[0] % line.moved[1] == "The stance moved from “Support” to “Red line”."
