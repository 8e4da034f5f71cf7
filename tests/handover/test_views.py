import pytest

from coordinator.people import queries as people
from tests.test_two_worlds import counted


@pytest.fixture
def unit(make):
    return make.unit("Digital Freedom")


@pytest.fixture
def leo(make, unit):
    return make.officer(unit=unit, name="Leo Leaves", clearance=1)


@pytest.fixture
def kim(make, unit):
    return make.officer(unit=unit, name="Kim Keeps", clearance=1)


def test_a_releasing_officer_sees_the_work_and_hands_it_over(sign_in, make, leo, kim, session):
    make.position(by=leo, released=False, title="Half a line")
    make.position(by=leo, title="A line that stands")
    make.dossier(by=leo, lead_id=leo.id, title="A dossier", milestones=((make.today, "a step"),))
    browser = sign_in(kim)
    page = browser.get(f"/handover/{leo.ref}").text
    for shown in ("Half a line", "A line that stands", "A dossier", "a step"):
        assert shown in page
    assert "Disable the account" not in page
    assert browser.post(f"/handover/{leo.ref}", data={"to": kim.ref}).location == f"/units/{leo.unit.ref}"
    assert "Half a line" in browser.get("/").text
    assert "Nothing that you may see has to be handed over." in browser.get(f"/handover/{leo.ref}").text


def test_an_administrator_sees_what_is_shared_and_hands_over_the_rest_too(sign_in, make, leo, kim, session):
    make.position(by=leo, title="Open to all")
    make.position(by=leo, released=False, title="A draft of the unit")
    browser = sign_in(make.person(roles=("administrator",)))
    page = browser.get(f"/handover/{leo.ref}").text
    assert "Open to all" in page
    assert "A draft of the unit" not in page
    assert browser.post(f"/handover/{leo.ref}", data={"to": kim.ref, "disable": "y"}).status_code == 303
    session.expire_all()
    assert not people.person(session, leo.ref).is_active
    assert "A draft of the unit" in sign_in(kim).get("/").text


def test_what_cannot_be_is_refused_in_its_place(sign_in, make, leo, kim):
    browser = sign_in(leo)
    assert "Please fill this in." in browser.post(f"/handover/{leo.ref}", data={"to": ""}).text
    stranger = make.officer()
    answer = browser.post(f"/handover/{leo.ref}", data={"to": stranger.ref})
    assert answer.status_code == 422
    forged = browser.post(f"/handover/{leo.ref}", data={"to": kim.ref, "disable": "y"})
    assert forged.status_code == 409
    assert "Only an administrator disables an account" in forged.text


def test_the_last_one_who_releases_is_noticed(sign_in, make, unit, leo):
    make.person(unit=unit)
    assert "Nobody else in this unit releases." in sign_in(leo).get(f"/handover/{leo.ref}").text


def test_alone_in_a_unit_there_is_nobody_to_hand_over_to(sign_in, leo):
    assert "Nobody else in this unit logs." in sign_in(leo).get(f"/handover/{leo.ref}").text


def test_somebody_hidden_is_not_there_and_a_stranger_may_not(sign_in, make, leo):
    outsider = make.person(unit=make.unit(of=make.organisation(circle="country", ceiling=0)))
    assert sign_in(outsider).get(f"/handover/{leo.ref}").status_code == 404
    assert sign_in(make.officer()).get(f"/handover/{leo.ref}").status_code == 403


def test_the_page_costs_the_same_however_much_it_is(sign_in, make, leo, kim):
    make.position(by=leo)
    make.dossier(by=leo, lead_id=leo.id)
    browser = sign_in(kim)
    browser.get("/")
    with counted() as few:
        browser.get(f"/handover/{leo.ref}")
    for _ in range(3):
        make.position(by=leo, released=False)
        make.dossier(by=leo, lead_id=leo.id, milestones=((make.today, "a step"),))
    with counted() as many:
        browser.get(f"/handover/{leo.ref}")
    assert len(few) == len(many)


def test_the_entry_says_in_whose_hands_it_is_now(sign_in, make, leo, kim):
    entry = make.position(by=leo, title="A line that stands")
    browser = sign_in(kim)
    browser.post(f"/handover/{leo.ref}", data={"to": kim.ref})
    page = browser.get(f"/positions/{entry.ref}").text
    assert "now with Kim Keeps" in page
