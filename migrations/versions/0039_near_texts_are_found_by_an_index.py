"""Near texts are found by an index, on a PostgreSQL that has pgvector."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0039"
down_revision: str | None = "0038"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

VERSION = sa.text("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
AVAILABLE = sa.text("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'")


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    if connection.scalar(VERSION) is None and new_enough(connection.scalar(AVAILABLE)):
        try:
            with connection.begin_nested():
                connection.execute(sa.text("CREATE EXTENSION vector"))
        except sa.exc.DBAPIError:  # most roles may not: `coordinator db neighbours` makes the index when somebody else has
            return
    if new_enough(connection.scalar(VERSION)):
        op.execute("SET LOCAL statement_timeout = 0")
        op.execute("SET LOCAL maintenance_work_mem = '256MB'")
        op.execute(
            "CREATE INDEX ix_entry_passages_neighbours ON entry_passages "
            "USING hnsw ((('x' || encode(sketch, 'hex'))::bit(512)) bit_hamming_ops) WITH (m = 16, ef_construction = 64)"
        )


def new_enough(version: str | None) -> bool:
    """Say whether an index can be walked on from where it was left: from 0.8 on."""
    return version is not None and tuple(int(part) for part in version.split(".")[:2]) >= (0, 8)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX IF EXISTS ix_entry_passages_neighbours")  # the extension stays: others may use it
