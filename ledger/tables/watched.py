"""Whom the findings for auditors look out for: staff by their number's digest, and accounts with a flag."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy import Column as C

from ledger.tables.base import Instant, metadata, written_by

staff = Table(
    "staff",
    metadata,
    # whoever acts, as tokens name them; who has several numbers has several rows
    C("name", Text, nullable=False),
    # the keyed digest of the ID number, and nothing else of the person
    C("person", LargeBinary, nullable=False),
    C("recorded_at", Instant, nullable=False),
    *written_by("staff"),
    PrimaryKeyConstraint("name", "person"),
    CheckConstraint("length(person) = 32", name="person_is_a_digest"),
    info={"room": "reads"},
)

account_flag = Table(
    "account_flag",
    metadata,
    # no key on the book: its check would lock the row that whoever posts updates
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("reason", Text, nullable=False),
    C("recorded_at", Instant, nullable=False),
    *written_by("account_flag"),
    PrimaryKeyConstraint("book_id", "reason"),
    info={"room": "reads"},
)
