"""What an employer owes and paid, month by month: in the employer's book, beside its entries.

Two tables of facts, each row a signed change that one entry made (`levy_line` by month, `assessment_line`
by person), and two of state, which the facts add up to (`levy`, `assessment`). The state rows are there for
their CHECKs: nobody is ever paid for beyond what was assessed, whatever the program thinks.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy import Column as C

from ledger.chart.members import LineKind, MemberClass
from ledger.tables.base import metadata, one_of


def _money(*names: str) -> list[C[int]]:
    return [C(name, BigInteger, nullable=False) for name in names]


# of a month: what the unit owes by estimate, and by assessment in two parts; what of it was paid; what waits
# in suspense for the list, what is over and goes back to the payer, what is to be forwarded; late fee paid
LEVY_AMOUNTS = (
    "estimated", "employee", "employer", "employee_paid", "employer_paid", "waiting", "surplus", "forward",
    "fee_paid",
)  # fmt: skip

# a month of an employer that may owe something by its amounts alone, or has something over
LEVY_OPEN = (
    "estimated > 0 OR employee_paid < employee OR employer_paid < employer OR waiting > 0 OR fee_paid > 0"
    # paid by a version that did not write down when
    " OR (paid_day IS NULL AND employee_paid + employer_paid > 0)"
)

levy = Table(
    "levy",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    *_money(*LEVY_AMOUNTS),
    # the month owed; 0 is money that belongs to no month
    C("period", Integer, nullable=False, autoincrement=False),
    # the day on which the last money for the month counts as paid, by days from the first of the next month,
    # which is 1: so it stands beside the due day. None while nothing came, or by an older version
    C("paid_day", Integer),
    PrimaryKeyConstraint("book_id", "period"),
    ForeignKeyConstraint(["book_id"], ["book.book_id"], name="fk_levy_book"),
    *(CheckConstraint(f"{name} >= 0", name=f"{name}_not_negative") for name in LEVY_AMOUNTS),
    CheckConstraint("employee_paid <= employee", name="employee_not_overpaid"),
    CheckConstraint("employer_paid <= employer", name="employer_not_overpaid"),
    # an estimate stands until the list comes, and not beside it
    CheckConstraint("estimated = 0 OR (employee = 0 AND employer = 0)", name="estimate_or_list"),
    # the months that a payment looks at, however many were paid before: those that are open, and those that
    # were paid late, whose fee follows from the policy
    Index(
        "ix_levy_open",
        "book_id",
        "period",
        postgresql_where=text(LEVY_OPEN),
        sqlite_where=text(LEVY_OPEN),
    ),
    Index("ix_levy_paid_day", "book_id", "paid_day"),
    info={"room": "book"},
)

levy_line = Table(
    "levy_line",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    *_money(*LEVY_AMOUNTS),
    C("seq", Integer, nullable=False, autoincrement=False),
    C("period", Integer, nullable=False, autoincrement=False),
    # the day on which it counts as paid, for the late fee
    C("on_day", Date, nullable=False),
    PrimaryKeyConstraint("book_id", "seq", "period"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_levy_line_entry"),
    # one month's lines, however old the employer is
    Index("ix_levy_line_month", "book_id", "period"),
    info={"room": "book"},
)

assessment = Table(
    "assessment",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    # the person's account
    C("account_id", BigInteger, nullable=False, autoincrement=False),
    # `suspended`: what of `employee_paid` is not in the account, because a closed one takes nothing; below
    # zero it is what the person owes, because the account no longer had what went back to the payer
    *_money("base", "employee", "employer", "employee_paid", "employer_paid", "suspended"),
    C("period", Integer, nullable=False, autoincrement=False),
    C("paid_on", Date),
    PrimaryKeyConstraint("book_id", "period", "account_id"),
    ForeignKeyConstraint(["book_id"], ["book.book_id"], name="fk_assessment_book"),
    CheckConstraint("base >= 0", name="base_not_negative"),
    # never credited above the assessment, never below nothing
    CheckConstraint("employee_paid BETWEEN 0 AND employee", name="employee_not_overpaid"),
    CheckConstraint("employer_paid BETWEEN 0 AND employer", name="employer_not_overpaid"),
    CheckConstraint("suspended <= employee_paid", name="suspended_was_paid"),
    Index("ix_assessment_account", "account_id", "period"),
    Index(
        "ix_assessment_open",
        "book_id",
        "period",
        postgresql_where=text("employee_paid < employee OR employer_paid < employer"),
        sqlite_where=text("employee_paid < employee OR employer_paid < employer"),
    ),
    info={"room": "book"},
)

assessment_line = Table(
    "assessment_line",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("account_id", BigInteger, nullable=False),
    # the base from here on; empty where a line does not change it
    C("base", BigInteger),
    # `suspended`: what of the employee's part reached no account, less what was paid back without one
    *_money("employee", "employer", "employee_paid", "employer_paid", "suspended"),
    # of what was paid: the day on which its money was received
    C("paid_on", Date),
    C("seq", Integer, nullable=False, autoincrement=False),
    C("line", Integer, nullable=False, autoincrement=False),
    C("period", Integer, nullable=False),
    C("kind", SmallInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "seq", "line"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_assessment_line_entry"),
    CheckConstraint(one_of("kind", [int(kind) for kind in LineKind]), name="kind_known"),
    CheckConstraint(
        f"kind NOT IN ({int(LineKind.PAID)}, {int(LineKind.REFUNDED)}) OR (employee = 0 AND employer = 0)",
        name="payment_assesses_nothing",
    ),
    CheckConstraint(
        f"kind IN ({int(LineKind.PAID)}, {int(LineKind.REFUNDED)})"
        " OR (employee_paid = 0 AND employer_paid = 0 AND suspended = 0 AND base IS NOT NULL)",
        name="assessment_pays_nothing",
    ),
    CheckConstraint(f"(kind = {int(LineKind.PAID)}) = (paid_on IS NOT NULL)", name="payments_have_a_day"),
    # a person's month is assessed once by an employer; what comes later is an adjustment
    # the base of a person's month as it was known at an instant: adjustments are few
    Index(
        "ix_assessment_line_adjusted",
        "book_id",
        "account_id",
        "period",
        postgresql_where=text(f"kind = {int(LineKind.ADJUSTED)}"),
        sqlite_where=text(f"kind = {int(LineKind.ADJUSTED)}"),
    ),
    Index(
        "uq_assessment_line_once",
        "book_id",
        "account_id",
        "period",
        unique=True,
        postgresql_where=text(f"kind = {int(LineKind.ASSESSED)}"),
        sqlite_where=text(f"kind = {int(LineKind.ASSESSED)}"),
    ),
    info={"room": "book"},
)

declared_line = Table(
    "declared_line",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("account_id", BigInteger),
    C("wage", BigInteger),
    C("base", BigInteger),
    C("employee", BigInteger),
    C("employer", BigInteger),
    C("seq", Integer, nullable=False, autoincrement=False),
    C("line", Integer, nullable=False, autoincrement=False),
    # why the line is not taken
    C("code", Text),
    # the ID number as it was sent, sealed, where that is not how the person is known
    C("number_sealed", LargeBinary),
    PrimaryKeyConstraint("book_id", "seq", "line"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_declared_line_entry"),
    CheckConstraint("(code IS NULL) = (base IS NOT NULL)", name="good_or_refused"),
    CheckConstraint(
        "code IS NOT NULL OR (account_id IS NOT NULL AND employee IS NOT NULL AND employer IS NOT NULL)",
        name="good_lines_are_whole",
    ),
    # what goes with a person who is erased: few lines keep a number as it was typed
    Index(
        "ix_declared_line_sent",
        "account_id",
        postgresql_where=text("number_sealed IS NOT NULL"),
        sqlite_where=text("number_sealed IS NOT NULL"),
    ),
    info={"room": "book"},
)

enrolment = Table(
    "enrolment",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    # the employer's book
    C("employer_id", BigInteger),
    C("wage", BigInteger),
    C("seq", Integer, nullable=False, autoincrement=False),
    # the entry whose enrolment this one takes the place of
    C("replaces_seq", Integer),
    C("valid_from", Date, nullable=False),
    C("valid_to", Date),
    C("member_class", SmallInteger, nullable=False),
    # of a resident: the group whose subsidy is paid
    C("subsidy_group", Text),
    PrimaryKeyConstraint("book_id", "seq"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_enrolment_entry"),
    CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="ends_after_it_begins"),
    CheckConstraint(one_of("member_class", [int(one) for one in MemberClass]), name="member_class_known"),
    CheckConstraint(
        f"subsidy_group IS NULL OR member_class = {int(MemberClass.RESIDENT)}",
        name="only_residents_are_subsidised",
    ),
    Index(
        "ix_enrolment_employer",
        "employer_id",
        postgresql_where=text("employer_id IS NOT NULL"),
        sqlite_where=text("employer_id IS NOT NULL"),
    ),
    info={"room": "book"},
)

employer_closure = Table(
    "employer_closure",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    # the entry that closed the employer last, or opened it again
    C("seq", Integer, nullable=False, autoincrement=False),
    # its last day; empty once it was opened again
    C("closed_on", Date),
    PrimaryKeyConstraint("book_id"),
    ForeignKeyConstraint(
        ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_employer_closure_entry"
    ),
    info={"room": "book"},
)
