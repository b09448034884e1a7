"""bases as they were known

Revision ID: c3e81f5a9d42
Revises: 7a2c94e6f1b3
Create Date: 2026-11-29 06:05:00.418207
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

revision: str = "c3e81f5a9d42"
down_revision: str | Sequence[str] | None = "7a2c94e6f1b3"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

INDEX = "ix_assessment_line_adjusted"
ADJUSTED = sa.text("kind = 2")


def upgrade() -> None:
    columns = ["book_id", "account_id", "period"]
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            op.create_index(
                INDEX,
                "assessment_line",
                columns,
                postgresql_where=ADJUSTED,
                postgresql_concurrently=True,
            )
    else:
        op.create_index(INDEX, "assessment_line", columns, sqlite_where=ADJUSTED)


def downgrade() -> None:
    op.drop_index(INDEX, table_name="assessment_line")
