"""The embedded database, every commit on the disk: spends one by one, by 64 and by 1,000.

python -m bench.sqlite FILE   the worker; {"by": 64, "seconds": 5}
"""

import os
import random
import sys
import time
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection

from bench.fill import policies
from bench.plan import ACCOUNTS, AREA, CALLER, INSTITUTION, MONEY_FEN, OUT, BenchFailed
from bench.process import Answer, Worker, rss_mb, serve
from bench.rounds import Measure, latencies
from ledger.accounts.opening import OpenAccount, OpeningBalance
from ledger.accounts.spending import Spend
from ledger.book.numbers import new_book_id
from ledger.chart.parties import Party
from ledger.clock import now_and_today
from ledger.database.engines import connect
from ledger.institutions.examples import EXAMPLE_INSTITUTIONS, register
from ledger.posting import Command, PersonStake, Posted
from ledger.posting.way_in import post
from ledger.settings import tune_process
from tests.check import migrate

BATCHES = (1, 64, 1_000)
_CHUNK = 1_000


def _opening(number: int) -> OpenAccount:
    _now, today = now_and_today()
    digest = sha256(b"bench|%d" % number).digest()
    person = PersonStake(digest, None, b"sealed", sha256(b"name|%d" % number).digest())
    return OpenAccount(
        digest,
        (person,),
        tuple(new_book_id(Party.PERSON) for _ in range(4)),
        AREA,
        today.replace(month=1, day=1),
        OpeningBalance(0, MONEY_FEN, f"old-{number}"),
        caller=CALLER,
        actor=CALLER,
        key=f"open-{number}",
    )


def _post(connection: Connection, commands: list[Command]) -> list[Posted]:
    now, today = now_and_today()
    posted = []
    for outcome in post(connection, commands, now, today, policies_here):
        if not isinstance(outcome, Posted) or outcome.replayed:
            raise BenchFailed(f"not posted: {outcome!r}")
        posted.append(outcome)
    return posted


policies_here = policies()


def _work(file: str) -> None:
    engine = connect(f"sqlite:///{file}")
    connection = engine.connect()
    register(connection, EXAMPLE_INSTITUTIONS, now_and_today()[0])
    books: list[int] = []
    for first in range(0, ACCOUNTS, _CHUNK):
        opened = _post(connection, [_opening(number) for number in range(first, first + _CHUNK)])
        books += [posted.receipt.book_id for posted in opened]
    tune_process()

    def answer(question: Answer) -> Answer:
        by = question["by"]
        taken: list[int] = []
        prefix, number = os.urandom(12).hex(), 0
        began = time.perf_counter()
        while time.perf_counter() - began < question["seconds"]:
            batch_began = time.perf_counter_ns()
            _now, today = now_and_today()
            commands: list[Command] = []
            for book_id in random.choices(books, k=by):
                number += 1
                key = f"{prefix}{number:08x}"
                commands.append(
                    Spend(book_id, 1, today, INSTITUTION, f"bill-{key}", caller=CALLER, actor=CALLER, key=key)
                )
            _post(connection, commands)
            taken.append(time.perf_counter_ns() - batch_began)
        rate = round(number / (time.perf_counter() - began), 1)
        return {"rate": rate, "count": number, **latencies(taken), "rss_mb": rss_mb()}

    try:
        serve(answer)
    finally:
        connection.close()
        engine.dispose()


class Sqlite:
    """A ledger in a file on the real disk, and the process that posts to it."""

    def __init__(self) -> None:
        self.file = OUT / "bench.db"
        remove(self.file)
        migrate(self.url)
        self._worker = Worker("bench.sqlite", str(self.file))

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def spends(self, by: int, seconds: float) -> Measure:
        return self._worker.ask(by=by, seconds=seconds)

    def close(self) -> None:
        self._worker.close()


def remove(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


if __name__ == "__main__":
    _work(sys.argv[1])
