"""what waits for a second person

Revision ID: d1f6b8c03a97
Revises: c3e81f5a9d42
Create Date: 2026-11-29 06:05:00.120447
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

revision: str = "d1f6b8c03a97"
down_revision: str | Sequence[str] | None = "c3e81f5a9d42"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "approval",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("intent_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("decided_through", sa.Integer(), nullable=True),
        sa.Column("entry_seq", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint("number > 0", name=op.f("ck_approval_number_from_one")),
        sa.CheckConstraint("amount_fen > 0", name=op.f("ck_approval_amount_above_zero")),
        sa.CheckConstraint("length(request_digest) = 8", name=op.f("ck_approval_digest_is_one")),
        sa.CheckConstraint("expires_at > recorded_at", name=op.f("ck_approval_waits_for_a_time")),
        sa.CheckConstraint("state IN (1, 2, 3)", name=op.f("ck_approval_state_is_known")),
        sa.CheckConstraint(
            "(state = 1) = (decided_at IS NULL)", name=op.f("ck_approval_decided_at_unless_it_waits")
        ),
        sa.CheckConstraint(
            "(state = 1) = (decided_by IS NULL)", name=op.f("ck_approval_decided_by_unless_it_waits")
        ),
        sa.CheckConstraint(
            "(state = 1) = (decided_through IS NULL)",
            name=op.f("ck_approval_decided_through_unless_it_waits"),
        ),
        sa.CheckConstraint(
            "(state = 2) = (entry_seq IS NOT NULL)", name=op.f("ck_approval_entry_where_approved")
        ),
        sa.CheckConstraint(
            "(state = 3) = (reason IS NOT NULL)", name=op.f("ck_approval_reason_where_rejected")
        ),
        sa.CheckConstraint("decided_by <> actor", name=op.f("ck_approval_not_by_who_asked")),
        sa.CheckConstraint("decided_at < expires_at", name=op.f("ck_approval_decided_in_time")),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"], name="fk_approval_book"),
        sa.ForeignKeyConstraint(
            ["book_id", "entry_seq"], ["entry.book_id", "entry.seq"], name="fk_approval_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "number", name=op.f("pk_approval")),
        sa.UniqueConstraint(
            "book_id", "caller", "idempotency_key", name=op.f("uq_approval_book_id_caller_idempotency_key")
        ),
    )
    op.create_index("ix_approval_expires_at", "approval", ["expires_at", "book_id", "number"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER approval_append_only BEFORE DELETE OR TRUNCATE ON approval"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    op.execute(
        "CREATE TRIGGER approval_no_delete BEFORE DELETE ON approval"
        " BEGIN SELECT RAISE(ABORT, 'DELETE on approval is refused: the book is append-only'); END"
    )


def downgrade() -> None:
    op.drop_table("approval")
