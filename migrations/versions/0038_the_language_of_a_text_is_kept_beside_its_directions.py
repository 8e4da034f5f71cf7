"""The language of a text is kept beside its directions."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0038"
down_revision: str | None = "0037"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

SOME = 5000


def upgrade() -> None:
    op.add_column("entry_passages", sa.Column("language", sa.String(length=16), nullable=False, server_default="en"))
    connection, last = op.get_bind(), 0
    words = sa.table("entry_words", sa.column("entry_id"), sa.column("words"))
    passages = sa.table("entry_passages", sa.column("entry_id"), sa.column("language"))
    change = sa.update(passages).where(passages.c.entry_id == sa.bindparam("of")).values(language=sa.bindparam("said"))
    while rows := connection.execute(
        sa.select(words.c.entry_id, words.c.words).where(words.c.entry_id > last).order_by(words.c.entry_id).limit(SOME)
    ).all():
        last = rows[-1].entry_id
        # a head of six bytes, of which the second says how long the name of the language is, and that name
        said = [{"of": i, "said": raw[6 : 6 + raw[1]].decode()[:16]} for i, raw in rows]
        other = [row for row in said if row["said"] != "en"]
        if other:
            connection.execute(change, other)
    with op.batch_alter_table("entry_passages", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.alter_column("language", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("entry_passages", table_kwargs={"sqlite_autoincrement": True}) as table:
        table.drop_column("language")
