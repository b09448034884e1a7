"""What was handed out on paper or as a file: kept as the facts that were printed, never changed."""

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
    UniqueConstraint,
)
from sqlalchemy import Column as C

from ledger.chart.channels import EVERYTHING
from ledger.chart.documents import DocumentKind
from ledger.tables.base import Instant, metadata, one_of, written_by

document = Table(
    "document",
    metadata,
    # chosen at random: it stands in paths, and tells nothing
    C("name", Text, nullable=False),
    C("serial", Text, nullable=False),
    # keyed: who reads the table makes no code of it
    C("code_digest", LargeBinary, nullable=False),
    C("kind", SmallInteger, nullable=False),
    C("form", Text, nullable=False),
    # the version of the form, of what draws it, and of the signed data
    C("made_by", Text, nullable=False),
    # the key that signed, and what it signed with
    C("key_id", Text, nullable=False),
    C("signature", LargeBinary, nullable=False),
    # of a person's account or an employer
    C("book_id", BigInteger, nullable=False),
    C("first", Date, nullable=False),
    C("last", Date, nullable=False),
    # the groups of fields that it shows of persons, and how many items
    C("fields", SmallInteger, nullable=False),
    C("items", Integer, nullable=False),
    # the sums that it states, and the entries and months that it rests on, as JSON
    C("totals", Text, nullable=False),
    C("rests_on", Text, nullable=False),
    # the sheet, sealed: it holds names
    C("facts_sealed", LargeBinary, nullable=False),
    C("sha256", LargeBinary, nullable=False),
    C("pages", Integer, nullable=False),
    C("issued_at", Instant, nullable=False),
    *written_by("document"),
    # what it was printed for: what a court has printed is not listed to the person before its day
    C("purpose", Text),
    C("ref", Text),
    # keyed, over all of it
    C("seal", LargeBinary, nullable=False),
    PrimaryKeyConstraint("name"),
    UniqueConstraint("serial"),
    UniqueConstraint("code_digest"),
    CheckConstraint(one_of("kind", [int(kind) for kind in DocumentKind]), name="kind_is_known"),
    CheckConstraint(
        "length(code_digest) = 32 AND length(sha256) = 32 AND length(seal) = 32", name="digests_are_digests"
    ),
    CheckConstraint("length(signature) = 64", name="signature_is_one"),
    CheckConstraint('"last" >= "first"', name="ends_after_it_begins"),
    CheckConstraint("pages > 0 AND items >= 0", name="numbers_are_positive"),
    CheckConstraint(f"fields BETWEEN 0 AND {int(EVERYTHING)}", name="fields_are_known"),
    Index("ix_document_book_issued", "book_id", "issued_at", "name"),
    info={"room": "reads"},
)

document_content = Table(
    "document_content",
    metadata,
    # the bytes of a document that could not be made again, sealed
    C("name", Text, ForeignKey("document.name", name="fk_document_content_document"), nullable=False),
    C("content_sealed", LargeBinary, nullable=False),
    C("kept_at", Instant, nullable=False),
    PrimaryKeyConstraint("name"),
    info={"room": "reads"},
)
