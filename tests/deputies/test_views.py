from datetime import timedelta

from coordinator.deputies import queries


def test_an_officer_names_a_deputy_who_is_shown_on_the_unit_page(sign_in, make, session, at):
    unit = make.unit("Digital Freedom")
    ana, ben = make.person("Ana Novak", unit=unit), make.person("Ben Ode", unit=unit)
    browser = sign_in(ana)
    given = {"deputy": ben.ref, "from_on": at.date().isoformat(), "until_on": (at.date() + timedelta(days=4)).isoformat()}
    assert browser.post("/deputies", data=given).location == "/deputies"
    assert "Ben Ode" in browser.get("/deputies").text
    page = browser.get(f"/units/{unit.ref}").text
    assert "deputy:" in page
    assert "6 Mar 2026" in page
    assert "Ana Novak" in sign_in(ben).get("/deputies").text
    (deputy,) = queries.of_persons(session, [ana.id])
    assert browser.post(f"/deputies/{deputy.ref}/end").location == "/deputies"
    session.expire_all()
    assert queries.one(session, deputy.ref).until_on == at.date()


def test_a_refusal_keeps_what_was_typed(sign_in, make, at):
    unit = make.unit()
    ana, ben = make.person(unit=unit), make.person("Ben Ode", unit=unit)
    make.deputy(ana, ben)
    given = {"deputy": ben.ref, "from_on": at.date().isoformat(), "until_on": "2026-07-01"}
    answer = sign_in(ana).post("/deputies", data=given)
    assert answer.status_code == 409
    assert "Somebody stands in at that time already." in answer.text
    assert 'value="2026-07-01"' in answer.text


def test_a_releasing_officer_names_deputies_of_the_own_unit_only(sign_in, make, at):
    unit = make.unit()
    head, ana, stranger = make.officer(unit=unit), make.person(unit=unit), make.person()
    browser = sign_in(head)
    given = {"deputy": head.ref, "from_on": at.date().isoformat()}
    assert browser.post(f"/deputies/{ana.ref}", data=given).location == f"/deputies/{ana.ref}"
    assert browser.get(f"/deputies/{stranger.ref}").status_code == 403


def test_only_colleagues_of_the_own_organisation_can_stand_in(sign_in, make, at):
    firm = make.unit(of=make.organisation(circle="country", ceiling=0))
    ana, outsider = make.person(), make.person("Outside Person", unit=firm)
    browser = sign_in(ana)
    assert "Outside Person" not in browser.get("/deputies").text
    assert browser.post("/deputies", data={"deputy": outsider.ref, "from_on": at.date().isoformat()}).status_code == 422
    assert sign_in(outsider).get(f"/deputies/{ana.ref}").status_code == 404
