"""What is said of people from a day on, sealed; which account went into which; numbers that two shared."""

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
)
from sqlalchemy import Column as C

from ledger.chart.person_facts import PersonFact
from ledger.tables.base import metadata, one_of

person_fact = Table(
    "person_fact",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("person_id", BigInteger, nullable=False),
    C("seq", Integer, nullable=False, autoincrement=False),
    C("line", SmallInteger, nullable=False, autoincrement=False),
    # a name, an ID number, a telephone number, an address
    C("what", SmallInteger, nullable=False),
    C("valid_from", Date, nullable=False),
    # what it is compared by; and the thing itself
    C("digest", LargeBinary, nullable=False),
    C("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("book_id", "seq", "line"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_person_fact_entry"),
    CheckConstraint(one_of("what", [int(what) for what in PersonFact]), name="what_is_known"),
    CheckConstraint("length(digest) = 32", name="digest_is_a_digest"),
    Index("ix_person_fact_person", "person_id", "what"),
    info={"room": "book"},
)

identity_entry = Table(
    "identity_entry",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("person_id", BigInteger, nullable=False),
    C("seq", Integer, nullable=False, autoincrement=False),
    C("line", SmallInteger, nullable=False, autoincrement=False),
    # what an entry said of a row of `identity`: the n-th time that one did of this number
    C("nth", Integer, nullable=False),
    C("role", SmallInteger, nullable=False),
    C("digest", LargeBinary, nullable=False),
    C("name_digest", LargeBinary, nullable=False),
    C("salt", LargeBinary, nullable=False),
    PrimaryKeyConstraint("book_id", "seq", "line"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_identity_entry_entry"),
    CheckConstraint("nth >= 1", name="nth_from_one"),
    CheckConstraint("role IN (1, 2)", name="role_known"),
    CheckConstraint("length(digest) = 32", name="digest_is_a_digest"),
    CheckConstraint("length(name_digest) = 32", name="name_digest_is_a_digest"),
    CheckConstraint("length(salt) = 16", name="salt_length"),
    Index("ix_identity_entry_digest", "digest", "nth"),
    info={"room": "book"},
)

account_merge = Table(
    "account_merge",
    metadata,
    # the account that was closed, and the one that has its money since; with the persons of both
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("into_id", BigInteger, nullable=False),
    C("person_id", BigInteger, nullable=False),
    C("into_person_id", BigInteger, nullable=False),
    C("seq", Integer, nullable=False, autoincrement=False),
    PrimaryKeyConstraint("book_id"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_account_merge_entry"),
    CheckConstraint("into_id <> book_id", name="goes_into_another"),
    CheckConstraint("into_person_id <> person_id", name="of_two_persons"),
    Index("ix_account_merge_into", "into_id"),
    Index("ix_account_merge_person", "person_id"),
    info={"room": "book"},
)

shared_number = Table(
    "shared_number",
    metadata,
    # the account from whose holder somebody was told apart, and the persons of both
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("seq", Integer, nullable=False, autoincrement=False),
    # of the ID number that both had: one of them is found by it in `identity`
    C("digest", LargeBinary, nullable=False),
    C("person_id", BigInteger, nullable=False),
    C("other_person_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "seq"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_shared_number_entry"),
    CheckConstraint("length(digest) = 32", name="digest_is_a_digest"),
    CheckConstraint("other_person_id <> person_id", name="of_two_persons"),
    Index("ix_shared_number_digest", "digest"),
    info={"room": "book"},
)
