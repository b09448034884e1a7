"""The year end of many accounts and of few, with statements of the year, and spends beside it.

A statement is what the chain says up to its entry, so that the year end writes none. Each run draws up those
of some accounts, chosen at random, and adds what one takes to the cost of every account.

python -m bench.year_end   a worker; {"url": …, "year": 2025, "statements": 2000}
"""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date

from sqlalchemy import Connection

from bench.fill import accounts_of, make_ledger, policies
from bench.inprocess import InProcess
from bench.plan import AREA, MONEY_FEN, BenchFailed, Plan
from bench.process import Answer, Worker, peak_rss_mb, serve
from bench.rounds import Measure
from ledger.accounts.year_end import YEAR_END
from ledger.clock import now_and_today
from ledger.database.engines import connect, for_posting
from ledger.inquiry.statements import statement
from ledger.settings import tune_process
from tests.support.postgres import Server

TEMPLATE = "year_end_{people}"
# an opening, two contributions and a spending, all of the finished year
ENTRIES = 4
STATEMENTS = 2_000
CALLERS = 4


def _run(question: Answer) -> Answer:
    """End the year of everybody, then draw up some statements of it."""
    url, year = question["url"], question["year"]
    engine = for_posting(connect(url))
    try:
        with engine.connect() as connection:
            began = time.perf_counter()
            ended = YEAR_END.run(connection, year, AREA, now_and_today, policies())
            seconds = time.perf_counter() - began
        with engine.connect() as connection:
            statement_us = _statements(connection, year, question["statements"])
    finally:
        engine.dispose()
    return {
        "seconds": round(seconds, 2),
        "people": ended.done,
        "refused": ended.refused,
        "statement_us": round(statement_us, 1),
        "peak_rss_mb": peak_rss_mb(),
    }


def _statements(connection: Connection, year: int, count: int) -> float:
    """What a statement takes, in microseconds, on the average of `count` of them."""
    if not count:
        return 0.0
    _now, today = now_and_today()
    with connection.begin():
        books = accounts_of(connection)
    began = time.perf_counter()
    for book_id in random.Random(year).sample(books, min(count, len(books))):
        with connection.begin():
            if statement(connection, book_id, year, today).digest is None:
                raise BenchFailed(f"the year of {book_id} was not ended")
    return (time.perf_counter() - began) / min(count, len(books)) * 1e6


class YearEnd:
    """Both ledgers, and the runs over copies of them."""

    def __init__(self, server: Server, plan: Plan, say: Callable[[str], None]) -> None:
        self._server = server
        self._plan = plan
        self._year = now_and_today()[1].year - 1
        self._last: dict[str, str] = {}
        self._round = 0
        for people in (plan.year_end_people_few, plan.year_end_people):
            make_ledger(
                server, TEMPLATE.format(people=people), people, ENTRIES, MONEY_FEN, say,
                opened=date(self._year, 1, 1),
            )  # fmt: skip

    def all(self) -> Measure:
        return self._measure("all", self._plan.year_end_people)

    def few(self) -> Measure:
        return self._measure("few", self._plan.year_end_people_few)

    def _measure(self, who: str, people: int) -> Measure:
        with Worker("bench.year_end") as worker:
            found = worker.ask(url=self._fresh(who, people), year=self._year, statements=STATEMENTS)
        self._check(found, people)
        account_us = found["seconds"] / people * 1e6
        return found | {
            "account_us": round(account_us, 1),
            "person_us": round(account_us + found["statement_us"], 1),
            "rate": round(people / found["seconds"], 1),
        }

    def beside(self) -> Measure:
        """Spends without the year end, and beside it until it is done."""
        plan = self._plan
        people = plan.year_end_people_beside
        url = self._fresh("beside", people)
        with (
            closing(InProcess(url)) as spending,
            Worker("bench.year_end") as worker,
            ThreadPoolExecutor(1) as pool,
        ):
            spending.spends(CALLERS, plan.seconds)
            alone = spending.spends(CALLERS, plan.seconds)
            running = pool.submit(worker.ask, url=url, year=self._year, statements=0)
            beside = spending.spends(CALLERS, plan.seconds)
            if running.done():
                raise BenchFailed("the year end was over before the spends beside it")
            self._check(running.result(), people)
        for measure in (alone, beside):
            if measure["errors"]:
                raise BenchFailed(f"{measure['errors']} errors, first: {measure['first_error']}")
        return {
            "rate": beside["rate"],
            "p50_us": beside["p50_us"],
            "p99_us": beside["p99_us"],
            "alone_rate": alone["rate"],
            "alone_p50_us": alone["p50_us"],
            "alone_p99_us": alone["p99_us"],
        }

    def _fresh(self, who: str, people: int) -> str:
        """A new copy; the one that this party had before goes, the last one stays for `verify`."""
        if who in self._last:
            self._server.drop_database(self._last[who])
        self._round += 1
        self._last[who] = f"year_end_run_{self._round}"
        return self._server.create_database(self._last[who], TEMPLATE.format(people=people))

    @staticmethod
    def _check(found: Answer, people: int) -> None:
        if found["people"] != people or found["refused"]:
            raise BenchFailed(f"{found['people']} of {people} years were ended, {found['refused']} refused")

    def urls(self) -> dict[str, str]:
        return {f"year_end_{who}": self._server.url(name) for who, name in self._last.items()}

    def close(self) -> None:
        """Nothing is open between rounds."""


if __name__ == "__main__":
    tune_process()
    serve(_run)
