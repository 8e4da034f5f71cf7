import re
from datetime import date, timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from coordinator.db import bookkeeping, transaction
from coordinator.people import actions, queries
from coordinator.people.commands import send_links
from coordinator.people.models import Person, SignIn, SignInTry
from tests.test_two_worlds import counted

PASSWORD = "slow otters cross rivers"


@pytest.fixture
def ana(make):
    return make.person("Ana Ferreira", email="ana@ministry.example", password=PASSWORD, roles=("coordinator",))


def type_password(client, email="ana@ministry.example", password=PASSWORD, onward="", **given):
    return client.post("/sign-in" + onward, data={"email": email, "password": password}, **given)


def test_a_stranger_is_sent_to_sign_in(client):
    answer = client.get("/units")
    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=/units"


def test_a_person_signs_in_and_goes_on(client, ana):
    answer = type_password(client, onward="?next=/units")
    assert (answer.status_code, answer.location) == (303, "/units")
    assert client.get("/units").status_code == 200


@pytest.mark.parametrize("email", ["ana@ministry.example", "nobody@ministry.example"], ids=["known", "unknown"])
def test_the_answer_to_a_wrong_password_does_not_tell_who_is_known(client, ana, email):
    answer = type_password(client, email, "a wrong password")
    assert answer.status_code == 422
    assert "Address and password do not belong together." in answer.text


def test_a_disabled_person_gets_the_same_answer(client, session, make, ana, at):
    with transaction(session):
        actions.disable(session, ana, by=None, at=at)
    assert "Address and password do not belong together." in type_password(client).text


def test_signing_in_makes_a_new_session(client, ana, session):
    client.get("/sign-in")
    with client.session_transaction() as planted:
        planted["sign_in"], planted["csrf_token"] = "planted", "planted"
    client.post("/sign-in", data={"email": "ana@ministry.example", "password": PASSWORD, "csrf_token": client.token()})
    with client.session_transaction() as kept:
        assert kept["sign_in"] != "planted"
        assert kept.get("csrf_token") != "planted"


def test_after_signing_out_the_cookie_is_worth_nothing(app, client, ana):
    type_password(client)
    with client.session_transaction() as kept:
        stolen = dict(kept)
    assert client.post("/sign-out").location == "/sign-in"
    thief = app.test_client()
    with thief.session_transaction() as kept:
        kept.update(stolen)
    assert thief.get("/units").status_code == 302


@pytest.mark.parametrize(
    ("later", "status"), [(timedelta(minutes=59), 200), (timedelta(minutes=61), 302)], ids=["within the idle limit", "left alone"]
)
def test_a_sign_in_left_alone_ends(sign_in, ana, at, later, status):
    browser = sign_in(ana)
    with time_machine.travel(at + later, tick=False):
        assert browser.get("/units").status_code == status


def test_a_sign_in_in_use_ends_after_a_working_day(sign_in, ana, at):
    browser, answers = sign_in(ana), []
    for minutes in range(0, 800, 50):
        with time_machine.travel(at + timedelta(minutes=minutes), tick=False):
            answers.append(browser.get("/units").status_code)
    assert answers == [200] * 15 + [302]  # 14 × 50 minutes are within twelve hours, 15 × 50 are not


def test_losing_the_account_or_a_role_holds_from_the_next_click(sign_in, session, ana, make, at):
    browser = sign_in(ana)
    assert browser.get("/units/add").status_code == 200
    with transaction(session):
        draft = actions.PersonDraft(ana.name, ana.email, ana.unit_id, frozenset(), 2, ana.time_zone)
        actions.revise_person(session, ana, draft, by=None, at=at)
    assert browser.get("/units/add").status_code == 403
    with transaction(session):
        actions.disable(session, ana, by=None, at=at)
    assert browser.get("/units").status_code == 302


def test_too_many_tries_are_stopped_and_a_new_link_opens_again(client, ana, post):
    answers = [type_password(client, password="a wrong password").status_code for _ in range(9)]
    assert answers == [422] * 8 + [429]
    assert type_password(client).status_code == 429
    client.post("/sign-in/link", data={"email": "ana@ministry.example"})
    link = link_in(post()[0])
    assert client.post(link, data={"password": "a dozen patient herons"}).location == "/"
    assert client.get("/units").status_code == 200


@pytest.mark.parametrize(
    "onward",
    [
        "//evil.example",
        "https:evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "/%5Cevil.example",
        "/%2f/evil.example",
        "evil",
        "",
    ],
)
def test_after_signing_in_one_stays_on_this_site(client, ana, onward):
    answer = client.post("/sign-in", query_string={"next": onward}, data={"email": "ana@ministry.example", "password": PASSWORD})
    assert answer.location == "/"


def test_a_form_without_its_token_does_nothing(client, ana, session):
    assert type_password(client, forged=True).status_code == 400
    assert session.scalar(select(func.count()).select_from(SignInTry)) == 0


def test_the_token_of_another_browser_does_nothing(app, sign_in, ana, make, session):
    foreign = sign_in(make.person()).token()
    answer = sign_in(ana).post("/units/add", data={"csrf_token": foreign, "name": "Planted"}, forged=True)
    assert answer.status_code == 400


def test_a_form_from_a_foreign_page_does_nothing(client, ana):
    assert type_password(client, headers={"Origin": "https://evil.example"}).status_code == 400
    assert type_password(client, headers={"Origin": "http://coordinator.test"}).status_code == 303


@pytest.mark.parametrize("path", ["/sign-in", "/units", "/healthz"])
def test_a_foreign_host_is_refused(client, path):
    assert client.get(path, base_url="http://evil.example").status_code == 400


# --- links -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def post(app, letters):
    """Let the worker mail what is due, and return the envelopes that the relay has taken so far."""

    def run():
        with app.app_context():
            send_links()
        return letters

    return run


def link_in(envelope):
    text = envelope.content.decode()
    return re.search(r"http://coordinator\.test(/sign-in/link/[\w-]{22})", text.replace("=\r\n", ""))[1]


def test_a_link_is_mailed_once_asked_for_and_sets_a_password(client, make, letters, post):
    make.person("Ana", email="ana@ministry.example")
    answer = client.post("/sign-in/link", data={"email": "Ana@ministry.example"}, headers={"X-Forwarded-Host": "evil.example"})
    assert answer.location == "/sign-in"
    assert letters == []  # nothing leaves inside a request
    (envelope,) = post()
    assert envelope.rcpt_tos == ["ana@ministry.example"]
    link = link_in(envelope)
    assert client.get(link).status_code == 200
    assert "at least 12 characters" in client.post(link, data={"password": "short"}).text
    assert client.post(link, data={"password": PASSWORD}).location == "/"
    assert client.get("/units").status_code == 200
    assert client.get(link).status_code == 404


def test_the_answer_to_asking_for_a_link_does_not_tell_who_is_known(client, ana, post):
    known = client.post("/sign-in/link", data={"email": "ana@ministry.example"})
    unknown = client.post("/sign-in/link", data={"email": "nobody@ministry.example"})
    assert (known.status_code, known.location) == (unknown.status_code, unknown.location)
    assert len(post()) == 1


def test_links_cannot_be_asked_for_without_end(client, ana, post):
    for _ in range(6):
        assert client.post("/sign-in/link", data={"email": "ana@ministry.example"}).status_code == 303
        post()
    assert len(post()) == 3


def test_a_link_whose_mail_the_relay_did_not_take_is_mailed_later(app, client, ana, request):
    client.post("/sign-in/link", data={"email": "ana@ministry.example"})
    with app.app_context():
        assert send_links() == 0  # nobody listens there
    assert len(request.getfixturevalue("post")()) == 1


def test_two_workers_mail_a_link_once(client, ana, post, session, at):
    client.post("/sign-in/link", data={"email": "ana@ministry.example"})
    ((link, _email),) = queries.links_to_mail(session, at=at)
    with bookkeeping(session):
        assert actions.take_letter(session, link) is not None
    with bookkeeping(session):
        assert actions.take_letter(session, link) is None
    assert post() == []


def test_a_made_up_link_is_not_found(client):
    assert client.get("/sign-in/link/" + "A" * 22).status_code == 404
    broken = client.get("/sign-in/link/x")
    assert broken.status_code == 404
    assert "This link no longer works" in broken.get_data(as_text=True)


# --- my account ----------------------------------------------------------------------------------------------------------------


def test_changing_the_password_ends_every_other_browser(sign_in, ana):
    here, there = sign_in(ana), sign_in(ana)
    assert (
        "not your password" in here.post("/account/password", data={"current": "wrong", "password": "a dozen patient herons"}).text
    )
    answer = here.post("/account/password", data={"current": PASSWORD, "password": "a dozen patient herons"})
    assert answer.location == "/account"
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 302


def test_a_person_chooses_a_time_zone(sign_in, ana, session):
    browser = sign_in(ana)
    assert browser.post("/account", data={"time_zone": "America/New_York"}).location == "/account"
    assert browser.post("/account", data={"time_zone": "Middle/Earth"}).status_code == 422
    session.expire_all()
    assert session.get(Person, ana.id).time_zone == "America/New_York"


# --- units -----------------------------------------------------------------------------------------------------------------------


def test_a_coordinator_adds_and_renames_a_unit(sign_in, ana, session, make):
    browser, ministry = sign_in(ana), make.ministry()
    given = {"organisation": ministry.ref, "name": "Digital Freedom", "short_name": "CDF", "parent": ana.unit.ref}
    shown = browser.get(browser.post("/units/add", data=given).location)
    assert "Digital Freedom" in shown.text
    ref = shown.request.path.rsplit("/", 1)[1]
    answer = browser.post(f"/units/{ref}/edit", data={**given, "name": "Digital Rights"})
    assert "Digital Rights" in browser.get(answer.location).text


def test_a_refusal_stands_beside_its_field_and_keeps_what_was_typed(sign_in, ana, make):
    make.unit("Digital Freedom")
    given = {"organisation": make.ministry().ref, "name": "digital freedom", "short_name": "ZZZ"}
    answer = sign_in(ana).post("/units/add", data=given)
    assert answer.status_code == 409
    assert "This name is taken already" in answer.text
    assert 'value="ZZZ"' in answer.text


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Please fill this in."),
        ("x" * 214, "Name is 214 characters long; at most 200 fit."),
        ("a\x00b", "control character"),
        ("a\nb", "one line"),
        ("a\u202eb", "reverses the reading direction"),
        ("a\u2067b", "did not change it back"),
        ("\ud800", None),
    ],
    ids=["empty", "too long", "NUL", "newline", "override", "isolate left open", "half a character"],
)
def test_odd_typing_gets_a_plain_sentence(sign_in, ana, make, name, sentence):
    typed = {"organisation": make.ministry().ref, "name": name, "short_name": "ZZZ"}
    if sentence is None:
        body = "&".join([f"organisation={typed['organisation']}", "short_name=ZZZ", "name=%ED%A0%80"])
        browser = sign_in(ana)
        answer = browser.post(
            "/units/add", data=body + f"&csrf_token={browser.token()}", content_type="application/x-www-form-urlencoded"
        )
        assert answer.status_code in {303, 400, 422}
        return
    answer = sign_in(ana).post("/units/add", data=typed)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="ZZZ"' in answer.text


def test_what_is_not_in_the_list_is_refused_whether_it_exists_or_not(sign_in, ana, make):
    for organisation in ("A" * 22, "x", make.unit().ref):
        answer = sign_in(ana).post("/units/add", data={"organisation": organisation, "name": "New", "short_name": "N"})
        assert answer.status_code == 422
        assert "Choose one from the list." in answer.text


def test_a_firm_sees_its_own_units_only(sign_in, make):
    inside = make.unit("International Cyberspace Security")
    firm = make.organisation("Orrery Cloud", circle="country", ceiling=0)
    outsider = sign_in(make.person(unit=make.unit("Public Policy", of=firm)))
    page = outsider.get("/units").text
    assert "Public Policy" in page
    assert "International Cyberspace Security" not in page
    assert outsider.get(f"/units/{inside.ref}").status_code == 404
    assert "The Ministry" not in outsider.get("/organisations").text


def test_a_page_number_out_of_bounds_is_not_found(sign_in, make):
    keeper = sign_in(make.person(roles=("administrator",)))
    for number in ("0", "-1", "2", "1" + "0" * 20, "x", "١"):
        assert keeper.get("/people", query_string={"page": number}).status_code == 404
    assert keeper.get("/people?page=1").status_code == 200


@pytest.fixture
def tree(make):
    """A bureau with a unit, a unit that ended, and one of another organisation."""
    bureau = make.unit("Bureau of Cyberspace", short_name="CDP")
    make.unit("Digital Freedom", short_name="CDF", under=bureau)
    make.unit("Telegraph Office", short_name="TEL", ends_on=date(2026, 3, 1))
    make.unit("Closing Office", short_name="CLO", ends_on=date(2026, 3, 9))
    make.unit("Digital Trade", of=make.organisation("Department of Trade", circle="government"))
    return bureau


def test_units_stand_in_trees_by_organisation_and_ended_ones_apart(sign_in, make, tree):
    page = sign_in(make.person()).get("/units").text
    parts = page.split("<h2")
    assert re.search(r"Bureau of Cyberspace.*<ul>.*Digital Freedom", parts[1], re.DOTALL)
    assert "Closing Office" in parts[1]
    assert "Digital Trade" in parts[2]
    assert "Ended" in parts[3]
    assert "Telegraph Office" in parts[3]
    assert "1 person" in parts[1]


def test_an_organisation_shows_its_units_and_dates_and_outsiders_see_their_own_only(sign_in, ana, make, tree):
    browser, ministry = sign_in(ana), make.ministry()
    given = {"name": ministry.name, "short_name": "MFA", "circle": "ministry", "ceiling": "2", "starts_on": "1950-01-01"}
    assert browser.post(f"/organisations/{ministry.ref}/edit", data=given).status_code == 303
    page = browser.get(f"/organisations/{ministry.ref}").text
    assert "1 Jan 1950" in page
    assert page.index("Digital Freedom") < page.index("Telegraph Office")
    assert "Digital Trade" not in page
    backwards = browser.post(f"/organisations/{ministry.ref}/edit", data={**given, "ends_on": "1949-01-01"})
    assert "This ends before it starts." in backwards.text
    firm = make.organisation("Orrery Cloud", circle="country", ceiling=0)
    outsider = sign_in(make.person(unit=make.unit("Public Policy", of=firm)))
    assert "Public Policy" in outsider.get(f"/organisations/{firm.ref}").text
    assert outsider.get(f"/organisations/{ministry.ref}").status_code == 404


def test_a_unit_page_tells_its_stakes_past_and_present(sign_in, ana, make, tree):
    make.equity(tree, make.topic("Encryption"), "lead", from_on=date(2025, 1, 1), until_on=date(2026, 1, 31))
    make.equity(tree, make.topic("Quantum"), "must_consult")
    page = sign_in(ana).get(f"/units/{tree.ref}").text
    now_, past = page.split("Past stakes", 1)
    assert "Quantum" in now_
    assert "Encryption" not in now_
    assert "31 Jan 2026" in past


def test_a_unit_page_names_those_below_it_first_that_stand_and_when_the_others_ended(sign_in, ana, make, tree):
    above = make.unit("Above")
    make.unit("Closed", under=above, short_name="A-OLD", ends_on=make.today - timedelta(days=3))
    make.unit("Standing", under=above, short_name="B-NEW", ends_on=make.today + timedelta(days=3))
    page = sign_in(ana).get(f"/units/{above.ref}").get_data(as_text=True)
    below = re.sub(r"<[^>]+>|\s+", " ", page[page.index("Units below") :])
    assert below.index("Standing") < below.index("Closed")
    assert re.match(r"Units below +Standing +Closed +ended on +27 Feb 2026 ", below)


def test_a_unit_page_tells_who_was_there_before(sign_in, ana, make, session, tree, at):
    mover = make.person("Mio Tanaka", unit=tree)
    with transaction(session):
        draft = actions.PersonDraft("Mio Tanaka", mover.email, ana.unit_id, mover.roles, 2, "UTC")
        actions.revise_person(session, mover, draft, by=None, at=at + timedelta(days=3))
    page = sign_in(ana).get(f"/units/{tree.ref}").text
    assert re.search(r"Who was here before.*Mio Tanaka.*2 Mar 2026.*5 Mar 2026", page, re.DOTALL)
    assert re.search(r"Mio Tanaka.*since.*5 Mar 2026", sign_in(ana).get(f"/units/{ana.unit.ref}").text, re.DOTALL)


def test_where_a_unit_came_from_is_written_down_and_taken_back(sign_in, ana, make, session, tree):
    browser, other = sign_in(ana), make.unit("Telephone Office", short_name="PHO")
    given = {"direction": "came_from", "other": other.ref, "on": "2026-03-01", "ends": "y"}
    assert browser.post(f"/units/{tree.ref}/succession", data=given).status_code == 303
    assert "Came from" in browser.get(f"/units/{tree.ref}").text
    page = browser.get(f"/units/{other.ref}").text
    assert "This unit ended on" in page
    assert "It went on as CDP, and ended, on 1 Mar 2026." in page
    assert browser.post(f"/units/{other.ref}/succession/{tree.ref}/take-back").status_code == 303
    session.expire_all()
    assert queries.successions(session, tree.id) == []


def test_names_of_people_and_what_a_unit_has_a_stake_in_stay_inside(sign_in, make, tree):
    """A firm that is shown an entry of a unit learns the unit's name, not who works there."""
    make.equity(tree, make.topic("Encryption"))
    make.position(by=make.officer(unit=tree, name="Inside Person"), level=0, audience=frozenset({"circle:country"}))
    firm = make.unit(of=make.organisation(circle="country", ceiling=0))
    page = sign_in(make.person(unit=firm)).get(f"/units/{tree.ref}").text
    assert "Bureau of Cyberspace" in page
    for hidden in ("Inside Person", "Encryption", "Digital Freedom", "Written down"):
        assert hidden not in page


# --- accounts ----------------------------------------------------------------------------------------------------


def test_an_administrator_invites_changes_and_disables_a_person(sign_in, make, post, session):
    unit, keeper = make.unit("Digital Freedom"), sign_in(make.person(roles=("administrator",)))
    given = {"name": "Mio Tanaka", "email": "mio@ministry.example", "unit": unit.ref, "roles": ["officer"], "clearance": "1"}
    assert keeper.post("/people/invite", data=given).location == "/people"
    assert post()[0].rcpt_tos == ["mio@ministry.example"]
    mio = queries.person_by_email(session, "mio@ministry.example")
    changed = {**given, "roles": ["officer", "releasing_officer"], "clearance": "2"}
    assert keeper.post(f"/people/{mio.ref}/edit", data=changed).location == "/people"
    assert keeper.post("/people/invite", data=given).status_code == 409
    assert keeper.post(f"/people/{mio.ref}/disable").status_code == 303
    session.expire_all()
    again = queries.person(session, mio.ref)
    assert ({r.value for r in again.roles}, again.clearance, again.is_active) == ({"officer", "releasing_officer"}, 2, False)
    assert keeper.post(f"/people/{mio.ref}/enable").status_code == 303
    session.expire_all()
    assert queries.person(session, mio.ref).is_active


def test_nobody_is_put_into_a_unit_that_ended_but_stays_in_one(sign_in, make):
    gone, keeper = make.unit("Telegraph Office", ends_on=date(2026, 3, 2)), sign_in(make.person(roles=("administrator",)))
    left = make.person(unit=gone)
    assert "Telegraph Office" not in keeper.get("/people/invite").text
    assert "Telegraph Office" in keeper.get(f"/people/{left.ref}/edit").text


def test_an_administrator_does_not_disable_the_own_account(sign_in, make):
    keeper = make.person(roles=("administrator",))
    answer = sign_in(keeper).post(f"/people/{keeper.ref}/disable")
    assert answer.status_code == 409
    assert "another administrator" in answer.text


def test_a_form_cannot_write_what_it_does_not_show(sign_in, make, session):
    person = make.person(roles=("officer",))
    given = {
        "time_zone": "UTC",
        "clearance": "2",
        "roles": "administrator",
        "unit": make.unit().ref,
        "id": "1",
        "email": "x@x.example",
    }
    assert sign_in(person).post("/account", data=given).status_code == 303
    session.expire_all()
    again = queries.person(session, person.ref)
    assert (again.email, again.unit_id, {r.value for r in again.roles}) == (person.email, person.unit_id, {"officer"})


def test_reading_a_page_notes_when_it_was_at_most_once_a_minute(sign_in, ana, at, session):
    browser = sign_in(ana)
    for seconds, seen in ((30, 0), (61, 61), (90, 61)):
        with time_machine.travel(at + timedelta(seconds=seconds), tick=False):
            browser.get("/units")
        session.expire_all()
        assert session.scalars(select(SignIn.seen_at)).one() == at + timedelta(seconds=seen)


@pytest.mark.parametrize(
    "path", ["/units", "/units/{unit}", "/organisations/{organisation}", "/groups", "/groups/{group}", "/deputies"]
)
def test_pages_about_units_cost_the_same_however_much_there_is(sign_in, ana, make, tree, path):
    group, browser = make.group(), sign_in(ana)
    address = path.format(unit=tree.ref, organisation=make.ministry().ref, group=group.ref)
    make.deputy(make.person(unit=tree, groups=(group,)), make.person(unit=tree))
    make.equity(tree, make.topic())
    browser.get(address)
    with counted() as few:
        browser.get(address)
    for _ in range(3):
        one = make.person(unit=tree, groups=(group,))
        make.deputy(one, make.person(unit=tree))
        make.equity(tree, make.topic())
        make.unit(under=tree)
        make.group()
    with counted() as many:
        browser.get(address)
    assert len(few) == len(many)
