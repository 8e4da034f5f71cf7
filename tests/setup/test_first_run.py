"""From nothing to two units that are told of a conflict: what the first person of a ministry does, in their order."""

import re

import pytest
from sqlalchemy import func, select

from coordinator.clock import today
from coordinator.people import queries as people
from coordinator.people.models import OneTimeLink, Person, Unit
from coordinator.setup import queries
from coordinator.topics.models import Topic
from tests.test_two_worlds import counted

PASSWORD = "twelve quiet herons"
UNITS = "CDP; Bureau of Cyberspace\n- ICS; Cyberspace Security\n- CDF; Digital Freedom\n"
PEOPLE = """Ana Ferrer; ana@ministry.example; ICS; desk officer, releasing officer
Jon Berg; jon@ministry.example; CDF; officer, releasing_officer

Mio Tanaka; mio@ministry.example; CDF"""


@pytest.fixture
def run(app):
    """Run a command of `coordinator` and return what it prints."""

    def run(*words, fails=False):
        from coordinator.cli import people as group  # noqa: PLC0415 - the command, not the feature

        done = app.test_cli_runner().invoke(group, list(words))
        assert (done.exit_code != 0) is fails, done.output
        return done.output

    return run


def begin(run):
    return run("begin", "ada@ministry.example", "--name", "Ada Brandt", "--ministry", "Ministry of Foreign Affairs")


@pytest.fixture
def ada(run, client):
    """The first person, signed in by the link that beginning prints."""
    client.post(re.search(r"(/sign-in/link/[\w-]{22})", begin(run))[1], data={"password": PASSWORD})
    return client


def test_the_command_says_where_to_go(run):
    assert "coordinator people begin" in run()
    begin(run)
    assert "http://coordinator.test/setup" in run()
    assert "begun already" in begin_again(run)
    assert re.search(r"/sign-in/link/[\w-]{22}", run("link", "ada@ministry.example"))
    assert "Nobody has the address" in run("link", "bob@ministry.example", fails=True)


def begin_again(run):
    return run("begin", "bob@ministry.example", "--name", "Bob", "--ministry", "Another", fails=True)


def test_a_beginning_with_a_bad_address_begins_nothing(run, session):
    said = run("begin", "nowhere", "--name", "Ada", "--ministry", "Ministry", fails=True)
    assert "no e-mail address" in said
    assert people.is_empty(session)


def test_the_first_person_is_led_through_all_of_it(ada, session, app, make):
    lead = ada.get("/")
    assert "Done: 1 of 7 steps." in lead.text
    assert "Go on with: Units" in lead.text
    for empty in ("/units", "/topics/", "/positions", "/dossiers", "/overlaps", "/calendar/"):
        assert "Go on with" in ada.get(empty).text, empty
    assert ada.post("/setup/units", data={"lines": UNITS}).location == "/setup"
    assert re.search(r"People <span[^>]*>next", ada.get("/setup").text)
    assert ada.post("/setup/people", data={"lines": PEOPLE, "clearance": "1", "mail": "y"}).location == "/setup"
    assert session.scalar(select(func.count()).select_from(OneTimeLink).where(OneTimeLink.mail_due_at.is_not(None))) == 3
    assert "Go on with: Topics" in ada.get("/units").text
    assert ada.post("/setup/topics").location == "/setup"
    assert session.scalar(select(func.count()).select_from(Topic)) > 50
    topic = session.scalars(select(Topic).where(Topic.name == "Encryption")).one()
    lead_unit = session.scalars(select(Unit).where(Unit.short_name == "ICS")).one()
    given = {"unit": lead_unit.ref, "stake": "lead", "from_on": "2026-03-02"}
    assert ada.post(f"/topics/{topic.ref}/equities", data=given).status_code == 303
    assert ada.post("/calendar/forums/add", data={"name": "Global Mechanism", "short_name": "GM"}).status_code == 303
    forum = make.forum("Another")
    make.event(forum=forum)
    done = ada.get("/setup").text
    assert "Done: 6 of 7 steps." in done
    assert "being set up" not in ada.get("/").text
    # the officers' turn
    question = make.question("A binding instrument?", topic=topic)
    for name, stance in (("Ana Ferrer", "support"), ("Jon Berg", "red_line")):
        who = people.person(session, session.scalars(select(Person.ref).where(Person.name == name)).one())
        make.position(by=who, topic=topic, question=question, stance=stance)
    assert "All of it is there." in ada.get("/setup").text
    assert "Critical" in ada.get("/").text


def test_units_come_in_as_a_tree_or_not_at_all(ada, session):
    answer = ada.post("/setup/units", data={"lines": UNITS + "--- X; Too deep"})
    assert answer.status_code == 422
    assert "Line 4: it is two steps below the line before it" in answer.text
    assert "Too deep" in answer.text
    again = ada.post("/setup/units", data={"lines": UNITS + "\nICS2; cyberspace security"})
    assert again.status_code == 409
    assert "Line 5: This name is taken already" in again.text
    assert [u.short_name for u in people.units(session)] == ["FO"]
    ada.post("/setup/units", data={"lines": UNITS})
    session.expire_all()
    below = session.scalars(select(Unit).where(Unit.parent_id.is_not(None)).order_by(Unit.short_name)).all()
    assert [u.short_name for u in below] == ["CDF", "ICS"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("Bob; bob@ministry.example", "Line 4: write name; address; unit; roles"),
        ("Bob; bob; FO", "does not look like an e-mail address"),
        ("Bob; bob@ministry.example; FO; minister", "Line 4: there is no role “minister”"),
        ("Bob; bob@ministry.example; XX", "Line 4: There is no unit of this name"),
        ("Bob; ada@ministry.example; FO", "Line 4: Somebody has this address already"),
        ("", "Please fill this in."),
    ],
)
def test_one_bad_line_keeps_all_out_and_what_was_typed(ada, session, line, sentence):
    lines = f"Ana; ana@ministry.example; FO\n\nJon; jon@ministry.example; FO\n{line}" if line else ""
    answer = ada.post("/setup/people", data={"lines": lines, "clearance": "1"})
    assert answer.status_code in {409, 422}
    assert sentence in answer.text
    assert session.scalar(select(func.count()).select_from(Person)) == 1
    assert not line or "jon@ministry.example" in answer.text


def test_each_step_says_whose_it_is(sign_in, make, session):
    keeper, administrator = make.person(roles=("coordinator",)), make.person(roles=("administrator",))
    page = sign_in(keeper).get("/setup").text
    assert "somebody with the role Administrator" in page
    assert "/setup/units" in page
    assert "/setup/people" not in page
    page = sign_in(administrator).get("/setup").text
    assert "somebody with the role Coordinator" in page
    assert "/setup/people" in page
    assert "/setup/units" not in page


def test_others_are_not_led_there(sign_in, make):
    assert "set up" not in sign_in(make.person()).get("/").text


def test_what_is_there_is_asked_for_in_one_statement(session, make):
    make.act_as(make.person(roles=("coordinator",)))
    with counted() as statements:
        queries.standing(session, on=today("UTC"))
    assert len([s for s in statements if s.startswith("SELECT")]) == 1


def test_lines_count_as_far_as_they_are_seen(session, make):
    for sealed in (True, True, False):
        make.position(by=make.officer(), sealed=sealed)
    make.act_as(make.person(roles=("coordinator",), clearance=1))
    assert queries.standing(session, on=today("UTC")).lines == 1
