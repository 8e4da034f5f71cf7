"""All overlaps are found again in chunks, by whoever comes, while others save; readers have the old set until the new is whole."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from coordinator.db import bookkeeping, db, read_as_system, transaction
from coordinator.exclusions.models import Exclusion
from coordinator.history.models import Event
from coordinator.overlaps import queries
from coordinator.overlaps.models import Hidden, Overlap, Side, Step
from coordinator.recompute import actions
from coordinator.recompute.models import Recompute, RecomputeChunk, RecomputePlan, RecomputeTouched
from coordinator.words.models import EntryKeyword, EntryWords
from coordinator.worklist.commands import find_overlaps_again
from tests.overlaps.test_same_set import SEEDS, World, acted_on, from_scratch, kept


@pytest.fixture
def world(session: Session, make: Any, at: Any) -> World:
    made = World(session, make, at, seed=5)
    for _ in range(14):
        made.log()
    return made


@pytest.fixture
def other_settings(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let likeness count for nothing and dates for more: many pairs go, others are weighed anew."""

    def change() -> None:
        now = queries.floors()
        weights = {name: 2 * weight for name, weight in now.weights.items()}
        then = replace(now, possible=1.1, possible_abroad=1.1, duplication=1.1, weights=weights)
        monkeypatch.setattr(queries, "floors", lambda: then)

    return change


def begin(world: World, size: int = 3) -> int:
    with transaction(world.session):
        return actions.begin(world.session, at=world.at, size=size)


def work(session: Session, run_id: int, at: Any, most: int = 1000) -> int:
    """Do some chunks; return how many."""
    for done in range(most):
        chunk = actions.claim(session, run_id, at=at)
        if chunk is None:
            return done
        actions.note(session, chunk, actions.look(session, chunk), at=at)
    return most


def finish(world: World, run_id: int) -> actions.Recomputed | None:
    with transaction(world.session):
        return actions.finish(world.session, run_id, at=world.at)


def is_right(world: World) -> bool:
    return kept(world.session) == from_scratch(world.session, acted_on(world.session))


def hidden_now(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Hidden)) or 0


def is_closed(session: Session) -> bool:
    """Say whether nothing is left of a recompute but that it was."""
    left = sum(session.scalar(select(func.count()).select_from(m)) or 0 for m in (RecomputeChunk, RecomputeTouched))
    with read_as_system(session, "check") as connection:
        left += connection.scalar(select(func.count()).select_from(RecomputePlan.__table__)) or 0
    return left == 0 and session.scalar(select(func.count()).where(Recompute.finished_at.is_(None))) == 0


def test_readers_have_the_old_set_until_the_new_one_is_whole(world, other_settings):
    before = kept(world.session)
    other_settings()
    run_id = begin(world)

    assert work(world.session, run_id, world.at) > 1
    assert kept(world.session) == before != from_scratch(world.session, acted_on(world.session))
    events = world.session.scalar(select(func.count(Event.number)))
    found = finish(world, run_id)

    assert found is not None
    assert found.changed > 0
    assert is_right(world)
    assert world.session.scalar(select(func.count(Event.number))) == events + 1
    assert is_closed(world.session)


@pytest.mark.parametrize("seed", SEEDS[:2], ids=lambda s: f"seed {s}")
def test_whatever_is_changed_meanwhile_the_set_is_what_a_look_from_scratch_finds(session, make, at, other_settings, seed):
    world = World(session, make, at, seed=20 + seed)
    for _ in range(12):
        world.change()
    other_settings()
    run_id = begin(world)

    for _ in range(20):
        world.change()
        work(session, run_id, at, most=world.random.randint(0, 1))
    work(session, run_id, at)
    for _ in range(3):
        world.change()
    finish(world, run_id)

    assert is_right(world)
    again = actions.recompute(session, at=at, size=6)
    assert again is not None
    assert again.changed == 0


@pytest.mark.parametrize("looked_at", [False, True], ids=["before it is looked at", "after it was looked at"])
@pytest.mark.parametrize("seed", SEEDS[:2], ids=lambda s: f"seed {s}")
def test_what_is_excluded_meanwhile_is_hidden_and_what_no_longer_is_comes_back(session, make, at, other_settings, seed, looked_at):
    world = World(session, make, at, seed=60 + seed)
    for _ in range(14):
        world.log()
    for _ in range(6):
        world.exclude()
    other_settings()
    run_id = begin(world)
    held = set(session.scalars(select(Exclusion.id).where(Exclusion.ended_at.is_(None))))

    if looked_at:
        work(session, run_id, at)
    for _ in range(24):
        world.exclude()
    hidden = hidden_now(session)
    work(session, run_id, at)
    finish(world, run_id)

    assert held != set(session.scalars(select(Exclusion.id).where(Exclusion.ended_at.is_(None))))
    assert hidden
    assert is_right(world)
    again = actions.recompute(session, at=at, size=6)
    assert again is not None
    assert again.changed == 0  # what is hidden is counted among it


def test_a_pair_that_somebody_acts_on_meanwhile_stays_as_long_as_it_touches(world, other_settings):
    other_settings()
    run_id = begin(world)
    work(world.session, run_id, world.at)
    for _ in range(12):
        world.acknowledge()
    acted = acted_on(world.session)
    assert acted

    finish(world, run_id)

    assert is_right(world)
    assert acted & kept(world.session).keys()
    again = actions.recompute(world.session, at=world.at)  # would change a state that is not what the units did about it
    assert again is not None
    assert again.changed == 0


def test_a_chunk_whose_worker_was_killed_is_done_by_the_next(world, other_settings):
    other_settings()
    run_id = begin(world)
    assert actions.claim(world.session, run_id, at=world.at) is not None  # and was never heard of again

    found = actions.recompute(world.session, at=world.at)

    assert found is not None
    assert is_right(world)


def test_of_two_that_looked_at_one_chunk_the_first_counts(world, other_settings):
    other_settings()
    run_id = begin(world, size=1000)
    one, other = (actions.claim(world.session, run_id, at=world.at) for _ in range(2))
    assert one == other is not None
    noted = actions.look(world.session, one)
    actions.note(world.session, one, noted, at=world.at)
    actions.note(world.session, other, [], at=world.at)
    finish(world, run_id)
    actions.note(world.session, other, noted, at=world.at)  # late, and nothing any more

    assert is_right(world)
    assert is_closed(world.session)


def test_nothing_is_written_before_every_chunk_is_done(world):
    run_id = begin(world)
    work(world.session, run_id, world.at, most=2)
    with pytest.raises(ValueError, match="nobody has looked"):
        finish(world, run_id)


def test_one_under_way_is_taken_up_and_one_by_other_settings_is_given_up(world, other_settings):
    run_id = begin(world)
    work(world.session, run_id, world.at, most=2)
    assert begin(world) == run_id

    other_settings()
    other = begin(world)

    assert other != run_id
    assert work(world.session, run_id, world.at) == 0
    assert finish(world, run_id) is None
    assert work(world.session, other, world.at) > 2


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_share_the_chunks(world, other_settings, workers):
    other_settings()
    told: list[tuple[int, int]] = []

    def run(_: int) -> actions.Recomputed | None:
        with Session(db.engine, expire_on_commit=False) as own:
            return actions.recompute(own, at=world.at, size=2, said=lambda done, total: told.append((done, total)))

    world.session.commit()
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(run, range(workers)))

    assert any(one is not None and one.changed for one in found)
    assert max(done for done, _ in told) == max(total for _, total in told) > 3
    assert is_right(world)
    assert is_closed(world.session)


def test_a_worker_that_is_asked_to_stop_leaves_the_rest_to_the_job(world, other_settings, app):
    before = kept(world.session)
    other_settings()
    asked = iter([False, False, True])
    assert actions.recompute(world.session, at=world.at, size=4, stopping=lambda: next(asked)) is None
    assert kept(world.session) == before
    world.session.commit()
    with app.app_context():
        assert find_overlaps_again() > 0
        assert find_overlaps_again() == 0
    world.session.commit()
    assert is_right(world)


def test_words_that_were_lost_are_there_before_anything_is_compared(world):
    before = kept(world.session)
    with bookkeeping(world.session) as written:
        written.execute(delete(EntryKeyword))
        written.execute(update(EntryWords).values(digest="lost"))

    found = actions.recompute(world.session, at=world.at)

    assert found is not None
    assert found.changed == 0
    assert kept(world.session) == before


def test_what_was_missed_is_raised(world):
    before = kept(world.session)
    low, high = min(before)
    with bookkeeping(world.session) as written, read_as_system(written, "check") as connection:
        table = Overlap.__table__
        ids = list(connection.scalars(select(table.c.id).where(table.c.low_id == low)))
        for model, column in ((Side, Side.overlap_id), (Step, Step.overlap_id), (Overlap, Overlap.id)):
            connection.execute(delete(model).where(column.in_(ids)))
    assert (low, high) not in kept(world.session)

    found = actions.recompute(world.session, at=world.at, size=5)

    assert found is not None
    assert found.changed == len(ids)
    assert kept(world.session) == before


def test_an_empty_register_is_looked_at_too(session, at):
    assert actions.recompute(session, at=at) == actions.Recomputed(0, 0)
