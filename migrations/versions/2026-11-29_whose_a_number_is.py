"""Whose an ID number is, as entries say it

Revision ID: b41f7c93d0e6
Revises: 3d95b2e6a817
Create Date: 2026-11-29 20:40:00.000000
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

revision: str = "b41f7c93d0e6"
down_revision: str | Sequence[str] | None = "3d95b2e6a817"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The state of a number changes with the count of the entries that said whose it is, which goes up by one. What
# an older version wrote down has no count; the digest of a name may be made anew without one, by a newer rule.
_UNSAID = (
    "NOT (NEW.digest = OLD.digest AND NEW.recorded_at = OLD.recorded_at"
    " AND ((NEW.nth IS NOT NULL AND NEW.nth = coalesce(OLD.nth, 0) + 1)"
    " OR (NEW.person_id = OLD.person_id AND NEW.role = OLD.role"
    " AND (OLD.nth IS NULL OR NEW.nth IS NULL OR NEW.nth = OLD.nth)"
    " AND (NEW.name_digest = OLD.name_digest OR NEW.nth IS NULL))))"
)


def upgrade() -> None:
    op.create_table(
        "identity_entry",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("line", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("nth", sa.Integer(), nullable=False),
        sa.Column("role", sa.SmallInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("name_digest", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("nth >= 1", name=op.f("ck_identity_entry_nth_from_one")),
        sa.CheckConstraint("role IN (1, 2)", name=op.f("ck_identity_entry_role_known")),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_identity_entry_digest_is_a_digest")),
        sa.CheckConstraint(
            "length(name_digest) = 32", name=op.f("ck_identity_entry_name_digest_is_a_digest")
        ),
        sa.CheckConstraint("length(salt) = 16", name=op.f("ck_identity_entry_salt_length")),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_identity_entry_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", "line", name=op.f("pk_identity_entry")),
    )
    op.create_index("ix_identity_entry_digest", "identity_entry", ["digest", "nth"])
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("identity", sa.Column("nth", sa.Integer(), nullable=True))
        op.create_check_constraint(op.f("ck_identity_nth_from_one"), "identity", "nth >= 1")
        op.execute(
            "CREATE TRIGGER identity_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON identity_entry"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER identity_told BEFORE UPDATE ON identity FOR EACH ROW"
            f" WHEN ({_UNSAID}) EXECUTE FUNCTION refuse_change()"
        )
        # an older program that still runs writes down nobody of whom no entry would say anything
        op.execute(
            "CREATE TRIGGER identity_counted BEFORE INSERT ON identity FOR EACH ROW"
            " WHEN (NEW.nth IS NULL) EXECUTE FUNCTION refuse_change()"
        )
        return
    # with the column, because to add it to the table would be to make that anew
    op.execute(
        "ALTER TABLE identity ADD COLUMN nth INTEGER CONSTRAINT ck_identity_nth_from_one CHECK (nth >= 1)"
    )
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER identity_entry_no_{event.lower()} BEFORE {event} ON identity_entry"
            f" BEGIN SELECT RAISE(ABORT, '{event} on identity_entry is refused: the book is append-only'); END"
        )
    op.execute(
        f"CREATE TRIGGER identity_told BEFORE UPDATE ON identity WHEN {_UNSAID}"
        " BEGIN SELECT RAISE(ABORT, 'UPDATE on identity is refused: the book is append-only'); END"
    )
    op.execute(
        "CREATE TRIGGER identity_counted BEFORE INSERT ON identity WHEN NEW.nth IS NULL"
        " BEGIN SELECT RAISE(ABORT, 'INSERT on identity is refused: the book is append-only'); END"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER identity_told ON identity")
        op.execute("DROP TRIGGER identity_counted ON identity")
        op.drop_constraint(op.f("ck_identity_nth_from_one"), "identity", type_="check")
    else:
        op.execute("DROP TRIGGER identity_told")
        op.execute("DROP TRIGGER identity_counted")
    op.drop_column("identity", "nth")
    op.drop_table("identity_entry")
