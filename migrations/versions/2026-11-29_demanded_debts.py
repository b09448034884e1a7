"""demands that took over a debt

Revision ID: 5b8e2d91c7f4
Revises: c5f08d21ab47
Create Date: 2026-11-29 09:20:12.504117
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "5b8e2d91c7f4"
down_revision: str | Sequence[str] | None = "c5f08d21ab47"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_WHOLLY = (
    "(debt_kind IS NULL AND debt_book IS NULL AND debt_number IS NULL)"
    " OR (debt_kind IS NOT NULL AND debt_book IS NOT NULL AND debt_number IS NOT NULL)"
)


def upgrade() -> None:
    op.add_column("demand", sa.Column("debt_kind", sa.SmallInteger(), nullable=True))
    op.add_column("demand", sa.Column("debt_book", sa.BigInteger(), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("demand", sa.Column("debt_number", sa.Integer(), nullable=True))
        op.create_check_constraint(op.f("ck_demand_debt_known_wholly"), "demand", _WHOLLY)
        return
    # with the column that comes last, because to add it to the table would be to make that anew
    op.execute(
        "ALTER TABLE demand ADD COLUMN debt_number INTEGER"
        f" CONSTRAINT ck_demand_debt_known_wholly CHECK ({_WHOLLY})"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_demand_debt_known_wholly"), "demand", type_="check")
    for column in ("debt_number", "debt_book", "debt_kind"):
        op.drop_column("demand", column)
