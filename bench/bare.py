"""Bare reads: the SQL of a balance and of a page of entries, through psycopg, prepared, one connection.

And one commit of the read log, into tables made like it: `verify` would not follow a chain without digests.

python -m bench.bare CONNINFO   a worker; {"what": "balance", "seconds": 5}
"""

import itertools
import random
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any

import psycopg

from bench.fill import OF_PEOPLE
from bench.load_client import PAGE
from bench.process import Answer, Worker, serve
from bench.rounds import Measure, latencies

_BALANCE = b"SELECT current_year, carried_over, held, reserved, open_year FROM book WHERE book_id = %b"
# what an answer shows of an entry
_PAGE = (
    b"SELECT book_id, seq, kind, period, effective_on, fact_on, recorded_at, current_year_after,"
    b" carried_over_after, held_change, reserved_change, expires_at, target_seq, source_ref, detail,"
    b" policy_version, caller, actor FROM entry WHERE book_id = %b AND seq > %b ORDER BY seq LIMIT %b"
)
# their transfers are a second range scan: one joined query is slower
_TRANSFERS = (
    b"SELECT book_id, seq, from_side, to_side, amount_fen, party_id FROM transfer"
    b" WHERE book_id = %b AND seq BETWEEN %b AND %b ORDER BY seq, line"
)


_LOG_HEAD = bytes(32)
_LOG = (
    b"WITH moved AS (UPDATE bare_log_chain SET last_seq = %b, head = %b, seal = %b"
    b" WHERE chain_id = %b AND last_seq = %b RETURNING chain_id)"
    b" INSERT INTO bare_log (chain_id, seq, at, caller, actor, role, channel, book_id, fields, items, head)"
    b" SELECT chain_id, %b, now(), %b, %b, 'accounts:read', 0, %b, 4, 1, %b FROM moved"
)


def _log_writer(connection: psycopg.Connection[Any]) -> Callable[[int], None]:
    """What commits one row behind the one before it."""
    number = agent = 1
    for table in ("read_log_chain", "read_log"):
        like = table.replace("read", "bare")
        connection.execute(f"CREATE TABLE {like} (LIKE {table} INCLUDING ALL)")
    connection.execute(
        "INSERT INTO bare_log_chain VALUES (%s, current_date, now(), 0, %s, %s)",
        (number, _LOG_HEAD, _LOG_HEAD),
    )
    seqs = itertools.count(1)
    cursor = connection.cursor(binary=True)

    def write(book_id: int) -> None:
        seq = next(seqs)
        cursor.execute(
            _LOG,
            (seq, _LOG_HEAD, _LOG_HEAD, number, seq - 1, seq, agent, agent, book_id, _LOG_HEAD),
        )
        assert cursor.rowcount == 1

    return write


def _work(conninfo: str) -> None:
    connection = psycopg.connect(conninfo, autocommit=True, prepare_threshold=0)
    people = f"SELECT book_id FROM book WHERE {OF_PEOPLE}"
    books = [book_id for (book_id,) in connection.execute(people)]
    cursor = connection.cursor(binary=True)

    def balance(book_id: int) -> None:
        assert cursor.execute(_BALANCE, (book_id,)).fetchone() is not None

    def page(book_id: int) -> None:
        rows = cursor.execute(_PAGE, (book_id, 0, PAGE)).fetchall()
        moves = cursor.execute(_TRANSFERS, (book_id, rows[0][1], rows[-1][1])).fetchall()
        assert len(rows) == PAGE
        assert len(moves) >= PAGE

    reads: dict[str, Callable[[int], None]] = {"balance": balance, "page": page}

    def log(book_id: int) -> None:
        # the chain is begun when it is first asked for
        if "write" not in reads:
            reads["write"] = _log_writer(connection)
        reads["write"](book_id)

    reads["log"] = log

    def answer(question: Answer) -> Answer:
        read, taken = reads[question["what"]], array("q")
        until = time.perf_counter_ns() + int(question["seconds"] * 1e9)
        while (began := time.perf_counter_ns()) < until:
            read(random.choice(books))
            taken.append(time.perf_counter_ns() - began)
        return {**latencies(taken), "count": len(taken)}

    serve(answer)


class Bare:
    """The worker, as seen by the one who measures."""

    def __init__(self, conninfo: str) -> None:
        self._worker = Worker("bench.bare", conninfo)

    def read(self, what: str, seconds: float) -> Measure:
        answer: dict[str, Any] = self._worker.ask(what=what, seconds=seconds)
        return answer

    def close(self) -> None:
        self._worker.close()


if __name__ == "__main__":
    _work(sys.argv[1])
