"""One box over what the reader may see."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event

from coordinator.db import db
from coordinator.people.models import Person
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


def test_nothing_typed_shows_how_to_search(make: Make, sign_in: SignIn) -> None:
    page = read(sign_in(make.officer()), "/search")
    assert "How to search" in page
    assert "How to search" in read(sign_in(make.officer()), "/search?q=%20%20")


def test_words_are_found_in_title_and_text_and_marked(make: Make, sign_in: SignIn) -> None:
    one = make.officer()
    make.position(by=one, title="Lawful access", text="We oppose every back door to encrypted messages.")
    page = read(sign_in(make.officer()), "/search?q=encryption")
    assert "<mark>encrypted</mark> messages" in page
    assert "1 found" in page
    assert "<mark>Lawful</mark> access" in read(sign_in(one), "/search?q=lawful")


def test_what_people_wrote_is_escaped_round_the_marks(make: Make, sign_in: SignIn) -> None:
    make.position(title="Tags <b>bold</b>", text="Say <script>alert(1)</script> cables & keys.")
    page = read(sign_in(make.officer()), "/search?q=cables")
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; <mark>cables</mark> &amp; keys." in page


def test_what_was_typed_is_escaped_and_kept(make: Make, sign_in: SignIn) -> None:
    page = sign_in(make.officer()).get("/search?q=%22%3E%3Cscript%3E").get_data(as_text=True)
    assert "<script>" not in page
    assert 'value="&#34;&gt;&lt;script&gt;"' in page


def test_a_red_line_that_holds_the_word_is_shown_as_the_passage(make: Make, sign_in: SignIn) -> None:
    make.position(title="Keys", text="The line.", red_lines="Never any escrow of keys.")
    assert "Never any <mark>escrow</mark> of keys." in read(sign_in(make.officer()), "/search?q=escrow")


def test_a_short_word_is_not_the_beginning_of_another_by_its_stem_in_another_language(make: Make, sign_in: SignIn) -> None:
    make.position(title="Registers", text="Share data.")
    make.position(title="Calendars", text="Fix a date.")
    page = read(sign_in(make.officer()), "/search?q=data")
    assert "Registers" in page
    assert "Calendars" not in page


def test_the_newest_stands_first(make: Make, sign_in: SignIn) -> None:
    for title in ("Older cable", "Newer cable"):
        make.position(title=title)
    page = read(sign_in(make.officer()), "/search?q=cable")
    assert page.index("Newer") < page.index("Older")


def test_nothing_found_says_so_with_advice(make: Make, sign_in: SignIn) -> None:
    make.position()
    client = sign_in(make.officer())
    assert "Try fewer or shorter ones" in read(client, "/search?q=zanzibar")
    assert "Try fewer or shorter ones" in read(client, "/search?q=%2A%2A%2A"), "signs alone do not find everything"
    assert "Search without filters" in read(client, "/search?q=zanzibar&kind=position")


def test_too_long_a_query_gets_a_sentence_beside_the_box_and_is_kept(make: Make, sign_in: SignIn) -> None:
    answer = sign_in(make.officer()).get("/search?q=" + "y" * 201)
    assert answer.status_code == 422
    assert "Search is 201 characters long; at most 200 fit." in answer.get_data(as_text=True)
    assert "y" * 201 in answer.get_data(as_text=True)


def test_topics_and_units_stand_on_top_as_links(make: Make, sign_in: SignIn) -> None:
    topic = make.topic("Data governance", aliases=["gouvernance des données"])
    unit = make.unit("Legal Affairs", short_name="LA")
    client = sign_in(make.officer())
    for words in ("governance", "gouvernance%20des", "data%20governance%20abroad"):
        assert f"/topics/{topic.ref}" in read(client, f"/search?q={words}"), words
    assert "gouvernance des données" in read(client, "/search?q=gouvernance")
    for words in ("legal", "LA"):
        assert f"/units/{unit.ref}" in read(client, f"/search?q={words}"), words
    assert f"/topics/{topic.ref}" not in read(client, "/search?q=100%25_")


def test_facets_narrow_and_are_kept_in_the_address(make: Make, sign_in: SignIn) -> None:
    topic, forum, one = make.topic("Cables"), make.forum("Assembly"), make.officer()
    make.position(by=one, title="Cable position", topic=topic)
    make.dossier(title="Cable dossier", forum=forum)
    client = sign_in(make.officer())
    both = read(client, "/search?q=cable")
    assert "2 found" in both
    for filters in ("kind=position", f"unit={one.unit.ref}", f"topic={topic.ref}"):
        page = read(client, f"/search?q=cable&{filters}")
        assert "1 found" in page, filters
        assert "position" in page, filters
    assert "1 found" in read(client, f"/search?q=cable&forum={forum.ref}")
    narrowed = read(client, f"/search?q=cable&unit={one.unit.ref}")
    assert re.search(rf'href="/search\?q=cable&amp;unit={one.unit.ref}&amp;kind=position"', narrowed)
    assert "(chosen: follow to remove)" in narrowed
    assert client.get("/search?q=cable&unit=nobody").status_code == 404


def test_filters_alone_list_what_passes_them(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    make.position(title="On the topic", topic=topic)
    make.position(title="On another")
    page = read(sign_in(make.officer()), f"/search?topic={topic.ref}")
    assert "On the topic" in page
    assert "On another" not in page


def test_a_hidden_entry_is_in_no_result_no_count_and_no_facet(make: Make, sign_in: SignIn) -> None:
    topic, forum = make.topic("Cables"), make.forum("Assembly")
    keeper = make.officer(unit=make.unit("Vault", short_name="VLT"))
    make.position(by=keeper, title="Zanzibar cable", topic=topic, forum=forum, sealed=True)
    make.position(title="Open cable")
    for person in (make.officer(), make.person(roles=("coordinator",)), make.person(roles=("administrator",))):
        client = sign_in(person)
        page = read(client, "/search?q=cable")
        assert "1 found" in page
        for told in ("Zanzibar", "VLT", "Assembly"):
            assert told not in page
        assert "Try fewer" in read(client, "/search?q=zanzibar")
        assert "Zanzibar" not in read(client, f"/search?topic={topic.ref}")
    assert "2 found" in read(sign_in(keeper), "/search?q=cable")


def test_a_draft_is_found_by_its_own_unit_only(make: Make, sign_in: SignIn) -> None:
    one = make.officer()
    make.position(by=one, title="Unfinished cable", released=False)
    assert "Unfinished" in read(sign_in(one), "/search?q=cable")
    assert "Unfinished" not in read(sign_in(make.officer()), "/search?q=cable")


def test_outside_the_ministry_only_known_units_are_found_by_name(make: Make, sign_in: SignIn) -> None:
    firm = make.organisation("Orrery Cloud", circle="country", ceiling=0)
    outsider = make.officer(unit=make.unit("Public Policy", of=firm), clearance=0)
    hidden, known = make.unit("Secret Affairs"), make.officer(unit=make.unit("Open Affairs"))
    make.position(by=known, level=0, audience=frozenset({"circle:country"}))
    page = read(sign_in(outsider), "/search?q=affairs")
    assert "Open Affairs" in page
    assert hidden.name not in page
    assert hidden.name in read(sign_in(known), "/search?q=affairs")


@pytest.mark.parametrize("address", ["/search?q=cable", "/search?q=cable&kind=position", "/search"])
def test_the_number_of_statements_does_not_grow_with_the_rows(make: Make, sign_in: SignIn, address: str) -> None:
    topic = make.topic("Cable topic")
    make.position(title="A cable", topic=topic)
    client = sign_in(make.officer())
    numbers = []
    for _ in range(2):
        client.get(address)
        with counted_statements() as said:
            client.get(address)
        numbers.append(len(said))
        for _more in range(5):
            make.position(title="Another cable", topic=topic)
    assert numbers[0] == numbers[1]


def test_pages_follow_each_other_with_the_filters_kept(make: Make, sign_in: SignIn) -> None:
    one = make.officer()
    for _ in range(26):
        make.position(by=one, title="A cable")
    client = sign_in(one)
    assert "q=cable&amp;kind=position&amp;page=2" in read(client, "/search?q=cable&kind=position")
    assert read(client, "/search?q=cable&page=2").count("entry-item") == 1
    assert client.get("/search?q=cable&page=3").status_code == 404


def test_a_stranger_is_sent_to_sign_in(client: FlaskClient) -> None:
    assert "/sign-in" in client.get("/search?q=cable").location


def test_forums_and_events_to_come_are_found_by_every_name(make: Make, sign_in: SignIn) -> None:
    forum = make.forum("Telecommunication Union", aliases=["UIT", "Union internationale"])
    event = make.event("Plenipotentiary Conference", forum=forum, aliases=["PP-26"])
    over = make.event("Council 26", forum=forum, in_days=-20, aliases=["PP-26 council"])
    client = sign_in(make.officer())
    for words in ("uit", "internationale", "lines%20of%20the%20UIT"):
        assert f"/calendar/forums/{forum.ref}" in read(client, f"/search?q={words}"), words
    page = read(client, "/search?q=pp-26")
    assert f"/calendar/events/{event.ref}" in page
    assert f"/calendar/events/{over.ref}" not in page
