"""Releases can be recalled."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0025"
down_revision: str | None = "0024"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("entry_version") as table:
        table.add_column(sa.Column("recalled_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("recalled_by_id", sa.Integer(), nullable=True))
        table.add_column(sa.Column("recalled_why", sa.Text(), nullable=False, server_default=""))
        table.create_foreign_key(op.f("fk_entry_version_recalled_by_id"), "person", ["recalled_by_id"], ["id"])
    with op.batch_alter_table("entry_version") as table:
        table.alter_column("recalled_why", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("entry_version") as table:
        table.drop_constraint(op.f("fk_entry_version_recalled_by_id"), type_="foreignkey")
        table.drop_column("recalled_why")
        table.drop_column("recalled_by_id")
        table.drop_column("recalled_at")
