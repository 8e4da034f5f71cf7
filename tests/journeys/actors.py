"""Those who act in a journey: what an officer does with mouse and keyboard, in the words of the ministry."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, Response, expect

from coordinator.people.models import Person, Role

PASSWORD = "a sentence that is long enough"

# Console lines are all that a page could show of a breach of the content policy; this makes sure that each one gets there.
TELL_BREACHES = """document.addEventListener("securitypolicyviolation",
    (breach) => console.error(`breach of ${breach.violatedDirective}: ${breach.blockedURI}`))"""


class Actor:
    """A person at a browser of their own. Verbs end in s; what cannot be done or seen ends the journey."""

    def __init__(self, person: Person, page: Page) -> None:
        self.person, self.page, self.name = person, page, person.name
        self._said: list[tuple[str, str]] = []
        self._pages: set[str] = set()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._said.append((str(error), "")))
        page.on("response", self._note)
        page.add_init_script(TELL_BREACHES)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._said.append((message.text, message.location["url"]))

    def _note(self, answer: Response) -> None:
        if answer.request.is_navigation_request():
            self._pages.add(answer.url)

    @property
    def complaints(self) -> list[str]:
        """What the browser complained of, without saying that a page was refused: the journeys look at refusals themselves."""
        refusal = "Failed to load resource: the server responded with a status of 4"
        return [f"{text} {url}" for text, url in self._said if not (text.startswith(refusal) and url in self._pages)]

    # --- coming and going

    def signs_in(self) -> None:
        self.page.goto("/sign-in")
        self.page.get_by_label("E-mail").fill(self.person.email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_label("Password").press("Enter")
        expect(self.heading).to_have_text("Dashboard" if Role.LEADERSHIP in self.person.roles else "Worklist")

    def goes_to(self, path: str) -> int:
        """Open a page by its address; return the status of the answer."""
        answer = self.page.goto(path)
        assert answer is not None
        return answer.status

    def goes_to_the(self, place: str) -> None:
        """Follow a link of the main navigation."""
        self.page.get_by_role("navigation", name="Main").get_by_role("link", name=place).click()
        expect(self.heading).to_have_text(place)

    def goes_to_the_worklist(self) -> None:
        self.goes_to_the("Worklist")

    def follows(self, name: str) -> None:
        self.main.get_by_role("link", name=name).first.click()

    def presses(self, name: str) -> None:
        self.main.get_by_role("button", name=name, exact=True).click()

    # --- seeing

    @property
    def main(self) -> Locator:
        return self.page.locator("main")

    @property
    def heading(self) -> Locator:
        return self.page.locator("h1")

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    def sees(self, *words: str) -> None:
        for some in words:
            expect(self.main).to_contain_text(some)

    def does_not_see(self, *words: str) -> None:
        expect(self.heading).to_be_visible()
        for some in words:
            expect(self.main).not_to_contain_text(some)

    def section(self, heading: str) -> Locator:
        """The part of a page under a heading."""
        return self.main.get_by_role("region", name=heading)

    def item_with(self, *words: str) -> Locator:
        """The one item of a list that holds some words."""
        found = self.main.locator("li.item")
        for some in words:
            found = found.filter(has_text=some)
        expect(found).to_have_count(1)
        return found

    # --- positions

    def begins_a_position(self) -> None:
        self.goes_to_the("Positions")
        self.main.get_by_role("link", name=re.compile("^Log ")).first.click()
        expect(self.heading).to_have_text("Log a position")

    def writes(self, *, title: str, line: str, reason: str = "") -> None:
        self.page.get_by_label("Title").fill(title)
        self.page.get_by_label("Line to take").fill(line)
        if reason:
            self.page.get_by_label(re.compile("^Reason")).fill(reason)

    def finds_by_keyboard(self, field: str, letters: str, *, chosen: str) -> None:
        """Choose in a list that one types into: a few letters, arrow down, Enter."""
        box = self.page.get_by_role("combobox", name=re.compile(f"^{field}"))
        box.focus()
        self.page.keyboard.type(letters)
        expect(box).to_have_attribute("aria-expanded", "true")
        self.page.keyboard.press("ArrowDown")
        self.page.keyboard.press("Enter")
        self._has_chosen(field, chosen)

    def finds_by_mouse(self, field: str, letters: str, *, chosen: str) -> None:
        """Choose in a list that one types into: a few letters, then a click on what is offered."""
        box = self.page.get_by_role("combobox", name=re.compile(f"^{field}"))
        box.click()
        box.press_sequentially(letters)
        self.page.get_by_role("option", name=chosen).click()
        self._has_chosen(field, chosen)

    def _has_chosen(self, field: str, chosen: str) -> None:
        expect(self.page.get_by_role("button", name=f"Remove {chosen}")).to_be_visible()

    def takes_the_stance(self, stance: str) -> None:
        self.page.get_by_role("radio", name=stance, exact=True).check()

    def logs(self, *, title: str, line: str, topics: Iterable[str], question: str = "", stance: str = "", reason: str = "") -> None:
        """Log a position with the lists that a script makes of the form, and ask for its release."""
        self.begins_a_position()
        self.writes(title=title, line=line, reason=reason)
        for topic in topics:
            self.finds_by_keyboard("Topics", topic.lower(), chosen=topic)
        if question:
            self.finds_by_mouse("Question", question.split()[-2], chosen=question)
        if stance:
            self.takes_the_stance(stance)
        self.presses("Ask for release")
        self.sees("Your unit's releasing officers are asked to release it.")
        expect(self.heading).to_have_text(title)

    def releases(self, title: str) -> None:
        """Open a position from the worklist and release it, after reading who will see it."""
        self.goes_to_the_worklist()
        self.section("To release").get_by_role("link", name=title).click()
        expect(self.heading).to_have_text(title)
        self.page.locator("summary", has_text="Release…").click()
        self.sees("will be seen by: the whole ministry")
        self.presses("Release")
        self.sees("Released.")

    # --- overlaps

    def opens_the_overlap(self, *words: str) -> str:
        """Open an overlap from a list by what stands there; return its address."""
        self.item_with(*words).locator(".overlap-title a").click()
        expect(self.main.get_by_role("heading", name="Who knows")).to_be_visible()
        return self.path

    def acknowledges(self) -> None:
        self.presses("Acknowledge for your unit")
        self.sees("Acknowledged for your unit.")

    def settles(self, statement: str, *, outcome: str) -> None:
        self.page.get_by_label("What was agreed").fill(statement)
        self.page.get_by_role("radio", name=outcome).check()
        self.presses("Settle")
        self.sees("Written down.")
