"""Units are merged and split in the middle of everything: what is kept of each pair stays what a look from scratch finds."""

from typing import Any

import pytest
from sqlalchemy import select

from coordinator.db import bind_reader, transaction
from coordinator.people.models import Person, Unit
from coordinator.people.rules import UnitDraft
from coordinator.recompute.actions import unlike
from coordinator.reorganisation import actions
from coordinator.reorganisation.rules import Plan, Unsettled
from tests.overlaps.test_same_set import World, acted_on, from_scratch, kept


def reorganise(world: World, keeper: Person, old: list[Unit], new: int, name: str) -> None:
    """Merge or split units; clashes are settled in favour of whatever comes first."""
    world.session.expire_all()
    drafts = {-n: UnitDraft(old[0].organisation_id, f"{name} {n}", f"{name}{n}") for n in range(1, new + 1)}
    persons = world.session.scalars(select(Person).where(Person.unit_id.in_([u.id for u in old])).order_by(Person.id)).all()
    plan = Plan(
        predecessors=tuple(u.id for u in old),
        heirs=tuple(drafts),
        drafts=drafts,
        on=world.at.date(),
        rest=-1,
        persons={p.id: -1 - i % new for i, p in enumerate(persons)},
    )
    by = world.act_as(keeper)
    with transaction(world.session):
        actions.carry_out(world.session, plan, by=by, at=world.at, today=world.at.date())
    bind_reader(world.session, None)


def same(world: World) -> bool:
    return kept(world.session) == from_scratch(world.session, acted_on(world.session)) and unlike(world.session) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_kept_stays_what_a_look_from_scratch_finds(session: Any, make: Any, at: Any, seed: int) -> None:
    world = World(session, make, at, seed)
    keeper = make.person(roles=("coordinator",), clearance=0)  # sees little: what is not seen is settled by rule
    for _ in range(40):
        world.change()
    assert kept(session)  # a world in which nothing touches would agree with anything
    try:
        reorganise(world, keeper, world.units[:2], 1, "Merged")
    except Unsettled:  # a coordinator who sees two lines that clash is asked; this one sees none
        pytest.fail("nothing is open to a coordinator who is cleared for nothing")
    assert same(world)
    for _ in range(10):
        world.change()
    merged = session.scalars(select(Unit).where(Unit.name == "Merged 1")).one()
    reorganise(world, keeper, [merged], 2, "Split")
    assert same(world)
    for _ in range(5):
        world.change()
    assert same(world)
