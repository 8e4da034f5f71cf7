"""Openings are noted."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0026"
down_revision: str | None = "0025"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TO_MAILBOX = sa.text("person_id IS NULL")


def upgrade() -> None:
    op.create_table(
        "entry_opening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "way",
            sa.Enum("page", "file", "mail", name="way", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_entry_opening_entry_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_entry_opening_person_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_entry_opening_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry_opening")),
    )
    op.create_index(op.f("ix_entry_opening_at"), "entry_opening", ["at"], unique=False)
    op.create_index(op.f("ix_entry_opening_person_id"), "entry_opening", ["person_id"], unique=False)
    op.create_index(op.f("ix_entry_opening_unit_id"), "entry_opening", ["unit_id"], unique=False)
    op.create_index("uq_entry_opening_person", "entry_opening", ["entry_id", "person_id", "version", "way"], unique=True)
    op.create_index(
        "uq_entry_opening_mailbox",
        "entry_opening",
        ["entry_id", "unit_id", "version", "way"],
        unique=True,
        sqlite_where=TO_MAILBOX,
        postgresql_where=TO_MAILBOX,
    )


def downgrade() -> None:
    op.drop_table("entry_opening")
