"""Work is handed over."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0024"
down_revision: str | None = "0023"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("entry_version") as table:
        table.add_column(sa.Column("handed_to_id", sa.Integer(), nullable=True))
        table.create_foreign_key(op.f("fk_entry_version_handed_to_id"), "person", ["handed_to_id"], ["id"])
        table.create_index(op.f("ix_entry_version_handed_to_id"), ["handed_to_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("entry_version") as table:
        table.drop_index(op.f("ix_entry_version_handed_to_id"))
        table.drop_constraint(op.f("fk_entry_version_handed_to_id"), type_="foreignkey")
        table.drop_column("handed_to_id")
