"""What people ask, complain of and object to, and what became of it: opened, taken, answered, closed."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
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

from ledger.chart.cases import CaseAbout, CaseKind, CaseOutcome
from ledger.chart.channels import AccessChannel
from ledger.tables.base import Instant, metadata, one_of, written_by


def _numbers(of: type[CaseKind] | type[CaseAbout] | type[CaseOutcome] | type[AccessChannel]) -> list[int]:
    return [int(one) for one in of]


inquiry_case = Table(
    "inquiry_case",
    metadata,
    # a random name: it stands in paths, and tells nothing
    C("case_id", Text, nullable=False),
    C("kind", SmallInteger, nullable=False),
    # through which it came, and is answered
    C("channel", SmallInteger, nullable=False),
    C("about", SmallInteger, nullable=False),
    # whose account it is about, or which employer's book: that of the entry or of the document, where it is
    # about one. No key on the book: its check would lock the row that whoever posts updates
    C("book_id", BigInteger, nullable=False),
    C("entry_seq", Integer),
    C("document", Text),
    # the digest of the ID number of who opened it for themselves; None: somebody did it for them
    C("person", LargeBinary),
    # the answered case that it objects to
    C("objects_to", Text, ForeignKey("inquiry_case.case_id", name="fk_inquiry_case_inquiry_case")),
    C("text_sealed", LargeBinary, nullable=False),
    C("reply_to_sealed", LargeBinary),
    C("opened_on", Date, nullable=False),
    C("due_on", Date, nullable=False),
    C("working_days", SmallInteger, nullable=False),
    # whether the holidays of all years up to the due day were known
    C("by_calendar", Boolean, nullable=False),
    # what was said by whom, and how often it was a new case: the same is none while the last one waits
    C("content", LargeBinary, nullable=False),
    C("said", Integer, nullable=False),
    C("recorded_at", Instant, nullable=False),
    *written_by("inquiry_case"),
    PrimaryKeyConstraint("case_id"),
    UniqueConstraint("content", "said"),
    # an answer names who opened it
    UniqueConstraint("case_id", "actor"),
    CheckConstraint(one_of("kind", _numbers(CaseKind)), name="kind_is_known"),
    CheckConstraint(one_of("channel", _numbers(AccessChannel)), name="channel_is_known"),
    CheckConstraint(one_of("about", _numbers(CaseAbout)), name="about_is_known"),
    CheckConstraint(
        f"(about = {int(CaseAbout.ENTRY)}) = (entry_seq IS NOT NULL)", name="entry_where_it_is_about_one"
    ),
    CheckConstraint(
        f"(about = {int(CaseAbout.DOCUMENT)}) = (document IS NOT NULL)", name="document_where_it_is_about_one"
    ),
    CheckConstraint(
        f"objects_to IS NULL OR kind = {int(CaseKind.OBJECTION)}",
        name="an_objection_names_what_it_objects_to",
    ),
    CheckConstraint("person IS NULL OR length(person) = 32", name="person_is_a_digest"),
    CheckConstraint("length(content) = 32", name="content_is_a_digest"),
    CheckConstraint("working_days > 0 AND due_on > opened_on", name="due_after_it_is_opened"),
    CheckConstraint("said > 0", name="said_from_one"),
    Index("ix_inquiry_case_due_on_case_id", "due_on", "case_id"),
    Index("ix_inquiry_case_book_id", "book_id"),
    Index("ix_inquiry_case_person", "person"),
    info={"room": "reads"},
)

inquiry_case_month = Table(
    "inquiry_case_month",
    metadata,
    # what a unit had not paid when it was reported
    C("case_id", Text, ForeignKey("inquiry_case.case_id", name="fk_inquiry_case_month_inquiry_case")),
    # the employer's book
    C("unit", BigInteger, nullable=False, autoincrement=False),
    C("period", Integer, nullable=False),
    # nothing of a month that was not declared
    C("assessed", BigInteger, nullable=False),
    C("paid", BigInteger, nullable=False),
    PrimaryKeyConstraint("case_id", "unit", "period"),
    CheckConstraint("assessed >= 0 AND paid >= 0 AND paid <= assessed", name="is_not_overpaid"),
    info={"room": "reads"},
)

inquiry_case_taken = Table(
    "inquiry_case_taken",
    metadata,
    # who looks into it: the first who said so
    C("case_id", Text, ForeignKey("inquiry_case.case_id", name="fk_inquiry_case_taken_inquiry_case")),
    C("recorded_at", Instant, nullable=False),
    *written_by("inquiry_case_taken"),
    PrimaryKeyConstraint("case_id"),
    info={"room": "reads"},
)

inquiry_case_answer = Table(
    "inquiry_case_answer",
    metadata,
    # one of a case
    C("case_id", Text, nullable=False),
    C("opened_by", Integer, nullable=False),
    C("outcome", SmallInteger, nullable=False),
    C("text_sealed", LargeBinary, nullable=False),
    C("evidence_sealed", LargeBinary, nullable=False),
    C("answered_on", Date, nullable=False),
    C("recorded_at", Instant, nullable=False),
    *written_by("inquiry_case_answer"),
    PrimaryKeyConstraint("case_id"),
    ForeignKeyConstraint(
        ["case_id", "opened_by"],
        ["inquiry_case.case_id", "inquiry_case.actor"],
        name="fk_inquiry_case_answer_inquiry_case",
    ),
    CheckConstraint(one_of("outcome", _numbers(CaseOutcome)), name="outcome_is_known"),
    CheckConstraint("actor <> opened_by", name="not_by_who_opened_it"),
    info={"room": "reads"},
)

inquiry_case_correction = Table(
    "inquiry_case_correction",
    metadata,
    # the posting by which an error was put right (R59)
    C(
        "case_id",
        Text,
        ForeignKey("inquiry_case_answer.case_id", name="fk_inquiry_case_correction_inquiry_case_answer"),
    ),
    C("place", SmallInteger, nullable=False),
    C("book_id", BigInteger, nullable=False),
    C("entry_seq", Integer, nullable=False),
    PrimaryKeyConstraint("case_id", "place"),
    UniqueConstraint("case_id", "book_id", "entry_seq"),
    CheckConstraint("place > 0", name="place_from_one"),
    info={"room": "reads"},
)

inquiry_case_closing = Table(
    "inquiry_case_closing",
    metadata,
    # the answer was told
    C(
        "case_id",
        Text,
        ForeignKey("inquiry_case_answer.case_id", name="fk_inquiry_case_closing_inquiry_case_answer"),
    ),
    C("recorded_at", Instant, nullable=False),
    *written_by("inquiry_case_closing"),
    PrimaryKeyConstraint("case_id"),
    info={"room": "reads"},
)
