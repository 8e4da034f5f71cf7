"""Topics and equities."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "topic",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("umbrella", sa.Boolean(), nullable=False),
        sa.Column("merged_into_id", sa.Integer(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.CheckConstraint("merged_into_id IS NULL OR merged_into_id <> id", name=op.f("ck_topic_not_merged_into_itself")),
        sa.ForeignKeyConstraint(["merged_into_id"], ["topic.id"], name=op.f("fk_topic_merged_into_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic")),
        sa.UniqueConstraint("key", name=op.f("uq_topic_key")),
        sa.UniqueConstraint("ref", name=op.f("uq_topic_ref")),
    )
    op.create_index(op.f("ix_topic_merged_into_id"), "topic", ["merged_into_id"], unique=False)

    op.create_table(
        "topic_broader",
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("broader_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("topic_id <> broader_id", name=op.f("ck_topic_broader_not_itself")),
        sa.ForeignKeyConstraint(["broader_id"], ["topic.id"], name=op.f("fk_topic_broader_broader_id")),
        sa.ForeignKeyConstraint(["topic_id"], ["topic.id"], name=op.f("fk_topic_broader_topic_id")),
        sa.PrimaryKeyConstraint("topic_id", "broader_id", name=op.f("pk_topic_broader")),
    )
    op.create_index(op.f("ix_topic_broader_broader_id"), "topic_broader", ["broader_id"], unique=False)

    op.create_table(
        "topic_name",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=120), nullable=False),
        sa.Column("text_key", sa.String(length=120), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("alias", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["topic_id"], ["topic.id"], name=op.f("fk_topic_name_topic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_name")),
        sa.UniqueConstraint("text_key", name=op.f("uq_topic_name_text_key")),
    )
    op.create_index(op.f("ix_topic_name_topic_id"), "topic_name", ["topic_id"], unique=False)

    op.create_table(
        "topic_related",
        sa.Column("low_id", sa.Integer(), nullable=False),
        sa.Column("high_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("low_id < high_id", name=op.f("ck_topic_related_kept_once")),
        sa.ForeignKeyConstraint(["high_id"], ["topic.id"], name=op.f("fk_topic_related_high_id")),
        sa.ForeignKeyConstraint(["low_id"], ["topic.id"], name=op.f("fk_topic_related_low_id")),
        sa.PrimaryKeyConstraint("low_id", "high_id", name=op.f("pk_topic_related")),
    )
    op.create_index(op.f("ix_topic_related_high_id"), "topic_related", ["high_id"], unique=False)

    op.create_table(
        "equity",
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column(
            "stake",
            sa.Enum(
                "lead", "co_lead", "must_consult", "inform", name="stake", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.CheckConstraint("until_on IS NULL OR until_on >= from_on", name=op.f("ck_equity_ends_after_it_starts")),
        sa.ForeignKeyConstraint(["topic_id"], ["topic.id"], name=op.f("fk_equity_topic_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_equity_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_equity")),
        sa.UniqueConstraint("ref", name=op.f("uq_equity_ref")),
    )
    op.create_index(op.f("ix_equity_topic_id"), "equity", ["topic_id"], unique=False)
    op.create_index(op.f("ix_equity_unit_id"), "equity", ["unit_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_equity_unit_id"))
    op.drop_index(op.f("ix_equity_topic_id"))

    op.drop_table("equity")
    op.drop_index(op.f("ix_topic_related_high_id"))

    op.drop_table("topic_related")
    op.drop_index(op.f("ix_topic_name_topic_id"))

    op.drop_table("topic_name")
    op.drop_index(op.f("ix_topic_broader_broader_id"))

    op.drop_table("topic_broader")
    op.drop_index(op.f("ix_topic_merged_into_id"))

    op.drop_table("topic")
