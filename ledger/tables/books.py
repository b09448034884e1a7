"""The books themselves: the row that is lock and balance, its entries, and their transfers.

Amounts are integer fen. Columns stand widest first: it saves thirty bytes an entry.
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

from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.parties import NUMBERS_PER_LETTER, Party
from ledger.chart.sides import POCKETS, Side
from ledger.tables.base import Instant, metadata, one_of

_POCKET_LIST = ", ".join(str(int(side)) for side in sorted(POCKETS))

book = Table(
    "book",
    metadata,
    # the account number as an integer, so that uniqueness of the number is this primary key
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("current_year", BigInteger, nullable=False),
    C("carried_over", BigInteger, nullable=False),
    C("held", BigInteger, nullable=False),
    C("reserved", BigInteger, nullable=False),
    C("person_id", BigInteger),
    C("last_seq", Integer, nullable=False),
    C("area", Integer, nullable=False),
    C("opened_on", Date, nullable=False),
    C("died_on", Date),
    # the year whose money current_year holds; moved by value dates alone
    C("open_year", SmallInteger, nullable=False),
    # the last year whose interest is posted
    C("interest_year", SmallInteger, nullable=False),
    C("open_freezes", SmallInteger, nullable=False),
    C("stage", SmallInteger, nullable=False),
    C("head", LargeBinary, nullable=False),
    # when its last entry was recorded, and none is before; None: by a version that did not have the column
    C("recorded_at", Instant),
    PrimaryKeyConstraint("book_id"),
    CheckConstraint("current_year >= 0", name="current_year_not_negative"),
    CheckConstraint("carried_over >= 0", name="carried_over_not_negative"),
    CheckConstraint("held >= 0", name="held_not_negative"),
    CheckConstraint("reserved >= 0", name="reserved_not_negative"),
    CheckConstraint("held + reserved <= current_year + carried_over", name="available_not_negative"),
    CheckConstraint(
        f"stage <> {int(Stage.CLOSED)}"
        " OR (current_year = 0 AND carried_over = 0 AND held = 0 AND reserved = 0)",
        name="closed_is_empty",
    ),
    CheckConstraint(one_of("stage", [int(stage) for stage in Stage]), name="stage_known"),
    CheckConstraint(
        f"stage <> {int(Stage.DECEASED)} OR died_on IS NOT NULL", name="deceased_has_a_day_of_death"
    ),
    # an account number is a letter and twelve digits: only the books of persons, P, hold money of a person
    CheckConstraint(
        f"book_id / {NUMBERS_PER_LETTER} = {int(Party.PERSON)}"
        " OR (current_year = 0 AND carried_over = 0 AND held = 0 AND reserved = 0)",
        name="only_persons_have_pockets",
    ),
    CheckConstraint("last_seq >= 1", name="last_seq_from_one"),
    CheckConstraint("open_freezes >= 0", name="open_freezes_not_negative"),
    CheckConstraint("length(head) = 32", name="head_is_a_digest"),
    # the sweep for expired holds finds its books here; empty for nearly all of them
    Index("ix_book_with_holds", "book_id", postgresql_where=text("held > 0"), sqlite_where=text("held > 0")),
    # the list of estates finds its books here
    Index(
        "ix_book_of_the_dead",
        "book_id",
        postgresql_where=text("died_on IS NOT NULL"),
        sqlite_where=text("died_on IS NOT NULL"),
    ),
    info={"room": "book"},
    # a posting rewrites the row: room on the page keeps the rewrite off the indexes
    postgresql_with={"fillfactor": "80"},
)

entry = Table(
    "entry",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("recorded_at", Instant, nullable=False),
    C("current_year_after", BigInteger, nullable=False),
    C("carried_over_after", BigInteger, nullable=False),
    C("held_change", BigInteger),
    C("reserved_change", BigInteger),
    C("expires_at", Instant),
    C("seq", Integer, nullable=False, autoincrement=False),
    C("period", Integer),
    C("effective_on", Date, nullable=False),
    C("fact_on", Date),
    C("caller", Integer, nullable=False),
    C("actor", Integer, nullable=False),
    # the entry of this book that this one reverses, captures, releases, lets expire or ends
    C("target_seq", Integer),
    C("policy_version", SmallInteger, nullable=False),
    C("kind", SmallInteger, nullable=False),
    C("idempotency_key", Text),
    C("request_digest", LargeBinary),
    C("source_ref", Text),
    C("detail", Text),
    C("digest", LargeBinary, nullable=False),
    PrimaryKeyConstraint("book_id", "seq"),
    ForeignKeyConstraint(["book_id"], ["book.book_id"], name="fk_entry_book"),
    CheckConstraint("seq >= 1", name="seq_from_one"),
    CheckConstraint("current_year_after >= 0", name="current_year_not_negative"),
    CheckConstraint("carried_over_after >= 0", name="carried_over_not_negative"),
    CheckConstraint("kind BETWEEN 1 AND 99", name="kind_in_range"),
    CheckConstraint("target_seq IS NULL OR target_seq < seq", name="target_is_older"),
    CheckConstraint(f"kind <> {int(Kind.REVERSAL)} OR target_seq IS NOT NULL", name="reversal_has_a_target"),
    CheckConstraint(f"(kind = {int(Kind.HOLD)}) = (expires_at IS NOT NULL)", name="holds_expire"),
    CheckConstraint(
        "(idempotency_key IS NULL) = (request_digest IS NULL)", name="key_goes_with_its_fingerprint"
    ),
    CheckConstraint("length(digest) = 32", name="digest_length"),
    # the same request twice is one entry
    Index(
        "uq_entry_key",
        "book_id",
        "caller",
        "idempotency_key",
        unique=True,
        postgresql_where=text("idempotency_key IS NOT NULL"),
        sqlite_where=text("idempotency_key IS NOT NULL"),
    ),
    # the same document twice is one entry of a kind; one that was taken back is taken again by an entry that
    # acts on the reversal, which only one can
    Index(
        "uq_entry_source",
        "book_id",
        "kind",
        "source_ref",
        text("coalesce(target_seq, 0)"),
        unique=True,
        postgresql_where=text("source_ref IS NOT NULL"),
        sqlite_where=text("source_ref IS NOT NULL"),
    ),
    # reversed once; a hold is closed once; a freeze is ended once
    Index(
        "uq_entry_target",
        "book_id",
        "target_seq",
        unique=True,
        postgresql_where=text("target_seq IS NOT NULL"),
        sqlite_where=text("target_seq IS NOT NULL"),
    ),
    # interest once per account and year
    Index(
        "uq_entry_interest",
        "book_id",
        "period",
        unique=True,
        postgresql_where=text(f"kind = {int(Kind.INTEREST)}"),
        sqlite_where=text(f"kind = {int(Kind.INTEREST)}"),
    ),
    # the premiums that were paid for a person: the detail begins with whom
    Index(
        "ix_entry_premium",
        "detail",
        postgresql_where=text(f"kind = {int(Kind.PREMIUM)}"),
        sqlite_where=text(f"kind = {int(Kind.PREMIUM)}"),
        postgresql_ops={"detail": "text_pattern_ops"},
    ),
    info={"room": "book"},
)

transfer = Table(
    "transfer",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("amount_fen", BigInteger, nullable=False),
    # who stands behind the fund account: an institution's number, a heir
    C("party_id", BigInteger),
    C("seq", Integer, nullable=False, autoincrement=False),
    C("line", SmallInteger, nullable=False, autoincrement=False),
    C("from_side", SmallInteger, nullable=False),
    C("to_side", SmallInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "seq", "line"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_transfer_entry"),
    CheckConstraint("amount_fen > 0", name="amount_positive"),
    CheckConstraint("from_side <> to_side", name="two_sides"),
    # R21: account money never becomes cash
    CheckConstraint(
        f"NOT (from_side IN ({_POCKET_LIST}) AND to_side = {int(Side.BANK)})", name="pocket_not_to_bank"
    ),
    info={"room": "book"},
)
