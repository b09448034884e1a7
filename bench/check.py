"""`verify` over every ledger that the bench wrote, whichever way it was written. A finding fails the bench.

python -m bench.check   a worker; {"url": …, "first": …, "last": …}
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import func, select

from bench.process import Answer, Worker, peak_rss_mb, serve
from ledger import tables
from ledger.database.engines import connect
from ledger.settings import tune_process
from ledger.verify import verify

PROCESSES = 2
_FEW_BOOKS = 1_000


def _verify(question: Answer) -> Answer:
    engine = connect(question["url"])
    try:
        summary = verify(engine, first=question["first"], last=question["last"])
    finally:
        engine.dispose()
    return {
        "books": summary.books,
        "entries": summary.entries,
        "findings": summary.findings_total,
        "first_findings": [str(finding) for finding in summary.findings[:5]],
        "peak_rss_mb": peak_rss_mb(),
    }


def check(ledgers: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What `verify` says of each ledger, by name. Large ones are gone through by two processes."""
    found: dict[str, dict[str, Any]] = {}
    workers = [Worker("bench.check") for _ in range(PROCESSES)]
    try:
        for name, url in ledgers.items():
            began = time.monotonic()
            ranges = _ranges(url)
            with ThreadPoolExecutor(PROCESSES) as pool:
                answers = list(
                    pool.map(
                        lambda worker, books, url=url: worker.ask(url=url, first=books[0], last=books[1]),
                        workers,
                        ranges,
                    )
                )
            found[name] = {
                "books": sum(answer["books"] for answer in answers),
                "entries": sum(answer["entries"] for answer in answers),
                "findings": sum(answer["findings"] for answer in answers),
                "first_findings": [line for answer in answers for line in answer["first_findings"]],
                "seconds": round(time.monotonic() - began, 1),
                "peak_rss_mb": max(answer["peak_rss_mb"] for answer in answers),
            }
    finally:
        for worker in workers:
            worker.close()
    return found


def _ranges(url: str) -> list[tuple[int | None, int | None]]:
    """All the books, as one range or as two of the same size."""
    engine = connect(url)
    book_id = tables.book.c.book_id
    try:
        with engine.connect() as connection:
            books = connection.scalar(select(func.count()).select_from(tables.book)) or 0
            if books < _FEW_BOOKS:
                return [(None, None)]
            middle = connection.scalar(select(book_id).order_by(book_id).offset(books // 2).limit(1))
    finally:
        engine.dispose()
    assert middle is not None
    return [(None, middle - 1), (middle, None)]


if __name__ == "__main__":
    tune_process()
    serve(_verify)
