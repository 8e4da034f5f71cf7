"""The page of a topic: what is our line on this?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from coordinator.db import db, transaction
from coordinator.people.models import Person
from coordinator.positions import actions as positions
from coordinator.positions import queries as position_queries
from coordinator.topics import actions as topics
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]


def read(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    text = answer.get_data(as_text=True)
    return text[text.index("<main") : text.index("</main>")]


@contextmanager
def counted_statements() -> Iterator[list[str]]:
    said: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        said.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield said
    event.remove(db.engine, "before_cursor_execute", note)


def test_the_lines_stand_under_their_questions_with_stance_and_first_sentences(make: Make, sign_in: SignIn) -> None:
    topic = make.topic("Encryption", aliases=["chiffrement"])
    question = make.question("Shall keys be escrowed?", topic=topic)
    make.position(
        topic=topic, question=question, stance="oppose", title="No escrow", text="Escrow weakens everybody. " + "More. " * 90
    )
    make.position(topic=topic, title="General line", text="We like strong keys.")
    page = read(sign_in(make.officer()), f"/topics/{topic.ref}")
    for said in ("Shall keys be escrowed?", "sign-stance-oppose", "Escrow weakens everybody.", "Without a question", "chiffrement"):
        assert said in page
    assert page.count("More.") < 90, "the first sentences only"
    assert page.index("Shall keys") < page.index("Without a question")


def test_the_line_of_the_leading_unit_stands_first(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    question = make.question(topic=topic)
    first, leader = make.officer(unit=make.unit(short_name="AAA")), make.officer(unit=make.unit(short_name="ZZZ"))
    make.equity(leader.unit, topic, "lead")
    for person in (first, leader):
        make.position(by=person, topic=topic, question=question, title=f"Line of {person.unit.short_name}")
    page = read(sign_in(first), f"/topics/{topic.ref}")
    assert page.index("Line of ZZZ") < page.index("Line of AAA")
    assert "Lead" in page


def test_a_unit_that_made_the_line_its_own_is_named(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    line = make.position(topic=topic, question=make.question(topic=topic))
    follower = make.officer(unit=make.unit("Followers", short_name="FOL"))
    person = make.act_as(follower)
    with transaction(make.session):
        line = position_queries.one(make.session, line.ref)
        positions.adhere(make.session, line, unit=person.unit, by=person, at=make.at)
    page = read(sign_in(make.officer()), f"/topics/{topic.ref}")
    assert "FOL" in page[page.index("Also the line of") :]


def test_a_question_that_nobody_answers_is_shown_as_such(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    make.question("Shall it be banned?", topic=topic, forum=make.forum("Assembly"))
    page = read(sign_in(make.officer()), f"/topics/{topic.ref}")
    assert "No position on this question is shared with you." in page
    assert "Assembly" in page


def test_dossiers_overlaps_events_stakes_and_neighbours_stand_on_the_page(make: Make, sign_in: SignIn) -> None:
    wide, wing = make.topic("Cyberspace", umbrella=True), make.topic("Privacy")
    topic = make.topic("Encryption", broader=[wide], related=[wing])
    forum = make.forum("Assembly")
    make.event("Spring session", forum=forum, in_days=9)
    question = make.question(topic=topic, forum=forum)
    one = make.officer()
    make.equity(one.unit, topic, "must_consult")
    make.position(by=one, topic=topic, question=question, stance="support")
    make.position(topic=topic, question=question, stance="red_line")
    make.dossier(by=one, topics=(topic.id, wing.id), title="Work on keys")
    page = read(sign_in(one), f"/topics/{topic.ref}")
    for said in (
        "Work on keys",
        "sign-severity-critical",
        "Spring session",
        "in 9 days",
        "Must be consulted",
        "Nobody leads",
        "Who holds what",
    ):
        assert said in page, said
    neighbours = page[page.index("Related topics") :]
    assert "Privacy" in neighbours
    assert "1 entry · 1 unit" in neighbours
    assert "nothing that is shared with you" in neighbours[neighbours.index("Cyberspace") :]


def test_a_topic_without_entries_says_so_and_invites_to_log_one(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    page = read(sign_in(make.officer()), f"/topics/{topic.ref}")
    assert "Nothing on this topic is shared with you." in page
    assert f"/positions/log?topic={topic.ref}" in page
    assert "/positions/log" not in read(sign_in(make.person(roles=("leadership",))), f"/topics/{topic.ref}")


def test_a_merged_topic_leads_to_the_one_that_took_it_up(make: Make, sign_in: SignIn) -> None:
    old, new = make.topic("Crypto"), make.topic("Encryption")
    with transaction(make.session):
        topics.merge(make.session, old, into=new, by=None, at=make.at)
    answer = sign_in(make.officer()).get(f"/topics/{old.ref}")
    assert answer.status_code == 302
    assert answer.location.endswith(f"/topics/{new.ref}")


def test_a_topic_that_never_was_is_not_found(make: Make, sign_in: SignIn) -> None:
    assert sign_in(make.officer()).get("/topics/" + "x" * 22).status_code == 404


def test_a_crowded_topic_says_so(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    for _ in range(7):
        make.dossier(topic=topic)
    page = read(sign_in(make.officer()), f"/topics/{topic.ref}")
    assert "7 units work on this." in page


def test_where_more_units_hold_something_than_are_listed_the_page_leads_to_all(
    make: Make, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, browser = make.topic(), sign_in(make.officer())
    make.dossier(topic=topic)
    assert "All entries on this topic" not in read(browser, f"/topics/{topic.ref}")
    monkeypatch.setattr("coordinator.search.queries.MOST_UNITS", 1)
    make.dossier(topic=topic)
    page = read(browser, f"/topics/{topic.ref}")
    assert f'href="/search?topic={topic.ref}&amp;state=released">All entries on this topic' in page


@pytest.mark.parametrize("role", ["officer", "coordinator", "leadership", "administrator", "auditor"])
def test_a_hidden_entry_changes_nothing_on_the_page(make: Make, sign_in: SignIn, role: str) -> None:
    forum, quiet = make.forum("Hidden assembly"), make.topic("Quiet wing")
    topic = make.topic("Encryption", related=[quiet])
    question = make.question(topic=topic)
    make.event("Hidden session", forum=forum)
    one, keeper = make.officer(), make.officer(unit=make.unit("Vault", short_name="VLT"))
    make.position(by=one, topic=topic, question=question, stance="support")
    client = sign_in(make.person(roles=(role,)))
    before = read(client, f"/topics/{topic.ref}")
    make.position(by=keeper, topics=(topic.id, quiet.id), question=question, stance="red_line", forum=forum, sealed=True)
    make.dossier(by=keeper, topics=(topic.id, quiet.id), forum=forum, sealed=True)
    assert read(client, f"/topics/{topic.ref}") == before
    assert "Hidden session" in read(sign_in(keeper), f"/topics/{topic.ref}")


def test_outside_the_ministry_nobody_is_told_who_has_a_stake(make: Make, sign_in: SignIn) -> None:
    topic, leader = make.topic(), make.officer(unit=make.unit("Leaders", short_name="LED"))
    make.equity(leader.unit, topic, "lead")
    firm = make.organisation("Orrery Cloud", circle="country", ceiling=0)
    outsider = make.officer(unit=make.unit(of=firm), clearance=0)
    assert "LED" not in read(sign_in(outsider), f"/topics/{topic.ref}")
    assert "LED" in read(sign_in(leader), f"/topics/{topic.ref}")


def test_the_number_of_statements_does_not_grow_with_the_rows(make: Make, sign_in: SignIn) -> None:
    topic, forum = make.topic(), make.forum()
    question = make.question(topic=topic, forum=forum)
    make.event(forum=forum)

    def more() -> None:
        make.position(topic=topic, question=question, stance="support")
        make.position(topic=topic, question=question, stance="oppose")
        make.dossier(topic=topic, forum=forum)

    more()
    client = sign_in(make.officer())
    numbers = []
    for _ in range(2):
        client.get(f"/topics/{topic.ref}")
        with counted_statements() as said:
            client.get(f"/topics/{topic.ref}")
        numbers.append(len(said))
        more()
    assert numbers[0] == numbers[1]


def test_a_stranger_is_sent_to_sign_in(client: FlaskClient, make: Make) -> None:
    assert "/sign-in" in client.get(f"/topics/{make.topic().ref}").location
