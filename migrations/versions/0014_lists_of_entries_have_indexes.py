"""Lists of entries have indexes: one for their order, one that counts what a reader may see."""

from collections.abc import Sequence

from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_index("ix_entry_kind_on", "entry", ["kind", "logged_on", "id"], unique=False)
    op.create_index("ix_entry_reading", "entry", ["kind", "audience_id", "level"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_entry_reading", table_name="entry")
    op.drop_index("ix_entry_kind_on", table_name="entry")
