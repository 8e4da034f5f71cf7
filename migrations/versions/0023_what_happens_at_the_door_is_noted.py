"""What happens at the door is noted for the auditor, and events are found by their moment."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0023"
down_revision: str | None = "0022"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NOTED = ("signed_in", "sign_in_failed", "sign_in_throttled", "signed_out", "link_asked_for", "exported")


def upgrade() -> None:
    op.create_index("ix_history_event_at", "history_event", ["at", "number"], unique=False)
    op.create_table(
        "history_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("did", sa.Enum(*NOTED, name="noted", native_enum=False, create_constraint=True, length=40), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_history_note_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_history_note")),
    )
    op.create_index("ix_history_note_at", "history_note", ["at", "id"], unique=False)
    op.create_index(op.f("ix_history_note_person_id"), "history_note", ["person_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_history_note_person_id"), table_name="history_note")
    op.drop_index("ix_history_note_at", table_name="history_note")
    op.drop_table("history_note")
    op.drop_index("ix_history_event_at", table_name="history_event")
