from datetime import timedelta

import pytest

from coordinator.db import transaction
from coordinator.deputies import actions, queries
from coordinator.deputies.rules import DeputyDraft, EndsBeforeItStarts, ForOneself, StandsInAlready
from coordinator.history.queries import of
from coordinator.people import actions as people


def name(session, person, deputy, at, *, days=0, last=None):
    start = at.date() + timedelta(days=days)
    draft = DeputyDraft(deputy.id, start, None if last is None else at.date() + timedelta(days=last))
    with transaction(session):
        return actions.name(session, person, draft, by=person, at=at)


def test_a_deputy_stands_in_from_day_to_day_and_it_is_in_the_history(session, make, at):
    ana, ben = make.person(), make.person()
    deputy = name(session, ana, ben, at, days=1, last=5)
    assert [d.id for d in queries.for_whom(session, ben.id, on=at.date())] == [deputy.id]
    assert queries.for_whom(session, ben.id, on=at.date() + timedelta(days=6)) == []
    assert of(session, "person", ana.id)[-1].action == "deputy.named"


@pytest.mark.parametrize(("days", "last", "refused"), [(0, -1, EndsBeforeItStarts), (3, None, StandsInAlready)])
def test_odd_days_are_refused(session, make, at, days, last, refused):
    ana, ben = make.person(), make.person()
    name(session, ana, make.person(), at, days=2, last=4)
    with pytest.raises(refused):
        name(session, ana, ben, at, days=days, last=last)


def test_nobody_stands_in_for_themselves(session, make, at):
    ana = make.person()
    with pytest.raises(ForOneself):
        name(session, ana, ana, at)


def test_ending_it_keeps_what_was_and_takes_back_what_has_not_begun(session, make, at):
    ana, ben = make.person(), make.person()
    now_, ahead = name(session, ana, ben, at, last=3), name(session, ana, ben, at, days=9)
    with transaction(session):
        for deputy in (now_, ahead):
            actions.end(session, deputy, on=at.date(), by=ana, at=at)
    assert [(d.from_on, d.until_on) for d in queries.of_persons(session, [ana.id])] == [(at.date(), at.date())]
    assert [e.action for e in of(session, "person", ana.id)][-2:] == ["deputy.ended", "deputy.taken_back"]


def test_nothing_waits_through_somebody_who_is_disabled(session, make, at):
    ana, ben = make.person(), make.person()
    name(session, ana, ben, at)
    with transaction(session):
        people.disable(session, ana, by=None, at=at)
    assert queries.for_whom(session, ben.id, on=at.date()) == []
