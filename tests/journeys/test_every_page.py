"""The main pages, read by axe in light and dark, wide and on a phone; the browser must have nothing to complain of."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page

from tests.journeys.actors import PASSWORD, Actor
from tests.make import Make

pytestmark = [pytest.mark.journey, pytest.mark.look]

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def faults_of(page: Page) -> list[str]:
    """What axe finds, and whether the page is wider than the window."""
    found = Axe().run(page, options=WCAG).response["violations"]
    faults = [f"{fault['id']}: {', '.join(str(node['target']) for node in fault['nodes'])}" for fault in found]
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*faults, f"{wider} px too wide"] if wider > 0 else faults


def test_what_is_wrong_with_a_page_is_found(make: Make, opens: Callable[..., BrowserContext]) -> None:
    actor = Actor(make.person(), opens(viewport=PHONE).new_page())
    actor.goes_to("/sign-in")
    assert not faults_of(actor.page)
    assert not actor.complaints
    wrong = "<input><canvas width=900></canvas><p style='color: red'>Styled by hand</p>"
    actor.page.evaluate("wrong => document.querySelector('main').insertAdjacentHTML('beforeend', wrong)", wrong)
    assert any(fault.startswith("label: ") for fault in faults_of(actor.page))
    assert any(fault.endswith(" px too wide") for fault in faults_of(actor.page))
    assert any(complaint.startswith("breach of style-src-attr") for complaint in actor.complaints)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_sticks_out(make: Make, opens: Callable[..., BrowserContext], theme: str) -> None:
    ref, one, other = make.overlap()
    unit = one.unit
    topic = make.topic("Encryption", aliases=["Chiffrement"], related=[make.topic("Standards")])
    forum = make.forum("Working group on a very long name for a forum of states and others")
    event = make.event("Second session", forum=forum)
    question = make.question("Should providers be obliged to give access?", topic=topic, forum=forum)
    line = make.position(
        by=one,
        title="Lawful-access-under-the-order-of-a-judge-and-nothing-else",
        topic=topic,
        question=question,
        stance="conditions",
        event=event,
        red_lines="No general duty.",
        fallback="A study.",
    )
    make.position(by=other, title="Not now", topic=topic, question=question, stance="oppose", event=event)
    make.position(by=one, title="Under way", topic=topic, released=False, offer=True)
    make.equity(unit, topic)
    coordinator = make.person("Ana Ferreira", unit=unit, roles=("officer", "releasing_officer", "coordinator"), password=PASSWORD)

    context = opens(color_scheme=theme, viewport=WIDE)
    actor = Actor(coordinator, context.new_page())
    pages = {
        "/": "worklist",
        "/overlaps": "overlaps",
        f"/overlaps/{ref}": "one overlap",
        "/positions": "positions",
        f"/positions/{line.ref}": "one position",
        "/positions/log": "log form",
        "/topics": "topics",
        f"/topics/{topic.ref}": "one topic",
        "/search?q=access": "search",
        "/calendar": "calendar",
        "/units": "units",
        "/digests/settings": "digest settings",
        "/no-such-page": "nothing here",
    }
    found: dict[str, list[str]] = {}

    def look(name: str) -> None:
        for width in (WIDE, PHONE):
            actor.page.set_viewport_size(width)
            if faults := faults_of(actor.page):
                found[f"{name}, {theme}, {width['width']} px"] = faults
        actor.page.set_viewport_size(WIDE)

    actor.goes_to("/sign-in")
    look("sign-in")
    actor.signs_in()
    for path, name in pages.items():
        assert actor.goes_to(path) == (404 if name == "nothing here" else 200)
        look(name)
    # a form that was refused looks different
    actor.goes_to("/positions/log")
    actor.presses("Save as draft")
    actor.sees("This needs your attention")
    look("refused form")

    assert not found
    assert not actor.complaints
