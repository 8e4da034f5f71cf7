"""The pages of dossiers: who may see and do what, what is typed, and what is kept when it is refused."""

import html
import re
import secrets
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from coordinator.db import bind_reader
from coordinator.dossiers.models import Dossier, DossierType
from coordinator.entries.models import EntryVersion, State
from coordinator.people.models import Person
from tests.make import Make

SignIn = Callable[[Person], FlaskClient]


def typed(topic: Any, **said: Any) -> dict[str, Any]:
    """Return the least that is typed into the form, and what else is said."""
    return {
        "title": "Preparing the session",
        "topics": [topic.ref],
        "text": "Text, alliances, sequence.",
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


def logged(make: Make, by: Person) -> list[Dossier]:
    make.act_as(by)
    found = list(make.session.scalars(select(Dossier).order_by(Dossier.id).execution_options(populate_existing=True)))
    bind_reader(make.session, None)
    return found


def newest(make: Make, dossier: Dossier, by: Person) -> EntryVersion:
    make.act_as(by)
    found = make.session.scalars(
        select(EntryVersion).where(EntryVersion.entry_id == dossier.id).order_by(EntryVersion.number.desc())
    ).first()
    bind_reader(make.session, None)
    assert found is not None
    return found


# --- logging -------------------------------------------------------------------------------------------------------------


def test_an_officer_logs_a_dossier_with_title_topic_and_text_alone(make: Make, sign_in: SignIn) -> None:
    officer = make.person()
    answer = sign_in(officer).post("/dossiers/log", data=typed(make.topic()))
    [dossier] = logged(make, officer)
    assert answer.status_code == 303
    assert (dossier.title, dossier.state, dossier.unit_id) == ("Preparing the session", State.DRAFT, officer.unit_id)
    assert re.fullmatch(rf"{officer.unit.short_name.upper()}-[A-Z]{{6}}", dossier.code or "")


def test_everything_that_a_dossier_can_say_is_kept(make: Make, sign_in: SignIn) -> None:
    officer, topic, other, position = make.person(), make.topic(), make.unit(), make.position()
    sign_in(officer).post(
        "/dossiers/log",
        data=typed(
            topic,
            dossier_type="negotiation",
            lead=officer.ref,
            contributing=[other.ref],
            milestones="2026-09-30 First draft\n\n2026-04-01  Talks open ",
            positions=[position.ref],
            papers="Non-paper https://registry.example/1\nhttps://registry.example/2",
        ),
    )
    [dossier] = logged(make, officer)
    content = newest(make, dossier, officer).content
    assert dossier.dossier_type is DossierType.NEGOTIATION
    assert {k: content[k] for k in ("lead_id", "contributing", "milestones", "positions", "papers")} == {
        "lead_id": officer.id,
        "contributing": [other.id],
        "milestones": [["2026-04-01", "Talks open"], ["2026-09-30", "First draft"]],
        "positions": [position.id],
        "papers": [["Non-paper", "https://registry.example/1"], ["registry.example", "https://registry.example/2"]],
    }


def test_whoever_logs_leads_unless_somebody_else_is_chosen(make: Make, sign_in: SignIn) -> None:
    officer = make.person()
    make.person(unit=officer.unit)
    page = read(sign_in(officer), "/dossiers/log")
    assert re.search(rf'<option[^>]* selected[^>]* value="{officer.ref}"', page)


@pytest.mark.parametrize("role", ["coordinator", "leadership", "administrator", "auditor"])
def test_only_those_who_write_for_a_unit_are_shown_the_form(make: Make, sign_in: SignIn, role: str) -> None:
    browser = sign_in(make.person(roles=(role,)))
    assert browser.get("/dossiers/log").status_code == 403
    assert browser.post("/dossiers/log", data=typed(make.topic())).status_code == 403


def test_a_double_click_makes_one_dossier(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    browser, sent = sign_in(officer), typed(make.topic(), do="release")
    assert [browser.post("/dossiers/log", data=sent).status_code for _ in range(2)] == [303, 303]
    [dossier] = logged(make, officer)
    assert dossier.state is State.RELEASED


BAD = {
    "no title": ({"title": ""}, "Give it a title."),
    "no topic": ({"topics": []}, "Choose at least one topic."),
    "a text too long": ({"text": "y" * 20_001}, "What it is about is 20001 characters long; at most 20000 fit."),
    "a control character": ({"milestones": "2026-09-30 a\x07b"}, "cannot be seen"),
    "a directional override": ({"text": "safe\u202etxt"}, "reverses the reading direction"),
    "a milestone without a day": ({"milestones": "2026-09-30 Fine\nsoon, a draft"}, "Line 2: begin with a day"),
    "a milestone that says nothing": ({"milestones": "2026-09-30"}, "Line 1: say after the day what is due."),
    "a day too far away": ({"milestones": "9999-01-01 Never"}, "Line 1: this day is too far away."),
    "more milestones than fit": ({"milestones": "\n".join(["2026-09-30 one"] * 31)}, "There are 31 lines; at most 30 fit."),
    "a paper without a link": ({"papers": "Non-paper"}, "Line 1: end with the link to the registry"),
    "a paper that is a script": ({"papers": "Paper javascript:alert(1)"}, "Line 1: end with the link to the registry"),
    "an unknown lead": ({"lead": "A" * 22}, "Choose one from the list."),
    "an unknown unit": ({"contributing": ["A" * 22]}, "Choose one from the list."),
    "an unknown position": ({"positions": ["A" * 22]}, "Choose one from the list."),
    "an unknown type": ({"dossier_type": "war"}, "Choose one from the list."),
}


@pytest.mark.parametrize(("said", "sentence"), BAD.values(), ids=BAD.keys())
def test_what_does_not_pass_gets_a_plain_sentence_and_the_rest_stays(
    make: Make, sign_in: SignIn, said: dict[str, Any], sentence: str
) -> None:
    officer = make.person()
    answer = sign_in(officer).post(
        "/dossiers/log", data=typed(make.topic(), **{"registry_link": "https://registry.example/kept"} | said)
    )
    page = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code == 422
    assert sentence in page
    assert "https://registry.example/kept" in page
    assert logged(make, officer) == []


def test_a_hidden_position_is_as_unknown_as_one_that_never_was(make: Make, sign_in: SignIn) -> None:
    sealed, topic = make.position(sealed=True), make.topic()
    browser = sign_in(make.person())
    answers = [browser.post("/dossiers/log", data=typed(topic, positions=[ref], form_key="")) for ref in (sealed.ref, "A" * 22)]
    pages = [re.sub(r'value="[^"]*"', "", a.get_data(as_text=True)) for a in answers]
    assert [a.status_code for a in answers] == [422, 422]
    assert pages[0] == pages[1]


# --- the list and the page -----------------------------------------------------------------------------------------------------


def test_the_list_shows_what_is_shared_and_ones_own_drafts(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    make.dossier(title="Work of another unit")
    make.dossier(title="A draft of another unit", released=False)
    make.dossier(title="Sealed work", sealed=True)
    make.dossier(by=officer, title="A draft of mine", released=False)
    make.position(title="A position")
    page = words(read(sign_in(officer), "/dossiers"))
    assert "Work of another unit" in page
    assert "A draft of mine" in page
    assert "2 dossiers" in page
    for absent in ("A draft of another unit", "Sealed work", "A position"):
        assert absent not in page, absent


def test_the_list_is_narrowed(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    make.dossier(by=officer, title="Cables under the sea", topic=topic)
    make.dossier(title="Grain by rail")
    browser = sign_in(officer)
    for asked in (f"topic={topic.ref}", f"unit={officer.unit.ref}", "words=cable"):
        page = words(read(browser, f"/dossiers?{asked}"))
        assert "Cables under the sea" in page, asked
        assert "Grain by rail" not in page, asked


def test_a_dossier_shows_the_work_who_does_it_and_until_when(make: Make, sign_in: SignIn) -> None:
    officer, other, position = (
        make.officer(name="Amira Haddad"),
        make.unit(short_name="LEGAL"),
        make.position(title="The line drawn on"),
    )
    dossier = make.dossier(
        by=officer,
        title="Preparing the session",
        text="Text and sequence.",
        dossier_type=DossierType.NEGOTIATION,
        lead_id=officer.id,
        contributing=(other.id,),
        milestones=((date(2026, 3, 11), "First draft"),),
        positions=(position.id,),
        papers=(("Non-paper", "https://registry.example/1"),),
    )
    page = read(sign_in(make.person()), f"/dossiers/{dossier.ref}")
    for said in ("Text and sequence.", "Negotiation", "Amira Haddad", "LEGAL", "First draft", "in 9 days", "The line drawn on"):
        assert said in page, said
    assert dossier.code is not None
    assert dossier.code in page
    assert 'href="https://registry.example/1"' in page


def test_a_dossier_names_only_those_positions_that_its_reader_may_see(make: Make, sign_in: SignIn) -> None:
    officer = make.officer()
    sealed = make.position(by=officer, title="A sealed line", sealed=True)
    dossier = make.dossier(by=officer, positions=(sealed.id,))
    assert "A sealed line" in read(sign_in(officer), f"/dossiers/{dossier.ref}")
    page = read(sign_in(make.officer()), f"/dossiers/{dossier.ref}")
    assert "A sealed line" not in page
    assert "Positions it draws on" not in page


def test_a_draft_of_another_unit_and_one_that_never_was_get_the_same_answer(make: Make, sign_in: SignIn) -> None:
    draft = make.dossier(released=False)
    browser = sign_in(make.officer())
    for path in ("/dossiers/{}", "/dossiers/{}/revise"):
        answers = [browser.get(path.format(ref)) for ref in (draft.ref, "A" * 22)]
        assert [a.status_code for a in answers] == [404, 404], path
        assert answers[0].get_data(as_text=True).replace(draft.ref, "") == answers[1].get_data(as_text=True).replace("A" * 22, "")


def test_a_draft_shows_its_own_unit_whose_work_it_would_touch(make: Make, sign_in: SignIn) -> None:
    topic, officer, event = make.topic(), make.officer(), make.event()
    make.position(title="What the others hold", topic=topic, event=event)
    draft = make.dossier(by=officer, topic=topic, event=event, released=False)
    page = words(read(sign_in(officer), f"/dossiers/{draft.ref}"))
    assert "Once released, this would touch High Collision" in page
    assert "What the others hold" in page


# --- revising ------------------------------------------------------------------------------------------------------------------


def sent_again(page: str, topic: Any, **said: Any) -> dict[str, Any]:
    return typed(topic, base=hidden(page, "base"), form_key=hidden(page, "form_key"), **said)


def test_the_form_begins_with_the_newest_version(make: Make, sign_in: SignIn) -> None:
    officer, other = make.officer(), make.unit()
    dossier = make.dossier(
        by=officer,
        title="Kept title",
        dossier_type=DossierType.NORMS,
        lead_id=officer.id,
        contributing=(other.id,),
        milestones=((date(2026, 9, 30), "Kept milestone"),),
        papers=(("Kept paper", "https://registry.example/1"),),
    )
    page = read(sign_in(officer), f"/dossiers/{dossier.ref}/revise")
    for said in ('value="Kept title"', "2026-09-30 Kept milestone</textarea>", "Kept paper https://registry.example/1</textarea>"):
        assert said in page, said
    for chosen in ("norms", officer.ref, other.ref):
        assert re.search(rf'<option[^>]* selected[^>]* value="{chosen}"', page), chosen


def test_the_second_of_two_who_write_sees_both_texts_and_loses_nothing(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    colleague = make.person(name="Jonas Keller", unit=officer.unit)
    dossier = make.dossier(by=officer, topic=topic, text="We prepare the session.")
    mine, theirs = sign_in(officer), sign_in(colleague)
    path = f"/dossiers/{dossier.ref}/revise"
    my_page, their_page = read(mine, path), read(theirs, path)
    theirs.post(path, data=sent_again(their_page, topic, text="We prepare the session well.", milestones="2026-09-30 Theirs"))
    answer = mine.post(path, data=sent_again(my_page, topic, text="We shape the session.", milestones="2026-10-01 Mine"))
    page = html.unescape(answer.get_data(as_text=True))
    assert answer.status_code == 409
    for said in ("Saved while you were writing: version 2", "Jonas Keller", "30 Sep 2026: Theirs", "2026-10-01 Mine</textarea>"):
        assert said in page, said
    assert "We shape the session.</textarea>" in page
    assert newest(make, dossier, officer).content["text"] == "We prepare the session well."
    again = mine.post(path, data=sent_again(page, topic, text="We shape the session well.", milestones="2026-10-01 Mine"))
    assert again.status_code == 303
    assert newest(make, dossier, officer).content["text"] == "We shape the session well."


def test_positions_that_whoever_revises_may_not_see_stay_with_the_dossier(make: Make, sign_in: SignIn) -> None:
    officer, topic = make.officer(), make.topic()
    sealed = make.position(by=officer, title="A sealed line", sealed=True)
    open_one = make.position(by=officer, title="An open line")
    dossier = make.dossier(by=officer, topic=topic, positions=(sealed.id, open_one.id))
    colleague = make.person(unit=officer.unit, clearance=1)
    browser = sign_in(colleague)
    page = read(browser, f"/dossiers/{dossier.ref}/revise")
    assert "A sealed line" not in page
    said = sent_again(page, topic, text="Another text.", positions=[])
    assert browser.post(f"/dossiers/{dossier.ref}/revise", data=said).status_code == 303
    assert newest(make, dossier, officer).content["positions"] == [sealed.id]


def test_another_unit_revises_nothing(make: Make, sign_in: SignIn) -> None:
    topic = make.topic()
    dossier = make.dossier(topic=topic)
    browser = sign_in(make.officer())
    assert browser.get(f"/dossiers/{dossier.ref}/revise").status_code == 403
    assert browser.post(f"/dossiers/{dossier.ref}/revise", data=typed(topic, base="1")).status_code == 403
