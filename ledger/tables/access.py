"""Who looked at whose data: the read log and its chains."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
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

from ledger.chart.channels import EVERYTHING, AccessChannel
from ledger.tables.base import Instant, metadata, one_of, written_by

USUAL_PURPOSES = frozenset({"own_request", "care"})
UNUSUAL = "purpose NOT IN ('care', 'own_request')"
"""Looks of which there are few: those that may have been withheld are among them."""

read_log_chain = Table(
    "read_log_chain",
    metadata,
    # one for each process and day, numbered without gaps
    C("chain_id", Integer, nullable=False, autoincrement=False),
    C("day", Date, nullable=False),
    C("opened_at", Instant, nullable=False),
    C("last_seq", Integer, nullable=False),
    # the digest of the last row of the chain; the keyed digest over chain, number and head
    C("head", LargeBinary, nullable=False),
    C("seal", LargeBinary, nullable=False),
    PrimaryKeyConstraint("chain_id"),
    CheckConstraint("chain_id > 0 AND last_seq >= 0", name="numbers_are_positive"),
    CheckConstraint("length(head) = 32 AND length(seal) = 32", name="head_and_seal_are_digests"),
    info={"room": "reads"},
)

read_log = Table(
    "read_log",
    metadata,
    C(
        "chain_id",
        Integer,
        ForeignKey("read_log_chain.chain_id", name="fk_read_log_read_log_chain"),
        nullable=False,
    ),
    C("seq", Integer, nullable=False),
    C("at", Instant, nullable=False),
    # who asked: the system, the person who acts, what their token lets them, and to whom it is bound
    *written_by("read_log"),
    C("role", Text, nullable=False),
    C("bound_to", Text),
    C("channel", SmallInteger, nullable=False),
    C("purpose", Text),
    C("ref", Text),
    # whose data: the book, or for a person who has none the digest of the ID number
    C("book_id", BigInteger),
    C("person", LargeBinary),
    C("fields", SmallInteger, nullable=False),
    C("items", Integer, nullable=False),
    # the serial number of a document that was printed
    C("document", Text),
    C("head", LargeBinary, nullable=False),
    PrimaryKeyConstraint("chain_id", "seq"),
    # no key on the book: its check would lock the row that whoever posts updates
    CheckConstraint("book_id IS NOT NULL OR person IS NOT NULL", name="is_about_somebody"),
    CheckConstraint(one_of("channel", [int(channel) for channel in AccessChannel]), name="channel_is_known"),
    CheckConstraint(f"fields BETWEEN 0 AND {int(EVERYTHING)}", name="fields_are_known"),
    CheckConstraint("seq > 0 AND items >= 0", name="numbers_are_positive"),
    CheckConstraint("length(head) = 32", name="head_is_a_digest"),
    Index("ix_read_log_book_at", "book_id", "at"),
    Index("ix_read_log_person", "person"),
    Index("ix_read_log_at", "at"),
    Index(
        "ix_read_log_unusual",
        "at",
        "chain_id",
        "seq",
        postgresql_where=text(UNUSUAL),
        sqlite_where=text(UNUSUAL),
    ),
    info={"room": "reads"},
)
