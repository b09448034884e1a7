"""What the figures were measured on: machine, disk, versions, and how the server was set."""

import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg

from bench.fill import libpq
from bench.plan import OUT
from tests.support.postgres import Server

_PACKAGES = ("sqlalchemy", "psycopg", "fastapi", "starlette", "pydantic", "uvicorn", "uvloop", "httptools")
_SYNCS = 200


def machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30, 1),
        "system": platform.platform(),
        "load_average_before": [round(load, 2) for load in os.getloadavg()],
        "fdatasync_us": _fdatasync_us(),
        "python_loop_ms": _loop_ms(),
    }


def versions(server: Server) -> dict[str, str]:
    with psycopg.connect(libpq(server.url("postgres"))) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None
    return {
        "python": platform.python_version(),
        "postgresql": str(row[0]),
        **{name: version(name) for name in _PACKAGES},
    }


def server_settings(server: Server) -> dict[str, str]:
    """Every setting of the server that is not its default, and the ones that durability hangs on."""
    with psycopg.connect(libpq(server.url("postgres"))) as connection:
        rows = connection.execute(
            "SELECT name, current_setting(name) FROM pg_settings WHERE source NOT IN ('default', 'override')"
            " OR name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'wal_level', 'wal_sync_method')"
            " ORDER BY name"
        ).fetchall()
    # where it lies and how it writes dates says nothing about speed
    dull = (
        "directories",
        "_file",
        "data_directory",
        "lc_",
        "DateStyle",
        "imeZone",
        "timezone",
        "text_search",
    )
    return {name: value for name, value in rows if not any(word in name for word in dull)}


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _fdatasync_us() -> float:
    """What one durable write of 8 KB takes where the server's data lie, median."""
    file, taken = OUT / "fdatasync", []
    handle = os.open(file, os.O_CREAT | os.O_WRONLY)
    try:
        for place in range(_SYNCS):
            began = time.perf_counter()
            os.pwrite(handle, b"x" * 8192, place % 100 * 8192)
            os.fdatasync(handle)
            taken.append(time.perf_counter() - began)
    finally:
        os.close(handle)
        file.unlink()
    return round(statistics.median(taken) * 1e6, 1)


def _loop_ms() -> float:
    """A million steps of a plain Python loop: how fast, and how undisturbed, one core is just now."""
    began, total = time.perf_counter(), 0
    for step in range(1_000_000):
        total += step
    return round((time.perf_counter() - began) * 1e3, 1)
