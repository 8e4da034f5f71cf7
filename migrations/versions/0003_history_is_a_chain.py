"""History is a chain."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "history_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_history_head_there_is_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_head")),
    )
    op.create_table(
        "history_event",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject_kind", sa.String(length=30), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("payload_digest", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["person.id"], name=op.f("fk_history_event_actor_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_history_event")),
    )
    op.create_index(op.f("ix_history_event_actor_id"), "history_event", ["actor_id"], unique=False)
    op.create_index("ix_history_event_subject", "history_event", ["subject_kind", "subject_id"], unique=False)

    op.create_table(
        "history_payload",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["number"], ["history_event.number"], name=op.f("fk_history_payload_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_history_payload")),
    )
    op.execute("INSERT INTO history_head (id, number, digest) VALUES (1, 0, '')")


def downgrade() -> None:
    op.drop_table("history_payload")
    op.drop_index("ix_history_event_subject", "history_event")
    op.drop_index(op.f("ix_history_event_actor_id"))

    op.drop_table("history_event")
    op.drop_table("history_head")
