import re

import pytest

from coordinator.entries.models import State
from coordinator.entries.queries import one
from coordinator.people import queries as people
from tests.test_two_worlds import Seen, counted, differences


@pytest.fixture
def keeper(make):
    return make.person("Keeper", roles=("coordinator",), clearance=1)


@pytest.fixture
def units(make):
    return make.unit("Alpha"), make.unit("Beta")


def hidden_fields(page):
    """What a browser would send back of a preview, as it was shown."""
    sent = {}
    for name, value in re.findall(r'<input type="hidden" name="([\w.-]+)" value="([^"]*)"', page):
        sent.setdefault(name, []).append(value)
    sent["new"] = re.findall(r'<textarea name="new"[^>]*>([^<]*)</textarea>', page)
    seen = re.search(r'name="seen"[^>]*value="([^"]*)"', page)
    return {**sent, "seen": seen[1], "csrf_token": re.search(r'name="csrf_token"[^>]*value="([^"]*)"', page)[1]}


def look(browser, *old, existing=(), new="", on="2026-03-02", **more):
    data = {"predecessors": [u.ref for u in old], "existing": [u.ref for u in existing], "new": new, "on": on, "do": "look", **more}
    return browser.post("/reorganisation", data=data)


def carry_out(browser, page, **more):
    return browser.post("/reorganisation", data={**hidden_fields(page), "do": "carry_out", **more}, forged=True)


def test_a_merger_is_looked_at_and_carried_out(sign_in, keeper, units, make, session):
    a, b = units
    ann = make.officer(unit=a, name="Ann Able")
    make.equity(a, make.topic("Encryption"))
    entry = make.position(by=ann, title="Our line on encryption")
    browser = sign_in(keeper)
    below = make.unit("Below", under=b)
    begun = browser.get(f"/reorganisation?unit={below.ref}").text
    assert begun.count(f'<option selected value="{below.ref}"') == 1
    assert begun.count(f'<option selected value="{b.ref}"') == 1  # the new ones stand where the old one stood
    page = look(browser, a, b, new="DEL; Delta")
    assert page.status_code == 200
    for shown in ("Ann Able", "Encryption", "Our line on encryption", "Delta"):
        assert shown in page.text
    session.expire_all()
    assert people.unit(session, a.ref).ends_on is None  # looking changes nothing
    done = carry_out(browser, page.text)
    assert done.status_code == 303
    delta = people.unit_by_name(session, "Delta")
    assert done.location == f"/units/{delta.ref}"
    shown = browser.get(done.location).text
    assert "Ann Able" in shown
    assert "It took over from" in shown
    assert "Our line on encryption" in browser.get("/positions").text
    told = browser.get(f"/entries/{entry.ref}/history").text
    assert f"{a.short_name} went on as DEL, whose it is now." in told
    assert f"Logged by {a.short_name}." in told


def test_a_split_keeps_what_was_chosen_and_says_so_before_it_is_done(sign_in, keeper, units, make, session):
    a, _b = units
    zoe = make.officer(unit=a, name="Zoe Zest")
    ann = make.officer(unit=a, name="Ann Able")
    browser = sign_in(keeper)
    page = look(browser, a, new="NO; North\nSO; South")
    assert page.text.count("<select") >= 3
    # chosen and sent without another look: shown again, not done
    hasty = carry_out(browser, page.text, **{f"person-{zoe.ref}": "1"})
    assert hasty.status_code == 409
    assert "This is not what was shown before" in hasty.text
    done = carry_out(browser, hasty.text, **{f"person-{zoe.ref}": "1", f"person-{ann.ref}": "0"})
    assert done.location == "/units"
    session.expire_all()
    assert people.person(session, zoe.ref).unit.name == "South"
    assert people.person(session, ann.ref).unit.name == "North"


def test_a_clash_is_shown_and_has_to_be_settled(sign_in, keeper, units, make, session):
    a, b = units
    topic = make.topic()
    question = make.question("A binding instrument?", topic=topic)
    lines = [
        make.position(by=make.officer(unit=u), topic=topic, question=question, stance=s, title=f"Line of {u.name}")
        for u, s in ((a, "support"), (b, "red_line"))
    ]
    browser = sign_in(keeper)
    page = look(browser, a, b, new="DEL; Delta").text
    assert "Which line stays?" in page
    assert "Choose below which one stays" in carry_out(browser, page).text
    keep = {f"keep.0.1.{question.ref}": lines[0].ref}
    shown = browser.post("/reorganisation", data={**hidden_fields(page), "do": "look", **keep}, forged=True).text
    assert "checked" in shown
    assert carry_out(browser, shown, **keep).status_code == 303
    make.act_as(keeper)
    session.expire_all()
    assert [one(session, line.ref).state for line in lines] == [State.RELEASED, State.SUPERSEDED]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"on": "2026-03-03"}, "This day is still ahead"),
        ({"new": ""}, "Choose the units that follow"),
        ({"new": "Delta"}, "write the short name, a semicolon, then the name"),
        ({"new": "D; Delta\nD; Delight"}, "another line has the same name"),
        ({"on": "yesterday"}, "This is not a day"),
        ({"predecessors": []}, "Please fill this in."),
    ],
)
def test_odd_typing_gets_a_sentence_and_keeps_what_was_typed(sign_in, keeper, units, more, sentence):
    answer = look(sign_in(keeper), units[0], **{"new": "DEL; Delta", **more})
    assert answer.status_code in {409, 422}
    assert sentence in answer.text
    if more.get("new") is None:
        assert "DEL; Delta" in answer.text


def test_a_name_that_is_taken_is_said_when_it_is_carried_out(sign_in, keeper, units, make, session):
    browser = sign_in(keeper)
    page = look(browser, units[0], new="DEL; Delta")
    make.unit("Delta")
    answer = carry_out(browser, page.text)
    assert answer.status_code == 409
    assert "This name is taken already" in answer.text
    session.expire_all()
    assert people.unit(session, units[0].ref).ends_on is None


def test_what_came_meanwhile_is_looked_at_first(sign_in, keeper, units, make):
    browser = sign_in(keeper)
    page = look(browser, units[0], new="DEL; Delta")
    make.person("Late Comer", unit=units[0])
    answer = carry_out(browser, page.text)
    assert answer.status_code == 409
    assert "Late Comer" in answer.text


def test_the_preview_costs_the_same_however_much_moves(sign_in, keeper, units, make):
    browser = sign_in(keeper)
    with counted() as few:
        look(browser, *units, new="DEL; Delta")
    topic = make.topic()
    for unit in units:
        person = make.officer(unit=unit)
        make.equity(unit, make.topic())
        for number in range(3):
            make.position(by=person, topic=topic, question=make.question(topic=topic), stance="support", title=f"Line {number}")
    with counted() as many:
        look(browser, *units, new="DEL; Delta")
    assert len(many) == len(few)


MARKS = ("Xq", "Yq")


@pytest.mark.parametrize("way", ["draft", "sealed", "clash", "code"])
def test_what_the_coordinator_may_not_see_changes_nothing_that_they_see(sign_in, make, keeper, way):
    """The same merger with and without something hidden in it: what is shown before, and everything after, is the same."""
    browser, seen = sign_in(keeper), []
    for mark in MARKS:
        a, b, other = (make.unit(f"{name} {mark}", short_name=f"{name[:2]}{mark}") for name in ("Alpha", "Beta", "Rest"))
        ann, bob, cyd = (make.officer(unit=u) for u in (a, b, other))
        topic = make.topic(f"Encryption {mark}")
        question = make.question(f"A question {mark}", topic=topic)
        make.position(by=ann, topic=topic, question=question, stance="support", title="Shown")
        make.position(by=cyd, topic=topic, question=question, stance="red_line", title="Opposed")
        if mark == MARKS[1]:
            hidden = {
                "draft": {"released": False, "topic": topic},
                "sealed": {"sealed": True, "topic": topic},
                "clash": {"question": question, "stance": "oppose", "audience": frozenset(), "restriction_reason": "a source"},
                "code": {"sealed": True},
            }[way]
            (make.dossier if way == "code" else make.position)(by=bob, title="Hidden", **hidden)
        pages = [look(browser, a, b, new=f"DE{mark}; Delta {mark}")]
        with counted() as statements:
            done = carry_out(browser, pages[0].text)
        assert done.status_code == 303
        pages += [browser.get(path) for path in (done.location, f"/units/{a.ref}", f"/units/{b.ref}", f"/topics/{topic.ref}")]
        assert "Shown" in pages[0].text
        assert statements
        seen.append({str(n): Seen(p.status_code, (), plain(p.text), 0) for n, p in enumerate(pages)})
    assert differences(*seen) == []


def plain(page):
    """Return a page without what differs between any two runs: refs, numbers of persons, tokens, the mark of its world."""
    page = re.sub(r'value="[^"]{60,}"', "long", page)
    page = re.sub(r"[A-Za-z0-9_-]{22}\b", "ref", page)
    return re.sub(r"\b(Person|U|number)\s?\d+", "Person", re.sub("|".join(MARKS), "w", page))
