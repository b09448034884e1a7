"""transfers and demands

Revision ID: 8c3f1d7a40e6
Revises: 3f81c6d2a94e
Create Date: 2026-11-29 06:12:40.217734
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "8c3f1d7a40e6"
down_revision: str | Sequence[str] | None = "3f81c6d2a94e"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_OUT_UNDER_WAY = sa.text("direction = 1 AND status IN (1, 2)")
_OWED = sa.text("set_off + paid + to_estate + withdrawn < amount")


def upgrade() -> None:
    op.create_table(
        "transfer_case",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("current_year", sa.BigInteger(), nullable=False),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.Column("supplements", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("asked_on", sa.Date(), nullable=False),
        sa.Column("moved_on", sa.Date(), nullable=True),
        sa.Column("ended_on", sa.Date(), nullable=True),
        sa.Column("direction", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "amount >= 0 AND waiting >= 0 AND supplements >= 0", name=op.f("ck_transfer_case_not_negative")
        ),
        sa.CheckConstraint(
            "current_year BETWEEN 0 AND amount", name=op.f("ck_transfer_case_current_year_is_a_part")
        ),
        sa.CheckConstraint("direction IN (1, 2)", name=op.f("ck_transfer_case_direction_known")),
        sa.CheckConstraint("status IN (1, 2, 3, 4, 5, 6, 7)", name=op.f("ck_transfer_case_status_known")),
        sa.CheckConstraint(
            "status IN (2, 3, 7) OR (waiting = 0 AND supplements = 0)",
            name=op.f("ck_transfer_case_nothing_follows_what_did_not_move"),
        ),
        sa.CheckConstraint(
            "NOT (status IN (2, 3, 7)) OR moved_on IS NOT NULL",
            name=op.f("ck_transfer_case_money_has_its_day"),
        ),
        sa.CheckConstraint(
            "direction = 1 OR (waiting = 0 AND current_year = 0)",
            name=op.f("ck_transfer_case_only_out_waits"),
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_transfer_case_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_transfer_case")),
    )
    op.create_index(
        "uq_transfer_case_out",
        "transfer_case",
        ["book_id"],
        unique=True,
        postgresql_where=_OUT_UNDER_WAY,
        sqlite_where=_OUT_UNDER_WAY,
    )
    op.create_index("ix_transfer_case_status", "transfer_case", ["status", "book_id", "seq"])
    op.create_table(
        "demand",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("set_off", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("to_estate", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("demanded_on", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "amount > 0 AND set_off >= 0 AND paid >= 0 AND to_estate >= 0 AND withdrawn >= 0",
            name=op.f("ck_demand_not_negative"),
        ),
        sa.CheckConstraint(
            "set_off + paid + to_estate + withdrawn <= amount",
            name=op.f("ck_demand_never_more_than_demanded"),
        ),
        sa.CheckConstraint("withdrawn IN (0, amount)", name=op.f("ck_demand_withdrawn_as_a_whole")),
        sa.ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_demand_entry"),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_demand")),
    )
    op.create_index(
        "ix_demand_open", "demand", ["book_id", "seq"], postgresql_where=_OWED, sqlite_where=_OWED
    )
    for table in ("transfer_case", "demand"):
        _refuse_deleting(table)


def _refuse_deleting(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE DELETE OR TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    op.execute(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} BEGIN"
        f" SELECT RAISE(ABORT, 'DELETE on {table} is refused: the book is append-only'); END"
    )


def downgrade() -> None:
    op.drop_table("demand")
    op.drop_table("transfer_case")
