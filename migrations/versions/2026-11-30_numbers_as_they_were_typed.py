"""numbers that lists have as they were typed, by whose account

Revision ID: 7c4be02d95f1
Revises: 9d2f60b8a1c4
Create Date: 2026-11-30 08:05:00.000000
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

revision: str = "7c4be02d95f1"
down_revision: str | Sequence[str] | None = "9d2f60b8a1c4"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

INDEX = "ix_declared_line_sent"
SENT = sa.text("number_sealed IS NOT NULL")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            op.create_index(
                INDEX, "declared_line", ["account_id"], postgresql_where=SENT, postgresql_concurrently=True
            )
    else:
        op.create_index(INDEX, "declared_line", ["account_id"], sqlite_where=SENT)


def downgrade() -> None:
    op.drop_index(INDEX, table_name="declared_line")
