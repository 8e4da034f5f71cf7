"""The pages of what happened."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import event, select

from coordinator.chronicle import queries
from coordinator.db import bind_reader, db, read_as_system, transaction
from coordinator.entries import actions as entries
from coordinator.entries import queries as entry_queries
from coordinator.entries.models import EntryVersion
from coordinator.entries.rules import may_see_event
from coordinator.history.models import Event
from coordinator.overlaps import actions as overlaps
from coordinator.overlaps import queries as overlap_queries
from coordinator.people import actions as people
from coordinator.people.models import Person, Role
from coordinator.people.rules import PersonDraft
from coordinator.positions import actions as positions
from coordinator.positions import queries as position_queries
from coordinator.positions.models import Stance
from coordinator.positions.rules import PositionDraft
from coordinator.topics import actions as topics
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]


def read(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    text = answer.get_data(as_text=True)
    main = text[text.index("<main") : text.index("</main>")]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def revise(make: Make, position: Any, by: Person, *, release: bool = True, note: str = "", **said: Any) -> None:
    person = make.act_as(by)
    with transaction(make.session):
        found = position_queries.one(make.session, position.ref)
        draft = PositionDraft(title=found.title, text=found.text, question_id=found.question_id, note=note, **said)
        positions.revise(make.session, found, draft, base=found.newest_version, by=person, at=make.at)
        if release:
            entries.release(make.session, found, by=None, at=make.at)
    bind_reader(make.session, None)


@contextmanager
def counted() -> Iterator[list[str]]:
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        said.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield said
    event.remove(db.engine, "before_cursor_execute", note)


# --- in words --------------------------------------------------------------------------------------------------------------


def test_how_a_stance_moved_is_said_with_by_whom_when_and_why(make: Make, sign_in: SignIn) -> None:
    officer, question = make.officer(name="Amira Haddad", unit=make.unit(short_name="CYB")), make.question()
    position = make.position(by=officer, question=question, stance="support", title="On escrow")
    revise(make, position, officer, stance=Stance.RED_LINE, reason="it weakens everybody", note="after the vote in the committee")
    page = read(sign_in(make.officer()), "/history")
    for said in (
        "On escrow",
        "Version 2 released.",
        "Stance moved from “Support” to “Red line”.",
        "Changed: Reason.",
        "after the vote in the committee",
        "2 Mar 2026",
    ):
        assert said in page, said
    assert "Amira Haddad" in read(sign_in(make.officer()), f"/history?entry={position.ref}")


def test_why_something_was_withdrawn_is_said(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    position = make.position(by=officer)
    person = make.act_as(officer)
    with transaction(make.session):
        entry = position_queries.one(make.session, position.ref)
        entries.withdraw(make.session, entry, why="The treaty is dead.", by=person, at=make.at)
    bind_reader(make.session, None)
    assert "Withdrawn. The treaty is dead." in read(sign_in(make.officer()), f"/history?entry={position.ref}")


def test_what_was_decided_about_an_overlap_is_said_with_the_reason(make: Make, sign_in: SignIn) -> None:
    ref, one, _other = make.overlap("medium")
    person = make.act_as(one)
    with transaction(make.session):
        overlap = overlap_queries.one(make.session, ref)
        overlaps.dismiss(make.session, overlap, why="Two different treaties.", by=person, at=make.at)
    bind_reader(make.session, None)
    page = read(sign_in(make.officer()), f"/history?overlap={ref}")
    assert f"{one.unit.short_name} dismissed it. Two different treaties." in page
    assert page.count("dismissed it") == 1


def test_a_topic_tells_what_was_done_to_it(make: Make, sign_in: SignIn, session: Any, at: Any) -> None:
    topic, other = make.topic("Infosec"), make.topic("Cybersecurity")
    make.equity(make.unit(short_name="CYB"), topic, "lead")
    keeper = make.person("Ana Keeper", roles=("coordinator",))
    with transaction(session):
        topics.rename(session, topic, "Information security", by=keeper, at=at)
        topics.merge(session, topic, into=other, by=keeper, at=at)
    officer = sign_in(make.officer())
    page = read(officer, f"/history?topic={topic.ref}")
    for said in (
        "CYB: Lead from 1 Jan 2026.",
        "Renamed from “Infosec” to “Information security”.",
        "Merged into “Cybersecurity”, which its old address leads to.",
        "Ana Keeper",
    ):
        assert said in page, said
    assert "“Information security” was merged into it." in read(officer, f"/history?topic={other.ref}")


def test_every_kind_of_thing_has_its_history(make: Make, sign_in: SignIn, session: Any, at: Any) -> None:
    organisation, unit, forum = make.organisation("Orrery", circle="country"), make.unit("Cyber desk"), make.forum("Assembly")
    things = {
        "organisation": organisation,
        "unit": unit,
        "forum": forum,
        "event": make.event("Spring session", forum=forum),
        "question": make.question("Shall it be banned?", forum=forum),
        "counterpart": make.counterpart("Freedonia"),
        "instrument": make.instrument("Treaty of Freedonia"),
        "group": make.group("Leadership"),
    }
    browser = sign_in(make.officer())
    for name, thing in things.items():
        page = read(browser, f"/history?{name}={thing.ref}")
        assert "Written down as “" in page, name
        assert browser.get(f"/history?{name}={'A' * 22}").status_code == 404, name


def test_accounts_are_the_administrators_business_and_ones_own(make: Make, sign_in: SignIn, session: Any, at: Any) -> None:
    person, administrator, law = make.person("Ana"), make.person(roles=("administrator",)), make.unit(short_name="LAW")
    with transaction(session):
        draft = PersonDraft("Ana", person.email, law.id, frozenset({Role.LEADERSHIP}), 1, "Europe/Vienna")
        people.revise_person(session, session.get(Person, person.id), draft, by=administrator, at=at)
    session.commit()
    page = read(sign_in(administrator), f"/history?account={person.ref}")
    for said in (
        "Account opened in",
        "Roles: Desk officer, now Leadership.",
        "now LAW.",
        "Cleared to: OFFICIAL-SENSITIVE, now OFFICIAL.",
    ):
        assert said in page, said
    assert "Roles:" in read(sign_in(person), f"/history?account={person.ref}")
    stranger = sign_in(make.officer())
    assert stranger.get(f"/history?account={person.ref}").status_code == 404
    assert "Roles:" not in read(stranger, "/history")


def test_an_event_of_before_values_were_kept_is_compared_with_the_one_before(make: Make, sign_in: SignIn, session: Any) -> None:
    forum = make.forum("Assembly")
    with transaction(session):
        session.info["record"](
            session,
            "forum.revised",
            subject=("forum", forum.id),
            by=None,
            at=make.at,
            said={"name": "Council", "short_name": "Assembly"},
        )
    assert "Name: Assembly, now Council." in read(sign_in(make.officer()), f"/history?forum={forum.ref}")


def test_what_was_said_and_is_no_longer_kept_is_said_to_be_so(make: Make, sign_in: SignIn, session: Any) -> None:
    topic = make.topic("Infosec")
    with db.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM history_payload")
    assert "What this said is no longer kept." in read(sign_in(make.officer()), f"/history?topic={topic.ref}")


# --- as far as one may know ---------------------------------------------------------------------------------------------------


def test_the_rule_in_sql_says_what_the_rule_in_python_says(make: Make, session: Any) -> None:
    """Each event of an entry in many states, to readers near and far: both say the same."""
    owner, other = make.officer(), make.officer(clearance=1)
    firm = make.officer(unit=make.unit(of=make.organisation("Orrery", circle="country", ceiling=0)), clearance=0)
    question = make.question()
    first = make.position(by=owner, question=question, stance="support")
    revise(make, first, owner, stance=Stance.OPPOSE, reason="no")
    revise(make, first, owner, stance=Stance.OPPOSE, reason="no", release=False)
    revise(make, first, owner, stance=Stance.OPPOSE, reason="no", level=2, audience=frozenset({f"unit:{other.unit_id}"}),
           restriction_reason="a source")  # fmt: skip
    sealed, draft = make.position(by=owner, sealed=True), make.position(by=owner, released=False)
    public = make.position(by=owner, level=0, audience=frozenset({"circle:country"}))
    for person in (owner, other, firm):
        reader = make.reader(person)
        bind_reader(session, reader)
        found, more = queries.listed(session, reader, queries.Filters(), number=1, size=500)
        assert not more
        known = {e.number for e in found if e.subject_kind == "entry"}
        expected = set()
        for entry in (first, sealed, draft, public):
            with read_as_system(session, "check") as connection:
                rows = connection.execute(select(Event.__table__).where(Event.__table__.c.subject_id == entry.id)).all()
            visible = entry_queries.by_id(session, entry.id)
            if visible is None:
                continue
            seen = set(session.scalars(select(EntryVersion.number).where(EntryVersion.entry_id == entry.id)))
            own = visible.unit_id == person.unit_id
            said = {e.number: e.payload.said for e in session.scalars(
                select(Event).where(Event.subject_id == entry.id).options(queries.joinedload(Event.payload)))}  # fmt: skip
            expected |= {
                r.number
                for r in rows
                if r.subject_kind == "entry" and may_see_event(r.action, version=said[r.number].get("version"), own=own, seen=seen)
            }
        assert known == expected
        assert expected or person is other
        bind_reader(session, None)


def test_an_event_of_what_one_may_not_see_is_not_there_and_moves_no_page(make: Make, sign_in: SignIn) -> None:
    officer, keeper = make.officer(clearance=1), make.officer(unit=make.unit("Vault", short_name="VLT"))
    topic, question = make.topic(), make.question()
    make.position(by=officer, topic=topic, question=question, stance="support")
    for _ in range(30):
        make.topic()
    browser = sign_in(officer)
    paths = ["/history", "/history?page=2", "/history?sort=position", "/history?sort=overlap", f"/history?by={officer.ref}"]
    before = [read(browser, p) for p in paths]
    hidden = make.position(by=keeper, topic=topic, question=question, stance="red_line", sealed=True, title="Obsidian")
    assert [read(browser, p) for p in paths] == before
    assert browser.get(f"/history?entry={hidden.ref}").status_code == 404
    assert "Obsidian" in read(sign_in(keeper), "/history")


def test_outside_the_ministry_neither_stakes_nor_units_nor_persons_are_told(
    make: Make, sign_in: SignIn, session: Any, at: Any
) -> None:
    firm = make.organisation("Orrery", circle="country", ceiling=0)
    outsider = make.officer(unit=make.unit("Orrery diplomacy", of=firm), clearance=0)
    unit, topic = make.unit("Secret desk", short_name="SEC"), make.topic("Encryption")
    make.equity(unit, topic, "lead")
    keeper = make.person("Ana Keeper", roles=("coordinator",))
    with transaction(session):
        topics.rename(session, topic, "Cryptography", by=keeper, at=at)
    make.position(
        by=make.officer(unit=unit, name="Ben Officer"), level=0, audience=frozenset({"circle:country"}), title="Open line"
    )
    browser = sign_in(outsider)
    page = read(browser, "/history")
    assert "Renamed from “Encryption” to “Cryptography”." in page
    assert "Open line" in page
    for hidden in ("Lead from", "Ana Keeper", "Ben Officer", "Secret desk"):
        assert hidden not in page, hidden
    for name, thing in (("unit", unit), ("organisation", make.ministry()), ("group", make.group())):
        assert browser.get(f"/history?{name}={thing.ref}").status_code == 404
    assert browser.get(f"/history?by={keeper.ref}").status_code == 404
    assert "Orrery diplomacy" in read(browser, f"/history?unit={outsider.unit.ref}")


def test_what_the_detector_and_the_night_did_is_told_to_nobody(make: Make, sign_in: SignIn) -> None:
    make.overlap()
    page = read(sign_in(make.person(roles=("administrator", "coordinator", "leadership"))), "/history")
    assert "brought up to date" not in page


# --- narrowed --------------------------------------------------------------------------------------------------------------


def test_the_history_is_narrowed_by_kind_person_and_period(make: Make, sign_in: SignIn, session: Any, at: Any) -> None:
    ana, ben = make.officer(name="Ana Haddad"), make.officer(name="Ben Moreau")
    make.position(by=ana, title="Line of Ana")
    make.dossier(by=ben, title="Dossier of Ben")
    topic = make.topic("Old topic")
    with transaction(session):
        topics.rename(session, topic, "Later topic", by=ben, at=at + timedelta(days=10))
    browser = sign_in(ana)
    expected = {
        "sort=position": ("Line of Ana", "Dossier of Ben"),
        "sort=dossier": ("Dossier of Ben", "Line of Ana"),
        "sort=topic": ("Renamed from", "Line of Ana"),
        "who=haddad": ("Line of Ana", "Dossier of Ben"),
        f"by={ben.ref}": ("Dossier of Ben", "Line of Ana"),
        "since=2026-03-03": ("Renamed from", "Line of Ana"),
        "until=2026-03-02": ("Line of Ana", "Renamed from"),
        "since=2026-03-12&until=2026-03-12": ("Renamed from", "Line of Ana"),
    }
    for query, (there, gone) in expected.items():
        page = read(browser, f"/history?{query}")
        assert there in page, query
        assert gone not in page, query
    assert "Nothing that you may know of happened so." in read(browser, "/history?since=2027-01-01")


def test_what_cannot_be_narrowed_to_is_said_in_its_place(make: Make, sign_in: SignIn) -> None:
    browser = sign_in(make.officer())
    for query, sentence in (
        ("since=tomorrow", "This is not a day"),
        ("since=2026-03-05&until=2026-03-01", "This period ends before it starts."),
        ("sort=nonsense", "Choose one from the list."),
    ):
        answer = browser.get(f"/history?{query}")
        assert answer.status_code == 422, query
        assert sentence in answer.text, query
    for query in ("page=0", "page=2", "page=9999", "by=x", f"by={'A' * 22}"):
        assert browser.get(f"/history?{query}").status_code == 404, query


def test_older_events_are_on_the_next_page(make: Make, sign_in: SignIn) -> None:
    for number in range(30):
        make.topic(f"Topic number {number}")
    browser = sign_in(make.officer())
    first, second = browser.get("/history?sort=topic").text, browser.get("/history?sort=topic&page=2").text
    assert "Topic number 29" in first
    assert "Topic number 0" in second
    assert 'rel="next"' in first
    assert 'rel="next"' not in second
    assert 'rel="prev"' in second
    assert "sort=topic" in first[first.index('rel="next"') :]


def test_the_number_of_statements_does_not_grow_with_the_events(make: Make, sign_in: SignIn) -> None:
    browser, numbers = sign_in(make.officer()), []
    for _ in range(2):
        ref, one, _other = make.overlap()
        make.equity(one.unit, make.topic())
        browser.get("/history")
        with counted() as said:
            read(browser, "/history")
        numbers.append(len(said))
        for _more in range(3):
            make.position(by=one)
    assert numbers[0] == numbers[1]


# --- for the auditor ---------------------------------------------------------------------------------------------------------


def test_an_auditor_sees_every_event_and_nothing_of_what_it_says(make: Make, sign_in: SignIn) -> None:
    keeper = make.officer(unit=make.unit("Vault", short_name="VLT"), name="Vera Keeper")
    make.position(by=keeper, sealed=True, title="Obsidian", text="northern harbour")
    make.topic("Encryption")
    browser = sign_in(make.person(roles=("auditor",)))
    page = read(browser, "/history/audit")
    for said in ("Position", "released", "logged", "Vera Keeper", "VLT", "Topic", "added"):
        assert said in page, said
    for content in ("Obsidian", "northern", "Encryption", "Version 1"):
        assert content not in page, content
    assert "Obsidian" not in read(browser, "/history")


def test_an_auditor_follows_one_thing_without_knowing_what_it_is(make: Make, sign_in: SignIn, session: Any) -> None:
    officer = make.officer()
    position = make.position(by=officer, sealed=True, title="Obsidian")
    make.topic()
    logged = session.scalars(select(Event.number).where(Event.subject_id == position.id, Event.action == "position.logged")).one()
    browser = sign_in(make.person(roles=("auditor",)))
    assert f"/history/audit?thing={logged}" in browser.get("/history/audit").text
    page = read(browser, f"/history/audit?thing={logged}")
    assert "logged" in page
    assert "released" in page
    assert "Topic" not in page[page.index("Number") :]
    assert browser.get("/history/audit?thing=x").status_code == 404
    assert "Nothing happened so." in read(browser, "/history/audit?thing=999999")


@pytest.mark.parametrize("path", ["/history/audit", "/history/audit/door"])
def test_nobody_else_sees_the_audit(make: Make, sign_in: SignIn, path: str) -> None:
    for role in ("officer", "coordinator", "leadership", "administrator"):
        assert sign_in(make.person(roles=(role,))).get(path).status_code == 403


def test_what_happens_at_the_door_is_noted(make: Make, sign_in: SignIn, client: FlaskClient) -> None:
    person = make.person("Ana Haddad", email="ana@ministry.example", password="wings-of-a-butterfly")
    for email, password in (
        ("ana@ministry.example", "wrong"),
        ("nobody@ministry.example", "a password typed here"),
        (person.email, "wings-of-a-butterfly"),
    ):
        client.post("/sign-in", data={"email": email, "password": password})
    client.post("/sign-out")
    client.post("/sign-in/link", data={"email": "nobody@ministry.example"})
    page = read(sign_in(make.person(roles=("auditor",))), "/history/audit/door")
    for said in ("Failed to sign in", "Signed in", "Signed out", "Asked for a link", "Ana Haddad", "an address that nobody has"):
        assert said in page, said
    assert "nobody@" not in page
    assert "typed here" not in page


def test_tries_that_are_kept_off_are_noted(make: Make, sign_in: SignIn, client: FlaskClient) -> None:
    for _ in range(12):
        client.post("/sign-in", data={"email": "ana@ministry.example", "password": "wrong"})
    assert "Was kept from trying to sign in again" in read(sign_in(make.person(roles=("auditor",))), "/history/audit/door")


def test_notes_are_dropped_after_400_days(make: Make, sign_in: SignIn, client: FlaskClient, at: Any) -> None:
    auditor = make.person(roles=("auditor",))
    client.post("/sign-in", data={"email": "a@b.example", "password": "wrong"})
    with time_machine.travel(at + timedelta(days=399), tick=False):
        client.post("/sign-in", data={"email": "a@b.example", "password": "wrong"})
    with time_machine.travel(at + timedelta(days=401), tick=False):
        client.post("/sign-in", data={"email": "a@b.example", "password": "wrong"})
    assert read(sign_in(auditor), "/history/audit/door").count("Failed to sign in") == 2
