"""medical care

Revision ID: cd3af2b26bef
Revises: 5e689a141c4e
Create Date: 2026-11-22 06:14:59.751593
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

revision: str = "cd3af2b26bef"
down_revision: str | Sequence[str] | None = "5e689a141c4e"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "accumulator",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("outpatient_deductible", sa.BigInteger(), nullable=False),
        sa.Column("outpatient_pooled", sa.BigInteger(), nullable=False),
        sa.Column("inpatient_deductible", sa.BigInteger(), nullable=False),
        sa.Column("inpatient_pooled", sa.BigInteger(), nullable=False),
        sa.Column("chronic_deductible", sa.BigInteger(), nullable=False),
        sa.Column("chronic_pooled", sa.BigInteger(), nullable=False),
        sa.Column("large", sa.BigInteger(), nullable=False),
        sa.Column("top_up", sa.BigInteger(), nullable=False),
        sa.Column("own_burden", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("admissions", sa.Integer(), nullable=False),
        sa.CheckConstraint("admissions >= 0", name=op.f("ck_accumulator_admissions_not_negative")),
        sa.ForeignKeyConstraint(["book_id"], ["book.book_id"], name="fk_accumulator_book"),
        sa.PrimaryKeyConstraint("book_id", "year", name=op.f("pk_accumulator")),
        info={"room": "book"},
    )
    op.create_table(
        "suspension",
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_suspension_ends_after_it_begins")
        ),
        sa.ForeignKeyConstraint(["code"], ["institution.code"], name="fk_suspension_institution"),
        sa.PrimaryKeyConstraint("code", "valid_from", name=op.f("pk_suspension")),
        info={"room": "reference"},
    )
    op.create_table(
        "clearing",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("fund", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("bills", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("period", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("state IN (1, 2, 3)", name=op.f("ck_clearing_state_known")),
        sa.ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_clearing_entry"),
        sa.PrimaryKeyConstraint("book_id", "period", name=op.f("pk_clearing")),
        info={"room": "book"},
    )
    op.create_table(
        "filing",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("institution_id", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("area", sa.Integer(), nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("filing", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("filing IN (1, 2, 3)", name=op.f("ck_filing_filing_known")),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_filing_ends_after_it_begins")
        ),
        sa.ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_filing_entry"),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_filing")),
        info={"room": "book"},
    )
    op.create_table(
        "manual_claim",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("institution_id", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("care_date", sa.Date(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("decide_by", sa.Date(), nullable=False),
        sa.Column("care_type", sa.SmallInteger(), nullable=False),
        sa.Column("bill_no", sa.Text(), nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "care_date <= received_on AND received_on <= decide_by",
            name=op.f("ck_manual_claim_days_in_order"),
        ),
        sa.CheckConstraint("care_type IN (1, 2, 3, 4)", name=op.f("ck_manual_claim_care_type_known")),
        sa.CheckConstraint("total > 0", name=op.f("ck_manual_claim_total_positive")),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_manual_claim_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_manual_claim")),
        info={"room": "book"},
    )
    with op.batch_alter_table("manual_claim", schema=None) as batch_op:
        batch_op.create_index("ix_manual_claim_decide_by", ["decide_by"], unique=False)

    op.create_table(
        "quota",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("remaining", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.CheckConstraint("NOT ended OR remaining = 0", name=op.f("ck_quota_ended_is_empty")),
        sa.CheckConstraint("rank >= 1", name=op.f("ck_quota_rank_from_one")),
        sa.CheckConstraint("remaining BETWEEN 0 AND amount", name=op.f("ck_quota_remaining_of_the_amount")),
        sa.ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_quota_entry"),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_quota")),
        info={"room": "book"},
    )
    with op.batch_alter_table("quota", schema=None) as batch_op:
        batch_op.create_index(
            "ix_quota_recipient",
            ["recipient_id"],
            unique=False,
            postgresql_where=sa.text("NOT ended"),
            sqlite_where=sa.text("NOT ended"),
        )

    op.create_table(
        "reconciled_day",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("fund", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.BigInteger(), nullable=False),
        sa.Column("bills", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("balanced", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_reconciled_day_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "day", name=op.f("pk_reconciled_day")),
        info={"room": "book"},
    )
    op.create_table(
        "settlement",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("institution_id", sa.BigInteger(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("own_expense", sa.BigInteger(), nullable=False),
        sa.Column("over_limit", sa.BigInteger(), nullable=False),
        sa.Column("pre_self_pay", sa.BigInteger(), nullable=False),
        sa.Column("in_scope", sa.BigInteger(), nullable=False),
        sa.Column("excluded", sa.BigInteger(), nullable=False),
        sa.Column("deductible", sa.BigInteger(), nullable=False),
        sa.Column("pooled_pay", sa.BigInteger(), nullable=False),
        sa.Column("large_pay", sa.BigInteger(), nullable=False),
        sa.Column("top_up_pay", sa.BigInteger(), nullable=False),
        sa.Column("account_pay", sa.BigInteger(), nullable=False),
        sa.Column("mutual_pay", sa.BigInteger(), nullable=False),
        sa.Column("cash_pay", sa.BigInteger(), nullable=False),
        sa.Column("hospital_share", sa.BigInteger(), nullable=False),
        sa.Column("own_burden", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ratio", sa.Integer(), nullable=False),
        sa.Column("cause_share", sa.Integer(), nullable=True),
        sa.Column("visit_seq", sa.Integer(), nullable=True),
        sa.Column("reverses_seq", sa.Integer(), nullable=True),
        sa.Column("care_date", sa.Date(), nullable=False),
        sa.Column("settled_on", sa.Date(), nullable=False),
        sa.Column("channel", sa.SmallInteger(), nullable=False),
        sa.Column("care_table", sa.SmallInteger(), nullable=False),
        sa.Column("care_type", sa.SmallInteger(), nullable=False),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("member_class", sa.SmallInteger(), nullable=False),
        sa.Column("coverage", sa.SmallInteger(), nullable=False),
        sa.Column("filing", sa.SmallInteger(), nullable=False),
        sa.Column("cut", sa.SmallInteger(), nullable=False),
        sa.Column("admission", sa.SmallInteger(), nullable=False),
        sa.Column("cause_kind", sa.SmallInteger(), nullable=True),
        sa.Column("use_account", sa.Boolean(), nullable=False),
        sa.Column("bill_no", sa.Text(), nullable=True),
        sa.Column("lines", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(cause_kind IS NULL) = (cause_share IS NULL)", name=op.f("ck_settlement_cause_has_a_share")
        ),
        sa.CheckConstraint(
            "care_table <> 0 OR (pooled_pay = 0 AND large_pay = 0 AND deductible = 0)",
            name=op.f("ck_settlement_no_fund_without_a_table"),
        ),
        sa.CheckConstraint("care_table = 2 OR large_pay = 0", name=op.f("ck_settlement_large_is_inpatient")),
        sa.CheckConstraint("care_table IN (0, 1, 2, 4)", name=op.f("ck_settlement_care_table_known")),
        sa.CheckConstraint("care_type IN (1, 2, 3, 4)", name=op.f("ck_settlement_care_type_known")),
        sa.CheckConstraint(
            "cause_kind IS NULL OR cause_kind IN (1, 2, 3, 4)", name=op.f("ck_settlement_cause_kind_known")
        ),
        sa.CheckConstraint(
            "cause_share IS NULL OR cause_share BETWEEN 0 AND 100000000",
            name=op.f("ck_settlement_cause_share_of_a_whole"),
        ),
        sa.CheckConstraint(
            "channel <> 3 OR (total = 0 AND reverses_seq IS NULL)",
            name=op.f("ck_settlement_a_year_is_no_bill"),
        ),
        sa.CheckConstraint(
            "channel = 3 OR (reverses_seq IS NULL AND total > 0 AND total >= 0 AND own_expense >= 0 AND over_limit >= 0 AND pre_self_pay >= 0 AND in_scope >= 0 AND excluded >= 0 AND deductible >= 0 AND pooled_pay >= 0 AND large_pay >= 0 AND top_up_pay >= 0 AND account_pay >= 0 AND mutual_pay >= 0 AND cash_pay >= 0 AND hospital_share >= 0 AND own_burden >= 0) OR (reverses_seq IS NOT NULL AND total < 0 AND total <= 0 AND own_expense <= 0 AND over_limit <= 0 AND pre_self_pay <= 0 AND in_scope <= 0 AND excluded <= 0 AND deductible <= 0 AND pooled_pay <= 0 AND large_pay <= 0 AND top_up_pay <= 0 AND account_pay <= 0 AND mutual_pay <= 0 AND cash_pay <= 0 AND hospital_share <= 0 AND own_burden <= 0)",
            name=op.f("ck_settlement_one_sign"),
        ),
        sa.CheckConstraint(
            "channel = 3 OR ABS(excluded) <= ABS(in_scope)", name=op.f("ck_settlement_excluded_is_in_scope")
        ),
        sa.CheckConstraint(
            "channel = 3 OR institution_id IS NOT NULL", name=op.f("ck_settlement_bills_have_an_institution")
        ),
        sa.CheckConstraint(
            "channel = 3 OR use_account OR (account_pay = 0 AND mutual_pay = 0)",
            name=op.f("ck_settlement_account_by_choice"),
        ),
        sa.CheckConstraint("channel IN (1, 2, 3)", name=op.f("ck_settlement_channel_known")),
        sa.CheckConstraint("coverage IN (1, 2, 3, 4, 5)", name=op.f("ck_settlement_coverage_known")),
        sa.CheckConstraint("cut IN (0, 1, 2)", name=op.f("ck_settlement_cut_known")),
        sa.CheckConstraint("filing IN (0, 1, 2, 3)", name=op.f("ck_settlement_filing_known")),
        sa.CheckConstraint("level BETWEEN 1 AND 3", name=op.f("ck_settlement_level_known")),
        sa.CheckConstraint("member_class IN (1, 2, 3, 4, 5)", name=op.f("ck_settlement_member_class_known")),
        sa.CheckConstraint("ratio BETWEEN 0 AND 100000000", name=op.f("ck_settlement_ratio_of_a_whole")),
        sa.CheckConstraint(
            "reverses_seq IS NULL OR reverses_seq < seq", name=op.f("ck_settlement_reverses_what_is_older")
        ),
        sa.CheckConstraint(
            "total = own_expense + over_limit + pre_self_pay + in_scope",
            name=op.f("ck_settlement_parts_add_up"),
        ),
        sa.CheckConstraint(
            "total = pooled_pay + large_pay + top_up_pay + account_pay + mutual_pay + cash_pay + hospital_share",
            name=op.f("ck_settlement_payers_add_up"),
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_settlement_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_settlement")),
        info={"room": "book"},
    )
    with op.batch_alter_table("settlement", schema=None) as batch_op:
        batch_op.create_index("ix_settlement_institution_day", ["institution_id", "settled_on"], unique=False)
        batch_op.create_index(
            "uq_settlement_reversed",
            ["book_id", "reverses_seq"],
            unique=True,
            postgresql_where=sa.text("reverses_seq IS NOT NULL"),
            sqlite_where=sa.text("reverses_seq IS NOT NULL"),
        )

    op.create_table(
        "third_party_case",
        sa.Column("book_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("excluded", sa.BigInteger(), nullable=False),
        sa.Column("advance", sa.BigInteger(), nullable=False),
        sa.Column("paid", sa.BigInteger(), nullable=False),
        sa.Column("returned", sa.BigInteger(), nullable=False),
        sa.Column("set_off", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("settlement_seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint(
            "advance <= excluded", name=op.f("ck_third_party_case_advances_what_was_excluded")
        ),
        sa.CheckConstraint(
            "advance >= 0 AND paid >= 0 AND returned >= 0 AND set_off >= 0",
            name=op.f("ck_third_party_case_not_negative"),
        ),
        sa.CheckConstraint("kind IN (1, 2, 3, 4)", name=op.f("ck_third_party_case_kind_known")),
        sa.CheckConstraint(
            "returned + set_off <= advance", name=op.f("ck_third_party_case_never_more_than_the_advance")
        ),
        sa.ForeignKeyConstraint(
            ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_third_party_case_entry"
        ),
        sa.PrimaryKeyConstraint("book_id", "seq", name=op.f("pk_third_party_case")),
        info={"room": "book"},
    )
    with op.batch_alter_table("third_party_case", schema=None) as batch_op:
        batch_op.create_index("uq_third_party_case_settlement", ["book_id", "settlement_seq"], unique=True)
    _refuse_changes()


# What is appended stays, as in the book itself.
APPEND_ONLY = ("settlement", "filing", "manual_claim")
# What entries and rows add up to: it changes, and is never taken away.
NEVER_DELETED = ("accumulator", "quota", "third_party_case", "reconciled_day", "clearing")


def _refuse_changes() -> None:
    events = [(name, "UPDATE OR DELETE") for name in APPEND_ONLY] + [
        (name, "DELETE") for name in NEVER_DELETED
    ]
    for table, forbidden in events:
        if op.get_bind().dialect.name == "postgresql":
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE {forbidden} OR TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
            continue
        for event in forbidden.split(" OR "):
            op.execute(
                f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{event} on {table} is refused: the book is append-only'); END"
            )


def downgrade() -> None:
    for table in (
        "clearing", "reconciled_day", "manual_claim", "third_party_case", "filing", "quota", "accumulator",
        "settlement", "suspension",
    ):  # fmt: skip
        op.drop_table(table)
