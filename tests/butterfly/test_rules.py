"""The rules of the butterfly as tables: who covers a wing, what a list holds, where the parts of the picture stand."""

import re
from itertools import combinations

import pytest

from coordinator.butterfly.rules import (
    BOX,
    LEFT,
    MARK,
    MARK_WIDE,
    MOST_WINGS,
    RIGHT,
    WIDTH,
    Butterfly,
    Holder,
    Subject,
    Way,
    Wing,
    broken,
    ends,
    fitted,
    in_order,
    outlines,
    picture,
    reached,
)
from coordinator.dashboard.rules import Cell
from coordinator.topics.models import Stake


def holder(stake: Stake | None = None, number: int = 0, name: str = "ICS") -> Holder:
    return Holder("ref", name, f"The {name}", stake, number)


@pytest.mark.parametrize(
    ("holders", "within", "covered"),
    [
        ((), False, False),
        ((holder(Stake.LEAD),), False, True),
        ((holder(Stake.CO_LEAD),), False, True),
        ((holder(Stake.MUST_CONSULT),), False, False),
        ((holder(Stake.INFORM),), False, False),
        ((holder(number=1),), False, True),
        ((holder(Stake.INFORM, 2),), False, True),
        ((), True, True),
    ],
)
def test_a_wing_is_covered_by_whoever_leads_or_works_on_it(holders, within, covered):
    wing = Wing(Subject(1, "ref", "Cables"), Way.TOUCHES, holders, covered_within=within)
    assert wing.is_covered is covered
    assert Wing(Subject(1, "ref", "Cables", umbrella=True), Way.TOUCHES, holders).is_covered


def test_units_stand_by_their_say_then_by_what_they_do():
    named = [
        holder(number=9, name="D"),
        holder(Stake.INFORM, 3, "C"),
        holder(Stake.LEAD, 0, "B"),
        holder(Stake.LEAD, 1, "A"),
        holder(number=2, name="E"),
    ]
    assert [h.short_name for h in in_order(named)] == ["A", "B", "C", "D", "E"]


def test_edges_are_followed_to_their_end_and_circles_do_no_harm():
    assert reached([1, 5], {1: [2], 2: [3], 3: [1], 4: [5]}) == {1, 2, 3, 5}


def test_a_list_holds_what_has_two_wings_and_begins_with_what_is_least_covered():
    named = [Subject(i, f"r{i}", name) for i, name in enumerate(("A", "B", "C", "D"))] + [Subject(7, "r7", "U", umbrella=True)]
    found = outlines(named, {0: {1, 2}, 1: {0}, 2: {0, 3, 7, 9}, 3: ()}, covered={0, 1, 2})
    assert [(o.topic.name, [w.name for w in o.wings], [w.name for w in o.uncovered]) for o in found] == [
        ("C", ["A", "D", "U"], ["D"]),
        ("A", ["B", "C"], []),
    ]


def butterfly(wings: int, *, clashing: int = 0) -> Butterfly:
    def wing(n: int) -> Wing:
        return Wing(Subject(n, f"r{n}", f"Topic of some length number {n}"), Way.TOUCHES if n % 3 else Way.WITHIN)

    pairs = list(combinations(range(wings + 1), 2))[: clashing or None]
    cells = {ends(b, a): Cell(n + 1, n % 4) for n, (a, b) in enumerate(pairs)} | {(1, 1): Cell(2, 0), (0, 0): Cell(1, 3)}
    middle = Wing(Subject(0, "r0", "The middle"))
    return Butterfly(middle, tuple(wing(n) for n in range(1, wings + 1)), cells)


def test_the_pairs_between_wings_come_worst_first_and_leave_out_the_middle():
    found = butterfly(5)
    assert [(cell.rank, -cell.number) for _a, _b, cell in found.between] == sorted(
        (c.rank, -c.number) for _a, _b, c in found.between
    )
    assert all(0 not in (a.topic.id, b.topic.id) for a, b, _cell in found.between)
    assert len(found.between) == 10
    assert found.along(found.wings[0]) == Cell(1, 0)
    assert found.on(found.wings[0]) == Cell(2, 0)


@pytest.mark.parametrize("wings", [1, 2, 3, 7, 12, 24, 40])
def test_no_two_boxes_and_no_two_marks_lie_on_each_other_and_nothing_leaves_the_picture(wings):
    found = butterfly(wings)
    drawn = picture(found)
    assert len(drawn.boxes) == min(wings, MOST_WINGS)
    assert drawn.left_out == max(0, wings - MOST_WINGS)
    for one, other in combinations((drawn.middle, *drawn.boxes), 2):
        apart = one.x + one.wide <= other.x or other.x + other.wide <= one.x
        assert apart or one.y + one.high <= other.y or other.y + other.high <= one.y
    assert all(b.y >= 0 and b.y + b.high <= drawn.high and b.x >= 0 and b.x + b.wide <= WIDTH for b in drawn.boxes)
    marks = [*drawn.marks, *(s.mark for s in (*drawn.strokes, *drawn.between) if s.mark)]
    for one, other in combinations(marks, 2):
        assert abs(one.x - other.x) >= MARK_WIDE or abs(one.y - other.y) >= MARK, (one, other)
    assert all(23 <= m.x <= WIDTH - 23 and 12 <= m.y <= drawn.high - 12 for m in marks)
    assert drawn.undrawn + len(drawn.between) == len(found.between)


def test_every_clash_of_a_small_butterfly_is_drawn_once():
    found = butterfly(4)
    drawn = picture(found)
    shown = [m.ends for m in (*drawn.marks, *(s.mark for s in (*drawn.strokes, *drawn.between) if s.mark))]
    assert sorted(shown) == sorted(found.clashes)
    assert drawn.undrawn == 0


def test_lines_between_wings_of_one_side_bow_outwards():
    drawn = picture(butterfly(4))
    starts = {float(m[1]) for s in drawn.between if (m := re.match(r"M([\d.]+) ", s.path))}
    assert starts <= {LEFT, RIGHT + BOX, LEFT + BOX}
    assert {LEFT, RIGHT + BOX} <= starts


@pytest.mark.parametrize(
    ("text", "letters", "lines", "shown"),
    [
        ("Cables", 10, 2, ("Cables",)),
        ("Critical internet resources", 10, 3, ("Critical", "internet", "resources")),
        ("Critical internet resources", 10, 2, ("Critical", "internet…")),
        ("Antidisestablishment", 10, 2, ("Antidises…",)),
        ("网络安全能力建设", 10, 1, ("网络安全…",)),
        ("", 10, 2, ()),
    ],
)
def test_names_are_broken_into_lines_that_fit(text, letters, lines, shown):
    assert broken(text, letters, lines) == shown


@pytest.mark.parametrize(
    ("parts", "letters", "shown"),
    [
        ((), 10, ""),
        (("ICS", "MLA"), 10, "ICS, MLA"),
        (("ICS", "MLA", "ICP"), 11, "ICS, MLA +1"),
        (("A long name of a unit",), 8, "A long…"),
    ],
)
def test_as_many_units_are_named_as_fit(parts, letters, shown):
    assert fitted(parts, letters) == shown
