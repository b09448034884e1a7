"""Reference tables: small and read-mostly."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy import Column as C

from ledger.tables.base import Instant, metadata

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

policy_in_force = Table(
    "policy_in_force",
    metadata,
    # when a version of an area was put in force; of each area the one with the highest number is
    C("number", Integer, nullable=False, autoincrement=False),
    C("area", Integer, nullable=False),
    C("version", Integer, ForeignKey("policy.version", name="fk_policy_in_force_policy"), nullable=False),
    C("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("number"),
    info={"room": "reference"},
)

key_fingerprint = Table(
    "key_fingerprint",
    metadata,
    # the file of a key that personal data was sealed or is found with, and the keyed digest that tells it
    C("name", Text, nullable=False),
    C("fingerprint", LargeBinary, nullable=False),
    C("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("name"),
    CheckConstraint("length(fingerprint) = 32", name="fingerprint_is_a_digest"),
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

suspension = Table(
    "suspension",
    metadata,
    # days on which no contract of the institution counts
    C("code", Text, ForeignKey("institution.code", name="fk_suspension_institution"), nullable=False),
    C("valid_from", Date, nullable=False),
    C("valid_to", Date),
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
    # why it failed, in one line without personal data
    C("reason", Text),
    PrimaryKeyConstraint("batch_id"),
    CheckConstraint("state IN ('running', 'finished', 'failed')", name="state_known"),
    info={"room": "reference"},
)

batch_line = Table(
    "batch_line",
    metadata,
    # a line of a file that was refused, and why; never what the line said
    C("batch_id", Text, ForeignKey("batch.batch_id", name="fk_batch_line_batch"), nullable=False),
    C("line", BigInteger, nullable=False, autoincrement=False),
    C("code", Text, nullable=False),
    # the name of the column that is to blame, where it is one
    C("field", Text),
    PrimaryKeyConstraint("batch_id", "line"),
    info={"room": "reference"},
)

employer = Table(
    "employer",
    metadata,
    C("credit_code", Text, nullable=False),
    # the employer's book: what it declared, owes and paid stands there
    C("book_id", BigInteger, nullable=False),
    C("name", Text, nullable=False),
    C("area", Integer, nullable=False),
    C("recorded_at", Instant, nullable=False),
    PrimaryKeyConstraint("credit_code"),
    UniqueConstraint("book_id"),
    CheckConstraint("length(credit_code) = 18", name="credit_code_length"),
    info={"room": "reference"},
)
