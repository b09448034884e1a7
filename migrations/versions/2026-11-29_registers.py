"""registers: what is said of employers and institutions from a day on

Revision ID: c41d7be2905f
Revises: d1f6b8c03a97
Create Date: 2026-11-29 06:00:00.000000
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

revision: str = "c41d7be2905f"
down_revision: str | Sequence[str] | None = "d1f6b8c03a97"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_APPEND_ONLY = ("institution_change", "employer_change")


def upgrade() -> None:
    op.create_table(
        "institution_change",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("level", sa.SmallInteger(), nullable=True),
        sa.Column("area", sa.Integer(), nullable=True),
        sa.Column("ended", sa.Boolean(), nullable=True),
        sa.Column("successor", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind IS NULL OR kind IN ('hospital', 'clinic', 'pharmacy')",
            name=op.f("ck_institution_change_kind_known"),
        ),
        sa.CheckConstraint(
            "level IS NULL OR level BETWEEN 1 AND 3", name=op.f("ck_institution_change_level_known")
        ),
        sa.CheckConstraint(
            "COALESCE(name, kind) IS NOT NULL OR COALESCE(level, area) IS NOT NULL OR ended IS NOT NULL",
            name=op.f("ck_institution_change_says_something"),
        ),
        sa.CheckConstraint(
            "successor IS NULL OR COALESCE(ended, false)",
            name=op.f("ck_institution_change_followed_when_it_ends"),
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_institution_change_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_institution_change")),
    )
    op.create_table(
        "employer_change",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("area", sa.Integer(), nullable=True),
        sa.Column("successor", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "name IS NOT NULL OR COALESCE(area, successor) IS NOT NULL",
            name=op.f("ck_employer_change_says_something"),
        ),
        sa.CheckConstraint(
            "successor IS NULL OR successor <> book_id", name=op.f("ck_employer_change_not_into_itself")
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_employer_change_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_employer_change")),
    )
    for table in _APPEND_ONLY:
        _refuse_changes(table)


def _refuse_changes(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{event} on {table} is refused: the book is append-only'); END"
        )


def downgrade() -> None:
    for table in reversed(_APPEND_ONLY):
        op.drop_table(table)
