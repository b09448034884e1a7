"""A mass correction of many people, shown: a year of premiums by a rate that was wrong.

Every employer hands in and confirms its twelve lists of last year through `post`; then the employee's rate of
the policy is another one, and all months are held against it. Nothing is posted, so all rounds see the same.

python -m bench.corrections   a worker; {"url": …, "fill": [first, last]} has the employers of these
                              thousands of people hand in their lists, {"url": …} shows the correction
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from bench.fill import make_ledger, policies
from bench.people import id_number, keyring
from bench.plan import AREA, CALLER, MONEY_FEN, BenchFailed, Plan
from bench.process import Answer, Worker, peak_rss_mb, serve
from bench.rounds import Measure
from ledger.clock import now_and_today
from ledger.contributions.assessing import Declared
from ledger.contributions.credit_codes import credit_code_check
from ledger.contributions.declarations import Confirm, Declare
from ledger.contributions.employers import RegisterEmployer, enter
from ledger.corrections.asked import Correction, CorrectionKind
from ledger.corrections.performing import preview
from ledger.corrections.plan import Planner
from ledger.database.engines import connect, for_posting
from ledger.months import period_of
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest, number_opener
from ledger.policy import load_policy
from ledger.posting import Command, Posted, Receipt
from ledger.posting.way_in import post
from ledger.settings import tune_process
from tests.support.postgres import Server

STAFF = 1_000
MONTHS = 12
PROCESSES = 2
WAGE_FEN = 800_000
RATE = '"contributions.employee_rate"\nunit = "of_base"\nvalue = "0.02"'
NAME = "corrections"


def _fill(url: str, first: int, last: int) -> None:
    """The employers of the first to the last thousand people, and their lists of last year."""
    now, today = now_and_today()
    keys, rules = keyring(), policies()
    engine = for_posting(connect(url))
    with engine.connect() as connection:

        def posted(command: Command) -> Receipt:
            command.caller = command.actor = CALLER
            [outcome] = post(connection, [command], now, today, rules)
            if not isinstance(outcome, Posted):
                raise BenchFailed(f"a list was not taken: {outcome!r}")
            return outcome.receipt

        for place in range(first, last + 1):
            body = f"91999999{place:09d}"
            code = body + credit_code_check(body)
            employer = enter(connection, code, "示例制造有限公司", AREA, now)
            posted(RegisterEmployer(employer.book_id, code, AREA))
            lines = tuple(
                Declared(line, number_digest(parse_id_number(id_number(i), today), keys), WAGE_FEN)
                for line, i in enumerate(range((place - 1) * STAFF + 1, place * STAFF + 1), start=1)
            )
            for month in range(1, MONTHS + 1):
                listed = posted(Declare(employer.book_id, (today.year - 1) * 100 + month, lines))
                posted(Confirm(employer.book_id, listed.seq, number_opener(keys)))
    engine.dispose()


def _show(url: str) -> Answer:
    """What the correction comes to."""
    _now, today = now_and_today()
    policy = policies()[AREA]
    if RATE not in policy.text:
        raise BenchFailed("the example policy has another rate of employees")
    corrected = load_policy(policy.text.replace(RATE, RATE.replace("0.02", "0.025")), f"{AREA}.toml")
    year = today.year - 1
    asked = Correction(
        kind=CorrectionKind.PARAMETER, area=AREA, first=date(year, 1, 1), last=date(year, 12, 31),
        reason="bench", parameter="contributions.employee_rate",
    )  # fmt: skip
    engine = for_posting(connect(url))
    try:
        with engine.connect() as connection:
            planner = Planner(
                connection=connection, correction=asked, policy=corrected, this_month=period_of(today),
                reveal=number_opener(keyring()), caller=CALLER, actor=CALLER,
            )  # fmt: skip
            began = time.perf_counter()
            shown = preview(planner, asked.name(corrected))
            seconds = time.perf_counter() - began
    finally:
        engine.dispose()
    return {
        "seconds": round(seconds, 2),
        "people": shown.people,
        "lines": shown.line_count,
        "line_us": round(seconds / max(shown.line_count, 1) * 1e6, 1),
        "peak_rss_mb": peak_rss_mb(),
    }


class Corrections:
    """A ledger with a year of assessed months, and the correction of them."""

    def __init__(self, server: Server, plan: Plan, say: Callable[[str], None]) -> None:
        self._people = plan.correction_people
        year = now_and_today()[1].year - 1
        self._url = make_ledger(server, NAME, self._people, 1, MONEY_FEN, say, opened=date(year, 1, 1))
        employers = self._people // STAFF
        spans = [
            (employers * place // PROCESSES + 1, employers * (place + 1) // PROCESSES)
            for place in range(PROCESSES)
        ]
        workers = [Worker("bench.corrections") for _ in range(PROCESSES)]
        try:
            with ThreadPoolExecutor(PROCESSES) as pool:
                list(pool.map(lambda worker, span: worker.ask(url=self._url, fill=span), workers, spans))
        finally:
            for worker in workers:
                worker.close()

    def shown(self) -> Measure:
        with Worker("bench.corrections") as worker:
            found = worker.ask(url=self._url)
        if (found["people"], found["lines"]) != (self._people, self._people * MONTHS):
            raise BenchFailed(f"the correction was of {found['people']} people and {found['lines']} months")
        return found | {"rate": round(found["lines"] / found["seconds"], 1)}

    def urls(self) -> dict[str, str]:
        return {NAME: self._url}


def _work(question: Answer) -> Answer:
    if "fill" in question:
        _fill(question["url"], *question["fill"])
        return {}
    return _show(question["url"])


if __name__ == "__main__":
    tune_process()
    serve(_work)
