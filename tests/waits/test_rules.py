"""The rules of who waits for whom as tables: sums, orders, how a unit stands on a topic, who may look."""

from datetime import UTC, datetime, timedelta

import pytest

from coordinator.agenda.rules import Coordination
from coordinator.dashboard.rules import EMPTY, Cell
from coordinator.people.models import Duty, Person, Role
from coordinator.topics.models import Stake
from coordinator.waits.rules import OnTopic, Owed, Owing, Wait, between, in_order, may_look, may_look_at_all, standings

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
ACKNOWLEDGE, ANSWER = Owed.ACKNOWLEDGEMENT, Owed.ANSWER


def wait(silent: int, waiting: int, *, days: int = 1, number: int = 1, rank: int = 1, owed: Owed = ACKNOWLEDGE) -> Wait:
    return Wait(silent, waiting, owed, Cell(number, rank), AT - timedelta(days=days))


def test_between_two_units_each_way_is_kept_apart():
    found = between(1, {2: Cell(3, 0), 3: Cell(1, 2)}, [wait(1, 2, days=4), wait(2, 1, days=9, number=2, owed=ANSWER)])
    first, second = found
    assert (first.other_id, first.clashes) == (2, Cell(3, 0))
    assert first.owed == {ACKNOWLEDGE: Owing(Cell(1, 1), AT - timedelta(days=4))}
    assert first.owes == {ANSWER: Owing(Cell(2, 1), AT - timedelta(days=9))}
    assert first.since == AT - timedelta(days=9)
    assert (second.other_id, second.owes, second.owed, second.since) == (3, {}, {}, None)


def test_what_waits_longest_stands_first_then_the_worst_then_the_most():
    cells = {2: Cell(1, 0), 3: Cell(9, 0), 4: Cell(1, 3), 5: Cell(1, 3), 6: Cell(1, 2)}
    found = between(1, cells, [wait(1, 5, days=2), wait(4, 1, days=8)])
    assert [row.other_id for row in found] == [4, 5, 3, 2, 6]


def test_a_unit_that_owes_something_stands_before_one_that_owes_nothing():
    owes = {
        2: {ACKNOWLEDGE: Owing(Cell(2, 1), AT - timedelta(days=7))},
        3: {ACKNOWLEDGE: Owing(Cell(1, 1), AT - timedelta(days=5))},
    }
    found = standings({1: Cell(5, 0), 2: Cell(2, 0), 3: Cell(1, 1)}, owes)
    assert [row.unit_id for row in found] == [2, 3, 1]
    assert found[0].owes == owes[2]
    assert found[2].owes == {}


@pytest.mark.parametrize(
    ("stake", "positions", "clashes", "state"),
    [
        (Stake.LEAD, 0, EMPTY, Coordination.NOTHING_YET),
        (Stake.MUST_CONSULT, 0, EMPTY, Coordination.NOTHING_YET),
        (Stake.LEAD, 2, EMPTY, Coordination.IN_ORDER),
        (Stake.LEAD, 2, Cell(1, 0), Coordination.CONFLICTING),
        (Stake.INFORM, 0, EMPTY, None),
        (Stake.INFORM, 1, EMPTY, Coordination.IN_ORDER),
        (None, 1, EMPTY, Coordination.IN_ORDER),
        (None, 0, Cell(1, 0), Coordination.CONFLICTING),
        (None, 0, EMPTY, None),
    ],
)
def test_one_word_says_how_a_unit_stands_on_a_topic(stake, positions, clashes, state):
    assert OnTopic("ref", "Cables", stake, positions, clashes).state is state


def test_topics_stand_by_the_say_in_them():
    named = [("B", None), ("A", None), ("D", Stake.INFORM), ("C", Stake.LEAD)]
    found = in_order(OnTopic(name, name, stake, 0, EMPTY) for name, stake in named)
    assert [t.name for t in found] == ["C", "D", "A", "B"]


def person(unit_id: int, *roles: Role) -> Person:
    return Person(unit_id=unit_id, duties=[Duty(role=role) for role in roles])


@pytest.mark.parametrize(
    ("who", "may"),
    [
        (person(7, Role.OFFICER), True),
        (person(1, Role.OFFICER), False),
        (person(1, Role.RELEASING_OFFICER), True),
        (person(2, Role.RELEASING_OFFICER), False),
        (person(2, Role.COORDINATOR), True),
        (person(2, Role.LEADERSHIP), True),
        (person(2, Role.ADMINISTRATOR), False),
        (person(2, Role.AUDITOR), False),
    ],
)
def test_one_looks_at_the_own_unit_at_those_below_and_watchers_at_all(who, may):
    """Unit 7 lies below unit 1."""
    below = {1, 7} if who.unit_id == 1 else {who.unit_id}
    assert may_look(who, 7, below=below) is may
    assert may_look_at_all(who) is bool(who.roles & {Role.COORDINATOR, Role.LEADERSHIP})
