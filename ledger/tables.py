"""Every table, constraint and index. The target of the migrations; nothing else lives here.

Each table says in `info["room"]` what it is, and a test holds what follows from that:

* `book`: belongs to one book. `book_id` stands first in the primary key, in every unique constraint and in
  every foreign key between book tables, so that books can be spread over machines.
* `claim`: something unique beyond one book, keyed by the digest of what it claims and by nothing else.
* `reference`: small and read-mostly.

Amounts are integer fen. Columns stand widest first: it saves thirty bytes an entry.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy import Column as C

from ledger.chart import POCKETS, Kind, Side, Stage

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An instant in UTC. SQLite forgets the zone, so it is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its offset")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _one_of(column: str, numbers: list[int]) -> str:
    return f"{column} IN ({', '.join(str(number) for number in sorted(numbers))})"


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
    CheckConstraint(_one_of("stage", [int(stage) for stage in Stage]), name="stage_known"),
    CheckConstraint(
        f"stage <> {int(Stage.DECEASED)} OR died_on IS NOT NULL", name="deceased_has_a_day_of_death"
    ),
    CheckConstraint("last_seq >= 1", name="last_seq_from_one"),
    CheckConstraint("open_freezes >= 0", name="open_freezes_not_negative"),
    CheckConstraint("length(head) = 32", name="head_is_a_digest"),
    # the sweep for expired holds finds its books here; empty for nearly all of them
    Index("ix_book_with_holds", "book_id", postgresql_where=text("held > 0"), sqlite_where=text("held > 0")),
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
    # the same document twice is one entry of a kind
    Index(
        "uq_entry_source",
        "book_id",
        "kind",
        "source_ref",
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
    CheckConstraint(
        f"NOT (from_side IN ({_POCKET_LIST}) AND to_side = {int(Side.BANK)})", name="pocket_not_to_bank"
    ),
    info={"room": "book"},
)

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
    PrimaryKeyConstraint("digest"),
    CheckConstraint("role IN (1, 2)", name="role_known"),
    Index("ix_identity_person", "person_id"),
    info={"room": "claim"},
)

claim = Table(
    "claim",
    metadata,
    # what is claimed: the n-th account of a person; later a collector's reference, an institution's message
    C("digest", LargeBinary, nullable=False),
    C("book_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("digest"),
    info={"room": "claim"},
)

policy = Table(
    "policy",
    metadata,
    C("version", Integer, nullable=False, autoincrement=False),
    C("area", Integer, nullable=False),
    C("hash", Text, nullable=False),
    C("content", Text, nullable=False),
    C("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("version"),
    UniqueConstraint("area", "hash"),
    info={"room": "reference"},
)

agent = Table(
    "agent",
    metadata,
    # a calling system or an acting person, as its token names it
    C("agent_id", Integer, nullable=False, autoincrement=False),
    C("name", Text, nullable=False),
    PrimaryKeyConstraint("agent_id"),
    UniqueConstraint("name"),
    info={"room": "reference"},
)

institution = Table(
    "institution",
    metadata,
    C("code", Text, nullable=False),
    C("party_id", BigInteger, nullable=False),
    C("name", Text, nullable=False),
    C("kind", Text, nullable=False),
    C("level", SmallInteger, nullable=False),
    C("area", Integer, nullable=False),
    PrimaryKeyConstraint("code"),
    UniqueConstraint("party_id"),
    CheckConstraint("kind IN ('hospital', 'clinic', 'pharmacy')", name="kind_known"),
    CheckConstraint("level BETWEEN 1 AND 3", name="level_known"),
    info={"room": "reference"},
)

contract = Table(
    "contract",
    metadata,
    C("code", Text, ForeignKey("institution.code", name="fk_contract_institution"), nullable=False),
    C("valid_from", Date, nullable=False),
    C("valid_to", Date),
    # care types joined by commas: outpatient, inpatient, pharmacy, chronic
    C("services", Text, nullable=False),
    PrimaryKeyConstraint("code", "valid_from"),
    CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="ends_after_it_begins"),
    info={"room": "reference"},
)

batch = Table(
    "batch",
    metadata,
    # "year-end-990100-2025", "import-<digest of the file>": the name of the work itself, so a rerun resumes
    C("batch_id", Text, nullable=False),
    C("kind", Text, nullable=False),
    C("state", Text, nullable=False),
    C("started_at", Instant, nullable=False),
    C("updated_at", Instant, nullable=False),
    C("bookmark", BigInteger, nullable=False),
    C("done", BigInteger, nullable=False),
    C("refused", BigInteger, nullable=False),
    C("amount_fen", BigInteger, nullable=False),
    C("detail", Text),
    PrimaryKeyConstraint("batch_id"),
    CheckConstraint("state IN ('running', 'finished', 'failed')", name="state_known"),
    info={"room": "reference"},
)

# What the database itself never lets anybody change or take away; the migrations make the triggers.
APPEND_ONLY = ("entry", "transfer", "policy")
# The row of a book is its balance and its lock: it changes, and is never taken away.
NEVER_DELETED = ("book",)
