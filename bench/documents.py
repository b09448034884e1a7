"""Printed lists: one page each by two processes at once, as two workers print them, and a long one.

python -m bench.documents   a worker; {"lines": 18, "seconds": 5} → how many a second; {"lines": 10000} → one
"""

import time
from contextlib import ExitStack, closing
from threading import Thread

from bench.process import Answer, Worker, peak_rss_mb, serve
from bench.rounds import Measure
from ledger.printing.rendering import rendered
from ledger.printing.sheet import Form
from tests.printing.sheets import SIGNED, entries, sheet

ONE_PAGE = 18
LONG = 10_000
_WORKERS = 2


def _answer(question: Answer) -> Answer:
    began, count = time.perf_counter(), 0
    until = began + question.get("seconds", 0)
    table = entries(question["lines"])
    while not count or time.perf_counter() < until:
        # another person's each time, as no two lists are alike
        pages = rendered(sheet((table,), name=f"张{count:06d}"), Form.PDF, SIGNED).pages
        count += 1
    return {
        "count": count,
        "pages": pages,
        "seconds": round(time.perf_counter() - began, 3),
        "peak_rss_mb": peak_rss_mb(),
    }


def one_page(seconds: float) -> Measure:
    """How many one-page lists two processes print, a second and a minute."""
    with ExitStack() as stack:
        workers = [stack.enter_context(closing(Worker("bench.documents"))) for _ in range(_WORKERS)]
        for worker in workers:
            # the font is read once in the life of a worker
            worker.ask(lines=ONE_PAGE)
        answers: list[Answer] = []
        threads = [
            Thread(
                target=lambda one: answers.append(one.ask(lines=ONE_PAGE, seconds=seconds)), args=(worker,)
            )
            for worker in workers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rate = sum(answer["count"] / answer["seconds"] for answer in answers)
    return {
        "rate": round(rate, 2),
        "per_minute": round(rate * 60),
        "peak_rss_mb": max(answer["peak_rss_mb"] for answer in answers),
    }


def long_list() -> Measure:
    """A list of 10,000 lines in a process that has printed nothing before: seconds and memory."""
    with closing(Worker("bench.documents")) as worker:
        return worker.ask(lines=LONG)


if __name__ == "__main__":
    serve(_answer)
