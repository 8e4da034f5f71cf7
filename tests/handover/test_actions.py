"""What somebody holds goes to a colleague in one step, seen or not; who wrote and said what stays on record."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from coordinator.cli import CHECKS
from coordinator.db import bind_reader, read_as_system, transaction
from coordinator.deputies import queries as deputies
from coordinator.dossiers.models import Dossier
from coordinator.entries.models import Entry, EntryVersion
from coordinator.entries.rules import SecondPerson
from coordinator.handover import actions
from coordinator.handover.rules import NoColleague, NotYours, may_hand_over, nobody_releases
from coordinator.history.queries import of
from coordinator.overlaps import actions as overlap_actions
from coordinator.overlaps.models import Overlap, Side, Step
from coordinator.people import actions as people_actions
from coordinator.people import queries as people
from coordinator.positions import actions as positions
from coordinator.positions.rules import PositionDraft
from coordinator.worklist.queries import waiting

ENTRY, VERSION = Entry.__table__, EntryVersion.__table__


class World:
    """Somebody who leaves, a colleague, and an administrator who does not read the unit's papers."""

    def __init__(self, session, make, at):
        self.session, self.make, self.at = session, make, at
        self.unit = make.unit("Digital Freedom")
        self.leo = make.officer(unit=self.unit, name="Leo Leaves")
        self.kim = make.officer(unit=self.unit, name="Kim Keeps")
        self.admin = make.person(roles=("administrator",), clearance=0)

    def hand_over(self, *, to=None, disable=False, by=None):
        doer = self.make.act_as(by or self.admin)
        with transaction(self.session):
            person, colleague = (people.person(self.session, p.ref) for p in (self.leo, to or self.kim))
            actions.hand_over(self.session, person, to=colleague, disable=disable, by=doer, at=self.at, on=self.at.date())
        bind_reader(self.session, None)
        self.session.expire_all()
        assert [s for check in CHECKS for s in check(self.session)] == []

    def drafts_of(self, person):
        by = self.make.act_as(person)
        found = waiting(self.session, self.make.reader(by), at=self.at, on=self.at.date())
        bind_reader(self.session, None)
        return {p.entry.title for p in (*found.drafts, *found.to_release)}

    def versions(self, entry):
        with read_as_system(self.session, "check") as connection:
            return connection.execute(select(VERSION).where(VERSION.c.entry_id == entry.id).order_by(VERSION.c.number)).all()


@pytest.fixture
def world(session, make, at):
    return World(session, make, at)


def test_drafts_and_what_is_under_way_come_into_the_colleagues_list(world, make, session):
    make.position(by=world.leo, released=False, title="A sealed draft", sealed=True)
    released = make.position(by=world.leo, title="Revised")
    by = make.act_as(world.leo)
    with transaction(session):
        entry = session.get_one(Entry, released.id)
        positions.revise(session, entry, PositionDraft(title="Revised", text="Next"), base=1, by=by, at=world.at)
    bind_reader(session, None)
    assert world.drafts_of(world.leo) == {"A sealed draft", "Revised"}
    world.hand_over()
    assert world.drafts_of(world.kim) == {"A sealed draft", "Revised"}
    assert world.drafts_of(world.leo) == set()
    one, two = world.versions(released)
    assert (one.author_id, two.author_id, one.handed_to_id, two.handed_to_id) == (world.leo.id, world.leo.id, None, world.kim.id)
    assert of(session, "entry", released.id)[-1].action == "position.handed_over"


def test_what_is_of_others_stays_where_it_is(world, make):
    other = make.position(by=world.kim, released=False, title="Of Kim")
    third = make.officer(unit=world.unit)
    world.hand_over(to=third)
    assert world.versions(other)[0].handed_to_id is None
    assert world.drafts_of(third) == set()


def test_a_second_handover_goes_on_from_the_first(world, make):
    draft = make.position(by=world.leo, released=False, title="Twice")
    world.hand_over()
    world.leo, third = world.kim, make.officer(unit=world.unit)
    world.hand_over(to=third)
    assert world.versions(draft)[0].handed_to_id == third.id


def test_dossiers_get_another_lead_in_a_version_of_their_own(world, make, session):
    led = make.dossier(by=world.kim, lead_id=world.leo.id, title="Led")
    draft = make.dossier(by=world.leo, lead_id=world.leo.id, released=False)
    world.hand_over()
    table = Dossier.__table__
    with read_as_system(session, "check") as connection:
        leads = dict(connection.execute(select(table.c.id, table.c.lead_id)).all())
    assert leads == {led.id: world.kim.id, draft.id: world.kim.id}
    one, two = world.versions(led)
    assert (one.content["lead_id"], two.content["lead_id"], two.released_at is not None) == (world.leo.id, world.kim.id, True)
    assert (two.author_id, two.handed_to_id) == (world.admin.id, world.kim.id)
    (only,) = world.versions(draft)
    assert (only.content["lead_id"], only.handed_to_id) == (world.kim.id, world.kim.id)


def test_the_second_person_stays_a_second_person(world, make, session):
    """Whoever wrote a text does not release it beyond the ministry by handing it over first."""
    draft = make.position(by=world.leo, released=False, audience=frozenset({"circle:government"}))
    world.hand_over(by=world.leo)
    by = make.act_as(world.leo)
    from coordinator.entries.actions import release  # noqa: PLC0415

    with pytest.raises(SecondPerson), transaction(session):
        release(session, session.get_one(Entry, draft.id), by=by, at=world.at)
    by = make.act_as(world.kim)
    with transaction(session):
        release(session, session.get_one(Entry, draft.id), by=by, at=world.at)


def test_deputies_end_and_the_colleague_stands_in_instead(world, make, session, at):
    other, last = make.officer(unit=world.unit), at.date() + timedelta(days=9)
    make.deputy(world.leo, other)
    make.deputy(other, world.leo, until_on=last)
    world.hand_over()
    rows = deputies.of_persons(session, [world.leo.id, other.id])
    tomorrow = at.date() + timedelta(days=1)
    assert {(r.person_id, r.deputy_id, r.from_on, r.until_on) for r in rows} == {
        (world.leo.id, other.id, at.date(), at.date()),
        (other.id, world.leo.id, at.date(), at.date()),
        (other.id, world.kim.id, tomorrow, last),
    }


def test_nobody_comes_to_stand_in_for_themselves(world, make, session, at):
    make.deputy(world.kim, world.leo)
    world.hand_over()
    assert [r.deputy_id for r in deputies.of_persons(session, [world.kim.id])] == [world.leo.id]


def test_an_acknowledgement_stays_and_its_record_says_that_a_colleague_goes_on(world, make, session):
    topic = make.topic()
    question = make.question(topic=topic)
    make.position(by=world.leo, topic=topic, question=question, stance="support")
    make.position(topic=topic, question=question, stance="red_line")
    by = make.act_as(world.leo)
    with transaction(session):
        overlap_actions.acknowledge(session, session.scalars(select(Overlap)).one(), by=by, at=world.at)
    bind_reader(session, None)
    world.hand_over()
    with read_as_system(session, "check") as connection:
        side = connection.execute(select(Side.__table__).where(Side.__table__.c.unit_id == world.unit.id)).one()
        steps = connection.execute(select(Step.__table__.c.did, Step.__table__.c.unit_id).order_by(Step.__table__.c.id)).all()
    assert side.acknowledged_by_id == world.leo.id
    assert steps[-1] == ("handed_over", world.unit.id)


def test_the_account_is_disabled_with_it_if_wanted(world, session):
    world.hand_over(disable=True)
    assert not people.person(session, world.leo.ref).is_active
    assert [e.action for e in of(session, "person", world.leo.id)][-2:] == ["person.handed_over", "person.disabled"]


def test_only_an_administrator_disables_and_nobody_the_own_account(world):
    for by in (world.kim, world.leo):
        with pytest.raises(NotYours):
            world.hand_over(disable=True, by=by)


@pytest.mark.parametrize("who", ["another unit", "nobody who logs", "disabled", "the same"])
def test_work_stays_in_its_unit_with_somebody_who_logs(world, make, session, at, who):
    colleague = {
        "another unit": make.officer,
        "nobody who logs": lambda: make.person(unit=world.unit, roles=("leadership",)),
        "disabled": lambda: make.officer(unit=world.unit),
        "the same": lambda: world.leo,
    }[who]()
    if who == "disabled":
        with transaction(session):
            people_actions.disable(session, colleague, by=None, at=at)
    with pytest.raises(NoColleague):
        world.hand_over(to=colleague)


def test_who_may_hand_over(world, make):
    clerk, stranger = make.person(unit=world.unit), make.officer()
    assert [may_hand_over(p, world.leo) for p in (world.leo, world.kim, world.admin, clerk, stranger)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert nobody_releases(world.leo, [world.leo, clerk])
    assert not nobody_releases(world.leo, [world.leo, world.kim])
    assert not nobody_releases(clerk, [clerk])
