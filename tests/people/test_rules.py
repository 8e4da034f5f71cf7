from datetime import UTC, date, datetime, timedelta

import pytest

from coordinator.people import rules
from coordinator.people.models import Circle, Role
from coordinator.people.rules import (
    Throttle,
    comparable,
    effective_level,
    password_fault,
    person_tokens,
    sign_in_stands,
    unit_tokens,
    would_be_under_itself,
)

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "look_alike",
    [
        "Ana@Ministry.example",
        " ana@ministry.example ",
        "ａｎａ@ministry.example",
        "ANA@MINISTRY.EXAMPLE",
        "ana@ministry.example\u3000",
    ],
    ids=["capitals", "spaces", "full width", "all capitals", "ideographic space"],
)
def test_addresses_that_look_alike_are_compared_as_one(look_alike):
    assert comparable(look_alike) == "ana@ministry.example"


def test_addresses_that_differ_stay_apart():
    assert comparable("ana@ministry.example") != comparable("anna@ministry.example")


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "password1234",
        "PASSWORD1234",
        "aaaaaaaaaaaaaa",
        "ana.ferreira@ministry.example",
        "ferreira1234",
        "ana.ferreira12",
    ],
)
def test_a_password_that_is_tried_first_is_refused(password):
    assert password_fault(password, name="Ana Ferreira", email="ana.ferreira@ministry.example")


@pytest.mark.parametrize(
    "password", ["slow otters cross rivers", "Überraschung im März", "gT7!kd02-wwqPz", "ferreira and seven blue herons"]
)
def test_a_long_password_of_ones_own_is_taken(password):
    assert password_fault(password, name="Ana Ferreira", email="ana.ferreira@ministry.example") is None


def test_nobody_reads_above_what_their_organisation_may_see():
    assert effective_level(2, 0) == 0
    assert effective_level(1, 2) == 1


@pytest.mark.parametrize(
    ("circle", "held"),
    [
        (Circle.MINISTRY, {"circle:ministry", "circle:government", "circle:country"}),
        (Circle.GOVERNMENT, {"circle:government", "circle:country"}),
        (Circle.COUNTRY, {"circle:country"}),
    ],
    ids=lambda v: v.value if isinstance(v, Circle) else "",
)
def test_an_inner_circle_belongs_to_the_outer_ones(circle, held):
    tokens = unit_tokens(3, organisation_id=7, circle=circle, ancestors=(3, 1))
    assert {t for t in tokens if t.startswith("circle:")} == held
    assert {"unit:3", "org:7", "bureau:3", "bureau:1"} <= tokens


def test_only_a_coordinator_holds_the_tokens_of_coordination():
    assert person_tokens(5, frozenset({Role.COORDINATOR}), (9,), (3, 1)) == {"user:5", "group:9", "coord:3", "coord:1"}
    assert person_tokens(5, frozenset(set(Role) - {Role.COORDINATOR}), (), (3, 1)) == {"user:5"}


@pytest.mark.parametrize(
    ("started", "seen", "ended", "stands"),
    [
        (timedelta(hours=1), timedelta(minutes=5), None, True),
        (timedelta(hours=1), timedelta(minutes=61), None, False),
        (timedelta(hours=13), timedelta(minutes=5), None, False),
        (timedelta(hours=1), timedelta(minutes=5), AT, False),
    ],
    ids=["in use", "left alone", "too old", "ended"],
)
def test_a_sign_in_ends_by_idleness_by_age_or_by_will(started, seen, ended, stands):
    given = {"started_at": AT - started, "seen_at": AT - seen, "ended_at": ended}
    assert sign_in_stands(**given, at=AT, idle=timedelta(hours=1), at_most=timedelta(hours=12)) is stands


def test_the_same_account_in_other_letters_is_throttled_as_one():
    throttle = Throttle(tries=8, window=timedelta(minutes=15))
    assert throttle.limits("Ana@x.example ", "10.0.0.1") == throttle.limits("ana@X.example", "10.0.0.1")
    assert sorted(throttle.limits("ana@x.example", "10.0.0.1").values()) == [8, 40, 160]


def test_a_unit_may_not_be_put_below_itself():
    assert would_be_under_itself(1, 1, ())
    assert would_be_under_itself(1, 3, (3, 2, 1))
    assert not would_be_under_itself(1, 4, (4, 2))


class Somewhere:
    def __init__(self, id, parent_id=None):
        self.id, self.parent_id = id, parent_id


def shape(found):
    return [(b.unit.id, shape(b.below)) for b in found]


def test_a_unit_whose_upper_unit_is_not_among_them_stands_at_the_top():
    units = [Somewhere(3, 2), Somewhere(1), Somewhere(2, 1), Somewhere(4, 99)]
    assert shape(rules.forest(units)) == [(1, [(2, [(3, [])])]), (4, [])]


MAY = datetime(2026, 5, 1, tzinfo=UTC)


def test_postings_follow_people_in_and_out():
    def on(day):
        return MAY.replace(day=day)

    events = [
        (7, "person.added", on(1), 1),
        (8, "person.added", on(1), 2),
        (7, "person.revised", on(2), 1),
        (8, "person.moved", on(3), 1),
        (7, "person.moved", on(4), 2),
        (8, "person.disabled", on(5), None),
        (8, "person.password_set", on(6), None),
        (8, "person.enabled", on(7), None),
    ]
    assert rules.postings(1, events) == [
        rules.Posting(8, on(7), None),
        rules.Posting(7, on(1), on(4)),
        rules.Posting(8, on(3), on(5)),
    ]


def in_words(action, said, before=None):
    names = {"units": {1: "ICS", 2: "CDP"}, "organisations": {1: "MFA", 2: "DoT"}}
    return [sentence % values for sentence, values in rules.told(action, said, before or {}, **names, day=lambda d: d.isoformat())]


def test_what_happened_to_a_unit_is_told_in_words():
    first = {"organisation_id": 1, "name": "Cyberspace", "short_name": "C", "parent_id": 2}
    then = {"organisation_id": 2, "name": "Cyber", "short_name": "C", "ends_on": "2026-05-01"}
    assert in_words("unit.added", first) == ["Written down as “Cyberspace”.", "Put below CDP."]
    assert in_words("unit.revised", then, first) == [
        "Renamed from “Cyberspace” to “Cyber”.",
        "Taken out from below CDP.",
        "Moved from MFA to DoT.",
        "Ended on 2026-05-01.",
    ]
    assert in_words("unit.revised", first, first) == ["Saved without a change."]
    assert in_words("unit.succeeded", {"successor": 1, "on": "2026-05-01"}) == ["It went on as ICS, and ended, on 2026-05-01."]
    assert in_words("unit.succeeded", {"successor": 1, "on": "2026-05-01", "ends": False}) == ["ICS came from it on 2026-05-01."]


@pytest.mark.parametrize(("ends_on", "ended"), [(None, False), ("2026-05-01", True), ("2026-05-02", False)])
def test_a_unit_has_ended_from_the_day_on_that_is_its_end(ends_on, ended):
    day = date.fromisoformat(ends_on) if ends_on else None
    assert rules.has_ended(day, on=MAY.date()) is ended
