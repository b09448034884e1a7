"""What stands beside a book: rows that entries write beside themselves, and the state these add up to. Pure.

A kind of row, and a kind of state, belongs to the domain that declares it. Here is only what all of them have
in common: where a row goes, how the chain covers it, and how state is copied and changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Generic, TypeVar

from ledger.chart.rows import RowLetter

# a NamedTuple whose class was declared as a kind of row
Row = tuple[Any, ...]
RowT = TypeVar("RowT", bound=Row)
KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

_RANK = {letter: place for place, letter in enumerate(RowLetter)}


def plain(values: Iterable[object]) -> str:
    """Values side by side, nothing for None: for rows without free text."""
    return "|".join(["" if value is None else str(value) for value in values])


def with_lengths(row: Row) -> str:
    """A row with the lengths of its texts in front: no text can be cut otherwise into the same bytes."""
    lengths = [len(value) for value in row if isinstance(value, str)]
    return f"{lengths}{'|'.join(map(str, row))}"


class RowKind(Generic[RowT]):
    """A kind of row that entries write beside themselves, as its owner declares it.

    Parameters
    ----------
    table
        The table that it goes to. The columns are the fields of `row` by name, and where the table has them
        `book_id`, `seq` and `line` (the number of the row among those of its kind, from 1).
    letter
        Its letter in the digest over an entry's rows.
    row
        The NamedTuple class. A class is one kind of row.
    told
        What the digest tells of a row; no two rows may tell the same.
    apply
        Lets the state beside the book include a row: called with the book and the row.
    replaces
        Whether it sets a row of its table anew that stands there under the same key.
    """

    _of: Mapping[type, RowKind[Any]] = {}

    def __init__(
        self,
        table: str,
        letter: RowLetter,
        row: type[RowT],
        *,
        told: Callable[[RowT], str] = with_lengths,
        apply: Callable[[Any, RowT], None] | None = None,
        replaces: bool = False,
    ) -> None:
        self.table = table
        self.letter = letter
        self.row = row
        self.fields: tuple[str, ...] = row._fields  # type: ignore[attr-defined]  # a NamedTuple has them
        self.told = told
        self.apply = apply
        self.replaces = replaces
        # a row knows its class and no more, so a class is one kind of row
        if row in RowKind._of:
            raise TypeError(f"{row.__name__} is a kind of row already")
        RowKind._of = {**RowKind._of, row: self}

    @staticmethod
    def of(row: Row) -> RowKind[Any]:
        """The kind of a row."""
        return RowKind._of[type(row)]

    def among(self, beside: Iterable[Row]) -> tuple[RowT, ...]:
        """The rows of this kind, in their order."""
        return tuple(row for row in beside if isinstance(row, self.row))


def rank(kind: RowKind[Any]) -> int:
    """The place of a kind of row in the order of the digest."""
    return _RANK[kind.letter]


def by_kind(beside: Iterable[Row]) -> list[tuple[RowKind[Any], list[Row]]]:
    """The rows of an entry by kind, in the order of the digest."""
    found: dict[RowKind[Any], list[Row]] = {}
    for row in beside:
        found.setdefault(RowKind.of(row), []).append(row)
    return [(kind, found[kind]) for kind in sorted(found, key=rank)]


def rows_digest(beside: Sequence[Row]) -> str:
    """Sixteen hex digits over the rows; the entry keeps them, so that the chain covers its rows too."""
    told = sha256()
    for kind, rows in by_kind(beside):
        for row in rows:
            told.update(f"{kind.letter}{kind.told(row)}\n".encode())
    return told.hexdigest()[:16]


class StateKind(Generic[KeyT, ValueT]):
    """A kind of state beside a book, as its owner declares it: what rows or entries add up to, by key.

    `table` has the columns `book_id`, those of the `key`, and of the fields of `value` those it is to keep.
    """

    def __init__(self, table: str, key: Sequence[str], value: type[ValueT]) -> None:
        self.table = table
        self.key = tuple(key)
        self.fields: tuple[str, ...] = value._fields  # type: ignore[attr-defined]  # a NamedTuple has them


class State(Generic[KeyT, ValueT]):
    """What posting has read of one kind of state beside one book, and what the batch changed of it."""

    __slots__ = ("rows", "touched")

    def __init__(self, rows: dict[KeyT, ValueT] | None = None) -> None:
        self.rows: dict[KeyT, ValueT] = {} if rows is None else rows
        self.touched: set[KeyT] = set()

    def copy(self) -> State[KeyT, ValueT]:
        other: State[KeyT, ValueT] = State(dict(self.rows))
        other.touched = set(self.touched)
        return other

    def get(self, key: KeyT) -> ValueT | None:
        return self.rows.get(key)

    def set(self, key: KeyT, value: ValueT) -> ValueT:
        """Change it; it is written with the entry that says so."""
        self.rows[key] = value
        self.touched.add(key)
        return value
