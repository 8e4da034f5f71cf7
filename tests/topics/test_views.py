import pytest

from coordinator.history.queries import of
from coordinator.topics import queries


@pytest.fixture
def keeper(make, sign_in):
    return sign_in(make.person(roles=("coordinator",)))


def test_the_tree_shows_a_topic_under_each_broader_one(make, sign_in):
    make.topic("Export controls", broader=[make.topic("Security"), make.topic("Trade")])
    page = sign_in(make.person()).get("/topics/").text
    assert page.count("<bdi>Export controls</bdi>") == 2


def test_a_coordinator_adds_a_topic_with_its_edges_and_names(make, keeper, session):
    wide, far = make.topic("Security"), make.topic("Privacy")
    typed = {"name": "Encryption", "broader": [wide.ref], "related": [far.ref], "aliases": "fr: chiffrement\ncrypto"}
    assert keeper.post("/topics/add", data=typed).status_code == 303
    topic = queries.by_name(session, "chiffrement")
    assert topic.name == "Encryption"
    assert [t.name for t in queries.related_of(session, topic.id)] == ["Privacy"]
    assert "crypto" in keeper.get(f"/topics/{topic.ref}/edit").text


def test_saving_a_form_as_it_is_changes_nothing(make, keeper, session):
    topic = make.topic("Encryption", broader=[make.topic("Security")], related=[make.topic("Privacy")], aliases=["crypto"])
    typed = {
        "name": "Encryption",
        "broader": [t.ref for t in queries.broader_of(session, topic.id)],
        "related": [t.ref for t in queries.related_of(session, topic.id)],
        "aliases": "en: crypto",
    }
    before = len(of(session, "topic", topic.id))
    assert keeper.post(f"/topics/{topic.ref}/edit", data=typed).status_code == 303
    assert len(of(session, "topic", topic.id)) == before


def test_an_edit_takes_edges_and_names_away(make, keeper, session):
    topic = make.topic("Encryption", broader=[make.topic()], related=[make.topic()], aliases=["crypto"], umbrella=True)
    assert keeper.post(f"/topics/{topic.ref}/edit", data={"name": "Encryption", "aliases": "fr: chiffrement"}).status_code == 303
    session.expire_all()
    assert not queries.broader_of(session, topic.id)
    assert not queries.related_of(session, topic.id)
    assert queries.by_name(session, "crypto") is None
    assert queries.by_name(session, "chiffrement").umbrella is False


def test_a_circle_is_refused_beside_its_field(make, keeper):
    wide = make.topic("Security")
    narrow = make.topic("Cybersecurity", broader=[wide])
    answer = keeper.post(f"/topics/{wide.ref}/edit", data={"name": "Security", "broader": [narrow.ref]})
    assert answer.status_code == 409
    assert "A topic cannot lie within itself" in answer.text


def test_a_coordinator_gives_and_ends_a_stake(make, keeper, session):
    unit, topic = make.unit("Digital Freedom"), make.topic()
    typed = {"unit": unit.ref, "stake": "lead", "from_on": "2026-01-01"}
    assert keeper.post(f"/topics/{topic.ref}/equities", data=typed).status_code == 303
    assert "Digital Freedom" in keeper.get(f"/topics/{topic.ref}/equities").text
    assert keeper.post(f"/topics/{topic.ref}/equities", data=typed).status_code == 409
    (stake,) = queries.equities(session, topic.id)
    ending = f"/topics/{topic.ref}/equities/{stake.ref}/end"
    assert keeper.post(ending, data={"on": "2025-12-31"}).status_code == 409
    assert keeper.post(ending, data={"on": "2026-03-02"}).status_code == 303


def test_stakes_are_not_shown_outside_the_ministry(make, sign_in):
    firm = make.organisation("Orrery", circle="country", ceiling=0)
    outsider = sign_in(make.person(unit=make.unit(of=firm)))
    assert outsider.get(f"/topics/{make.topic().ref}/equities").status_code == 403


def test_an_officer_reads_stakes_and_gives_none(make, sign_in, session):
    officer, topic, unit = sign_in(make.person()), make.topic(), make.unit()
    assert officer.get(f"/topics/{topic.ref}/equities").status_code == 200
    typed = {"unit": unit.ref, "stake": "lead", "from_on": "2026-01-01"}
    assert officer.post(f"/topics/{topic.ref}/equities", data=typed).status_code == 403
    assert not queries.equities(session, topic.id)
