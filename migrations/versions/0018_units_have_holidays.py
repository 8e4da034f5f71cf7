"""Units have holidays."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "unit_holiday",
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_unit_holiday_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit_holiday")),
        sa.UniqueConstraint("unit_id", "day", name=op.f("uq_unit_holiday_unit_id_day")),
        sa.UniqueConstraint("ref", name=op.f("uq_unit_holiday_ref")),
    )


def downgrade() -> None:
    op.drop_table("unit_holiday")
