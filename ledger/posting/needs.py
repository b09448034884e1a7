"""What a command may want to have read beside the books and keys that are always read.

A need belongs to the domain that declares it: how it is read for many books at once, what it finds, how an
entry of the same batch adds to it, and for those that a quote asks for, how it is read by one look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Generic, TypeVar

from sqlalchemy import BigInteger, ColumnElement, Connection, Date, column

from ledger.book.beside import StateKind
from ledger.book.state import Book
from ledger.database.lookups import Ask, Lookup

FoundT = TypeVar("FoundT")
# (book, command) of every command that asked
Asked = Sequence[tuple[int, Any]]
# how a need is read: connection, who asked, desk
Read = Callable[[Connection, Asked, Any], FoundT]
# Which other books commands will most likely write, told before the locks: connection, who asks. Locked at
# once they are decided once; whatever it leaves out is found by the decision, and locked then.
Foresee = Callable[[Connection, Asked], Iterable[int]]
_BOOK = column("book_id", BigInteger)


class Look(Generic[FoundT]):
    """Rows of a table that stand beside a book, declared once and read in two ways.

    `rows` reads them for many books in one statement of their own; `in_one` is the same as one value inside a
    statement about the book `b`, and `out_of_one` gives its rows back. `begin` makes what a need finds before
    the first row, `keep` adds a row to it: called with what was found, desk, book and the row's values. Where
    it has no `keep` it tells only that there are no rows, and a quote that meets one goes the long way.
    `states` are what its rows put beside the book; they stand there also when there are no rows.

    `on` says which rows, of `{book}` or of `{person}`; a row that is read by a person belongs to the book of
    whoever asked. `given` are values of a command, which `table` names as `:name`; such a look is for one
    book, and its need has a `read` of its own.
    """

    def __init__(
        self,
        table: str,
        columns: Mapping[str, ColumnElement[Any]],
        on: str,
        *,
        begin: Callable[[], FoundT],
        keep: Callable[[FoundT, Any, int, Sequence[Any]], None] | None = None,
        states: Sequence[StateKind[Any, Any]] = (),
        where: str = "",
        order: str = "",
        given: Callable[[Any], Mapping[str, Any]] | None = None,
    ) -> None:
        listed = ", ".join(columns)
        self.begin = begin
        self.keep = keep
        self.states = states
        self.given = given
        self.columns = listed
        self.types = list(columns.values())
        self._days = [place for place, column in enumerate(self.types) if isinstance(column.type, Date)]
        there = f"JOIN {table} ON {on.format(book='given.book_id', person='given.person_id')}"
        self.lookup = Lookup(
            f"SELECT given.book_id, {listed} FROM {{given}} {there}"
            f" {f'WHERE {where}' if where else ''} {f'ORDER BY {order}' if order else ''}",
            [_BOOK, *self.types],
            book_id="big",
        )
        which = " AND ".join(filter(None, (on.format(book="b.book_id", person="b.person_id"), where)))
        ordered = f" ORDER BY {order}" if order else ""
        source = f"{table} WHERE {which}"
        self.in_one = f"(SELECT json_agg(json_build_array({listed}){ordered}) FROM {source})"

    def put_states(self, book: Book) -> None:
        """Let a book know that its state is being read."""
        for kind in self.states:
            book.put(kind)

    def rows(self, connection: Connection, books: Iterable[int]) -> Sequence[Any]:
        """(book, *columns) of every row that stands beside one of these books."""
        return self.lookup.run(connection, [(book_id,) for book_id in books])

    def ask(self, books: Iterable[int]) -> Ask:
        """What `rows` is going to ask."""
        return self.lookup, [(book_id,) for book_id in books]

    def out_of_one(self, seen: Sequence[list[Any]] | None) -> Iterable[Sequence[Any]]:
        """The rows of one book as the one look gave them, their days being days again."""
        for values in seen or ():
            for place in self._days:
                if values[place] is not None:
                    values[place] = date.fromisoformat(values[place])
            yield values


class Need(Generic[FoundT]):
    """Something that commands ask for: `desk.of(need)` in a decision is what `read` found.

    Parameters
    ----------
    name
        What it is called, for the message to whoever did not ask.
    read
        Reads it, after the locks, for all commands that asked. Without it the `look` is read for their books.
    look
        How one look at a book reads it, for quotes; what has none makes a quote go the long way.
    follow
        Lets what was found include an entry of this very batch: called with what was found, the desk, the
        receipt and the rows beside it.
    first
        Read before the others: they may ask about what it finds.
    ahead
        What `read` is going to ask for these commands, as far as it is known before their books are locked:
        it is asked along with the locks, and need not be right. A need that is read by its `look` knows that.
    glimpse
        For one that few commands really need: what it is for a command and its book without any reading, None
        when it has to be read. A quote goes by one look then, though the need has none.
    idle
        Tells by the desk whether nobody needs it today: it is neither read nor followed then.
    """

    def __init__(
        self,
        name: str,
        read: Read[FoundT] | None = None,
        *,
        look: Look[FoundT] | None = None,
        follow: Callable[[FoundT, Any, Any, Sequence[Any]], None] | None = None,
        first: bool = False,
        ahead: Callable[[Asked, Any], Sequence[Ask]] | None = None,
        glimpse: Callable[[Any, Book], FoundT | None] | None = None,
        idle: Callable[[Any], bool] | None = None,
    ) -> None:
        self.name = name
        self.look = look
        self.follow = follow
        self.first = first
        self.glimpse = glimpse
        # the order in which needs are read, the same every time
        self.place = (not first, name)
        self._read = read
        self._ahead = ahead
        self._idle = idle

    def is_idle(self, desk: Any) -> bool:
        """Whether nobody needs it today."""
        return self._idle is not None and self._idle(desk)

    def asks(self, asked: Asked, desk: Any) -> Sequence[Ask]:
        """What reading it for these commands is going to ask, as far as that is known without their books."""
        if self._ahead is not None:
            return self._ahead(asked, desk)
        if self._read is None and self.look is not None:
            return [self.look.ask(dict.fromkeys(book_id for book_id, _command in asked))]
        return ()

    def read(self, connection: Connection, asked: Asked, desk: Any) -> FoundT:
        """What it is for all these commands."""
        if self._read is not None:
            return self._read(connection, asked, desk)
        if self.look is None or self.look.keep is None:
            raise TypeError(f"nothing says how {self.name} is read")
        found, books = self.look.begin(), own_books(asked, desk)
        for book_id in books:
            self.look.put_states(desk.books[book_id])
        for book_id, *values in self.look.rows(connection, books):
            self.look.keep(found, desk, book_id, values)
        return found


def own_books(asked: Asked, desk: Any) -> list[int]:
    """The books of those who asked, each once, as far as they are there."""
    return list(dict.fromkeys(book_id for book_id, _command in asked if book_id in desk.books))
