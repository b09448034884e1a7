"""ends and closures

Revision ID: 5f0c6e21d7b4
Revises: 4b7e1f90c2d5
Create Date: 2026-11-28 17:50:12.604118
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

revision: str = "5f0c6e21d7b4"
down_revision: str | Sequence[str] | None = "4b7e1f90c2d5"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("filing", sa.Column("replaces_seq", sa.Integer(), nullable=True))
    op.create_table(
        "employer_closure",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("closed_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_employer_closure_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", name=op.f("pk_employer_closure")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER employer_closure_append_only BEFORE DELETE OR TRUNCATE ON employer_closure"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    else:
        op.execute(
            "CREATE TRIGGER employer_closure_no_delete BEFORE DELETE ON employer_closure BEGIN"
            " SELECT RAISE(ABORT, 'DELETE on employer_closure is refused: the book is append-only'); END"
        )


def downgrade() -> None:
    op.drop_table("employer_closure")
    op.drop_column("filing", "replaces_seq")
