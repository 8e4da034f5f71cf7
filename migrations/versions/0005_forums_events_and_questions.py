"""Forums events and questions."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "counterpart",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "country", "organisation", "firm", name="counterpart_kind", native_enum=False, create_constraint=True, length=40
            ),
            nullable=False,
        ),
        sa.Column("code", sa.String(length=2), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counterpart")),
        sa.UniqueConstraint("name", name=op.f("uq_counterpart_name")),
        sa.UniqueConstraint("ref", name=op.f("uq_counterpart_ref")),
    )
    op.create_table(
        "forum",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("short_name", sa.String(length=60), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forum")),
        sa.UniqueConstraint("name", name=op.f("uq_forum_name")),
        sa.UniqueConstraint("ref", name=op.f("uq_forum_ref")),
    )
    op.create_table(
        "event",
        sa.Column("forum_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("past", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.CheckConstraint("ends_on >= starts_on", name=op.f("ck_event_ends_after_it_starts")),
        sa.ForeignKeyConstraint(["forum_id"], ["forum.id"], name=op.f("fk_event_forum_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("forum_id", "name", name=op.f("uq_event_forum_id_name")),
        sa.UniqueConstraint("ref", name=op.f("uq_event_ref")),
    )
    op.create_index(op.f("ix_event_forum_id"), "event", ["forum_id"], unique=False)
    op.create_index(op.f("ix_event_starts_on"), "event", ["starts_on"], unique=False)

    op.create_table(
        "question",
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("forum_id", sa.Integer(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.ForeignKeyConstraint(["forum_id"], ["forum.id"], name=op.f("fk_question_forum_id")),
        sa.ForeignKeyConstraint(["topic_id"], ["topic.id"], name=op.f("fk_question_topic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question")),
        sa.UniqueConstraint("ref", name=op.f("uq_question_ref")),
        sa.UniqueConstraint("text", name=op.f("uq_question_text")),
    )
    op.create_index(op.f("ix_question_forum_id"), "question", ["forum_id"], unique=False)
    op.create_index(op.f("ix_question_topic_id"), "question", ["topic_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_question_topic_id"))
    op.drop_index(op.f("ix_question_forum_id"))

    op.drop_table("question")
    op.drop_index(op.f("ix_event_starts_on"))
    op.drop_index(op.f("ix_event_forum_id"))

    op.drop_table("event")
    op.drop_table("forum")
    op.drop_table("counterpart")
