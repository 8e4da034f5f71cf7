"""What hangs on a topic when it is merged into another: entries, proposals, questions, decisions."""

import pytest
from sqlalchemy import select

from coordinator.db import bind_reader, read_as_system, transaction
from coordinator.entries import actions as entries
from coordinator.entries import queries as entry_queries
from coordinator.entries.models import EntryTopic, EntryVersion, TopicProposal
from coordinator.history.queries import of
from coordinator.overlaps import actions as overlaps
from coordinator.overlaps import queries as overlap_queries
from coordinator.overlaps.models import Outcome, Overlap, Step
from coordinator.overlaps.rules import without_topic
from coordinator.positions import actions as positions
from coordinator.positions import queries as position_queries
from coordinator.positions.rules import PositionDraft
from coordinator.recompute.actions import unlike
from coordinator.topics import actions, queries


def merge(session, make, gone, into):
    keeper = make.act_as(make.person(roles=("coordinator",), clearance=0))
    with transaction(session):
        actions.merge(session, queries.topic(session, gone.ref), into=queries.topic(session, into.ref), by=keeper, at=make.at)
    bind_reader(session, None)


def rows(session, table):
    with read_as_system(session, "check") as connection:
        return connection.execute(select(table.__table__)).all()


def on_topic(session, topic):
    return {r.entry_id for r in rows(session, EntryTopic) if r.topic_id == topic.id}


def the_same_from_scratch(session):
    return unlike(session)


@pytest.fixture
def pair(make):
    """Two topics that are one subject, and an officer of each of two units."""
    return make.topic("Infosec"), make.topic("Cybersecurity"), make.officer(), make.officer()


def test_all_entries_move_those_that_the_coordinator_may_not_see_too(session, make, pair):
    gone, into, one, other = pair
    seen = make.position(by=one, topic=gone)
    both = make.position(by=one, topics=(gone.id, into.id))
    sealed = make.position(by=other, topic=gone, sealed=True)
    merge(session, make, gone, into)
    assert on_topic(session, gone) == set()
    assert on_topic(session, into) == {seen.id, both.id, sealed.id}
    assert [v.content["topics"] for v in rows(session, EntryVersion)] == [[gone.id], [gone.id, into.id], [gone.id]]
    assert the_same_from_scratch(session) == []


def test_questions_move_along(session, make, pair):
    gone, into, *_ = pair
    question = make.question(topic=gone)
    merge(session, make, gone, into)
    session.expire_all()
    assert session.get(type(question), question.id).topic_id == into.id


def test_what_was_proposed_moves_along_once(session, make, pair):
    gone, into, one, other = pair
    only, twice, there = (make.position(by=one, topics=t) for t in ((), (), (into.id,)))
    by = make.act_as(other)
    with transaction(session):
        for entry, topic in ((only, gone), (twice, gone), (twice, into), (there, gone)):
            entry = entry_queries.one(session, entry.ref)
            entries.propose_topic(session, entry, topic, unit=by.unit, by=by, at=make.at)
    merge(session, make, gone, into)
    assert {(p.entry_id, p.topic_id) for p in rows(session, TopicProposal)} == {(only.id, into.id), (twice.id, into.id)}


def test_a_version_that_waited_is_released_on_the_topic_that_stays(session, make, pair):
    gone, into, one, _other = pair
    waiting = make.position(by=one, topic=gone, released=False)
    merge(session, make, gone, into)
    by = make.act_as(one)
    entry = position_queries.one(session, waiting.ref)
    assert [t.name for t in entry.topics] == ["Cybersecurity"]
    with transaction(session):
        entries.release(session, entry, by=by, at=make.at)
    assert on_topic(session, into) == {waiting.id}
    with transaction(session):
        draft = PositionDraft(title="Again", text="Again", topics=(gone.id,))
        version = positions.revise(session, position_queries.one(session, waiting.ref), draft, base=1, by=by, at=make.at)
    assert version.content["topics"] == [into.id], "a form that was open during the merge still knew the old one"


def test_the_form_of_an_entry_offers_the_topic_that_stays(make, sign_in, session, pair):
    gone, into, one, _other = pair
    entry = make.position(by=one, topic=gone)
    merge(session, make, gone, into)
    page = sign_in(one).get(f"/positions/{entry.ref}/revise").text
    assert f'selected value="{into.ref}"' in page
    assert gone.ref not in page


def settle(session, make, by):
    person = make.act_as(by)
    with transaction(session):
        overlap = overlap_queries.one(session, session.scalars(select(Overlap.ref)).one())
        overlaps.settle(session, overlap, statement="CYB speaks", outcome=Outcome.ONE_LEADS, by=person, at=make.at)
        overlap = overlap_queries.one(session, overlap.ref)
    bind_reader(session, None)


@pytest.mark.parametrize("how", ["both on the one that goes", "one on each, related", "one on each, strangers"])
def test_what_was_decided_about_a_pair_stands(session, make, pair, how):
    gone, into, one, other = pair
    if how == "one on each, related":
        with transaction(session):
            actions.relate(session, gone, into, by=None, at=make.at)
    question = make.question(topic=gone)
    make.position(by=one, topic=gone, question=question, stance="support")
    make.position(by=other, topic=gone if how.startswith("both") else into, question=question, stance="red_line")
    settle(session, make, make.officer(unit=one.unit, name="Settler"))
    coordinator = make.person(roles=("coordinator",))
    settle(session, make, coordinator)
    (before,) = rows(session, Overlap)
    assert before.state == "settled"
    merge(session, make, gone, into)
    (after,) = rows(session, Overlap)
    assert (after.state, after.closed_as, after.statement) == (before.state, before.closed_as, before.statement)
    assert after.inputs["topics"] == [into.id]
    assert [r["names"] for r in after.reasons if r["signal"] == "topic"] == [["Cybersecurity"]]
    assert "reopened" not in {s.did for s in rows(session, Step)}
    assert the_same_from_scratch(session) == []


def test_a_pair_that_the_merge_makes_worse_is_taken_up_again(session, make, pair):
    gone, into, one, other = pair
    third, event = make.topic("Third"), make.event()
    make.position(by=one, topics=(gone.id,), event=event, title="Alpha", text="Bees and hives.")
    make.position(by=other, topics=(into.id,), event=event, title="Beta", text="Ships and ports.")
    assert rows(session, Overlap) == [], "they share an event, but no subject"
    merge(session, make, third, into)
    assert rows(session, Overlap) == []
    merge(session, make, gone, into)
    (raised,) = rows(session, Overlap)
    assert (raised.kind, raised.severity, raised.state) == ("collision", "high", "open")


def test_both_topics_say_in_their_history_that_they_were_merged(session, make, pair):
    gone, into, *_ = pair
    merge(session, make, gone, into)
    assert [e.payload.said for e in of(session, "topic", gone.id)][-1] == {"into": "Cybersecurity"}
    assert [e.payload.said for e in of(session, "topic", into.id)][-1] == {"name": "Infosec"}


@pytest.mark.parametrize(
    ("topics", "related", "after_topics", "after_related"),
    [
        ([1], [], [2], []),
        ([1, 2, 5], [], [2, 5], []),
        ([], [[1, 2]], [2], []),
        ([], [[1, 5], [2, 5]], [], [[2, 5]]),
        ([], [[1, 9], [3, 5]], [], [[2, 9], [3, 5]]),
        ([7], [], [7], []),
    ],
    ids=["it goes", "both were shared", "they were related", "two edges become one", "an edge moves", "not concerned"],
)
def test_the_inputs_of_a_pair_read_as_after_the_merge(topics, related, after_topics, after_related):
    found = without_topic({"topics": topics, "related": related, "event": 4}, 1, 2)
    assert found == {"topics": after_topics, "related": after_related, "event": 4}
