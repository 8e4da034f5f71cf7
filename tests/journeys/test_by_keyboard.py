"""The main journeys by someone who has no mouse: Tab, arrows, Enter and letters, and the eye can always see where one is."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.journeys.actors import PASSWORD
from tests.make import Make

pytestmark = [pytest.mark.journey, pytest.mark.look]

QUESTION = "Should providers be obliged to give lawful access?"
# What is focused: its name as a screen reader says it (roughly), and whether a ring or an underline shows where one is.
FOCUSED = """() => {
  const it = document.activeElement;
  const ringed = (near) => {
    const style = getComputedStyle(near);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
  };
  const labels = [...(it.labels ?? [])].map((label) => label.innerText).join(" ");
  const around = [it, ...(it.labels ?? []), it.parentElement, it.parentElement?.parentElement];
  const box = it.getBoundingClientRect();
  const seen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return {name: (it.getAttribute("aria-label") || labels || it.innerText || it.value || "").trim(),
          tag: it.tagName, shown: seen && around.some((near) => near && ringed(near)), main: !!it.closest("main")};
}"""
MOST_TABS = 150


class Hands:
    """Two hands on a keyboard."""

    def __init__(self, page: Page) -> None:
        self.page, self.unseen = page, list[str]()

    def tab_to(self, name: str, *, tag: str = "", inside_main: bool = True) -> None:
        """Press Tab until something of that name has the focus; each stop on the way must show where one is."""
        way: list[str] = []
        for _ in range(MOST_TABS):
            self.page.keyboard.press("Tab")
            here = self.page.evaluate(FOCUSED)
            if here["tag"] not in {"BODY", "HTML"} and not here["shown"]:
                self.unseen.append(f"{self.page.url}: {here}")
            if here["name"].startswith(name) and tag in ("", here["tag"]) and (here["main"] or not inside_main):
                return
            way.append(here["name"])
        raise AssertionError(f"Tab never comes to {name}; the way was {way}")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def write(self, name: str, text: str) -> None:
        self.tab_to(name)
        self.page.keyboard.type(text)

    def choose(self, name: str, letters: str) -> None:
        """Choose in a list that one types into."""
        self.tab_to(name)
        self.page.keyboard.type(letters)
        self.press("ArrowDown", "Enter")

    def comes_to(self, heading: str) -> None:
        expect(self.page.locator("h1")).to_have_text(heading)

    def reads(self, *words: str) -> None:
        for some in words:
            expect(self.page.locator("main")).to_contain_text(some)


def signed_in(context: BrowserContext, email: str) -> Hands:
    hands = Hands(context.new_page())
    hands.page.goto("/sign-in")
    if hands.page.evaluate("document.activeElement.name") != "email":
        hands.tab_to("E-mail")
    hands.page.keyboard.type(email)
    hands.tab_to("Password")
    hands.page.keyboard.type(PASSWORD)
    hands.press("Enter")
    hands.comes_to("Worklist")
    return hands


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_line_is_logged_released_and_its_conflict_settled_without_a_mouse(
    make: Make, opens: Callable[..., BrowserContext], theme: str
) -> None:
    topic = make.topic("Encryption")
    question = make.question(QUESTION, topic=topic)
    other = make.officer(password=PASSWORD)
    make.position(by=other, title="No access of any kind", topic=topic, question=question, stance="red_line")
    officer = make.officer(password=PASSWORD)

    hands = signed_in(opens(color_scheme=theme), officer.email)
    hands.tab_to("Skip to content", inside_main=False)
    hands.press("Enter")
    assert hands.page.evaluate("document.activeElement.id") == "main"

    hands.page.goto("/positions")
    hands.tab_to("Log a position", tag="A")
    hands.press("Enter")
    hands.comes_to("Log a position")
    hands.write("Title", "Lawful access under a judge's order")
    hands.choose("Topics", "encryption")
    hands.choose("Question", "lawful")
    hands.tab_to("Not stated")  # one of a group of radio buttons; the arrows go on from there
    hands.press("ArrowDown")
    hands.write("Line to take", "We support lawful access under the order of a judge.")
    expect(hands.page.get_by_role("radio", name="Support", exact=True)).to_be_checked()
    hands.tab_to("Release", tag="BUTTON")
    hands.press("Enter")
    hands.comes_to("Lawful access under a judge's order")
    hands.reads("Released.", "Critical", "Conflict")

    hands.tab_to("Both texts side by side", tag="A")
    hands.press("Enter")
    hands.reads("Who knows")
    hands.tab_to("Acknowledge for your unit", tag="BUTTON")
    hands.press("Enter")
    hands.reads("Acknowledged for your unit.")
    hands.write("What was agreed", "We go in with strong encryption.")
    hands.tab_to("A joint line")
    hands.press("Space")
    hands.tab_to("Settle", tag="BUTTON")
    hands.press("Enter")
    hands.reads("Written down.")

    answering = signed_in(opens(color_scheme=theme), other.email)
    answering.page.goto("/overlaps")
    answering.tab_to(f"{other.unit.short_name} and {officer.unit.short_name}", tag="A")
    answering.press("Enter")
    answering.reads("We go in with strong encryption.")
    answering.tab_to("Agree", tag="BUTTON")
    answering.press("Enter")
    answering.reads("Settled")
    assert not hands.unseen + answering.unseen


def test_menus_open_and_close_and_a_search_is_made_without_a_mouse(make: Make, opens: Callable[..., BrowserContext]) -> None:
    officer = make.officer(name="Ana Ferreira", password=PASSWORD)
    make.position(by=officer, title="Protect the cables")
    hands = signed_in(opens(), officer.email)

    hands.tab_to("Search what is shared with you", inside_main=False)
    hands.page.keyboard.type("cables")
    hands.press("Enter")
    hands.reads("Protect the cables")

    hands.tab_to("Signed in as", inside_main=False)
    hands.press("Enter")
    expect(hands.page.get_by_role("link", name="My digest")).to_be_visible()
    hands.press("Escape")
    expect(hands.page.get_by_role("link", name="My digest")).to_be_hidden()
    hands.press("Enter")
    hands.tab_to("My digest", inside_main=False)
    hands.press("Enter")
    hands.reads("digest")
    assert not hands.unseen
