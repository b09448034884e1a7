"""payouts of estates

Revision ID: 9d27b1c64e08
Revises: 5b8e2d91c7f4
Create Date: 2026-11-29 09:41:12.305188
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "9d27b1c64e08"
down_revision: str | Sequence[str] | None = "5b8e2d91c7f4"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_DEAD = "ix_book_of_the_dead"
_HAS_DIED = sa.text("died_on IS NOT NULL")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            op.create_index(
                _DEAD, "book", ["book_id"], postgresql_where=_HAS_DIED, postgresql_concurrently=True
            )
    else:
        op.create_index(_DEAD, "book", ["book_id"], sqlite_where=_HAS_DIED)
    op.create_table(
        "estate_payout",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_estate_payout_amount_positive")),
        sa.CheckConstraint("length(digest) = 32", name=op.f("ck_estate_payout_digest_is_a_digest")),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_estate_payout_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_estate_payout")),
    )
    _refuse_changes("estate_payout")


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
    op.drop_table("estate_payout")
    op.drop_index(_DEAD, "book")
