"""A million contributions: a file of them, the posting alone, and bare INSERT … SELECT with the chain in SQL.

All write the same rows into the same tables with the same constraints and triggers, each round into a fresh
copy of the same database. For the posting alone and for the bare SQL what comes in is staged beforehand, as
some months' worth of files would be: each month's lines in one block, one line a book.

python -m bench.contributions   the worker that posts; {"url": …, "books": 100000, "months": 10}
"""

import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from bench import chain_sql
from bench.chain_sql import EntrySql
from bench.files import credited, document, write_file
from bench.fill import BOOK_SQL, Numbers, book_number, libpq, make_ledger, numbers, policies
from bench.plan import CALLER, OUT, BenchFailed, Plan
from bench.process import Answer, Worker, peak_rss_mb, rss_mb, serve
from bench.rounds import Measure
from ledger.accounts.contributing import Contribute
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.chart.sides import Side
from ledger.clock import now_and_today
from ledger.database.engines import connect
from ledger.imports.rows import content_key
from ledger.months import last_periods, period_of
from ledger.posting import Posted
from ledger.posting.way_in import post
from ledger.settings import tune_process
from tests.support.postgres import Server

CHUNK = 1_000
# two chunks in flight on two connections with disjoint books
CONNECTIONS = 2
FEN = 16_000
TEMPLATE = "contributions_template"


def _reference(month: int, i: int, day: date) -> tuple[str, str]:
    """The document of a line, and the idempotency key that the import makes of what it says."""
    source_ref = document(month, i)
    return source_ref, content_key("contributions", source_ref, month, day, FEN)


# -- the worker that posts -------------------------------------------------------------------------------


class _Half:
    """One connection's share of the lines."""

    def __init__(self, url: str, first: int, last: int, months: list[int]) -> None:
        self._engine = connect(url)
        self._first, self._last = first, last
        self._months = months
        self._policies = policies()
        # seconds on the clock when each tenth was done
        self.tenths: list[float] = []
        self.memory: list[float] = []
        self.posted = 0
        self.fault: BaseException | None = None

    def _lines(self, today: date) -> Iterator[Contribute]:
        for month in self._months:
            for i in range(self._first, self._last + 1):
                source_ref, key = _reference(month, i, today)
                yield Contribute(
                    book_number(i), FEN, month, today, source_ref, caller=CALLER, actor=CALLER, key=key
                )

    def run(self) -> None:
        try:
            self._run()
        except BaseException as fault:  # noqa: BLE001  handed to the thread that waits
            self.fault = fault
        finally:
            self._engine.dispose()

    def _run(self) -> None:
        total = len(self._months) * (self._last - self._first + 1)
        _now, today = now_and_today()
        with self._engine.connect() as connection:
            chunk: list[Contribute] = []
            for command in self._lines(today):
                chunk.append(command)
                if len(chunk) < CHUNK and self.posted + len(chunk) < total:
                    continue
                outcomes = post(connection, chunk, now_and_today()[0], today, self._policies)
                for outcome in outcomes:
                    if not isinstance(outcome, Posted) or outcome.replayed:
                        raise BenchFailed(f"a contribution was not posted: {outcome!r}")
                self.posted += len(chunk)
                chunk.clear()
                while self.posted * 10 >= total * (len(self.tenths) + 1):
                    self.tenths.append(time.perf_counter())
                    self.memory.append(rss_mb())


def _post_all(question: Answer) -> Answer:
    url, books = question["url"], question["books"]
    months = last_periods(question["months"], period_of(now_and_today()[1]))
    tune_process()
    halves = [
        _Half(url, books * place // CONNECTIONS + 1, books * (place + 1) // CONNECTIONS, months)
        for place in range(CONNECTIONS)
    ]
    threads = [threading.Thread(target=half.run) for half in halves]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    for half in halves:
        if half.fault is not None:
            raise half.fault
    slow = halves[0].tenths
    return {
        "seconds": round(seconds, 2),
        "rate": round(sum(half.posted for half in halves) / seconds, 1),
        "count": sum(half.posted for half in halves),
        "rss_mb_at_a_tenth": halves[0].memory[0],
        "rss_mb_at_the_end": halves[0].memory[-1],
        "peak_rss_mb": peak_rss_mb(),
        # 1.0: the last lines cost what the first ones cost; the very first tenth pays for cold caches
        "last_to_first": round((slow[9] - slow[6]) / (slow[3] - slow[0]), 3),
    }


# -- bare ------------------------------------------------------------------------------------------------


def _stage(connection: psycopg.Connection[Any], books: int, months: list[int], day: date) -> None:
    """The same lines, resolved and ready, in an unlogged table."""
    source_ref = "concat(month, lpad(i::text, 8, '0'))"
    asked = f"concat({FEN}, '|', month, '|', '{day}', '|', {source_ref})"
    digest = chain_sql.fingerprint(Verb.CONTRIBUTION.value, BOOK_SQL, asked)
    listed = ",".join(map(str, months))
    connection.execute(
        f"CREATE UNLOGGED TABLE staged AS SELECT month, {BOOK_SQL} AS book_id, {FEN}::bigint AS fen,"
        f" '{day}'::date AS effective_on, {source_ref} AS source_ref, {_key_sql(source_ref, day)} AS key,"
        f" {digest} AS request_digest"
        f" FROM unnest('{{{listed}}}'::int[]) AS m(month),"
        f" generate_series(1, {books}) i".encode()
    )
    connection.execute("VACUUM ANALYZE staged")


def _key_sql(source_ref: str, day: date) -> str:
    """`content_key` in SQL."""
    told = f"concat_ws(chr(31), 'contributions', {source_ref}, month, '{day}', {FEN})"
    digest = f"substring(sha256(convert_to({told}, 'UTF8')) FROM 1 FOR 9)"
    return f"concat('c', translate(encode({digest}, 'base64'), '+/', '-_'))"


def _bare_month(month: int, known: Numbers) -> str:
    """One month for every book: decided, chained and written by one statement."""
    entry = EntrySql(
        "book_id", "seq", str(int(Kind.CONTRIBUTION)), "month", "effective_on", "at", "cy", "co",
        str(known.policy_version), str(known.agent), str(known.agent), "key", "request_digest",
        "source_ref", "NULL::text",
        f"concat({int(Side.COLLECTION_CLEARING)}, ',', {int(Side.CURRENT_YEAR)}, ',', fen, ',')",
    )  # fmt: skip
    return f"""
WITH decided AS (
  SELECT s.*, b.head, b.last_seq + 1 AS seq, b.current_year + s.fen AS cy, b.carried_over AS co, now() AS at
  FROM staged s JOIN book b ON b.book_id = s.book_id WHERE s.month = {month}
), chained AS MATERIALIZED (
  SELECT *, {chain_sql.digest("head", entry)} AS digest FROM decided
), b AS (
  UPDATE book SET current_year = c.cy, last_seq = c.seq, head = c.digest, recorded_at = c.at FROM chained c
  WHERE book.book_id = c.book_id
), e AS (
  INSERT INTO entry (book_id, recorded_at, current_year_after, carried_over_after, seq, period, effective_on,
    policy_version, caller, actor, kind, idempotency_key, request_digest, source_ref, digest)
  SELECT book_id, at, cy, co, seq, month, effective_on, {known.policy_version}, {known.agent}, {known.agent},
    {int(Kind.CONTRIBUTION)}, key, request_digest, source_ref, digest FROM chained
)
INSERT INTO transfer (book_id, amount_fen, seq, line, from_side, to_side)
SELECT book_id, fen, seq, 1, {int(Side.COLLECTION_CLEARING)}, {int(Side.CURRENT_YEAR)} FROM chained"""


# -- the measuring side ----------------------------------------------------------------------------------


class Contributions:
    """Fresh copies of a ledger of opened accounts, and the ways to credit them."""

    def __init__(self, server: Server, plan: Plan) -> None:
        self._server = server
        self._plan = plan
        # one entry a book, valued 1 January, so that no round has a year to carry over
        make_ledger(server, TEMPLATE, plan.contribution_books, 1, 100, lambda _line: None)
        self._count = 0
        self._files: dict[int, Path] = {}
        self.last: dict[str, str] = {}

    def posting(self) -> Measure:
        url = self._fresh("posting")
        before = _bytes(url)
        with Worker("bench.contributions") as worker:
            measure = worker.ask(
                url=url, books=self._plan.contribution_books, months=self._plan.contributions_per_book
            )
        self._check(url, self._plan.contributions)
        measure["bytes_per_contribution"] = round((_bytes(url) - before) / self._plan.contributions, 1)
        return measure

    def bare(self) -> Measure:
        url = self._fresh("bare")
        known = numbers(url)
        _now, today = now_and_today()
        months = last_periods(self._plan.contributions_per_book, period_of(today))
        with psycopg.connect(libpq(url), autocommit=True) as connection:
            _stage(connection, self._plan.contribution_books, months, today)
            connection.execute("CHECKPOINT")
            began = time.perf_counter()
            for month in months:
                connection.execute(_bare_month(month, known).encode())
            seconds = time.perf_counter() - began
            connection.execute("DROP TABLE staged")
        self._check(url, self._plan.contributions)
        return {"seconds": round(seconds, 2), "rate": round(self._plan.contributions / seconds, 1)}

    def file(self) -> Measure:
        """All the months in one file, imported."""
        return self._import("file", self._plan.contributions_per_book)

    def file_few(self) -> Measure:
        """The first months alone: what a line costs in a smaller file."""
        return self._import("file_few", self._plan.contribution_months_few)

    def _import(self, who: str, months: int) -> Measure:
        url = self._fresh(who)
        before = _bytes(url)
        with Worker("bench.files", url) as worker:
            measure = worker.ask(file=str(self._file(months)))
        lines = months * self._plan.contribution_books
        self._check(url, lines)
        measure["bytes_per_contribution"] = round((_bytes(url) - before) / lines, 1)
        return measure

    def _file(self, months: int) -> Path:
        """The file of the first months, written once."""
        if months not in self._files:
            self._files[months] = OUT / f"contributions-{months}.csv"
            _now, today = now_and_today()
            wanted = last_periods(self._plan.contributions_per_book, period_of(today))[:months]
            write_file(self._files[months], wanted, self._plan.contribution_books, FEN, today)
        return self._files[months]

    def close(self) -> None:
        for file in self._files.values():
            for written in (file, file.with_name(f"{file.name}.rejected.csv")):
                written.unlink(missing_ok=True)

    def _fresh(self, who: str) -> str:
        """A new copy; the one that this party had before goes, the last one stays for `verify`."""
        if who in self.last:
            self._server.drop_database(self.last[who])
        self._count += 1
        self.last[who] = f"contributions_{who}_{self._count}"
        url = self._server.create_database(self.last[who], TEMPLATE)
        with psycopg.connect(libpq(url), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
        return url

    def _check(self, url: str, lines: int) -> None:
        """Everything is there; whether it is right, `verify` says at the end."""
        wanted, found = (lines, lines * FEN), credited(url)
        if found != wanted:
            raise BenchFailed(f"contributions: {wanted} were to be written, {found} were")

    def urls(self) -> dict[str, str]:
        return {f"contributions_{who}": self._server.url(name) for who, name in self.last.items()}


def _bytes(url: str) -> int:
    with psycopg.connect(libpq(url)) as connection:
        row = connection.execute(
            "SELECT pg_total_relation_size('entry') + pg_total_relation_size('transfer')"
        ).fetchone()
    assert row is not None
    return int(row[0])


if __name__ == "__main__":
    serve(_post_all)
