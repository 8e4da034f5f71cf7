"""What is excluded is flagged no longer, at once; what is critical always is; when it ends, all comes back."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from coordinator.clock import now
from coordinator.db import bind_reader, db, transaction
from coordinator.exclusions import actions
from coordinator.exclusions.models import Exclusion
from coordinator.exclusions.rules import EndedAlready, ExcludedAlready, ExclusionDraft, OneUnit
from coordinator.history.models import Event
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.actions import exclude
from coordinator.overlaps.models import Hidden, Overlap, OverlapKind, OverlapState
from coordinator.overlaps.rules import CriticalStands, ExcludesBoth, NotYourOverlap
from coordinator.passages.actions import prepare_unseen
from coordinator.recompute.actions import see_unseen
from coordinator.topics import actions as topics
from coordinator.worklist import commands
from tests.test_two_worlds import counted

ALIKE = "Submarine cables carry most traffic; landing stations need redundant power, trusted vessels and protected corridors."


@pytest.fixture
def draft(make):
    return ExclusionDraft("We know of each other", make.today + timedelta(days=30))


def fresh(make, ref, seen_by):
    make.act_as(seen_by)
    return overlaps.one(make.session, ref)


def excluded(make, ref, by, draft):
    person = make.act_as(by)
    with transaction(make.session):
        return exclude(make.session, overlaps.one(make.session, ref), draft, by=person, at=make.at, on=make.today)


def test_an_excluded_pair_lapses_at_once_and_comes_back_as_it_was_when_it_ends(make, draft):
    ref, one, other = make.overlap("medium")
    made = excluded(make, ref, one, draft)
    assert fresh(make, ref, one).state is OverlapState.LAPSED
    assert [e.id for e in overlaps.hiding(make.session, made.low_id, made.high_id)] == [made.id]
    by, kept = make.act_as(other), fresh(make, ref, other)
    with pytest.raises(ExcludedAlready), transaction(make.session):
        actions.exclude_pair(make.session, kept.low, kept.high, draft, by=by, at=make.at, on=make.today)
    by = make.act_as(one)
    with transaction(make.session):
        actions.end(make.session, make.session.get_one(Exclusion, made.id), by=by, at=make.at)
    assert fresh(make, ref, one).state is OverlapState.OPEN
    assert make.session.scalar(select(func.count()).select_from(Hidden)) == 0
    with pytest.raises(EndedAlready), transaction(make.session):
        actions.end(make.session, make.session.get_one(Exclusion, made.id), by=by, at=make.at)


def test_what_is_critical_is_never_excluded(make, draft):
    ref, one, _other = make.overlap("critical")
    for person in (one, make.person(roles=("coordinator",))):
        with pytest.raises(CriticalStands):
            excluded(make, ref, person, draft)
    assert fresh(make, ref, one).current


def test_an_excluded_pair_that_becomes_critical_is_flagged_again(make, draft):
    topic = make.topic()
    question = make.question(topic=topic)
    one, other = make.officer(), make.officer()
    make.position(by=one, topic=topic, question=question, stance="conditions")
    theirs = make.position(by=other, topic=topic, question=question, stance="oppose")
    make.act_as(one)
    ref = make.session.scalars(select(Overlap.ref)).one()
    excluded(make, ref, one, draft)
    assert not fresh(make, ref, one).current
    make.position(by=other, topic=topic, question=question, stance="red_line", supersedes=theirs)
    make.act_as(one)
    found = make.session.scalars(select(Overlap).where(Overlap.current)).one()
    assert found.severity == "critical"


def test_a_high_one_takes_a_coordinator_who_sees_both(make, draft):
    ref, one, _other = make.overlap("high")
    with pytest.raises(ExcludesBoth):
        excluded(make, ref, one, draft)
    with pytest.raises(NotYourOverlap):
        excluded(make, ref, make.officer(), draft)
    excluded(make, ref, make.person(roles=("coordinator",)), draft)
    assert not fresh(make, ref, one).current


def test_two_units_on_a_topic_are_excluded_before_and_after_but_not_where_stances_clash(make, draft):
    topic, event = make.topic(), make.event()
    one, other, third = make.officer(), make.officer(), make.officer()
    ours = make.dossier(by=one, topic=topic, event=event)
    for person in (other, third):
        make.dossier(by=person, topic=topic, event=event)
    question = make.question(topic=topic)
    make.position(by=one, topic=topic, question=question, stance="support")
    make.position(by=other, topic=topic, question=question, stance="oppose")
    coordinator = make.person(roles=("coordinator",))
    made = make.exclusion(one.unit, other.unit, topic, by=coordinator)
    later = make.dossier(by=other, topic=topic, event=event)  # found under the exclusion, and never flagged
    make.act_as(coordinator)
    current = make.session.scalars(select(Overlap).where(Overlap.current)).all()
    between = [o.kind for o in current if {o.low_unit_id, o.high_unit_id} == {one.unit_id, other.unit_id}]
    assert between == [OverlapKind.CONFLICT]
    assert len(current) > 1  # with others they are flagged as ever
    hidden = {(h.low_id, h.high_id) for h in overlaps.hidden(make.session, made.id)}
    assert (ours.id, later.id) in hidden
    assert overlaps.hidden_count(make.session, [made.id]) == {made.id: len(hidden)}
    by = make.act_as(coordinator)
    with transaction(make.session):
        actions.end(make.session, make.session.get_one(Exclusion, made.id), by=by, at=make.at)
    assert overlaps.hidden_count(make.session, [made.id]) == {}
    with pytest.raises(OneUnit), transaction(make.session):
        actions.exclude_units(make.session, one.unit, one.unit, topic, draft, by=by, at=make.at, on=make.today)


def test_a_letterhead_makes_no_two_texts_alike(make, draft):
    one, other = make.officer(), make.officer()
    make.dossier(by=one, title="Cables", text=ALIKE)
    make.dossier(by=other, title="Cables", text=ALIKE)
    make.act_as(one)
    assert make.session.scalars(select(Overlap)).one().current
    by = make.act_as(one)
    with transaction(make.session):
        made = actions.exclude_phrase(make.session, ALIKE, draft, unit=by.unit, by=by, at=make.at, on=make.today)
    assert not make.session.scalars(select(Overlap).execution_options(populate_existing=True)).one().current
    with transaction(make.session):
        actions.end(make.session, make.session.get_one(Exclusion, made.id), by=by, at=make.at)
    assert make.session.scalars(select(Overlap).execution_options(populate_existing=True)).one().current


def test_an_exclusion_ends_with_its_day_by_a_change_on_record(make, app, draft):
    ref, one, _other = make.overlap("medium")
    excluded(make, ref, one, draft)
    bind_reader(make.session, None)
    make.session.commit()
    with app.app_context():
        said = [commands.nightly(on=draft.until_on + timedelta(days=n), at=now())["exclusions"] for n in (0, 1, 2)]
        db.session.remove()
    assert said == [0, 1, 0]
    assert fresh(make, ref, one).state is OverlapState.OPEN
    assert make.session.scalars(select(Event.action).where(Event.action == "exclusion.expired")).all() == ["exclusion.expired"]


def test_an_exclusion_follows_a_topic_that_is_merged(make):
    topic, stays = make.topic(), make.topic()
    one, other = make.officer(), make.officer()
    coordinator = make.person(roles=("coordinator",))
    first = make.exclusion(one.unit, other.unit, topic, by=coordinator)
    second = make.exclusion(one.unit, other.unit, stays, by=coordinator)
    by = make.act_as(coordinator)
    with transaction(make.session):
        gone, into = (make.session.merge(t) for t in (topic, stays))
        topics.merge(make.session, gone, into=into, by=by, at=make.at)
    make.session.expire_all()
    kept = {e.id: (e.topic_id, e.ended_at is None) for e in make.session.scalars(select(Exclusion))}
    assert kept == {first.id: (stays.id, False), second.id: (stays.id, True)}


def test_a_save_asks_as_much_with_many_exclusions_as_with_one(make, at):
    topic, officer, coordinator = make.topic(), make.officer(), make.person(roles=("coordinator",))
    numbers = []
    for _ in range(3):
        make.exclusion(make.unit(), make.unit(), topic, by=coordinator)
        make.session.commit()
        with counted() as statements:
            make.dossier(by=officer, topic=topic)
        numbers.append(len(statements))
        for _more in range(4):
            make.exclusion(make.unit(), make.unit(), topic, by=coordinator)
    assert numbers[1] == numbers[2]


def test_what_a_phrase_leaves_to_the_job_is_seen_once(make, draft):
    officer = make.officer()
    for number in range(4):
        make.dossier(by=officer, title=f"Cables {number}", text=f"{ALIKE} And again, {number}.")
    by = make.act_as(officer)
    with transaction(make.session):
        actions.exclude_phrase(make.session, "power, trusted vessels", draft, unit=by.unit, by=by, at=make.at, on=make.today)
    seen: list[int] = []
    while ids := prepare_unseen(make.session, most=50):
        seen += ids
        assert len(seen) == len(set(seen))
        with transaction(make.session):
            see_unseen(make.session, ids, at=make.at)
