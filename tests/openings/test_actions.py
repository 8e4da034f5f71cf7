"""A release that was too wide is taken back: what that moves, and what it refuses."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from coordinator.db import bind_reader, bookkeeping, transaction
from coordinator.entries import actions, queries
from coordinator.entries.models import Entry, EntryVersion, State
from coordinator.entries.rules import LowersTheLevel, NotCurrent, NothingTakenBack, ReachesFurther, Recall, TooWide, WhyRecalled
from coordinator.errors import NotFound
from coordinator.history.models import Event
from coordinator.openings.actions import KEPT, forget_old, note, note_file
from coordinator.openings.models import Opening, Way
from coordinator.overlaps.models import Overlap, OverlapState, Side
from coordinator.positions import actions as positions
from coordinator.positions.models import Adherence
from coordinator.positions.rules import PositionDraft

DRAFT = Recall(to_draft=True, why="meant for us")


def narrower(*units: Any, level: int = 1, why: str = "meant for few") -> Recall:
    return Recall(to_draft=False, why=why, level=level, audience=frozenset(f"unit:{u.id}" for u in units))


def recall(session: Any, make: Any, entry: Entry, by: Any, wanted: Recall, at: Any) -> None:
    person = make.act_as(by)
    with transaction(session):
        actions.recall(session, queries.one(session, entry.ref), wanted, by=person, at=at)
    bind_reader(session, None)


def sees(session: Any, make: Any, person: Any, entry: Entry) -> bool:
    make.act_as(person)
    try:
        queries.one(session, entry.ref)
    except NotFound:
        return False
    finally:
        bind_reader(session, None)
    return True


def test_a_release_goes_back_to_being_a_draft_of_its_unit_alone(session, make, at):
    owner, other = make.officer(), make.officer()
    entry = make.dossier(by=owner)
    assert sees(session, make, other, entry)
    recall(session, make, entry, owner, DRAFT, at)
    assert not sees(session, make, other, entry)
    make.act_as(owner)
    kept = queries.one(session, entry.ref)
    assert (kept.state, kept.released_at, kept.standing_version, kept.newest_version) == (State.DRAFT, None, 2, 2)
    taken_back, again = queries.version(session, kept, 1), queries.version(session, kept, 2)
    assert (taken_back.recalled_why, taken_back.recalled_by_id) == ("meant for us", owner.id)
    assert again.content == taken_back.content
    assert queries.tokens_of(session, again.audience_id) == {f"unit:{owner.unit_id}"}  # the next release is not as wide by habit
    event = session.scalars(select(Event).order_by(Event.number.desc()).where(Event.subject_kind == "entry")).first()
    assert event.action == "dossier.recalled"


def test_a_release_goes_on_for_fewer_readers(session, make, at):
    owner, kept, lost = make.officer(), make.officer(), make.officer()
    entry = make.position(by=owner)
    recall(session, make, entry, owner, narrower(kept.unit), at)
    assert [sees(session, make, p, entry) for p in (owner, kept, lost)] == [True, True, False]
    make.act_as(kept)
    seen = queries.one(session, entry.ref)
    assert (seen.state, seen.standing_version) == (State.RELEASED, 2)


def test_a_release_goes_on_at_a_higher_level(session, make, at):
    owner, cleared = make.officer(), make.officer()
    low = make.person(unit=cleared.unit, clearance=1)
    entry = make.position(by=owner, audience=frozenset({f"unit:{cleared.unit_id}"}), restriction_reason="two units")
    recall(session, make, entry, owner, narrower(cleared.unit, level=2), at)
    assert sees(session, make, cleared, entry)
    assert not sees(session, make, low, entry)


def test_what_was_under_way_goes_on_for_the_readers_that_are_left(session, make, at):
    owner, kept = make.officer(), make.officer()
    entry = make.position(by=owner)
    by = make.act_as(owner)
    draft = PositionDraft(title="Newer", text="A newer line.", note="sharper")
    with transaction(session):
        positions.revise(session, session.get(Entry, entry.id), draft, base=1, by=by, at=at, offer=True)
    recall(session, make, entry, owner, narrower(kept.unit), at)
    make.act_as(owner)
    found = queries.one(session, entry.ref)
    assert (found.standing_version, found.newest_version, found.title) == (3, 4, entry.title)
    waiting = queries.version(session, found, 4)
    assert (waiting.content["title"], waiting.note, waiting.offered_at, waiting.released_at) == ("Newer", "sharper", None, None)
    assert queries.tokens_of(session, waiting.audience_id) == {f"unit:{owner.unit_id}", f"unit:{kept.unit_id}"}
    recall(session, make, entry, owner, DRAFT, at)
    make.act_as(owner)
    found = queries.one(session, entry.ref)
    assert (found.state, found.title, found.standing_version) == (State.DRAFT, "Newer", 5)


@pytest.mark.parametrize(
    ("wanted", "refusal"),
    [
        (lambda named, other: narrower(named, why="  "), WhyRecalled),
        (lambda named, other: narrower(named), NothingTakenBack),
        (lambda named, other: narrower(named, other), ReachesFurther),
        (lambda named, other: narrower(other), ReachesFurther),
        (lambda named, other: narrower(level=0), LowersTheLevel),
        (lambda named, other: Recall(to_draft=False, why="x", level=2, audience=frozenset({"circle:ministry"})), TooWide),
    ],
    ids=["without a reason", "nothing", "one more unit", "another unit", "a lower level", "too high for a circle"],
)
def test_a_recall_that_takes_nothing_away_is_refused_and_changes_nothing(session, make, at, wanted, refusal):
    owner, named, other = make.officer(), make.officer(), make.officer()
    entry = make.position(by=owner, audience=frozenset({f"unit:{named.unit_id}"}), restriction_reason="two units")
    with pytest.raises(refusal):
        recall(session, make, entry, owner, wanted(named.unit, other.unit), at)
    session.rollback()
    bind_reader(session, None)
    assert sees(session, make, named, entry)
    assert not sees(session, make, other, entry)


def test_a_unit_outside_that_nobody_is_in_yet_is_farther_too(session, make, at):
    owner = make.officer()
    outside = make.unit(of=make.organisation("The regulator", circle="government", ceiling=1))
    entry = make.position(by=owner)
    with pytest.raises(ReachesFurther):
        recall(session, make, entry, owner, narrower(outside), at)


def test_what_is_no_longer_current_cannot_be_recalled(session, make, at):
    owner = make.officer()
    entry = make.position(by=owner, released=False)
    with pytest.raises(NotCurrent):
        recall(session, make, entry, owner, DRAFT, at)


def conflict(session: Any, make: Any) -> tuple[Entry, Any, Any]:
    """Two units that clash on a question; return the first one's position, and an officer of each."""
    question = make.question()
    owner, other = make.officer(), make.officer()
    entry = make.position(by=owner, question=question, stance="support")
    make.position(by=other, question=question, stance="red_line")
    return entry, owner, other


def test_the_overlaps_of_a_draft_lapse_in_the_same_change(session, make, at):
    entry, owner, other = conflict(session, make)
    recall(session, make, entry, owner, DRAFT, at)
    make.act_as(other)
    assert session.scalars(select(Overlap)).all() == []
    make.act_as(owner)
    assert session.scalars(select(Overlap.state)).all() == [OverlapState.LAPSED]


def test_an_overlap_stands_on_one_hand_when_the_other_unit_loses_an_end(session, make, at):
    entry, owner, other = conflict(session, make)
    recall(session, make, entry, owner, narrower(), at)
    make.act_as(other)
    assert session.scalars(select(Overlap)).all() == []
    make.act_as(owner)
    assert session.scalars(select(Overlap.current)).all() == [True]
    assert dict(session.execute(select(Side.unit_id, Side.asked)).all()) == {owner.unit_id: True, other.unit_id: False}


def test_units_that_lose_a_line_no_longer_hold_it_and_the_others_hold_the_new_number(session, make, at):
    owner, kept, lost = make.officer(), make.officer(), make.officer()
    entry = make.position(by=owner, question=make.question())
    for person in (kept, lost):
        by = make.act_as(person)
        with transaction(session):
            positions.adhere(session, session.get(Entry, entry.id), unit=by.unit, by=by, at=at)
    recall(session, make, entry, owner, narrower(kept.unit), at)
    make.act_as(owner)
    standing = session.execute(select(Adherence.unit_id, Adherence.version).where(Adherence.ended_at.is_(None))).all()
    assert [tuple(row) for row in standing] == [(kept.unit_id, 2)]


def test_a_recalled_draft_can_be_released_again(session, make, at):
    owner, other = make.officer(), make.officer()
    entry = make.position(by=owner)
    recall(session, make, entry, owner, DRAFT, at)
    by = make.act_as(owner)
    draft = PositionDraft(title="For all", text="Now it is for all.")
    with transaction(session):
        positions.revise(session, session.get(Entry, entry.id), draft, base=2, by=by, at=at)
        actions.release(session, session.get(Entry, entry.id), by=by, at=at)
    bind_reader(session, None)
    assert sees(session, make, other, entry)
    make.act_as(other)
    assert [v.number for v in session.scalars(select(EntryVersion).order_by(EntryVersion.number))] == [1, 3]


# --- noting --------------------------------------------------------------------------------------------------------------------


def openings(session: Any, make: Any, owner: Any) -> list[tuple[int | None, int, int, Way]]:
    make.act_as(owner)
    rows = session.execute(select(Opening.person_id, Opening.unit_id, Opening.version, Opening.way).order_by(Opening.id)).all()
    bind_reader(session, None)
    return [tuple(row) for row in rows]


def test_an_opening_is_noted_once_for_each_person_version_and_way(session, make, at):
    owner, other = make.officer(), make.officer()
    entry, draft = make.position(by=owner), make.position(by=owner, released=False)
    own = make.position(by=other)
    for _ in range(2):
        for way in (Way.PAGE, Way.MAIL):
            note(session, [entry, draft, own], way, person_id=other.id, unit_id=other.unit_id, at=at)
        note_file(session, [entry.ref, draft.ref, own.ref, "nothing"], by=other, at=at)
        note(session, [entry], Way.MAIL, person_id=None, unit_id=other.unit_id, at=at)
    session.commit()
    who, unit = other.id, other.unit_id
    assert openings(session, make, owner) == [
        (who, unit, 1, Way.PAGE),
        (who, unit, 1, Way.MAIL),
        (who, unit, 1, Way.FILE),
        (None, unit, 1, Way.MAIL),
    ]


def test_openings_are_seen_by_the_unit_whose_entry_it_is_and_by_nobody_else(session, make, at):
    owner, other, third = make.officer(), make.officer(), make.officer()
    note(session, [make.position(by=owner)], Way.PAGE, person_id=other.id, unit_id=other.unit_id, at=at)
    session.commit()
    assert len(openings(session, make, owner)) == 1
    assert openings(session, make, third) == []


def test_openings_are_forgotten_after_a_while(session, make, at):
    owner, other = make.officer(), make.officer()
    note(session, [make.position(by=owner)], Way.PAGE, person_id=other.id, unit_id=other.unit_id, at=at)
    session.commit()
    for later, left in ((KEPT, 1), (KEPT + timedelta(seconds=1), 0)):
        with bookkeeping(session):
            forget_old(session, at=at + later)
        assert len(openings(session, make, owner)) == left
