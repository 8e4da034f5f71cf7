"""Dossiers have milestones and papers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "dossier_contributor",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_dossier_contributor_entry_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_dossier_contributor_unit_id")),
        sa.PrimaryKeyConstraint("entry_id", "unit_id", name=op.f("pk_dossier_contributor")),
    )
    op.create_index(op.f("ix_dossier_contributor_unit_id"), "dossier_contributor", ["unit_id"], unique=False)

    op.create_table(
        "dossier_milestone",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("past", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_dossier_milestone_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dossier_milestone")),
    )
    op.create_index(op.f("ix_dossier_milestone_entry_id"), "dossier_milestone", ["entry_id"], unique=False)

    op.create_table(
        "dossier_paper",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_dossier_paper_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dossier_paper")),
    )
    op.create_index(op.f("ix_dossier_paper_entry_id"), "dossier_paper", ["entry_id"], unique=False)

    op.create_table(
        "dossier_position",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("position_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_dossier_position_entry_id")),
        sa.ForeignKeyConstraint(["position_id"], ["entry.id"], name=op.f("fk_dossier_position_position_id")),
        sa.PrimaryKeyConstraint("entry_id", "position_id", name=op.f("pk_dossier_position")),
    )
    op.create_index(op.f("ix_dossier_position_position_id"), "dossier_position", ["position_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_dossier_position_position_id"))

    op.drop_table("dossier_position")
    op.drop_index(op.f("ix_dossier_paper_entry_id"))

    op.drop_table("dossier_paper")
    op.drop_index(op.f("ix_dossier_milestone_entry_id"))

    op.drop_table("dossier_milestone")
    op.drop_index(op.f("ix_dossier_contributor_unit_id"))

    op.drop_table("dossier_contributor")
