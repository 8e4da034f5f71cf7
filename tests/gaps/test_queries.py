"""What is missing is derived from what the reader sees: a hidden entry neither makes a gap nor takes one away."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from coordinator.db import bind_reader, transaction
from coordinator.entries import actions as entries
from coordinator.entries import queries as entry_queries
from coordinator.errors import NotFound
from coordinator.gaps import actions, queries
from coordinator.gaps.models import GapKind
from coordinator.gaps.queries import Filters
from coordinator.people import actions as people
from coordinator.people.queries import unit as one_unit
from coordinator.positions import actions as positions
from coordinator.positions.rules import PositionDraft
from tests.make import Make
from tests.test_two_worlds import counted


def kinds(make: Make, person: Any, **narrowed: Any) -> list[str]:
    return [g.kind.value for g in make.gaps(person, **narrowed)]


# --- who was not asked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stake", "told"), [("lead", True), ("co_lead", True), ("must_consult", True), ("inform", False)])
def test_a_released_entry_on_a_topic_of_a_unit_with_a_say_that_was_not_asked_is_a_gap(make: Make, stake: str, told: bool) -> None:
    topic, holder = make.topic(), make.officer()
    make.equity(make.unit(), topic)  # so that it has a lead
    make.equity(holder.unit, topic, stake)
    entry = make.position(topic=topic)
    found = [g for g in make.gaps(make.officer()) if g.unit is not None and g.unit.id == holder.unit_id]
    assert [(g.entry.id, g.stake.value) for g in found] == ([(entry.id, stake)] if told else [])


def test_there_is_one_row_for_an_entry_and_a_unit_with_its_weightiest_say(make: Make) -> None:
    one, other, holder = make.topic("Alpha"), make.topic("Beta"), make.unit()
    make.equity(holder, one, "must_consult")
    make.equity(holder, other, "lead")
    make.position(topics=(one.id, other.id))
    found = make.gaps(make.officer(), kind=GapKind.CONSULTATION)
    assert [(g.stake.value, [t.name for t in g.topics]) for g in found] == [("lead", ["Alpha", "Beta"])]


def test_a_stake_counts_only_while_it_is_in_force_and_its_unit_stands(make: Make) -> None:
    topic, day = make.topic(), make.today
    make.equity(make.unit(), topic, until_on=day - timedelta(days=1))
    make.equity(make.unit(), topic, from_on=day + timedelta(days=1))
    make.equity(make.unit(ends_on=day), topic)
    make.position(topic=topic)
    assert not make.gaps(make.officer(), kind=GapKind.CONSULTATION)


def test_drafts_umbrellas_and_voices_from_outside_ask_nobody(make: Make) -> None:
    topic, wide = make.topic(), make.topic(umbrella=True)
    make.equity(make.unit(), topic)
    make.equity(make.unit(), wide)
    officer, firm = make.officer(), make.officer(unit=make.unit(of=make.organisation(circle="country", ceiling=0)))
    make.position(by=officer, topic=topic, released=False)
    make.position(by=officer, topic=wide)
    make.position(by=firm, topic=topic, level=0, audience=frozenset({"circle:country"}))
    assert not make.gaps(officer, kind=GapKind.CONSULTATION)


def test_what_was_released_long_ago_asks_nobody_any_more(make: Make, session: Session) -> None:
    topic, officer = make.topic(), make.officer()
    make.equity(make.unit(), topic)
    make.position(topic=topic)
    make.act_as(officer)
    for days, told in ((0, 1), (60, 1), (62, 0)):
        later = make.today + timedelta(days=days)
        assert queries.listed(session, make.reader(officer), Filters(kind=GapKind.CONSULTATION), on=later).total == told


def test_who_was_asked_adheres_or_contributes_was_not_passed_over(make: Make, session: Session) -> None:
    topic, question, owner = make.topic(), make.question(), make.officer()
    asked, adhering, contributing = make.officer(), make.officer(), make.officer()
    for person in (asked, adhering, contributing):
        make.equity(person.unit, topic, "co_lead")
    position = make.position(by=owner, topic=topic, question=question)
    dossier = make.dossier(by=owner, topic=topic, contributing=(contributing.unit_id,))
    make.asked(position, asked.unit, by=owner)
    by = make.act_as(adhering)
    with transaction(session):
        positions.adhere(session, positions.queries.one(session, position.ref), unit=by.unit, by=by, at=make.at)
    left = {(g.entry.id, g.unit.id) for g in make.gaps(owner, kind=GapKind.CONSULTATION)}
    assert left == {(position.id, contributing.unit_id), (dossier.id, asked.unit_id), (dossier.id, adhering.unit_id)}


def test_who_asked_a_unit_has_asked_the_one_that_it_went_on_as(make: Make, session: Session) -> None:
    topic, owner, old, middle, new = make.topic(), make.officer(), make.unit(), make.unit(), make.unit()
    make.equity(new, topic)
    position = make.position(by=owner, topic=topic)
    assert kinds(make, owner, kind=GapKind.CONSULTATION) == ["consultation"]
    make.asked(position, old, by=owner)
    for before, after in ((old, middle), (middle, new)):
        with transaction(session):
            one, other = (one_unit(session, u.ref) for u in (before, after))
            people.succeed(session, one, other, on=make.today, by=None, at=make.at)
    assert not kinds(make, owner, kind=GapKind.CONSULTATION)
    make.act_as(owner)
    rows, _gaps = queries.heard(session, make.reader(owner), entry_queries.one(session, position.ref), on=make.today)
    assert [(r.unit.id, r.passed_over) for r in rows] == [(new.id, False)]


def test_only_the_newest_entries_are_looked_through_unless_something_narrows_them(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "NEWEST", 2)
    topic, owner, holder, hidden = make.topic(), make.officer(), make.officer(), make.officer()
    make.equity(holder.unit, topic)
    first, second, third = (make.position(by=owner, topic=topic) for _ in range(3))
    make.position(by=hidden, topic=topic, sealed=True)
    make.act_as(owner)

    def listed(**narrowed: Any) -> tuple[list[int], int, bool]:
        filters = Filters(kind=GapKind.CONSULTATION, **narrowed)
        found = queries.listed(make.session, make.reader(owner), filters, on=make.today)
        return [g.entry.id for g in found.gaps if g.entry], found.total, found.cut

    assert listed() == ([third.id, second.id], 2, True)
    every = ([third.id, second.id, first.id], 3, False)
    assert listed(topic_ids=frozenset({topic.id})) == every
    assert listed(unit_ids=frozenset({holder.unit_id})) == every
    assert listed(shown_to=make.reader(holder)) == every
    monkeypatch.setattr(queries, "NEWEST", 4)
    assert listed() == every


def test_asked_again_replaces_what_was_said_and_can_be_taken_back(make: Make, session: Session) -> None:
    topic, owner, holder = make.topic(), make.officer(), make.unit()
    make.equity(holder, topic)
    position = make.position(by=owner, topic=topic)
    make.asked(position, holder, by=owner, on=make.today - timedelta(days=3))
    row = make.asked(position, holder, by=owner, note="they agree")
    assert (row.asked_on, row.note) == (make.today, "they agree")
    by = make.act_as(owner)
    with transaction(session):
        kept = queries.asked_row(session, entry_queries.one(session, position.ref), holder.id)
        assert kept is not None
        actions.unask(session, kept, by=by, at=make.at)
    assert kinds(make, owner, kind=GapKind.CONSULTATION) == ["consultation"]


# --- events, reviews, leads, wings ---------------------------------------------------------------------------------------


def test_an_event_that_comes_without_a_line_is_a_gap_until_one_with_a_say_has_a_line(make: Make) -> None:
    forum, officer, say = make.forum(), make.officer(), make.officer()
    topic = make.topic()
    question, event = make.question(topic=topic, forum=forum), make.event(forum=forum)
    make.event(in_days=40)
    assert [g.event.id for g in make.gaps(officer, kind=GapKind.EVENT)] == [event.id]
    make.equity(say.unit, topic)
    make.position(by=officer, event=event)
    found = make.gaps(officer, kind=GapKind.EVENT)
    assert [(g.event.id, [u.id for u in g.units], g.others) for g in found] == [(event.id, [say.unit_id], True)]
    make.position(by=say, question=question)
    assert not make.gaps(officer, kind=GapKind.EVENT)


def test_a_unit_that_made_a_line_its_own_has_one(make: Make, session: Session) -> None:
    forum, topic, say = make.forum(), make.topic(), make.officer()
    question = make.question(topic=topic, forum=forum)
    make.event(forum=forum)
    make.equity(say.unit, topic)
    line = make.position(question=question)
    assert kinds(make, say, kind=GapKind.EVENT) == ["event"]
    by = make.act_as(say)
    with transaction(session):
        positions.adhere(session, positions.queries.one(session, line.ref), unit=by.unit, by=by, at=make.at)
    assert not kinds(make, say, kind=GapKind.EVENT)


def test_a_voice_from_outside_is_no_units_line(make: Make) -> None:
    event = make.event()
    firm = make.officer(unit=make.unit(of=make.organisation(circle="country", ceiling=0)))
    make.position(by=firm, event=event, level=0, audience=frozenset({"circle:country"}))
    assert kinds(make, make.officer()) == ["event"]


def test_a_line_past_its_review_before_its_event_is_a_gap_of_its_unit(make: Make) -> None:
    officer, forum = make.officer(), make.forum()
    event, past = make.event(forum=forum), make.today - timedelta(days=1)
    question = make.question(forum=forum)
    named = make.position(by=officer, event=event, review_by=past)
    asked = make.position(by=officer, question=question, review_by=past - timedelta(days=3))
    make.position(by=officer, event=event, review_by=make.today)
    make.position(by=officer, review_by=past)
    make.dossier(by=officer, event=event, review_by=past)
    found = make.gaps(officer, kind=GapKind.REVIEW)
    assert [(g.entry.id, g.event.id) for g in found] == [(asked.id, event.id), (named.id, event.id)]


def test_a_topic_that_is_worked_on_and_that_nobody_leads_is_a_gap(make: Make) -> None:
    led, unled, wide, idle = make.topic("Led"), make.topic("Unled"), make.topic("Wide", umbrella=True), make.topic("Idle")
    officer = make.officer()
    make.equity(officer.unit, led)
    make.equity(officer.unit, unled, "must_consult")
    make.position(by=officer, topics=(led.id, unled.id, wide.id))
    make.position(by=officer, topic=idle, released=False)
    assert [g.topic.name for g in make.gaps(officer, kind=GapKind.LEAD)] == ["Unled"]


def test_a_wing_of_a_butterfly_that_nobody_covers_is_a_gap(make: Make) -> None:
    officer, wings = make.officer(), [make.topic(f"Wing {n}") for n in range(5)]
    body = make.topic("Body", related=wings)
    within = make.topic("Within", broader=(body,))
    make.equity(officer.unit, make.topic(broader=(wings[4],)))  # whoever leads on a part covers something of it
    assert not make.gaps(officer, kind=GapKind.WING)  # nobody works on it
    make.equity(officer.unit, body)
    make.position(by=officer, topics=(body.id, wings[0].id))
    make.equity(make.unit(), wings[1], "co_lead")
    make.equity(make.unit(), wings[2], "must_consult")
    found = make.gaps(officer, kind=GapKind.WING)
    assert [g.topic.name for g in found] == ["Wing 2", "Wing 3", within.name]
    assert [(t.name, u.id) for t, u in zip(found[0].topics, found[0].units, strict=True)] == [("Body", officer.unit_id)]


# --- what somebody may not see -------------------------------------------------------------------------------------------


Hide = Callable[[Make, Any], None]


def hidden_line(make: Make, world: dict[str, Any]) -> None:
    make.position(by=world["owner"], question=world["question"], event=world["event"], topic=world["topic"], sealed=True)


def hidden_work_on_a_wing(make: Make, world: dict[str, Any]) -> None:
    make.dossier(by=world["owner"], topic=world["wing"], sealed=True)


def hidden_overdue_line(make: Make, world: dict[str, Any]) -> None:
    make.position(by=world["owner"], event=world["event"], review_by=make.today - timedelta(days=9), sealed=True)


@pytest.mark.parametrize("hide", [hidden_line, hidden_work_on_a_wing, hidden_overdue_line])
def test_a_hidden_entry_neither_makes_a_gap_nor_takes_one_away(make: Make, session: Session, hide: Hide) -> None:
    reader, owner = make.officer(clearance=1), make.officer()
    topic, wing, forum = make.topic("Body", related=[make.topic(f"W{n}") for n in range(4)]), make.topic("Far"), make.forum()
    make.equity(owner.unit, topic)
    world = {
        "owner": owner,
        "topic": topic,
        "wing": wing,
        "event": make.event(forum=forum),
        "question": make.question(topic=topic, forum=forum),
    }
    make.position(by=reader, topic=topic)

    def seen(person: Any) -> tuple[list[str], int]:
        with counted() as statements:
            found = [(g.key, g.rests_on) for g in make.gaps(person)]
        return found, len(statements)  # type: ignore[return-value]

    before, own = seen(reader), seen(owner)
    hide(make, world)
    assert seen(reader) == before
    assert seen(owner) != own


def test_who_may_not_see_an_entry_is_not_told_that_their_unit_was_not_asked(make: Make) -> None:
    topic, holder, owner = make.topic(), make.officer(clearance=1), make.officer()
    make.equity(holder.unit, topic)
    make.position(by=owner, topic=topic, sealed=True)
    assert kinds(make, owner) == ["consultation"]
    assert not kinds(make, holder)


def test_nobody_outside_the_ministry_is_told_of_a_gap(make: Make) -> None:
    topic, agency = make.topic(), make.officer(unit=make.unit(of=make.organisation(circle="government")))
    make.equity(agency.unit, topic)
    owner = make.officer()
    entry = make.position(by=owner, topic=topic, audience=frozenset({"circle:government"}), level=0)
    assert [(g.entry.id, g.unit.id) for g in make.gaps(owner, kind=GapKind.CONSULTATION)] == [(entry.id, agency.unit_id)]
    assert not make.gaps(agency)


def test_the_number_of_statements_does_not_grow_with_what_there_is(make: Make, session: Session) -> None:
    reader, topic = make.officer(), make.topic()
    make.equity(make.unit(), topic, "must_consult")

    def statements() -> int:
        session.commit()  # what is read once in a transaction is read in each
        with counted() as found:
            make.gaps(reader)
        return sum(not statement.startswith("BEGIN") for statement in found)

    def more() -> None:
        make.position(topic=topic, event=make.event(), review_by=make.today - timedelta(days=1))
        make.event()

    more()  # where there is nothing, some questions need no asking
    few = statements()
    for _ in range(3):
        more()
    assert len(make.gaps(reader)) >= 12
    assert statements() == few


# --- narrowed ------------------------------------------------------------------------------------------------------------


def test_every_count_is_the_number_of_rows_that_its_filter_leaves(make: Make, session: Session) -> None:
    forum, officer, other = make.forum(), make.officer(), make.officer()
    body = make.topic("Body", related=[make.topic(f"Wing {n}") for n in range(4)])
    question, event = make.question(topic=body, forum=forum), make.event(forum=forum)
    make.event()
    make.equity(other.unit, body, "must_consult")
    make.position(by=officer, topic=body, event=event, review_by=make.today - timedelta(days=2))
    make.position(by=officer, topic=body, question=question)
    make.known("lead", body, by=make.person(roles=("coordinator",)))
    make.act_as(officer)
    reader, coordinator = make.reader(officer), make.reader(make.person(roles=("coordinator",)))
    narrowings: list[dict[str, Any]] = [
        {},
        {"unit_ids": frozenset({officer.unit_id})},
        {"unit_ids": frozenset({other.unit_id})},
        {"topic_ids": frozenset({body.id})},
        {"forum_id": forum.id},
        {"event_id": event.id},
        {"shown_to": reader},
        {"shown_to": make.reader(other)},
        {"shown_to": coordinator},
    ]
    totals = []
    for narrowed in narrowings:
        for known in (False, True, None):
            whole = queries.listed(session, reader, Filters(known=known, **narrowed), on=make.today, size=100)
            assert whole.total == len(whole.gaps) == sum(whole.counts.values())
            for kind in GapKind:
                part = queries.listed(session, reader, Filters(kind=kind, known=known, **narrowed), on=make.today, size=100)
                assert part.total == len(part.gaps) == whole.counts[kind]
                assert [g.key for g in part.gaps] == [g.key for g in whole.gaps if g.kind is kind]
            pages = [
                queries.listed(session, reader, Filters(known=known, **narrowed), on=make.today, number=n, size=2)
                for n in range(1, 8)
            ]
            assert [g.key for page in pages for g in page.gaps] == [g.key for g in whole.gaps]
            totals.append(whole.total)
    assert len(set(totals)) > 4


def test_gaps_are_put_before_the_units_that_they_concern_and_before_coordinators(make: Make) -> None:
    topic, owner, holder, stranger = make.topic(), make.officer(), make.officer(), make.officer()
    coordinator = make.person(roles=("coordinator",))
    make.equity(holder.unit, topic, "must_consult")
    make.position(by=owner, topic=topic)
    event = make.event()

    def put_before(person: Any) -> list[str]:
        return kinds(make, person, shown_to=make.reader(person))

    assert put_before(owner) == put_before(holder) == ["consultation"]
    assert put_before(stranger) == []
    assert put_before(coordinator) == ["event", "lead"]
    assert event.id


# --- we know -------------------------------------------------------------------------------------------------------------


def test_what_is_known_leaves_the_list_until_its_day(make: Make, session: Session) -> None:
    topic, officer, coordinator = make.topic(), make.officer(), make.person(roles=("coordinator",))
    make.position(by=officer, topic=topic)
    make.known("lead", topic, by=coordinator, days=10)
    assert not make.gaps(officer, known=False)
    known = make.gaps(officer, known=True)
    assert [(g.kind.value, g.known.why, g.known.by_unit.id) for g in known] == [("lead", "it is agreed", coordinator.unit_id)]
    make.act_as(officer)
    later = queries.listed(session, make.reader(officer), Filters(), on=make.today + timedelta(days=11)).gaps
    assert [(g.kind.value, g.is_known, g.known is not None) for g in later] == [("lead", False, True)]


def test_what_is_known_comes_back_when_what_it_rests_on_changes(make: Make, session: Session) -> None:
    topic, owner, holder = make.topic(), make.officer(), make.unit()
    make.equity(holder, topic)
    position = make.position(by=owner, topic=topic)
    make.known("consultation", position, unit=holder, by=owner)
    assert not make.gaps(owner, known=False)
    by = make.act_as(owner)
    with transaction(session):
        entry = positions.queries.one(session, position.ref)
        draft = PositionDraft(title="New words", text="Another line.", topics=(topic.id,))
        positions.revise(session, entry, draft, base=1, by=by, at=make.at, form_key=None, offer=False)
        entries.release(session, entry, by=by, at=make.at)
    bind_reader(session, None)
    back = make.gaps(owner, known=False)
    assert [g.kind.value for g in back] == ["consultation"]
    assert back[0].known is not None


def test_what_is_said_of_a_hidden_entry_is_hidden_with_it(make: Make, session: Session) -> None:
    topic, owner, holder = make.topic(), make.officer(), make.officer(clearance=1)
    make.equity(holder.unit, topic)
    position = make.position(by=owner, topic=topic, sealed=True)
    said = make.known("consultation", position, unit=holder.unit, by=owner)
    make.asked(position, make.unit(), by=owner)
    make.act_as(holder)
    with pytest.raises(NotFound):
        queries.known(session, said.ref)
    assert not list(session.scalars(queries.select(queries.Asked)))
    make.act_as(owner)
    assert queries.known(session, said.ref).why == "it is agreed"
    assert list(session.scalars(queries.select(queries.Asked)))
