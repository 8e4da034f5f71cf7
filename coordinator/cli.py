"""The `coordinator` command: serve, worker, check, the database, and every feature's group."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from types import FrameType

import click
import waitress
from alembic import command as alembic
from alembic.config import Config
from flask import current_app
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from coordinator import jobs
from coordinator.app import create_app, serve_long
from coordinator.db import db, make_engine
from coordinator.demo.commands import group as demo
from coordinator.digests.commands import group as digests
from coordinator.entries.queries import halves
from coordinator.evaluation.commands import group as evaluate
from coordinator.exchange.commands import group as entries
from coordinator.extensions import settings
from coordinator.history.queries import broken_at
from coordinator.overlaps.commands import group as overlaps
from coordinator.passages.actions import drop_neighbours, index_neighbours
from coordinator.passages.rules import NoNeighbours
from coordinator.people.commands import group as people
from coordinator.recompute.actions import unlike
from coordinator.settings import HOUSE, load
from coordinator.topics.commands import group as topics
from coordinator.worklist.commands import command as nightly
from coordinator.worklist.commands import encode

FEATURES = (people, topics, entries, overlaps, evaluate, demo, digests, nightly, encode)


@click.group(cls=AppGroup)
def root() -> None:
    """Where a foreign ministry finds out that its left hand and its right hand are working on the same thing."""


for feature in FEATURES:
    root.add_command(feature)


def main() -> None:
    """Run the command line; every command works inside the one application that create_app() makes."""
    root(obj=ScriptInfo(create_app=create_app, set_debug_flag=False), prog_name="coordinator")


# --- serving ---------------------------------------------------------------------------------------------------------------


@root.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--with-worker", is_flag=True, help="Run the jobs too, in a process of their own that ends with this one.")
def serve(host: str, port: int, with_worker: bool) -> None:
    """Serve the pages from one process."""
    signal.signal(signal.SIGTERM, _leave)
    worker = subprocess.Popen([sys.executable, "-m", "coordinator.cli", "worker"], start_new_session=True) if with_worker else None
    try:
        serve_long()
        click.echo(f"Coordinator answers on http://{host}:{port}", err=True)
        waitress.serve(current_app._get_current_object(), host=host, port=port, threads=settings().pool_size, ident=None)  # type: ignore[attr-defined]
    finally:
        if worker is not None:
            worker.terminate()
            try:
                worker.wait(timeout=10)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        db.stop()


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


@root.command()
def worker() -> None:
    """Run the jobs: digests, letters, what was too large for a save, the nightly change."""
    jobs.run_worker(current_app._get_current_object(), settings().jobs_url)  # type: ignore[attr-defined]


# --- the database ------------------------------------------------------------------------------------------------------------


def migrations(url: str) -> Config:
    """Return the migrations for a database; written in code, because a wheel carries no pyproject.toml."""
    config = Config()
    config.set_main_option("script_location", str(HOUSE / "migrations"))
    config.attributes["url"] = url
    return config


@root.group("db")
def database() -> None:
    """Bring the tables up to date, or back."""


def _here() -> Config:
    url = load().database_url
    file = make_url(url).database
    if url.startswith("sqlite") and file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
    return migrations(url)


@database.command(with_appcontext=False)
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Bring the tables up to a revision, the newest by default; run twice, the second does nothing."""
    alembic.upgrade(_here(), revision)


@database.command(with_appcontext=False)
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Take the tables back to a revision (or -1 for one step)."""
    alembic.downgrade(_here(), revision)


@database.command(with_appcontext=False)
def current() -> None:
    """Say which revision the tables are at."""
    alembic.current(_here())


@database.command(with_appcontext=False)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Copy the register to FILE while it is in use (SQLite; of PostgreSQL keep dumps by its own pg_dump)."""
    url = load().database_url
    source = make_url(url).database
    if not url.startswith("sqlite") or not source:
        raise click.ClickException("This register is on PostgreSQL: keep copies of it with pg_dump, which knows how.")
    if not Path(source).is_file():
        raise click.ClickException(f"There is no register at {source}.")
    try:
        # the copy is as secret as the register; made so before the first byte, and never over another copy
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise click.ClickException(f"{file} is there already, and a copy is not written over.") from None
    with closing(sqlite3.connect(source)) as register, closing(sqlite3.connect(file)) as copy:
        register.backup(copy)  # in one step: with a write-ahead log nobody has to wait for a reader
        said = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if said != "ok":
        raise click.ClickException(f"The copy is not sound: {said}.")
    click.echo(f"The register is copied to {file} ({file.stat().st_size:,} bytes).")


@database.command(with_appcontext=False)
@click.option("--drop", is_flag=True, help="Take the index away.")
def neighbours(drop: bool) -> None:
    """Make the index by which PostgreSQL finds near texts, while people work; run twice, the second does nothing.

    It needs pgvector 0.8. An upgrade makes it where it may; without it, and on SQLite, near texts are found all the same.
    """
    engine = make_engine(load().database_url, pooled=False)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT", migration=True) as connection:
        if drop:
            drop_neighbours(connection)
            said = "There is no index any more."
        else:
            try:
                said = "The index is made." if index_neighbours(connection) else "The index is there already."
            except NoNeighbours as refused:
                raise click.ClickException(refused.sentence) from refused
    engine.dispose()
    click.echo(said)


# --- what a crash could break ------------------------------------------------------------------------------------------------

Check = Callable[[Session], Iterable[str]]


def links_lead_somewhere(session: Session) -> Iterable[str]:
    """Every foreign key points at a row."""
    if session.connection().dialect.name == "sqlite":
        for table, row, to, _number in session.execute(text("PRAGMA foreign_key_check")):
            yield f"Row {row} of {table} points at a row of {to} that is not there."
    else:
        for (name,) in session.execute(text("SELECT conname FROM pg_constraint WHERE NOT convalidated ORDER BY conname")):
            yield f"The constraint {name} is not enforced on all rows."


def pages_are_whole(session: Session) -> Iterable[str]:
    """The database file is sound (SQLite looks at every page; PostgreSQL keeps its own checksums)."""
    if session.connection().dialect.name == "sqlite":
        said = [row[0] for row in session.execute(text("PRAGMA integrity_check"))]
        yield from (f"The database file is damaged: {sentence}." for sentence in said if sentence != "ok")


def history_holds(session: Session) -> Iterable[str]:
    """There is one head, and the chain of events leads to it without a break."""
    heads = session.execute(text("SELECT count(*) FROM history_head")).scalar_one()
    if heads != 1:
        yield f"There are {heads} heads of the history; there has to be one."
        return
    broken = broken_at(session)
    if broken is not None:
        yield f"The history is broken at number {broken}: an event was changed, cut out or put in."


# One line per invariant: the file stays a list, each feature keeps its own check in its queries.
CHECKS: tuple[Check, ...] = (links_lead_somewhere, pages_are_whole, history_holds, halves, unlike)


@root.command()
def check() -> None:
    """Look for everything that a crash could have broken; exits with 1 and a sentence for each thing found."""
    found = [sentence for invariant in CHECKS for sentence in invariant(db.session())]
    for sentence in found:
        click.echo(sentence)
    if found:
        sys.exit(1)
    click.echo(f"All {len(CHECKS)} invariants hold.")


if __name__ == "__main__":
    main()
