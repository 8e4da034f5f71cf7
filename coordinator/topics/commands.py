"""What an operator does with the shared list."""

import tomllib
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from coordinator.clock import now
from coordinator.db import db, transaction
from coordinator.errors import Refused
from coordinator.settings import HOUSE
from coordinator.topics import actions, queries
from coordinator.topics.models import Topic
from coordinator.topics.rules import TopicDraft

group = AppGroup("topics", help="Keep the shared list of topics.")


@group.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=HOUSE / "config" / "topics.toml")
def load(file: Path) -> None:
    """Bring in a list of topics: what is missing is added, what coordinators have changed since is left alone."""
    listed: list[dict[str, Any]] = tomllib.loads(file.read_text())["topic"]
    try:
        with transaction(db.session) as written:
            added = _load(written, listed)
    except (Refused, KeyError) as error:
        raise click.ClickException(f"Nothing was loaded: {error}") from None
    click.echo(f"{len(listed)} topics in the list, {added} of them new")


def _load(session: Session, listed: list[dict[str, Any]]) -> int:
    new: list[tuple[Topic, dict[str, Any]]] = []
    for said in listed:
        if queries.by_key(session, said["key"]) is None:
            draft = TopicDraft(name=said["name"], key=said["key"], umbrella=said.get("umbrella", False))
            new.append((actions.add(session, draft, by=None, at=now()), said))
    for topic, said in new:  # the edges last: a list names topics before they come
        for alias in said.get("alias", ()):
            actions.add_alias(session, topic, alias["text"], language=alias["language"], by=None, at=now())
        actions.broaden(session, topic, [_known(session, key).id for key in said.get("broader", ())], by=None, at=now())
        for key in said.get("related", ()):
            actions.relate(session, topic, _known(session, key), by=None, at=now())
    return len(new)


def _known(session: Session, key: str) -> Topic:
    topic = queries.by_key(session, key)
    if topic is None:
        raise KeyError(f"there is no topic with the key {key}")
    return topic
