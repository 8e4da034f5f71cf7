"""Overdue reviews are found by an index that says before what."""

from collections.abc import Sequence

from alembic import op

revision: str = "0036"
down_revision: str | None = "0035"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

COLUMNS = ["review_by", "kind", "event_id", "forum_id", "question_id", "unit_id"]


def upgrade() -> None:
    op.create_index("ix_entry_review", "entry", COLUMNS, unique=False)
    op.drop_index("ix_entry_review_by", table_name="entry")


def downgrade() -> None:
    op.create_index("ix_entry_review_by", "entry", ["review_by"], unique=False)
    op.drop_index("ix_entry_review", table_name="entry")
