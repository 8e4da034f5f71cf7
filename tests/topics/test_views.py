from datetime import date

import pytest

from coordinator.db import transaction
from coordinator.history.queries import last_number, of
from coordinator.topics import actions, queries
from coordinator.topics.models import Stake


@pytest.fixture
def keeper(make, sign_in):
    return sign_in(make.person(roles=("coordinator",)))


def test_the_tree_shows_a_topic_under_each_broader_one(make, sign_in):
    make.topic("Export controls", broader=[make.topic("Security"), make.topic("Trade")])
    page = sign_in(make.person()).get("/topics/").text
    assert page.count("<bdi>Export controls</bdi>") == 2


def rows(*names):
    """Return other names as the form sends them: (language, text)."""
    typed = {}
    for n, (language, text) in enumerate(names):
        typed |= {f"aliases-{n}-text": text, f"aliases-{n}-language": language}
    return typed


def test_a_coordinator_adds_a_topic_with_its_edges_and_names(make, keeper, session):
    wide, far, deep = make.topic("Security"), make.topic("Privacy"), make.topic("Key escrow")
    typed = {"name": "Encryption", "broader": [wide.ref], "narrower": [deep.ref], "related": [far.ref]}
    typed |= rows(("fr", "chiffrement"), ("en", "crypto"), ("en", ""))
    assert keeper.post("/topics/add", data=typed).status_code == 303
    topic = queries.by_name(session, "chiffrement")
    assert topic.name == "Encryption"
    assert [t.name for t in queries.related_of(session, topic.id)] == ["Privacy"]
    assert [t.name for t in queries.narrower_of(session, topic.id)] == ["Key escrow"]
    page = keeper.get(f"/topics/{topic.ref}/edit").text
    assert 'value="crypto"' in page
    assert '<option selected value="fr">French' in page


def test_saving_a_form_as_it_is_changes_nothing(make, keeper, session):
    topic = make.topic("Encryption", broader=[make.topic("Security")], related=[make.topic("Privacy")], aliases=["crypto"])
    below = make.topic("Key escrow", broader=[topic])
    typed = {
        "name": "Encryption",
        "broader": [t.ref for t in queries.broader_of(session, topic.id)],
        "narrower": [below.ref],
        "related": [t.ref for t in queries.related_of(session, topic.id)],
        **rows(("en", "crypto"), ("en", ""), ("en", "")),
    }
    before = last_number(session)
    assert keeper.post(f"/topics/{topic.ref}/edit", data=typed).status_code == 303
    assert last_number(session) == before


def test_an_edit_takes_edges_and_names_away(make, keeper, session):
    topic = make.topic("Encryption", broader=[make.topic()], related=[make.topic()], aliases=["crypto"], umbrella=True)
    make.topic(broader=[topic])
    typed = {"name": "Encryption", **rows(("fr", "chiffrement"))}
    assert keeper.post(f"/topics/{topic.ref}/edit", data=typed).status_code == 303
    session.expire_all()
    assert not queries.broader_of(session, topic.id)
    assert not queries.narrower_of(session, topic.id)
    assert not queries.related_of(session, topic.id)
    assert queries.by_name(session, "crypto") is None
    assert queries.by_name(session, "chiffrement").umbrella is False


@pytest.mark.parametrize("field", ["broader", "narrower"])
def test_a_circle_is_refused_beside_its_field(make, keeper, session, field):
    wide = make.topic("Security")
    middle = make.topic("Cybersecurity", broader=[wide])
    narrow = make.topic("Ransomware", broader=[middle])
    before = last_number(session)
    if field == "broader":
        path, typed = f"/topics/{wide.ref}/edit", {"name": "Security", "narrower": [middle.ref], "broader": [narrow.ref]}
    else:
        path, typed = f"/topics/{narrow.ref}/edit", {"name": "Ransomware", "broader": [middle.ref], "narrower": [wide.ref]}
    answer = keeper.post(path, data=typed)
    assert answer.status_code == 409
    assert f'<a href="#{field}">' in answer.text
    assert "A topic cannot lie within itself" in answer.text
    assert last_number(session) == before


def test_two_topics_can_change_places(make, keeper, session):
    wide = make.topic("Security")
    narrow = make.topic("Cybersecurity", broader=[wide])
    assert keeper.post(f"/topics/{wide.ref}/edit", data={"name": "Security", "broader": [narrow.ref]}).status_code == 303
    assert [t.name for t in queries.broader_of(session, wide.id)] == ["Cybersecurity"]
    assert not queries.broader_of(session, narrow.id)


def test_a_name_that_another_topic_has_is_refused_beside_its_row(make, keeper):
    make.topic("Data governance", aliases=["data rules"])
    topic = make.topic("Privacy")
    typed = {"name": "Privacy", **rows(("fr", "vie privée"), ("en", "Data Rules"))}
    answer = keeper.post(f"/topics/{topic.ref}/edit", data=typed)
    assert answer.status_code == 409
    assert 'id="aliases-1-text-error"' in answer.text
    assert 'id="aliases-0-text-error"' not in answer.text
    assert '<a href="#aliases-1-text">' in answer.text
    assert 'value="vie privée"' in answer.text, "what was typed is kept"


def test_a_name_typed_twice_is_refused(make, keeper):
    topic = make.topic("Privacy")
    answer = keeper.post(f"/topics/{topic.ref}/edit", data={"name": "Privacy", **rows(("fr", "vie"), ("en", "VIE"))})
    assert answer.status_code == 422
    assert "“VIE” stands here twice." in answer.text


def test_a_name_in_a_rare_language_keeps_its_language(make, keeper, session, at):
    topic = make.topic("Privacy")
    with transaction(session):
        actions.add_alias(session, topic, "приватність", language="uk", by=None, at=at)
    assert '<option selected value="uk">' in keeper.get(f"/topics/{topic.ref}/edit").text
    before = last_number(session)
    assert keeper.post(f"/topics/{topic.ref}/edit", data={"name": "Privacy", **rows(("uk", "приватність"))}).status_code == 303
    assert last_number(session) == before


def test_a_topic_that_many_units_work_on_is_proposed_as_an_umbrella(make, keeper):
    topic, quiet = make.topic("Cyberspace"), make.topic("Escrow")
    for _ in range(7):
        make.dossier(topic=topic)
    assert "7 units work on it, as far as you see" in keeper.get(f"/topics/{topic.ref}/edit").text
    assert "as far as you see" not in keeper.get(f"/topics/{quiet.ref}/edit").text


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


# --- merging ---------------------------------------------------------------------------------------------------------------


def test_a_merge_is_shown_before_it_is_done_and_the_old_addresses_lead_on(make, keeper, session):
    wide = make.topic("Security")
    gone, stays = make.topic("Infosec", broader=[wide], aliases=["IT security"]), make.topic("Cybersecurity")
    question, unit = make.question("Shall it be banned?", topic=gone), make.unit(short_name="CYB")
    make.equity(unit, gone, "lead")
    make.equity(unit, stays, "inform")
    make.position(topic=gone, question=question)
    before = last_number(session)
    page = keeper.get(f"/topics/{gone.ref}/merge?into={stays.ref}").text
    for said in ("IT security", "Shall it be banned?", "1 entry · 1 unit", "Security", "CYB", "they become one: Lead"):
        assert said in page, said
    assert last_number(session) == before
    answer = keeper.post(f"/topics/{gone.ref}/merge", data={"into": stays.ref})
    assert (answer.status_code, answer.location) == (303, f"/topics/{stays.ref}")
    for old, new in (("", ""), ("/edit", "/edit"), ("/equities", "/equities"), ("/merge", "")):
        answer = keeper.get(f"/topics/{gone.ref}{old}")
        assert (answer.status_code // 100, answer.location) == (3, f"/topics/{stays.ref}{new}"), old
    (stake,) = queries.equities(session, stays.id)
    assert (stake.stake, stake.unit_id) == (Stake.LEAD, unit.id)


def test_a_merge_needs_another_topic_that_stands(make, keeper, session):
    topic = make.topic("Infosec")
    assert keeper.get(f"/topics/{topic.ref}/merge").status_code == 200
    assert keeper.get(f"/topics/{topic.ref}/merge?into={'A' * 22}").status_code == 404
    answer = keeper.post(f"/topics/{topic.ref}/merge", data={})
    assert answer.status_code == 422
    assert "Choose the topic that stays." in answer.text
    assert keeper.post(f"/topics/{topic.ref}/merge", data={"into": topic.ref}).status_code == 422


# --- who leads -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def basket(make):
    """A basket with two topics, of which one is led."""
    basket = make.topic("Security")
    led, unled = make.topic("Encryption", broader=[basket]), make.topic("Ransomware", broader=[basket])
    unit = make.unit("Cyber desk", short_name="CYB")
    make.equity(unit, led, "lead")
    make.equity(make.unit(short_name="LAW"), led, "must_consult", from_on=date(2026, 5, 1), until_on=date(2026, 6, 30))
    make.equity(make.unit(short_name="OLD"), led, "inform", from_on=date(2025, 1, 1), until_on=date(2025, 12, 31))
    return basket, led, unled, unit


def test_the_matrix_shows_who_leads_and_who_must_be_asked_with_the_days(make, sign_in, basket):
    make.topic("Elsewhere")
    page = sign_in(make.person()).get(f"/topics/matrix?basket={basket[0].ref}").text
    table = page[page.index("<table") : page.index("</table>")]
    for said in ("CYB", "Lead", "LAW", "Must be consulted", "from", "until", "Encryption", "Ransomware"):
        assert said in table, said
    assert "OLD" not in table
    assert "Elsewhere" not in table
    assert "/of/" not in page, "who keeps no lists is offered no change"


def test_topics_without_a_lead_stand_out(make, sign_in, basket):
    page = sign_in(make.person()).get(f"/topics/matrix?basket={basket[0].ref}").text
    notice = page[page.index("notice-warning") :]
    notice = notice[: notice.index("</p>")]
    assert "2 topics have no lead:" in notice
    assert "Ransomware" in notice
    assert "Encryption" not in notice
    assert page.count('class="no-lead"') == 2


def test_an_umbrella_needs_no_lead(make, sign_in):
    topic = make.topic("Cyberspace", umbrella=True)
    assert "no-lead" not in sign_in(make.person()).get(f"/topics/matrix?basket={topic.ref}").text


def test_a_cell_gives_changes_and_ends_a_stake(make, keeper, session, basket):
    _wide, _led, topic, unit = basket
    path = f"/topics/{topic.ref}/equities/of/{unit.ref}"
    assert f'href="{path}"' in keeper.get(f"/topics/matrix?basket={basket[0].ref}").text

    def held():
        session.expire_all()
        return [
            (e.stake.value, e.from_on.isoformat(), e.until_on and e.until_on.isoformat())
            for e in reversed(queries.equities(session, topic.id))
        ]

    assert keeper.post(path, data={"stake": "inform", "from_on": "2026-03-02"}).status_code == 303
    assert held() == [("inform", "2026-03-02", None)]
    assert keeper.post(path, data={"stake": "lead", "from_on": "2026-03-02"}).status_code == 303
    assert held() == [("lead", "2026-03-02", None)], "a stake that began that day is changed in its place"
    assert keeper.post(path, data={"stake": "co_lead", "from_on": "2026-04-01", "until_on": "2026-04-30"}).status_code == 303
    assert held() == [("lead", "2026-03-02", "2026-03-31"), ("co_lead", "2026-04-01", "2026-04-30")]
    assert keeper.post(path, data={"stake": "", "from_on": "2026-04-15"}).status_code == 303
    assert held()[1] == ("co_lead", "2026-04-01", "2026-04-14")
    assert keeper.post(path, data={"stake": "", "from_on": "2026-04-01"}).status_code == 303
    assert held() == [("lead", "2026-03-02", "2026-03-31")]
    assert [e.action for e in of(session, "topic", topic.id)][-6:] == [
        "equity.given",
        "equity.changed",
        "equity.ended",
        "equity.given",
        "equity.ended",
        "equity.taken_back",
    ]


def test_a_cell_refuses_days_that_do_not_fit(make, keeper, session, basket):
    _wide, topic, _unled, unit = basket
    path = f"/topics/{topic.ref}/equities/of/{unit.ref}"
    make.equity(unit, basket[2], "lead", from_on=date(2026, 5, 1))
    before = last_number(session)
    assert keeper.post(path, data={"stake": "lead", "from_on": "2026-03-02", "until_on": "2025-01-01"}).status_code == 409
    assert keeper.post(path, data={"stake": "lead", "from_on": ""}).status_code == 422
    other = f"/topics/{basket[2].ref}/equities/of/{unit.ref}"
    answer = keeper.post(other, data={"stake": "inform", "from_on": "2026-03-02"})
    assert answer.status_code == 409
    assert "This unit has a stake in the topic at that time already." in answer.text
    assert last_number(session) == before


def test_the_matrix_takes_a_column_for_a_unit_that_has_no_stake_yet(make, keeper, basket):
    unit = make.unit("Trade desk", short_name="TRD")
    page = keeper.get(f"/topics/matrix?basket={basket[0].ref}&unit={unit.ref}").text
    assert f"/topics/{basket[1].ref}/equities/of/{unit.ref}" in page


def test_the_matrix_is_not_shown_outside_the_ministry_and_knows_no_other_basket(make, sign_in, basket):
    firm = make.organisation("Orrery", circle="country", ceiling=0)
    assert sign_in(make.person(unit=make.unit(of=firm))).get("/topics/matrix").status_code == 403
    assert sign_in(make.person()).get(f"/topics/matrix?basket={'A' * 22}").status_code == 404
    assert sign_in(make.person()).get(f"/topics/matrix?basket={basket[1].ref}").status_code == 404


def test_a_matrix_of_no_topics_says_so(make, sign_in):
    assert "There are no topics yet." in sign_in(make.person()).get("/topics/matrix").text
