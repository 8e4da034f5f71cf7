"""What a form says of a text that is still being written: whose work it touches, to whom, and that nothing is kept of it."""

import html
import re
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from coordinator.people.models import Person
from tests.make import Make
from tests.test_house import everything_kept
from tests.test_two_worlds import counted

SignIn = Callable[[Person], FlaskClient]

OURS = "Providers of messaging services may be obliged to give lawful access to encrypted messages under the order of a judge."
THEIRS = "Nobody may be obliged to give lawful access to encrypted messages: providers of messaging services protect everybody."


def typed(**said: Any) -> dict[str, Any]:
    return {"form_key": secrets.token_urlsafe(16), "level": "1", "audience": "ministry", "do": "check"} | said


def panel(page: str) -> str:
    """The words beside the form."""
    found = re.search(r'<section class="check".*?</section>', page, re.DOTALL)
    assert found
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found[0])).split())


# --- the plain page ----------------------------------------------------------------------------------------------------------


def test_the_button_shows_what_a_text_touches_and_why_and_keeps_what_was_typed(make: Make, sign_in: SignIn) -> None:
    topic = make.topic("Encryption")
    question = make.question("Should access be lawful?", topic=topic)
    them = make.officer(unit=make.unit(short_name="CDF"))
    other = make.position(by=them, title="No access of any kind", text=THEIRS, topic=topic, question=question, stance="red_line")
    make.position(title="Cables", text="Every state protects the cables that land on its shore.")
    browser = sign_in(make.officer())
    before = everything_kept()
    said = typed(
        title="Lawful access", text=OURS, topics=[topic.ref], question=question.ref, stance="support", fallback="A warrant."
    )
    answer = browser.post("/positions/log", data=said)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    shown = panel(page)
    assert "Critical Conflict" in shown
    assert "CDF No access of any kind" in shown
    assert "On “Should access be lawful?” one side says “support”, the other “red line”: both cannot be said in one room." in shown
    assert "The texts are alike; both speak of" in shown
    assert f"/entries/{other.ref}" in page
    assert THEIRS in shown  # it can be read where it stands
    assert "Cables" not in shown
    assert 'value="Lawful access"' in page
    assert OURS in page
    assert "A warrant." in page
    assert f'<option selected value="{topic.ref}">' in page
    assert f'value="{said["form_key"]}"' in page
    assert everything_kept() == before


def test_what_others_have_on_the_same_topics_is_shown_apart(make: Make, sign_in: SignIn) -> None:
    topic, wide = make.topic("Encryption"), make.topic("Cybersecurity", umbrella=True)
    make.position(title="On the same topic", text="Something else altogether.", topic=topic)
    make.position(title="Only within the same basket", text="Something different again.", topic=wide)
    page = sign_in(make.officer()).post("/dossiers/log", data=typed(topics=[topic.ref, wide.ref])).get_data(as_text=True)
    assert "Others on the same topics" in panel(page)
    assert "Low Contact" in panel(page)
    assert "On the same topic" in panel(page)
    assert "Both are on Encryption." in panel(page)
    assert "Only within the same basket" not in panel(page)


def test_a_crowded_topic_reads_as_one_item(make: Make, sign_in: SignIn) -> None:
    topic = make.topic("Encryption")
    for number in range(7):
        make.position(title=f"Line {number}", text=f"Words of the {number}th kind.", topic=topic)
    page = sign_in(make.officer()).post("/positions/log", data=typed(topics=[topic.ref])).get_data(as_text=True)
    assert "Encryption 7 units, 7 entries" in panel(page)
    assert "Line 3" not in panel(page)


def test_a_question_without_a_stance_meets_who_answers_it(make: Make, sign_in: SignIn) -> None:
    question = make.question("Should access be lawful?")
    make.position(title="No access of any kind", question=question, stance="red_line")
    page = sign_in(make.officer()).post("/positions/log", data=typed(question=question.ref)).get_data(as_text=True)
    assert "Low Contact" in panel(page)
    assert "Both answer “Should access be lawful?”." in panel(page)


def test_a_dossier_meets_what_is_near_its_milestones(make: Make, sign_in: SignIn) -> None:
    topic, country = make.topic("Encryption"), make.counterpart("Freedonia")
    event = make.event("The round", in_days=20)
    make.position(title="Talks with them", text="Words.", topic=topic, counterparts=(country.id,), event=event)
    said = typed(
        topics=[topic.ref], counterparts=[country.ref], milestones="2026-03-20 First draft\nno day at all\n\n2026-13-40 never"
    )
    shown = panel(sign_in(make.officer()).post("/dossiers/log", data=said).get_data(as_text=True))
    assert "High Collision" in shown
    assert "Both deal with Freedonia, 2 days apart." in shown


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"title": " ", "text": "\n"},
        {"stance": "red_line"},
        {"topics": ["A" * 22], "question": "B" * 22, "event": "", "forum": "nothing"},
    ],
    ids=["nothing", "white space", "a stance on nothing", "what is not in the list"],
)
@pytest.mark.parametrize("kind", ["positions", "dossiers"])
def test_with_nothing_to_look_at_it_says_so(make: Make, sign_in: SignIn, kind: str, said: dict[str, Any]) -> None:
    answer = sign_in(make.officer()).post(f"/{kind}/log", data=typed(**said))
    assert answer.status_code == 200
    assert "Nothing is written or chosen yet that could be compared." in panel(answer.get_data(as_text=True))


@pytest.mark.parametrize(
    "said",
    [
        {"title": "x" * 5_000, "text": "y " * 30_000},
        {"text": "turned \u202e round and a bell \a"},
        {"text": "words", "language": "tlh", "stance": "shrug", "level": "9", "audience": "everybody", "valid_from": "soon"},
    ],
    ids=["too long", "characters that have no place", "words that are not in the list"],
)
def test_what_could_not_be_saved_can_be_looked_at(make: Make, sign_in: SignIn, said: dict[str, Any]) -> None:
    answer = sign_in(make.officer()).post("/positions/log", data=typed(**said))
    assert answer.status_code == 200
    assert "It touches nothing that is shared with you." in panel(answer.get_data(as_text=True))


def test_a_revision_is_looked_at_as_it_is_being_written(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic("Encryption")
    own = make.position(by=officer, title="Ours", text="A first line.", topic=topic)
    make.position(title="No access of any kind", text=THEIRS, topic=topic)
    browser = sign_in(officer)
    before = everything_kept()
    answer = browser.post(f"/positions/{own.ref}/revise", data=typed(title="Ours", text=OURS, topics=[topic.ref], base="1"))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "Medium Duplication" in panel(page)
    assert "No access of any kind" in panel(page)
    assert 'name="base" type="hidden" value="1"' in page
    assert everything_kept() == before


def test_what_is_hidden_from_the_author_is_not_shown(make: Make, sign_in: SignIn) -> None:
    topic = make.topic("Encryption")
    question = make.question(topic=topic)
    make.position(title="A hidden line", text=THEIRS, topic=topic, question=question, stance="red_line", sealed=True)
    said = typed(title="Lawful access", text=OURS, topics=[topic.ref], question=question.ref, stance="support")
    page = sign_in(make.officer()).post("/positions/log", data=said).get_data(as_text=True)
    assert "It touches nothing that is shared with you." in panel(page)


def test_a_page_that_shows_a_sensitive_entry_is_marked_so(make: Make, sign_in: SignIn) -> None:
    topic, officer = make.topic("Encryption"), make.officer()
    reader = f"user:{officer.id}"
    make.position(
        title="For you alone", text=THEIRS, topic=topic, level=2, audience=frozenset({reader}), restriction_reason="a source"
    )
    page = sign_in(officer).post("/positions/log", data=typed(text=OURS, topics=[topic.ref])).get_data(as_text=True)
    assert "For you alone" in panel(page)
    assert "OFFICIAL-SENSITIVE" in page.partition("</header>")[0]


# --- what a script asks for ----------------------------------------------------------------------------------------------------


def test_a_script_gets_the_same_part_of_the_page_and_nothing_is_kept(make: Make, sign_in: SignIn) -> None:
    topic = make.topic("Encryption")
    make.position(title="No access of any kind", text=THEIRS, topic=topic)
    browser = sign_in(make.officer())
    said = {"title": "Lawful access", "text": OURS, "topics": [topic.ref]}
    before = everything_kept()
    for kind in ("position", "dossier"):
        answer = browser.post(f"/check/{kind}", data=said, lint=False)
        page = browser.post(f"/{kind}s/log", data=typed(**said)).get_data(as_text=True)
        found = answer.get_data(as_text=True)
        assert answer.status_code == 200
        assert "Medium" in found
        assert "Duplication" in found
        assert found.strip() in page
        assert 'data-said="1 entry of other units touches this."' in found
        assert 'data-level="1" data-marking="OFFICIAL"' in found
    assert everything_kept() == before


def test_a_script_without_the_guard_gets_nothing(make: Make, sign_in: SignIn) -> None:
    assert sign_in(make.officer()).post("/check/position", data={"title": "x"}, forged=True).status_code == 400


def test_no_word_of_what_is_looked_at_comes_into_the_log(make: Make, sign_in: SignIn, capsys: pytest.CaptureFixture[str]) -> None:
    browser = sign_in(make.officer())
    browser.post("/check/position", data={"title": "Meridian", "text": "An unheard-of offer"}, lint=False)
    browser.post("/positions/log", data=typed(title="Meridian", text="An unheard-of offer"))
    said = capsys.readouterr()
    assert '"rule": "/check/position"' in said.err
    assert "Meridian" not in said.err + said.out


def test_a_look_asks_as_many_questions_for_many_as_for_few(make: Make, sign_in: SignIn) -> None:
    topic = make.topic("Encryption")
    one, other = make.officer(), make.officer()
    said = {"title": "Lawful access", "text": OURS, "topics": [topic.ref]}
    make.position(by=one, title="One", text=THEIRS, topic=topic)
    make.position(by=one, title="Nothing alike", text="Cables.", topic=topic)
    browser = sign_in(make.officer())
    browser.post("/check/position", data=said, lint=False)
    with counted() as few:
        browser.post("/check/position", data=said, lint=False)
    for number in range(6):
        make.position(by=other, title=f"Another {number}", text=f"{THEIRS} {number}", topic=topic)
        make.position(by=other, title=f"Not alike {number}", text=f"{number} cables.", topic=topic)
    with counted() as many:
        found = browser.post("/check/position", data=said, lint=False).get_data(as_text=True)
    assert "Another 5" in found
    assert "Not alike 5" in found
    assert len(many) == len(few)


def test_only_those_who_write_for_a_unit_may_look(make: Make, sign_in: SignIn) -> None:
    reader = make.person(roles=("leadership",))
    assert sign_in(reader).post("/positions/log", data=typed(title="x")).status_code == 403


def test_the_enter_key_saves_a_draft_whatever_stands_beside_the_form(make: Make, sign_in: SignIn) -> None:
    page = sign_in(make.officer()).get("/positions/log").get_data(as_text=True)
    form = page[page.index('class="form form-wide entry-form"') :]
    first = re.search(r"<button[^>]*>", form)
    assert first
    assert 'name="do" value="draft"' in first[0]


# --- what the words suggest ----------------------------------------------------------------------------------------------------


def test_what_the_words_suggest_is_offered_with_the_words_and_counts_for_nothing_yet(make: Make, sign_in: SignIn) -> None:
    topic = make.topic("Encryption", aliases=["end-to-end encryption"])
    make.position(title="On the same topic", text="Something else altogether.", topic=topic)
    browser = sign_in(make.officer())
    said = typed(title="A line", text="We defend end-to-end encryption.")
    page = browser.post("/positions/log", data=said).get_data(as_text=True)
    assert "Suggested by your words “ end-to-end encryption ” → Take: Topic Encryption" in panel(page)
    assert "On the same topic" not in panel(page)
    assert f'<option value="{topic.ref}"' in page

    before = everything_kept()
    page = browser.post("/positions/log", data=said | {"do": "", "take": f"topics {topic.ref}"}).get_data(as_text=True)
    assert f'<option selected value="{topic.ref}"' in page
    assert "Suggested by your words" not in panel(page)
    assert "On the same topic" in panel(page)
    assert everything_kept() == before


def test_forum_question_event_counterpart_and_instrument_are_taken_too(make: Make, sign_in: SignIn) -> None:
    forum = make.forum("Freedom Online Coalition")
    things = {
        "forum": forum,
        "event": make.event("Warsaw ministerial conference", forum=forum),
        "counterparts": make.counterpart("Freedonia"),
        "question": make.question("Oblige providers to give lawful access to encrypted messages?"),
    }
    text = f"{OURS} So the Freedom Online Coalition heard from Freedonia before the Warsaw ministerial conference."
    browser = sign_in(make.officer())
    shown = browser.post("/check/position", data={"text": text}, lint=False).get_data(as_text=True)
    for field, thing in things.items():
        assert f'name="take" value="{field} {thing.ref}"' in shown
        page = browser.post("/positions/log", data=typed(text=text, take=f"{field} {thing.ref}")).get_data(as_text=True)
        assert f'<option selected value="{thing.ref}"' in page
    assert "question " not in browser.post("/check/dossier", data={"text": text}, lint=False).get_data(as_text=True)


@pytest.mark.parametrize("take", ["", "topics", "topics AAAA", "stance support", "form_key x", "level 2", "nothing x"])
def test_what_is_not_on_offer_is_not_taken(make: Make, sign_in: SignIn, take: str) -> None:
    topic = make.topic("Encryption")
    said = typed(title="A line", text="Encryption.", take=take)
    answer = sign_in(make.officer()).post("/positions/log", data=said)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert f'<option value="{topic.ref}">' in page
    assert f'value="{said["form_key"]}"' in page
    assert re.search(r'<input checked[^>]* id="stance-0"', page)
    assert re.search(r'<input checked[^>]* id="level-1"', page)


def test_a_forum_and_an_event_are_suggested_by_what_people_call_them(make: Make, sign_in: SignIn) -> None:
    forum = make.forum("Telecommunication Union", aliases=["UIT"])
    event = make.event("Plenipotentiary Conference", forum=forum, aliases=["PP-26"])
    browser = sign_in(make.officer())
    shown = browser.post("/check/position", data={"text": "L’UIT à PP-26", "language": "fr"}, lint=False).get_data(as_text=True)
    assert f'value="forum {forum.ref}"' in shown
    assert f'value="event {event.ref}"' in shown
    assert 'data-aliases="Telecommunication Union | UIT"' in browser.get("/positions/log").get_data(as_text=True)


def test_what_is_past_is_not_suggested(make: Make, sign_in: SignIn) -> None:
    make.event("Warsaw ministerial conference", in_days=-20)
    said = {"text": "At the Warsaw ministerial conference"}
    assert 'name="take"' not in sign_in(make.officer()).post("/check/position", data=said, lint=False).get_data(as_text=True)


def test_what_is_excluded_as_a_pair_with_an_entry_is_not_told_while_it_is_revised(make: Make, sign_in: SignIn) -> None:
    officer, other, topic = make.officer(), make.officer(), make.topic("Encryption")
    own = make.position(by=officer, title="Ours", text=OURS, topic=topic)
    make.position(by=other, title="No access of any kind", text=THEIRS, topic=topic)
    theirs = make.position(by=other, title="Keys stay with whom they belong to", text=THEIRS, topic=topic)
    make.excluded(own, theirs, by=officer)
    browser, said = sign_in(officer), {"title": "Ours", "text": OURS, "topics": [topic.ref]}
    revised = browser.post(f"/positions/{own.ref}/revise", data=typed(**said, base="1")).get_data(as_text=True)
    assert f'data-check="/check/position?of={own.ref}"' in revised
    scripted = browser.post(f"/check/position?of={own.ref}", data=said, lint=False).get_data(as_text=True)
    for page in (panel(revised), scripted):
        assert "No access of any kind" in page
        assert "Keys stay" not in page
    assert "Keys stay" in browser.post("/check/position", data=said, lint=False).get_data(as_text=True)
    for ref in (theirs.ref, "nothing"):
        assert browser.post(f"/check/position?of={ref}", data=said, lint=False).status_code == 404
