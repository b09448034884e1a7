"""A noun that the core has never heard of: its need, rows and state are declared here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    select,
)

from ledger import tables
from ledger.book.beside import RowKind, StateKind, rows_digest
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.rows import RowLetter
from ledger.posting import BookRef, Command, Desk, Look, Need, Posted, Receipt
from ledger.posting.rehearsal import rehearse
from ledger.refusals import RefusalCode, Refused
from tests.support.people import World

NOTE = Table(
    "noted_by_a_test",
    tables.metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("line", Integer, nullable=False),
    Column("topic", Text, nullable=False),
    Column("weight", Integer, nullable=False),
    PrimaryKeyConstraint("book_id", "seq", "line"),
)
TALLY = Table(
    "tallied_by_a_test",
    tables.metadata,
    Column("book_id", BigInteger, nullable=False),
    Column("topic", Text, nullable=False),
    Column("notes", Integer, nullable=False),
    Column("weight", Integer, nullable=False),
    PrimaryKeyConstraint("book_id", "topic"),
)
# the schema of the product does not have them
tables.metadata.remove(NOTE)
tables.metadata.remove(TALLY)


class NoteRow(NamedTuple):
    """Something noted about an account."""

    topic: str
    weight: int


class Tally(NamedTuple):
    """What the notes on a topic add up to."""

    notes: int = 0
    weight: int = 0


TALLIES: StateKind[str, Tally] = StateKind("tallied_by_a_test", ("topic",), Tally)


def _count(book: Book, row: NoteRow) -> None:
    known = book.of(TALLIES).get(row.topic) or Tally()
    book.of(TALLIES).set(row.topic, Tally(known.notes + 1, known.weight + row.weight))


NOTE_ROW = RowKind("noted_by_a_test", RowLetter.SUSPENSION, NoteRow, apply=_count)

Found = dict[int, list[str]]


def _keep(found: Found, desk: Desk, book_id: int, values: Sequence[Any]) -> None:
    topic, notes, weight = values
    found.setdefault(book_id, []).append(topic)
    desk.books[book_id].put(TALLIES).rows[topic] = Tally(notes, weight)


_LOOK: Look[Found] = Look(
    "tallied_by_a_test t",
    {"t.topic": TALLY.c.topic, "t.notes": TALLY.c.notes, "t.weight": TALLY.c.weight},
    "t.book_id = {book}",
    begin=dict,
    keep=_keep,
    states=(TALLIES,),
    order="t.topic",
)


def _follow(found: Found, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    found.setdefault(receipt.book_id, []).extend(row.topic for row in NOTE_ROW.among(beside))


TOPICS: Need[Found] = Need("topics", look=_LOOK, follow=_follow)


@dataclass(eq=False)
class Note(Command):
    """Note some things about an account; each topic may be heavy once."""

    verb = "note"
    needs = frozenset({TOPICS})

    book: BookRef
    notes: tuple[NoteRow, ...]
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return repr(self.notes)

    def decide(self, desk: Desk) -> None:
        known = desk.of(TOPICS).get(desk.book.book_id, [])
        if any(note.weight > 9 and note.topic in known for note in self.notes):
            raise Refused(RefusalCode.SHAPE_INVALID)
        desk.book.add(
            Draft(
                Kind.FREEZE_END,
                desk.today,
                keyed=True,
                beside=self.notes,
                detail=pack(rows=rows_digest(self.notes)),
            )
        )


@dataclass(eq=False)
class Careless(Note):
    """The same without asking for what it needs."""

    needs = frozenset()


@pytest.fixture
def world(fresh_engine: Engine) -> Iterator[World]:
    for table in (NOTE, TALLY):
        table.to_metadata(tables.metadata)
    try:
        with fresh_engine.begin() as connection:
            NOTE.create(connection)
            TALLY.create(connection)
        yield World(fresh_engine)
    finally:
        for table in (NOTE, TALLY):
            tables.metadata.remove(tables.metadata.tables[table.name])


def stored(world: World, table: Table) -> list[tuple[Any, ...]]:
    with world.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]


def test_rows_and_state_go_to_their_tables(world: World) -> None:
    book = world.open()
    receipt = world.one(Note(book, (NoteRow("shoes", 2), NoteRow("hats", 3), NoteRow("shoes", 4))))
    assert stored(world, NOTE) == [
        (book, receipt.seq, 1, "shoes", 2),
        (book, receipt.seq, 2, "hats", 3),
        (book, receipt.seq, 3, "shoes", 4),
    ]
    assert stored(world, TALLY) == [(book, "hats", 1, 3), (book, "shoes", 2, 6)]
    assert unpack(receipt.detail)["rows"] == rows_digest(
        (NoteRow("shoes", 2), NoteRow("hats", 3), NoteRow("shoes", 4))
    )
    world.one(Note(book, (NoteRow("hats", 1),)))
    assert stored(world, TALLY) == [(book, "hats", 2, 4), (book, "shoes", 2, 6)]


def test_the_next_command_of_the_batch_sees_it(world: World) -> None:
    one, other = world.open(), world.open()
    heavy = (NoteRow("shoes", 10),)
    first, second, third = world.post(Note(one, heavy), Note(one, heavy), Note(other, heavy))
    assert isinstance(first, Posted)
    assert isinstance(second, Refused)
    assert isinstance(third, Posted)
    assert stored(world, TALLY) == [(book, "shoes", 1, 10) for book in sorted((one, other))]


def test_what_is_refused_or_rehearsed_writes_nothing(world: World) -> None:
    book = world.open()
    with world.engine.connect() as connection:
        command = Note(book, (NoteRow("shoes", 1),), "caller", "actor")
        [outcome] = rehearse(connection, [command], world.now, world.today, world.policies)
    assert isinstance(outcome, Posted)
    assert outcome.rows(NOTE_ROW) == (NoteRow("shoes", 1),)
    assert stored(world, NOTE) == stored(world, TALLY) == []


def test_an_account_opened_in_the_same_batch_has_no_state_yet(world: World) -> None:
    opening = world.opening()
    outcomes = world.post(opening, Note(opening.book, (NoteRow("shoes", 1),)))
    assert all(isinstance(outcome, Posted) for outcome in outcomes)
    assert [row[1:] for row in stored(world, TALLY)] == [("shoes", 1, 1)]


def test_who_did_not_ask_is_told(world: World) -> None:
    book = world.open()
    with pytest.raises(AssertionError, match="nobody asked for topics"):
        world.post(Careless(book, (NoteRow("shoes", 1),)))


def test_a_class_is_one_kind_of_row() -> None:
    with pytest.raises(TypeError, match="NoteRow is a kind of row already"):
        RowKind("noted_by_a_test", RowLetter.FILING, NoteRow)


def test_the_digest_tells_kinds_in_the_order_of_their_letters() -> None:
    class OtherRow(NamedTuple):
        topic: str

    other = RowKind("other", RowLetter.FILING, OtherRow)
    assert other.letter < NOTE_ROW.letter
    note, more = NoteRow("shoes", 1), OtherRow("hats")
    assert rows_digest((note, more)) == rows_digest((more, note))
    assert rows_digest((note,)) != rows_digest((NoteRow("shoe", 11),))
