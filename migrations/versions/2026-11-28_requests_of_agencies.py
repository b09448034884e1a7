"""requests of other agencies

Revision ID: e19b4d7c3a58
Revises: 5e1b7c93d2a8
Create Date: 2026-11-28 23:58:11.402117
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

revision: str = "e19b4d7c3a58"
down_revision: str | Sequence[str] | None = "5e1b7c93d2a8"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_APPEND_ONLY = ("agency_request", "agency_request_person", "agency_decision", "agency_answer")


def upgrade() -> None:
    op.create_table(
        "agency_request",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("agency", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("fields", sa.SmallInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.CheckConstraint("length(legal_basis) > 0", name=op.f("ck_agency_request_has_a_legal_basis")),
        sa.CheckConstraint("fields BETWEEN 1 AND 511", name=op.f("ck_agency_request_fields_are_known")),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_agency_request_agent_caller"),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_agency_request_agent_actor"),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_agency_request")),
        sa.UniqueConstraint("request_id", "actor", name=op.f("uq_agency_request_request_id_actor")),
    )
    op.create_index("ix_agency_request_asked_at", "agency_request", ["asked_at"])
    op.create_table(
        "agency_request_person",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=False),
        sa.Column("number_sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("place BETWEEN 1 AND 50", name=op.f("ck_agency_request_person_no_bulk_copy")),
        sa.CheckConstraint("length(person) = 32", name=op.f("ck_agency_request_person_person_is_a_digest")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["agency_request.request_id"], name="fk_agency_request_person_agency_request"
        ),
        sa.PrimaryKeyConstraint("request_id", "place", name=op.f("pk_agency_request_person")),
        sa.UniqueConstraint("request_id", "person", name=op.f("uq_agency_request_person_request_id_person")),
    )
    op.create_table(
        "agency_decision",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Integer(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.CheckConstraint("actor <> asked_by", name=op.f("ck_agency_decision_not_by_who_asked")),
        sa.ForeignKeyConstraint(
            ["request_id", "asked_by"],
            ["agency_request.request_id", "agency_request.actor"],
            name="fk_agency_decision_agency_request",
        ),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_agency_decision_agent_caller"),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_agency_decision_agent_actor"),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_agency_decision")),
        sa.UniqueConstraint("request_id", "approved", name=op.f("uq_agency_decision_request_id_approved")),
    )
    op.create_table(
        "agency_answer",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.CheckConstraint("approved", name=op.f("ck_agency_answer_only_what_was_granted")),
        sa.ForeignKeyConstraint(
            ["request_id", "approved"],
            ["agency_decision.request_id", "agency_decision.approved"],
            name="fk_agency_answer_agency_decision",
        ),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_agency_answer_agent_caller"),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_agency_answer_agent_actor"),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_agency_answer")),
    )
    for table in _APPEND_ONLY:
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
    for table in reversed(_APPEND_ONLY):
        op.drop_table(table)
