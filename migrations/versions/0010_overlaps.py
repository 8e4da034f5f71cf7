"""Overlaps."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "overlap",
        sa.Column("low_id", sa.Integer(), nullable=False),
        sa.Column("high_id", sa.Integer(), nullable=False),
        sa.Column("low_unit_id", sa.Integer(), nullable=False),
        sa.Column("high_unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "conflict",
                "collision",
                "duplication",
                "contact",
                "possible",
                name="overlap_kind",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "severity",
            sa.Enum("critical", "high", "medium", "low", name="severity", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("near_on", sa.Date(), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "acknowledged",
                "settled",
                "dismissed",
                "lapsed",
                name="overlap_state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_number", sa.BigInteger(), nullable=False),
        sa.Column(
            "closed_as",
            sa.Enum("settle", "dismiss", name="closing", native_enum=False, create_constraint=True, length=40),
            nullable=True,
        ),
        sa.Column(
            "outcome",
            sa.Enum(
                "joint_line",
                "one_leads",
                "split_scope",
                "agree_to_differ",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("lead_unit_id", sa.Integer(), nullable=True),
        sa.Column("look_again_on", sa.Date(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.CheckConstraint("low_id < high_id", name=op.f("ck_overlap_kept_once")),
        sa.ForeignKeyConstraint(["high_id"], ["entry.id"], name=op.f("fk_overlap_high_id")),
        sa.ForeignKeyConstraint(["high_unit_id"], ["unit.id"], name=op.f("fk_overlap_high_unit_id")),
        sa.ForeignKeyConstraint(["lead_unit_id"], ["unit.id"], name=op.f("fk_overlap_lead_unit_id")),
        sa.ForeignKeyConstraint(["low_id"], ["entry.id"], name=op.f("fk_overlap_low_id")),
        sa.ForeignKeyConstraint(["low_unit_id"], ["unit.id"], name=op.f("fk_overlap_low_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overlap")),
        sa.UniqueConstraint("low_id", "high_id", name=op.f("uq_overlap_low_id_high_id")),
        sa.UniqueConstraint("ref", name=op.f("uq_overlap_ref")),
    )
    op.create_index(op.f("ix_overlap_changed_number"), "overlap", ["changed_number"], unique=False)
    op.create_index(op.f("ix_overlap_high_id"), "overlap", ["high_id"], unique=False)
    op.create_index("ix_overlap_high_unit_id", "overlap", ["high_unit_id", "current"], unique=False)
    op.create_index("ix_overlap_low_unit_id", "overlap", ["low_unit_id", "current"], unique=False)
    op.create_index("ix_overlap_order", "overlap", ["current", "rank", "near_on", "id"], unique=False)

    op.create_table(
        "overlap_recheck",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_overlap_recheck_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_overlap_recheck")),
    )
    op.create_table(
        "overlap_side",
        sa.Column("overlap_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("asked", sa.Boolean(), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by_id", sa.Integer(), nullable=True),
        sa.Column(
            "closing",
            sa.Enum("settle", "dismiss", name="closing", native_enum=False, create_constraint=True, length=40),
            nullable=True,
        ),
        sa.Column("closing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closing_by_id", sa.Integer(), nullable=True),
        sa.Column("closing_why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["acknowledged_by_id"], ["person.id"], name=op.f("fk_overlap_side_acknowledged_by_id")),
        sa.ForeignKeyConstraint(["closing_by_id"], ["person.id"], name=op.f("fk_overlap_side_closing_by_id")),
        sa.ForeignKeyConstraint(["overlap_id"], ["overlap.id"], name=op.f("fk_overlap_side_overlap_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_overlap_side_unit_id")),
        sa.PrimaryKeyConstraint("overlap_id", "unit_id", name=op.f("pk_overlap_side")),
    )
    op.create_index(op.f("ix_overlap_side_unit_id"), "overlap_side", ["unit_id"], unique=False)

    op.create_table(
        "overlap_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("overlap_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("did", sa.String(length=30), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("unit_id", sa.Integer(), nullable=True),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["overlap_id"], ["overlap.id"], name=op.f("fk_overlap_step_overlap_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_overlap_step_person_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_overlap_step_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_overlap_step")),
    )
    op.create_index("ix_overlap_step_overlap_id", "overlap_step", ["overlap_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_overlap_step_overlap_id", "overlap_step")

    op.drop_table("overlap_step")
    op.drop_index(op.f("ix_overlap_side_unit_id"))

    op.drop_table("overlap_side")
    op.drop_table("overlap_recheck")
    op.drop_index("ix_overlap_order", "overlap")
    op.drop_index("ix_overlap_low_unit_id", "overlap")
    op.drop_index("ix_overlap_high_unit_id", "overlap")
    op.drop_index(op.f("ix_overlap_high_id"))
    op.drop_index(op.f("ix_overlap_changed_number"))

    op.drop_table("overlap")
