"""Stakes: what is unique beyond one book, keyed by the digest of what is staked. The table is `claim`."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
)
from sqlalchemy import Column as C

from ledger.tables.base import Instant, metadata

identity = Table(
    "identity",
    metadata,
    # keyed digest of an ID number, or of a heir who is known by name alone
    C("digest", LargeBinary, nullable=False),
    C("person_id", BigInteger, nullable=False),
    C("recorded_at", Instant, nullable=False),
    # 1 the number the person is known by; 2 an older or other number of the same person (R4)
    C("role", SmallInteger, nullable=False),
    C("number_sealed", LargeBinary),
    C("name_sealed", LargeBinary, nullable=False),
    C("name_digest", LargeBinary, nullable=False),
    # the number of the last entry that said whose it is; None: an older version wrote it down, and none has
    C("nth", Integer),
    PrimaryKeyConstraint("digest"),
    CheckConstraint("nth >= 1", name="nth_from_one"),
    CheckConstraint("role IN (1, 2)", name="role_known"),
    Index("ix_identity_person", "person_id"),
    info={"room": "claim"},
)

person_key = Table(
    "person_key",
    metadata,
    # a name of chance, by which what is sealed with the key names it
    C("ref", LargeBinary, nullable=False),
    C("recorded_at", Instant, nullable=False),
    # the key, sealed under one of the installation's; None: it was erased, by an entry of that book
    C("wrapped", LargeBinary),
    C("erased_in", BigInteger),
    C("erased_by", Integer),
    PrimaryKeyConstraint("ref"),
    CheckConstraint("length(ref) = 16", name="ref_length"),
    CheckConstraint("(wrapped IS NULL) = (erased_in IS NOT NULL)", name="erased_by_an_entry"),
    CheckConstraint("(erased_in IS NULL) = (erased_by IS NULL)", name="entry_is_whole"),
    Index("ix_person_key_erased_in", "erased_in"),
    info={"room": "reference"},
)

claim = Table(
    "claim",
    metadata,
    # what is staked: the n-th account of a person; later a collector's reference, an institution's message
    C("digest", LargeBinary, nullable=False),
    C("book_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("digest"),
    info={"room": "claim"},
)
