from datetime import date, timedelta

import pytest

from coordinator.calendar import actions, queries
from coordinator.calendar.models import CounterpartKind, InstrumentKind
from coordinator.calendar.rules import CounterpartDraft, EventDraft, ForumDraft, InstrumentDraft, QuestionDraft
from coordinator.db import change_of, transaction
from coordinator.history.queries import last_number, of


def test_an_event_is_past_on_the_day_after_its_last_and_that_is_recorded_once(session, make, at):
    over, today, ahead = make.event(in_days=-3, days=3), make.event(in_days=0), make.event(in_days=1)
    assert over.past  # logged after it was over
    later = make.today + timedelta(days=1)
    with transaction(session):
        assert actions.mark_past(session, on=later, at=at) == [today.id]
        assert change_of(session).touched["event"] == {today.id}
    number = last_number(session)
    with transaction(session):
        assert actions.mark_past(session, on=later, at=at) == []
    assert last_number(session) == number
    assert [e.action for e in of(session, "event", today.id)] == ["event.added", "event.past"]
    assert not queries.event(session, ahead.ref).past


def test_an_event_moved_to_a_day_to_come_is_no_longer_past(session, make, at):
    event = make.event(in_days=-9)
    ahead = make.today + timedelta(days=9)
    with transaction(session):
        draft = EventDraft(forum_id=event.forum_id, name=event.name, starts_on=ahead, ends_on=ahead)
        actions.revise_event(session, event, draft, by=None, at=at)
    assert not event.past


def test_an_event_does_not_end_before_it_starts(session, make, at):
    draft = EventDraft(make.forum().id, "Session", starts_on=make.today, ends_on=make.today - timedelta(days=1))
    with pytest.raises(actions.EndsBeforeItStarts), transaction(session):
        actions.add_event(session, draft, by=None, at=at)


def test_two_forums_may_have_events_of_one_name_but_one_forum_not(session, make, at):
    event = make.event("Second session")
    make.event("Second session", forum=make.forum())
    draft = EventDraft(event.forum_id, "SECOND session", starts_on=make.today, ends_on=make.today)
    with pytest.raises(actions.NameTaken), transaction(session):
        actions.add_event(session, draft, by=None, at=at)


def test_names_are_taken_in_whatever_letters(session, make, at):
    make.forum("Group of Experts")
    make.question("Should there be a treaty?")
    make.counterpart("Ruritania")
    adding = (
        (actions.NameTaken, lambda: actions.add_forum(session, ForumDraft("group of  EXPERTS", "GoE"), by=None, at=at)),
        (
            actions.AskedAlready,
            lambda: actions.add_question(session, QuestionDraft("SHOULD there be a treaty?", make_topic.id), by=None, at=at),
        ),
        (
            actions.NameTaken,
            lambda: actions.add_counterpart(session, CounterpartDraft("RURITANIA", CounterpartKind.COUNTRY), by=None, at=at),
        ),
    )
    make_topic = make.topic()
    for refusal, act in adding:
        with pytest.raises(refusal), transaction(session):
            act()


def test_every_change_marks_what_it_touched(session, make, at):
    forum, question, counterpart, instrument = make.forum(), make.question(), make.counterpart(), make.instrument()
    event = make.event(forum=forum)
    revising = {
        "forum": (forum, lambda: actions.revise_forum(session, forum, ForumDraft("New", "N"), by=None, at=at)),
        "event": (
            event,
            lambda: actions.revise_event(session, event, EventDraft(forum.id, "New", make.today, make.today), by=None, at=at),
        ),
        "question": (
            question,
            lambda: actions.revise_question(session, question, QuestionDraft("New?", question.topic_id), by=None, at=at),
        ),
        "counterpart": (
            counterpart,
            lambda: actions.revise_counterpart(session, counterpart, CounterpartDraft("N", CounterpartKind.FIRM), by=None, at=at),
        ),
        "instrument": (
            instrument,
            lambda: actions.revise_instrument(session, instrument, InstrumentDraft("N", "N", InstrumentKind.NORMS), by=None, at=at),
        ),
    }
    for kind, (thing, act) in revising.items():
        with transaction(session):
            act()
            assert change_of(session).touched[kind] == {thing.id}
        assert [e.action for e in of(session, kind, thing.id)] == [f"{kind}.added", f"{kind}.revised"]


def test_what_moved_of_an_instrument_is_in_the_history_with_its_parties(session, make, at):
    one, other = make.counterpart("Freedonia"), make.counterpart("Ruritania")
    instrument = make.instrument("Treaty", party_ids=(other.id, one.id), adopted_on=date(2001, 11, 23))
    draft = InstrumentDraft("Treaty", "Treaty", InstrumentKind.TREATY, party_ids=(one.id,), in_force_on=date(2004, 7, 1))
    with transaction(session):
        actions.revise_instrument(session, instrument, draft, by=None, at=at)
    _added, revised = of(session, "instrument", instrument.id)
    assert revised.payload.said["was"] == {
        "party_ids": [one.id, other.id],
        "adopted_on": "2001-11-23",
        "in_force_on": None,
    }
    assert [c.name for c in queries.instrument(session, instrument.ref).named_parties] == ["Freedonia"]


def test_other_names_are_kept_once_without_the_own_ones_and_belong_to_one_forum(session, make, at):
    forum = make.forum("Group of Experts", aliases=("GGE", "Groupe d’experts", "gge", "group of experts"))
    assert queries.forum(session, forum.ref).aliases == ("GGE", "Groupe d’experts")
    assert "aliases" in of(session, "forum", forum.id)[0].payload.said
    for wanted in ("GROUP of experts", "groupe D’EXPERTS"):
        with pytest.raises(actions.AliasTaken), transaction(session):
            actions.add_forum(session, ForumDraft("Another", "A", aliases=(wanted,)), by=None, at=at)
    with pytest.raises(actions.NameTaken), transaction(session):
        actions.add_forum(session, ForumDraft("gge", "A"), by=None, at=at)
    with transaction(session):
        actions.revise_forum(session, forum, ForumDraft("Group of Experts", "GoE", aliases=("GGE",)), by=None, at=at)
    assert of(session, "forum", forum.id)[-1].payload.said["was"]["aliases"] == ["GGE", "Groupe d’experts"]


def test_other_names_of_an_event_belong_to_it_within_its_forum(session, make, at):
    event = make.event("Plenipotentiary Conference", aliases=("PP-26",))
    other = make.event("Council", aliases=("PP-26",))  # of another forum
    draft = EventDraft(event.forum_id, "Council", starts_on=make.today, ends_on=make.today, aliases=("pp-26",))
    with pytest.raises(actions.AliasTaken), transaction(session):
        actions.add_event(session, draft, by=None, at=at)
    assert other.aliases == ("PP-26",)
