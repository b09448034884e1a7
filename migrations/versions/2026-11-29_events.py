"""events: the outbox of what was written, the feed, and webhooks

Revision ID: b4d9f3a7c216
Revises: ab9a18150561
Create Date: 2026-11-29 02:20:12.402118
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

revision: str = "b4d9f3a7c216"
down_revision: str | Sequence[str] | None = "ab9a18150561"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_KIND = "kind IN (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)"


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("books", sa.Text(), nullable=False),
        sa.Column("seqs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("recorded_at", "book_id", "seq", name=op.f("pk_outbox")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "notice",
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(_KIND, name=op.f("ck_notice_kind_is_known")),
        sa.PrimaryKeyConstraint("kind", "ref", "book_id", name=op.f("pk_notice")),
    )
    op.create_table(
        "event",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("position > 0", name=op.f("ck_event_position_from_one")),
        sa.CheckConstraint(_KIND, name=op.f("ck_event_kind_is_known")),
        sa.CheckConstraint(
            "(seq IS NULL) <> (ref IS NULL)", name=op.f("ck_event_is_an_entry_or_has_a_reference")
        ),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_event")),
    )
    _unique("uq_event_entry", "event", ["book_id", "seq"], "seq IS NOT NULL")
    _unique("uq_event_ref", "event", ["kind", "ref", "book_id"], "ref IS NOT NULL")
    op.create_table(
        "webhook",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=True),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("sending", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("position >= 0 AND tries >= 0", name=op.f("ck_webhook_numbers_are_positive")),
        sa.CheckConstraint(
            "sending IS NULL OR sending > position", name=op.f("ck_webhook_sends_what_was_not_taken")
        ),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_webhook_agent_caller"),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_webhook_agent_actor"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_webhook")),
    )
    _unique("uq_webhook_url", "webhook", ["url"], "ended_at IS NULL")
    # the nightly sweep finds there the looks that were withheld; nearly all reads are no concern of it
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            _index_looks(postgresql_concurrently=True)
    else:
        _index_looks()
    _refuse_changes("event", "UPDATE OR DELETE")
    _refuse_changes("webhook", "DELETE")


def _index_looks(**how: bool) -> None:
    unusual = sa.text("purpose NOT IN ('care', 'own_request')")
    op.create_index(
        "ix_read_log_unusual",
        "read_log",
        ["at", "chain_id", "seq"],
        postgresql_where=unusual,
        sqlite_where=unusual,
        **how,
    )


def _unique(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(
        name, table, columns, unique=True, postgresql_where=sa.text(where), sqlite_where=sa.text(where)
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
    op.drop_index("ix_read_log_unusual", "read_log")
    for table in ("webhook", "event", "notice", "outbox"):
        op.drop_table(table)
