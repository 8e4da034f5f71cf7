"""Logging, revising, releasing, superseding, withdrawing: what changes, and what stays as it was."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from coordinator.db import Unconnected, Unrecorded, bind_reader, transaction
from coordinator.entries import actions, queries
from coordinator.entries.models import Entry, Level, State
from coordinator.entries.rules import EditedMeanwhile, NotCurrent, NotWaiting, SecondPerson, TextMissing, TitleMissing
from coordinator.errors import Refused
from coordinator.history.queries import broken_at, last_number, of
from coordinator.positions import actions as positions
from coordinator.positions import queries as position_queries
from coordinator.positions.rules import AlreadyHeld, PositionDraft, QuestionWithoutStance, ReasonMissing
from coordinator.topics.models import Topic


@pytest.fixture
def author(make):
    return make.officer()


def draft(**said):
    return PositionDraft(**{"title": "A title", "text": "The line.", **said})


def revise(session, entry, by, at, **said):
    with transaction(session):
        return positions.revise(session, entry, draft(**said), base=entry.newest_version, by=by, at=at)


def test_a_released_text_stays_current_until_its_revision_is_released(session, make, author, at):
    entry = make.position(by=author, text="The old line.")
    by = make.act_as(author)
    entry = position_queries.one(session, entry.ref)
    revise(session, entry, by, at, text="The new line.")
    assert (entry.text, entry.standing_version, entry.newest_version) == ("The old line.", 1, 2)
    with transaction(session):
        actions.release(session, entry, by=by, at=at)
    assert (entry.text, entry.standing_version, entry.state) == ("The new line.", 2, State.RELEASED)
    assert [v.content["text"] for v in queries.versions(session, entry)] == ["The new line.", "The old line."]


def test_a_version_made_on_an_old_one_is_refused_and_nothing_changes(session, make, author, at):
    entry = make.position(by=author)
    by = make.act_as(author)
    entry = position_queries.one(session, entry.ref)
    revise(session, entry, by, at, text="Mine.")
    with pytest.raises(EditedMeanwhile), transaction(session):
        positions.revise(session, entry, draft(text="Theirs."), base=1, by=by, at=at)
    assert [v.content["text"] for v in queries.versions(session, queries.one(session, entry.ref))][0] == "Mine."


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        pytest.param({"title": "  "}, TitleMissing, id="no title"),
        pytest.param({"text": ""}, TextMissing, id="no line"),
    ],
)
def test_an_empty_entry_is_refused(session, make, author, at, said, refusal):
    by = make.act_as(author)
    with pytest.raises(refusal), transaction(session):
        positions.log_position(session, draft(**said), unit=by.unit, by=by, at=at, on=at.date())
    assert session.scalars(select(Entry)).all() == []


def test_a_stance_needs_its_question_and_a_refusal_its_reason(session, make, author, at):
    question = make.question()
    by = make.act_as(author)
    with pytest.raises(QuestionWithoutStance), transaction(session):
        positions.log_position(session, draft(question_id=question.id), unit=by.unit, by=by, at=at, on=at.date())
    by = make.act_as(author)
    opposed = draft(question_id=question.id, stance="oppose", reason=" ")
    with pytest.raises(ReasonMissing), transaction(session):
        positions.log_position(session, opposed, unit=by.unit, by=by, at=at, on=at.date())


def test_a_unit_holds_one_released_position_on_a_question(session, make, author):
    question = make.question()
    make.position(by=author, question=question)
    with pytest.raises(AlreadyHeld):
        make.position(by=author, question=question)
    make.position(by=author, released=False, question=question)


def test_a_newer_entry_supersedes_an_older_one_when_it_is_released(session, make, author):
    question = make.question()
    old = make.position(by=author, question=question)
    new = make.position(by=author, question=question, supersedes=old)
    make.act_as(author)
    assert queries.one(session, old.ref).state is State.SUPERSEDED
    assert queries.one(session, new.ref).state is State.RELEASED


def test_going_beyond_the_ministry_takes_a_second_person(session, make, author, at):
    colleague = make.officer(unit=author.unit)
    by = make.act_as(author)
    with transaction(session):
        wide = draft(audience=frozenset({"circle:government"}))
        entry = positions.log_position(session, wide, unit=by.unit, by=by, at=at, on=at.date())
    ref = entry.ref
    with pytest.raises(SecondPerson), transaction(session):
        actions.release(session, entry, by=by, at=at)
    other = make.act_as(colleague)
    entry = queries.one(session, ref)
    with transaction(session):
        actions.release(session, entry, by=other, at=at)
    assert entry.state is State.RELEASED


def test_lowering_a_level_takes_a_second_person_and_keeps_the_old_text_hidden(session, make, author, at):
    entry = make.position(by=author, level=Level.OFFICIAL, text="The sensitive wording.")
    by = make.act_as(author)
    entry = position_queries.one(session, entry.ref)
    revise(session, entry, by, at, text="The public wording.", level=Level.PUBLIC, audience=frozenset({"circle:country"}))
    ref = entry.ref
    with pytest.raises(SecondPerson), transaction(session):
        actions.release(session, entry, by=by, at=at)
    colleague = make.officer(unit=author.unit)
    other = make.act_as(colleague)
    entry = queries.one(session, ref)
    with transaction(session):
        actions.release(session, entry, by=other, at=at)
    firm = make.person(unit=make.unit(of=make.organisation(circle="country", ceiling=0)))
    make.act_as(firm)
    seen = queries.one(session, entry.ref)
    assert [v.content["text"] for v in queries.versions(session, seen)] == ["The public wording."]


def test_withdrawing_asks_why_and_ends_it(session, make, author, at):
    entry = make.position(by=author)
    by = make.act_as(author)
    entry = queries.one(session, entry.ref)
    with pytest.raises(Refused), transaction(session):
        actions.withdraw(session, entry, why=" ", by=by, at=at)
    entry = queries.one(session, entry.ref)
    with transaction(session):
        actions.withdraw(session, entry, why="overtaken", by=by, at=at)
    assert entry.state is State.WITHDRAWN
    with pytest.raises(NotCurrent), transaction(session):
        actions.withdraw(session, entry, why="again", by=by, at=at)
    with pytest.raises(NotWaiting), transaction(session):
        actions.release(session, entry, by=by, at=at)


def test_what_was_valid_until_yesterday_expires_tonight(session, make, author, at):
    until = at.date()
    entry = make.position(by=author, valid_until=until)
    make.act_as(author)
    for days, state in ((0, State.RELEASED), (1, State.EXPIRED)):
        with transaction(session):
            positions.expire(session, on=until + timedelta(days=days), at=at)
        assert queries.one(session, entry.ref).state is state


def test_adhering_makes_another_units_line_ones_own_until_it_ends(session, make, author, at):
    question = make.question()
    line = make.position(by=author, question=question)
    follower = make.officer()
    by = make.act_as(follower)
    line = position_queries.one(session, line.ref)
    with transaction(session):
        positions.adhere(session, line, unit=by.unit, by=by, at=at)
    assert [a.unit_id for a in position_queries.adherences(session, [line.id])] == [by.unit_id]
    make.position(by=follower, question=question)  # a line of one's own ends the adherence
    make.act_as(follower)
    assert position_queries.adherences(session, [line.id]) == []
    with pytest.raises(AlreadyHeld), transaction(session):
        positions.adhere(session, position_queries.one(session, line.ref), unit=by.unit, by=by, at=at)


def test_a_topic_that_another_unit_proposes_counts_when_the_owner_takes_it(session, make, author, at):
    entry = make.position(by=author)
    topic = make.topic("Spyware")
    asker = make.act_as(make.officer())
    with transaction(session):
        actions.propose_topic(session, queries.one(session, entry.ref), topic, unit=asker.unit, by=asker, at=at)
    by = make.act_as(author)
    [proposal] = queries.proposals(session, by.unit_id)
    assert queries.one(session, entry.ref).topics == []
    with transaction(session):
        actions.answer_proposal(session, proposal, taken=True, by=by, at=at)
    session.expire_all()
    assert [t.name for t in queries.one(session, entry.ref).topics] == ["Spyware"]


def test_every_change_has_its_number_and_the_chain_holds(session, make, author, at):
    before = last_number(session)
    entry = make.position(by=author)
    events = of(session, "entry", entry.id)
    assert [e.action for e in events] == ["position.logged", "position.released"]
    assert [e.number for e in events] == list(range(before + 1, before + 3)) or events[0].number > before
    assert broken_at(session) is None


def test_a_change_without_its_history_is_not_committed(session, make):
    bind_reader(session, None)
    with pytest.raises(Unrecorded), transaction(session):
        session.add(Topic(key="sneaked-in", name="Sneaked in"))
    assert session.scalars(select(Topic).where(Topic.key == "sneaked-in")).all() == []


def test_a_change_within_a_change_is_refused(session):
    with pytest.raises(Unconnected), transaction(session), transaction(session):
        pass


@pytest.mark.parametrize(
    ("words", "found"),
    [
        pytest.param("attribution", True, id="a word of the text"),
        pytest.param("attribut", True, id="the beginning of a word"),
        pytest.param("attributions joint", True, id="another form, and another word"),
        pytest.param("responsibility spyware", True, id="a word of the title and the name of the topic"),
        pytest.param("attribution whales", False, id="one word that is not there"),
        pytest.param('"); DROP TABLE entry; --', False, id="punctuation"),
        pytest.param("AND OR NOT NEAR", False, id="operators are words"),
        pytest.param("%", None, id="nothing to look for finds everything"),
    ],
)
def test_search_matches_words_in_any_form(session, make, author, words, found):
    entry = make.position(
        by=author, title="State responsibility", text="Joint attributions of incidents.", topic=make.topic("Spyware")
    )
    make.position(by=author, title="Other", text="Something else about whale song.")
    make.act_as(make.officer())
    rows, total = queries.listed(session, queries.Filters(words=words))
    assert (entry.id in {r.id for r in rows}) is (found is not False)
    assert total == {True: 1, False: 0, None: 2}[found]


def test_naming_a_reader_outside_the_ministry_takes_a_second_person_too(session, make, author, at):
    agency = make.unit(of=make.organisation(circle="government", ceiling=1))
    within = make.unit()
    by = make.act_as(author)
    for unit, refused in ((within, False), (agency, True)):
        with transaction(session):
            named = draft(audience=frozenset({f"unit:{unit.id}"}), restriction_reason="shared with them alone")
            entry = positions.log_position(session, named, unit=by.unit, by=by, at=at, on=at.date())
        if refused:
            with pytest.raises(SecondPerson), transaction(session):
                actions.release(session, entry, by=by, at=at)
        else:
            with transaction(session):
                actions.release(session, entry, by=by, at=at)
            assert entry.state is State.RELEASED
