"""The meaning of entries is kept."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0029"
down_revision: str | None = "0028"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "entry_passages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("encoder", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.String(length=16), nullable=False),
        sa.Column("sketch", sa.LargeBinary(length=64), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_entry_passages_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry_passages")),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_entry_passages_entry_id_encoder", "entry_passages", ["entry_id", "encoder"], unique=True)
    op.create_index("ix_entry_passages_encoder", "entry_passages", ["encoder", "id"], unique=False)

    op.create_table(
        "serving_encoder",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("encoder", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_serving_encoder")),
    )


def downgrade() -> None:
    op.drop_table("serving_encoder")
    op.drop_index("ix_entry_passages_encoder", "entry_passages")
    op.drop_index("uq_entry_passages_entry_id_encoder", "entry_passages")

    op.drop_table("entry_passages")
