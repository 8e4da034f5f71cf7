"""Runs the migrations: one chain for SQLite and PostgreSQL, each step in its own transaction."""

import os

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

import coordinator.positions.models  # noqa: F401 - these bring in every table, for autogenerate and check
from coordinator.db import Base, Moment, make_engine


def include_name(name: str | None, kind: str, parents: object) -> bool:
    """Leave out what is written by hand for each database: the index of full texts, and the one of neighbours."""
    by_hand = {"table": "entry_search", "index": "ix_entry_passages_neighbours"}.get(kind)
    return by_hand is None or name is None or not name.startswith(by_hand)


def render_item(kind: str, item: object, context: object) -> str | bool:
    """Write our moments as plain ones, so that a migration knows no code of ours."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Moment) else False


def let_go_of_links(connection: Connection) -> None:
    """Let SQLite rebuild tables that others point at; it has to be said before the first transaction of a connection."""
    if connection.dialect.name == "sqlite":
        connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")


def look_at_links(ctx: MigrationContext, **step: object) -> None:
    """Look at every link at the end of each step, inside of its transaction."""
    if ctx.connection is not None and ctx.connection.dialect.name == "sqlite":
        broken = ctx.connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise RuntimeError(f"this step would leave {len(broken)} rows that point at nothing: {broken[:3]}")


def migrate(connection: Connection) -> None:
    """Run what is asked for over a connection."""
    connection = connection.execution_options(begin="IMMEDIATE", migration=True)
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=include_name,
        render_item=render_item,
        render_as_batch=True,
        compare_type=True,
        transaction_per_migration=True,
        transactional_ddl=True,
        on_version_apply=look_at_links,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    engine = make_engine(
        context.config.attributes.get("url") or os.environ.get("COORDINATOR_DATABASE_URL", "sqlite:///var/coordinator.sqlite"),
        pooled=False,
    )
    with engine.connect() as opened:
        let_go_of_links(opened)
        migrate(opened)
    engine.dispose()
