"""What an operator does with overlaps: find all of them again, take them out."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import click
from flask.cli import AppGroup

from coordinator.clock import now
from coordinator.db import bind_reader, db, read_as_system, transaction
from coordinator.overlaps import actions, queries
from coordinator.overlaps.rules import sentence
from coordinator.people.queries import person_by_email, reader_of

group = AppGroup("overlaps", help="Find overlaps again, and take them out.")


@group.command()
@click.option("--chunk", default=actions.CHUNK, show_default=True, type=click.IntRange(1, 5000), help="Entries of one change.")
def recompute(chunk: int) -> None:
    """Find all overlaps again. What is kept already stays as it is; a number above 0 means that something had been missed."""
    session = db.session()
    bind_reader(session, None)
    with read_as_system(session, "check") as connection:
        total = queries.released_count(connection)
    changed = 0
    after: int | None = 0
    with click.progressbar(length=total, label="Finding overlaps", file=sys.stderr) as bar:
        while after is not None:
            with transaction(session):  # each chunk its own: a stop in the middle leaves what is done, and saves go on between
                rows, after = actions.recompute(session, after=after, at=now(), size=chunk)
            changed += rows
            session.expunge_all()
            bar.update(chunk)
    click.echo(f"{total:,} released entries looked at, {changed:,} overlaps changed")


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
        }
        stream.write(json.dumps(line, ensure_ascii=False) + "\n")
