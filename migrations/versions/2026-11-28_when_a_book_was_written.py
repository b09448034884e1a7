"""when a book was written to last, a document taken again, what was paid of a premium

Revision ID: 5b7e90c41d3a
Revises: 8d41c07be9a2
Create Date: 2026-11-28 16:50:12.114093
"""

# Before you write a migration:
# - It is dated and, once on the main branch, frozen. A mistake in it is corrected by the next one.
# - It imports nothing from ledger: what the code means today is not what it meant then.
# - A column added to a book table is nullable or has a constant default. Nothing is back-filled:
#   facts are not edited, and a million rows are not rewritten behind a lock.
# - On SQLite `batch_alter_table` rebuilds the table, and its triggers are gone. Make them again
#   in the same migration; a test lists the append-only triggers after `upgrade head`.
# - A book table has book_id first in its primary key, unique constraints and foreign keys.
# - Every constraint has a name. `alembic check` compares them on both databases.
# - On PostgreSQL a statement waits 5 s for a lock and works 300 s at most (migrations/env.py).
#   An index on a table with traffic is made CONCURRENTLY, in `op.get_context().autocommit_block()`.
# - Try it both ways on both databases, with rows in the tables.

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "5b7e90c41d3a"
down_revision: str | Sequence[str] | None = "8d41c07be9a2"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


_SOURCE = {
    "unique": True,
    "postgresql_where": sa.text("source_ref IS NOT NULL"),
    "sqlite_where": sa.text("source_ref IS NOT NULL"),
}
_PREMIUM = {
    "postgresql_where": sa.text("kind = 56"),
    "sqlite_where": sa.text("kind = 56"),
    "postgresql_ops": {"detail": "text_pattern_ops"},
}


def upgrade() -> None:
    op.add_column("book", sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True))
    again = ["book_id", "kind", "source_ref", sa.text("coalesce(target_seq, 0)")]
    if op.get_bind().dialect.name != "postgresql":
        op.drop_index("uq_entry_source", "entry")
        op.create_index("uq_entry_source", "entry", again, **_SOURCE)
        op.create_index("ix_entry_premium", "entry", ["detail"], **_PREMIUM)
        return
    # the new one first: there is no moment at which a document could be booked twice
    with op.get_context().autocommit_block():
        op.create_index("uq_entry_source_again", "entry", again, postgresql_concurrently=True, **_SOURCE)
        op.drop_index("uq_entry_source", "entry", postgresql_concurrently=True)
        op.execute("ALTER INDEX uq_entry_source_again RENAME TO uq_entry_source")
        op.create_index("ix_entry_premium", "entry", ["detail"], postgresql_concurrently=True, **_PREMIUM)


def downgrade() -> None:
    once = ["book_id", "kind", "source_ref"]
    op.drop_index("ix_entry_premium", "entry")
    op.drop_index("uq_entry_source", "entry")
    op.create_index("uq_entry_source", "entry", once, **_SOURCE)
    op.drop_column("book", "recorded_at")
