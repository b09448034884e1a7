"""Writing many rows in one statement."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, Table

from ledger.database.cluster import in_cluster, in_lock_order
from ledger.database.direct import POSTGRESQL, Answer, Direct, RoundTrip, write_to_sqlite
from ledger.database.engines import is_postgresql
from ledger.database.lookups import answered_ahead, array_literal


def _pg_type(table: Table, name: str) -> str:
    compiled = table.c[name].type.compile(dialect=POSTGRESQL).lower()
    return {"timestamp with time zone": "timestamptz", "integer": "int"}.get(compiled, compiled)


def _values(prefix: str, types: Sequence[str]) -> list[str]:
    """The values of one row, named by a prefix and their number, as they are: without arrays."""
    return [f"CAST(:{prefix}{number} AS {pg_type})" for number, pg_type in enumerate(types)]


def _arrays(prefix: str, types: Sequence[str]) -> str:
    """Rows as one array for each column, named so."""
    casts = [f"CAST(:{prefix}{number} AS {pg_type}[])" for number, pg_type in enumerate(types)]
    return f"unnest({', '.join(casts)})"


def _named(prefix: str, row: Iterable[Any]) -> dict[str, Any]:
    """The values of one row by those names."""
    return {f"{prefix}{number}": value for number, value in enumerate(row)}


def _named_arrays(prefix: str, types: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The arrays of some rows by those names."""
    columns = zip(*rows, strict=True) if rows else ((),) * len(types)
    return {
        f"{prefix}{number}": array_literal(pg_type, column)
        for number, (pg_type, column) in enumerate(zip(types, columns, strict=True))
    }


RECORDED_AT = "recorded_at"
# book, number, books and numbers
_OUTBOX_TYPES = ("bigint", "int", "text", "text")


class BookWriter:
    """The statements that write one batch: books updated, entries and transfers inserted.

    One row of the outbox says which entries they were. On PostgreSQL all that is ONE writable CTE, which is
    sent nothing more for that row: it has the columns of the entries. Foreign keys are checked at its end.
    In a cluster each row lies with all the entries that it names, one for each shard: of two machines one may
    show what was committed before the other does, and who sees an entry there must see those before it.
    """

    def __init__(
        self, book: Table, entry: Table, transfer: Table, outbox: Table, changed: Sequence[str]
    ) -> None:
        self._tables = (book, entry, transfer)
        self._outbox = f"{outbox.name} ({RECORDED_AT}, book_id, seq, books, seqs)"
        # the books' rows: the id first, then what an update sets
        self._columns = (
            ("book_id", *changed),
            # the instant of recording is one for the whole batch, and goes over once
            tuple(name for name in entry.columns.keys() if name != RECORDED_AT),  # noqa: SIM118  not a dict
            tuple(transfer.columns.keys()),
        )
        self._types = tuple(
            tuple(_pg_type(table, name) for name in names)
            for table, names in zip(self._tables, self._columns, strict=True)
        )
        # where an entry says its book and its number
        self._names = tuple(self._columns[1].index(name) for name in ("book_id", "seq"))
        self._postgresql = self._make_postgresql("")
        # most who post are alone in their batch: their values go over as they are, without arrays, but for
        # transfers where there are several
        moves = self._types[2]
        self._alone = self._make_alone(f"VALUES ({', '.join(_values('t', moves))})")
        self._alone_with_several = self._make_alone(f"SELECT * FROM {_arrays('t', moves)}")
        # only the machines on which these books lie are asked
        here = f" AND book.book_id = ANY(CAST(:b0 AS {self._types[0][0]}[]))"
        self._cluster = self._make_postgresql(here)
        self._cluster_of_several = self._make_postgresql(
            here, f"SELECT CAST(:{RECORDED_AT} AS timestamptz), u.* FROM {_arrays('o', _OUTBOX_TYPES)} AS u"
        )
        book_columns, entry_columns, transfer_columns = self._columns
        self._sqlite = (
            f"UPDATE book SET {', '.join(f'{name} = ?' for name in (RECORDED_AT, *book_columns[1:]))}"
            " WHERE book_id = ?",
            f"INSERT INTO entry ({RECORDED_AT}, {', '.join(entry_columns)})"
            f" VALUES ({', '.join('?' * (len(entry_columns) + 1))})",
            f"INSERT INTO transfer ({', '.join(transfer_columns)})"
            f" VALUES ({', '.join('?' * len(transfer_columns))})",
            f"INSERT INTO {self._outbox} VALUES (?, ?, ?, ?, ?)",
        )

    def _make_postgresql(self, which: str, named: str | None = None) -> Direct:
        def given(prefix: str, place: int) -> str:
            return f"{_arrays(prefix, self._types[place])} AS u({', '.join(self._columns[place])})"

        sets = ", ".join(f"{name} = u.{name}" for name in self._columns[0][1:])
        books, seqs = (f"CAST(:e{place} AS {self._types[1][place]}[])" for place in self._names)
        named = named or (
            f"VALUES (CAST(:{RECORDED_AT} AS timestamptz),"
            f" ({books})[1], ({seqs})[1], CAST({books} AS text), CAST({seqs} AS text))"
        )
        return Direct(
            f"WITH b AS (UPDATE book SET {RECORDED_AT} = CAST(:{RECORDED_AT} AS timestamptz), {sets}"
            f" FROM {given('b', 0)} WHERE book.book_id = u.book_id{which}),"
            f" e AS (INSERT INTO entry ({RECORDED_AT}, {', '.join(self._columns[1])})"
            f" SELECT CAST(:{RECORDED_AT} AS timestamptz), u.* FROM {given('e', 1)}),"
            f" o AS (INSERT INTO {self._outbox} {named})"
            f" INSERT INTO transfer ({', '.join(self._columns[2])}) SELECT * FROM {given('t', 2)}"
        )

    def _make_alone(self, transfers: str) -> Direct:
        """The same for one entry in one book, with these transfers."""
        at = f"CAST(:{RECORDED_AT} AS timestamptz)"
        book, *changed = _values("b", self._types[0])
        sets = ", ".join(f"{name} = {one}" for name, one in zip(self._columns[0][1:], changed, strict=True))
        entry = _values("e", self._types[1])
        book_id, seq = (entry[place] for place in self._names)
        return Direct(
            f"WITH b AS (UPDATE book SET {RECORDED_AT} = {at}, {sets} WHERE book_id = {book}),"
            f" e AS (INSERT INTO entry ({RECORDED_AT}, {', '.join(self._columns[1])})"
            f" VALUES ({at}, {', '.join(entry)})),"
            f" o AS (INSERT INTO {self._outbox} VALUES ({at}, {book_id}, {seq},"
            f" '{{' || {book_id} || '}}', '{{' || {seq} || '}}'))"
            f" INSERT INTO transfer ({', '.join(self._columns[2])}) {transfers}"
        )

    def write_in(
        self,
        trip: RoundTrip,
        books: Sequence[tuple[Any, ...]],
        entries: Sequence[tuple[Any, ...]],
        transfers: Sequence[tuple[Any, ...]],
        recorded_at: datetime,
    ) -> None:
        """Write one batch, recorded at one instant, in a round trip. A batch of nothing writes nothing."""
        if not entries:
            return
        connection = trip.connection
        if is_postgresql(connection):
            parameters: dict[str, Any] = {RECORDED_AT: recorded_at.isoformat()}
            spread = in_cluster(connection)
            if len(books) == len(entries) == 1 and not spread:
                parameters |= _named("b", books[0]) | _named("e", entries[0])
                if len(transfers) == 1:
                    trip.ask(self._alone, parameters | _named("t", transfers[0]))
                else:
                    moves = _named_arrays("t", self._types[2], transfers)
                    trip.ask(self._alone_with_several, parameters | moves)
                return
            for prefix, types, rows in zip("bet", self._types, (books, entries, transfers), strict=True):
                parameters |= _named_arrays(prefix, types, rows)
            told = self._told_of(connection, entries) if spread else ()
            if len(told) > 1:
                parameters |= _named_arrays("o", _OUTBOX_TYPES, told)
                trip.ask(self._cluster_of_several, parameters)
            else:
                trip.ask(self._cluster if spread else self._postgresql, parameters)
            return
        update, insert_entry, insert_transfer, insert_outbox = self._sqlite
        recorded = _sqlite_value(recorded_at)
        if books:
            write_to_sqlite(
                connection, update, [(recorded, *_sqlite_row(row[1:] + row[:1])) for row in books]
            )
        write_to_sqlite(connection, insert_entry, [(recorded, *_sqlite_row(row)) for row in entries])
        if transfers:
            write_to_sqlite(connection, insert_transfer, transfers)
        write_to_sqlite(connection, insert_outbox, [(recorded, *self._told(entries))])

    def _told(self, entries: Sequence[tuple[Any, ...]]) -> tuple[int, int, str, str]:
        """The row of the outbox that names some entries, but for the instant."""
        book, seq = self._names
        books, seqs = [row[book] for row in entries], [row[seq] for row in entries]
        return books[0], seqs[0], array_literal("bigint", books), array_literal("int", seqs)

    def _told_of(
        self, connection: Connection, entries: Sequence[tuple[Any, ...]]
    ) -> Sequence[tuple[int, int, str, str]]:
        """In a cluster the rows of the outbox, each of which names what lies in its shard."""
        by_book: dict[int, list[tuple[Any, ...]]] = {}
        for entry in entries:
            by_book.setdefault(entry[self._names[0]], []).append(entry)
        shards = in_lock_order(connection, by_book)
        return [self._told([entry for book_id in some for entry in by_book[book_id]]) for some in shards]


def _sqlite_row(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([_sqlite_value(value) if isinstance(value, date) else value for value in row])


def _sqlite_value(value: date) -> str:
    """Dates and instants as SQLAlchemy's own SQLite types write them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value.isoformat()


class RowWriter:
    """Inserts many rows of one table in one statement.

    With `replace`, a row that is there is set anew; with `leave`, it stays as it is.
    """

    def __init__(self, table: Table, *, replace: bool = False, leave: bool = False) -> None:
        self._columns = tuple(table.columns.keys())
        self._types = tuple(_pg_type(table, name) for name in self._columns)
        keys = [column.name for column in table.primary_key]
        sets = ", ".join(f"{name} = excluded.{name}" for name in self._columns if name not in keys)
        conflict = f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sets}" if replace else ""
        if leave:
            conflict = " ON CONFLICT DO NOTHING"
        into = f"INSERT INTO {table.name} ({', '.join(self._columns)})"
        self._one = Direct(f"{into} VALUES ({', '.join(_values('c', self._types))}){conflict}")
        self._many = Direct(f"{into} SELECT * FROM {_arrays('c', self._types)}{conflict}")
        marks = ", ".join("?" * len(self._columns))
        self._sqlite = f"{into} VALUES ({marks}){conflict}"

    def write(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows with a value for each column, in the table's order. No rows write nothing."""
        trip = RoundTrip(connection)
        self.write_in(trip, rows)
        trip.send()

    def write_in(self, trip: RoundTrip, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write them in a round trip with other statements."""
        if not rows:
            return
        if is_postgresql(trip.connection):
            if len(rows) == 1:
                trip.ask(self._one, _named("c", rows[0]))
            else:
                trip.ask(self._many, _named_arrays("c", self._types, rows))
            return
        trip.connection.exec_driver_sql(self._sqlite, [_sqlite_row(row) for row in rows])


class ChainWriter:
    """Appends rows to one chain of a table and moves the chain's row from where it stood to where it ends.

    On PostgreSQL that is one statement, which is a transaction by itself on a connection of `connect_for`.
    """

    def __init__(self, table: Table, chain: Table) -> None:
        self._columns = tuple(table.columns.keys())
        self._types = tuple(_pg_type(table, name) for name in self._columns)
        moving = f"UPDATE {chain.name} SET last_seq = {{last}}, head = {{head}}, seal = {{seal}}"
        named = ", ".join(self._columns)
        where = "chain_id = {chain} AND last_seq = {before}"
        places = {name: f":{name}" for name in ("last", "head", "seal", "chain", "before")}
        moved = f"WITH moved AS ({f'{moving} WHERE {where} RETURNING chain_id'.format(**places)})"
        # most who are recorded are alone: their values go over as they are, in half the time of arrays
        values = ", ".join(_values("c", self._types))
        self._one = Direct(
            f"{moved} INSERT INTO {table.name} ({named}) SELECT {values} FROM moved RETURNING seq",
            [table.c.seq],
        )
        arrays = _arrays("c", self._types)
        listed = ", ".join(f"u.{name}" for name in self._columns)
        self._many = Direct(
            f"{moved} INSERT INTO {table.name} ({named}) SELECT {listed} FROM moved"
            f" JOIN {arrays} AS u({named}) ON u.chain_id = moved.chain_id RETURNING seq",
            [table.c.seq],
        )
        marks = ", ".join("?" * len(self._columns))
        self._sqlite = (
            f"INSERT INTO {table.name} ({named}) VALUES ({marks})",
            f"{moving} WHERE {where}".format(**dict.fromkeys(places, "?")),
        )

    def write(
        self,
        connection: Connection,
        rows: Sequence[tuple[Any, ...]],
        chain: tuple[int, int],
        end: tuple[int, bytes, bytes],
    ) -> bool:
        """Write rows behind (chain, last number) up to (last number, head, seal), and commit them; False, and
        nothing written, when the chain stands elsewhere.
        """
        number, before = chain
        last, head, seal = end
        if not is_postgresql(connection):
            inserting, moving = self._sqlite
            with connection.begin() as transaction:
                connection.exec_driver_sql(inserting, [_sqlite_row(row) for row in rows])
                moved = connection.exec_driver_sql(moving, (last, head, seal, number, before)).rowcount
                if moved != 1:
                    transaction.rollback()
            return moved == 1
        if len(rows) == 1:
            statement, parameters = self._one, _named("c", rows[0])
        else:
            statement, parameters = self._many, _named_arrays("c", self._types, rows)
        parameters |= {"chain": number, "before": before, "last": last, "head": head, "seal": seal}
        written = len(statement.all(connection, parameters))
        if connection.in_transaction():
            # somebody listens, and SQLAlchemy began one
            connection.commit()
        return written == len(rows)


class KeyWriter:
    """Inserts rows of one table that may stand there already; says which were new."""

    def __init__(self, table: Table) -> None:
        self._columns = tuple(table.columns.keys())
        self._types = tuple(_pg_type(table, name) for name in self._columns)
        [key] = table.primary_key
        named = ", ".join(self._columns)
        self._postgresql = Direct(
            f"INSERT INTO {table.name} ({named}) SELECT * FROM {_arrays('c', self._types)}"
            f" ON CONFLICT DO NOTHING RETURNING {key.name}",
            [key],
        )
        marks = ", ".join("?" * len(self._columns))
        self._sqlite = (
            f"INSERT INTO {table.name} ({named}) VALUES ({marks}) ON CONFLICT DO NOTHING RETURNING {key.name}"
        )

    def write(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> list[bytes]:
        """The keys of the rows that were not there before, in the order given."""
        if not rows:
            return []
        if is_postgresql(connection):
            answer = answered_ahead(connection, self, rows)
            if answer is None:
                trip = RoundTrip(connection)
                answer = self.ask(trip, rows)
                trip.send()
            return [bytes(key) for (key,) in answer.rows]
        made = (connection.exec_driver_sql(self._sqlite, row).all() for row in rows)
        return [bytes(found[0][0]) for found in made if found]

    def ask(self, trip: RoundTrip, rows: Sequence[tuple[Any, ...]]) -> Answer:
        """The same in a round trip with others, on PostgreSQL."""
        return trip.ask(self._postgresql, _named_arrays("c", self._types, rows))
