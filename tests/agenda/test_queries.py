"""What is known of the events ahead."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import select

from coordinator.agenda import queries
from coordinator.agenda.rules import Coming, Coordination
from coordinator.db import bind_reader, db, transaction
from coordinator.overlaps import actions as overlaps
from coordinator.overlaps.models import Overlap, Severity
from coordinator.people.models import Person
from coordinator.positions import actions as positions
from coordinator.positions import queries as position_queries
from tests.make import Make


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        said.append(statement)

    sqlalchemy_event.listen(db.engine, "before_cursor_execute", note)
    yield said
    sqlalchemy_event.remove(db.engine, "before_cursor_execute", note)


def ahead(make: Make, person: Person, *, days: int = 365, **narrowed: Any) -> list[Coming]:
    make.act_as(person)
    found = list(queries.ahead(make.session, on=make.today, until=make.today + timedelta(days=days), **narrowed))
    bind_reader(make.session, None)
    return found


def told(found: list[Coming]) -> list[tuple[Any, ...]]:
    """What a page would say of the events."""
    return [
        (c.event.name, *(u.name for u in c.missing), c.unanswered, c.positions, c.conflicting, c.worst, c.adhered, c.outside)
        for c in found
    ]


def adhere(make: Make, person: Person, ref: str) -> None:
    by = make.act_as(person)
    with transaction(make.session):
        line = position_queries.one(make.session, ref)
        positions.adhere(make.session, line, unit=by.unit, by=by, at=make.at)
    bind_reader(make.session, None)


@pytest.fixture
def forum(make):
    return make.forum("Assembly")


@pytest.fixture
def topic(make):
    return make.topic("Norms")


@pytest.fixture
def question(make, forum, topic):
    return make.question("Shall it bind?", topic=topic, forum=forum)


def test_what_is_over_or_too_far_is_left_out_and_the_nearest_comes_first(make, forum):
    make.event("Over", forum=forum, in_days=-4, days=2)
    make.event("Next year", forum=forum, in_days=400)
    make.event("Soon", forum=forum, in_days=3)
    make.event("Under way", forum=forum, in_days=-1, days=4)
    make.event("Today", forum=make.forum(), in_days=0)
    found = ahead(make, make.officer())
    assert [(c.event.name, c.days) for c in found] == [("Under way", -1), ("Today", 0), ("Soon", 3)]
    assert found[0].event.forum.name == "Assembly"


def test_an_event_on_which_nobody_said_anything_is_nothing_yet(make, question, forum):
    make.event(forum=forum)
    [coming] = ahead(make, make.officer())
    assert (coming.questions, coming.unanswered, coming.positions) == (1, 1, 0)
    assert coming.state is Coordination.NOTHING_YET


def test_lines_on_questions_before_the_forum_and_lines_for_the_event_are_counted_once(make, question, forum):
    event, elsewhere = make.event(forum=forum), make.question(forum=make.forum())
    make.position(question=question, topic=make.topic())
    make.position(question=question, topic=make.topic(), event=event)
    make.position(question=elsewhere, topic=make.topic(), event=event)
    make.position(topic=make.topic(), event=event)
    make.position(question=elsewhere, topic=make.topic())
    make.position(question=question, topic=make.topic(), released=False)
    make.dossier(event=event, topic=make.topic())
    [coming] = ahead(make, make.officer())
    assert coming.positions == 4
    assert coming.state is Coordination.IN_ORDER


def test_a_line_on_a_question_counts_for_each_session_of_its_forum(make, question, forum):
    make.event(forum=forum, in_days=3)
    make.event(forum=forum, in_days=30)
    make.position(question=question, topic=make.topic())
    assert [c.positions for c in ahead(make, make.officer())] == [1, 1]


@pytest.mark.parametrize(
    ("stake", "missing"), [("lead", True), ("co_lead", True), ("must_consult", True), ("inform", False)], ids=str
)
def test_a_unit_with_a_say_and_no_line_is_missing(make, question, topic, forum, stake, missing):
    make.event(forum=forum)
    unit = make.unit("Silent ones")
    make.equity(unit, topic, stake)
    make.position(question=question, topic=topic)
    [coming] = ahead(make, make.officer())
    assert [u.name for u in coming.missing] == ["Silent ones"] * missing
    assert coming.state is (Coordination.MISSING if missing else Coordination.IN_ORDER)


def test_a_stake_that_is_over_and_one_that_has_not_begun_make_nobody_missing(make, question, topic, forum):
    make.event(forum=forum)
    make.equity(make.unit(), topic, until_on=make.today - timedelta(days=1))
    make.equity(make.unit(), topic, from_on=make.today + timedelta(days=1))
    make.equity(make.unit(ends_on=make.today - timedelta(days=1)), topic)
    assert ahead(make, make.officer())[0].missing == ()


def test_a_line_of_its_own_or_one_that_it_adheres_to_ends_it(make, question, topic, forum):
    make.event(forum=forum)
    one, other = make.officer(), make.officer()
    for person in (one, other):
        make.equity(person.unit, topic)
    line = make.position(by=one, question=question, topic=topic)
    assert [u.id for u in ahead(make, one)[0].missing] == [other.unit_id]
    adhere(make, other, line.ref)
    [coming] = ahead(make, one)
    assert (coming.missing, coming.adhered, coming.state) == ((), 1, Coordination.IN_ORDER)


def test_a_line_on_one_question_does_not_answer_another_on_the_same_topic(make, question, topic, forum):
    make.event(forum=forum)
    one = make.officer()
    make.equity(one.unit, topic)
    make.question("And for how long?", topic=topic, forum=forum)
    make.position(by=one, question=question, topic=topic)
    [coming] = ahead(make, one)
    assert [u.id for u in coming.missing] == [one.unit_id]
    assert (coming.questions, coming.unanswered, coming.state) == (2, 1, Coordination.MISSING)


def test_who_leads_stands_first_among_the_missing(make, question, topic, forum):
    make.event(forum=forum)
    for name, stake in (("AAA", "must_consult"), ("ZZZ", "lead"), ("MMM", "co_lead")):
        make.equity(make.unit(short_name=name), topic, stake)
    assert [u.short_name for u in ahead(make, make.officer())[0].missing] == ["ZZZ", "MMM", "AAA"]


def test_open_conflicts_among_the_lines_are_counted_until_they_are_settled(make, question, topic, forum):
    make.event(forum=forum)
    one, other = make.officer(), make.officer()
    make.position(by=one, question=question, topic=topic, stance="support")
    make.position(by=other, question=question, topic=topic, stance="red_line")
    make.position(question=question, topic=topic, stance="no_position")
    [coming] = ahead(make, one)
    assert (coming.conflicting, coming.worst, coming.state) == (1, Severity.CRITICAL, Coordination.CONFLICTING)
    for person in (one, other):
        by = make.act_as(person)
        with transaction(make.session):
            pair = make.session.scalars(select(Overlap).where(Overlap.kind == "conflict")).one()
            overlaps.dismiss(make.session, pair, why="not the same text", by=by, at=make.at)
    [coming] = ahead(make, one)
    assert (coming.conflicting, coming.worst, coming.state) == (0, None, Coordination.IN_ORDER)


def test_a_conflict_of_two_lines_for_the_event_counts_though_its_question_is_before_no_forum(make, forum):
    event, topic = make.event(forum=forum), make.topic()
    loose = make.question(topic=topic)
    for stance in ("support", "oppose"):
        make.position(question=loose, topic=topic, stance=stance, event=event)
    make.position(question=loose, topic=topic, stance="oppose")
    [coming] = ahead(make, make.officer())
    assert (coming.positions, coming.conflicting, coming.worst) == (2, 1, Severity.HIGH)


def test_what_comes_from_outside_the_ministry_is_no_line_of_a_unit(make, question, topic, forum):
    make.event(forum=forum)
    firm = make.unit(of=make.organisation("Orrery Cloud", circle="country", ceiling=0))
    make.position(by=make.officer(unit=firm), question=question, topic=topic, level=0, audience=frozenset({"circle:country"}))
    [coming] = ahead(make, make.officer())
    assert (coming.positions, coming.outside, coming.unanswered) == (0, 1, 1)
    assert coming.state is Coordination.NOTHING_YET


def test_two_outside_voices_that_clash_are_no_conflict_of_the_units_but_one_with_a_unit_is(make, question, topic, forum):
    make.event(forum=forum)
    open_to_all = {"question": question, "topic": topic, "level": 0, "audience": frozenset({"circle:country"})}
    for stance in ("support", "red_line"):
        firm = make.unit(of=make.organisation(circle="country", ceiling=0))
        make.position(by=make.officer(unit=firm), stance=stance, **open_to_all)
    assert ahead(make, make.officer())[0].conflicting == 0
    make.position(stance="support", **open_to_all)
    assert ahead(make, make.officer())[0].conflicting == 1


def test_what_a_unit_writes_down_on_behalf_of_others_is_an_outside_voice_and_leaves_the_unit_missing(make, question, topic, forum):
    event, country = make.event(forum=forum), make.counterpart("Freedonia")
    one, other = make.officer(unit=make.unit(short_name="AAA")), make.officer(unit=make.unit(short_name="ZZZ"))
    make.equity(one.unit, topic, "must_consult")
    heard = {"topic": topic, "on_behalf_of_id": country.id, "source": "A speech", "said_on": make.today}
    make.position(by=one, question=question, stance="oppose", **heard)
    make.position(by=one, event=event, **heard)
    [coming] = ahead(make, other)
    assert (coming.positions, coming.outside, coming.unanswered, coming.conflicting) == (0, 2, 1, 0)
    assert [u.short_name for u in coming.missing] == ["AAA"]
    make.position(by=one, stance="support", question=question, topic=topic)
    assert ahead(make, other)[0].conflicting == 0  # nobody clashes with what they wrote down themselves
    make.position(by=other, stance="support", question=question, topic=topic)
    [coming] = ahead(make, other)
    assert (coming.positions, coming.outside, coming.conflicting, coming.worst) == (2, 2, 1, Severity.HIGH)
    make.act_as(other)
    said = queries.on_question(make.session, question, on=make.today)
    assert [line.position.unit.short_name for line in said.lines] == ["AAA", "ZZZ"]
    [voice] = said.voices
    assert voice.position.on_behalf_of.name == "Freedonia"
    assert len(voice.differs_from) == 2


def test_an_outside_voice_that_clashes_with_one_that_was_written_down_is_no_conflict_of_the_units(make, question, topic, forum):
    make.event(forum=forum)
    open_to_all = {"question": question, "topic": topic, "level": 0, "audience": frozenset({"circle:country"})}
    heard = {"on_behalf_of_id": make.counterpart().id, "source": "A speech", "said_on": make.today}
    firm = make.unit(of=make.organisation(circle="country", ceiling=0))
    make.position(by=make.officer(unit=firm), stance="support", **open_to_all)
    make.position(stance="oppose", **open_to_all, **heard)
    assert ahead(make, make.officer())[0].conflicting == 0


def test_events_can_be_kept_to_some_forums_or_some_topics(make, question, topic, forum):
    other, side = make.forum(), make.topic()
    make.event("Theirs", forum=other, in_days=1)
    make.event("Ours", forum=forum, in_days=2)
    made = make.event("Named", forum=other, in_days=3)
    make.position(topic=side, event=made)
    one = make.officer()
    assert [c.event.name for c in ahead(make, one, forum_ids={forum.id})] == ["Ours"]
    assert [c.event.name for c in ahead(make, one, topic_ids={topic.id})] == ["Ours"]
    assert [c.event.name for c in ahead(make, one, topic_ids={side.id, topic.id})] == ["Ours", "Named"]
    assert ahead(make, one, topic_ids=set()) == []
    assert ahead(make, one, days=2, forum_ids={other.id})[0].event.name == "Theirs"


def test_what_a_reader_may_not_see_changes_nothing(make, question, topic, forum):
    event = make.event(forum=forum)
    one, keeper, side = make.officer(), make.officer(), make.topic()
    make.equity(keeper.unit, topic)
    make.position(by=one, question=question, topic=topic)
    before = told(ahead(make, one)), ahead(make, one, topic_ids={side.id})
    make.position(by=keeper, question=question, topics=(topic.id, side.id), stance="red_line", event=event, sealed=True)
    make.position(by=keeper, topic=side, event=event, sealed=True)
    assert (told(ahead(make, one)), ahead(make, one, topic_ids={side.id})) == before
    [theirs] = ahead(make, keeper)
    assert (theirs.positions, theirs.conflicting, theirs.missing) == (3, 1, ())


def test_outside_the_ministry_nobody_is_told_who_is_missing(make, question, topic, forum):
    make.event(forum=forum)
    make.equity(make.unit(), topic)
    firm = make.unit(of=make.organisation("Orrery Cloud", circle="country", ceiling=0))
    assert ahead(make, make.officer(unit=firm))[0].missing == ()
    assert ahead(make, make.officer())[0].missing != ()


def test_the_number_of_statements_does_not_grow(make, forum):
    one = make.officer()

    def more() -> None:
        topic = make.topic()
        asked = make.question(topic=topic, forum=forum)
        make.equity(make.unit(), topic)
        event = make.event(forum=forum)
        line = make.position(question=asked, topic=topic, stance="support", event=event)
        make.position(question=asked, topic=topic, stance="oppose")
        adhere(make, make.officer(), line.ref)

    numbers = []
    for _ in range(3):
        more()
        make.act_as(one)
        with counted_statements() as said:
            queries.ahead(make.session, on=make.today, until=make.today + timedelta(days=90))
        numbers.append(len(said))
        bind_reader(make.session, None)
    assert len(set(numbers)) == 1


# --- who says what -----------------------------------------------------------------------------------------------------


def test_the_answers_on_a_question_stand_by_stake_with_adherents_voices_and_who_is_missing(make, question, topic, forum):
    event = make.event(forum=forum)
    first, leader, follower = (make.officer(unit=make.unit(short_name=n)) for n in ("AAA", "ZZZ", "FOL"))
    make.equity(leader.unit, topic, "lead")
    make.equity(make.unit("Silent ones", short_name="SIL"), topic, "must_consult")
    shared = {"question": question, "topic": topic, "level": 0, "audience": frozenset({"circle:country"})}
    make.position(by=first, stance="conditions", **shared)
    line = make.position(by=leader, stance="support", **shared)
    adhere(make, follower, line.ref)
    firm = make.officer(unit=make.unit(of=make.organisation("Orrery Cloud", circle="country", ceiling=0)))
    make.position(by=firm, stance="conditions", **shared)
    make.position(by=first, topic=topic, event=event)
    make.act_as(first)
    _coming, (on_it, without) = queries.at_event(make.session, event, on=make.today)
    assert [(said.position.unit.short_name, said.stake) for said in on_it.lines] == [("ZZZ", "lead"), ("AAA", None)]
    assert [u.short_name for u in on_it.lines[0].adherents] == ["FOL"]
    assert [u.short_name for u in on_it.missing] == ["SIL"]
    [voice] = on_it.voices
    assert voice.position.unit.organisation.name == "Orrery Cloud"
    assert [unit.short_name for unit in voice.differs_from] == ["ZZZ"]
    assert (without.question, len(without.lines)) == (None, 1)
    alone = queries.on_question(make.session, question, on=make.today)
    assert ([said.position.id for said in alone.lines], alone.missing) == (
        [said.position.id for said in on_it.lines],
        on_it.missing,
    )


def test_at_an_event_the_weightiest_lines_stand_whole_and_the_further_ones_by_their_stance(
    make, question, topic, forum, monkeypatch
):
    monkeypatch.setattr(queries, "FOREMOST", 1)
    event = make.event(forum=forum)
    one, other, leader = (make.officer(unit=make.unit(short_name=n)) for n in ("AAA", "MMM", "ZZZ"))
    make.equity(leader.unit, topic, "lead")
    shared = {"question": question, "topic": topic, "level": 0, "audience": frozenset({"circle:country"})}
    make.position(by=one, stance="oppose", **shared)
    theirs = make.position(by=other, stance="support", **shared | {"level": 1, "audience": frozenset({"circle:ministry"})})
    make.position(by=leader, stance="support", **shared)
    make.position(stance="red_line", question=question, topic=topic, sealed=True)
    firm = make.officer(unit=make.unit(of=make.organisation("Orrery Cloud", circle="country", ceiling=0)))
    make.position(by=firm, stance="conditions", **shared)
    make.act_as(one)
    _coming, [on_it] = queries.at_event(make.session, event, on=make.today)
    assert [said.position.unit.short_name for said in on_it.lines] == ["ZZZ"]
    assert [(stance.value, [(f.unit.short_name, f.level) for f in lines]) for stance, lines in on_it.sides] == [
        ("support", [("MMM", 1)]),
        ("oppose", [("AAA", 0)]),
    ]
    assert theirs.ref in {f.ref for f in on_it.further}
    assert [unit.short_name for unit in on_it.voices[0].differs_from] == ["ZZZ", "AAA", "MMM"]
    _coming, [whole] = queries.at_event(make.session, event, on=make.today, whole=True)
    alone = queries.on_question(make.session, question, on=make.today)
    for all_of_it in (whole, alone):
        assert [said.position.unit.short_name for said in all_of_it.lines] == ["ZZZ", "AAA", "MMM"]
        assert not all_of_it.further


def test_where_there_are_many_questions_fewer_lines_of_each_stand_whole(make, topic, forum, monkeypatch):
    monkeypatch.setattr(queries, "WHOLE", 6)
    event, questions = make.event(forum=forum), [make.question(topic=topic, forum=forum) for _ in range(2)]
    for question in questions:
        for _ in range(4):
            make.position(question=question, topic=topic)
    make.act_as(make.officer())

    def shown() -> list[tuple[int, int]]:
        return [(len(a.lines), len(a.further)) for a in queries.at_event(make.session, event, on=make.today)[1]]

    assert shown() == [(3, 1), (3, 1)]
    monkeypatch.setattr(queries, "WHOLE", 1)
    assert shown() == [(1, 3), (1, 3)]


def test_the_overlaps_at_an_event_have_both_ends_there(make, question, topic, forum):
    event, elsewhere = make.event(forum=forum), make.question(topic=topic)
    one = make.officer()
    make.position(by=one, question=question, topic=topic, stance="support")
    make.position(question=question, topic=topic, stance="red_line")
    make.position(by=one, question=elsewhere, topic=topic, stance="support")
    make.position(question=elsewhere, topic=topic, stance="red_line")
    make.act_as(one)
    [found] = queries.overlaps_at(make.session, event, most=10)
    assert {found.low.question_id, found.high.question_id} == {question.id}
    assert [o.id for o in queries.overlaps_on(make.session, question.id, most=10)] == [found.id]


def test_the_dossiers_at_an_event_name_it(make, forum, topic):
    event = make.event(forum=forum)
    one = make.officer()
    make.dossier(by=one, event=event, topic=topic, title="Named")
    make.dossier(by=one, event=make.event(forum=forum), topic=topic)
    make.dossier(by=one, event=event, topic=topic, released=False)
    make.position(by=one, event=event, topic=topic)
    make.act_as(one)
    assert [d.title for d in queries.dossiers_at(make.session, event.id)] == ["Named"]


def test_questions_come_with_their_numbers_and_the_next_event(make, question, topic, forum):
    make.event("Later", forum=forum, in_days=20)
    make.event("Sooner", forum=forum, in_days=5)
    make.equity(make.unit(short_name="SIL"), topic)
    make.position(question=question, topic=topic, stance="support")
    make.position(question=question, topic=topic, stance="oppose")
    loose = make.question(topic=topic)
    make.act_as(make.officer())
    first, second = queries.asked(make.session, [loose.id, question.id], on=make.today)
    assert (first.question.id, first.event, first.positions, first.state) == (loose.id, None, 0, Coordination.NOTHING_YET)
    assert second.event is not None
    assert (second.event.name, second.positions, second.conflicting, second.worst) == ("Sooner", 2, 1, Severity.HIGH)
    assert [u.short_name for u in second.missing] == ["SIL"]
