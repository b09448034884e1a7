"""whom the findings for auditors look out for: staff and flagged accounts

Revision ID: 5e1b7c93d2a8
Revises: c7d2e80f4b16
Create Date: 2026-11-29 00:10:21.660184
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "5e1b7c93d2a8"
down_revision: str | Sequence[str] | None = "c7d2e80f4b16"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "staff",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(person) = 32", name=op.f("ck_staff_person_is_a_digest")),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_staff_agent_caller"),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_staff_agent_actor"),
        sa.PrimaryKeyConstraint("name", "person", name=op.f("pk_staff")),
    )
    op.create_table(
        "account_flag",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_account_flag_agent_caller"),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_account_flag_agent_actor"),
        sa.PrimaryKeyConstraint("book_id", "reason", name=op.f("pk_account_flag")),
    )
    for table in ("staff", "account_flag"):
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
    op.drop_table("account_flag")
    op.drop_table("staff")
