"""contributions

Revision ID: 5e689a141c4e
Revises: 6e879155fd74
Create Date: 2026-11-22 02:17:56.859286
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

revision: str = "5e689a141c4e"
down_revision: str | Sequence[str] | None = "6e879155fd74"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "employer",
        sa.Column("credit_code", sa.Text(), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("area", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(credit_code) = 18", name=op.f("ck_employer_credit_code_length")),
        sa.PrimaryKeyConstraint("credit_code", name=op.f("pk_employer")),
        sa.UniqueConstraint("book_id", name=op.f("uq_employer_book_id")),
    )
    op.create_table(
        "assessment",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=False),
        sa.Column("employee", sa.BigInteger(), nullable=False),
        sa.Column("employer", sa.BigInteger(), nullable=False),
        sa.Column("employee_paid", sa.BigInteger(), nullable=False),
        sa.Column("employer_paid", sa.BigInteger(), nullable=False),
        sa.Column("suspended", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.CheckConstraint("base >= 0", name=op.f("ck_assessment_base_not_negative")),
        sa.CheckConstraint(
            "employee_paid BETWEEN 0 AND employee", name=op.f("ck_assessment_employee_not_overpaid")
        ),
        sa.CheckConstraint(
            "employer_paid BETWEEN 0 AND employer", name=op.f("ck_assessment_employer_not_overpaid")
        ),
        sa.CheckConstraint("suspended <= employee_paid", name=op.f("ck_assessment_suspended_was_paid")),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"], name="fk_assessment_book"),
        sa.PrimaryKeyConstraint("book_id", "period", "account_id", name=op.f("pk_assessment")),
    )
    with op.batch_alter_table("assessment", schema=None) as batch_op:
        batch_op.create_index("ix_assessment_account", ["account_id", "period"], unique=False)
        batch_op.create_index(
            "ix_assessment_open",
            ["book_id", "period"],
            unique=False,
            postgresql_where=sa.text("employee_paid < employee OR employer_paid < employer"),
            sqlite_where=sa.text("employee_paid < employee OR employer_paid < employer"),
        )

    op.create_table(
        "batch_line",
        sa.Column("batch_id", sa.Text(), nullable=False),
        sa.Column("line", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batch.batch_id"], name="fk_batch_line_batch"),
        sa.PrimaryKeyConstraint("batch_id", "line", name=op.f("pk_batch_line")),
    )
    op.create_table(
        "levy",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("estimated", sa.BigInteger(), nullable=False),
        sa.Column("employee", sa.BigInteger(), nullable=False),
        sa.Column("employer", sa.BigInteger(), nullable=False),
        sa.Column("employee_paid", sa.BigInteger(), nullable=False),
        sa.Column("employer_paid", sa.BigInteger(), nullable=False),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.Column("surplus", sa.BigInteger(), nullable=False),
        sa.Column("forward", sa.BigInteger(), nullable=False),
        sa.Column("fee_paid", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Integer(), autoincrement=False, nullable=False),
        sa.CheckConstraint("employee >= 0", name=op.f("ck_levy_employee_not_negative")),
        sa.CheckConstraint("employee_paid <= employee", name=op.f("ck_levy_employee_not_overpaid")),
        sa.CheckConstraint("employee_paid >= 0", name=op.f("ck_levy_employee_paid_not_negative")),
        sa.CheckConstraint("employer >= 0", name=op.f("ck_levy_employer_not_negative")),
        sa.CheckConstraint("employer_paid <= employer", name=op.f("ck_levy_employer_not_overpaid")),
        sa.CheckConstraint("employer_paid >= 0", name=op.f("ck_levy_employer_paid_not_negative")),
        sa.CheckConstraint(
            "estimated = 0 OR (employee = 0 AND employer = 0)", name=op.f("ck_levy_estimate_or_list")
        ),
        sa.CheckConstraint("estimated >= 0", name=op.f("ck_levy_estimated_not_negative")),
        sa.CheckConstraint("fee_paid >= 0", name=op.f("ck_levy_fee_paid_not_negative")),
        sa.CheckConstraint("forward >= 0", name=op.f("ck_levy_forward_not_negative")),
        sa.CheckConstraint("surplus >= 0", name=op.f("ck_levy_surplus_not_negative")),
        sa.CheckConstraint("waiting >= 0", name=op.f("ck_levy_waiting_not_negative")),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"], name="fk_levy_book"),
        sa.PrimaryKeyConstraint("book_id", "period", name=op.f("pk_levy")),
    )
    op.create_table(
        "assessment_line",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=True),
        sa.Column("employee", sa.BigInteger(), nullable=False),
        sa.Column("employer", sa.BigInteger(), nullable=False),
        sa.Column("employee_paid", sa.BigInteger(), nullable=False),
        sa.Column("employer_paid", sa.BigInteger(), nullable=False),
        sa.Column("suspended", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "(kind = 3) = (paid_on IS NOT NULL)", name=op.f("ck_assessment_line_payments_have_a_day")
        ),
        sa.CheckConstraint("kind IN (1, 2, 3, 4)", name=op.f("ck_assessment_line_kind_known")),
        sa.CheckConstraint(
            "kind IN (3, 4)"
            " OR (employee_paid = 0 AND employer_paid = 0 AND suspended = 0 AND base IS NOT NULL)",
            name=op.f("ck_assessment_line_assessment_pays_nothing"),
        ),
        sa.CheckConstraint(
            "kind NOT IN (3, 4) OR (employee = 0 AND employer = 0)",
            name=op.f("ck_assessment_line_payment_assesses_nothing"),
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_assessment_line_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", "line", name=op.f("pk_assessment_line")),
    )
    with op.batch_alter_table("assessment_line", schema=None) as batch_op:
        batch_op.create_index(
            "uq_assessment_line_once",
            ["book_id", "account_id", "period"],
            unique=True,
            postgresql_where=sa.text("kind = 1"),
            sqlite_where=sa.text("kind = 1"),
        )

    op.create_table(
        "declared_line",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=True),
        sa.Column("wage", sa.BigInteger(), nullable=True),
        sa.Column("base", sa.BigInteger(), nullable=True),
        sa.Column("employee", sa.BigInteger(), nullable=True),
        sa.Column("employer", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("line", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("number_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(code IS NULL) = (base IS NOT NULL)", name=op.f("ck_declared_line_good_or_refused")
        ),
        sa.CheckConstraint(
            "code IS NOT NULL OR (account_id IS NOT NULL AND employee IS NOT NULL AND employer IS NOT NULL)",
            name=op.f("ck_declared_line_good_lines_are_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_declared_line_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", "line", name=op.f("pk_declared_line")),
    )
    op.create_table(
        "enrolment",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("employer_id", sa.BigInteger(), nullable=True),
        sa.Column("wage", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("replaces_seq", sa.Integer(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("member_class", sa.SmallInteger(), nullable=False),
        sa.Column("subsidy_group", sa.Text(), nullable=True),
        sa.CheckConstraint("member_class IN (1, 2, 3, 4, 5)", name=op.f("ck_enrolment_member_class_known")),
        sa.CheckConstraint(
            "subsidy_group IS NULL OR member_class = 5",
            name=op.f("ck_enrolment_only_residents_are_subsidised"),
        ),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_enrolment_ends_after_it_begins")
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_enrolment_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_enrolment")),
    )
    with op.batch_alter_table("enrolment", schema=None) as batch_op:
        batch_op.create_index(
            "ix_enrolment_employer",
            ["employer_id"],
            unique=False,
            postgresql_where=sa.text("employer_id IS NOT NULL"),
            sqlite_where=sa.text("employer_id IS NOT NULL"),
        )

    op.create_table(
        "levy_line",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("estimated", sa.BigInteger(), nullable=False),
        sa.Column("employee", sa.BigInteger(), nullable=False),
        sa.Column("employer", sa.BigInteger(), nullable=False),
        sa.Column("employee_paid", sa.BigInteger(), nullable=False),
        sa.Column("employer_paid", sa.BigInteger(), nullable=False),
        sa.Column("waiting", sa.BigInteger(), nullable=False),
        sa.Column("surplus", sa.BigInteger(), nullable=False),
        sa.Column("forward", sa.BigInteger(), nullable=False),
        sa.Column("fee_paid", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("period", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_levy_line_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", "period", name=op.f("pk_levy_line")),
    )
    with op.batch_alter_table("book", schema=None) as batch_op:
        batch_op.create_check_constraint(
            batch_op.f("ck_book_only_persons_have_pockets"),
            "book_id / 1000000000000 = 16"
            " OR (current_year = 0 AND carried_over = 0 AND held = 0 AND reserved = 0)",
        )
    _refuse_changes()


# What is appended stays, as in the book itself.
APPEND_ONLY = ("levy_line", "assessment_line", "declared_line", "enrolment")
# What these add up to: it changes, and is never taken away.
NEVER_DELETED = ("levy", "assessment")


def _refuse_changes() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table, events in [(name, "UPDATE OR DELETE") for name in APPEND_ONLY] + [
            (name, "DELETE") for name in NEVER_DELETED
        ]:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE {events} OR TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
        return
    for table, event in [(name, event) for name in APPEND_ONLY for event in ("UPDATE", "DELETE")] + [
        (name, "DELETE") for name in NEVER_DELETED
    ]:
        _refuse_on_sqlite(table, event)
    # SQLite has rebuilt `book` for its new CHECK, and lost the trigger with the old table
    _refuse_on_sqlite("book", "DELETE")


def _refuse_on_sqlite(table: str, event: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{event} on {table} is refused: the book is append-only'); END"
    )


def downgrade() -> None:
    with op.batch_alter_table("book", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_book_only_persons_have_pockets"), type_="check")
    if op.get_bind().dialect.name == "sqlite":
        _refuse_on_sqlite("book", "DELETE")
    for table in (
        "levy_line", "enrolment", "declared_line", "assessment_line", "levy", "batch_line", "assessment", "employer",
    ):  # fmt: skip
        op.drop_table(table)
