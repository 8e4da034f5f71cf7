"""Every page that the demo leads to, read by axe in light and dark, wide and on a phone; the browser has nothing to complain of."""

import fcntl
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import time_machine
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import BrowserContext, Page

from coordinator.people.models import Person
from tests import walk
from tests.conftest import AT
from tests.journeys.actors import PASSWORD, Actor
from tests.make import Make
from tests.test_house import GETS
from tests.walk import Stop

pytestmark = [pytest.mark.journey, pytest.mark.look]

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
ACROSS = """innerWidth < 768 && [...document.querySelectorAll(".table-scroll:has(> .table-down)")]
    .some((around) => around.scrollWidth > around.clientWidth)"""
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def faults_of(page: Page) -> list[str]:
    """What axe finds, and whether the page or a table that is made for a phone is wider than the window."""
    found = Axe().run(page, options=WCAG).response["violations"]
    faults = [f"{fault['id']}: {', '.join(str(node['target']) for node in fault['nodes'])}" for fault in found]
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if page.evaluate(ACROSS):
        faults.append("a table that is read down a phone has to be read across")
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
    table = "<div class='table-scroll'><table class='table table-down'><tr><td><canvas width=900></canvas></table></div>"
    actor.page.evaluate("table => document.querySelector('main').insertAdjacentHTML('beforeend', table)", table)
    assert any(fault.startswith("a table that is read down") for fault in faults_of(actor.page))
    assert any(complaint.startswith("breach of style-src-attr") for complaint in actor.complaints)


# Pages to which no link leads: what answers machines or letters, what a refused form shows, what a small form opens, and what
# nobody of the demo has made.
UNLINKED = {
    "digests.stop",
    "entries.show",
    "overlaps.confirm",
    "overlaps.reopen",
    "pages.healthz",
    "pages.readyz",
    "people.set_password",
}
PARTS = 4  # so that the workers of a run share the pages


@pytest.fixture(scope="session")
def demo(_application: Flask, demo_register: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Stop]]:
    """The demo, walked by whichever worker comes first: a register of one's own that it went over, and where it stopped."""
    walked = demo_register.with_name("walked.json")
    with demo_register.with_name("walked.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not walked.exists():
            file = walk.prepared(demo_register, tmp_path_factory.mktemp("walk"))
            with walk.over(file), time_machine.travel(AT, tick=False):
                found = with_forms(walk.walk(_application))
            shutil.move(file, demo_register.with_name("walked.sqlite"))
            walked.write_text(json.dumps([asdict(stop) for stop in found]))
    file = Path(shutil.copy(demo_register.with_name("walked.sqlite"), tmp_path_factory.mktemp("walked")))
    return file, [Stop(**said) for said in json.loads(walked.read_text())]


@pytest.fixture
def stops(demo: tuple[Path, list[Stop]], app: Flask, address: str) -> Iterator[list[Stop]]:
    """The walk's pages, over a register that stays open for the test."""
    file, found = demo
    with walk.over(file):
        yield found


def with_forms(found: list[Stop]) -> list[Stop]:
    """Add what only a form or a refusal opens, for the things that the walk has met."""
    by = {stop.endpoint: stop for stop in found}
    more = [Stop("people.sign_in", "/sign-in", "", "text/html"), Stop("people.ask_for_link", "/sign-in/link", "", "text/html")]
    overlap, entry = by["overlaps.show"], by["entries.history"]
    more += [Stop(f"overlaps.{do}", f"{overlap.path}/{do}", "d.okonkwo", "text/html") for do in ("dismiss", "settle")]
    more += [Stop("exclusions.pair", overlap.path.replace("/overlaps/", "/exclusions/pair/"), overlap.walker, "text/html")]
    more += [Stop("entries.compare", entry.path.replace("/history", "/compare?from=1&to=1"), entry.walker, "text/html")]
    return [*found, *(stop for stop in more if stop.endpoint not in by)]


def test_links_lead_to_every_page(stops: list[Stop]) -> None:
    assert sorted(set(GETS) - UNLINKED - {s.endpoint for s in stops}) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("part", range(PARTS))
def test_axe_finds_nothing_on_any_page(
    app: Flask, stops: list[Stop], opens: Callable[..., BrowserContext], address: str, theme: str, part: int
) -> None:
    """In light the phone is read whole and in dark the desk, because colours and widths go wrong apart."""
    shown = [stop for stop in stops if stop.kind == "text/html"]
    width = PHONE if theme == "light" else WIDE
    found: dict[str, list[str]] = {}
    actors: dict[str, Actor] = {}
    for stop in shown[part::PARTS]:
        if stop.walker not in actors:
            context = opens(color_scheme=theme, viewport=width)
            if stop.walker:
                cookie = walk.cookie_of(app, stop.walker)
                context.add_cookies([{"name": "session", "value": cookie, "url": address}])
            actors[stop.walker] = Actor(Person(name=stop.walker or "nobody"), context.new_page())
        actor = actors[stop.walker]
        assert actor.goes_to(stop.path) in {200, 422}, stop
        if faults := faults_of(actor.page):
            found[f"{stop.endpoint} {stop.path}"] = faults
        if theme == "light":
            actor.page.set_viewport_size(WIDE)
            wider = actor.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if wider > 0:
                found[f"{stop.endpoint}, wide"] = [f"{wider} px too wide"]
            actor.page.set_viewport_size(PHONE)
    assert not found
    assert not {name: actor.complaints for name, actor in actors.items() if actor.complaints}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_a_refused_form_or_behind_a_wrong_address(
    make: Make, opens: Callable[..., BrowserContext], theme: str
) -> None:
    actor = Actor(make.officer(password=PASSWORD), opens(color_scheme=theme, viewport=PHONE).new_page())
    actor.signs_in()
    actor.goes_to("/positions/log")
    actor.presses("Save as draft")
    actor.sees("This needs your attention")
    assert not faults_of(actor.page)
    assert actor.goes_to("/no-such-page") == 404
    assert not faults_of(actor.page)
    assert not actor.complaints
