"""Medical care: settled bills, yearly counters, quotas, cases and claims, reconciled days and cleared months.

A settled bill is a row of signed amounts beside its entry; a reversal is the mirrored row. The CHECKs hold
that the parts of a bill and its payers each add up to its total, whatever the program thinks. `accumulator`,
`quota`, `third_party_case`, `reconciled_day` and `clearing` are state, which entries and rows add up to.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy import Column as C

from ledger.chart.care import (
    SIGNED,
    CareTable,
    CareType,
    CauseKind,
    Channel,
    ClearingState,
    Coverage,
    Cut,
    Filing,
)
from ledger.chart.members import MemberClass
from ledger.policy import RATE_SCALE
from ledger.tables.base import metadata, one_of


def _money(*names: str) -> list[C[int]]:
    return [C(name, BigInteger, nullable=False) for name in names]


def _entry_key(table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name=f"fk_{table}_entry")


def _book_id() -> C[int]:
    return C("book_id", BigInteger, nullable=False, autoincrement=False)


def _seq() -> C[int]:
    return C("seq", Integer, nullable=False, autoincrement=False)


settlement = Table(
    "settlement",
    metadata,
    _book_id(),
    # the institution's book
    C("institution_id", BigInteger),
    *_money(*SIGNED),
    _seq(),
    C("ratio", Integer, nullable=False),
    C("cause_share", Integer),
    C("visit_seq", Integer),
    # the entry whose settlement this one takes back
    C("reverses_seq", Integer),
    C("care_date", Date, nullable=False),
    # the day on which both sides count it: that of its posting, or the unbalanced day that it repairs
    C("settled_on", Date, nullable=False),
    C("channel", SmallInteger, nullable=False),
    C("care_table", SmallInteger, nullable=False),
    C("care_type", SmallInteger, nullable=False),
    C("level", SmallInteger, nullable=False),
    C("member_class", SmallInteger, nullable=False),
    C("coverage", SmallInteger, nullable=False),
    C("filing", SmallInteger, nullable=False),
    C("cut", SmallInteger, nullable=False),
    C("admission", SmallInteger, nullable=False),
    C("cause_kind", SmallInteger),
    C("use_account", Boolean, nullable=False),
    C("bill_no", Text),
    # the bill as it was sent, as JSON; a document, never searched by item
    C("lines", Text),
    PrimaryKeyConstraint("book_id", "seq"),
    _entry_key("settlement"),
    CheckConstraint("total = own_expense + over_limit + pre_self_pay + in_scope", name="parts_add_up"),
    CheckConstraint(
        "total = pooled_pay + large_pay + top_up_pay + account_pay + mutual_pay + cash_pay + hospital_share",
        name="payers_add_up",
    ),
    # no amount of a bill is below zero, none of a reversal above it; only a yearly difference has both
    CheckConstraint(
        f"channel = {int(Channel.ANNUAL)}"
        f" OR (reverses_seq IS NULL AND total > 0 AND {' AND '.join(f'{name} >= 0' for name in SIGNED)})"
        f" OR (reverses_seq IS NOT NULL AND total < 0 AND {' AND '.join(f'{name} <= 0' for name in SIGNED)})",
        name="one_sign",
    ),
    CheckConstraint(
        f"channel = {int(Channel.ANNUAL)} OR ABS(excluded) <= ABS(in_scope)", name="excluded_is_in_scope"
    ),
    # without the patient's leave neither the account nor relatives pay
    CheckConstraint(
        f"channel = {int(Channel.ANNUAL)} OR use_account OR (account_pay = 0 AND mutual_pay = 0)",
        name="account_by_choice",
    ),
    CheckConstraint(
        f"care_table <> {int(CareTable.NONE)} OR (pooled_pay = 0 AND large_pay = 0 AND deductible = 0)",
        name="no_fund_without_a_table",
    ),
    CheckConstraint(f"care_table = {int(CareTable.INPATIENT)} OR large_pay = 0", name="large_is_inpatient"),
    CheckConstraint(
        f"channel <> {int(Channel.ANNUAL)} OR (total = 0 AND reverses_seq IS NULL)", name="a_year_is_no_bill"
    ),
    CheckConstraint("reverses_seq IS NULL OR reverses_seq < seq", name="reverses_what_is_older"),
    CheckConstraint(
        f"channel = {int(Channel.ANNUAL)} OR institution_id IS NOT NULL", name="bills_have_an_institution"
    ),
    CheckConstraint(one_of("channel", [int(one) for one in Channel]), name="channel_known"),
    CheckConstraint(one_of("care_table", [int(one) for one in CareTable]), name="care_table_known"),
    CheckConstraint(one_of("care_type", [int(one) for one in CareType]), name="care_type_known"),
    CheckConstraint("level BETWEEN 1 AND 3", name="level_known"),
    CheckConstraint(one_of("member_class", [int(one) for one in MemberClass]), name="member_class_known"),
    CheckConstraint(one_of("coverage", [int(one) for one in Coverage]), name="coverage_known"),
    CheckConstraint(one_of("filing", [int(one) for one in Filing]), name="filing_known"),
    CheckConstraint(one_of("cut", [int(one) for one in Cut]), name="cut_known"),
    CheckConstraint(
        f"cause_kind IS NULL OR {one_of('cause_kind', [int(one) for one in CauseKind])}",
        name="cause_kind_known",
    ),
    CheckConstraint("(cause_kind IS NULL) = (cause_share IS NULL)", name="cause_has_a_share"),
    CheckConstraint(f"ratio BETWEEN 0 AND {RATE_SCALE}", name="ratio_of_a_whole"),
    CheckConstraint(
        f"cause_share IS NULL OR cause_share BETWEEN 0 AND {RATE_SCALE}", name="cause_share_of_a_whole"
    ),
    # what an institution settled on a day, over all patients: read by its reconciliation
    Index("ix_settlement_institution_day", "institution_id", "settled_on"),
    # the bills of a person's day, which another one may be the same as; and of a year
    Index("ix_settlement_care_day", "book_id", "care_date"),
    # a bill is taken back once
    Index(
        "uq_settlement_reversed",
        "book_id",
        "reverses_seq",
        unique=True,
        postgresql_where=text("reverses_seq IS NOT NULL"),
        sqlite_where=text("reverses_seq IS NOT NULL"),
    ),
    info={"room": "book"},
)

accumulator = Table(
    "accumulator",
    metadata,
    _book_id(),
    *_money("outpatient_deductible", "outpatient_pooled", "inpatient_deductible", "inpatient_pooled"),
    *_money("chronic_deductible", "chronic_pooled", "large", "top_up", "own_burden"),
    # the year of care
    C("year", Integer, nullable=False, autoincrement=False),
    C("version", Integer, nullable=False),
    C("admissions", Integer, nullable=False),
    PrimaryKeyConstraint("book_id", "year"),
    ForeignKeyConstraint(["book_id"], ["book.book_id"], name="fk_accumulator_book"),
    # the others may: a bill can be taken back after its year was settled for less than it
    CheckConstraint("admissions >= 0", name="admissions_not_negative"),
    info={"room": "book"},
)

quota = Table(
    "quota",
    metadata,
    _book_id(),
    # a person, with an account or without
    C("recipient_id", BigInteger, nullable=False),
    C("amount", BigInteger, nullable=False),
    C("remaining", BigInteger, nullable=False),
    _seq(),
    C("rank", SmallInteger, nullable=False),
    C("relation", Text, nullable=False),
    C("ended", Boolean, nullable=False),
    PrimaryKeyConstraint("book_id", "seq"),
    _entry_key("quota"),
    CheckConstraint("remaining BETWEEN 0 AND amount", name="remaining_of_the_amount"),
    CheckConstraint("NOT ended OR remaining = 0", name="ended_is_empty"),
    CheckConstraint("rank >= 1", name="rank_from_one"),
    # what of a donor's quotas stands, however many have ended
    Index(
        "ix_quota_standing",
        "book_id",
        "seq",
        postgresql_where=text("NOT ended"),
        sqlite_where=text("NOT ended"),
    ),
    # a patient's donors
    Index(
        "ix_quota_recipient",
        "recipient_id",
        postgresql_where=text("NOT ended"),
        sqlite_where=text("NOT ended"),
    ),
    info={"room": "book"},
)

filing = Table(
    "filing",
    metadata,
    _book_id(),
    C("institution_id", BigInteger),
    _seq(),
    C("area", Integer),
    C("valid_from", Date, nullable=False),
    C("valid_to", Date),
    C("filing", SmallInteger, nullable=False),
    # the entry whose filing this one takes the place of
    C("replaces_seq", Integer),
    PrimaryKeyConstraint("book_id", "seq"),
    _entry_key("filing"),
    CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="ends_after_it_begins"),
    CheckConstraint(one_of("filing", [int(one) for one in Filing if one]), name="filing_known"),
    info={"room": "book"},
)

third_party_case = Table(
    "third_party_case",
    metadata,
    _book_id(),
    *_money("excluded", "advance", "paid", "returned", "set_off"),
    _seq(),
    C("settlement_seq", Integer, nullable=False),
    C("kind", SmallInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "seq"),
    _entry_key("third_party_case"),
    CheckConstraint("advance >= 0 AND paid >= 0 AND returned >= 0 AND set_off >= 0", name="not_negative"),
    CheckConstraint("returned + set_off <= advance", name="never_more_than_the_advance"),
    CheckConstraint("advance <= excluded", name="advances_what_was_excluded"),
    CheckConstraint(one_of("kind", [int(one) for one in CauseKind]), name="kind_known"),
    # one case for a bill
    Index("uq_third_party_case_settlement", "book_id", "settlement_seq", unique=True),
    info={"room": "book"},
)

manual_claim = Table(
    "manual_claim",
    metadata,
    _book_id(),
    C("institution_id", BigInteger, nullable=False),
    C("total", BigInteger, nullable=False),
    _seq(),
    C("care_date", Date, nullable=False),
    C("received_on", Date, nullable=False),
    C("decide_by", Date, nullable=False),
    C("care_type", SmallInteger, nullable=False),
    C("bill_no", Text, nullable=False),
    C("lines", Text, nullable=False),
    PrimaryKeyConstraint("book_id", "seq"),
    _entry_key("manual_claim"),
    CheckConstraint("total > 0", name="total_positive"),
    CheckConstraint("care_date <= received_on AND received_on <= decide_by", name="days_in_order"),
    CheckConstraint(one_of("care_type", [int(one) for one in CareType]), name="care_type_known"),
    Index("ix_manual_claim_decide_by", "decide_by"),
    info={"room": "book"},
)

reconciled_day = Table(
    "reconciled_day",
    metadata,
    _book_id(),
    *_money("total", "fund", "account"),
    C("bills", Integer, nullable=False),
    _seq(),
    C("day", Date, nullable=False),
    C("balanced", Boolean, nullable=False),
    PrimaryKeyConstraint("book_id", "day"),
    _entry_key("reconciled_day"),
    info={"room": "book"},
)

clearing = Table(
    "clearing",
    metadata,
    _book_id(),
    *_money("total", "fund", "account"),
    C("bills", Integer, nullable=False),
    _seq(),
    # the month cleared
    C("period", Integer, nullable=False, autoincrement=False),
    C("state", SmallInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "period"),
    _entry_key("clearing"),
    CheckConstraint(one_of("state", [int(one) for one in ClearingState]), name="state_known"),
    info={"room": "book"},
)
