"""ID numbers that two people shared, until they were told apart

Revision ID: 9d27e4b1f638
Revises: 9d27b1c64e08
Create Date: 2026-11-29 09:20:00.000000
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

revision: str = "9d27e4b1f638"
down_revision: str | Sequence[str] | None = "9d27b1c64e08"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "shared_number",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("other_person_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_shared_number_digest_is_a_digest")),
        sa.CheckConstraint("other_person_id <> person_id", name=op.f("ck_shared_number_of_two_persons")),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_shared_number_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_shared_number")),
    )
    op.create_index("ix_shared_number_digest", "shared_number", ["digest"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER shared_number_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON shared_number"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER shared_number_no_{event.lower()} BEFORE {event} ON shared_number"
            f" BEGIN SELECT RAISE(ABORT, '{event} on shared_number is refused: the book is append-only'); END"
        )


def downgrade() -> None:
    op.drop_table("shared_number")
