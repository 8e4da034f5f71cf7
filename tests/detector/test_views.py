"""Why two entries are not flagged: for a coordinator, of entries that they both see."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from coordinator.people.models import Person
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]


def told(client: FlaskClient, one: str, other: str, status: int = 200) -> str:
    answer = client.get("/detector/why-not", query_string={"one": one, "other": other})
    assert answer.status_code == status
    return " ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split())


@pytest.fixture
def coordinator(make: Make) -> Person:
    return make.person(roles=("coordinator",))


def test_each_signal_and_what_was_missing_is_said(make, sign_in, coordinator):
    topic, event = make.topic("Encryption"), make.event("Council")
    one = make.dossier(topic=topic, title="Keys", text="Harbour pilots want longer hours.", event=event)
    other = make.dossier(topic=topic, title="Ciphers", text="Glaciers retreat above the valley.")
    page = told(sign_in(coordinator), f"http://coordinator.test/dossiers/{one.ref}", other.code)
    assert "Both are on Encryption." in page
    assert "Only one of the two is prepared for an event that is still to come." in page
    assert "They go to no common event and deal with no common counterpart." in page
    assert "Neither answers a question." in page
    assert "This pair is a contact" in page


def test_what_is_flagged_is_said_to_be_flagged(make, sign_in, coordinator):
    ref, one, other = make.overlap("critical")
    make.act_as(one)
    page = sign_in(coordinator).get(f"/overlaps/{ref}").get_data(as_text=True)
    entries = re.findall(r'"/positions/([\w-]{22})"', page)
    said = told(sign_in(coordinator), *dict.fromkeys(entries))
    assert "This pair is flagged." in said
    assert "Nothing is missing." in said


def test_what_bars_a_comparison_comes_first(make, sign_in, coordinator):
    officer = make.officer(unit=coordinator.unit)
    one, other = make.dossier(by=officer), make.dossier(by=officer)
    draft = make.dossier(by=officer, released=False, title="Half a thought")
    browser = sign_in(coordinator)
    assert "a unit is never flagged to itself" in told(browser, one.ref, other.ref)
    assert "“Half a thought” is not released" in told(browser, one.ref, draft.ref)
    assert "This is one and the same entry." in told(browser, one.ref, one.ref)


def test_words_that_fit_several_entries_are_a_choice(make, sign_in, coordinator):
    for number in range(3):
        make.dossier(title=f"Lighthouses {number}")
    other = make.dossier(title="Textbooks")
    browser = sign_in(coordinator)
    page = told(browser, "lighthouses", other.ref)
    assert "Which one is meant by “lighthouses”?" in page
    assert "Lighthouses 0 Lighthouses" not in page
    links = re.findall(
        r'href="(/detector/why-not\?[^"]+)"',
        browser.get(f"/detector/why-not?one=lighthouses&other={other.ref}").get_data(as_text=True),
    )
    assert len(links) == 3
    assert "Kind by kind" in browser.get(links[0].replace("&amp;", "&")).get_data(as_text=True)


def test_a_hidden_entry_answers_as_one_that_never_was(make, sign_in, coordinator):
    hidden = make.dossier(sealed=True, title="Zanzibar papers")
    seen = make.dossier()
    browser = sign_in(coordinator)
    never, sealed = told(browser, "A" * 22, seen.ref, 404), told(browser, hidden.ref, seen.ref, 404)
    assert sealed.replace(hidden.ref, "") == never.replace("A" * 22, "")
    assert "Zanzibar" not in told(browser, "zanzibar papers", seen.ref, 404)
    assert told(browser, hidden.code, seen.ref, 404).replace(hidden.code, "") == never.replace("A" * 22, "")


def test_too_long_a_text_is_refused_beside_its_field(sign_in, coordinator):
    assert "at most 500 fit" in told(sign_in(coordinator), "x" * 501, "y", 422)
