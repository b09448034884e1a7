"""What waits for a second person, and what became of it (R68)."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import Column as C

from ledger.chart.approvals import ApprovalState
from ledger.tables.base import Instant, metadata, one_of

_WAITING, _APPROVED, _REJECTED = (int(state) for state in ApprovalState)

approval = Table(
    "approval",
    metadata,
    C("book_id", BigInteger, ForeignKey("book.book_id", name="fk_approval_book"), autoincrement=False),
    # 1, 2, 3, … in its book
    C("number", Integer, nullable=False, autoincrement=False),
    C("verb", Text, nullable=False),
    # in fen; none of what moves nothing
    C("amount_fen", BigInteger),
    # the request itself: it has personal data in it
    C("intent_sealed", LargeBinary, nullable=False),
    C("idempotency_key", Text, nullable=False),
    C("request_digest", LargeBinary, nullable=False),
    C("recorded_at", Instant, nullable=False),
    C("expires_at", Instant, nullable=False),
    # who asked, as numbers of `agent`
    C("caller", Integer, nullable=False),
    C("actor", Integer, nullable=False),
    C("state", SmallInteger, nullable=False),
    C("decided_at", Instant),
    # who decided, and through which system
    C("decided_by", Integer),
    C("decided_through", Integer),
    # what was posted, in the same book
    C("entry_seq", Integer),
    C("reason", Text),
    PrimaryKeyConstraint("book_id", "number"),
    # a key of a caller asks once
    UniqueConstraint("book_id", "caller", "idempotency_key"),
    ForeignKeyConstraint(["book_id", "entry_seq"], ["entry.book_id", "entry.seq"], name="fk_approval_entry"),
    CheckConstraint("number > 0", name="number_from_one"),
    CheckConstraint("amount_fen > 0", name="amount_above_zero"),
    CheckConstraint("length(request_digest) = 8", name="digest_is_one"),
    CheckConstraint("expires_at > recorded_at", name="waits_for_a_time"),
    CheckConstraint(one_of("state", [int(state) for state in ApprovalState]), name="state_is_known"),
    CheckConstraint(f"(state = {_WAITING}) = (decided_at IS NULL)", name="decided_at_unless_it_waits"),
    CheckConstraint(f"(state = {_WAITING}) = (decided_by IS NULL)", name="decided_by_unless_it_waits"),
    CheckConstraint(
        f"(state = {_WAITING}) = (decided_through IS NULL)", name="decided_through_unless_it_waits"
    ),
    CheckConstraint(f"(state = {_APPROVED}) = (entry_seq IS NOT NULL)", name="entry_where_approved"),
    CheckConstraint(f"(state = {_REJECTED}) = (reason IS NOT NULL)", name="reason_where_rejected"),
    CheckConstraint("decided_by <> actor", name="not_by_who_asked"),
    CheckConstraint("decided_at < expires_at", name="decided_in_time"),
    Index("ix_approval_expires_at", "expires_at", "book_id", "number"),
    info={"room": "book"},
)
