"""Digests."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "digest",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("period_on", sa.Date(), nullable=False),
        sa.Column(
            "cadence",
            sa.Enum("off", "daily", "weekly", name="cadence", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "claimed",
                "data",
                "sent",
                "nothing",
                "uncertain",
                "failed",
                name="digest_state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("worker", sa.String(length=80), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("after_number", sa.BigInteger(), nullable=True),
        sa.Column("up_to_number", sa.BigInteger(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trouble", sa.String(length=300), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_digest_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest")),
        sa.UniqueConstraint("person_id", "period_on", name=op.f("uq_digest_person_id_period_on")),
        sa.UniqueConstraint("ref", name=op.f("uq_digest_ref")),
    )
    op.create_index("ix_digest_state_due_at", "digest", ["state", "due_at"], unique=False)

    op.create_table(
        "digest_subscription",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column(
            "cadence",
            sa.Enum("off", "daily", "weekly", name="cadence", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("told_number", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("hour BETWEEN 0 AND 23", name=op.f("ck_digest_subscription_hour_is_an_hour")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_digest_subscription_person_id")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_digest_subscription")),
    )


def downgrade() -> None:
    op.drop_table("digest_subscription")
    op.drop_index("ix_digest_state_due_at", "digest")

    op.drop_table("digest")
