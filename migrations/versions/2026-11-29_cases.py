"""cases: what people ask, complain of and object to

Revision ID: ab9a18150561
Revises: 3e9b5a71c0d8
Create Date: 2026-11-29 02:17:54.448072
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

revision: str = "ab9a18150561"
down_revision: str | Sequence[str] | None = "3e9b5a71c0d8"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_APPEND_ONLY = (
    "inquiry_case", "inquiry_case_month", "inquiry_case_taken", "inquiry_case_answer",
    "inquiry_case_correction", "inquiry_case_closing",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "inquiry_case",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("channel", sa.SmallInteger(), nullable=False),
        sa.Column("about", sa.SmallInteger(), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_seq", sa.Integer(), nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("person", sa.LargeBinary(), nullable=True),
        sa.Column("objects_to", sa.Text(), nullable=True),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("reply_to_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("working_days", sa.SmallInteger(), nullable=False),
        sa.Column("by_calendar", sa.Boolean(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("said", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(about = 3) = (entry_seq IS NOT NULL)", name=op.f("ck_inquiry_case_entry_where_it_is_about_one")
        ),
        sa.CheckConstraint(
            "(about = 4) = (document IS NOT NULL)",
            name=op.f("ck_inquiry_case_document_where_it_is_about_one"),
        ),
        sa.CheckConstraint("about IN (1, 2, 3, 4)", name=op.f("ck_inquiry_case_about_is_known")),
        sa.CheckConstraint(
            "channel IN (0, 1, 2, 3, 4, 5, 6, 7, 8)", name=op.f("ck_inquiry_case_channel_is_known")
        ),
        sa.CheckConstraint("kind IN (1, 2, 3, 4)", name=op.f("ck_inquiry_case_kind_is_known")),
        sa.CheckConstraint("length(content) = 32", name=op.f("ck_inquiry_case_content_is_a_digest")),
        sa.CheckConstraint(
            "objects_to IS NULL OR kind = 3",
            name=op.f("ck_inquiry_case_an_objection_names_what_it_objects_to"),
        ),
        sa.CheckConstraint(
            "person IS NULL OR length(person) = 32", name=op.f("ck_inquiry_case_person_is_a_digest")
        ),
        sa.CheckConstraint("said > 0", name=op.f("ck_inquiry_case_said_from_one")),
        sa.CheckConstraint(
            "working_days > 0 AND due_on > opened_on", name=op.f("ck_inquiry_case_due_after_it_is_opened")
        ),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_inquiry_case_agent_actor"),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_inquiry_case_agent_caller"),
        sa.ForeignKeyConstraint(
            ["objects_to"], ["inquiry_case.case_id"], name="fk_inquiry_case_inquiry_case"
        ),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_inquiry_case")),
        sa.UniqueConstraint("case_id", "actor", name=op.f("uq_inquiry_case_case_id_actor")),
        sa.UniqueConstraint("content", "said", name=op.f("uq_inquiry_case_content_said")),
    )
    op.create_index("ix_inquiry_case_book_id", "inquiry_case", ["book_id"])
    op.create_index("ix_inquiry_case_due_on_case_id", "inquiry_case", ["due_on", "case_id"])
    op.create_index("ix_inquiry_case_person", "inquiry_case", ["person"])
    op.create_table(
        "inquiry_case_answer",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("evidence_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("answered_on", sa.Date(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.CheckConstraint("actor <> opened_by", name=op.f("ck_inquiry_case_answer_not_by_who_opened_it")),
        sa.CheckConstraint(
            "outcome IN (1, 2, 3, 4, 5)", name=op.f("ck_inquiry_case_answer_outcome_is_known")
        ),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_inquiry_case_answer_agent_actor"),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_inquiry_case_answer_agent_caller"),
        sa.ForeignKeyConstraint(
            ["case_id", "opened_by"],
            ["inquiry_case.case_id", "inquiry_case.actor"],
            name="fk_inquiry_case_answer_inquiry_case",
        ),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_inquiry_case_answer")),
    )
    op.create_table(
        "inquiry_case_month",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("unit", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("assessed", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "assessed >= 0 AND paid >= 0 AND paid <= assessed",
            name=op.f("ck_inquiry_case_month_is_not_overpaid"),
        ),
        sa.ForeignKeyConstraint(
            ["case_id"], ["inquiry_case.case_id"], name="fk_inquiry_case_month_inquiry_case"
        ),
        sa.PrimaryKeyConstraint("case_id", "unit", "period", name=op.f("pk_inquiry_case_month")),
    )
    op.create_table(
        "inquiry_case_taken",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_inquiry_case_taken_agent_actor"),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_inquiry_case_taken_agent_caller"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["inquiry_case.case_id"], name="fk_inquiry_case_taken_inquiry_case"
        ),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_inquiry_case_taken")),
    )
    op.create_table(
        "inquiry_case_closing",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("caller", sa.Integer(), nullable=False),
        sa.Column("actor", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["actor"], ["agent.agent_id"], name="fk_inquiry_case_closing_agent_actor"),
        sa.ForeignKeyConstraint(["caller"], ["agent.agent_id"], name="fk_inquiry_case_closing_agent_caller"),
        sa.ForeignKeyConstraint(
            ["case_id"], ["inquiry_case_answer.case_id"], name="fk_inquiry_case_closing_inquiry_case_answer"
        ),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_inquiry_case_closing")),
    )
    op.create_table(
        "inquiry_case_correction",
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_seq", sa.Integer(), nullable=False),
        sa.CheckConstraint("place > 0", name=op.f("ck_inquiry_case_correction_place_from_one")),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["inquiry_case_answer.case_id"],
            name="fk_inquiry_case_correction_inquiry_case_answer",
        ),
        sa.PrimaryKeyConstraint("case_id", "place", name=op.f("pk_inquiry_case_correction")),
        sa.UniqueConstraint(
            "case_id",
            "book_id",
            "entry_seq",
            name=op.f("uq_inquiry_case_correction_case_id_book_id_entry_seq"),
        ),
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
