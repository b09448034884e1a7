"""What people show who ask: social-security cards, call-back codes, and wrong guesses by telephone."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import Column as C

from ledger.tables.base import Instant, metadata, written_by

GUESSES_MAX = 5
"""That many wrong ones in a row lock a person's inquiries by telephone."""

card = Table(
    "card",
    metadata,
    # chosen at random: it stands in paths, and tells nothing
    C("name", Text, nullable=False),
    # what the number is found by; the number itself
    C("digest", LargeBinary, nullable=False),
    C("number_sealed", LargeBinary, nullable=False),
    # a person keeps the card when an account is closed and another opened
    C("person_id", BigInteger, nullable=False),
    C("issued_on", Date, nullable=False),
    C("ends_on", Date),
    C("recorded_at", Instant, nullable=False),
    *written_by("card"),
    PrimaryKeyConstraint("name"),
    # nobody has the card of somebody else
    UniqueConstraint("digest"),
    CheckConstraint("length(digest) = 32", name="digest_is_a_digest"),
    CheckConstraint("ends_on IS NULL OR ends_on >= issued_on", name="ends_after_it_is_issued"),
    Index("ix_card_person", "person_id"),
    info={"room": "reads"},
)

card_loss = Table(
    "card_loss",
    metadata,
    # a card that was lost stays lost: the row is never taken away
    C("name", Text, ForeignKey("card.name", name="fk_card_loss_card"), nullable=False),
    C("reason", Text, nullable=False),
    C("lost_on", Date, nullable=False),
    C("recorded_at", Instant, nullable=False),
    *written_by("card_loss"),
    PrimaryKeyConstraint("name"),
    info={"room": "reads"},
)

call_back_code = Table(
    "call_back_code",
    metadata,
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    # keyed, over account and code: equal codes of two accounts do not look alike
    C("digest", LargeBinary, nullable=False),
    C("recorded_at", Instant, nullable=False),
    *written_by("call_back_code"),
    PrimaryKeyConstraint("book_id"),
    CheckConstraint("length(digest) = 32", name="digest_is_a_digest"),
    info={"room": "reads"},
)

phone_guess = Table(
    "phone_guess",
    metadata,
    # the digest of the ID number, be there such a person or not
    C("person", LargeBinary, nullable=False),
    # wrong ones in a row, since the last right one or the last lock
    C("wrong", SmallInteger, nullable=False),
    C("locked_until", Instant),
    C("changed_at", Instant, nullable=False),
    PrimaryKeyConstraint("person"),
    CheckConstraint("length(person) = 32", name="person_is_a_digest"),
    CheckConstraint(f"wrong >= 0 AND wrong < {GUESSES_MAX}", name="locks_before_more_are_counted"),
    info={"room": "reads"},
)
