"""The pages of positions: who may see and do what, what is typed, and what is kept when it is refused."""

import html
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from coordinator.db import bind_reader, db, transaction
from coordinator.entries.models import Entry, EntryVersion, State
from coordinator.entries.queries import tokens_of
from coordinator.people.models import Person
from coordinator.positions import actions
from coordinator.positions.models import Adherence, Position
from coordinator.positions.rules import PositionDraft
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]
OVERRIDE = "\u202e"


def typed(topic: Any, **said: Any) -> dict[str, Any]:
    """Return the least that is typed into the form, and what else is said."""
    return {
        "title": "We support a short text",
        "topics": [topic.ref],
        "text": "The line is to support a short text.",
        "level": "1",
        "audience": "ministry",
        "form_key": secrets.token_urlsafe(16),
        "do": "draft",
    } | said


def read(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.status_code)
    return html.unescape(answer.get_data(as_text=True))


def hidden(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)
    assert found, f"no hidden field {name}"
    return found[1]


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def logged(make: Make, by: Person) -> list[Position]:
    """Return what a person sees of all positions, oldest first."""
    make.act_as(by)
    found = list(make.session.scalars(select(Position).order_by(Position.id).execution_options(populate_existing=True)))
    bind_reader(make.session, None)
    return found


def versions(make: Make, entry: Entry, by: Person) -> list[EntryVersion]:
    make.act_as(by)
    found = list(make.session.scalars(select(EntryVersion).where(EntryVersion.entry_id == entry.id).order_by(EntryVersion.number)))
    bind_reader(make.session, None)
    return found


# --- logging -------------------------------------------------------------------------------------------------------------


def test_an_officer_logs_a_position_with_title_topic_and_line_alone(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.person(), make.topic()
    answer = sign_in(officer).post("/positions/log", data=typed(topic))
    [position] = logged(make, officer)
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/entries/{position.ref}")
    assert (position.title, position.state, position.unit_id) == ("We support a short text", State.DRAFT, officer.unit_id)


def test_everything_that_a_position_can_say_is_kept(make: Make, sign_in: SignIn) -> None:
    officer, topic, forum, counterpart = make.person(), make.topic(), make.forum(), make.counterpart()
    instrument = make.instrument()
    event, question = make.event(forum=forum), make.question(topic=topic)
    sign_in(officer).post(
        "/positions/log",
        data=typed(
            topic,
            question=question.ref,
            stance="oppose",
            reason="it binds us alone",
            red_lines="no veto",
            fallback="a declaration",
            talking_points="one\ntwo",
            forum=forum.ref,
            event=event.ref,
            counterparts=[counterpart.ref],
            instruments=[instrument.ref],
            valid_from="2026-03-02",
            valid_until="2026-09-01",
            review_by="2026-06-01",
            registry_link="https://registry.example/1",
            language="fr",
        ),
    )
    [position] = logged(make, officer)
    [version] = versions(make, position, officer)
    assert version.content == {
        "title": "We support a short text",
        "text": "The line is to support a short text.",
        "topics": [topic.id],
        "language": "fr",
        "forum_id": forum.id,
        "event_id": event.id,
        "counterparts": [counterpart.id],
        "instruments": [instrument.id],
        "registry_link": "https://registry.example/1",
        "review_by": "2026-06-01",
        "question_id": question.id,
        "stance": "oppose",
        "reason": "it binds us alone",
        "red_lines": "no veto",
        "fallback": "a declaration",
        "talking_points": "one\ntwo",
        "valid_from": "2026-03-02",
        "valid_until": "2026-09-01",
        "on_behalf_of_id": None,
        "source": "",
        "said_on": None,
    }


@pytest.mark.parametrize(
    ("button", "state", "offered"), [("draft", "draft", False), ("offer", "draft", True), ("release", "released", True)]
)
def test_each_button_does_what_it_says(make: Make, sign_in: SignIn, button: str, state: str, offered: bool) -> None:
    officer = make.officer()
    sign_in(officer).post("/positions/log", data=typed(make.topic(), do=button))
    [position] = logged(make, officer)
    [version] = versions(make, position, officer)
    assert position.state == state
    assert (version.offered_at is not None) == offered


def test_an_officer_who_may_not_release_logs_nothing_by_the_button_of_another(make: Make, sign_in: SignIn) -> None:
    officer = make.person()
    answer = sign_in(officer).post("/positions/log", data=typed(make.topic(), do="release"))
    assert answer.status_code == 403
    assert logged(make, officer) == []


@pytest.mark.parametrize("role", ["coordinator", "leadership", "administrator", "auditor"])
def test_only_those_who_write_for_a_unit_are_shown_the_form(make: Make, sign_in: SignIn, role: str) -> None:
    browser = sign_in(make.person(roles=(role,)))
    assert browser.get("/positions/log").status_code == 403
    assert browser.post("/positions/log", data=typed(make.topic())).status_code == 403
    assert "/positions/log" not in read(browser, "/positions")


def test_the_form_begins_with_the_question_that_the_address_names(make: Make, sign_in: SignIn) -> None:
    topic, forum = make.topic("Encryption"), make.forum("Working group")
    question = make.question("A binding text?", topic=topic, forum=forum)
    page = read(sign_in(make.person()), f"/positions/log?question={question.ref}")
    assert re.search(rf'<option[^>]* selected[^>]* value="{question.ref}"', page)
    assert re.search(rf'<option[^>]* selected[^>]* value="{topic.ref}"', page)
    assert re.search(rf'<option[^>]* selected[^>]* value="{forum.ref}"', page)


def test_an_address_that_names_no_topic_is_not_found(make: Make, sign_in: SignIn) -> None:
    assert sign_in(make.person()).get("/positions/log?topic=nothing").status_code == 404


def test_a_double_click_makes_one_position(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    browser, sent = sign_in(officer), typed(make.topic(), do="release")
    first, second = browser.post("/positions/log", data=sent), browser.post("/positions/log", data=sent)
    [position] = logged(make, officer)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.headers["Location"] == second.headers["Location"]
    assert len(versions(make, position, officer)) == 1


# --- what was typed and does not pass ----------------------------------------------------------------------------------------

BAD = {
    "no title": ({"title": "  "}, "Give it a title."),
    "no line": ({"text": ""}, "Write the line, if only one sentence."),
    "no topic": ({"topics": []}, "Choose at least one topic."),
    "a title too long": ({"title": "x" * 230}, "Title is 230 characters long; at most 200 fit."),
    "a line too long": ({"text": "y" * 20_001}, "Line to take is 20001 characters long; at most 20000 fit."),
    "a control character": ({"text": "a\x00b"}, "cannot be seen"),
    "a directional override": ({"title": f"safe{OVERRIDE}txt"}, "reverses the reading direction"),
    "an unknown topic": ({"topics": ["A" * 22]}, "Choose one from the list."),
    "an unknown question": ({"question": "A" * 22, "stance": "support"}, "Choose one from the list."),
    "an unknown event": ({"event": "1"}, "Choose one from the list."),
    "an unknown stance": ({"stance": "maybe"}, "Choose one from the list."),
    "an unknown level": ({"level": "9"}, "Choose one from the list."),
    "an unknown audience": ({"audience": "everybody"}, "Choose one from the list."),
    "unknown readers": (
        {"audience": "named", "named": ["unit:" + "A" * 22], "restriction_reason": "x"},
        "Choose one from the list.",
    ),
    "not a day": ({"valid_from": "tomorrow"}, "year-month-day"),
    "a link that is a script": ({"registry_link": "javascript:alert(1)"}, "starts with https://"),
}


@pytest.mark.parametrize(("said", "sentence"), BAD.values(), ids=BAD.keys())
def test_what_does_not_pass_gets_a_plain_sentence_and_the_rest_stays(
    make: Make, sign_in: SignIn, said: dict[str, Any], sentence: str
) -> None:
    officer = make.person()
    answer = sign_in(officer).post("/positions/log", data=typed(make.topic(), fallback="what I typed elsewhere", **said))
    page = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code == 422
    assert sentence in page
    assert "what I typed elsewhere" in page
    assert 'role="alert"' in page
    assert logged(make, officer) == []


REFUSED = {
    "a stance without a question": ({"stance": "support"}, "A stance is on a question"),
    "a refusal without a reason": ({"stance": "red_line", "with_question": True}, "a refusal without a reason"),
    "a question without a stance": ({"with_question": True}, "Choose a stance on this question"),
    "an end before the start": ({"valid_from": "2026-05-02", "valid_until": "2026-05-01"}, "It would end before it starts."),
    "a sensitive text for all": ({"level": "2"}, "goes to named units"),
    "an official text for the country": ({"audience": "country"}, "Only a PUBLIC text may go beyond the government."),
    "named readers without a reason": ({"audience": "named"}, "Say why this one is not."),
}


@pytest.mark.parametrize(("said", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_rule_refuses_gets_its_sentence_beside_its_field_and_the_rest_stays(
    make: Make, sign_in: SignIn, said: dict[str, Any], sentence: str
) -> None:
    officer, topic = make.person(), make.topic()
    said = dict(said)
    if said.pop("with_question", False):
        said["question"] = make.question(topic=topic).ref
    answer = sign_in(officer).post("/positions/log", data=typed(topic, fallback="what I typed elsewhere", **said))
    page = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code == 409
    assert sentence in page
    assert "field-wrong" in page
    assert "what I typed elsewhere" in page
    assert logged(make, officer) == []


def test_a_page_sent_without_its_guard_is_refused(make: Make, sign_in: SignIn) -> None:
    officer = make.person()
    assert sign_in(officer).post("/positions/log", data=typed(make.topic()), forged=True).status_code == 400
    assert logged(make, officer) == []


def test_what_the_browser_says_of_owner_and_state_counts_for_nothing(make: Make, sign_in: SignIn) -> None:
    officer, other = make.person(), make.unit()
    sign_in(officer).post(
        "/positions/log", data=typed(make.topic(), unit_id=other.id, unit=other.ref, state="released", author_id=1)
    )
    [position] = logged(make, officer)
    assert (position.unit_id, position.state, position.author_id) == (officer.unit_id, State.DRAFT, officer.id)


# --- who will see it -----------------------------------------------------------------------------------------------------------


def audience(make: Make, entry: Entry, by: Person) -> frozenset[str]:
    return tokens_of(make.session, versions(make, entry, by)[-1].audience_id)


def test_an_entry_is_for_the_whole_ministry_unless_somebody_says_otherwise(make: Make, sign_in: SignIn) -> None:
    make.group("Leadership")
    officer = make.person()
    browser = sign_in(officer)
    page = read(browser, "/positions/log")
    leadership = re.search(r'<option[^>]* selected[^>]* value="(group:[^"]+)">The group Leadership', page)
    assert leadership
    browser.post("/positions/log", data=typed(make.topic(), named=[leadership[1]]))
    [position] = logged(make, officer)
    assert audience(make, position, officer) == {"circle:ministry", f"unit:{officer.unit_id}"}


def test_named_readers_are_the_only_ones_with_a_reason(make: Make, sign_in: SignIn) -> None:
    group, other, officer = make.group("Sanctions"), make.unit(), make.person()
    named = [f"group:{group.ref}", f"unit:{other.ref}"]
    said = typed(make.topic(), level="2", audience="named", named=named, restriction_reason="a source at risk")
    sign_in(officer).post("/positions/log", data=said)
    [position] = logged(make, officer)
    assert audience(make, position, officer) == {f"group:{group.id}", f"unit:{other.id}", f"unit:{officer.unit_id}"}


def test_a_unit_outside_can_be_named_beside_the_ministry(make: Make, sign_in: SignIn) -> None:
    regulator, officer = make.unit(of=make.organisation(circle="government")), make.person()
    sign_in(officer).post("/positions/log", data=typed(make.topic(), named=[f"unit:{regulator.ref}"]))
    [position] = logged(make, officer)
    assert audience(make, position, officer) == {"circle:ministry", f"unit:{regulator.id}", f"unit:{officer.unit_id}"}


def test_the_form_says_how_many_people_each_circle_is(make: Make, sign_in: SignIn) -> None:
    officer = make.person()
    make.person(unit=make.unit(of=make.organisation(circle="government")))
    page = read(sign_in(officer), "/positions/log")
    assert "The whole ministry – 1 person" in page
    assert "Other government too – 2 people" in page


def test_outside_the_ministry_nobody_is_told_how_many_work_there_or_which_groups_there_are(make: Make, sign_in: SignIn) -> None:
    make.group("Sanctions")
    make.unit("Unit within the ministry")
    firm = make.organisation("A firm", circle="country", ceiling=0)
    page = read(sign_in(make.person(unit=make.unit(of=firm))), "/positions/log")
    assert "people" not in words(page).split("Who will see it")[1]
    assert "Sanctions" not in page
    assert "Unit within the ministry" not in page


def test_nobody_chooses_a_level_that_they_may_not_read(make: Make, sign_in: SignIn) -> None:
    officer = make.person(clearance=1)
    browser = sign_in(officer)
    assert "OFFICIAL-SENSITIVE" not in read(browser, "/positions/log")
    said = typed(make.topic(), level="2", audience="named", restriction_reason="because")
    assert browser.post("/positions/log", data=said).status_code == 422
    assert logged(make, officer) == []


def test_beyond_the_ministry_takes_a_second_person_and_the_page_says_what_to_do(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    answer = sign_in(officer).post("/positions/log", data=typed(make.topic(), audience="government", do="release"))
    page = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code == 409
    assert "takes a second person" in page
    assert "any other releasing officer of your unit can then release it" in page
    assert "We support a short text" in page
    assert logged(make, officer) == []


# --- the list --------------------------------------------------------------------------------------------------------------


def test_the_list_shows_what_is_shared_and_ones_own_drafts(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    make.position(title="A line of another unit")
    make.position(title="A draft of another unit", released=False)
    make.position(title="A sealed line", sealed=True)
    make.position(by=officer, title="A draft of mine", released=False)
    page = words(read(sign_in(officer), "/positions"))
    assert "A line of another unit" in page
    assert "A draft of mine" in page
    assert "2 positions" in page
    assert "A draft of another unit" not in page
    assert "A sealed line" not in page


def test_the_list_is_narrowed_by_words_unit_topic_and_state(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    make.position(by=officer, title="Cables under the sea", topic=topic)
    make.position(title="Grain by rail")
    browser = sign_in(officer)
    for asked in (f"topic={topic.ref}", f"unit={officer.unit.ref}", "words=cable"):
        page = words(read(browser, f"/positions?{asked}"))
        assert "Cables under the sea" in page, asked
        assert "Grain by rail" not in page, asked
    assert "No position that is shared with you fits." in read(browser, "/positions?state=withdrawn")


@pytest.mark.parametrize("asked", ["unit=" + "A" * 22, "topic=x", "state=everything", "words=" + "w" * 300])
def test_a_filter_that_is_not_in_the_list_gets_a_sentence(make: Make, sign_in: SignIn, asked: str) -> None:
    page = read(sign_in(make.person()), f"/positions?{asked}", 422)
    assert "field-error" in page


@pytest.mark.parametrize("asked", ["page=0", "page=2", "page=x"])
def test_a_page_that_there_is_not_is_not_found(make: Make, sign_in: SignIn, asked: str) -> None:
    make.position()
    assert sign_in(make.person()).get(f"/positions?{asked}").status_code == 404


# --- one position ------------------------------------------------------------------------------------------------------------


def test_a_released_position_shows_its_line_and_what_stands_around_it(make: Make, sign_in: SignIn) -> None:
    officer, topic, forum = make.officer(), make.topic("Encryption"), make.forum()
    question, event = make.question("A binding text?", topic=topic), make.event("First session", forum=forum, in_days=9)
    position = make.position(
        by=officer,
        title="Law, not design",
        text="The line.\n\nIts second paragraph.",
        topic=topic,
        question=question,
        event=event,
        stance="oppose",
        reason="it weakens all",
        red_lines="no back door",
        fallback="a study",
        talking_points="first point",
        registry_link="https://registry.example/1",
        review_by=make.today.replace(day=1),
    )
    page = read(sign_in(make.person()), f"/positions/{position.ref}")
    for said in (
        "Law, not design",
        "Its second paragraph.",
        "Encryption",
        "A binding text?",
        "First session",
        "in 9 days",
        "Oppose",
    ):
        assert said in page, said
    for said in ("it weakens all", "no back door", "a study", "first point", "overdue", "the whole ministry – 2 people"):
        assert said in page, said
    assert 'href="https://registry.example/1"' in page


def test_only_a_whole_https_address_is_ever_a_link(make: Make, sign_in: SignIn) -> None:
    position = make.position(registry_link="javascript:alert(1)")
    page = read(sign_in(make.person()), f"/positions/{position.ref}")
    assert "javascript:alert(1)" in page
    assert 'href="javascript' not in page


def test_a_draft_of_another_unit_and_one_that_never_was_get_the_same_answer(make: Make, sign_in: SignIn) -> None:
    draft = make.position(released=False)
    browser = sign_in(make.officer())
    for path in ("/positions/{}", "/positions/{}/revise", "/entries/{}", "/entries/{}/history", "/entries/{}/compare"):
        answers = [browser.get(path.format(ref)) for ref in (draft.ref, "A" * 22)]
        assert [a.status_code for a in answers] == [404, 404], path
        assert answers[0].get_data(as_text=True).replace(draft.ref, "") == answers[1].get_data(as_text=True).replace(
            "A" * 22, ""
        ), path


def test_a_draft_cannot_be_copied_and_a_released_line_carries_version_day_and_level(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    browser = sign_in(officer)
    draft = make.position(by=officer, released=False)
    assert "Copy the line" not in read(browser, f"/positions/{draft.ref}")
    position = make.position(by=officer, title="The title", text="The line.")
    page = read(browser, f"/positions/{position.ref}")
    copied = re.search(r'<textarea[^>]*id="line-to-copy"[^>]*>(.*?)</textarea>', page, re.DOTALL)
    assert copied
    assert copied[1].strip().split("\n") == [
        "OFFICIAL",
        "The title",
        "",
        "The line.",
        "",
        f"{officer.unit.name}, version 1, released 02 March 2026. OFFICIAL",
    ]


def test_a_draft_shows_its_own_unit_whose_work_it_would_touch(make: Make, sign_in: SignIn) -> None:
    topic, officer = make.topic(), make.officer()
    question = make.question(topic=topic)
    make.position(title="What the others hold", topic=topic, question=question, stance="red_line")
    draft = make.position(by=officer, topic=topic, question=question, stance="support", released=False)
    page = words(read(sign_in(officer), f"/positions/{draft.ref}"))
    assert "Once released, this would touch Critical Conflict" in page
    assert page.count("What the others hold") == 1


def test_a_released_position_shows_whose_work_it_touches_and_why(make: Make, sign_in: SignIn) -> None:
    _ref, one, _other = make.overlap("critical")
    [mine, _theirs] = logged(make, one)
    page = words(read(sign_in(one), f"/positions/{mine.ref}"))
    assert "both cannot be said in one room" in page
    assert "Both texts side by side" in page
    assert "Acknowledge it for your unit" in page


def test_what_a_hidden_entry_would_touch_is_shown_to_nobody_else(make: Make, sign_in: SignIn) -> None:
    topic, officer = make.topic(), make.officer()
    question = make.question(topic=topic)
    make.position(title="Sealed by the others", topic=topic, question=question, stance="red_line", sealed=True)
    draft = make.position(by=officer, topic=topic, question=question, stance="support", released=False)
    assert "Nothing that is shared with you." in read(sign_in(officer), f"/positions/{draft.ref}")


def test_a_crowded_topic_reads_as_one_item(make: Make, sign_in: SignIn) -> None:
    topic, officer = make.topic("A crowded one"), make.officer()
    for _ in range(7):
        make.position(topic=topic, text=secrets.token_hex(30))
    mine = make.position(by=officer, topic=topic, text=secrets.token_hex(30))
    page = words(read(sign_in(officer), f"/positions/{mine.ref}"))
    assert "8 units, 8 entries" in page


def test_outside_its_organisation_neither_names_nor_readers_are_shown(make: Make, sign_in: SignIn) -> None:
    officer = make.officer(name="Amira Haddad")
    position = make.position(by=officer, level=0, audience=frozenset({"circle:country"}))
    firm = make.organisation(circle="country", ceiling=0)
    outsider = sign_in(make.person(unit=make.unit(of=firm), clearance=0))
    colleague = sign_in(make.person())
    for path in (f"/positions/{position.ref}", f"/entries/{position.ref}/history", f"/entries/{position.ref}/compare"):
        assert "Amira Haddad" in read(colleague, path)
        assert "Amira Haddad" not in read(outsider, path)
    assert "Seen by" not in read(outsider, f"/positions/{position.ref}")


# --- revising ------------------------------------------------------------------------------------------------------------------


def sent_again(page: str, topic: Any, **said: Any) -> dict[str, Any]:
    return typed(topic, base=hidden(page, "base"), form_key=hidden(page, "form_key"), **said)


def test_the_form_begins_with_the_newest_version(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    question = make.question(topic=topic)
    position = make.position(
        by=officer,
        title="Kept title",
        text="Kept line",
        topic=topic,
        question=question,
        stance="red_line",
        red_lines="Kept red line",
    )
    page = read(sign_in(officer), f"/positions/{position.ref}/revise")
    for said in ('value="Kept title"', "Kept line</textarea>", "Kept red line</textarea>"):
        assert said in page, said
    assert re.search(rf'<option[^>]* selected[^>]* value="{question.ref}"', page)
    assert re.search(r'<input[^>]*checked[^>]*value="red_line"', page)
    assert hidden(page, "base") == "1"


def test_revising_makes_a_version_and_the_released_one_stands_meanwhile(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    position = make.position(by=officer, topic=topic, text="The old line.")
    browser = sign_in(officer)
    page = read(browser, f"/positions/{position.ref}/revise")
    answer = browser.post(f"/positions/{position.ref}/revise", data=sent_again(page, topic, text="The new line.", note="shorter"))
    assert answer.status_code == 303
    assert [v.content["text"] for v in versions(make, position, officer)] == ["The old line.", "The new line."]
    stranger = sign_in(make.officer())
    assert "The old line." in read(stranger, f"/positions/{position.ref}")
    assert "The new line." not in read(stranger, f"/positions/{position.ref}")


def test_saving_what_was_not_changed_makes_no_version(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    position = make.position(by=officer, topic=topic, title="We support a short text", text="The line is to support a short text.")
    browser = sign_in(officer)
    page = read(browser, f"/positions/{position.ref}/revise")
    assert browser.post(f"/positions/{position.ref}/revise", data=sent_again(page, topic)).status_code == 303
    assert len(versions(make, position, officer)) == 1


def test_the_second_of_two_who_write_sees_both_texts_and_loses_nothing(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    colleague = make.person(name="Jonas Keller", unit=officer.unit)
    position = make.position(by=officer, topic=topic, text="We support the text.")
    mine, theirs = sign_in(officer), sign_in(colleague)
    path = f"/positions/{position.ref}/revise"
    my_page, their_page = read(mine, path), read(theirs, path)
    theirs.post(path, data=sent_again(their_page, topic, text="We support the text firmly."))
    answer = mine.post(path, data=sent_again(my_page, topic, text="We welcome the text.", fallback="my fallback"))
    page = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code == 409
    assert "Saved while you were writing: version 2" in page
    assert "Jonas Keller" in page
    assert '<p dir="auto" class="said">We <mark>support</mark> the <mark>text firmly.</mark></p>' in page
    assert '<p dir="auto" class="said">We <mark>welcome</mark> the <mark>text.</mark></p>' in page
    assert "We welcome the text.</textarea>" in page
    assert "my fallback</textarea>" in page
    assert "<ins>" in page
    assert [v.content["text"] for v in versions(make, position, officer)] == ["We support the text.", "We support the text firmly."]
    again = mine.post(path, data=sent_again(page, topic, text="We welcome the text firmly.", fallback="my fallback"))
    assert again.status_code == 303
    assert versions(make, position, officer)[-1].content["text"] == "We welcome the text firmly."


@pytest.mark.parametrize("base", ["", "0", "7", "-1", "one", "9" * 30])
def test_a_base_that_is_no_version_overwrites_nothing(make: Make, sign_in: SignIn, base: str) -> None:
    officer, topic = make.officer(), make.topic()
    position = make.position(by=officer, topic=topic)
    said = typed(topic, base=base, text="Another line.")
    assert sign_in(officer).post(f"/positions/{position.ref}/revise", data=said).status_code == 409
    assert len(versions(make, position, officer)) == 1


def test_a_double_click_makes_one_version(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    position = make.position(by=officer, topic=topic)
    browser = sign_in(officer)
    said = sent_again(read(browser, f"/positions/{position.ref}/revise"), topic, text="Another line.", do="release")
    assert [browser.post(f"/positions/{position.ref}/revise", data=said).status_code for _ in range(2)] == [303, 303]
    assert len(versions(make, position, officer)) == 2


def test_what_was_typed_stays_when_a_revision_does_not_pass(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    position = make.position(by=officer, topic=topic)
    browser = sign_in(officer)
    page = read(browser, f"/positions/{position.ref}/revise")
    for said, status in (
        (sent_again(page, topic, title="", text="My long text"), 422),
        (sent_again(page, topic, level="2", text="My long text"), 409),
    ):
        answer = browser.post(f"/positions/{position.ref}/revise", data=said)
        assert answer.status_code == status
        assert "My long text</textarea>" in html.unescape(answer.get_data(as_text=True))
    assert len(versions(make, position, officer)) == 1


def test_another_unit_revises_nothing(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    position = make.position(topic=topic)
    browser = sign_in(make.officer())
    assert browser.get(f"/positions/{position.ref}/revise").status_code == 403
    assert browser.post(f"/positions/{position.ref}/revise", data=typed(topic, base="1")).status_code == 403


def test_what_has_ended_is_not_revised(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    position = make.position(by=officer)
    browser = sign_in(officer)
    browser.post(f"/entries/{position.ref}/withdraw", data={"why": "overtaken"})
    assert "no longer current" in read(browser, f"/positions/{position.ref}/revise", 409)


# --- superseding ---------------------------------------------------------------------------------------------------------------


def test_a_new_position_supersedes_another_when_it_is_released(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    question = make.question(topic=topic)
    older = make.position(by=officer, title="The older line", topic=topic, question=question)
    browser = sign_in(officer)
    path = f"/positions/log?supersedes={older.ref}"
    page = read(browser, path)
    assert "When this is released, it supersedes" in page
    assert 'value="The older line"' in page
    said = typed(topic, title="The newer line", question=question.ref, stance="support", do="release")
    assert browser.post(path, data=said).status_code == 303
    before, after = logged(make, officer)
    assert (before.state, after.state) == (State.SUPERSEDED, State.RELEASED)
    assert "Superseded by" in words(read(browser, f"/positions/{older.ref}"))
    assert "Supersedes" in words(read(browser, f"/positions/{after.ref}"))


def test_a_second_line_on_a_question_needs_to_supersede_the_first(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    question = make.question(topic=topic)
    make.position(by=officer, topic=topic, question=question)
    said = typed(topic, question=question.ref, stance="support", do="release")
    answer = sign_in(officer).post("/positions/log", data=said)
    assert answer.status_code == 409
    assert "already has a released position on this question" in html.unescape(answer.get_data(as_text=True))
    assert len(logged(make, officer)) == 1


def test_nobody_supersedes_the_line_of_another_unit(make: Make, sign_in: SignIn) -> None:
    theirs = make.position()
    assert sign_in(make.officer()).get(f"/positions/log?supersedes={theirs.ref}").status_code == 403


# --- adhering --------------------------------------------------------------------------------------------------------------------


def standing(make: Make, position: Position, by: Person) -> int:
    make.act_as(by)
    found = make.session.scalar(
        select(func.count(Adherence.id)).where(Adherence.entry_id == position.id, Adherence.ended_at.is_(None))
    )
    bind_reader(make.session, None)
    return found or 0


def test_a_releasing_officer_makes_the_line_of_another_unit_ones_own_and_leaves_it(make: Make, sign_in: SignIn) -> None:
    position, officer = make.position(question=make.question()), make.officer()
    browser = sign_in(officer)
    assert "Make it our line too" in read(browser, f"/positions/{position.ref}")
    assert browser.post(f"/positions/{position.ref}/adhere").status_code == 303
    assert standing(make, position, officer) == 1
    page = words(read(browser, f"/positions/{position.ref}"))
    assert f"Also the line of {officer.unit.short_name}" in page
    assert "Make it our line too" not in page
    assert browser.post(f"/positions/{position.ref}/leave").status_code == 303
    assert standing(make, position, officer) == 0


def test_who_has_a_line_of_their_own_is_told_so(make: Make, sign_in: SignIn) -> None:
    question, officer = make.question(), make.officer()
    position = make.position(question=question)
    make.position(by=officer, question=question)
    browser = sign_in(officer)
    answer = browser.post(f"/positions/{position.ref}/adhere", follow_redirects=True)
    assert "already has a released position" in html.unescape(answer.get_data(as_text=True))
    assert standing(make, position, officer) == 0


def test_an_officer_alone_does_not_adhere_for_the_unit(make: Make, sign_in: SignIn) -> None:
    position = make.position(question=make.question())
    browser = sign_in(make.person())
    assert "Make it our line too" not in read(browser, f"/positions/{position.ref}")
    assert browser.post(f"/positions/{position.ref}/adhere").status_code == 403
    assert browser.post(f"/positions/{position.ref}/leave").status_code == 403


# --- dossiers that draw on it ------------------------------------------------------------------------------------------------


def test_a_position_names_the_dossiers_that_draw_on_it_and_that_the_reader_may_see(make: Make, sign_in: SignIn) -> None:
    position = make.position()
    make.dossier(title="An open dossier", positions=(position.id,))
    make.dossier(title="A sealed dossier", positions=(position.id,), sealed=True)
    page = read(sign_in(make.person()), f"/positions/{position.ref}")
    assert "An open dossier" in page
    assert "A sealed dossier" not in page


def test_the_page_of_a_released_line_with_a_version_under_way_says_so_to_its_unit_alone(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    position = make.position(by=officer, topic=topic)
    make.act_as(officer)
    with transaction(make.session) as written:
        draft = PositionDraft(title="New", text="A newer line.", topics=(topic.id,))
        actions.revise(written, written.get_one(Position, position.id), draft, base=1, by=officer, at=make.at)
    bind_reader(make.session, None)
    assert "Version 2 is under way" in words(read(sign_in(officer), f"/positions/{position.ref}"))
    page = words(read(sign_in(make.officer()), f"/positions/{position.ref}"))
    assert "under way" not in page
    assert "Version 2" not in page


# --- how much is asked of the database ---------------------------------------------------------------------------------------


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the statements that the application sends."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def test_list_page_and_form_ask_as_many_questions_for_many_as_for_few(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    question = make.question(topic=topic)
    mine = make.position(by=officer, topic=topic, question=question, stance="support", released=False)
    browser = sign_in(officer)

    def asked() -> list[int]:
        numbers = []
        for path in ("/positions", f"/positions/{mine.ref}", f"/positions/{mine.ref}/revise"):
            read(browser, path)
            with statements() as sent:
                read(browser, path)
            numbers.append(len(sent))
        return numbers

    for _ in range(2):
        make.position(topic=topic, question=question, stance="red_line")
    few = asked()
    for _ in range(4):
        make.position(topic=topic, question=question, stance="red_line")
        make.event()
    assert asked() == few
