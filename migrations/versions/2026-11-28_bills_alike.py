"""bills alike, and numbers of bills by year

Revision ID: 4b7e1f90c2d5
Revises: 5b7e19c2d064
Create Date: 2026-11-28 16:50:00.000000
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

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "4b7e1f90c2d5"
down_revision: str | Sequence[str] | None = "5b7e19c2d064"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

INDEX = "ix_settlement_care_day"
AT_ONCE = 10_000
# the bills that stand, and the claims that were not turned down: the others have let go of their numbers
STANDING = {
    "settlement": "t.reverses_seq IS NULL AND NOT EXISTS"
    " (SELECT 1 FROM settlement r WHERE r.book_id = t.book_id AND r.reverses_seq = t.seq)",
    "manual_claim": "NOT EXISTS (SELECT 1 FROM entry d WHERE d.book_id = t.book_id AND d.target_seq = t.seq"
    " AND d.detail LIKE :turned_down)",
}
NUMBERS = (
    "SELECT t.book_id, t.seq, t.institution_id, t.care_date, t.bill_no FROM {table} t"
    " WHERE t.bill_no IS NOT NULL AND t.institution_id IS NOT NULL AND {standing}"
    " AND (t.book_id > :book_id OR (t.book_id = :book_id AND t.seq > :seq))"
    " ORDER BY t.book_id, t.seq LIMIT :most"
)


def upgrade() -> None:
    _name_stakes(with_year=True)
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            op.create_index(INDEX, "settlement", ["book_id", "care_date"], postgresql_concurrently=True)
    else:
        op.create_index(INDEX, "settlement", ["book_id", "care_date"])


def downgrade() -> None:
    op.drop_index(INDEX, table_name="settlement")
    _name_stakes(with_year=False)


def _name_stakes(*, with_year: bool) -> None:
    """Give the stakes of bills the names that they have with the year of care, or without it.

    A stake is no fact, and its row is found by its digest: pages of them, each along a primary key.
    """
    connection = op.get_bind()
    rename = sa.text(
        "UPDATE claim SET digest = :new WHERE digest = :old AND book_id = :book_id"
        # without the year two bills may have one name
        " AND NOT EXISTS (SELECT 1 FROM claim c WHERE c.digest = :new)"
    )
    for table in ("settlement", "manual_claim"):
        for rows in _pages(connection, table):
            renamed = []
            for book_id, _seq, institution_id, care_date, bill_no in rows:
                plain = sha256(f"bill|{institution_id}|{bill_no}".encode()).digest()
                of_year = f"bill|{institution_id}|{str(care_date)[:4]}|{bill_no}"
                yearly = sha256(of_year.encode()).digest()
                old, new = (plain, yearly) if with_year else (yearly, plain)
                renamed.append({"old": old, "new": new, "book_id": book_id})
            connection.execute(rename, renamed)


def _pages(connection: sa.Connection, table: str) -> Iterator[Sequence[Any]]:
    book_id = seq = 0
    query = sa.text(NUMBERS.format(table=table, standing=STANDING[table]))
    given = {"turned_down": '{"approved":false,%'} if table == "manual_claim" else {}
    while True:
        rows = connection.execute(query, given | {"book_id": book_id, "seq": seq, "most": AT_ONCE}).all()
        if not rows:
            return
        yield rows
        book_id, seq = rows[-1].book_id, rows[-1].seq
