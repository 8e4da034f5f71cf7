import pytest

from coordinator.db import transaction
from coordinator.history.queries import of
from coordinator.people import actions, queries


@pytest.fixture
def leadership(make):
    return make.group("Leadership")


def test_an_administrator_adds_a_group_and_says_who_is_in_it(sign_in, make, session):
    keeper, ana = sign_in(make.person(roles=("administrator",))), make.person("Ana Novak")
    answer = keeper.post("/groups/add", data={"name": "Leadership", "members": [ana.ref]})
    assert "Ana Novak" in keeper.get(answer.location).text
    group = queries.group_named(session, "Leadership")
    session.expire_all()
    assert f"group:{group.id}" in make.reader(ana).tokens
    assert keeper.post(f"{answer.location}/edit", data={"name": "The Board", "members": []}).status_code == 303
    session.expire_all()
    assert f"group:{group.id}" not in make.reader(ana).tokens
    assert of(session, "group", group.id)[-1].payload.said == {
        "joined": [],
        "left": [ana.id],
        "from": "Leadership",
        "to": "The Board",
    }


def test_a_name_that_is_taken_is_refused_beside_its_field(sign_in, make, leadership):
    answer = sign_in(make.person(roles=("administrator",))).post("/groups/add", data={"name": "leadership"})
    assert answer.status_code == 409
    assert "This name is taken already" in answer.text


def test_somebody_disabled_stays_in_the_group_when_it_is_edited(sign_in, make, session, leadership, at):
    gone = make.person("Gone Person", groups=(leadership,))
    with transaction(session):
        actions.disable(session, gone, by=None, at=at)
    browser = sign_in(make.person(roles=("administrator",)))
    assert f'value="{gone.ref}"' in browser.get(f"/groups/{leadership.ref}/edit").text


def test_the_roster_is_hidden_from_outer_circles(sign_in, make, leadership):
    firm = make.unit(of=make.organisation(circle="country", ceiling=0))
    make.person("Inside Person", groups=(leadership,))
    member, outsider = make.person(unit=firm, groups=(leadership,)), make.person(unit=firm)
    page = sign_in(member).get(f"/groups/{leadership.ref}")
    assert page.status_code == 200
    assert "Inside Person" not in page.text
    listed = sign_in(member).get("/groups").text
    assert "Leadership" in listed
    assert "2 people" not in listed
    assert sign_in(outsider).get(f"/groups/{leadership.ref}").status_code == 404
    assert "Leadership" not in sign_in(outsider).get("/groups").text
    inside = sign_in(make.person())
    assert "Inside Person" in inside.get(f"/groups/{leadership.ref}").text
    assert "2 people" in inside.get("/groups").text
