"""Overlaps keep the moments of their closing, their first acknowledgement and their last reopening."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NEW = ("reopened_at", "acknowledged_at", "closed_at")


def upgrade() -> None:
    with op.batch_alter_table("overlap") as table:
        for name in NEW:
            table.add_column(sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_overlap_found_at"), "overlap", ["found_at"], unique=False)
    op.create_index(op.f("ix_overlap_closed_at"), "overlap", ["closed_at"], unique=False)
    last = "SELECT max(s.at) FROM overlap_step s WHERE s.overlap_id = overlap.id AND s.did IN"
    op.execute(f"UPDATE overlap SET reopened_at = ({last} ('reopened', 'changed', 'returned'))")
    op.execute(
        "UPDATE overlap SET acknowledged_at ="
        " (SELECT min(s.acknowledged_at) FROM overlap_side s WHERE s.overlap_id = overlap.id AND s.asked)"
    )
    op.execute(
        f"UPDATE overlap SET closed_at = coalesce(({last} ('settled', 'dismissed')), changed_at) WHERE closed_as IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_overlap_closed_at"), table_name="overlap")
    op.drop_index(op.f("ix_overlap_found_at"), table_name="overlap")
    for name in NEW:  # in place: a table that others point at is not built anew
        op.drop_column("overlap", name)
