"""who looked at whose data: the read log

Revision ID: c7d2e80f4b16
Revises: 91c4f3d07a2e
Create Date: 2026-11-28 23:20:44.071932
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

revision: str = "c7d2e80f4b16"
down_revision: str | Sequence[str] | None = "91c4f3d07a2e"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# what never changes of a chain, and what only grows
_WRITTEN_ANEW = (
    "NEW.chain_id <> OLD.chain_id OR NEW.day <> OLD.day OR NEW.opened_at <> OLD.opened_at"
    " OR NEW.last_seq <= OLD.last_seq"
)


def upgrade() -> None:
    op.create_table(
        "read_log_chain",
        sa.Column("chain_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "chain_id > 0 AND last_seq >= 0", name=op.f("ck_read_log_chain_numbers_are_positive")
        ),
        sa.CheckConstraint(
            "length(head) = 32 AND length(seal) = 32",
            name=op.f("ck_read_log_chain_head_and_seal_are_digests"),
        ),
        sa.PrimaryKeyConstraint("chain_id", name=op.f("pk_read_log_chain")),
    )
    op.create_table(
        "read_log",
        sa.Column("chain_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("bound_to", sa.Text(), nullable=True),
        sa.Column("channel", sa.SmallInteger(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("book_id", sa.BigInteger(), nullable=True),
        sa.Column("person", sa.LargeBinary(), nullable=True),
        sa.Column("fields", sa.SmallInteger(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "book_id IS NOT NULL OR person IS NOT NULL", name=op.f("ck_read_log_is_about_somebody")
        ),
        sa.CheckConstraint(
            "channel IN (0, 1, 2, 3, 4, 5, 6, 7, 8)", name=op.f("ck_read_log_channel_is_known")
        ),
        sa.CheckConstraint("fields BETWEEN 0 AND 511", name=op.f("ck_read_log_fields_are_known")),
        sa.CheckConstraint("seq > 0 AND items >= 0", name=op.f("ck_read_log_numbers_are_positive")),
        sa.CheckConstraint("length(head) = 32", name=op.f("ck_read_log_head_is_a_digest")),
        sa.ForeignKeyConstraint(["chain_id"], ["read_log_chain.chain_id"], name="fk_read_log_read_log_chain"),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_read_log_agent_caller"),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_read_log_agent_actor"),
        sa.PrimaryKeyConstraint("chain_id", "seq", name=op.f("pk_read_log")),
    )
    op.create_index("ix_read_log_book_at", "read_log", ["book_id", "at"])
    op.create_index("ix_read_log_person", "read_log", ["person"])
    op.create_index("ix_read_log_at", "read_log", ["at"])
    _refuse_changes("read_log", "UPDATE OR DELETE")
    _refuse_changes("read_log_chain", "DELETE")
    _let_chains_grow()


def _refuse_changes(table: str, forbidden: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE {forbidden} OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for event in forbidden.split(" OR "):
        op.execute(
            f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{event} on {table} is refused: the book is append-only'); END"
        )


def _let_chains_grow() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER read_log_chain_grows BEFORE UPDATE ON read_log_chain FOR EACH ROW"
            f" WHEN ({_WRITTEN_ANEW}) EXECUTE FUNCTION refuse_change()"
        )
        return
    op.execute(
        "CREATE TRIGGER read_log_chain_grows BEFORE UPDATE ON read_log_chain"
        f" WHEN {_WRITTEN_ANEW}"
        " BEGIN SELECT RAISE(ABORT, 'UPDATE on read_log_chain is refused: the book is append-only'); END"
    )


def downgrade() -> None:
    op.drop_table("read_log")
    op.drop_table("read_log_chain")
