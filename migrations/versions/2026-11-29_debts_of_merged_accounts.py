"""demands of what an account owed that went into another one

Revision ID: 6a1d94f7c2b8
Revises: 9d27e4b1f638
Create Date: 2026-11-29 11:16:02.117430
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "6a1d94f7c2b8"
down_revision: str | Sequence[str] | None = "9d27e4b1f638"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_OF_A_MONTH = "debt_account IS NULL OR (debt_kind IS NOT NULL AND debt_kind = 1)"
_OF_ANOTHER = sa.text("debt_account IS NOT NULL")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("demand", sa.Column("debt_account", sa.BigInteger(), nullable=True))
        op.create_check_constraint(op.f("ck_demand_debt_account_of_a_month"), "demand", _OF_A_MONTH)
    else:
        # with the column, because to add it to the table would be to make that anew
        op.execute(
            "ALTER TABLE demand ADD COLUMN debt_account BIGINT"
            f" CONSTRAINT ck_demand_debt_account_of_a_month CHECK ({_OF_A_MONTH})"
        )
    op.create_index(
        "ix_demand_debt_account",
        "demand",
        ["debt_account"],
        postgresql_where=_OF_ANOTHER,
        sqlite_where=_OF_ANOTHER,
    )


def downgrade() -> None:
    op.drop_index("ix_demand_debt_account", table_name="demand")
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_demand_debt_account_of_a_month"), "demand", type_="check")
    op.drop_column("demand", "debt_account")
