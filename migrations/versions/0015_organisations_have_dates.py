"""Organisations have dates."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    with op.batch_alter_table("organisation") as table:
        table.add_column(sa.Column("starts_on", sa.Date(), nullable=True))
        table.add_column(sa.Column("ends_on", sa.Date(), nullable=True))
        table.create_check_constraint(
            op.f("ck_organisation_ends_after_it_starts"), "ends_on IS NULL OR starts_on IS NULL OR ends_on >= starts_on"
        )


def downgrade() -> None:
    with op.batch_alter_table("organisation") as table:
        table.drop_constraint(op.f("ck_organisation_ends_after_it_starts"), type_="check")
        table.drop_column("ends_on")
        table.drop_column("starts_on")
