"""Forums and events have other names."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0035"
down_revision: str | None = "0034"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TABLES = ("forum", "event")


def upgrade() -> None:
    for name in TABLES:
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column("aliases", sa.JSON(), nullable=False, server_default="[]"))
        with op.batch_alter_table(name) as table:
            table.alter_column("aliases", server_default=None)


def downgrade() -> None:
    for name in TABLES:
        with op.batch_alter_table(name) as table:
            table.drop_column("aliases")
