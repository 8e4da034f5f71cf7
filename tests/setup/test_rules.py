import pytest

from coordinator.people.models import Role
from coordinator.setup.rules import NoSuchRole, PersonLine, Standing, Step, UnitLine, parents, person_line, unit_line

ALL = {
    "ministries": 1,
    "organisations": 1,
    "units": 2,
    "persons": 3,
    "manned": 2,
    "topics": 9,
    "leads": 1,
    "forums": 1,
    "events": 1,
    "lines": 2,
}


@pytest.mark.parametrize(
    ("lacks", "step"),
    [
        ("ministries", Step.ORGANISATION),
        ("units", Step.UNITS),
        ("manned", Step.PEOPLE),
        ("topics", Step.TOPICS),
        ("leads", Step.STAKES),
        ("forums", Step.CALENDAR),
        ("events", Step.CALENDAR),
        ("lines", Step.LINES),
    ],
)
def test_what_is_lacking_comes_next(lacks, step):
    found = Standing(**{**ALL, lacks: 1 if ALL[lacks] == 2 else 0})
    assert (found.next, found.done, found.ready) == (step, 6, step is Step.LINES)


def test_nothing_comes_after_all_of_it():
    assert (Standing(**ALL).next, Standing(**ALL).done) == (None, 7)
    assert Standing().next is Step.ORGANISATION


@pytest.mark.parametrize(
    ("line", "unit"),
    [
        ("CDP; Cyberspace", UnitLine(0, "CDP", "Cyberspace")),
        ("- ICS ;International; Security", UnitLine(1, "ICS", "International; Security")),
        ("-- X; Y", UnitLine(2, "X", "Y")),
        ("– – X; Y", UnitLine(2, "X", "Y")),
        ("X", UnitLine(0, "X", "")),
    ],
)
def test_a_line_says_a_unit(line, unit):
    assert unit_line(line) == unit


def test_hyphens_say_what_stands_below_what():
    depths = [0, 1, 2, 1, 0, 1]
    assert parents([UnitLine(d, "X", "Y") for d in depths]) == [None, 0, 1, 0, None, 4]
    with pytest.raises(ValueError, match="1"):
        parents([UnitLine(0, "X", "Y"), UnitLine(2, "X", "Y")])


@pytest.mark.parametrize(
    ("line", "roles"),
    [
        ("Ana; a@b.example; ICS", {Role.OFFICER}),
        ("Ana; a@b.example; ICS;", {Role.OFFICER}),
        ("Ana; a@b.example; ICS; releasing officer, Desk officer", {Role.OFFICER, Role.RELEASING_OFFICER}),
        ("Ana ;a@b.example; ICS ;releasing_officer", {Role.RELEASING_OFFICER}),
    ],
)
def test_a_line_says_a_person(line, roles):
    assert person_line(line) == PersonLine("Ana", "a@b.example", "ICS", frozenset(roles))


@pytest.mark.parametrize("line", ["Ana", "Ana; a@b.example", "Ana; ; ICS", "a; b; c; officer; e"])
def test_a_line_without_its_parts_is_refused(line):
    with pytest.raises(ValueError, match="^$"):
        person_line(line)


def test_a_strange_role_is_named():
    with pytest.raises(NoSuchRole, match="minister"):
        person_line("Ana; a@b.example; ICS; minister")
