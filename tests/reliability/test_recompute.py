import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from coordinator.db import bookkeeping, db, read_as_system
from coordinator.overlaps.models import Overlap, Side, Step
from coordinator.people.models import Person
from coordinator.recompute.models import RecomputeChunk
from tests.make import Make
from tests.reliability.conftest import Served

ENTRIES = 24


def chunks_done() -> int:
    """Return how many chunks are done by now."""
    with Session(db.engine) as session:
        return session.scalar(select(func.count(RecomputeChunk.done_at))) or 0


def pairs() -> set[tuple[int, int]]:
    """Return the current pairs, as a reader finds them at this moment."""
    with Session(db.engine) as session, read_as_system(session, "check") as connection:
        table = Overlap.__table__
        return {(low, high) for low, high in connection.execute(select(table.c.low_id, table.c.high_id).where(table.c.current))}


def test_a_recompute_killed_in_the_middle_goes_on_where_it_was(things: Make, tmp_path: Path) -> None:
    served = Served(str(db.engine.url.render_as_string(hide_password=False)), tmp_path)
    topic = things.topic()
    questions = [things.question(topic=topic) for _ in range(ENTRIES // 2)]
    officers: list[Person] = [things.officer() for _ in range(2)]
    for n in range(ENTRIES):
        stance = ("support", "red_line")[n % 2]
        things.position(by=officers[n % 2], topic=topic, question=questions[n // 2], stance=stance, text=f"Line {n}.")
    whole = pairs()
    with Session(db.engine) as session, bookkeeping(session) as written:
        for model in (Side, Step, Overlap):
            written.connection().execute(delete(model))
    command = [sys.executable, "-m", "coordinator.cli", "overlaps", "recompute", "--chunk", "1"]
    running = subprocess.Popen(command, env=served.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pause, start = threading.Event(), datetime.now(UTC)
    while not chunks_done() and running.poll() is None:
        assert (datetime.now(UTC) - start).total_seconds() < 60
        pause.wait(0.005)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert 0 < chunks_done() < ENTRIES, "the kill comes in the middle"
    assert pairs() == set()

    result = served.run("overlaps", "recompute")

    assert f"{ENTRIES} released entries looked at, {len(whole)} overlaps changed" in result.stdout, result.stderr
    assert pairs() == whole
    assert " 0 overlaps changed" in served.run("overlaps", "recompute").stdout
