"""Finding all overlaps again while others save, and saying whether what is kept is what a look from scratch would write."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, and_, delete, exists, func, insert, or_, select, tuple_, update
from sqlalchemy.orm import Session

from coordinator.db import begin_reading, bookkeeping, read_as_system, transaction
from coordinator.entries.models import Entry
from coordinator.errors import Busy
from coordinator.likeness.actions import keep_texts
from coordinator.overlaps import queries as overlaps
from coordinator.overlaps.actions import (
    CHUNK,
    Found,
    Pair,
    Standing,
    bring_up_to_date,
    find,
    hidden_rows,
    keep_all,
    keep_hidden,
    look_at,
    plans_for,
    standing_where,
    when_up_to_date,
)
from coordinator.overlaps.models import Hidden, Overlap, OverlapKind, Recheck, Severity
from coordinator.overlaps.rules import Facts, Finding
from coordinator.passages.actions import begin_serving
from coordinator.passages.queries import take_in
from coordinator.recompute import queries
from coordinator.recompute.models import Recompute, RecomputeChunk, RecomputePlan, RecomputeTouched

_overlap, _hidden, _entry = Overlap.__table__, Hidden.__table__, Entry.__table__
_run, _chunk = Recompute.__table__, RecomputeChunk.__table__
_planned, _touched = RecomputePlan.__table__, RecomputeTouched.__table__

SIZE = 4000
"""Entries of a chunk: what is read of the others is read once for all of them, and still fits into memory."""
PATIENCE = 60
"""So often a worker asks again for its turn while somebody else writes; each time it has waited some seconds already."""


@dataclass(frozen=True)
class Chunk:
    """The entries above one and up to another, whose pairs with higher ones a worker looks at."""

    run_id: int
    after_id: int
    last_id: int


@dataclass(frozen=True)
class Recomputed:
    """What came of it: how many released entries there were, and how many overlaps changed."""

    entries: int
    changed: int


def recompute(
    session: Session,
    *,
    at: datetime,
    size: int = SIZE,
    said: Callable[[int, int], object] = lambda done, total: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Recomputed | None:
    """Find all overlaps again, or share in the work that is under way; the only action that runs changes of its own.

    Any number of processes may call it at once, and be killed: each takes chunks of the entries, looks at their pairs while others
    save, and notes what is kept otherwise. Whoever sees the last chunk done writes all that was noted in one change, so that
    readers have the old set until the new one is whole. `said` is told how many chunks of how many are done. Returns None if it
    was asked to stop, or if a recompute under other settings took the place of this one.
    """
    with read_as_system(session, "detector") as connection:
        under_way = queries.under_way(connection)
    if under_way is None:
        _complete_texts(session, min(size, CHUNK))
    run_id = _patiently(partial(_begin, session, at=at, size=size))
    while True:
        with read_as_system(session, "detector") as connection:
            done, total = queries.progress(connection, run_id)
        session.rollback()
        if total:  # nothing is left of one that others finished
            said(done, total)
        if stopping():
            return None
        if done == total:
            return _patiently(partial(_finish, session, run_id, at=at))
        chunk = _patiently(partial(claim, session, run_id, at=at))
        if chunk is None:  # others are noting the last ones at this moment
            continue
        noted = look(session, chunk)
        _patiently(partial(note, session, chunk, noted, at=at))


Turn = TypeVar("Turn")


def _patiently(turn: Callable[[], Turn]) -> Turn:
    for _ in range(PATIENCE):
        try:
            return turn()
        except Busy:
            continue
    return turn()


def _complete_texts(session: Session, size: int) -> None:
    """Keep the words of entries that lack them, before anything is compared: an upgrade or a restored copy may have left some."""
    after: int | None = 0
    while after is not None:
        begin_reading(session)
        with read_as_system(session, "detector") as connection:
            ids = overlaps.released_ids(connection, after=after, most=size)
            lacking = overlaps.lacking_words(connection, ids)
        session.rollback()
        if lacking:
            with transaction(session):
                keep_texts(session, lacking)
        after = ids[-1] if len(ids) == size else None


def _begin(session: Session, *, at: datetime, size: int) -> int:
    with transaction(session):
        return begin(session, at=at, size=size)


def begin(session: Session, *, at: datetime, size: int = SIZE) -> int:
    """Return the number of the recompute under way by the settings of now, or begin one; needs a transaction.

    One that went by other settings is given up: nothing of it has been written.
    """
    with read_as_system(session, "detector") as connection:
        settings = queries.settings_digest(connection)
        under_way = queries.under_way(connection)
        if under_way is not None and under_way.settings == settings:
            return int(under_way.id)
        for table in (RecomputePlan, RecomputeTouched, RecomputeChunk):
            connection.execute(delete(table))
        # who shared in the last one may not have read yet what came of it
        old = or_(_run.c.finished_at.is_(None), _run.c.finished_at < at - timedelta(days=1))
        connection.execute(delete(Recompute).where(old))
        ids = overlaps.released_ids(connection, after=0, most=None)
        last = connection.scalar(select(func.max(_entry.c.id))) or 0
        made = insert(Recompute).values(settings=settings, started_at=at, entries=len(ids), changed=0).returning(_run.c.id)
        run_id = int(connection.execute(made).scalar_one())
        # up to the last entry that there is: rows whose lower end is no longer released fall into a chunk too, and lapse
        ends = [*ids[size - 1 : -1 : size], last]
        rows = [{"run_id": run_id, "after_id": a, "last_id": b, "claims": 0} for a, b in zip([0, *ends], ends, strict=False)]
        connection.execute(insert(RecomputeChunk), rows)
    return run_id


def claim(session: Session, run_id: int, *, at: datetime) -> Chunk | None:
    """Take a chunk that is not done, None if there is none to be had; a change of its own.

    First those that nobody took, then those that others took and have not done: if they were killed it is done here, and if they
    live the first note counts.
    """
    with bookkeeping(session):
        connection = session.connection()
        row = connection.execute(
            select(_chunk)
            .where(_chunk.c.run_id == run_id, _chunk.c.done_at.is_(None))
            .order_by(_chunk.c.claims, _chunk.c.claimed_at, _chunk.c.after_id)
            .limit(1)
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if row is None:
            return None
        connection.execute(
            update(RecomputeChunk)
            .where(_chunk.c.run_id == run_id, _chunk.c.after_id == row.after_id)
            .values(claims=row.claims + 1, claimed_at=at)
        )
        return Chunk(run_id, row.after_id, row.last_id)


def look(session: Session, chunk: Chunk) -> list[dict[str, Any]]:
    """Return what is kept otherwise of the pairs of a chunk, as rows; reads only, at one moment, and holds nobody up."""
    begin_reading(session)
    with read_as_system(session, "detector") as connection:
        take_in(connection)
        known, floors = overlaps.vocabulary(connection), overlaps.floors()
        ids = overlaps.released_ids(connection, after=chunk.after_id, most=None, last=chunk.last_id)
        standing = standing_where(connection, and_(_overlap.c.low_id > chunk.after_id, _overlap.c.low_id <= chunk.last_id))
        # every pair that stands is looked at: somebody may act on it before the end, and then it stays as long as it touches
        found = find(connection, ids, known, floors, also=set(standing), higher=True) if ids else {}
        differing = {pair for pair, _ in plans_for(session, connection, found, standing)}
        lower = and_(_hidden.c.low_id > chunk.after_id, _hidden.c.low_id <= chunk.last_id)
        hidden, hiding = hidden_rows(connection, found, lower)
        differing |= {key[1:] for key in hidden.keys() | hiding.keys() if hidden.get(key) != hiding.get(key)}
    session.rollback()
    return [{"low_id": pair[0], "high_id": pair[1], "said": _told(found.get(pair))} for pair in sorted(differing)]


def note(session: Session, chunk: Chunk, noted: list[dict[str, Any]], *, at: datetime) -> None:
    """Note what a look at a chunk found, unless somebody else was first; a change of its own."""
    with bookkeeping(session), read_as_system(session, "detector") as connection:
        mine = and_(_chunk.c.run_id == chunk.run_id, _chunk.c.after_id == chunk.after_id, _chunk.c.done_at.is_(None))
        if connection.execute(update(RecomputeChunk).where(mine).values(done_at=at)).rowcount and noted:
            connection.execute(insert(RecomputePlan), [row | {"run_id": chunk.run_id} for row in noted])


def _finish(session: Session, run_id: int, *, at: datetime) -> Recomputed | None:
    with transaction(session):
        return finish(session, run_id, at=at)


def finish(session: Session, run_id: int, *, at: datetime) -> Recomputed | None:
    """Write all that a recompute noted, every chunk of which is done, and close it; None if it is not there. Needs a transaction.

    What stands is read again: people have acted on it meanwhile. Pairs that a save brought up to date since, or that wait for the
    job, are left as they are.
    """
    with read_as_system(session, "detector") as connection:
        run = connection.execute(select(_run).where(_run.c.id == run_id)).one_or_none()
        if run is None or run.finished_at is not None:  # somebody else saw the last chunk done
            return Recomputed(run.entries, run.changed) if run is not None else None
        if connection.scalar(select(exists().where(_chunk.c.run_id == run_id, _chunk.c.done_at.is_(None)))):
            raise ValueError("there are chunks that nobody has looked at")
        left_alone = set(connection.scalars(select(_touched.c.entry_id).where(_touched.c.run_id == run_id)))
        left_alone |= set(connection.scalars(select(Recheck.__table__.c.entry_id)))
        hidden = 0

        def parts() -> Iterator[tuple[dict[Pair, Found], dict[Pair, Standing]]]:
            nonlocal hidden
            for pairs, found in _noted(connection, run_id, left_alone):
                lows = sorted({low for low, _ in pairs})
                standing = standing_where(connection, _overlap.c.low_id.in_(lows))
                hidden += keep_hidden(connection, found, _hidden.c.low_id.in_(lows), among=pairs)
                yield found, {pair: s for pair, s in standing.items() if pair in pairs}

        changed = keep_all(session, connection, parts(), at=at) + hidden
        for table in (RecomputePlan, RecomputeTouched, RecomputeChunk):
            connection.execute(delete(table))
        connection.execute(update(Recompute).where(_run.c.id == run_id).values(finished_at=at, changed=changed))
    return Recomputed(run.entries, changed)


def _noted(connection: Connection, run_id: int, left_alone: set[int]) -> Iterator[tuple[set[Pair], dict[Pair, Found]]]:
    """Yield, some at a time, the pairs that were noted, and what the rule says of them."""
    last = (0, 0)
    while True:
        beyond = tuple_(_planned.c.low_id, _planned.c.high_id) > last
        rows = connection.execute(
            select(_planned).where(_planned.c.run_id == run_id, beyond).order_by(_planned.c.low_id, _planned.c.high_id).limit(CHUNK)
        ).all()
        if not rows:
            return
        last = (rows[-1].low_id, rows[-1].high_id)
        told = {(r.low_id, r.high_id): r.said for r in rows if not left_alone & {r.low_id, r.high_id}}
        facts = overlaps.facts(connection, {i for pair in told for i in pair})
        yield set(told), {pair: _found(facts[pair[0]], facts[pair[1]], said) for pair, said in told.items() if said is not None}


def _told(found: Found | None) -> dict[str, Any] | None:
    return asdict(found.finding) | {"hidden": list(found.hidden)} if found is not None else None


def _found(low: Facts, high: Facts, told: Mapping[str, Any]) -> Found:
    typed = {"kind": OverlapKind(told["kind"]), "severity": Severity(told["severity"]), "reasons": tuple(told["reasons"])}
    return Found(low, high, Finding(**{k: v for k, v in told.items() if k != "hidden"} | typed), tuple(told["hidden"]))


# --- when entries change, and when an encoder does ---------------------------------------------------------------------


def _note_touched(connection: Connection, ids: Sequence[int]) -> None:
    """Note that the pairs of some entries are right by now, whatever a recompute under way has found of them."""
    under_way = queries.under_way(connection)
    if under_way is None:
        return
    known = set(
        connection.scalars(select(_touched.c.entry_id).where(_touched.c.run_id == under_way.id, _touched.c.entry_id.in_(ids)))
    )
    rows = [{"run_id": under_way.id, "entry_id": i} for i in sorted(set(ids) - known)]
    if rows:
        connection.execute(insert(RecomputeTouched), rows)


when_up_to_date(_note_touched)


def see_unseen(session: Session, ids: Sequence[int], *, at: datetime) -> None:
    """Keep the directions of some entries that were encoded outside, and find their overlaps again; needs a transaction.

    The last ones let a new encoder take over: then all are found again by the job, and readers keep the old set until it is done.
    """
    bring_up_to_date(session, ids, at=at)
    if begin_serving(session):
        begin(session, at=at)


# --- whether it is right -----------------------------------------------------------------------------------------------


def unlike(session: Session, *, size: int = SIZE) -> list[str]:
    """Return a sentence for each kept pair that a look from scratch would write otherwise; changes nothing.

    Pairs of entries that still wait for the job are left out, and all while all are being found again: they are not broken, only
    not done yet.
    """
    with read_as_system(session, "check") as connection:
        torn = select(_overlap.c.id).where(_overlap.c.closed_as.is_(None) != _overlap.c.closed_at.is_(None))
        sentences = [f"Overlap {i} is closed without a moment, or the other way round." for i in connection.scalars(torn)]
        if queries.under_way(connection) is not None:
            return sentences
    after: int | None = 0
    waiting = set(session.scalars(select(Recheck.entry_id)))
    while after is not None:
        with read_as_system(session, "check") as connection:
            after, found, standing = look_at(connection, after=after, size=size)
            for pair, plan in plans_for(session, connection, found, standing):
                if not waiting & set(pair):
                    sentences.append(f"The overlap of entries {pair[0]} and {pair[1]} would be {plan.did} by a look from scratch.")
    return sentences
