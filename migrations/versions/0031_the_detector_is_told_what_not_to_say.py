"""The detector is told what not to say."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0031"
down_revision: str | None = "0030"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

EXCLUSIONS = ("pair", "units", "phrase")
KINDS = ("conflict", "collision", "duplication", "contact", "possible")
SEVERITIES = ("critical", "high", "medium", "low")


def words(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=40)


def upgrade() -> None:
    op.create_table(
        "exclusion",
        sa.Column("kind", words("exclusion_kind", *EXCLUSIONS), nullable=False),
        sa.Column("low_id", sa.Integer(), nullable=True),
        sa.Column("high_id", sa.Integer(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("other_unit_id", sa.Integer(), nullable=True),
        sa.Column("topic_id", sa.Integer(), nullable=True),
        sa.Column("phrase", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("owner_unit_id", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.Integer(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.CheckConstraint("(kind = 'pair') = (low_id IS NOT NULL)", name=op.f("ck_exclusion_pair_has_a_lower_end")),
        sa.CheckConstraint("(kind = 'pair') = (high_id IS NOT NULL)", name=op.f("ck_exclusion_pair_has_a_higher_end")),
        sa.CheckConstraint("low_id < high_id", name=op.f("ck_exclusion_pair_kept_once")),
        sa.CheckConstraint("(kind = 'pair') = (unit_id IS NULL)", name=op.f("ck_exclusion_units_and_phrases_have_a_unit")),
        sa.CheckConstraint("(kind = 'units') = (other_unit_id IS NOT NULL)", name=op.f("ck_exclusion_units_are_two")),
        sa.CheckConstraint("(kind = 'units') = (topic_id IS NOT NULL)", name=op.f("ck_exclusion_units_have_a_topic")),
        sa.CheckConstraint("unit_id < other_unit_id", name=op.f("ck_exclusion_units_kept_once")),
        sa.CheckConstraint("(kind = 'phrase') = (phrase <> '')", name=op.f("ck_exclusion_phrase_has_words")),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_exclusion_has_a_reason")),
        sa.ForeignKeyConstraint(["low_id"], ["entry.id"], name=op.f("fk_exclusion_low_id")),
        sa.ForeignKeyConstraint(["high_id"], ["entry.id"], name=op.f("fk_exclusion_high_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_exclusion_unit_id")),
        sa.ForeignKeyConstraint(["other_unit_id"], ["unit.id"], name=op.f("fk_exclusion_other_unit_id")),
        sa.ForeignKeyConstraint(["topic_id"], ["topic.id"], name=op.f("fk_exclusion_topic_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["person.id"], name=op.f("fk_exclusion_owner_id")),
        sa.ForeignKeyConstraint(["owner_unit_id"], ["unit.id"], name=op.f("fk_exclusion_owner_unit_id")),
        sa.ForeignKeyConstraint(["ended_by_id"], ["person.id"], name=op.f("fk_exclusion_ended_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exclusion")),
        sa.UniqueConstraint("ref", name=op.f("uq_exclusion_ref")),
    )
    op.create_index("ix_exclusion_ended_at", "exclusion", ["ended_at", "until_on"], unique=False)
    for column in ("low_id", "high_id", "unit_id", "topic_id"):
        op.create_index(op.f(f"ix_exclusion_{column}"), "exclusion", [column], unique=False)
    op.create_table(
        "overlap_hidden",
        sa.Column("exclusion_id", sa.Integer(), nullable=False),
        sa.Column("low_id", sa.Integer(), nullable=False),
        sa.Column("high_id", sa.Integer(), nullable=False),
        sa.Column("kind", words("overlap_kind", *KINDS), nullable=False),
        sa.Column("severity", words("severity", *SEVERITIES), nullable=False),
        sa.ForeignKeyConstraint(["exclusion_id"], ["exclusion.id"], name=op.f("fk_overlap_hidden_exclusion_id")),
        sa.ForeignKeyConstraint(["low_id"], ["entry.id"], name=op.f("fk_overlap_hidden_low_id")),
        sa.ForeignKeyConstraint(["high_id"], ["entry.id"], name=op.f("fk_overlap_hidden_high_id")),
        sa.PrimaryKeyConstraint("exclusion_id", "low_id", "high_id", name=op.f("pk_overlap_hidden")),
    )
    for column in ("low_id", "high_id"):
        op.create_index(op.f(f"ix_overlap_hidden_{column}"), "overlap_hidden", [column], unique=False)
    with op.batch_alter_table("entry_words") as table:
        table.add_column(sa.Column("parsed", sa.String(length=16), nullable=True))
    op.execute("UPDATE entry_words SET parsed = digest")
    with op.batch_alter_table("entry_words") as table:
        table.alter_column("parsed", existing_type=sa.String(length=16), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("entry_words") as table:
        table.drop_column("parsed")
    op.drop_table("overlap_hidden")
    op.drop_table("exclusion")
