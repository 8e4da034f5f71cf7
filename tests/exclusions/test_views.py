"""The pages of exclusions: what each hides, who may make and end one, and that a hidden pair stays hidden."""

import re

import pytest
from sqlalchemy import select

from coordinator.exclusions.models import Exclusion


def said(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split())


def typed(make, reason="We know of each other", days=30, **more):
    day = make.today.replace(month=make.today.month + days // 30)
    return {"reason": reason, "until_on": day.isoformat(), **more}


@pytest.fixture
def excluded(make, sign_in):
    """A pair that one of its units excluded: the overlap, the address of the exclusion, an officer of each unit."""
    ref, one, other = make.overlap("medium")
    answer = sign_in(one).post(f"/exclusions/pair/{ref}", data=typed(make))
    assert answer.status_code == 303
    return ref, answer.location, one, other


def test_a_pair_is_excluded_from_its_own_page_and_both_units_read_why(make, sign_in, excluded):
    ref, address, one, other = excluded
    browser = sign_in(other)
    page = said(browser.get(f"/overlaps/{ref}"))
    assert "excluded it:" in page
    assert "We know of each other" in page
    assert "excluded the pair." in page
    listed = said(browser.get("/exclusions"))
    assert "hides 1 pair" in listed
    shown = said(browser.get(address))
    assert one.name in shown
    assert "1 pair that is shared with you" in shown
    assert "End it now" not in shown
    assert browser.post(f"{address}/end").status_code == 403


def test_it_is_ended_by_its_owner_and_by_a_coordinator(make, sign_in, excluded):
    ref, address, one, _other = excluded
    browser = sign_in(one)
    assert "End it now" in said(browser.get(address))
    assert browser.post(f"{address}/end").status_code == 303
    assert "no longer holds" in said(browser.get(address))
    assert "ended by" in said(browser.get("/exclusions?ended=1"))
    assert "Nothing is excluded" in said(browser.get("/exclusions"))
    assert browser.post(f"{address}/end").status_code == 409
    assert "asked, not acknowledged" in said(browser.get(f"/overlaps/{ref}"))
    assert said(sign_in(make.person(roles=("coordinator",))).get(f"/history?overlap={ref}"))


def test_what_happened_to_it_stands_in_the_history(make, sign_in, excluded):
    _ref, address, one, _other = excluded
    browser = sign_in(one)
    browser.post(f"{address}/end")
    page = said(browser.get("/history"))
    assert "because: We know of each other" in page
    assert "was ended before its day" in page
    stranger = said(sign_in(make.person(unit=make.unit(of=make.organisation(circle="country", ceiling=0)))).get("/history"))
    assert "We know of each other" not in stranger


def test_a_critical_pair_is_refused_in_words_and_what_was_typed_stays(make, sign_in):
    ref, one, _other = make.overlap("critical")
    browser = sign_in(one)
    assert f"/exclusions/pair/{ref}" not in browser.get(f"/overlaps/{ref}").get_data(as_text=True)
    answer = browser.post(f"/exclusions/pair/{ref}", data=typed(make, reason="Let us not see it"))
    assert answer.status_code == 409
    assert "What is critical is never excluded" in said(answer)
    assert "Let us not see it" in answer.get_data(as_text=True)
    ref, one, _other = make.overlap("high")
    assert "takes a coordinator" in said(sign_in(one).post(f"/exclusions/pair/{ref}", data=typed(make)))
    assert sign_in(make.person(roles=("coordinator",))).post(f"/exclusions/pair/{ref}", data=typed(make)).status_code == 303


def test_no_exclusion_without_reason_and_end(make, sign_in):
    ref, one, _other = make.overlap("medium")
    browser = sign_in(one)
    answer = browser.post(f"/exclusions/pair/{ref}", data={})
    assert answer.status_code == 422
    assert "an exclusion has an end" in said(answer)
    far = {"reason": "for ever", "until_on": "2199-01-01"}
    answer = browser.post(f"/exclusions/pair/{ref}", data=far)
    assert "a day from today to a year from today" in said(answer)
    assert "for ever" in answer.get_data(as_text=True)
    make.act_as(one)
    assert make.session.scalars(select(Exclusion)).all() == []


def test_a_coordinator_excludes_two_units_on_a_topic(make, sign_in):
    topic, one, other = make.topic("Spectrum"), make.unit(), make.unit()
    browser = sign_in(make.person(roles=("coordinator",)))
    same = browser.post("/exclusions/units", data=typed(make, one=one.ref, other=one.ref, topic=topic.ref))
    assert "Choose two units" in said(same)
    answer = browser.post("/exclusions/units", data=typed(make, one=one.ref, other=other.ref, topic=topic.ref))
    assert answer.status_code == 303
    assert "on Spectrum" in said(browser.get(answer.location))
    again = browser.post("/exclusions/units", data=typed(make, one=other.ref, other=one.ref, topic=topic.ref))
    assert "excluded already" in said(again)


def test_a_releasing_officer_leaves_a_phrase_out_of_the_units_texts(make, sign_in):
    releasing = make.person(roles=("releasing_officer",))
    browser = sign_in(releasing)
    short = browser.post("/exclusions/phrase", data=typed(make, phrase="cyber"))
    assert "two words and ten letters" in said(short)
    answer = browser.post("/exclusions/phrase", data=typed(make, phrase="Ministry of  Foreign Affairs"))
    assert answer.status_code == 303
    assert "“Ministry of Foreign Affairs” in the texts of" in said(browser.get(answer.location))
    assert "Left out already" in said(browser.get("/exclusions/phrase"))


def test_the_exclusion_of_a_pair_is_not_there_for_whoever_may_not_see_both(make, sign_in):
    topic = make.topic()
    question = make.question(topic=topic)
    blind, seer = make.officer(), make.officer()
    make.position(by=blind, topic=topic, question=question, stance="conditions")
    make.position(by=seer, topic=topic, question=question, stance="oppose", sealed=True, title="Zanzibar papers")
    ref = re.search(r"/overlaps/([\w-]{22})", sign_in(seer).get("/overlaps").get_data(as_text=True))
    assert ref
    address = sign_in(seer).post(f"/exclusions/pair/{ref[1]}", data=typed(make)).location
    for person in (blind, make.person(roles=("coordinator",)), make.person(roles=("leadership",))):
        browser = sign_in(person)
        assert browser.get(address).status_code == 404
        assert browser.post(f"{address}/end").status_code == 404
        assert "Nothing is excluded" in said(browser.get("/exclusions"))


def test_a_contact_that_is_excluded_is_listed_no_longer(make, sign_in):
    topic, one, other = make.topic(), make.officer(), make.officer()
    ours = make.dossier(by=one, topic=topic, title="Pilots", text="Harbour pilots want longer hours.")
    make.dossier(by=other, topic=topic, title="Glaciers", text="Glaciers retreat above the valley.")
    assert "Glaciers" in said(sign_in(one).get(f"/dossiers/{ours.ref}"))
    make.exclusion(one.unit, other.unit, topic, by=make.person(roles=("coordinator",)))
    assert "Glaciers" not in said(sign_in(one).get(f"/dossiers/{ours.ref}"))


def test_why_not_says_which_exclusion_hides_a_pair(make, sign_in):
    topic, event, one, other = make.topic("Spectrum"), make.event(), make.officer(), make.officer()
    ours, theirs = make.dossier(by=one, topic=topic, event=event), make.dossier(by=other, topic=topic, event=event)
    coordinator = make.person(roles=("coordinator",))
    make.exclusion(one.unit, other.unit, topic, by=coordinator)
    page = said(sign_in(coordinator).get(f"/detector/why-not?one={ours.ref}&other={theirs.ref}"))
    assert "excluded the two units on “Spectrum” until" in page
    assert "They know of each other" in page
