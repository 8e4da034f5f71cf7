"""What an operator does with overlaps: find all of them again, take them out."""

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import click
from flask.cli import AppGroup

from coordinator.clock import now
from coordinator.db import bind_reader, db, read_as_system
from coordinator.overlaps import actions, queries
from coordinator.overlaps.rules import BadSettings, Tally, checked_settings, sentence
from coordinator.people.queries import person_by_email, reader_of
from coordinator.recompute.actions import recompute as find_again
from coordinator.settings import detection

group = AppGroup("overlaps", help="Find overlaps again, and take them out.")


@group.command()
@click.option(
    "--chunk", default=actions.CHUNK, show_default=True, type=click.IntRange(1, 5000), help="Entries looked at at a time."
)
def recompute(chunk: int) -> None:
    """Find all overlaps again. What is kept already stays as it is; a number above 0 means that something had been missed.

    Killed, it goes on where it was when it is run again, or when the worker comes to it. Run several times at once, on PostgreSQL
    on several hosts, the runs share the work. Readers see the old overlaps until all are found.
    """
    session = db.session()
    bind_reader(session, None)
    with click.progressbar(length=1, label="Finding overlaps", file=sys.stderr) as bar:

        def said(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        found = find_again(session, at=now(), size=chunk, said=said)
    if found is None:
        raise click.ClickException("A recompute under other settings took the place of this one. Nothing of this one was written.")
    click.echo(f"{found.entries:,} released entries looked at, {found.changed:,} overlaps changed")


@group.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--chunk", default=actions.CHUNK, show_default=True, type=click.IntRange(1, 5000), help="Entries of one look.")
def preview(config: Path, chunk: int) -> None:
    """Say what the settings of CONFIG (a changed copy of detection.toml) would add and remove on today's data. Changes nothing."""
    try:
        said = checked_settings(tomllib.loads(config.read_text(encoding="utf-8")), like=detection())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, BadSettings) as error:
        raise click.ClickException(f"{config}: {error}") from error
    session, floors = db.session(), queries.floors_of(said)
    bind_reader(session, None)
    with read_as_system(session, "check") as connection:
        total = queries.released_count(connection)
    tally, after = Tally(), 0
    last: int | None = 0
    with click.progressbar(length=total, label="Looking", file=sys.stderr) as bar:
        while last is not None:
            moves, last = actions.preview(session, floors, after=after, size=chunk)
            tally = tally.and_those(moves.values())
            after = last or after
            session.rollback()  # each look its own reading, so that nobody waits for it
            bar.update(chunk)
    click.echo(f"Settings {queries.floors().version} now, {floors.version} in {config.name}.")
    for row in tally.rows():
        click.echo(
            f"{row.kind.value:<12} {row.stay:>8,} stay {row.added:>8,} added {row.removed:>8,} removed {row.other:>8,} change"
        )


@group.command()
@click.option("--format", "form", type=click.Choice(["jsonl"]), default="jsonl", show_default=True)
@click.option("--as", "email", help="Only what this person may see; without it, every overlap there is.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="A file instead of the screen."
)
def export(form: str, email: str | None, output: Path | None) -> None:
    """Write every current overlap as one line of JSON: a, b, kind, severity, score, reasons.

    a and b are refs; a_id and b_id the ids under which an import brought them in, or null. Ends and lines are always in the
    same order.
    """
    session = db.session()
    bind_reader(session, None)
    if email:
        person = person_by_email(session, email)
        if person is None:
            raise click.ClickException(f"Nobody has the address {email}.")
        bind_reader(session, reader_of(session, person))
        _write(queries.exported(session), output)
    else:
        with read_as_system(session, "detector") as connection:
            _write(queries.exported_all(connection), output)


def _write(rows: Iterator[Any], output: Path | None) -> None:
    if output is None:
        _write_lines(rows, sys.stdout)
    else:
        with output.open("w", encoding="utf-8", newline="\n") as stream:
            _write_lines(rows, stream)


def _write_lines(rows: Iterator[Any], stream: IO[str]) -> None:
    for row in rows:
        line = {
            "a": row.a,
            "b": row.b,
            "a_id": row.a_id,
            "b_id": row.b_id,
            "kind": row.kind,
            "severity": row.severity,
            "score": row.score,
            "reasons": [sentence(reason) for reason in row.reasons],
            "signals": row.reasons,
            "settings": row.settings,
        }
        stream.write(json.dumps(line, ensure_ascii=False) + "\n")
