"""what people show who ask: cards, call-back codes, wrong guesses by telephone

Revision ID: 3e9b5a71c0d8
Revises: e19b4d7c3a58
Create Date: 2026-11-28 23:58:12.402118
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

revision: str = "3e9b5a71c0d8"
down_revision: str | Sequence[str] | None = "e19b4d7c3a58"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "card",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("number_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        *_who("card"),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_card_digest_is_a_digest")),
        sa.CheckConstraint(
            "ends_on IS NULL OR ends_on >= issued_on", name=op.f("ck_card_ends_after_it_is_issued")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_card")),
        sa.UniqueConstraint("digest", name=op.f("uq_card_digest")),
    )
    op.create_index("ix_card_person", "card", ["person_id"])
    op.create_table(
        "card_loss",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("lost_on", sa.Date(), nullable=False),
        *_who("card_loss"),
        sa.ForeignKeyConstraint(["name"], ["card.name"], name="fk_card_loss_card"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_card_loss")),
    )
    op.create_table(
        "call_back_code",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        *_who("call_back_code"),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_call_back_code_digest_is_a_digest")),
        sa.PrimaryKeyConstraint("book_id", name=op.f("pk_call_back_code")),
    )
    op.create_table(
        "phone_guess",
        sa.Column("person", sa.LargeBinary(), nullable=False),
        sa.Column("wrong", sa.SmallInteger(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(person) = 32", name=op.f("ck_phone_guess_person_is_a_digest")),
        sa.CheckConstraint(
            "wrong >= 0 AND wrong < 5", name=op.f("ck_phone_guess_locks_before_more_are_counted")
        ),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_phone_guess")),
    )
    for table in ("card", "card_loss"):
        _refuse_changes(table, "UPDATE OR DELETE")
    for table in ("call_back_code", "phone_guess"):
        _refuse_changes(table, "DELETE")


def _who(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    """When something was written, by which system, for whom."""
    return (
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name=f"fk_{table}_agent_caller"),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name=f"fk_{table}_agent_actor"),
    )


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


def downgrade() -> None:
    for table in ("phone_guess", "call_back_code", "card_loss", "card"):
        op.drop_table(table)
