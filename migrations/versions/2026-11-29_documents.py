"""documents that were handed out

Revision ID: 7a2c94e6f1b3
Revises: b4d9f3a7c216
Create Date: 2026-11-29 02:40:00.512093
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

revision: str = "7a2c94e6f1b3"
down_revision: str | Sequence[str] | None = "b4d9f3a7c216"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "document",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("code_digest", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("fields", sa.SmallInteger(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("totals", sa.Text(), nullable=False),
        sa.Column("rests_on", sa.Text(), nullable=False),
        sa.Column("facts_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("kind IN (1, 2, 3, 4, 5, 6, 7)", name=op.f("ck_document_kind_is_known")),
        sa.CheckConstraint(
            "length(code_digest) = 32 AND length(sha256) = 32 AND length(seal) = 32",
            name=op.f("ck_document_digests_are_digests"),
        ),
        sa.CheckConstraint("length(signature) = 64", name=op.f("ck_document_signature_is_one")),
        sa.CheckConstraint('"last" >= "first"', name=op.f("ck_document_ends_after_it_begins")),
        sa.CheckConstraint("pages > 0 AND items >= 0", name=op.f("ck_document_numbers_are_positive")),
        sa.CheckConstraint("fields BETWEEN 0 AND 511", name=op.f("ck_document_fields_are_known")),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_document_agent_caller"),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_document_agent_actor"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_document")),
        sa.UniqueConstraint("serial", name=op.f("uq_document_serial")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_document_code_digest")),
    )
    op.create_index("ix_document_book_issued", "document", ["book_id", "issued_at", "name"])
    op.create_table(
        "document_content",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["name"], ["document.name"], name="fk_document_content_document"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_document_content")),
    )
    for table in ("document", "document_content"):
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
    for table in ("document_content", "document"):
        op.drop_table(table)
