"""All overlaps are found again at once."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0034"
down_revision: str | None = "0033"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "recompute_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("settings", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recompute_run")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "recompute_chunk",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("after_id", sa.Integer(), nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.Column("claims", sa.Integer(), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["recompute_run.id"], name=op.f("fk_recompute_chunk_run_id")),
        sa.PrimaryKeyConstraint("run_id", "after_id", name=op.f("pk_recompute_chunk")),
    )
    op.create_table(
        "recompute_plan",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("low_id", sa.Integer(), nullable=False),
        sa.Column("high_id", sa.Integer(), nullable=False),
        sa.Column("said", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["recompute_run.id"], name=op.f("fk_recompute_plan_run_id")),
        sa.PrimaryKeyConstraint("run_id", "low_id", "high_id", name=op.f("pk_recompute_plan")),
    )
    op.create_table(
        "recompute_touched",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["recompute_run.id"], name=op.f("fk_recompute_touched_run_id")),
        sa.PrimaryKeyConstraint("run_id", "entry_id", name=op.f("pk_recompute_touched")),
    )


def downgrade() -> None:
    op.drop_table("recompute_touched")
    op.drop_table("recompute_plan")
    op.drop_table("recompute_chunk")
    op.drop_table("recompute_run")
