"""Outside voices are written down."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0033"
down_revision: str | None = "0032"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

INDEX = "uq_entry_one_released_position"
RELEASED = "state = 'released' AND kind = 'position'"
CHECKS = {
    "ck_entry_only_a_position_is_a_voice": "kind = 'position' OR on_behalf_of_id IS NULL",
    "ck_entry_a_voice_has_a_source": ("on_behalf_of_id IS NULL OR (said_on IS NOT NULL AND length(coalesce(source, '')) > 0)"),
}


def one_line(where: str) -> None:
    """Let a unit have one released line on a question at a level."""
    columns = ["unit_id", "question_id", "level"]
    op.create_index(INDEX, "entry", columns, unique=True, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def upgrade() -> None:
    op.drop_index(INDEX, "entry")
    with op.batch_alter_table("entry") as table:
        table.add_column(sa.Column("on_behalf_of_id", sa.Integer(), nullable=True))
        table.add_column(sa.Column("source", sa.String(length=300), nullable=True))
        table.add_column(sa.Column("said_on", sa.Date(), nullable=True))
        table.create_foreign_key(op.f("fk_entry_on_behalf_of_id"), "counterpart", ["on_behalf_of_id"], ["id"])
        table.create_index(op.f("ix_entry_on_behalf_of_id"), ["on_behalf_of_id"], unique=False)
        for name, condition in CHECKS.items():
            table.create_check_constraint(op.f(name), condition)
    one_line(f"{RELEASED} AND on_behalf_of_id IS NULL")


def downgrade() -> None:
    op.drop_index(INDEX, "entry")
    # what somebody else holds must not stand there as a unit's line: it ends
    op.execute(
        "UPDATE entry SET state = 'withdrawn', released_at = coalesce(released_at, logged_at), ended_at = logged_at"
        " WHERE on_behalf_of_id IS NOT NULL AND state IN ('draft', 'released')"
    )
    with op.batch_alter_table("entry") as table:
        for name in CHECKS:
            table.drop_constraint(op.f(name), type_="check")
        table.drop_index(op.f("ix_entry_on_behalf_of_id"))
        table.drop_constraint(op.f("fk_entry_on_behalf_of_id"), type_="foreignkey")
        table.drop_column("said_on")
        table.drop_column("source")
        table.drop_column("on_behalf_of_id")
    one_line(RELEASED)
