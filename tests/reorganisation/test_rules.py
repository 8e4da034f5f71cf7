from datetime import UTC, date, datetime

import pytest

from coordinator.entries.models import Kind, State
from coordinator.reorganisation import rules
from coordinator.reorganisation.rules import Adhered, Held, Plan, Standing, Ways
from coordinator.topics.models import Stake

AT = datetime(2026, 3, 2, tzinfo=UTC)
A, B, N, S = 1, 2, -1, -2  # two units that there are, two new ones
NOBODY = frozenset[int]()


def plan(*old, into, **said):
    return Plan(predecessors=old, heirs=into, on=date(2026, 3, 2), rest=said.pop("rest", into[0]), **said)


def held(number, *, unit=A, state=State.RELEASED, author=None, topics=(), question=None, level=1, days=0):
    released = AT.replace(day=2 + days)
    return Held(number, Kind.POSITION, unit, state, level, 7, author, released, frozenset(topics), question)


WAYS = Ways(topics={(A, 10): N, (A, 20): S, (A, 30): S}, persons={100: S})


@pytest.mark.parametrize(
    ("entry", "to"),
    [
        (held(1), N),
        (held(1, author=100), S),
        (held(1, author=100, topics=(10,)), N),
        (held(1, author=100, topics=(10,), state=State.DRAFT), S),
        (held(1, topics=(10, 20, 30)), S),
        (held(1, topics=(10, 20)), N),
        (held(1, topics=(99,)), N),
        (held(9, topics=(10,), author=100), S),
    ],
    ids=[
        "nothing known",
        "with its author",
        "by its topic",
        "a draft with its author",
        "most topics",
        "a tie",
        "a strange topic",
        "by hand",
    ],
)
def test_an_entry_finds_its_way(entry, to):
    assert rules.goes_to(plan(A, into=(N, S), entries={9: S}), entry, WAYS) == to


def test_what_is_not_said_of_a_unit_that_goes_on_stays_with_it():
    spun_off = plan(A, B, into=(A, N), rest=N)
    assert (spun_off.home(A), spun_off.home(B), spun_off.ending) == (A, N, (B,))


def test_the_strongest_stake_of_a_unit_shows_the_way():
    found = rules.ways(
        plan(A, into=(N, S), stakes={1: N, 2: S}), stakes=[(1, A, 10, Stake.INFORM), (2, A, 10, Stake.LEAD)], persons=[(100, A)]
    )
    assert found == Ways(topics={(A, 10): S}, persons={100: N})


def test_lines_clash_on_one_question_at_one_level_of_one_unit_only():
    lines = [held(1, question=5), held(2, question=5), held(3, question=5, level=2), held(4), held(5, question=6)]
    lines += [held(6, question=5, state=State.DRAFT)]
    assert [(k, [e.id for e in v]) for k, v in rules.clashes(lines, lambda e: N).items()] == [((N, 5, 1), [2, 1])]
    assert rules.clashes(lines, lambda e: e.id) == {}


KEY = (N, 5, 1)
OLD, NEW = held(1, question=5), held(2, question=5, days=1)


@pytest.mark.parametrize(
    ("seen", "kept", "stays"),
    [
        ({1, 2}, {}, None),
        ({1, 2}, {KEY: 1}, 1),
        ({1, 2}, {KEY: 3}, None),
        ({1}, {}, 1),
        ({1}, {KEY: 2}, 1),
        (set(), {}, 2),
        (set(), {KEY: 1}, 2),
    ],
    ids=["not said", "said", "said wrongly", "one seen", "the other cannot be chosen", "none seen: the newest", "not to be chosen"],
)
def test_which_line_stays(seen, kept, stays):
    for lines in ([OLD, NEW], [NEW, OLD]):
        found = rules.stays(KEY, lines, kept=kept, seen=frozenset(seen))
        assert (found.id if found else None) == stays


def adhered(number, *, unit=A, line=50, question=5, owner=99, level=1, days=0):
    return Adhered(number, line, unit, 1, AT.replace(day=2 + days), question, level, owner)


@pytest.mark.parametrize(
    ("rows", "own", "fates"),
    [
        ([adhered(1)], [], {1: N}),
        ([adhered(1, owner=N)], [], {1: None}),
        ([adhered(1)], [(N, 5, 1)], {1: None}),
        ([adhered(1)], [(N, 5, 2)], {1: N}),
        ([adhered(1), adhered(2, unit=B, days=1)], [], {1: None, 2: N}),
        ([adhered(1, days=1), adhered(2, unit=B, line=51)], [], {1: N, 2: None}),
        ([adhered(1), adhered(2, unit=B, question=6)], [], {1: N, 2: N}),
        ([adhered(1, unit=77)], [], {1: 77}),
    ],
    ids=["goes on", "its own now", "a line of its own", "at another level", "both", "the later", "other question", "untouched"],
)
def test_adherences_go_on_or_end(rows, own, fates):
    assert rules.adhering(plan(A, B, into=(N,)), rows, Ways({}, {}), own=own) == fates


def standing(**said):
    empty = {"before": {A: frozenset({A})}, "after": {3: frozenset({3})}, "children": {A: {}}, "followers": {A: (3,)}}
    return Standing(**{**empty, "people_before": {A: frozenset({100})}, "people_after": {3: frozenset({100})}, **said})


def test_a_unit_that_follows_reads_what_was_shared_with_the_old_one():
    follow = rules.tokens_of_followers(plan(A, into=(3,), made=frozenset({3})), standing())
    assert follow == {"unit:1": {"unit:3"}, "bureau:1": {"bureau:3"}, "coord:1": {"coord:3"}}
    assert rules.readers_of_others(frozenset({"bureau:1", "circle:ministry"}), follow) == {
        "bureau:1",
        "bureau:3",
        "circle:ministry",
    }
    assert rules.readers_of_others(frozenset({"user:1"}), follow) == {"user:1"}


def test_a_bureau_is_not_opened_to_those_who_stood_elsewhere():
    at = standing(
        before={A: frozenset({A, 8})}, after={3: frozenset({3, 8, 9})}, children={A: {8: 3}}
    )  # 8 comes along; 9 was below 3 before
    assert rules.tokens_of_followers(plan(A, into=(3,)), at)["bureau:1"] == {"unit:3", "bureau:8"}
    whole = standing(before={A: frozenset({A, 8})}, after={3: frozenset({3, 8})}, children={A: {8: 3}})
    assert rules.tokens_of_followers(plan(A, into=(3,)), whole)["bureau:1"] == {"bureau:3"}


@pytest.mark.parametrize(
    ("made", "people", "tokens"),
    [({3}, {100}, {"unit:3"}), (set(), {100}, set()), ({3}, {100, 200}, set())],
    ids=["new, all from the old one", "there before", "with others"],
)
def test_only_a_new_unit_of_the_old_ones_people_reads_on_what_goes_elsewhere(made, people, tokens):
    at = standing(people_after={3: frozenset(people)})
    assert rules.read_on(plan(A, into=(3,), made=frozenset(made)), at, A) == tokens


def test_a_draft_is_read_by_its_new_owner_alone():
    said = {"old": A, "owner": 3, "follow": {"unit:2": frozenset({"unit:3"})}, "on": frozenset({"unit:4"})}
    tokens = frozenset({"unit:1", "unit:2", "user:5"})
    assert rules.readers_of_own(tokens, was_released=False, **said) == {"unit:2", "unit:3", "user:5"}
    assert rules.readers_of_own(tokens, was_released=True, **said) == {"unit:1", "unit:2", "unit:3", "unit:4", "user:5"}


def test_who_follows_is_told_by_people_stakes_and_units_below():
    found = rules.followers(plan(A, B, into=(A, 3, 4), rest=3, persons={100: 4}), persons={100: A}, stakes=[(7, A)], below=[])
    assert found == {A: (4,), B: (3,)}
