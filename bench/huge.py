"""A ledger of 10⁸ entries beside one of 100,000: what single calls cost on both, `verify`, and bytes.

`verify` goes over one book in a hundred; what it would take over all is a hundred times that.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial

import psycopg

from bench.bare import Bare
from bench.fill import OF_PEOPLE, libpq, make_ledger
from bench.inprocess import InProcess
from bench.plan import MONEY_FEN, BenchFailed, Plan
from bench.process import Worker
from bench.rounds import Measure
from bench.service import Service
from tests.support.postgres import Server

READS = ("balance", "as_of", "page", "statement")
# one book in so many is gone over
SHARE = 100
PROCESSES = 2
_SIZES = {"small": "huge_beside", "huge": "huge"}
_BYTES = (
    "SELECT pg_database_size(current_database()), pg_total_relation_size('entry'),"
    " pg_total_relation_size('transfer'), pg_total_relation_size('book'), (SELECT count(*) FROM book)"
)


class Huge:
    """Both ledgers, and what is asked of them."""

    def __init__(self, server: Server, plan: Plan, say: Callable[[str], None]) -> None:
        self._plan = plan
        entries = {"small": plan.small_entries, "huge": plan.huge_entries}
        self._urls: dict[str, str] = {}
        self.figures: dict[str, Measure] = {}
        for size, name in _SIZES.items():
            books = entries[size] // plan.entries_per_book
            began = time.monotonic()
            self._urls[size] = make_ledger(server, name, books, plan.entries_per_book, MONEY_FEN, say)
            self._keep(f"fill_{size}", {"seconds": round(time.monotonic() - began, 1)})
            self._keep(f"bytes_{size}", _bytes(self._urls[size], entries[size]))

    def _keep(self, name: str, measure: Measure) -> None:
        """What is measured once."""
        self.figures[name] = {**measure, "rounds": [measure]}

    def parties(self, stack: ExitStack) -> dict[str, Callable[[], Measure]]:
        """Single calls by one caller: spends in process, reads over HTTP and bare."""
        seconds = self._plan.latency_seconds
        found: dict[str, Callable[[], Measure]] = {}
        for size, url in self._urls.items():
            spending = stack.enter_context(closing(InProcess(url)))
            found[f"spend_{size}"] = partial(spending.spends, 1, seconds)
            found[f"spend_64_{size}"] = partial(spending.spends, 64, seconds)
            service = stack.enter_context(closing(Service(f"huge-{size}", url)))
            for what in READS:
                found[f"{what}_http_{size}"] = partial(service.load, what, 1, seconds)
            bare = stack.enter_context(closing(Bare(libpq(url))))
            for what in ("balance", "page"):
                found[f"{what}_bare_{size}"] = partial(bare.read, what, seconds)
        return found

    def verify(self) -> None:
        """Go over one book in a hundred of the large one. Raises BenchFailed for a finding."""
        url = self._urls["huge"]
        with psycopg.connect(libpq(url)) as connection:
            people = f"SELECT book_id FROM book WHERE {OF_PEOPLE} ORDER BY book_id"
            books = [one for (one,) in connection.execute(people)]
        some = books[len(books) // 2 :][: len(books) // SHARE]
        middle = len(some) // PROCESSES
        workers = [Worker("bench.check") for _ in range(PROCESSES)]
        began = time.monotonic()
        try:
            with ThreadPoolExecutor(PROCESSES) as pool:
                answers = list(
                    pool.map(
                        lambda worker, part: worker.ask(url=url, first=part[0], last=part[-1]),
                        workers,
                        (some[:middle], some[middle:]),
                    )
                )
        finally:
            for worker in workers:
                worker.close()
        seconds = time.monotonic() - began
        if findings := sum(answer["findings"] for answer in answers):
            raise BenchFailed(f"verify has {findings} findings: {answers[0]['first_findings']}")
        measure = {
            "seconds": round(seconds, 1),
            "books": sum(answer["books"] for answer in answers),
            "entries": sum(answer["entries"] for answer in answers),
            "whole_hours": round(seconds * SHARE / 3600, 2),
            "peak_rss_mb": max(answer["peak_rss_mb"] for answer in answers),
        }
        self._keep("verify_of_huge", measure)


def _bytes(url: str, entries: int) -> Measure:
    with psycopg.connect(libpq(url)) as connection:
        row = connection.execute(_BYTES).fetchone()
    assert row is not None
    database, entry, transfer, book, books = row
    return {
        "database_gb": round(database / 1e9, 2),
        "entry_bytes": round(entry / entries, 1),
        "transfer_bytes": round(transfer / entries, 1),
        "book_bytes": round(book / books, 1),
    }
