"""The form that everybody starts with: without scripts, pressed twice, refused."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Request, expect

from tests.journeys.actors import Actor
from tests.make import Make

pytestmark = pytest.mark.journey

LINE = "Cables are critical infrastructure.\nEvery state protects those that land on its shore."


def test_the_form_works_without_javascript_and_keeps_what_was_typed(make: Make, arrives: Callable[..., Actor]) -> None:
    make.topic("Submarine cables")
    make.topic("Standards")
    make.question("Are cables critical infrastructure?", topic=make.topic("Critical infrastructure"))
    officer = arrives("Plain Browser", browser={"java_script_enabled": False})
    officer.begins_a_position()
    officer.page.get_by_label("Line to take").fill(LINE)
    officer.page.get_by_label("Topics").select_option(label=["Submarine cables", "Standards"])
    officer.page.get_by_label("Question").select_option(label="Are cables critical infrastructure?")
    officer.takes_the_stance("Support")
    officer.page.locator("summary", has_text="Red lines").click()
    officer.page.get_by_label("Fallback").fill("At least a duty to warn.")

    officer.presses("Save as draft")
    officer.sees("This needs your attention", "Give it a title.")
    officer.page.get_by_label("Title").fill("x" * 201)
    officer.presses("Save as draft")
    officer.sees("Title is 201 characters long; at most 200 fit.")
    expect(officer.page.get_by_label("Title")).to_have_value("x" * 201)
    expect(officer.page.get_by_label("Line to take")).to_have_value(LINE)
    expect(officer.page.get_by_label("Topics").locator("option:checked")).to_have_text(["Standards", "Submarine cables"])
    expect(officer.page.get_by_label("Question").locator("option:checked")).to_have_text("Are cables critical infrastructure?")
    expect(officer.page.get_by_role("radio", name="Support", exact=True)).to_be_checked()
    expect(officer.page.get_by_label("Fallback")).to_have_value("At least a duty to warn.")

    officer.page.get_by_label("Title").fill("Protect the cables")
    officer.presses("Save as draft")
    officer.sees("Saved.", "Every state protects those that land on its shore.", "At least a duty to warn.", "Standards")
    expect(officer.heading).to_have_text("Protect the cables")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_double_click_makes_one_entry(make: Make, arrives: Callable[..., Actor], scripts: bool) -> None:
    topic = make.topic("Submarine cables")
    officer = arrives("Double Click", browser={"java_script_enabled": scripts})
    officer.goes_to(f"/positions/log?topic={topic.ref}")
    officer.writes(title="Protect the cables", line=LINE)
    sent: list[Request] = []
    officer.page.on("request", lambda request: sent.append(request) if request.url.endswith(f"/log?topic={topic.ref}") else None)
    officer.main.get_by_role("button", name="Save as draft").dblclick()
    expect(officer.heading).to_have_text("Protect the cables")
    address = officer.page.url
    assert len(sent) == 1 or not scripts
    # should the same form arrive twice all the same, from a tired network, it leads to the same entry
    headers = {"content-type": sent[0].headers["content-type"], "referer": address}
    again = officer.page.request.post(sent[0].url, data=sent[0].post_data or "", headers=headers)
    assert again.url == address
    officer.goes_to_the("Positions")
    officer.sees("1 position")


def test_a_refused_text_is_counted_and_kept_where_scripts_made_the_lists(make: Make, arrives: Callable[..., Actor]) -> None:
    make.topic("Submarine cables")
    officer = arrives("Ready Typist")
    officer.begins_a_position()
    officer.writes(title="y" * 203, line=LINE)
    officer.finds_by_keyboard("Topics", "cabl", chosen="Submarine cables")
    officer.page.get_by_role("combobox", name="Topics").press("Backspace")
    expect(officer.page.get_by_role("button", name="Remove Submarine cables")).to_have_count(0)
    officer.presses("Save as draft")
    officer.sees("Title is 203 characters long; at most 200 fit.", "Choose at least one topic.")
    expect(officer.page.get_by_role("heading", name="This needs your attention")).to_be_focused()
    expect(officer.page.get_by_label("Title")).to_have_value("y" * 203)
    expect(officer.page.get_by_label("Line to take")).to_have_value(LINE)
    officer.page.get_by_role("link", name=re.compile("^Topics:")).click()
    expect(officer.page.get_by_role("combobox", name=re.compile("^Topics"))).to_be_focused()
