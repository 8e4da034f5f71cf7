"""What an operator does with the shared list."""

import tomllib
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from coordinator.clock import now
from coordinator.db import db, transaction
from coordinator.errors import Refused
from coordinator.settings import HOUSE
from coordinator.topics import actions

group = AppGroup("topics", help="Keep the shared list of topics.")


@group.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=HOUSE / "config" / "topics.toml")
def load(file: Path) -> None:
    """Bring in a list of topics: what is missing is added, what coordinators have changed since is left alone."""
    listed: list[dict[str, Any]] = tomllib.loads(file.read_text())["topic"]
    try:
        with transaction(db.session) as written:
            added = actions.load(written, listed, by=None, at=now())
    except (Refused, KeyError) as error:
        raise click.ClickException(f"Nothing was loaded: {error}") from None
    click.echo(f"{len(listed)} topics in the list, {added} of them new")
