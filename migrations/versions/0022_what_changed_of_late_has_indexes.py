"""What changed of late has indexes: releases by their moment, ends by theirs."""

from collections.abc import Sequence

from alembic import op

revision: str = "0022"
down_revision: str | None = "0021"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(op.f("ix_entry_version_released_at"), "entry_version", ["released_at"], unique=False)
    op.create_index(op.f("ix_entry_ended_at"), "entry", ["ended_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_entry_ended_at"), table_name="entry")
    op.drop_index(op.f("ix_entry_version_released_at"), table_name="entry_version")
