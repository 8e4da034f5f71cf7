"""How many people an audience is, held against the rule of access over everybody; what a form offers."""

import pytest
from sqlalchemy import select

from coordinator.db import bind_reader, transaction
from coordinator.entries.queries import about, choices, count_readers, headcount, named_readers, names_in
from coordinator.entries.rules import may_see
from coordinator.people import actions as people
from coordinator.people.models import Person
from coordinator.people.queries import person as one_person
from coordinator.people.queries import reader_of, seats
from tests.make import Make


@pytest.fixture
def crowd(make: Make) -> dict[str, int]:
    """People of every kind; returns the numbers inside that tokens are made of."""
    bureau = make.unit("Bureau")
    desk, other = make.unit("Desk", under=bureau), make.unit("Other")
    agency = make.unit("Agency", of=make.organisation(circle="government", ceiling=1))
    firm = make.unit("Firm", of=make.organisation(circle="country", ceiling=0))
    group = make.group("Leadership")
    for unit in (bureau, desk, other, agency, firm):
        for clearance in (0, 1, 2):
            make.person(unit=unit, clearance=clearance, groups=[group] if clearance == 2 else ())
        make.person(unit=unit, roles=("coordinator",), clearance=1)
    gone = make.person(unit=desk)
    with transaction(make.session) as written:
        people.disable(written, written.get_one(Person, gone.id), by=None, at=make.at)
    one = make.person(unit=other)
    return {"bureau": bureau.id, "desk": desk.id, "agency": agency.id, "group": group.id, "one": one.id}


AUDIENCES = {
    "one unit": ["unit:{desk}"],
    "a bureau": ["bureau:{bureau}"],
    "its coordinators": ["coord:{bureau}"],
    "a group": ["group:{group}"],
    "a person": ["user:{one}"],
    "the ministry": ["circle:ministry"],
    "the government": ["circle:government"],
    "the country": ["circle:country"],
    "several that share people": ["unit:{desk}", "bureau:{bureau}", "group:{group}", "user:{one}"],
    "a circle and a unit outside": ["circle:ministry", "unit:{agency}"],
    "nobody": ["unit:999999"],
    "what is no token": ["everybody", "unit:x", ""],
}


@pytest.mark.parametrize("audience", AUDIENCES.values(), ids=AUDIENCES.keys())
def test_the_count_is_the_rule_of_access_over_everybody(make: Make, crowd: dict[str, int], audience: list[str]) -> None:
    tokens = frozenset(token.format(**crowd) for token in audience)
    refs = make.session.scalars(select(Person.ref)).all()
    readers = [reader_of(make.session, one_person(make.session, ref)) for ref in refs]
    counted = headcount(make.session, seats(make.session))
    for level in (0, 1, 2):
        twin = sum(may_see(reader, level=level, audience=tokens) for reader in readers)
        assert count_readers(make.session, level=level, audience=tokens) == twin
        if len(tokens) == 1 and not audience[0].startswith("user:"):
            assert counted.of(*tokens, level) == twin


def test_each_token_stands_for_a_name(make: Make, crowd: dict[str, int]) -> None:
    tokens = {"unit:{desk}", "bureau:{bureau}", "group:{group}", "user:{one}", "circle:ministry", "unit:999999"}
    found = named_readers(make.session, {t.format(**crowd) for t in tokens})
    assert {t.partition(":")[0]: n.name for t, n in found.items() if not t.startswith("user:")} == {
        "unit": "Desk",
        "bureau": "Bureau",
        "group": "Leadership",
    }


def test_hidden_positions_have_no_name(make: Make) -> None:
    officer, seen = make.officer(), make.position(title="Seen")
    hidden = make.position(title="Hidden", sealed=True)
    make.act_as(officer)
    assert names_in(make.session, [{"positions": [seen.id, hidden.id]}])["positions"] == {seen.id: "Seen"}


def test_the_form_offers_what_lies_ahead_and_keeps_what_a_version_holds(make: Make) -> None:
    officer, event = make.officer(), make.event()
    past = make.event()
    with transaction(make.session) as written:
        written.merge(past).past = True
        written.info["record"](written, "event.passed", subject=("event", past.id), by=None, at=make.at)
    person = make.act_as(officer)
    offered = choices(make.session, person)
    assert [e.id for e in offered.events] == [event.id]
    held = choices(make.session, person, content={"event_id": past.id})
    assert {e.id for e in held.events} == {event.id, past.id}


def test_units_that_ended_are_not_offered_but_stay_where_they_are_chosen(make: Make) -> None:
    gone, person = make.unit(ends_on=make.today), make.act_as(make.officer())
    assert gone.id not in {u.id for u in choices(make.session, person, on=make.today).units}
    held = choices(make.session, person, content={"contributing": [gone.id]}, on=make.today)
    assert gone.id in {u.id for u in held.units}


def test_one_names_the_coordinators_of_ones_own_bureau_only(make: Make) -> None:
    bureau, elsewhere = make.unit("Bureau"), make.unit("Elsewhere")
    make.unit(under=elsewhere)
    officer = make.officer(unit=make.unit(under=bureau))
    offered = choices(make.session, make.act_as(officer))
    assert [u.id for u in offered.coordinated] == [bureau.id]
    assert {u.id for u in offered.bureaus} == {bureau.id, elsewhere.id}


def test_what_is_under_way_is_told_to_the_own_unit_only(make: Make) -> None:
    officer = make.officer()
    draft = make.position(by=officer, released=False)
    make.act_as(officer)
    assert about(make.session, draft, own=True).under_way is not None
    assert about(make.session, draft, own=False).under_way is None
    assert about(make.session, draft, own=True).wanted == {"circle:ministry", f"unit:{officer.unit_id}"}
    bind_reader(make.session, None)
