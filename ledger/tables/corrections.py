"""Mass corrections: what each was asked for, and what it comes to for every person and month."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy import Column as C

from ledger.tables.base import Instant, metadata, written_by

correction = Table(
    "correction",
    metadata,
    # the name of the work itself, and of its batch
    C("name", Text, nullable=False),
    # what was asked for, in its canonical form
    C("request", Text, nullable=False),
    C("asked_at", Instant, nullable=False),
    *written_by("correction"),
    PrimaryKeyConstraint("name"),
    info={"room": "reference"},
)

correction_line = Table(
    "correction_line",
    metadata,
    C("name", Text, ForeignKey("correction.name", name="fk_correction_line_correction"), nullable=False),
    C("account_id", BigInteger, nullable=False, autoincrement=False),
    # whose month it is; 0 where no employer has a part in it
    C("employer_id", BigInteger, nullable=False, autoincrement=False),
    # the month (YYYYMM), or the year of interest
    C("period", Integer, nullable=False, autoincrement=False),
    C("what", Text, nullable=False),
    # what was posted and what is right, in fen: for the account, and for the pooled fund beside it
    C("before_fen", BigInteger, nullable=False),
    C("after_fen", BigInteger, nullable=False),
    C("employer_before_fen", BigInteger, nullable=False),
    C("employer_after_fen", BigInteger, nullable=False),
    # planned: it is about to be posted, and the books say whether it was
    C("state", Text, nullable=False),
    # why it was not posted
    C("code", Text),
    PrimaryKeyConstraint("name", "account_id", "employer_id", "period", "what"),
    CheckConstraint("what IN ('contribution', 'retiree_credit', 'interest')", name="what_known"),
    CheckConstraint("state IN ('planned', 'posted', 'left')", name="state_known"),
    CheckConstraint("(state = 'left') = (code IS NOT NULL)", name="left_has_a_code"),
    Index("ix_correction_line_account", "account_id"),
    info={"room": "reference"},
)
