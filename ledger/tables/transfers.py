"""Transfers to and from other agencies, and what persons owe of benefits that were too high. Amounts in fen.

Both are state: what the entries of the book that name them add up to.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    text,
)
from sqlalchemy import Column as C

from ledger.chart.transfers import MOVED, Direction, TransferStatus
from ledger.tables.base import metadata, one_of

_OUT_UNDER_WAY = (
    f"direction = {int(Direction.OUT)}"
    f" AND status IN ({int(TransferStatus.REQUESTED)}, {int(TransferStatus.SENT)})"
)

transfer_case = Table(
    "transfer_case",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    # out: what was sent; in: what the sheet says
    C("amount", BigInteger, nullable=False),
    # out: what of it came out of current_year
    C("current_year", BigInteger, nullable=False),
    # out: what joined it after the money was sent, and waits to be sent after it
    C("waiting", BigInteger, nullable=False),
    # what was sent, or came, after it
    C("supplements", BigInteger, nullable=False),
    # the entry that asked for it, or announced it
    C("seq", Integer, nullable=False, autoincrement=False),
    C("asked_on", Date, nullable=False),
    # when its money was sent, or came
    C("moved_on", Date),
    C("ended_on", Date),
    C("direction", SmallInteger, nullable=False),
    C("status", SmallInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "seq"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_transfer_case_entry"),
    CheckConstraint("amount >= 0 AND waiting >= 0 AND supplements >= 0", name="not_negative"),
    CheckConstraint("current_year BETWEEN 0 AND amount", name="current_year_is_a_part"),
    CheckConstraint(one_of("direction", [int(one) for one in Direction]), name="direction_known"),
    CheckConstraint(one_of("status", [int(one) for one in TransferStatus]), name="status_known"),
    CheckConstraint(
        f"{one_of('status', [int(one) for one in MOVED])} OR (waiting = 0 AND supplements = 0)",
        name="nothing_follows_what_did_not_move",
    ),
    CheckConstraint(
        f"NOT ({one_of('status', [int(one) for one in MOVED])}) OR moved_on IS NOT NULL",
        name="money_has_its_day",
    ),
    CheckConstraint(
        f"direction = {int(Direction.OUT)} OR (waiting = 0 AND current_year = 0)", name="only_out_waits"
    ),
    # an account is on its way to one agency at a time
    Index(
        "uq_transfer_case_out",
        "book_id",
        unique=True,
        postgresql_where=text(_OUT_UNDER_WAY),
        sqlite_where=text(_OUT_UNDER_WAY),
    ),
    Index("ix_transfer_case_status", "status", "book_id", "seq"),
    info={"room": "book"},
)

demand = Table(
    "demand",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("amount", BigInteger, nullable=False),
    # what of it was taken out of the account, what was paid by instalments, what the estate took over
    C("set_off", BigInteger, nullable=False),
    C("paid", BigInteger, nullable=False),
    C("to_estate", BigInteger, nullable=False),
    C("withdrawn", BigInteger, nullable=False),
    C("seq", Integer, nullable=False, autoincrement=False),
    C("demanded_on", Date, nullable=False),
    # what the person owed before: its kind, and the book and the entry, month or year by which it is known;
    # nothing where the demand itself is how the fund came by its claim
    C("debt_kind", SmallInteger),
    C("debt_book", BigInteger),
    C("debt_number", Integer),
    # of a month that an account had which went into the debtor's: that account
    C("debt_account", BigInteger),
    PrimaryKeyConstraint("book_id", "seq"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_demand_entry"),
    CheckConstraint(
        "amount > 0 AND set_off >= 0 AND paid >= 0 AND to_estate >= 0 AND withdrawn >= 0", name="not_negative"
    ),
    CheckConstraint("set_off + paid + to_estate + withdrawn <= amount", name="never_more_than_demanded"),
    CheckConstraint(
        "(debt_kind IS NULL AND debt_book IS NULL AND debt_number IS NULL)"
        " OR (debt_kind IS NOT NULL AND debt_book IS NOT NULL AND debt_number IS NOT NULL)",
        name="debt_known_wholly",
    ),
    CheckConstraint(
        "debt_account IS NULL OR (debt_kind IS NOT NULL AND debt_kind = 1)", name="debt_account_of_a_month"
    ),
    # one that was acted on is not withdrawn
    CheckConstraint("withdrawn IN (0, amount)", name="withdrawn_as_a_whole"),
    Index(
        "ix_demand_open",
        "book_id",
        "seq",
        postgresql_where=text("set_off + paid + to_estate + withdrawn < amount"),
        sqlite_where=text("set_off + paid + to_estate + withdrawn < amount"),
    ),
    Index(
        "ix_demand_debt_account",
        "debt_account",
        postgresql_where=text("debt_account IS NOT NULL"),
        sqlite_where=text("debt_account IS NOT NULL"),
    ),
    info={"room": "book"},
)
