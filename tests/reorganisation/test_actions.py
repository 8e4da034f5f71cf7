"""Merging and splitting units: no reader is lost or gained, decisions stay, and what is kept is what a look from scratch finds."""

from contextlib import contextmanager
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from coordinator.cli import CHECKS
from coordinator.db import bind_reader, read_as_system, transaction
from coordinator.dossiers.models import Contributor
from coordinator.entries import actions as entries
from coordinator.entries import queries as entry_queries
from coordinator.entries.models import AudienceToken, Entry, EntryVersion, State
from coordinator.history.queries import of
from coordinator.overlaps import actions as overlap_actions
from coordinator.overlaps.models import Closing, Outcome, Overlap, OverlapState, Side, Step
from coordinator.people import queries as people
from coordinator.people.models import Person, Unit
from coordinator.people.queries import reader_of
from coordinator.people.rules import UnitDraft
from coordinator.positions import actions as positions
from coordinator.positions.models import Adherence
from coordinator.positions.rules import PositionDraft
from coordinator.reorganisation import actions, queries, rules
from coordinator.reorganisation.rules import Plan
from coordinator.topics.models import Equity

ENTRY, TOKEN, OVERLAP, SIDE, STEP = (m.__table__ for m in (Entry, AudienceToken, Overlap, Side, Step))


class World:
    """Two units that work, a third that watches, and a coordinator who sees what is open."""

    def __init__(self, session, make, at):
        self.session, self.make, self.at = session, make, at
        self.keeper = make.person("Keeper", roles=("coordinator",), clearance=1)
        self.a, self.b, self.c = make.unit("Alpha"), make.unit("Beta"), make.unit("Gamma")
        self.ann, self.bob, self.cyd = (make.officer(unit=u) for u in (self.a, self.b, self.c))
        self.topic, self.other_topic = make.topic("Encryption"), make.topic("Quantum")
        self.question = make.question(topic=self.topic)

    def plan(self, *old, into, **said):
        heirs = tuple(u.id if isinstance(u, Unit) else -n for n, u in enumerate(into, 1))
        drafts = {-n: UnitDraft(old[0].organisation_id, u, u[:6]) for n, u in enumerate(into, 1) if isinstance(u, str)}
        said = {"on": self.at.date(), "rest": heirs[0], **said}
        return Plan(predecessors=tuple(u.id for u in old), heirs=heirs, drafts=drafts, **said)

    def carry_out(self, plan, *, by=None):
        """Carry a plan out as the coordinator, look whether the register is whole, and return the units that follow."""
        keeper = self.make.act_as(by or self.keeper)
        with transaction(self.session):
            made = actions.carry_out(self.session, plan, by=keeper, at=self.at, today=self.at.date())
        bind_reader(self.session, None)
        self.session.expire_all()
        assert [s for check in CHECKS for s in check(self.session)] == []
        return made

    @contextmanager
    def acting(self, person, entry):
        """Let somebody do something with an entry."""
        by = self.make.act_as(person)
        found = entry_queries.one(self.session, entry.ref)
        with transaction(self.session):
            yield found, by
        bind_reader(self.session, None)

    def row(self, entry):
        with read_as_system(self.session, "check") as connection:
            return connection.execute(select(ENTRY).where(ENTRY.c.id == entry.id)).one()

    def readers(self):
        """Who reads which entry: the pure rule over everybody and everything."""
        session = self.session
        everybody = [people.person(session, ref) for ref in session.scalars(select(Person.ref))]
        with read_as_system(session, "check") as connection:
            tokens = {}
            for audience, token in connection.execute(select(TOKEN.c.audience_id, TOKEN.c.token)):
                tokens.setdefault(audience, set()).add(token)
            entries = connection.execute(select(ENTRY.c.id, ENTRY.c.level, ENTRY.c.audience_id)).all()
        seen = {p.id: reader_of(session, p) for p in everybody}
        return {
            e.id: {p for p, r in seen.items() if e.level <= r.level and not r.tokens.isdisjoint(tokens[e.audience_id])}
            for e in entries
        }

    def happened(self, entry):
        return [e.action.partition(".")[2] for e in of(self.session, "entry", entry.id)]


@pytest.fixture
def world(session, make, at):
    return World(session, make, at)


def named(*tokens):
    return {"level": 2, "audience": frozenset(tokens), "restriction_reason": "for those named"}


# --- merging ---------------------------------------------------------------------------------------------------------------


def test_two_units_become_a_new_one_with_their_people_stakes_and_current_work(world, make, session):
    world.make.equity(world.a, world.topic, "lead")
    world.make.equity(world.b, world.topic, "must_consult")
    released = make.position(by=world.ann, topic=world.topic)
    draft = make.dossier(by=world.bob, released=False)
    (merged,) = world.carry_out(world.plan(world.a, world.b, into=["Delta"]))
    assert {p.id for p in people.people_of(session, merged.id)} == {world.ann.id, world.bob.id}
    assert (world.row(released).unit_id, world.row(draft).unit_id) == (merged.id, merged.id)
    assert [world.happened(e)[-1] for e in (released, draft)] == ["moved", "moved"]
    stakes = session.scalars(select(Equity).order_by(Equity.id)).all()
    yesterday = world.at.date() - timedelta(days=1)
    assert [(e.unit_id, e.stake, e.until_on) for e in stakes] == [
        (world.a.id, "lead", yesterday),
        (world.b.id, "must_consult", yesterday),
        (merged.id, "lead", None),
    ]
    for old in (world.a, world.b):
        assert people.unit(session, old.ref).ends_on == world.at.date()
        assert [s.successor_id for s in people.successions(session, old.id)] == [merged.id]
    assert [e.action for e in of(session, "unit", merged.id)][-2:] == ["unit.took_over", "unit.took_over"]


def test_what_has_ended_stays_with_its_unit(world, make):
    over = make.position(by=world.ann)
    with world.acting(world.ann, over) as (entry, by):
        entries.withdraw(world.session, entry, why="over", by=by, at=world.at)
    world.carry_out(world.plan(world.a, into=[world.c]))
    assert world.row(over).unit_id == world.a.id
    assert "moved" not in world.happened(over)


def test_a_unit_goes_on_in_one_that_there_is_and_brings_its_mailbox(world, make, session):
    plain, post = make.unit("Plain"), make.unit("Post", mailbox="post@ministry.example")
    (heir,) = world.carry_out(world.plan(post, into=[plain]))
    assert (heir.id, heir.mailbox) == (plain.id, "post@ministry.example")
    assert people.unit(session, post.ref).mailbox is None


def test_units_below_move_along_and_no_unit_comes_to_stand_below_itself(world, make, session):
    top = make.unit("Top")
    old = make.unit("Old", under=top)
    child = make.unit("Child", under=old)
    heir = make.unit("Heir", under=child)  # stands below a unit that is to move below it
    world.carry_out(world.plan(old, into=[heir]))
    assert people.unit(session, heir.ref).parent_id == top.id
    assert people.unit(session, child.ref).parent_id == heir.id


# --- readers ---------------------------------------------------------------------------------------------------------------


def test_after_a_merger_nobody_who_read_stops_reading_and_nobody_else_begins(world, make):
    bureau = make.unit("Bureau")
    child = make.unit("Child", under=bureau)
    within, chief = make.officer(unit=child), make.person(unit=bureau, roles=("coordinator", "officer"))
    make.person(unit=child, roles=("coordinator",))
    by = world.cyd
    make.position(by=by)
    shared = [
        make.position(by=by, **named(f"unit:{bureau.id}")),
        make.position(by=by, **named(f"bureau:{bureau.id}")),
        make.position(by=by, **named(f"coord:{bureau.id}")),
        make.position(by=by, **named(f"unit:{world.b.id}", f"user:{world.ann.id}")),
    ]
    own = make.position(by=chief, sealed=True)
    drafted = make.position(by=within, released=False)
    before = world.readers()
    (merged,) = world.carry_out(world.plan(bureau, world.b, into=["Delta"]))
    after = world.readers()
    members = {p.id for p in people.people_of(world.session, merged.id)}
    for entry, readers in before.items():
        assert readers <= after[entry], entry
        assert after[entry] - readers <= members, entry
    assert after[shared[0].id] - before[shared[0].id] == {world.bob.id}
    assert within.id in after[shared[1].id]
    assert within.id not in after[own.id]
    assert after[drafted.id] == before[drafted.id]


def test_what_was_for_a_bureau_is_not_opened_to_others_below_the_unit_that_follows(world, make):
    """A unit goes on in a bureau that has units of its own: what was shared with the old one is not for all of those."""
    bureau = make.unit("Bureau")
    make.officer(unit=make.unit("Elsewhere", under=bureau))
    old = make.unit("Old")
    child = make.officer(unit=make.unit("Child", under=old))
    entry = make.position(by=world.cyd, **named(f"bureau:{old.id}"))
    make.officer(unit=old)
    before = world.readers()[entry.id]
    world.carry_out(world.plan(old, into=[bureau]))
    assert child.id in before
    assert world.readers()[entry.id] == before


def test_versions_follow_too_and_what_was_never_released_is_read_by_the_new_unit_alone(world, make, session):
    entry = make.position(by=world.ann, sealed=True)
    with world.acting(world.ann, entry) as (position, by):
        draft = PositionDraft(title="Next", text="Next", **named())
        positions.revise(session, position, draft, base=1, by=by, at=world.at)
    (merged,) = world.carry_out(world.plan(world.a, into=["Delta"]))
    with read_as_system(session, "check") as connection:
        version = EntryVersion.__table__
        found = {
            row.number: set(connection.scalars(select(TOKEN.c.token).where(TOKEN.c.audience_id == row.audience_id)))
            for row in connection.execute(select(version).where(version.c.entry_id == entry.id))
        }
    assert found == {1: {f"unit:{world.a.id}", f"unit:{merged.id}"}, 2: {f"unit:{merged.id}"}}


# --- splitting -------------------------------------------------------------------------------------------------------------


def test_a_unit_is_split_and_each_thing_goes_where_it_was_said_or_by_its_topics_and_author(world, make, session):
    zoe = make.officer(unit=world.a)
    lead, asked = make.equity(world.a, world.topic), make.equity(world.a, world.other_topic, "must_consult")
    by_topic = make.position(by=world.ann, topic=world.other_topic)
    by_author = make.position(by=zoe)
    by_hand = make.position(by=world.ann, topic=world.topic)
    drafted = make.position(by=zoe, topic=world.topic, released=False)
    sealed = make.position(by=world.ann, topic=world.topic, sealed=True)
    plan = world.plan(
        world.a,
        into=["North", "South"],
        persons={zoe.id: -2},
        stakes={asked.id: -2, lead.id: -1},
        entries={by_hand.id: -2},
    )
    before = world.readers()
    north, south = world.carry_out(plan)
    assert {e.id: world.row(e).unit_id for e in (by_topic, by_author, by_hand, drafted, sealed)} == {
        by_topic.id: south.id,
        by_author.id: south.id,
        by_hand.id: south.id,
        drafted.id: south.id,
        sealed.id: north.id,
    }
    after = world.readers()
    assert after[sealed.id] == before[sealed.id]  # both new units come from the old one alone
    assert after[drafted.id] == {zoe.id}
    assert {(e.unit_id, e.topic_id) for e in session.scalars(select(Equity).where(Equity.until_on.is_(None)))} == {
        (north.id, world.topic.id),
        (south.id, world.other_topic.id),
    }


def test_a_unit_that_gives_a_part_away_goes_on(world, make, session):
    zoe, stays = make.officer(unit=world.a), make.position(by=world.ann, sealed=True)
    goes = make.position(by=zoe, released=False)
    old, new = world.carry_out(world.plan(world.a, into=[world.a, "Spun off"], persons={zoe.id: -2}))
    assert (old.id, old.ends_on) == (world.a.id, None)
    assert (world.row(stays).unit_id, world.row(goes).unit_id) == (old.id, new.id)
    assert [s.successor_id for s in people.successions(session, old.id)] == [new.id]
    assert world.readers()[goes.id] == {zoe.id}


def test_who_goes_to_a_unit_with_others_in_it_does_not_open_the_old_units_papers_to_these(world, make):
    zoe = make.officer(unit=world.a)
    sealed = make.position(by=world.ann, sealed=True)
    world.carry_out(world.plan(world.a, into=["North", world.c], persons={zoe.id: world.c.id}))
    assert world.readers()[sealed.id] == {world.ann.id}


# --- lines that clash ------------------------------------------------------------------------------------------------------


@pytest.fixture
def clash(world, make):
    lines = [
        make.position(by=p, topic=world.topic, question=world.question, stance=s)
        for p, s in ((world.ann, "support"), (world.bob, "red_line"))
    ]
    return world, lines, world.question.id


def test_two_lines_on_one_question_have_to_be_settled_before(clash):
    world, lines, question = clash
    with pytest.raises(rules.Unsettled):
        world.carry_out(world.plan(world.a, world.b, into=["Delta"]))
    assert [world.row(line).unit_id for line in lines] == [world.a.id, world.b.id]
    kept, lost = lines
    (merged,) = world.carry_out(world.plan(world.a, world.b, into=["Delta"], kept={(-1, question, 1): kept.id}))
    assert (world.row(kept).unit_id, world.row(kept).state, world.row(kept).supersedes_id) == (merged.id, State.RELEASED, lost.id)
    assert (world.row(lost).unit_id, world.row(lost).state) == (world.b.id, State.SUPERSEDED)
    assert world.happened(lost)[-1] == "superseded"


def test_of_lines_that_the_coordinator_does_not_see_the_newest_stays(world, make, session):
    older, newer = (make.position(by=p, question=world.question, stance="oppose", sealed=True) for p in (world.ann, world.bob))
    plan = world.plan(world.a, world.b, into=["Delta"])
    make.act_as(world.keeper)
    assert queries.preview(session, plan).clashes == []
    world.carry_out(plan)
    assert [world.row(e).state for e in (older, newer)] == [State.SUPERSEDED, State.RELEASED]


def test_a_line_that_is_not_seen_does_not_decide_over_one_that_is(world, make):
    seen = make.position(by=world.ann, question=world.question, stance="oppose")
    unseen = make.position(
        by=world.bob, question=world.question, stance="oppose", audience=frozenset(), restriction_reason="a source"
    )
    world.carry_out(world.plan(world.a, world.b, into=["Delta"]))
    assert [world.row(e).state for e in (seen, unseen)] == [State.RELEASED, State.SUPERSEDED]


def test_codes_of_dossiers_stay_apart(world, make, session):
    mine, yours = (make.dossier(by=p) for p in (world.ann, world.bob))
    with transaction(session), read_as_system(session, "check") as connection:
        connection.execute(ENTRY.update().values(code="DOS-1"))
    (merged,) = world.carry_out(world.plan(world.a, world.b, into=["Delta"]))
    codes = [world.row(e).code for e in (mine, yours)]
    assert codes[0] == "DOS-1"
    assert codes[1].startswith("DELTA-")


# --- adherences and contributions ------------------------------------------------------------------------------------------


def adhere(world, person, line):
    with world.acting(person, line) as (position, by):
        positions.adhere(world.session, position, unit=by.unit, by=by, at=world.at)


def standing(world):
    with read_as_system(world.session, "check") as connection:
        table = Adherence.__table__
        return [(r.entry_id, r.unit_id) for r in connection.execute(select(table).where(table.c.ended_at.is_(None)))]


def test_adherences_go_on_and_end_where_there_is_no_room_for_them(world, make):
    line = make.position(by=world.cyd, question=world.question, stance="support")
    for person in (world.ann, world.bob):
        adhere(world, person, line)
    (merged,) = world.carry_out(world.plan(world.a, world.b, into=["Delta"]))
    assert standing(world) == [(line.id, merged.id)]
    assert sorted(world.happened(line)[-2:]) == ["adherence_moved", "left"]


def test_a_unit_no_longer_adheres_to_what_becomes_its_own(world, make):
    line = make.position(by=world.bob, question=world.question, stance="support")
    adhere(world, world.ann, line)
    world.carry_out(world.plan(world.a, world.b, into=["Delta"]))
    assert standing(world) == []


def test_an_adherence_ends_where_the_unit_gets_a_line_of_its_own(world, make):
    line = make.position(by=world.cyd, question=world.question, stance="support")
    adhere(world, world.ann, line)
    make.position(by=world.bob, question=world.question, stance="support")
    world.carry_out(world.plan(world.a, world.b, into=["Delta"]))
    assert standing(world) == []


def test_contributions_go_on_under_the_new_unit_in_a_version_of_their_own(world, make, session):
    dossier = make.dossier(by=world.cyd, contributing=(world.a.id, world.b.id))
    draft = make.dossier(by=world.cyd, contributing=(world.a.id,), released=False)
    (merged,) = world.carry_out(world.plan(world.a, world.b, into=["Delta"]))
    with read_as_system(session, "check") as connection:
        table, version = Contributor.__table__, EntryVersion.__table__
        assert set(connection.execute(select(table.c.entry_id, table.c.unit_id)).all()) == {
            (dossier.id, merged.id),
            (draft.id, merged.id),
        }
        said = connection.execute(
            select(version.c.entry_id, version.c.number, version.c.content, version.c.released_at).order_by(version.c.id)
        ).all()
    assert [(r.entry_id, r.number, r.content["contributing"], r.released_at is None) for r in said] == [
        (dossier.id, 1, [world.a.id, world.b.id], False),
        (draft.id, 1, [merged.id], True),
        (dossier.id, 2, [merged.id], False),
    ]


# --- overlaps --------------------------------------------------------------------------------------------------------------


def overlaps(world):
    with read_as_system(world.session, "check") as connection:
        return connection.execute(select(OVERLAP).order_by(OVERLAP.c.id)).all()


def sides(world):
    with read_as_system(world.session, "check") as connection:
        return {(r.overlap_id, r.unit_id): r for r in connection.execute(select(SIDE))}


def test_what_a_unit_did_about_an_overlap_stands_for_the_unit_that_follows(world, make, session):
    make.position(by=world.ann, topic=world.topic, question=world.question, stance="support")
    make.position(by=world.cyd, topic=world.topic, question=world.question, stance="red_line")
    by = make.act_as(world.ann)
    overlap = session.scalars(select(Overlap)).one()
    with transaction(session):
        overlap_actions.acknowledge(session, overlap, by=by, at=world.at)
        overlap_actions.settle(session, overlap, statement="We lead.", outcome=Outcome.ONE_LEADS, lead=by.unit, by=by, at=world.at)
    bind_reader(session, None)
    before = overlaps(world)[0]
    (merged,) = world.carry_out(world.plan(world.a, world.b, into=["Delta"]))
    (after,) = overlaps(world)
    assert (after.low_unit_id, after.high_unit_id, after.lead_unit_id) == (merged.id, world.c.id, merged.id)
    assert (after.state, after.statement, after.fingerprint, after.ref) == (
        before.state,
        "We lead.",
        before.fingerprint,
        before.ref,
    )
    mine = sides(world)[after.id, merged.id]
    assert (mine.asked, mine.closing, mine.acknowledged_by_id) == (True, Closing.SETTLE, world.ann.id)
    with read_as_system(session, "check") as connection:
        steps = connection.execute(select(STEP.c.did, STEP.c.detail).order_by(STEP.c.id)).all()
    assert steps[-1] == ("moved", {"from": world.a.short_name, "to": merged.short_name})


def test_a_pair_that_comes_to_lie_within_one_unit_lapses(world, make):
    make.position(by=world.ann, topic=world.topic, question=world.question, stance="support")
    make.position(by=world.bob, topic=world.topic, question=world.question, stance="red_line", level=0)
    world.carry_out(world.plan(world.a, world.b, into=["Delta"]))
    (pair,) = overlaps(world)
    assert (pair.state, pair.current, pair.low_unit_id, pair.high_unit_id) == (
        OverlapState.LAPSED,
        False,
        world.a.id,
        world.b.id,
    )


def test_a_split_raises_what_was_within_one_unit_before(world, make):
    zoe = make.officer(unit=world.a)
    make.position(by=world.ann, topic=world.topic, question=world.question, stance="support")
    other = make.position(by=zoe, topic=world.topic, question=world.question, stance="red_line", level=0)
    assert overlaps(world) == []
    north, south = world.carry_out(world.plan(world.a, into=["North", "South"], entries={other.id: -2}))
    (pair,) = overlaps(world)
    assert {pair.low_unit_id, pair.high_unit_id} == {north.id, south.id}


def test_who_newly_sees_both_ends_is_asked(world, make):
    sealed = named(f"unit:{world.a.id}")
    make.position(by=world.bob, topic=world.topic, question=world.question, stance="support")
    make.position(by=world.cyd, topic=world.topic, question=world.question, stance="red_line", **sealed)
    (pair,) = overlaps(world)
    assert not sides(world)[pair.id, world.b.id].asked
    world.carry_out(world.plan(world.a, into=[world.b]))
    assert sides(world)[pair.id, world.b.id].asked


# --- what is refused -------------------------------------------------------------------------------------------------------


def test_odd_plans_are_refused_with_a_sentence(world, make, at):
    abroad, over = make.unit(of=make.organisation()), make.unit(ends_on=at.date())
    young = make.unit(starts_on=at.date())
    plans = [
        (Plan(predecessors=(), heirs=(world.a.id,), on=at.date()), rules.NobodyEnds),
        (Plan(predecessors=(world.a.id,), heirs=(), on=at.date()), rules.NobodyFollows),
        (world.plan(world.a, into=[world.a]), rules.NothingMoves),
        (world.plan(world.a, into=[abroad]), rules.AcrossOrganisations),
        (world.plan(over, into=[world.a]), rules.EndedAlready),
        (world.plan(world.a, into=[world.b], on=at.date() + timedelta(days=1)), rules.NotYet),
        (world.plan(young, into=[world.b], on=date(2026, 1, 1)), rules.BeforeItStarted),
    ]
    for plan, refused in plans:
        with pytest.raises(refused):
            world.carry_out(plan)


def test_nobody_reorganises_the_units_that_they_read_with(world, make):
    own = make.unit("Own", under=world.c)
    keeper = make.person(unit=own, roles=("coordinator",))
    for plan in (world.plan(own, into=[world.b]), world.plan(world.a, into=[own]), world.plan(world.a, into=[world.c])):
        with pytest.raises(rules.OwnUnits):
            world.carry_out(plan, by=keeper)
