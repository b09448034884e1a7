"""Rows read in the order of their keys, several tables side by side, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Select

ValueT = TypeVar("ValueT")
Key = tuple[int, ...]

_ROWS_AT_ONCE = 2_000


def streamed(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    """The rows of a query, a few thousand in memory."""
    return iter(connection.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)))


def some_at_once(connection: Connection, query: Select[Any], rows: int) -> Iterator[Sequence[Any]]:
    """The rows of a query, so many at a time."""
    return connection.execute(query.execution_options(yield_per=rows)).partitions(rows)


def keyed(
    rows: Iterable[Any], length: int, make: Callable[[Sequence[Any]], ValueT]
) -> Iterator[tuple[Key, ValueT]]:
    """Each row as its key, which is its first columns, and what is made of the rest."""
    for row in rows:
        yield tuple(row[:length]), make(row[length:])


class Stream(Generic[ValueT]):
    """Values in the order of their keys, handed out key by key; what nobody asked for is a stray."""

    def __init__(self, rows: Iterable[tuple[Key, ValueT]]) -> None:
        self._rows = iter(rows)
        self._next = next(self._rows, None)
        self._strays: dict[Key, None] = {}

    def of(self, key: Key) -> Iterator[ValueT]:
        """The values of a key. Keys are asked for in order, and each is exhausted before the next."""
        while self._next is not None and self._next[0] <= key:
            there, value = self._next
            self._next = next(self._rows, None)
            if there == key:
                yield value
            else:
                self._strays[there] = None

    def strays(self) -> Iterator[Key]:
        """The keys that nobody asked for, once all others were."""
        while self._next is not None:
            self._strays[self._next[0]] = None
            self._next = next(self._rows, None)
        return iter(self._strays)


def side_by_side(*streams: Iterable[tuple[Key, Any]]) -> Iterator[tuple[Key, list[Any]]]:
    """Streams with one row a key, merged: each key with the row of each stream, None where it has none."""
    iterators = [iter(stream) for stream in streams]
    heads = [next(iterator, None) for iterator in iterators]
    while any(head is not None for head in heads):
        key = min(head[0] for head in heads if head is not None)
        rows: list[Any] = []
        for place, head in enumerate(heads):
            if head is not None and head[0] == key:
                rows.append(head[1])
                heads[place] = next(iterators[place], None)
            else:
                rows.append(None)
        yield key, rows
