"""Who was asked, and which gaps are known."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0028"
down_revision: str | None = "0027"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "entry_asked",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_entry_asked_by_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_entry_asked_entry_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_entry_asked_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry_asked")),
        sa.UniqueConstraint("entry_id", "unit_id", name=op.f("uq_entry_asked_entry_id_unit_id")),
    )
    op.create_index(op.f("ix_entry_asked_unit_id"), "entry_asked", ["unit_id"], unique=False)
    kinds = ("event", "review", "consultation", "lead", "wing")
    op.create_table(
        "gap_known",
        sa.Column("kind", sa.Enum(*kinds, name="gap_kind", native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("event_id", sa.Integer(), nullable=True),
        sa.Column("topic_id", sa.Integer(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=False),
        sa.Column("rests_on", sa.String(length=400), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=True),
        sa.Column("by_unit_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.CheckConstraint(
            "(kind IN ('consultation', 'review')) = (entry_id IS NOT NULL)", name=op.f("ck_gap_known_an_entry_where_one_is_due")
        ),
        sa.CheckConstraint(
            "(kind = 'consultation') = (unit_id IS NOT NULL)", name=op.f("ck_gap_known_a_unit_where_one_was_not_asked")
        ),
        sa.CheckConstraint("(kind = 'event') = (event_id IS NOT NULL)", name=op.f("ck_gap_known_an_event_where_one_is_due")),
        sa.CheckConstraint(
            "(kind IN ('lead', 'wing')) = (topic_id IS NOT NULL)", name=op.f("ck_gap_known_a_topic_where_one_is_due")
        ),
        sa.CheckConstraint("length(why) > 0", name=op.f("ck_gap_known_has_a_reason")),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_gap_known_by_id")),
        sa.ForeignKeyConstraint(["by_unit_id"], ["unit.id"], name=op.f("fk_gap_known_by_unit_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_gap_known_entry_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_gap_known_event_id")),
        sa.ForeignKeyConstraint(["topic_id"], ["topic.id"], name=op.f("fk_gap_known_topic_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_gap_known_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gap_known")),
        sa.UniqueConstraint("ref", name=op.f("uq_gap_known_ref")),
    )
    op.create_index(op.f("ix_gap_known_entry_id"), "gap_known", ["entry_id"], unique=False)
    op.create_index(op.f("ix_gap_known_number"), "gap_known", ["number"], unique=False)
    op.create_index(
        "uq_gap_known_standing",
        "gap_known",
        ["key"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("gap_known")
    op.drop_table("entry_asked")
