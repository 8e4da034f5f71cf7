"""The picture is counted by indexes that hold all that it counts by."""

from collections.abc import Sequence

from alembic import op

revision: str = "0037"
down_revision: str | None = "0036"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

READING = ["kind", "audience_id", "level"]
WHOSE = ["state", "unit_id", "on_behalf_of_id"]
OVERLAPS = ["current", "kind", "state", "rank", "near_on", "low_id", "high_id", "low_unit_id", "high_unit_id"]
MOMENTS = ["found_at", "acknowledged_at", "closed_at", "reopened_at"]


def upgrade() -> None:
    op.drop_index("ix_entry_reading", table_name="entry")
    op.create_index("ix_entry_reading", "entry", READING + WHOSE, unique=False)
    op.create_index("ix_overlap_counted", "overlap", OVERLAPS + MOMENTS, unique=False)


def downgrade() -> None:
    op.drop_index("ix_overlap_counted", table_name="overlap")
    op.drop_index("ix_entry_reading", table_name="entry")
    op.create_index("ix_entry_reading", "entry", READING, unique=False)
