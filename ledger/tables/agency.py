"""What other agencies asked for in writing, and what became of it: request, decision, answer."""

from sqlalchemy import (
    Boolean,
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

from ledger.chart.channels import EVERYTHING
from ledger.tables.base import Instant, metadata, written_by

AGENCY_PERSONS_MAX = 50

agency_request = Table(
    "agency_request",
    metadata,
    # a random name
    C("request_id", Text, nullable=False),
    C("agency", Text, nullable=False),
    C("purpose", Text, nullable=False),
    C("legal_basis", Text, nullable=False),
    # the groups of fields that are asked for
    C("fields", SmallInteger, nullable=False),
    C("asked_at", Instant, nullable=False),
    *written_by("agency_request"),
    PrimaryKeyConstraint("request_id"),
    # a decision names who asked
    UniqueConstraint("request_id", "actor"),
    CheckConstraint("length(legal_basis) > 0", name="has_a_legal_basis"),
    CheckConstraint(f"fields BETWEEN 1 AND {int(EVERYTHING)}", name="fields_are_known"),
    Index("ix_agency_request_asked_at", "asked_at"),
    info={"room": "reads"},
)

agency_request_person = Table(
    "agency_request_person",
    metadata,
    C(
        "request_id",
        Text,
        ForeignKey("agency_request.request_id", name="fk_agency_request_person_agency_request"),
        nullable=False,
    ),
    # which of the request's persons it is
    C("place", SmallInteger, nullable=False),
    C("person", LargeBinary, nullable=False),
    C("number_sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("request_id", "place"),
    UniqueConstraint("request_id", "person"),
    CheckConstraint(f"place BETWEEN 1 AND {AGENCY_PERSONS_MAX}", name="no_bulk_copy"),
    CheckConstraint("length(person) = 32", name="person_is_a_digest"),
    info={"room": "reads"},
)

agency_decision = Table(
    "agency_decision",
    metadata,
    # one of a request
    C("request_id", Text, nullable=False),
    C("asked_by", Integer, nullable=False),
    C("approved", Boolean, nullable=False),
    C("reason", Text, nullable=False),
    C("decided_at", Instant, nullable=False),
    *written_by("agency_decision"),
    PrimaryKeyConstraint("request_id"),
    # an answer names what was decided
    UniqueConstraint("request_id", "approved"),
    ForeignKeyConstraint(
        ["request_id", "asked_by"],
        ["agency_request.request_id", "agency_request.actor"],
        name="fk_agency_decision_agency_request",
    ),
    CheckConstraint("actor <> asked_by", name="not_by_who_asked"),
    info={"room": "reads"},
)

agency_answer = Table(
    "agency_answer",
    metadata,
    # one of a request
    C("request_id", Text, nullable=False),
    C("approved", Boolean, nullable=False),
    C("answered_at", Instant, nullable=False),
    *written_by("agency_answer"),
    PrimaryKeyConstraint("request_id"),
    ForeignKeyConstraint(
        ["request_id", "approved"],
        ["agency_decision.request_id", "agency_decision.approved"],
        name="fk_agency_answer_agency_decision",
    ),
    CheckConstraint("approved", name="only_what_was_granted"),
    info={"room": "reads"},
)
