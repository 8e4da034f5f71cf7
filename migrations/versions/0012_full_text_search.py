"""Full-text search: the stems of each entry's standing text, matched only, never ranked by other rows."""

from collections.abc import Sequence

from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE entry_search USING fts5(stems, tokenize='unicode61 remove_diacritics 0')")
    else:
        op.execute("CREATE TABLE entry_search (rowid integer PRIMARY KEY REFERENCES entry (id), stems tsvector NOT NULL)")
        op.execute("CREATE INDEX ix_entry_search_stems ON entry_search USING gin (stems)")


def downgrade() -> None:
    op.execute("DROP TABLE entry_search")
