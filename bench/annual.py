"""The annual settlement of many people with ten bills each, on a large ledger and on a small one.

The bills are settled by `post`, by two processes with people of their own, into a template; every round has
a copy of it.

python -m bench.annual   a worker; {"url": …, "fill": [first, last]} settles the bills of some people,
                         {"url": …, "settle": year} settles the year of everybody
"""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

from bench.fill import book_number, make_ledger, policies
from bench.people import keyring
from bench.plan import AREA, CALLER, INSTITUTION, BenchFailed, Plan
from bench.process import Answer, Worker, peak_rss_mb, serve
from bench.rounds import Measure
from ledger.care.annual_settlements import ANNUAL_SETTLEMENT
from ledger.care.bills import Bill
from ledger.care.rows import BillLine
from ledger.care.settlements import Settle
from ledger.chart.care import CareType
from ledger.clock import now_and_today
from ledger.database.engines import connect, for_posting
from ledger.institutions.registry import find
from ledger.people.persons import number_opener
from ledger.policy import RATE_SCALE
from ledger.posting import Posted
from ledger.posting.way_in import post
from ledger.settings import tune_process
from tests.support.postgres import Server

BILLS = 10
CHUNK = 500
PROCESSES = 2
MONEY_FEN = 2_000_000
TEMPLATE = "annual_{people}"


def _bills(year: int, i: int) -> Iterator[Bill]:
    """The bills of one person's year, the same in every ledger: nine of outpatient care and an admission."""
    chance = random.Random(i)
    first = date(year, 1, 1)
    for place in range(BILLS):
        inpatient = place == BILLS - 1
        amount = chance.randrange(500_000, 8_000_000) if inpatient else chance.randrange(5_000, 90_000)
        yield Bill(
            CareType.INPATIENT if inpatient else CareType.OUTPATIENT,
            first + timedelta(days=chance.randrange(365)),
            (
                BillLine("X0001", "A", amount),
                BillLine("X0002", "B", amount // 3, 0, RATE_SCALE // 10),
                BillLine("X0003", "C", amount // 10),
            ),
            bill_no=f"{i}-{place}",
        )


def _fill(url: str, first: int, last: int) -> None:
    """Settle every bill of the people from `first` to `last`, in chunks of one bill each of many people."""
    now, today = now_and_today()
    year, rules, reveal = today.year - 1, policies(), number_opener(keyring())
    engine = for_posting(connect(url))
    with engine.connect() as connection:
        institution = find(connection, INSTITUTION)
        connection.rollback()
        for start in range(first, last + 1, CHUNK):
            people = range(start, min(start + CHUNK, last + 1))
            years = {i: list(_bills(year, i)) for i in people}
            for place in range(BILLS):
                commands = [
                    Settle(
                        book_number(i), None, INSTITUTION, institution.party_id, f"{i}-{place}",
                        years[i][place], caller=CALLER, actor=CALLER,
                    )
                    for i in people
                ]  # fmt: skip
                for outcome in post(connection, commands, now, today, rules, reveal=reveal):
                    if not isinstance(outcome, Posted):
                        raise BenchFailed(f"a bill was not settled: {outcome!r}")
    engine.dispose()


def _settle(url: str, year: int) -> Answer:
    """Settle the year of everybody; how long it took."""
    engine = for_posting(connect(url))
    try:
        with engine.connect() as connection:
            began = time.perf_counter()
            settled = ANNUAL_SETTLEMENT.run(connection, year, AREA, now_and_today, policies())
            seconds = time.perf_counter() - began
    finally:
        engine.dispose()
    return {
        "seconds": round(seconds, 2),
        "people": settled.done,
        "refused": settled.refused,
        "peak_rss_mb": peak_rss_mb(),
    }


class Annual:
    """Both ledgers, and the runs over copies of them."""

    def __init__(self, server: Server, plan: Plan, say: Callable[[str], None]) -> None:
        self._server = server
        self._plan = plan
        self._year = now_and_today()[1].year - 1
        self._round = 0
        self._urls: dict[str, str] = {}
        for people in (plan.annual_people_few, plan.annual_people):
            name = TEMPLATE.format(people=people)
            url = make_ledger(server, name, people, 1, MONEY_FEN, say)
            began = time.monotonic()
            self._fill(url, people)
            say(f"  {name}: {people * BILLS:,} bills settled in {time.monotonic() - began:.0f} s")

    def _fill(self, url: str, people: int) -> None:
        workers = [Worker("bench.annual") for _ in range(PROCESSES)]
        try:
            spans = [
                (people * place // PROCESSES + 1, people * (place + 1) // PROCESSES)
                for place in range(PROCESSES)
            ]
            with ThreadPoolExecutor(PROCESSES) as pool:
                list(pool.map(lambda worker, span: worker.ask(url=url, fill=span), workers, spans))
        finally:
            for worker in workers:
                worker.close()

    def all(self) -> Measure:
        return self._run(self._plan.annual_people)

    def few(self) -> Measure:
        return self._run(self._plan.annual_people_few)

    def _run(self, people: int) -> Measure:
        self._round += 1
        name = f"annual_run_{people}_{self._round}"
        url = self._server.create_database(name, TEMPLATE.format(people=people))
        self._urls[f"annual_{people}"] = url
        with Worker("bench.annual") as worker:
            found = worker.ask(url=url, settle=self._year)
        if found["people"] != people or found["refused"]:
            raise BenchFailed(
                f"{found['people']} of {people} people were settled, {found['refused']} refused"
            )
        return found | {"person_us": found["seconds"] / people * 1e6, "rate": people / found["seconds"]}

    def urls(self) -> dict[str, str]:
        """The ledgers of the last round, for `verify`."""
        return self._urls

    def close(self) -> None:
        """Nothing is open between rounds."""


def _work(question: Answer) -> Answer:
    if "fill" in question:
        first, last = question["fill"]
        _fill(question["url"], first, last)
        return {}
    return _settle(question["url"], question["settle"])


if __name__ == "__main__":
    tune_process()
    serve(_work)
