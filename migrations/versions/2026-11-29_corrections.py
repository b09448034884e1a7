"""corrections of many entries at once, and what each comes to

Revision ID: c5f08d21ab47
Revises: 8c3f1d7a40e6
Create Date: 2026-11-29 06:20:00.204417
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

revision: str = "c5f08d21ab47"
down_revision: str | Sequence[str] | None = "8c3f1d7a40e6"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "correction",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_correction_agent_caller"),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_correction_agent_actor"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_correction")),
    )
    op.create_table(
        "correction_line",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("employer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("period", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("before_fen", sa.BigInteger(), nullable=False),
        sa.Column("after_fen", sa.BigInteger(), nullable=False),
        sa.Column("employer_before_fen", sa.BigInteger(), nullable=False),
        sa.Column("employer_after_fen", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "what IN ('contribution', 'retiree_credit', 'interest')",
            name=op.f("ck_correction_line_what_known"),
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'posted', 'left')", name=op.f("ck_correction_line_state_known")
        ),
        sa.CheckConstraint(
            "(state = 'left') = (code IS NOT NULL)", name=op.f("ck_correction_line_left_has_a_code")
        ),
        sa.ForeignKeyConstraint(["name"], ["correction.name"], name="fk_correction_line_correction"),
        sa.PrimaryKeyConstraint(
            "name", "account_id", "employer_id", "period", "what", name=op.f("pk_correction_line")
        ),
    )
    op.create_index("ix_correction_line_account", "correction_line", ["account_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER correction_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON correction"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            "CREATE TRIGGER correction_line_never_deleted BEFORE DELETE OR TRUNCATE ON correction_line"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER correction_no_{event.lower()} BEFORE {event} ON correction"
            f" BEGIN SELECT RAISE(ABORT, '{event} on correction is refused: the book is append-only'); END"
        )
    op.execute(
        "CREATE TRIGGER correction_line_no_delete BEFORE DELETE ON correction_line"
        " BEGIN SELECT RAISE(ABORT, 'DELETE on correction_line is refused: the book is append-only'); END"
    )


def downgrade() -> None:
    for table in ("correction_line", "correction"):
        op.drop_table(table)
