"""Uploads wait for their confirmation."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0020"
down_revision: str | None = "0019"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "staged_import",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("file_name", sa.String(length=120), nullable=False),
        sa.Column("file_digest", sa.String(length=64), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("rows", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("outcomes", sa.JSON(), nullable=False),
        sa.Column("outcomes_digest", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_staged_import_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staged_import")),
        sa.UniqueConstraint("ref", name=op.f("uq_staged_import_ref")),
    )
    op.create_index("ix_staged_import_person_id", "staged_import", ["person_id"], unique=False)
    op.create_index("ix_staged_import_ends_at", "staged_import", ["ends_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_staged_import_ends_at", "staged_import")
    op.drop_index("ix_staged_import_person_id", "staged_import")
    op.drop_table("staged_import")
