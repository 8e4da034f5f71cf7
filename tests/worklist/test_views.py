"""The first page after signing in says what waits, for this person and no other, and says something true when nothing does."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session

from coordinator.db import bind_reader, db, transaction
from coordinator.entries import actions as entries
from coordinator.entries.models import State
from coordinator.history.queries import of as events_of
from coordinator.overlaps import actions as overlaps
from coordinator.overlaps import queries as overlap_queries
from coordinator.overlaps.models import Outcome, Overlap, Recheck
from coordinator.people.models import Person
from coordinator.people.queries import all_units_reader
from coordinator.positions import actions as positions
from coordinator.positions.models import Position
from coordinator.positions.queries import one as one_position
from coordinator.positions.rules import PositionDraft
from coordinator.worklist.commands import catch_up, is_done, nightly
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]


def page(browser: FlaskClient, path: str = "/") -> str:
    answer = browser.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def act(make: Make, session: Session, person: Person, ref: str, do: Any, **said: Any) -> None:
    by = make.act_as(person)
    with transaction(session):
        do(session, overlap_queries.one(session, ref), by=by, at=make.at, **said)
    bind_reader(session, None)


def test_an_overlap_waits_for_both_units_until_each_has_acknowledged(make: Make, session: Session, sign_in: SignIn) -> None:
    ref, one, other = make.overlap()
    for person in (one, other):
        text = page(sign_in(person))
        assert f"/overlaps/{ref}" in text
        assert "Acknowledge it for your unit" in text
    act(make, session, one, ref, overlaps.acknowledge)
    assert f"/overlaps/{ref}" not in page(sign_in(one))
    assert f"/overlaps/{ref}" in page(sign_in(other))


def test_the_worklist_shows_what_presses_most_and_leads_to_the_rest(
    make: Make, session: Session, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, one, other = make.topic(), make.officer(), make.officer()
    for against in ("oppose", "red_line"):
        question = make.question(topic=topic)
        make.position(by=one, topic=topic, question=question, stance="support")
        make.position(by=other, topic=topic, question=question, stance=against)
    make.act_as(one)
    worst, less = session.scalars(select(Overlap.ref).where(Overlap.kind == "conflict").order_by(Overlap.rank)).all()
    bind_reader(session, None)
    text = page(sign_in(one))
    assert text.index(f"/overlaps/{worst}") < text.index(f"/overlaps/{less}")
    assert "These press most" not in text
    monkeypatch.setattr(overlap_queries, "PAGE", 1)
    text = page(sign_in(one))
    assert f"/overlaps/{worst}" in text
    assert f"/overlaps/{less}" not in text
    assert 'These press most. <a href="/overlaps?mine=1">' in text


def test_a_proposal_to_close_waits_for_the_other_unit(make: Make, session: Session, sign_in: SignIn) -> None:
    ref, one, other = make.overlap()
    act(make, session, one, ref, overlaps.acknowledge)
    act(make, session, other, ref, overlaps.settle, statement="One line.", outcome=Outcome.JOINT_LINE)
    assert "Answer the other unit" in page(sign_in(one))
    assert f"/overlaps/{ref}" not in page(sign_in(other))


def test_a_third_unit_sees_nothing_of_it_and_is_told_something_true(make: Make, sign_in: SignIn) -> None:
    ref, one, _other = make.overlap()
    third = make.officer()
    text = page(sign_in(third))
    assert ref not in text
    assert f"Nothing waits for you, and no overlap of {third.unit.short_name} is open." in text


def test_an_empty_list_says_what_is_open_nevertheless(make: Make, session: Session, sign_in: SignIn) -> None:
    ref, one, _other = make.overlap()
    act(make, session, one, ref, overlaps.acknowledge)
    assert f"One overlap of {one.unit.short_name} is open" in page(sign_in(one))


@pytest.mark.parametrize("role", ["leadership", "coordinator"])
def test_leadership_and_coordinators_see_what_is_open_between_all_units_the_worst_first(
    make: Make, sign_in: SignIn, role: str
) -> None:
    medium, critical = make.overlap("medium")[0], make.overlap("critical")[0]
    text = page(sign_in(make.person(roles=(role,))))
    assert "Open between the units" in text
    assert 0 < text.index(critical) < text.index(medium)


def test_they_see_it_as_far_as_they_may_see_both_ends(make: Make, sign_in: SignIn) -> None:
    ref, _one, _other = make.overlap()
    text = page(sign_in(make.person(roles=("leadership",), clearance=0)))
    assert ref not in text
    assert "No overlap that you can see is open." in text


def test_an_administrator_and_an_auditor_have_nothing_here(make: Make, sign_in: SignIn) -> None:
    ref, one, _other = make.overlap()
    text = page(sign_in(make.person(unit=one.unit, roles=("administrator", "auditor"))))
    assert ref not in text
    assert "Nothing waits for you here" in text


def test_what_is_offered_waits_for_those_who_release_and_shows_its_author_that_it_waits(make: Make, sign_in: SignIn) -> None:
    unit = make.unit()
    writer, releaser = make.person(unit=unit), make.person(unit=unit, roles=("releasing_officer",))
    make.position(by=writer, released=False, offer=True, title="Pears for all")
    assert "Read it, then release it" in page(sign_in(releaser))
    assert "A releasing officer of your unit has to release it" in page(sign_in(writer))
    assert "Pears for all" not in page(sign_in(make.person(unit=unit)))


def test_a_draft_of_one_s_own_waits_to_be_finished(make: Make, sign_in: SignIn) -> None:
    writer = make.person()
    make.position(by=writer, released=False, title="Half a thought")
    text = page(sign_in(writer))
    assert "Half a thought" in text
    assert "Finish it, or drop it" in text


@pytest.mark.parametrize(("in_days", "shown"), [(-3, "3 days ago"), (0, "today"), (14, "in 14 days"), (15, None)])
def test_what_has_to_be_reviewed_soon_is_shown(make: Make, sign_in: SignIn, in_days: int, shown: str | None) -> None:
    writer = make.person()
    make.position(by=writer, title="An old line", review_by=make.today + timedelta(days=in_days))
    text = page(sign_in(writer))
    assert ("An old line" in text) == (shown is not None)
    assert shown is None or shown in text


def test_a_topic_that_another_unit_proposes_waits_for_an_answer(make: Make, session: Session, sign_in: SignIn) -> None:
    owner, other, topic = make.officer(), make.officer(), make.topic("Undersea cables")
    entry = make.position(by=owner, title="Our line")
    by = make.act_as(other)
    with transaction(session):
        entries.propose_topic(session, entry, topic, unit=by.unit, by=by, at=make.at)
    bind_reader(session, None)
    text = page(sign_in(owner))
    assert f"{other.unit.short_name} says that this is also about “Undersea cables”." in text
    assert "Undersea" not in page(sign_in(other))


def adhered(make: Make, session: Session) -> tuple[Position, Person, Person]:
    lead, other, topic = make.officer(), make.officer(), make.topic()
    line = make.position(by=lead, topic=topic, question=make.question(topic=topic), title="The joint line")
    by, line = make.act_as(other), one_position(session, line.ref)
    with transaction(session):
        positions.adhere(session, line, unit=by.unit, by=by, at=make.at)
    bind_reader(session, None)
    return line, lead, other


def test_a_line_that_changed_after_one_adhered_to_it_waits_to_be_read(make: Make, session: Session, sign_in: SignIn) -> None:
    line, lead, other = adhered(make, session)
    assert "The joint line" not in page(sign_in(other))
    by, line = make.act_as(lead), one_position(session, line.ref)
    draft = PositionDraft(title="The joint line", text="Other words.", question_id=line.question_id, stance=line.stance)
    with transaction(session):
        positions.revise(session, line, draft, base=1, by=by, at=make.at)
        entries.release(session, line, by=by, at=make.at)
    bind_reader(session, None)
    assert "Read the new version; adhere to it, or leave it" in page(sign_in(other))


def test_a_line_that_ended_under_those_who_adhered_is_told(make: Make, session: Session, sign_in: SignIn) -> None:
    line, lead, other = adhered(make, session)
    by, line = make.act_as(lead), one_position(session, line.ref)
    with transaction(session):
        entries.withdraw(session, line, why="over", by=by, at=make.at)
    bind_reader(session, None)
    assert "The line that your unit adhered to was withdrawn." in page(sign_in(other))


def test_the_number_of_statements_does_not_grow_with_what_waits(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    one, other = make.person(roles=("officer", "releasing_officer", "coordinator")), make.officer()
    counted = [0]

    def count(*_args: Any) -> None:
        counted[-1] += 1

    def more(start: int, number: int) -> None:
        for i in range(start, start + number):
            question = make.question(f"Question {i}?", topic=topic)
            make.position(by=one, question=question, topic=topic, stance="support", review_by=make.today)
            make.position(by=other, question=question, topic=topic, stance="oppose")
            make.position(by=one, released=False, offer=bool(i % 2))

    event.listen(db.engine, "before_cursor_execute", count)
    for start, number in ((0, 2), (2, 8)):
        more(start, number)
        browser = sign_in(one)
        counted.append(0)
        page(browser)
        counted.append(0)
    event.remove(db.engine, "before_cursor_execute", count)
    assert counted[1] == counted[3]


# --- what the clock does ----------------------------------------------------------------------------------------------------


def test_the_nightly_change_ends_what_ran_out_and_is_on_record_once(make: Make, session: Session, app: Flask) -> None:
    topic = make.topic()
    question, coming = make.question(topic=topic), make.event(in_days=3)
    one, other = make.officer(), make.officer()
    line = make.position(
        by=one, topic=topic, question=question, stance="support", valid_until=make.today + timedelta(days=5), sealed=True
    )
    make.position(by=one, topic=topic, event=coming, title="Pears", text="Orchards deserve protection.")
    make.dossier(by=other, topic=topic, event=coming, title="Ships", text="Vessels sail under foreign flags.")
    day = make.today + timedelta(days=6)
    with app.app_context():
        assert not is_done(day)
        said = nightly(on=day, at=make.at + timedelta(days=6))
        assert said == {"expired": 1, "exclusions": 0, "events": 1, "milestones": 0, "overlaps": 0}
        assert is_done(day)
        assert not is_done(day + timedelta(days=1))
        again = nightly(on=day, at=make.at + timedelta(days=6))
        assert set(again.values()) == {0}
    bind_reader(session, all_units_reader(session))
    assert session.scalars(select(Position.state).where(Position.id == line.id)).one() is State.EXPIRED
    assert session.scalars(select(Overlap.current)).all() == [False]  # what met at the event no longer does
    assert len(events_of(session, "day", day.toordinal())) == 2


def test_what_a_large_change_left_behind_is_brought_up_to_date_and_the_rows_go(make: Make, session: Session, app: Flask) -> None:
    one = make.position()
    with transaction(session):
        session.execute(insert(Recheck).values(entry_id=one.id))
    with app.app_context():
        assert catch_up() == 1
        assert catch_up() == 0
    session.rollback()
    assert session.scalars(select(Recheck)).all() == []


def test_a_day_on_record_is_one_day(app: Flask) -> None:
    with app.app_context():
        assert not is_done(date(2026, 3, 2))


@pytest.mark.parametrize(
    ("role", "kept"),
    [("administrator", ["/people", "/digests/deliveries", "/setup"]), ("auditor", ["/history/audit"]), ("officer", [])],
)
def test_who_keeps_the_house_is_led_to_what_is_theirs_to_keep(make: Make, sign_in: SignIn, role: str, kept: list[str]) -> None:
    main = page(sign_in(make.person(roles=(role,)))).partition("<main")[2]
    assert re.findall(r'<h3 class="item-title"><a href="([^"]+)">', main) == kept
    assert ("What is yours to keep" in main) is bool(kept)


def test_a_coordinator_reads_what_clashes_before_what_is_missing_and_an_officer_what_waits(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    question = make.question("Should there be a treaty?", topic=topic)
    one, other = make.officer(), make.officer()
    make.position(by=one, question=question, topic=topic, stance="support")
    make.position(by=other, question=question, topic=topic, stance="red_line")
    both = make.person(unit=one.unit, roles=("coordinator", "officer"))
    for person, order in (
        (make.person(roles=("coordinator",)), ["Open between the units", "What is missing"]),
        (both, [f"Overlaps that wait for {one.unit.short_name}", "What is missing", "Open between the units"]),
    ):
        assert re.findall(r"<h2[^>]*>([^<]+)</h2>", page(sign_in(person))) == order
