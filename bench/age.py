"""What age costs: an employer's payment and a year's interest, after thirty years and after one; and what a
payment to ten thousand people costs itself, and whoever spends beside it.

Both employers have the same people and the same last year, posted month by month as years go by: lists,
payments, one month a year paid late with its fee, and every year's interest. The clock is the ledger's own,
and the example area has its first figures four years earlier.

python -m bench.age   a worker; {"url": …, "fill": [first year, last year], "staff": …} posts those years,
                      {"url": …, "year": …, "staff": …} ends the year, then pays its last month in portions,
                      {"url": …, "list": staff} hands in two months of the first people of a filled ledger,
                      {"url": …, "seconds": …} pays them: one quiet, the other beside spends
"""

import asyncio
import statistics
import time
from array import array
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from itertools import cycle

import psycopg
from sqlalchemy import Connection, Engine, select

from bench.fill import TEMPLATE, accounts_of, book_number, libpq, make_ledger, policies
from bench.people import id_number, keyring
from bench.plan import AREA, CALLER, INSTITUTION, MONEY_FEN, BenchFailed, Plan
from bench.process import Answer, Worker, peak_rss_mb, serve
from bench.rounds import Measure, latencies, medians
from ledger import tables
from ledger.accounts.opening import OpenAccount
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import CHUNK as YEAR_END_CHUNK
from ledger.accounts.year_end import YEAR_END, PostInterest
from ledger.book.detail import unpack
from ledger.book.numbers import new_book_id
from ledger.chart.parties import Party
from ledger.clock import now_and_today
from ledger.contributions.assessing import Declared
from ledger.contributions.credit_codes import credit_code_check
from ledger.contributions.declarations import Confirm, Declare
from ledger.contributions.employers import RegisterEmployer, enter
from ledger.contributions.payments import ReceivePayment
from ledger.database.engines import connect, for_posting
from ledger.database.purposes import OFFICE
from ledger.months import first_day, next_period, period_of, previous_period
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest, number_opener, stake_by_number
from ledger.policy import Policy, load_policy
from ledger.posting import Command, Outcome, Posted, Receipt
from ledger.posting.rehearsal import rehearse
from ledger.posting.way_in import post
from ledger.posting.writer import Writer
from ledger.settings import tune_process
from tests.support.postgres import Server

OLD, YOUNG, STAFF_OF_MANY = "age_30y", "age_1y", "age_many"
# people whom one payment reaches; as many others spend
MANY = 10_000
# thirty whole years
FIRST_YEAR, LAST_YEAR = 1996, 2025
WAGE_FEN = 800_000
# of the last month of the year: every portion reaches everybody
PORTIONS = 20
CALLERS = 16
# a round of the years is the median of so many copies: one of a small ledger is over in a moment
COPIES = 3


def _rules() -> dict[int, Policy]:
    """The policy of the example area, with figures for all of the years."""
    text = policies()[AREA].text.replace("from = 2000-01-01", f"from = {FIRST_YEAR}-01-01")
    return {AREA: load_policy(text, f"{AREA}.toml")}


def _instant(day: date) -> datetime:
    """Noon in the area."""
    return datetime.combine(day, time_of_day(4), UTC)


class _Office:
    """One connection that posts, on whatever day it is said to be."""

    def __init__(self, connection: Connection, *, of_years: bool = True) -> None:
        self.connection = connection
        self.rules = _rules() if of_years else policies()
        self.reveal = number_opener(keyring())

    def posted(self, commands: list[Command], day: date) -> list[Receipt]:
        for command in commands:
            command.caller = command.actor = CALLER
        outcomes = post(self.connection, commands, _instant(day), day, self.rules, reveal=self.reveal)
        return [_receipt(outcome) for outcome in outcomes]

    def one(self, command: Command, day: date) -> Receipt:
        return self.posted([command], day)[0]

    def declare(self, book: int, period: int, staff: int, day: date) -> int:
        """Hand in and confirm a month of the first people; what is owed for it, in fen."""
        lines = tuple(
            Declared(line, number_digest(parse_id_number(id_number(line), day), keyring()), WAGE_FEN)
            for line in range(1, staff + 1)
        )
        listed = self.one(Declare(book, period, lines), day)
        self.one(Confirm(book, listed.seq, self.reveal), day)
        told = unpack(listed.detail)
        return int(told["employee"] + told["employer"])

    def pay(self, book: int, period: int, fen: int, day: date, ref: str) -> Receipt:
        return self.one(ReceivePayment(book, fen, period, day, ref, self.reveal), day)


def _receipt(outcome: Outcome) -> Receipt:
    if not isinstance(outcome, Posted):
        raise BenchFailed(f"not posted: {outcome!r}")
    return outcome.receipt


def _employer(office: _Office, day: date) -> int:
    body = "91999999000000001"
    code = body + credit_code_check(body)
    book = enter(office.connection, code, "示例制造有限公司", AREA, _instant(day)).book_id
    return office.one(RegisterEmployer(book, code, AREA), day).book_id


def _employer_of(connection: Connection) -> int:
    with connection.begin():
        return int(connection.execute(select(tables.employer.c.book_id)).scalar_one())


def _owed(connection: Connection, book: int, period: int) -> int:
    """What an employer owes for a month of which nothing is paid, in fen."""
    month = tables.levy.c
    query = select(month.employee + month.employer).where(month.book_id == book, month.period == period)
    with connection.begin():
        return int(connection.execute(query).scalar_one())


def _months(first_year: int, last_year: int) -> Iterator[int]:
    return (year * 100 + month for year in range(first_year, last_year + 1) for month in range(1, 13))


def _fill(connection: Connection, first_year: int, last_year: int, staff: int) -> None:
    """Those years of an employer and its people; the last month is handed in and not paid, the last year not
    ended.
    """
    office, keys = _Office(connection), keyring()
    day = date(first_year, 1, 1)
    people = [stake_by_number(id_number(i), "王伟", keys, day)[0] for i in range(1, staff + 1)]
    office.posted(
        [OpenAccount(one.digest, (one,), (new_book_id(Party.PERSON),), AREA, day, None) for one in people],
        day,
    )
    book = _employer(office, day)
    for period in _months(first_year, last_year):
        day = first_day(next_period(period)) + timedelta(days=4)
        owed = office.declare(book, period, staff, day)
        if period == last_year * 100 + 12:
            return
        late = period % 100 == 6
        day += timedelta(days=20 if late else 0)
        told = unpack(office.pay(book, period, owed, day, f"B-{period}").detail)
        if late:
            office.pay(book, period, told["still_owed"], day, f"F-{period}")
        if period % 100 == 1 and period // 100 > first_year:
            _end(connection, period // 100 - 1, day)


def _end(connection: Connection, year: int, day: date) -> int:
    return YEAR_END.run(connection, year, AREA, lambda: (_instant(day), day), _rules()).done


def _measure(connection: Connection, year: int, staff: int) -> Answer:
    """End the year, and pay its last month in portions."""
    day = date(year + 1, 1, 10)
    with connection.begin():
        people = accounts_of(connection)
    # whatever a connection does for the first time is paid for here
    commands = [PostInterest(book_id, year) for book_id in people[:YEAR_END_CHUNK]]
    rehearse(connection, commands, _instant(day), day, _rules())
    began = time.perf_counter()
    done = _end(connection, year, day)
    ending = time.perf_counter() - began
    if done != staff:
        raise BenchFailed(f"{done} of {staff} years were ended")
    office, book, period = _Office(connection), _employer_of(connection), year * 100 + 12
    owed = _owed(connection, book, period)
    taken = []
    for place in range(PORTIONS):
        fen = owed * (place + 1) // PORTIONS - owed * place // PORTIONS
        began = time.perf_counter()
        office.pay(book, period, fen, day, f"P-{place}")
        taken.append(time.perf_counter() - began)
    return {
        "account_us": round(ending / staff * 1e6, 1),
        "payment_ms": round(statistics.median(taken) * 1e3, 2),
        "peak_rss_mb": peak_rss_mb(),
    }


async def _pay_both(engine: Engine, book: int, spenders: list[int], seconds: float) -> Answer:
    """Pay two months whole: one quiet, the other beside spends from accounts of others in the same process,
    which have their own writer as in the service.
    """
    day = now_and_today()[1]
    rules, reveal = policies(), number_opener(keyring())
    singles = Writer(engine, rules, now_and_today)
    office = Writer(engine, rules, now_and_today, reveal, purpose=OFFICE)
    months = _two_months(day)
    with engine.connect() as connection:
        owed = {period: _owed(connection, book, period) for period in months}
    accounts, paying = cycle(spenders), False
    alone, beside = array("q"), array("q")

    async def pay(period: int) -> float:
        command = ReceivePayment(book, owed[period], period, day, f"B-{period}", reveal, CALLER, CALLER)
        began = time.perf_counter()
        _receipt(await office.post(command))
        return time.perf_counter() - began

    async def spend(until: Callable[[], bool], who: int) -> None:
        number = 0
        while until():
            number += 1
            # letters between the digits: they are nobody's number then
            ref = f"w{who}n{number}t{time.perf_counter_ns()}"
            command = Spend(next(accounts), 1, day, INSTITUTION, ref, caller=CALLER, actor=CALLER, key=ref)
            began, was_paying = time.perf_counter_ns(), paying
            _receipt(await singles.post(command))
            (beside if was_paying else alone).append(time.perf_counter_ns() - began)

    singles.start()
    office.start()
    try:
        quiet = await pay(months[0])
        ends = time.perf_counter() + seconds
        await asyncio.gather(*(spend(lambda: time.perf_counter() < ends, who) for who in range(CALLERS)))
        paying = True
        spending = [asyncio.create_task(spend(lambda: paying, CALLERS + who)) for who in range(CALLERS)]
        busy = await pay(months[1])
        paying = False
        await asyncio.gather(*spending)
    finally:
        singles.stop()
        office.stop()
    usual = latencies(alone)
    return {
        "seconds": round(quiet, 3),
        "busy_seconds": round(busy, 3),
        **latencies(beside),
        "alone_p50_us": usual["p50_us"],
        "alone_p99_us": usual["p99_us"],
        "peak_rss_mb": peak_rss_mb(),
    }


def _two_months(day: date) -> tuple[int, int]:
    """The two months before this one."""
    last = previous_period(period_of(day))
    return previous_period(last), last


def _work(question: Answer) -> Answer:
    engine = for_posting(connect(question["url"]))
    try:
        with engine.connect() as connection:
            if "fill" in question:
                first_year, last_year = question["fill"]
                _fill(connection, first_year, last_year, question["staff"])
                return {}
            if "year" in question:
                return _measure(connection, question["year"], question["staff"])
            day = now_and_today()[1]
            if "list" in question:
                office = _Office(connection, of_years=False)
                book = _employer(office, day)
                for period in _two_months(day):
                    office.declare(book, period, question["list"], day)
                return {}
            book = _employer_of(connection)
        spenders = [book_number(i) for i in range(MANY + 1, 2 * MANY + 1)]
        return asyncio.run(_pay_both(engine, book, spenders, question["seconds"]))
    finally:
        engine.dispose()


def _settle_down(url: str) -> None:
    """What a server does by itself in thirty years."""
    with psycopg.connect(libpq(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


class Age:
    """The three ledgers, and the runs over copies of them."""

    def __init__(self, server: Server, plan: Plan, say: Callable[[str], None]) -> None:
        self._server = server
        self._plan = plan
        self._round = 0
        self._last: dict[str, str] = {}
        for name, first_year in ((OLD, FIRST_YEAR), (YOUNG, LAST_YEAR)):
            began = time.monotonic()
            url = server.create_database(name, TEMPLATE)
            with Worker("bench.age") as worker:
                worker.ask(url=url, fill=[first_year, LAST_YEAR], staff=plan.age_staff)
            _settle_down(url)
            say(f"  {name}: {plan.age_staff:,} people in {time.monotonic() - began:.0f} s")
        url = make_ledger(
            server, STAFF_OF_MANY, 2 * MANY, 1, MONEY_FEN, say, opened=date(now_and_today()[1].year - 1, 1, 1)
        )
        with Worker("bench.age") as worker:
            worker.ask(url=url, list=MANY)
        _settle_down(url)

    def old(self) -> Measure:
        return self._years(OLD)

    def young(self) -> Measure:
        return self._years(YOUNG)

    def _years(self, name: str) -> Measure:
        with Worker("bench.age") as worker:
            return medians(
                [
                    worker.ask(url=self._fresh(name), year=LAST_YEAR, staff=self._plan.age_staff)
                    for _copy in range(COPIES)
                ]
            )

    def many(self) -> Measure:
        url = self._fresh(STAFF_OF_MANY)
        with Worker("bench.age") as worker:
            return worker.ask(url=url, seconds=self._plan.seconds)

    def _fresh(self, template: str) -> str:
        """A new copy; the one that this party had before goes, the last one stays for `verify`."""
        if template in self._last:
            self._server.drop_database(self._last[template])
        self._round += 1
        self._last[template] = f"age_run_{self._round}"
        return self._server.create_database(self._last[template], template)

    def urls(self) -> dict[str, str]:
        return {name: self._server.url(run) for name, run in self._last.items()}

    def close(self) -> None:
        """Nothing is open between rounds."""


if __name__ == "__main__":
    tune_process()
    serve(_work)
