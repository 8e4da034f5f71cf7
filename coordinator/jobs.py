"""The only place that knows the task queue.

Huey takes a task off the queue before it runs it, so a task that is lost must cost nothing: a row is always the truth, every
job looks for rows, and comes again a minute later.
"""

import json
import os
import signal
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import structlog
from huey import Huey, MemoryHuey, PostgresHuey, RedisHuey, SqliteHuey, crontab
from huey.consumer import Consumer
from huey.registry import Message
from huey.serializer import Serializer

Job = Callable[[], object]
_jobs: dict[str, Job] = {}
_running: list[Any] = []
log = structlog.get_logger("coordinator")

STALE_SECONDS = 55  # a run that could not start for that long is left to the next one


class Application(Protocol):
    """What a job runs inside."""

    def app_context(self) -> AbstractContextManager[Any]:
        """Open the surroundings of one run: its own session of the database, closed behind it."""


class Json(Serializer):  # type: ignore[misc]
    """Tasks as plain JSON: whoever can write to the queue can name a job and numbers, and run nothing else."""

    def _serialize(self, data: Any) -> bytes:
        if isinstance(data, Message):
            if data.kwargs or any(type(a) is not int for a in data.args):
                raise TypeError("a task carries ids only")
            data = {"task": [{"at": v.isoformat()} if isinstance(v, datetime) else v for v in data]}
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> Any:
        found = json.loads(data)
        if isinstance(found, dict) and "task" in found:
            return Message(*(datetime.fromisoformat(v["at"]) if isinstance(v, dict) and "at" in v else v for v in found["task"]))
        return found


def every_minute(name: str) -> Callable[[Job], Job]:
    """Mark what the clock starts each minute; it takes no arguments and may be run by several workers at once."""

    def keep(job: Job) -> Job:
        _jobs[name] = job
        return job

    return keep


def queue(url: str) -> Huey:
    """Return the task queue at an address: sqlite:///path, postgresql://…, redis://… or memory://; raises ValueError."""
    scheme = url.partition("://")[0]
    plain: dict[str, Any] = {"name": "coordinator", "results": False, "serializer": Json()}
    if scheme == "sqlite":
        file = Path(url.removeprefix("sqlite:///"))
        file.parent.mkdir(parents=True, exist_ok=True)
        return SqliteHuey(filename=str(file), **plain)
    if scheme in {"postgresql", "postgres"}:
        return PostgresHuey(dsn=url, **plain)
    if scheme in {"redis", "rediss"}:
        return RedisHuey(url=url, **plain)
    if scheme == "memory":
        return MemoryHuey(**plain)
    raise ValueError("jobs_url: sqlite:///path, postgresql://…, redis://… or memory://")


def connect(app: Application, url: str) -> Huey:
    """Return the queue at an address with every job known to it."""
    huey = queue(url)
    for name, job in _jobs.items():
        huey.periodic_task(crontab(), name=name, expires=STALE_SECONDS)(_within(app, name, job))
    return huey


def run_worker(app: Application, url: str, *, threads: int = 2) -> None:
    """Run the jobs until SIGTERM or SIGINT; what is under way ends first, with its row."""
    consumer = _Consumer(connect(app, url), workers=threads, max_delay=2.0, graceful_signal="TERM")
    _running.append(consumer)
    try:
        consumer.run()
    finally:
        _running.remove(consumer)
        log.info("worker stopped")


def stopping() -> bool:
    """Say whether the worker was asked to stop: a long job asks between two rows."""
    return any(consumer.stop_flag.is_set() for consumer in _running)


class _Consumer(Consumer):  # type: ignore[misc]
    def start(self) -> None:
        super().start()
        # Ctrl-C is as gentle as a service manager; asked twice, it ends at once, and the rows tell what was under way
        signal.signal(signal.SIGINT, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM))
        log.info("worker started", jobs=sorted(_jobs), threads=self.workers)


def _within(app: Application, name: str, job: Job) -> Callable[[], None]:
    def run() -> None:
        try:
            with app.app_context():
                job()
        except Exception as error:  # noqa: BLE001 - the next minute tries again, and the worker lives
            # the kind of error and where, never its message: a value may be somebody's text
            frames = traceback.extract_tb(error.__traceback__)[-6:]
            where = [f"{f.name} ({f.filename.rsplit('/', 2)[-1]}:{f.lineno})" for f in frames]
            log.error("job failed", job=name, error=type(error).__name__, where=where)

    return run
