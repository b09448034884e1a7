"""Spends through ledger.writer in one process, no HTTP: closed-loop callers in asyncio, random accounts.

python -m bench.inprocess URL   a worker; {"callers": 64, "seconds": 5} → rate, p50, p99, memory
"""

import asyncio
import os
import random
import sys
import time
from array import array

import uvloop

from bench.fill import accounts_of, policies
from bench.plan import CALLER, INSTITUTION
from bench.process import Answer, Worker, cpu_seconds, peak_rss_mb, rss_mb, serve
from bench.rounds import Measure, latencies
from ledger.accounts.spending import Spend
from ledger.clock import now_and_today
from ledger.database.engines import connect
from ledger.posting import Posted
from ledger.posting.writer import Writer
from ledger.settings import tune_process

CALLERS = (1, 16, 64, 256)
_FEN = 1


class _Load:
    """The callers of one round, and what they saw."""

    def __init__(self, writer: Writer, books: list[int], seconds: float) -> None:
        self.writer = writer
        self.books = books
        self.until = time.perf_counter_ns() + int(seconds * 1e9)
        self.taken = array("q")
        self.errors = 0
        self.first_error = ""
        # as long as the keys that systems make from a UUID
        self._round = os.urandom(12).hex()
        self._number = 0

    async def caller(self) -> None:
        _now, today = now_and_today()
        choose = random.choice
        while (began := time.perf_counter_ns()) < self.until:
            self._number += 1
            key = f"{self._round}{self._number:08x}"
            command = Spend(
                choose(self.books), _FEN, today, INSTITUTION, f"bill-{key}",
                caller=CALLER, actor=CALLER, key=key,
            )  # fmt: skip
            outcome = await self.writer.post(command)
            self.taken.append(time.perf_counter_ns() - began)
            if not isinstance(outcome, Posted) or outcome.replayed:
                self.errors += 1
                self.first_error = self.first_error or repr(outcome)


async def _round(writer: Writer, books: list[int], callers: int, seconds: float) -> Answer:
    load = _Load(writer, books, seconds)
    began, cpu_began = time.perf_counter(), cpu_seconds(os.getpid())
    await asyncio.gather(*(load.caller() for _ in range(callers)))
    took = time.perf_counter() - began
    return {
        "rate": round(len(load.taken) / took, 1),
        **latencies(load.taken),
        "count": len(load.taken),
        "cpu_us_per_spend": round((cpu_seconds(os.getpid()) - cpu_began) * 1e6 / len(load.taken), 1),
        "errors": load.errors,
        "first_error": load.first_error,
        "rss_mb": rss_mb(),
        "peak_rss_mb": peak_rss_mb(),
    }


def _work(url: str) -> None:
    engine = connect(url)
    with engine.connect() as connection:
        books = accounts_of(connection)
    writer = Writer(engine, policies(), now_and_today)
    writer.start()
    tune_process()

    def answer(question: Answer) -> Answer:
        return uvloop.run(_round(writer, books, question["callers"], question["seconds"]))

    try:
        serve(answer)
    finally:
        writer.stop()
        engine.dispose()


class InProcess:
    """The worker, as seen by the one who measures."""

    def __init__(self, url: str) -> None:
        self._worker = Worker("bench.inprocess", url)

    def spends(self, callers: int, seconds: float) -> Measure:
        return self._worker.ask(callers=callers, seconds=seconds)

    def close(self) -> None:
        self._worker.close()


if __name__ == "__main__":
    _work(sys.argv[1])
