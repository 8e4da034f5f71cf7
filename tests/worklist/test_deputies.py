"""What waits for a colleague is put before the deputy too, with the deputy's own eyes and hands."""

from datetime import timedelta

import pytest

from coordinator.worklist import queries
from coordinator.worklist.rules import Task
from tests.test_two_worlds import counted


@pytest.fixture
def look(make, session, at):
    """Return what waits for those whom somebody stands in for."""

    def look(person):
        by = make.act_as(person)
        reader = make.reader(by)
        own = queries.waiting(session, reader, at=at, on=at.date())
        return queries.for_others(session, reader, own, at=at, on=at.date())

    return look


@pytest.fixture
def pair(make):
    """Two colleagues of a unit; the second stands in for the first."""
    unit = make.unit("Digital Freedom")
    ana, ben = make.officer(unit=unit, name="Ana Novak"), make.person("Ben Ode", unit=unit)
    make.deputy(ana, ben)
    return ana, ben


def test_a_colleagues_drafts_wait_for_the_deputy(make, pair, look):
    ana, ben = pair
    make.position(by=ana, released=False, title="Half a line")
    (found,) = look(ben)
    assert (found.person.id, [(p.entry.title, p.task) for p in found.papers]) == (ana.id, [("Half a line", Task.FINISH)])
    assert look(ana) == ()


def test_a_deputy_who_does_not_release_is_told_who_does(make, pair, look):
    ana, ben = pair
    make.position(by=make.person(unit=ben.unit), released=False, offer=True, title="Offered")
    assert [(p.entry.title, p.task) for p in look(ben)[0].papers] == [("Offered", Task.AWAIT_RELEASE)]


def test_what_is_in_the_own_list_is_not_said_twice(make, pair, look):
    _ana, ben = pair
    topic = make.topic()
    question = make.question(topic=topic)
    make.position(by=ben, topic=topic, question=question, stance="support")
    make.position(topic=topic, question=question, stance="red_line")
    assert look(ben)[0].pairs == ()


def test_of_many_overlaps_a_deputy_is_shown_those_that_press_most(make, look, sign_in, monkeypatch):
    ana, far = make.officer(), make.person("Far Away")
    make.deputy(ana, far)
    topic = make.topic()
    for against in ("oppose", "red_line"):
        question = make.question(topic=topic)
        make.position(by=ana, topic=topic, question=question, stance="support")
        make.position(topic=topic, question=question, stance=against)
    (found,) = look(far)
    assert len(found.pairs) > 1
    assert not found.more_pairs
    monkeypatch.setattr("coordinator.overlaps.queries.PAGE", 1)
    (found,) = look(far)
    assert ([p.overlap.severity for p in found.pairs], found.more_pairs) == (["critical"], True)
    assert f'/overlaps?unit={ana.unit.ref}">All open overlaps of {ana.unit.short_name}' in sign_in(far).get("/").text


def test_in_another_unit_one_sees_what_one_may_and_passes_it_on(make, look):
    ana, far = make.officer(), make.person("Far Away", clearance=1)
    make.deputy(ana, far)
    topic = make.topic()
    question = make.question(topic=topic)
    make.position(by=ana, topic=topic, question=question, stance="support")
    make.position(topic=topic, question=question, stance="red_line")
    make.position(topic=topic, question=question, stance="oppose", sealed=True)
    make.position(by=ana, released=False, title="A draft of another unit")
    (found,) = look(far)
    assert [p.task for p in found.pairs] == [Task.PASS_ON]
    assert found.papers == ()


@pytest.mark.parametrize(("days", "last"), [(1, None), (-5, -1)], ids=["not yet", "no longer"])
def test_only_the_days_count_on_which_one_stands_in(make, look, at, days, last):
    unit = make.unit()
    ana, ben = make.officer(unit=unit), make.person(unit=unit)
    last_day = None if last is None else at.date() + timedelta(days=last)
    make.deputy(ana, ben, from_on=at.date() + timedelta(days=days), until_on=last_day)
    make.position(by=ana, released=False)
    assert look(ben) == ()


def test_standing_in_for_a_coordinator_shows_no_more_than_ones_own_list(make, look):
    keeper, ben = make.person(roles=("coordinator",)), make.person()
    make.deputy(keeper, ben)
    make.overlap()
    assert (look(ben)[0].pairs, look(ben)[0].papers) == ((), ())


def test_the_page_shows_it_under_the_colleagues_name(sign_in, make, pair):
    ana, ben = pair
    make.position(by=ana, released=False, title="Half a line")
    page = sign_in(ben).get("/").text
    assert "For Ana Novak" in page
    assert "You stand in until further notice." in page
    assert page.index("For Ana Novak") < page.index("Half a line")


def test_it_costs_the_same_however_much_waits(make, pair, look):
    ana, ben = pair
    make.position(by=ana, released=False)
    with counted() as few:
        look(ben)
    for _ in range(4):
        make.position(by=ana, released=False)
    with counted() as many:
        look(ben)
    assert len(few) == len(many)
