"""Shares of estates that go to banks: the orders, with the bank details sealed. Amounts in fen."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
)
from sqlalchemy import Column as C

from ledger.tables.base import metadata

estate_payout = Table(
    "estate_payout",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    # the heir
    C("person_id", BigInteger, nullable=False),
    C("amount", BigInteger, nullable=False),
    # the entry of the order; that it was reviewed and paid is told by entries that act on it
    C("seq", Integer, nullable=False, autoincrement=False),
    # what the bank details are compared by; and they themselves
    C("digest", LargeBinary, nullable=False),
    C("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("book_id", "seq"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_estate_payout_entry"),
    CheckConstraint("amount > 0", name="amount_positive"),
    CheckConstraint("length(digest) = 32", name="digest_is_a_digest"),
    info={"room": "book"},
)
