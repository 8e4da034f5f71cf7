"""The queue holds names and numbers, knows where it lives, and its worker stops when it is asked to."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from coordinator import jobs

HERE = Path(__file__).parent.parent


class House:
    """As much of an application as a job sees."""

    def __init__(self) -> None:
        self.opened = self.closed = 0

    @contextlib.contextmanager
    def app_context(self) -> Iterator[None]:
        self.opened += 1
        yield
        self.closed += 1


def test_a_task_survives_the_queue_as_json_with_its_ids(tmp_path: Path) -> None:
    huey = jobs.queue(f"sqlite:///{tmp_path / 'below' / 'jobs.sqlite'}")
    done: list[int] = []
    task = huey.task(name="look", expires=60)(done.append)
    task(7)
    with contextlib.closing(sqlite3.connect(tmp_path / "below" / "jobs.sqlite")) as opened:
        (raw,) = opened.execute("SELECT data FROM task").fetchone()
    assert [7] in json.loads(bytes(raw))["task"]
    huey.execute(huey.dequeue())
    assert done == [7]
    huey.storage.close()


def test_a_task_that_waited_too_long_is_left_to_the_next_one() -> None:
    huey = jobs.queue("memory://")
    done: list[int] = []
    huey.task(name="look", expires=60)(done.append)(7)
    huey.execute(huey.dequeue(), timestamp=datetime(2100, 1, 1))  # noqa: DTZ001 - the library's clock has no zone
    assert done == []


@pytest.mark.parametrize("given", ["a text", {"a": 1}, 1.5, True], ids=str)
def test_a_task_carries_ids_only(given: object) -> None:
    task = jobs.queue("memory://").task(name="look")(print)
    with pytest.raises(TypeError):
        task(given)
    with pytest.raises(TypeError):
        task(number=1)


def test_nothing_that_is_read_from_the_queue_is_run_by_reading_it() -> None:
    with pytest.raises(ValueError, match="utf-8|Expecting"):
        jobs.Json().deserialize(b"\x80\x04cposix\nsystem\n(S'true'\ntR.")


def test_an_address_that_is_no_queue_is_refused() -> None:
    with pytest.raises(ValueError, match="jobs_url"):
        jobs.queue("ftp://elsewhere")


def test_every_job_runs_in_surroundings_of_its_own_and_a_failing_one_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    house = House()

    def fails() -> None:
        raise KeyError("a secret text")

    jobs._within(house, "fails", fails)()
    jobs._within(house, "works", lambda: None)()
    said = capsys.readouterr()
    assert (house.opened, house.closed) == (2, 1)
    assert "KeyError" in said.out + said.err
    assert "secret" not in said.out + said.err


def test_the_worker_knows_what_the_clock_starts() -> None:
    import coordinator.cli  # noqa: F401, PLC0415 - whoever starts a worker knows every feature

    assert set(jobs._jobs) >= {"digests", "rechecks", "nightly"}
    huey = jobs.connect(House(), "memory://")
    assert len(huey._registry.periodic_tasks) == len(jobs._jobs)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_the_worker_stops_cleanly_when_it_is_asked_to(database: str, tmp_path: Path, number: signal.Signals) -> None:
    surroundings = os.environ | {
        "COORDINATOR_ENV": "test",
        "COORDINATOR_SECRET_KEY": "n0t-a-secret-but-long-enough-for-tests",
        "COORDINATOR_DATABASE_URL": database,
        "COORDINATOR_JOBS_URL": f"sqlite:///{tmp_path / 'jobs.sqlite'}",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "coordinator.cli", "worker"], cwd=HERE, env=surroundings, stderr=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stderr is not None
        said = []
        for line in worker.stderr:
            said.append(line)
            if "worker started" in line:
                break
        worker.send_signal(number)
        said += worker.stderr.readlines()
        assert worker.wait(timeout=30) == 0, "".join(said)
    assert "worker stopped" in said[-1], "".join(said)
    assert "Traceback" not in "".join(said)
