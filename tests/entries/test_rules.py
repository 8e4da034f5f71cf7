"""The rule of access and how wide an entry may go."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.entries.models import EntryVersion, Level
from coordinator.entries.rules import (
    ReasonForNarrowing,
    TooSensitive,
    TooWide,
    audience_tokens,
    check_audience,
    may_see,
    may_see_version,
    needs_second_person,
    new_code,
    sides,
)
from coordinator.people.models import Circle, Role
from coordinator.people.rules import NOBODY, Reader, comparable, person_tokens, unit_tokens

TOKENS = ["unit:1", "unit:2", "circle:ministry", "circle:government", "group:7", "user:3"]
audiences = st.frozensets(st.sampled_from(TOKENS))
readers = st.builds(Reader, level=st.integers(-1, 2), tokens=audiences)
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@given(reader=readers, level=st.integers(0, 2), audience=audiences, token=st.sampled_from(TOKENS))
def test_a_token_more_never_hides_and_a_level_more_never_shows(reader, level, audience, token):
    more = Reader(level=reader.level, tokens=reader.tokens | {token})
    if may_see(reader, level=level, audience=audience):
        assert may_see(more, level=level, audience=audience)
        assert may_see(reader, level=level, audience=audience | {token})
    if may_see(reader, level=level + 1, audience=audience):
        assert may_see(reader, level=level, audience=audience)


def test_nobody_sees_nothing():
    assert not may_see(NOBODY, level=0, audience=frozenset({"circle:country"}))


def test_a_level_alone_opens_nothing_and_a_token_alone_neither():
    audience = frozenset({"unit:1"})
    assert not may_see(Reader(level=2, tokens=frozenset({"unit:2"})), level=0, audience=audience)
    assert not may_see(Reader(level=1, tokens=frozenset({"unit:1"})), level=2, audience=audience)
    assert may_see(Reader(level=2, tokens=frozenset({"unit:1"})), level=2, audience=audience)


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR, Role.LEADERSHIP, Role.OFFICER, Role.RELEASING_OFFICER])
def test_no_role_holds_a_token_of_its_own(role):
    plain = person_tokens(1, frozenset(), (), (4, 5))
    assert person_tokens(1, frozenset({role}), (), (4, 5)) == plain


def test_a_coordinator_holds_the_token_of_each_bureau_above():
    assert {"coord:4", "coord:5"} <= person_tokens(1, frozenset({Role.COORDINATOR}), (), (4, 5))


def test_the_wider_circle_includes_the_narrower_ones():
    held = {c: unit_tokens(1, organisation_id=1, circle=c, ancestors=(1,)) for c in Circle}
    assert "circle:government" in held[Circle.MINISTRY]
    assert "circle:ministry" not in held[Circle.GOVERNMENT]
    assert "circle:government" not in held[Circle.COUNTRY]
    assert all("circle:country" in tokens for tokens in held.values())


@pytest.mark.parametrize(
    ("own", "seen", "level", "released", "expected"),
    [
        pytest.param(False, True, 1, True, True, id="a released version of a visible entry"),
        pytest.param(False, True, 1, False, False, id="an unreleased one is the unit's own"),
        pytest.param(True, True, 1, False, True, id="the own unit sees it"),
        pytest.param(False, False, 1, True, False, id="no version of a hidden entry"),
        pytest.param(False, True, 2, True, False, id="an older version above one's level"),
        pytest.param(True, True, 2, False, False, id="the own unit too is bound by the level"),
    ],
)
def test_versions(own, seen, level, released, expected):
    reader = Reader(level=1, tokens=frozenset({"unit:1", "circle:ministry"}), unit_id=1)
    assert (
        may_see_version(
            reader,
            owner_id=1 if own else 2,
            entry_seen=seen,
            level=level,
            audience=frozenset({"circle:ministry"}),
            released=released,
        )
        is expected
    )


@pytest.mark.parametrize("token", ["circle:ministry", "circle:government", "org:1"])
def test_a_sensitive_entry_goes_to_named_readers_only(token):
    with pytest.raises(TooWide):
        check_audience(Level.OFFICIAL_SENSITIVE, audience_tokens(1, {token}), restriction_reason="because")


def test_only_a_public_text_goes_to_the_country():
    with pytest.raises(TooSensitive):
        check_audience(Level.OFFICIAL, audience_tokens(1, {"circle:country"}), restriction_reason="")
    check_audience(Level.PUBLIC, audience_tokens(1, {"circle:country"}), restriction_reason="")


def test_narrowing_asks_for_a_reason():
    with pytest.raises(ReasonForNarrowing):
        check_audience(Level.OFFICIAL, audience_tokens(1, {"unit:2"}), restriction_reason="  ")
    check_audience(Level.OFFICIAL, audience_tokens(1, {"unit:2"}), restriction_reason="a source at risk")
    check_audience(Level.OFFICIAL, audience_tokens(1, {"circle:ministry"}), restriction_reason="")


def test_lowering_and_going_beyond_the_ministry_take_two():
    ministry, government = frozenset({"unit:1", "circle:ministry"}), frozenset({"unit:1", "circle:government"})
    version = EntryVersion(level=1)
    assert not needs_second_person(version, audience=ministry, standing_level=None, standing_audience=frozenset())
    assert needs_second_person(version, audience=government, standing_level=None, standing_audience=frozenset())
    assert not needs_second_person(version, audience=government, standing_level=1, standing_audience=government)
    assert needs_second_person(version, audience=ministry, standing_level=2, standing_audience=ministry)


def test_names_are_compared_after_folding():
    assert comparable("  Ａda@Ministry.Example ") == comparable("ada@ministry.example")


def test_codes_of_dossiers_count_nothing():
    codes = {new_code("ICS") for _ in range(50)}
    assert len(codes) > 45
    assert all(code.startswith("ICS-") for code in codes)


def test_each_side_of_two_texts_shows_what_stands_in_it_alone():
    before = {"text": "We support the text.", "audience": ("ICS", "LA")}
    after = {"text": "We welcome the text.", "audience": ("LA", "MLA")}
    assert sides(before, after) == [
        (
            "text",
            [("We ", False), ("support", True), (" the text.", False)],
            [("We ", False), ("welcome", True), (" the text.", False)],
        ),
        ("audience", [("LA", False), (", ", False), ("ICS", True)], [("LA", False), (", ", False), ("MLA", True)]),
    ]
