"""Overlaps keep who may see their ends."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0040"
down_revision: str | None = "0039"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

COUNTED = ["current", "kind", "state", "rank", "near_on", "low_id", "high_id", "low_unit_id", "high_unit_id"]
MOMENTS = ["found_at", "acknowledged_at", "closed_at", "reopened_at"]
SEEN = ["level", "audience_id"]
ENDS = {end: [f"{end}_{name}" for name in SEEN] for end in ("low", "high")}


def upgrade() -> None:
    op.create_index("ix_entry_seen", "entry", ["id", *SEEN], unique=True)
    op.drop_index("ix_overlap_counted", table_name="overlap")
    for end, columns in ENDS.items():
        for column in columns:
            op.add_column("overlap", sa.Column(column, sa.Integer(), nullable=True))
        kept = ", ".join(f"{end}_{name} = (SELECT {name} FROM entry WHERE entry.id = overlap.{end}_id)" for name in SEEN)
        op.execute(f"UPDATE overlap SET {kept}")
    with op.batch_alter_table("overlap") as table:
        for end, columns in ENDS.items():
            table.drop_constraint(op.f(f"fk_overlap_{end}_id"), type_="foreignkey")
            for column in columns:
                table.alter_column(column, existing_type=sa.Integer(), nullable=False)
            of = [f"{end}_id", *columns]
            table.create_foreign_key(op.f("fk_overlap_" + "_".join(of)), "entry", of, ["id", *SEEN], onupdate="CASCADE")
    op.create_index("ix_overlap_counted", "overlap", [*COUNTED, *MOMENTS, *ENDS["low"], *ENDS["high"]], unique=False)


def downgrade() -> None:
    op.drop_index("ix_overlap_counted", table_name="overlap")
    with op.batch_alter_table("overlap") as table:
        for end, columns in ENDS.items():
            table.drop_constraint(op.f("fk_overlap_" + "_".join([f"{end}_id", *columns])), type_="foreignkey")
            table.create_foreign_key(op.f(f"fk_overlap_{end}_id"), "entry", [f"{end}_id"], ["id"])
            for column in columns:
                table.drop_column(column)
    op.create_index("ix_overlap_counted", "overlap", [*COUNTED, *MOMENTS], unique=False)
    op.drop_index("ix_entry_seen", table_name="entry")
