"""What is counted of requests, and the page `/metrics` for Prometheus.

No personal data: a route is told by its template. The names of callers only where a setting asks for them.
"""

from __future__ import annotations

import os
import resource
import time
from bisect import bisect_left
from collections import Counter
from operator import add
from pathlib import Path
from typing import Any, Final

from api.http.exposition import Exposition
from ledger.access.read_log import ReadLog
from ledger.measures import SECONDS, Histogram
from ledger.operations.figures import Figures
from ledger.version import VERSION

_STARTED_AT: Final = time.time()
_STATM: Final = Path("/proc/self/statm")
_OPEN_FILES: Final = Path("/proc/self/fd")
# callers beyond that are told as one
CALLERS_MAX: Final = 200
OTHER_CALLERS: Final = "(other)"


class RequestCounts:
    """How requests ended. Counted by the event loop alone."""

    def __init__(self, *, by_caller: bool = False) -> None:
        self._by_caller = by_caller
        # method, route, status and code of a problem → how long such requests took, and how many there were
        self._ended: dict[tuple[str, str, int, str | None], Histogram] = {}
        self.callers: Counter[str] = Counter()

    def seen(
        self, method: str, route: str, status: int, seconds: float, code: str | None, caller: str | None
    ) -> None:
        """A request is over. `code` is that of the problem it was answered with."""
        kind = method, route, status, code
        took = self._ended.get(kind)
        if took is None:
            took = self._ended[kind] = Histogram()
        took.counts[bisect_left(SECONDS, seconds)] += 1
        took.total += seconds
        if self._by_caller and caller is not None:
            known = caller in self.callers or len(self.callers) < CALLERS_MAX
            self.callers[caller if known else OTHER_CALLERS] += 1

    def by_status(self) -> dict[tuple[str, str, int], int]:
        """How many requests ended, by method, route and status."""
        counted: Counter[tuple[str, str, int]] = Counter()
        for (method, route, status, _code), took in list(self._ended.items()):
            counted[method, route, status] += sum(took.counts)
        return counted

    def by_code(self) -> dict[str, int]:
        """How many were answered with a problem, by its code."""
        counted: Counter[str] = Counter()
        for (_method, _route, _status, code), took in list(self._ended.items()):
            if code is not None:
                counted[code] += sum(took.counts)
        return counted

    def durations(self) -> dict[tuple[str, str], Histogram]:
        """How long requests took, by method and route."""
        durations: dict[tuple[str, str], Histogram] = {}
        for (method, route, _status, _code), took in list(self._ended.items()):
            together = durations.setdefault((method, route), Histogram())
            together.counts = list(map(add, together.counts, took.counts))
            together.total += took.total
        return durations


def page(state: Any, requests: RequestCounts, under_way: int) -> str:
    """The page of a service as it is now. Asks the database for nothing."""
    told = Exposition()
    told.gauges("ledger_build_info", "The version of the program.", [({"version": VERSION}, 1)])
    _tell_requests(told, requests, under_way)
    _tell_writers(told, state)
    _tell_read_log(told, state.read_log)
    _tell_readers(told, state)
    _tell_figures(told, state.figures.figures(), state.figures.failed)
    _tell_process(told)
    return told.text()


def _tell_requests(told: Exposition, requests: RequestCounts, under_way: int) -> None:
    told.counters(
        "ledger_http_requests_total",
        "Requests answered, by route and status; status 0 is one whose caller hung up.",
        [
            ({"method": method, "route": route, "status": str(status)}, count)
            for (method, route, status), count in requests.by_status().items()
        ],
    )
    told.histograms(
        "ledger_http_request_duration_seconds",
        "How long requests took, by route.",
        [
            ({"method": method, "route": route}, took)
            for (method, route), took in requests.durations().items()
        ],
    )
    told.counters(
        "ledger_http_problems_total",
        "Requests that were answered with a problem, by its code.",
        [({"code": code}, count) for code, count in requests.by_code().items()],
    )
    told.gauge("ledger_http_requests_under_way", "Requests that are being answered.", under_way)
    if requests.callers:
        told.counters(
            "ledger_http_requests_by_caller_total",
            "Requests by calling system.",
            [({"caller": caller}, count) for caller, count in dict(requests.callers).items()],
        )


def _tell_writers(told: Exposition, state: Any) -> None:
    writers = [({"writer": name}, writer) for name, writer in state.writers.items()]
    told.gauges(
        "ledger_writer_waiting",
        "Commands that wait or are being posted.",
        [(labels, writer.waiting) for labels, writer in writers],
    )
    told.gauges(
        "ledger_writer_up",
        "Whether the writer lives.",
        [(labels, 0 if writer.is_dead else 1) for labels, writer in writers],
    )
    told.histograms(
        "ledger_writer_batch_size",
        "Commands that were posted together.",
        [(labels, writer.posted_together) for labels, writer in writers],
    )
    told.histograms(
        "ledger_writer_batch_duration_seconds",
        "How long it took to decide, write and commit a batch.",
        [(labels, writer.posting_seconds) for labels, writer in writers],
    )
    told.histograms(
        "ledger_writer_commit_duration_seconds",
        "How long COMMIT took.",
        [(labels, writer.commit_seconds) for labels, writer in writers],
    )
    told.counters(
        "ledger_refusals_total",
        "Commands that were refused by the books, by code; those of a bulk one by one.",
        [
            ({**labels, "code": code}, count)
            for labels, writer in writers
            for code, count in list(writer.refusals.items())
        ],
    )


def _tell_read_log(told: Exposition, log: ReadLog) -> None:
    told.gauge("ledger_read_log_waiting", "Reads that wait to be recorded.", log.waiting)
    told.gauge("ledger_read_log_up", "Whether the thread that records reads lives.", 0 if log.is_dead else 1)
    told.histograms(
        "ledger_read_log_commit_duration_seconds",
        "How long it took to write reads and commit them.",
        [({}, log.commit_seconds)],
    )


def _tell_readers(told: Exposition, state: Any) -> None:
    readers = [({"readers": name}, some) for name, some in state.readers.items()]
    told.gauges(
        "ledger_reads_waiting",
        "Reads that wait for a thread.",
        [(labels, some.waiting) for labels, some in readers],
    )
    told.gauges("ledger_reads_active", "Reads at work.", [(labels, some.active) for labels, some in readers])


def _tell_figures(told: Exposition, figures: Figures | None, failed: int) -> None:
    told.counter("ledger_figures_failed_total", "Looks at the database for figures that failed.", failed)
    if figures is None:
        return
    told.gauge(
        "ledger_figures_age_seconds",
        "How old the figures from the database are (holds, runs, verify).",
        time.time() - figures.seen_at,
    )
    told.gauge(
        "ledger_holds_due",
        "Accounts with a hold whose time is over and that no sweep has seen, 1000 at most.",
        figures.holds_due,
    )
    told.gauges(
        "ledger_runs",
        "Long runs and files, by kind and state.",
        [({"kind": kind, "state": state}, count) for (kind, state), count in figures.runs.items()],
    )
    if figures.verified_at is not None:
        told.gauge(
            "ledger_verify_age_seconds",
            "How long ago the last verify of the whole ended.",
            time.time() - figures.verified_at,
        )
        told.gauge(
            "ledger_verify_clean",
            "Whether the last verify of the whole found nothing.",
            int(figures.verified_clean),
        )


def _tell_process(told: Exposition) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    told.gauge("process_start_time_seconds", "When the process started, in Unix time.", _STARTED_AT)
    told.counter("process_cpu_seconds_total", "Time on a processor.", used.ru_utime + used.ru_stime)
    if _STATM.exists():
        pages = int(_STATM.read_text().split()[1])
        told.gauge("process_resident_memory_bytes", "Memory in use.", pages * resource.getpagesize())
        told.gauge("process_open_fds", "Open files and connections.", len(os.listdir(_OPEN_FILES)))
