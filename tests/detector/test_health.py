"""What became of the flags: every figure opens exactly the rows that it counts, and covers what its reader may see."""

import re

import pytest

from coordinator.db import bind_reader, transaction
from coordinator.overlaps import actions, queries
from coordinator.overlaps.models import Dismissal, Outcome
from tests.test_two_worlds import counted


def said(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.get_data(as_text=True)).split())


def dismissed(make, reason: Dismissal, severity: str = "medium") -> str:
    ref, one, _other = make.overlap(severity)
    by = make.act_as(one)
    with transaction(make.session):
        actions.dismiss(make.session, queries.one(make.session, ref), why="It is so.", reason=reason, by=by, at=make.at)
    bind_reader(make.session, None)
    return ref


@pytest.fixture
def judged(make):
    """Three medium conflicts that were dismissed, one that was settled, one that is open."""
    for reason in (Dismissal.NOT_SAME, Dismissal.COORDINATED, Dismissal.OTHER):
        dismissed(make, reason)
    ref, _one, _other = make.overlap("medium")
    by = make.act_as(make.person(roles=("coordinator",)))
    with transaction(make.session):
        overlap = queries.one(make.session, ref)
        actions.settle(make.session, overlap, statement="Both lead.", outcome=Outcome.JOINT_LINE, by=by, at=make.at)
    bind_reader(make.session, None)
    make.overlap("medium")


def test_every_figure_opens_the_rows_that_it_counts(make, sign_in, judged):
    browser = sign_in(make.person(roles=("coordinator",)))
    page = browser.get("/detector").get_data(as_text=True)
    figures = re.findall(r'<a class="figure" href="(/overlaps\?[^"]+)">(\d+)</a>', page)
    assert len(figures) >= 7
    for url, number in figures:
        listed = browser.get(url.replace("&amp;", "&")).get_data(as_text=True)
        found = re.search(r"(\d+) overlaps?", re.sub(r"<[^>]+>", " ", listed.split('<p class="meta">')[1]))
        assert found, url
        assert found[1] == number, url
    text = said(browser.get("/detector"))
    assert "67 %" in text  # one of three judged was an error; something else is left out
    assert "of 3 judged" in text


def test_figures_cover_what_their_reader_may_see(make, sign_in):
    topic = make.topic()
    question = make.question(topic=topic)
    make.position(topic=topic, question=question, stance="support")
    make.position(topic=topic, question=question, stance="oppose", sealed=True)
    for role in ("coordinator", "leadership", "administrator"):
        assert "Nothing has been flagged that you can see." in said(sign_in(make.person(roles=(role,))).get("/detector"))


def test_a_topic_that_drowns_others_is_marked_with_one_click(make, sign_in):
    topic, narrow = make.topic("Cybersecurity"), make.topic("Escrow")
    for number in range(7):
        make.dossier(topic=topic, title=f"D{number}", text=f"Word{number} is another{number}.")
    make.dossier(topic=narrow)
    leader = sign_in(make.person(roles=("leadership",)))
    page = said(leader.get("/detector"))
    assert "Cybersecurity" in page
    assert "7 units" in page
    assert "Escrow" not in page
    assert "Mark as an umbrella" not in page
    browser = sign_in(make.person(roles=("coordinator",)))
    assert "Mark as an umbrella" in said(browser.get("/detector"))
    answer = browser.post(f"/detector/umbrella/{topic.ref}", follow_redirects=True)
    assert "is an umbrella now" in said(answer)
    assert "7 units" not in said(answer)


def test_a_dismissal_needs_its_word_and_says_it(make, sign_in):
    ref, one, _other = make.overlap("medium")
    browser = sign_in(one)
    answer = browser.post(f"/overlaps/{ref}/dismiss", data={"dismiss-why": "Two treaties."})
    assert answer.status_code == 422
    assert "Choose what it is instead." in said(answer)
    assert "Two treaties." in answer.get_data(as_text=True)
    browser.post(f"/overlaps/{ref}/dismiss", data={"dismiss-why": "Two treaties.", "dismiss-reason": "not_same"})
    assert "Dismissed: Not the same subject" in said(browser.get(f"/overlaps/{ref}"))
    browser.post(f"/overlaps/{ref}/reopen", data={"reopen-why": "After all."})
    make.act_as(one)
    assert queries.one(make.session, ref).dismissed_as is None


def test_agreeing_to_a_dismissal_takes_its_word_along(make, sign_in):
    ref, one, other = make.overlap("high")
    sign_in(one).post(f"/overlaps/{ref}/dismiss", data={"dismiss-why": "Wide.", "dismiss-reason": "too_broad"})
    sign_in(other).post(f"/overlaps/{ref}/agree")
    make.act_as(one)
    assert queries.one(make.session, ref).dismissed_as is Dismissal.TOO_BROAD


def test_the_page_asks_the_same_number_of_statements_however_much_there_is(make, sign_in, judged):
    browser = sign_in(make.person(roles=("coordinator",)))
    numbers = []
    for _ in range(2):
        with counted() as statements:
            browser.get("/detector")
        numbers.append(len(statements))
        for _more in range(3):
            dismissed(make, Dismissal.TOO_BROAD)
    assert numbers[0] == numbers[1]
