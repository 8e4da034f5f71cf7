"""Entries refer to instruments."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0027"
down_revision: str | None = "0026"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "instrument",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("short_name", sa.String(length=60), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "treaty",
                "agreement",
                "norms",
                "strategy",
                name="instrument_kind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("forum_id", sa.Integer(), nullable=True),
        sa.Column("parties", sa.String(length=300), nullable=False),
        sa.Column("adopted_on", sa.Date(), nullable=True),
        sa.Column("in_force_on", sa.Date(), nullable=True),
        sa.Column("link", sa.String(length=500), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.CheckConstraint("in_force_on >= adopted_on", name=op.f("ck_instrument_in_force_after_it_is_adopted")),
        sa.ForeignKeyConstraint(["forum_id"], ["forum.id"], name=op.f("fk_instrument_forum_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instrument")),
        sa.UniqueConstraint("name", name=op.f("uq_instrument_name")),
        sa.UniqueConstraint("ref", name=op.f("uq_instrument_ref")),
    )
    op.create_index(op.f("ix_instrument_forum_id"), "instrument", ["forum_id"], unique=False)
    for table, one, other in (
        ("instrument_party", "instrument", "counterpart"),
        ("entry_instrument", "entry", "instrument"),
    ):
        op.create_table(
            table,
            sa.Column(f"{one}_id", sa.Integer(), nullable=False),
            sa.Column(f"{other}_id", sa.Integer(), nullable=False),
            sa.ForeignKeyConstraint([f"{one}_id"], [f"{one}.id"], name=op.f(f"fk_{table}_{one}_id")),
            sa.ForeignKeyConstraint([f"{other}_id"], [f"{other}.id"], name=op.f(f"fk_{table}_{other}_id")),
            sa.PrimaryKeyConstraint(f"{one}_id", f"{other}_id", name=op.f(f"pk_{table}")),
        )
        op.create_index(f"ix_{table}_{other}", table, [f"{other}_id", f"{one}_id"], unique=False)


def downgrade() -> None:
    op.drop_table("entry_instrument")
    op.drop_table("instrument_party")
    op.drop_table("instrument")
