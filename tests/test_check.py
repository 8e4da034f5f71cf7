"""The invariants that a crash could break: whole where nothing did, and each break is named."""

import pytest
from sqlalchemy import delete, text, update

from coordinator.db import bookkeeping, read_as_system
from coordinator.entries.models import Entry, EntryVersion
from coordinator.entries.queries import halves
from coordinator.overlaps.models import Overlap, Severity
from coordinator.recompute.actions import unlike


@pytest.fixture
def pair(make, session):
    make.overlap()
    return session


def damage(session, statement):
    with bookkeeping(session), read_as_system(session, "check") as connection:
        connection.execute(statement)


def test_a_register_that_nothing_happened_to_is_whole(pair):
    assert halves(pair) == []
    assert unlike(pair) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        pytest.param(update(Entry.__table__).values(title="Torn"), "does not show the version that stands", id="text"),
        pytest.param(delete(EntryVersion.__table__), "lacks one of its versions", id="version"),
        pytest.param(text("DELETE FROM entry_search"), "cannot be searched", id="search"),
    ],
)
def test_half_an_entry_is_found(pair, statement, said):
    damage(pair, statement)
    assert any(said in sentence for sentence in halves(pair))


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(update(Overlap.__table__).values(severity=Severity.LOW), id="another severity"),
        pytest.param(update(Overlap.__table__).values(current=False), id="lapsed without cause"),
        pytest.param(text("DELETE FROM entry_topic"), id="a topic gone behind its back"),
    ],
)
def test_an_overlap_that_is_not_what_the_rule_says_is_found(pair, statement):
    damage(pair, statement)
    assert unlike(pair) != []
