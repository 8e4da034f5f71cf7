from datetime import UTC, datetime, timedelta

import pytest

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
