"""Words of entries."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "entry_keyword",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("keyword", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_entry_keyword_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", "keyword", name=op.f("pk_entry_keyword")),
    )
    op.create_index("ix_entry_keyword_keyword", "entry_keyword", ["keyword", "entry_id"], unique=False)

    op.create_table(
        "entry_words",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=16), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_entry_words_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_entry_words")),
    )


def downgrade() -> None:
    op.drop_table("entry_words")
    op.drop_index("ix_entry_keyword_keyword", "entry_keyword")

    op.drop_table("entry_keyword")
