"""What happened, for other systems: what was written and is not in the feed yet, the feed, who is sent it."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy import Column as C

from ledger.chart.events import EventKind
from ledger.tables.base import Instant, metadata, one_of, written_by

_KINDS = [int(kind) for kind in EventKind]

outbox = Table(
    "outbox",
    metadata,
    # the instant, and the first of the entries: an entry is written once, so its name is the row's
    C("recorded_at", Instant, nullable=False),
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("seq", Integer, nullable=False, autoincrement=False),
    # all entries that one statement wrote: their books and their numbers, each as `{1,2}`
    C("books", Text, nullable=False),
    C("seqs", Text, nullable=False),
    PrimaryKeyConstraint("recorded_at", "book_id", "seq"),
    info={"room": "reads"},
    # every posting writes a row: into one tree, and not into two
    sqlite_with_rowid=False,
)

notice = Table(
    "notice",
    metadata,
    # what happened that is no entry; `ref` tells it from others of its kind in this book
    C("kind", SmallInteger, nullable=False, autoincrement=False),
    C("ref", Text, nullable=False),
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("at", Instant, nullable=False),
    PrimaryKeyConstraint("kind", "ref", "book_id"),
    CheckConstraint(one_of("kind", _KINDS), name="kind_is_known"),
    info={"room": "reads"},
)

event = Table(
    "event",
    metadata,
    # without gaps from 1 on, given to what is committed
    C("position", BigInteger, nullable=False, autoincrement=False),
    C("kind", SmallInteger, nullable=False),
    # no keys on book and entry: their checks would lock rows that whoever posts updates
    C("book_id", BigInteger, nullable=False),
    C("seq", Integer),
    C("ref", Text),
    C("at", Instant, nullable=False),
    PrimaryKeyConstraint("position"),
    CheckConstraint("position > 0", name="position_from_one"),
    CheckConstraint(one_of("kind", _KINDS), name="kind_is_known"),
    CheckConstraint("(seq IS NULL) <> (ref IS NULL)", name="is_an_entry_or_has_a_reference"),
    # each happened once
    Index(
        "uq_event_entry",
        "book_id",
        "seq",
        unique=True,
        postgresql_where=text("seq IS NOT NULL"),
        sqlite_where=text("seq IS NOT NULL"),
    ),
    Index(
        "uq_event_ref",
        "kind",
        "ref",
        "book_id",
        unique=True,
        postgresql_where=text("ref IS NOT NULL"),
        sqlite_where=text("ref IS NOT NULL"),
    ),
    info={"room": "reads"},
)

webhook = Table(
    "webhook",
    metadata,
    C("name", Text, nullable=False),
    C("url", Text, nullable=False),
    # words with blanks between them; null: all kinds
    C("kinds", Text),
    C("secret_sealed", LargeBinary, nullable=False),
    # the last event that was taken, and the last of the message that is under way
    C("position", BigInteger, nullable=False),
    C("sending", BigInteger),
    # how often that message was sent in vain, what came of it last, and when it is sent again
    C("tries", Integer, nullable=False),
    C("result", Text),
    C("tried_at", Instant),
    C("next_at", Instant),
    C("taken_at", Instant),
    C("recorded_at", Instant, nullable=False),
    *written_by("webhook"),
    C("ended_at", Instant),
    PrimaryKeyConstraint("name"),
    CheckConstraint("position >= 0 AND tries >= 0", name="numbers_are_positive"),
    CheckConstraint("sending IS NULL OR sending > position", name="sends_what_was_not_taken"),
    # an address is sent each event once
    Index(
        "uq_webhook_url",
        "url",
        unique=True,
        postgresql_where=text("ended_at IS NULL"),
        sqlite_where=text("ended_at IS NULL"),
    ),
    info={"room": "reads"},
)
