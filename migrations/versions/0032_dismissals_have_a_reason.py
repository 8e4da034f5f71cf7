"""Dismissals have a reason, and flags know the settings that raised them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0032"
down_revision: str | None = "0031"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

REASONS = "('not_same', 'texts', 'too_broad', 'coordinated', 'other')"


def upgrade() -> None:
    # in place, with its check: a table that others point at is not built anew
    for table, column in (("overlap", "dismissed_as"), ("overlap_side", "dismissal")):
        check = f"CONSTRAINT ck_{table}_dismissal CHECK ({column} IN {REASONS})"
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} VARCHAR(40) {check}")
    op.execute("UPDATE overlap SET dismissed_as = 'other' WHERE closed_as = 'dismiss'")
    op.execute("UPDATE overlap_side SET dismissal = 'other' WHERE closing = 'dismiss'")
    op.add_column("overlap", sa.Column("settings", sa.String(length=12), nullable=True))


def downgrade() -> None:
    op.drop_column("overlap", "settings")
    for table, column in (("overlap", "dismissed_as"), ("overlap_side", "dismissal")):
        with op.batch_alter_table(table) as changed:  # where the table was built anew since, the check stands beside the column
            changed.drop_constraint(op.f(f"ck_{table}_dismissal"), type_="check")
            changed.drop_column(column)
