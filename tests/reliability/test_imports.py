import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from coordinator.db import db, read_as_system
from coordinator.entries.models import Entry, EntrySource, EntryVersion, State
from coordinator.history.queries import broken_at
from tests.reliability.conftest import Served

ROWS, BAD, KILLS = 600, 30, 3
SEED = 4


def line_of(n: int) -> str:
    """Return a text that is like no other."""
    chance = random.Random(n)
    return " ".join("".join(chance.choices("abcdefghijklmnoprstuvw", k=8)) for _ in range(12))


def taken(served: Served) -> int:
    """Return how many entries are there by now."""
    with Session(db.engine) as session, read_as_system(session, "check") as connection:
        return connection.scalar(select(func.count()).select_from(Entry.__table__)) or 0


def test_an_import_killed_three_times_comes_to_the_same(register: str, tmp_path: Path) -> None:
    served = Served(register, tmp_path)
    file = tmp_path / "registry.jsonl"
    with file.open("w") as stream:
        for n in range(ROWS):
            text = "" if n % (ROWS // BAD) == 0 else line_of(n)
            stream.write(json.dumps({"id": f"r{n}", "unit": f"Unit {n % 30}", "title": line_of(n)[:20], "text": text}) + "\n")
    command = [sys.executable, "-m", "coordinator.cli", "entries", "import", str(file), "--organisation", "Ministry"]
    chance, pause = random.Random(SEED), threading.Event()
    for kill in range(KILLS):
        before = taken(served)
        running = subprocess.Popen(command, env=served.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while taken(served) < min(before + 100, ROWS - BAD) and running.poll() is None:
            pause.wait(0.05)
        pause.wait(chance.uniform(0, 0.4))  # somewhere in the next change
        if running.poll() is None:
            os.kill(running.pid, signal.SIGKILL)
        running.wait()
        assert kill or 0 < taken(served) < ROWS - BAD, "the first kill comes in the middle"

    result = served.run("entries", "import", str(file), "--organisation", "Ministry")

    lines = result.stdout.splitlines()
    assert sum(line.endswith("text is missing") for line in lines) == BAD
    assert f"{ROWS} rows = {ROWS - BAD} good" in result.stdout
    assert f"+ {BAD} bad" in result.stdout
    with Session(db.engine) as session:
        assert broken_at(session) is None
        with read_as_system(session, "check") as connection:
            source, version, entry = EntrySource.__table__, EntryVersion.__table__, Entry.__table__
            assert len(set(connection.scalars(select(source.c.external_id)))) == ROWS - BAD
            assert set(Counter(connection.scalars(select(version.c.entry_id))).values()) == {1}
            rows = list(connection.execute(select(entry.c.title, entry.c.text, entry.c.state)))
    assert {(title, text) for title, text, _ in rows} == {(line_of(n)[:20], line_of(n)) for n in range(ROWS) if n % (ROWS // BAD)}
    assert {state for *_, state in rows} == {State.RELEASED}
    assert len(rows) == ROWS - BAD
    assert served.run("check").returncode == 0
