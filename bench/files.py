"""A file of contributions, from the CSV to the committed book with its totals checked.

The file names people by ID number, as the agencies' files do. It is imported as `python -m ledger import`
does it, by the same number of processes.

python -m bench.files URL   the worker; {"file": …}
"""

import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from time import perf_counter

import psycopg

from bench.fill import libpq, policies
from bench.people import id_number, keyring
from bench.plan import BenchFailed
from bench.process import Answer, children, peak_rss_mb, serve
from ledger.chart.sides import Side
from ledger.clock import now_and_today
from ledger.database.engines import connect
from ledger.imports import PROCESSES, Importer
from ledger.money import format_yuan
from ledger.months import format_period
from ledger.operations.installation import connection_to_post
from ledger.settings import tune_process

_WATCH_SECONDS = 0.1


def write_file(file: Path, months: Sequence[int], books: int, fen: int, day: date) -> None:
    """A line for each month of each book, month by month."""
    with file.open("w", encoding="utf-8", newline="\n") as lines:
        lines.write("account,source_ref,period,effective_on,amount\n")
        for month in months:
            period = format_period(month)
            lines.writelines(
                f"{id_number(i)},{document(month, i)},{period},{day},{format_yuan(fen)}\n"
                for i in range(1, books + 1)
            )


def document(month: int, i: int) -> str:
    """The document of a book's line of a month."""
    return f"{month}{i:08d}"


def credited(url: str) -> tuple[int, int]:
    """How many transfers came from the collection, and what they come to in fen."""
    with psycopg.connect(libpq(url)) as connection:
        found = connection.execute(
            "SELECT count(*), coalesce(sum(amount_fen), 0)::bigint FROM transfer WHERE from_side = %s",
            (int(Side.COLLECTION_CLEARING),),
        ).fetchone()
    assert found is not None
    return int(found[0]), int(found[1])


# -- the worker -------------------------------------------------------------------------------------------


class _Memory:
    """The most that this process and all it started ever held, summed up; shared pages count in each."""

    def __init__(self) -> None:
        self._peaks: dict[int, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(_WATCH_SECONDS):
            for pid in children():
                with suppress(OSError):  # gone in the meantime
                    # one that has just ended holds nothing, which is no number
                    self._peaks[pid] = max(self._peaks.get(pid, 0.0), peak_rss_mb(pid))

    def end(self) -> dict[str, float]:
        self._over.set()
        self._thread.join()
        reader = peak_rss_mb()
        return {
            "peak_rss_mb": round(reader + sum(self._peaks.values()), 1),
            "reader_peak_rss_mb": reader,
            "processes": 1 + len(self._peaks),
        }


def _import(url: str, question: Answer) -> Answer:
    engine = connect(url)
    memory = _Memory()
    try:
        began = perf_counter()
        with connection_to_post(engine) as connection:
            importer = Importer(connection, keyring(), policies(), now_and_today, processes=PROCESSES)
            summary = importer.run(Path(question["file"]))
        count, fen = credited(url)
        seconds = perf_counter() - began
    finally:
        used = memory.end()
        engine.dispose()
    if not summary.ok or (summary.posted, summary.posted_fen) != (count, fen):
        raise BenchFailed(f"the file and the book differ: {summary.as_json()}, {count} credits of {fen} fen")
    return {
        "seconds": round(seconds, 2),
        "rate": round(count / seconds, 1),
        "line_us": round(seconds * 1e6 / count, 2),
        "count": count,
        **used,
    }


if __name__ == "__main__":
    tune_process()
    serve(lambda question: _import(sys.argv[1], question))
