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


def downgrade() -> None:
    op.drop_index(_DEAD, "book")
