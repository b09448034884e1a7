"""when money came last for a month of an employer, and indexes for what does not grow with age

Revision ID: 3d95b2e6a817
Revises: 6a1d94f7c2b8
Create Date: 2026-11-29 13:20:41.507318
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

revision: str = "3d95b2e6a817"
down_revision: str | Sequence[str] | None = "6a1d94f7c2b8"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

OPEN = sa.text(
    "estimated > 0 OR employee_paid < employee OR employer_paid < employer OR waiting > 0 OR fee_paid > 0"
    " OR (paid_day IS NULL AND employee_paid + employer_paid > 0)"
)
STANDING = sa.text("NOT ended")
# name: table, columns, which rows
INDEXES: dict[str, tuple[str, list[str], sa.TextClause | None]] = {
    "ix_levy_open": ("levy", ["book_id", "period"], OPEN),
    "ix_levy_paid_day": ("levy", ["book_id", "paid_day"], None),
    "ix_levy_line_month": ("levy_line", ["book_id", "period"], None),
    "ix_quota_standing": ("quota", ["book_id", "seq"], STANDING),
}


def upgrade() -> None:
    op.add_column("levy", sa.Column("paid_day", sa.Integer(), nullable=True))
    if op.get_bind().dialect.name != "postgresql":
        _create()
        return
    with op.get_context().autocommit_block():
        _create(postgresql_concurrently=True)


def _create(**how: bool) -> None:
    for name, (table, columns, where) in INDEXES.items():
        op.create_index(name, table, columns, postgresql_where=where, sqlite_where=where, **how)


def downgrade() -> None:
    for name, (table, _columns, _where) in INDEXES.items():
        op.drop_index(name, table_name=table)
    op.drop_column("levy", "paid_day")
