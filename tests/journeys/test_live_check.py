"""Somebody writes, and is told beside the form whose work it touches; with scripts after a pause, without them by a button."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Request, expect

from tests.journeys.actors import Actor
from tests.journeys.test_every_page import faults_of
from tests.make import Make

pytestmark = pytest.mark.journey

OURS = "Providers of messaging services may be obliged to give lawful access to encrypted messages under the order of a judge."
THEIRS = "Nobody may be obliged to give lawful access to encrypted messages: providers of messaging services protect everybody."


def colleague_writes(make: Make) -> None:
    unit = make.unit("Digital Freedom", short_name="CDF")
    topic = make.topic("Encryption")
    make.position(by=make.officer(unit=unit), title="No access of any kind", text=THEIRS, topic=topic)


def test_the_panel_shows_the_entry_of_a_colleague_when_typing_pauses(make: Make, arrives: Callable[..., Actor]) -> None:
    colleague_writes(make)
    officer = arrives("Juliette Moreau")
    officer.begins_a_position()
    panel = officer.section("Whose work this touches")
    expect(panel).to_contain_text("Nothing is kept, and nobody is told.")
    sent: list[Request] = []
    officer.page.on("request", lambda request: sent.append(request) if "/check/" in request.url else None)

    # by keyboard alone, as fast as hands go: one look when they rest
    officer.page.get_by_label("Title").focus()
    officer.page.keyboard.type("Lawful access to messages")
    officer.page.get_by_label("Line to take").focus()
    officer.page.keyboard.insert_text(OURS)
    officer.finds_by_keyboard("Topics", "encryption", chosen="Encryption")
    expect(panel).to_contain_text("Duplication")
    expect(panel).to_contain_text("No access of any kind")
    expect(panel).to_contain_text("The texts are alike; both speak of")
    expect(panel.get_by_role("status")).to_have_text("1 entry of other units touches this.")
    assert 1 <= len(sent) <= 4  # a look at each pause, not at each key
    assert all("?" not in request.url for request in sent)
    assert not faults_of(officer.page)

    # it can be read where it stands, and stays open while one writes on
    panel.locator("summary", has_text="Line to take").focus()
    officer.page.keyboard.press("Enter")
    expect(panel.get_by_text(THEIRS)).to_be_visible()
    officer.page.get_by_label("Title").focus()
    with officer.page.expect_response("**/check/position"):
        officer.page.keyboard.type(", again")
    expect(panel.get_by_text(THEIRS)).to_be_visible()

    officer.page.get_by_label("Line to take").fill("Cables.")
    officer.page.get_by_label("Title").fill("Cables")
    officer.page.get_by_role("button", name="Remove Encryption").click()
    expect(panel).to_contain_text("It touches nothing that is shared with you.")
    officer.goes_to("/positions")
    officer.sees("1 position")


def test_a_suggestion_is_taken_by_keyboard_and_looked_at_with_the_rest(make: Make, arrives: Callable[..., Actor]) -> None:
    colleague_writes(make)
    make.forum("Freedom Online Coalition")
    officer = arrives("Juliette Moreau")
    officer.begins_a_position()
    panel = officer.section("Whose work this touches")
    officer.writes(title="Cables and encryption", line="We speak of it at the Freedom Online Coalition.")
    topic = panel.get_by_role("button", name="Take: Topic Encryption")
    expect(topic).to_be_visible()
    expect(panel).not_to_contain_text("No access of any kind")  # it counts for nothing before it is taken
    topic.press("Enter")
    expect(officer.page.get_by_role("button", name="Remove Encryption")).to_be_visible()
    expect(panel).to_contain_text("No access of any kind")
    expect(panel).to_contain_text("Both are on Encryption.")
    forum = panel.get_by_role("button", name="Take: Forum Freedom Online Coalition")
    expect(forum).to_be_focused()  # the next one is at hand
    officer.page.keyboard.press("Enter")
    expect(officer.page.get_by_role("button", name="Remove Freedom Online Coalition")).to_be_visible()
    expect(panel.get_by_role("heading", name="Suggested by your words")).to_have_count(0)
    assert not faults_of(officer.page)


def test_the_button_looks_at_once_and_a_look_that_fails_says_so(make: Make, arrives: Callable[..., Actor]) -> None:
    colleague_writes(make)
    officer = arrives("Juliette Moreau")
    officer.begins_a_position()
    panel = officer.section("Whose work this touches")
    officer.page.route("**/check/position", lambda route: route.fulfill(body="<p>Something else</p>"))
    officer.writes(title="Lawful access", line=OURS)
    sorry = panel.get_by_text("This could not be checked just now.")
    expect(sorry).to_be_visible()
    officer.page.unroute("**/check/position")
    panel.get_by_role("button", name="Check for overlaps").press("Enter")
    expect(panel).to_contain_text("No access of any kind")
    expect(sorry).to_be_hidden()
    expect(panel.get_by_role("heading", name="Whose work this touches")).to_be_focused()
    expect(officer.page.get_by_label("Title")).to_have_value("Lawful access")


def test_without_scripts_the_button_shows_the_same_and_keeps_what_was_typed(make: Make, arrives: Callable[..., Actor]) -> None:
    colleague_writes(make)
    officer = arrives("Plain Browser", browser={"java_script_enabled": False})
    officer.begins_a_position()
    officer.writes(title="Lawful access", line=OURS)
    officer.page.get_by_label("Topics").select_option(label=["Encryption"])
    officer.presses("Check for overlaps")
    panel = officer.section("Whose work this touches")
    expect(panel).to_contain_text("Duplication")
    expect(panel).to_contain_text("No access of any kind")
    expect(officer.page.get_by_label("Title")).to_have_value("Lawful access")
    expect(officer.page.get_by_label("Line to take")).to_have_value(OURS)
    officer.presses("Save as draft")
    officer.sees("Saved.")
