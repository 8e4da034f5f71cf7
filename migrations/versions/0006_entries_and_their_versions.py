"""Entries and their versions."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "audience",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audience")),
        sa.UniqueConstraint("digest", name=op.f("uq_audience_digest")),
    )
    op.create_table(
        "audience_token",
        sa.Column("audience_id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["audience_id"], ["audience.id"], name=op.f("fk_audience_token_audience_id")),
        sa.PrimaryKeyConstraint("audience_id", "token", name=op.f("pk_audience_token")),
    )
    op.create_index("ix_audience_token_token", "audience_token", ["token", "audience_id"], unique=False)

    op.create_table(
        "entry",
        sa.Column(
            "kind",
            sa.Enum("position", "dossier", name="kind", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("unit_id", sa.Integer(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "released",
                "superseded",
                "withdrawn",
                "expired",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("audience_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("forum_id", sa.Integer(), nullable=True),
        sa.Column("event_id", sa.Integer(), nullable=True),
        sa.Column("registry_link", sa.String(length=500), nullable=False),
        sa.Column("review_by", sa.Date(), nullable=True),
        sa.Column("logged_on", sa.Date(), nullable=False),
        sa.Column("logged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=False),
        sa.Column("supersedes_id", sa.Integer(), nullable=True),
        sa.Column("standing_version", sa.Integer(), nullable=False),
        sa.Column("newest_version", sa.Integer(), nullable=False),
        sa.Column("changed_number", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.Column(
            "dossier_type",
            sa.Enum(
                "negotiation",
                "dialogue",
                "incident",
                "capacity_building",
                "norms",
                "partnership",
                name="dossier_type",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column("lead_id", sa.Integer(), nullable=True),
        sa.Column("question_id", sa.Integer(), nullable=True),
        sa.Column(
            "stance",
            sa.Enum(
                "support",
                "conditions",
                "no_position",
                "oppose",
                "red_line",
                name="stance",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=True,
        ),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("red_lines", sa.Text(), nullable=True),
        sa.Column("fallback", sa.Text(), nullable=True),
        sa.Column("talking_points", sa.Text(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.CheckConstraint("(state = 'draft') = (released_at IS NULL)", name=op.f("ck_entry_released_when_no_draft")),
        sa.CheckConstraint("kind = 'dossier' OR dossier_type IS NULL", name=op.f("ck_entry_only_a_dossier_has_a_type")),
        sa.CheckConstraint("kind = 'position' OR stance IS NULL", name=op.f("ck_entry_only_a_position_has_a_stance")),
        sa.CheckConstraint(
            "stance IS NULL OR stance NOT IN ('oppose', 'red_line') OR length(reason) > 0",
            name=op.f("ck_entry_a_refusal_has_a_reason"),
        ),
        sa.CheckConstraint("(stance IS NULL) = (question_id IS NULL)", name=op.f("ck_entry_a_stance_is_on_a_question")),
        sa.CheckConstraint("level BETWEEN 0 AND 2", name=op.f("ck_entry_level_is_a_level")),
        sa.CheckConstraint("standing_version <= newest_version", name=op.f("ck_entry_standing_is_a_version")),
        sa.CheckConstraint(
            "valid_until IS NULL OR valid_from IS NULL OR valid_until >= valid_from", name=op.f("ck_entry_ends_after_it_starts")
        ),
        sa.ForeignKeyConstraint(["audience_id"], ["audience.id"], name=op.f("fk_entry_audience_id")),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name=op.f("fk_entry_author_id")),
        sa.ForeignKeyConstraint(["event_id"], ["event.id"], name=op.f("fk_entry_event_id")),
        sa.ForeignKeyConstraint(["forum_id"], ["forum.id"], name=op.f("fk_entry_forum_id")),
        sa.ForeignKeyConstraint(["lead_id"], ["person.id"], name=op.f("fk_entry_lead_id")),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_entry_question_id")),
        sa.ForeignKeyConstraint(["supersedes_id"], ["entry.id"], name=op.f("fk_entry_supersedes_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_entry_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry")),
        sa.UniqueConstraint("ref", name=op.f("uq_entry_ref")),
    )
    op.create_index(op.f("ix_entry_audience_id"), "entry", ["audience_id"], unique=False)
    op.create_index(op.f("ix_entry_author_id"), "entry", ["author_id"], unique=False)
    op.create_index(op.f("ix_entry_changed_number"), "entry", ["changed_number"], unique=False)
    op.create_index(op.f("ix_entry_event_id"), "entry", ["event_id"], unique=False)
    op.create_index(op.f("ix_entry_forum_id"), "entry", ["forum_id"], unique=False)
    op.create_index(op.f("ix_entry_lead_id"), "entry", ["lead_id"], unique=False)
    op.create_index(op.f("ix_entry_question_id"), "entry", ["question_id"], unique=False)
    op.create_index(op.f("ix_entry_review_by"), "entry", ["review_by"], unique=False)
    op.create_index("ix_entry_state_on", "entry", ["state", "logged_on", "id"], unique=False)
    op.create_index(op.f("ix_entry_supersedes_id"), "entry", ["supersedes_id"], unique=False)
    op.create_index("ix_entry_unit_state", "entry", ["unit_id", "state"], unique=False)
    op.create_index(op.f("ix_entry_valid_until"), "entry", ["valid_until"], unique=False)
    op.create_index(
        "uq_entry_one_released_position",
        "entry",
        ["unit_id", "question_id", "level"],
        unique=True,
        sqlite_where=sa.text("state = 'released' AND kind = 'position'"),
        postgresql_where=sa.text("state = 'released' AND kind = 'position'"),
    )
    op.create_index("uq_entry_unit_id_code", "entry", ["unit_id", "code"], unique=True)

    op.create_table(
        "entry_counterpart",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("counterpart_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["counterpart_id"], ["counterpart.id"], name=op.f("fk_entry_counterpart_counterpart_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_entry_counterpart_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", "counterpart_id", name=op.f("pk_entry_counterpart")),
    )
    op.create_index("ix_entry_counterpart_counterpart", "entry_counterpart", ["counterpart_id", "entry_id"], unique=False)

    op.create_table(
        "entry_source",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_entry_source_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_entry_source")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_entry_source_source_external_id")),
    )
    op.create_table(
        "entry_topic",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_entry_topic_entry_id")),
        sa.ForeignKeyConstraint(["topic_id"], ["topic.id"], name=op.f("fk_entry_topic_topic_id")),
        sa.PrimaryKeyConstraint("entry_id", "topic_id", name=op.f("pk_entry_topic")),
    )
    op.create_index("ix_entry_topic_topic", "entry_topic", ["topic_id", "entry_id"], unique=False)

    op.create_table(
        "entry_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("audience_id", sa.Integer(), nullable=False),
        sa.Column("restriction_reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=True),
        sa.Column("form_key", sa.String(length=40), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("level BETWEEN 0 AND 2", name=op.f("ck_entry_version_level_is_a_level")),
        sa.ForeignKeyConstraint(["audience_id"], ["audience.id"], name=op.f("fk_entry_version_audience_id")),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name=op.f("fk_entry_version_author_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_entry_version_entry_id")),
        sa.ForeignKeyConstraint(["released_by_id"], ["person.id"], name=op.f("fk_entry_version_released_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry_version")),
        sa.UniqueConstraint("author_id", "form_key", name=op.f("uq_entry_version_author_id_form_key")),
        sa.UniqueConstraint("entry_id", "number", name=op.f("uq_entry_version_entry_id_number")),
    )
    op.create_index(op.f("ix_entry_version_audience_id"), "entry_version", ["audience_id"], unique=False)

    op.create_table(
        "topic_proposal",
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("topic_id", sa.Integer(), nullable=False),
        sa.Column("by_unit_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken", sa.Boolean(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.String(length=22), nullable=False),
        sa.ForeignKeyConstraint(["by_unit_id"], ["unit.id"], name=op.f("fk_topic_proposal_by_unit_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_topic_proposal_entry_id")),
        sa.ForeignKeyConstraint(["topic_id"], ["topic.id"], name=op.f("fk_topic_proposal_topic_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_topic_proposal")),
        sa.UniqueConstraint("entry_id", "topic_id", name=op.f("uq_topic_proposal_entry_id_topic_id")),
        sa.UniqueConstraint("ref", name=op.f("uq_topic_proposal_ref")),
    )
    op.create_index(op.f("ix_topic_proposal_topic_id"), "topic_proposal", ["topic_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_topic_proposal_topic_id"))

    op.drop_table("topic_proposal")
    op.drop_index(op.f("ix_entry_version_audience_id"))

    op.drop_table("entry_version")
    op.drop_index("ix_entry_topic_topic", "entry_topic")

    op.drop_table("entry_topic")
    op.drop_table("entry_source")
    op.drop_index("ix_entry_counterpart_counterpart", "entry_counterpart")

    op.drop_table("entry_counterpart")
    op.drop_index("uq_entry_unit_id_code", "entry")
    op.drop_index(
        "uq_entry_one_released_position",
        "entry",
        sqlite_where=sa.text("state = 'released' AND kind = 'position'"),
        postgresql_where=sa.text("state = 'released' AND kind = 'position'"),
    )
    op.drop_index(op.f("ix_entry_valid_until"))
    op.drop_index("ix_entry_unit_state", "entry")
    op.drop_index(op.f("ix_entry_supersedes_id"))
    op.drop_index("ix_entry_state_on", "entry")
    op.drop_index(op.f("ix_entry_review_by"))
    op.drop_index(op.f("ix_entry_question_id"))
    op.drop_index(op.f("ix_entry_lead_id"))
    op.drop_index(op.f("ix_entry_forum_id"))
    op.drop_index(op.f("ix_entry_event_id"))
    op.drop_index(op.f("ix_entry_changed_number"))
    op.drop_index(op.f("ix_entry_author_id"))
    op.drop_index(op.f("ix_entry_audience_id"))

    op.drop_table("entry")
    op.drop_index("ix_audience_token_token", "audience_token")

    op.drop_table("audience_token")
    op.drop_table("audience")
