from datetime import date

import pytest

from coordinator.calendar.models import InstrumentKind
from coordinator.exchange.rules import BadRow, joined, listed
from coordinator.lists.rules import (
    COLUMNS,
    EXAMPLES,
    ListKind,
    Names,
    Standing,
    column_names,
    completed,
    key,
    related_both_ways,
    understood,
    written,
)
from coordinator.people.models import Role
from coordinator.topics.models import Stake


@pytest.fixture
def names() -> Names:
    found = Names()
    found.learn("organisation", 1, ("The Ministry", "MFA"))
    found.learn("organisation", 2, ("Trade Department", "DTI"))
    found.learn("unit", 3, ("LEG", "Legal", "MFA / LEG", "MFA / Legal"))
    found.learn("unit", 4, ("LEG", "Law", "DTI / LEG", "DTI / Law"))
    found.learn("topic", 5, ("Data governance", "gouvernance des données"))
    found.learn("topic", 6, ("Privacy",))
    found.learn("forum", 7, ("ITU", "International Telecommunication Union"))
    found.learn("group", 8, ("Leadership",))
    found.learn("counterpart", 9, ("Freedonia",))
    return found


PERSON = {"email": "a@b.example", "name": "Ana", "unit": "Legal", "clearance": "official"}


def test_a_row_is_understood_as_names_are_compared(names):
    said = understood(ListKind.PEOPLE, PERSON | {"roles": "Desk officer; RELEASING_OFFICER", "groups": "leadership"}, names)
    assert said["unit"] == 3
    assert said["clearance"] == 1
    assert said["roles"] == {Role.OFFICER, Role.RELEASING_OFFICER}
    assert said["groups"] == {8}
    assert "state" not in said


@pytest.mark.parametrize("roles", ["officer coordinator", "officer,coordinator", "coordinator;officer;"], ids=repr)
def test_roles_may_be_parted_as_one_likes(names, roles):
    assert understood(ListKind.PEOPLE, {"roles": roles}, names)["roles"] == {Role.OFFICER, Role.COORDINATOR}


@pytest.mark.parametrize(
    ("kind", "cells", "why"),
    [
        ("people", {"email": "nobody"}, "“nobody” is no e-mail address"),
        ("people", {"email": " "}, "email is missing"),
        ("people", {"roles": "officer; king"}, "roles “king” is none of officer"),
        ("people", {"clearance": "TOP SECRET"}, "clearance “TOP SECRET” is none of PUBLIC"),
        ("people", {"unit": "Nowhere"}, "there is no unit “Nowhere”"),
        ("people", {"unit": "LEG"}, "more than one unit is called “LEG”"),
        ("people", {"groups": "Elders"}, "there is no reading group “Elders”"),
        ("people", {"state": "gone"}, "state “gone” is none of active, disabled"),
        ("people", {"name": "x" * 121}, "name is 121 characters long; at most 120 fit"),
        ("people", {"name": "up\u202eside"}, "turns the reading direction"),
        ("units", {"starts_on": "31.3.2026"}, "starts_on “31.3.2026” is no day"),
        ("units", {"starts_on": "1066-10-14"}, "starts_on “1066-10-14” is no day"),
        ("units", {"organisation": "Elsewhere"}, "there is no organisation “Elsewhere”"),
        ("topics", {"umbrella": "perhaps"}, "umbrella “perhaps” is none of yes, no"),
        ("topics", {"broader": "Privacy; Cats"}, "there is no topic “Cats”"),
        ("topics", {"aliases": "fr: " + "x" * 130}, "aliases is 130 characters long"),
        ("equities", {"stake": "owner"}, "stake “owner” is none of lead"),
        ("equities", {"from_on": ""}, "from_on is missing"),
        ("events", {"forum": "UNO"}, "there is no forum “UNO”"),
    ],
    ids=lambda v: v if isinstance(v, str) and len(v) < 10 else "",
)
def test_what_is_wrong_with_a_row_is_said_in_plain_words(names, kind, cells, why):
    with pytest.raises(BadRow, match=r".") as bad:
        understood(ListKind(kind), cells, names)
    assert why in str(bad.value)


def test_a_unit_whose_name_two_have_is_named_with_its_organisation(names):
    assert understood(ListKind.EQUITIES, {"unit": "dti / leg"}, names)["unit"] == 4
    assert names.call("unit", 4) == "Law"
    assert names.call("unit", 3) == "Legal"


def test_something_new_needs_what_the_page_says_it_needs(names):
    with pytest.raises(BadRow, match="clearance is missing"):
        completed(ListKind.PEOPLE, understood(ListKind.PEOPLE, {k: v for k, v in PERSON.items() if k != "clearance"}, names))
    whole = completed(ListKind.PEOPLE, understood(ListKind.PEOPLE, PERSON, names))
    assert (whole["roles"], whole["groups"], whole["state"]) == (frozenset(), frozenset(), Standing.ACTIVE)


VALUES = {
    ListKind.PEOPLE: {
        "email": "a@b.example",
        "name": "=Ana; Ferrer",
        "unit": 4,
        "roles": frozenset({Role.OFFICER, Role.AUDITOR}),
        "clearance": 0,
        "groups": frozenset({8}),
        "state": Standing.DISABLED,
    },
    ListKind.UNITS: {
        "organisation": 1,
        "name": "Legal",
        "short_name": "LEG",
        "parent": 3,
        "mailbox": "",
        "starts_on": date(2026, 1, 1),
        "ends_on": None,
    },
    ListKind.TOPICS: {
        "name": "Data; governance",
        "umbrella": True,
        "broader": frozenset({5, 6}),
        "related": frozenset(),
        "aliases": frozenset({("fr", "données; données"), ("en", "data: a word")}),
    },
    ListKind.EQUITIES: {"topic": 5, "unit": 3, "stake": Stake.CO_LEAD, "from_on": date(2026, 1, 1), "until_on": None},
    ListKind.FORUMS: {"name": "A", "short_name": "B", "aliases": ("C; d", "É")},
    ListKind.EVENTS: {
        "forum": 7,
        "name": "A",
        "starts_on": date(2026, 1, 1),
        "ends_on": date(2026, 1, 2),
        "place": "",
        "aliases": (),
    },
    ListKind.INSTRUMENTS: {
        "name": "A",
        "short_name": "B",
        "kind": InstrumentKind.NORMS,
        "forum": 7,
        "party_list": frozenset({9}),
        "parties": "all",
        "adopted_on": date(2026, 1, 1),
        "in_force_on": None,
        "link": "https://treaties.example/1",
    },
}


@pytest.mark.parametrize("kind", ListKind)
def test_what_is_written_is_understood_again(names, kind):
    assert understood(kind, written(kind, VALUES[kind], names), names) == VALUES[kind]


@pytest.mark.parametrize("kind", ListKind)
def test_every_example_has_a_cell_for_each_column(kind):
    assert all(len(row) == len(COLUMNS[kind]) for row in EXAMPLES[kind])
    assert column_names(kind)[0] == "ref"


def test_a_name_with_a_semicolon_is_one_name():
    assert listed(joined(["a; b", "c"])) == ["a; b", "c"]


def test_what_tells_things_apart_is_compared_as_names_are():
    assert key(ListKind.PEOPLE, {"email": " A@B.example"}) == key(ListKind.PEOPLE, {"email": "a@b.EXAMPLE"})
    assert key(ListKind.EVENTS, {"forum": 1, "name": "Session"}) != key(ListKind.EVENTS, {"forum": 2, "name": "Session"})


def test_related_topics_are_so_both_ways():
    rows = related_both_ways([{"name": "A", "related": "b; C"}, {"name": "B", "related": ""}, {"name": "C"}])
    assert [row.get("related") for row in rows] == ["b; C", "A", None]
