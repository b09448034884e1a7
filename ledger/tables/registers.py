"""What is said of employers and institutions from a day on: the registers themselves say the first state."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy import Column as C

from ledger.tables.base import metadata

institution_change = Table(
    "institution_change",
    metadata,
    # the institution's book and the entry that recorded it; what is not said stays as it was
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("seq", Integer, nullable=False, autoincrement=False),
    # the first day of it
    C("valid_from", Date, nullable=False),
    C("name", Text),
    C("kind", Text),
    C("level", SmallInteger),
    C("area", Integer),
    # whether there is no such institution any more, and the code of the one that took its place
    C("ended", Boolean),
    C("successor", Text),
    PrimaryKeyConstraint("book_id", "seq"),
    ForeignKeyConstraint(
        ["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_institution_change_entry"
    ),
    CheckConstraint("kind IS NULL OR kind IN ('hospital', 'clinic', 'pharmacy')", name="kind_known"),
    CheckConstraint("level IS NULL OR level BETWEEN 1 AND 3", name="level_known"),
    CheckConstraint("COALESCE(name, kind) IS NOT NULL OR COALESCE(level, area) IS NOT NULL"
                    " OR ended IS NOT NULL", name="says_something"),
    CheckConstraint("successor IS NULL OR COALESCE(ended, false)", name="followed_when_it_ends"),
    info={"room": "book"},
)  # fmt: skip

employer_change = Table(
    "employer_change",
    metadata,
    # the employer's book and the entry that recorded it; what is not said stays as it was
    C("book_id", BigInteger, nullable=False, autoincrement=False),
    C("seq", Integer, nullable=False, autoincrement=False),
    # the first day of it
    C("valid_from", Date, nullable=False),
    C("name", Text),
    C("area", Integer),
    # the book of the employer that it was merged into
    C("successor", BigInteger),
    PrimaryKeyConstraint("book_id", "seq"),
    ForeignKeyConstraint(["book_id", "seq"], ["entry.book_id", "entry.seq"], name="fk_employer_change_entry"),
    CheckConstraint("name IS NOT NULL OR COALESCE(area, successor) IS NOT NULL", name="says_something"),
    CheckConstraint("successor IS NULL OR successor <> book_id", name="not_into_itself"),
    info={"room": "book"},
)
