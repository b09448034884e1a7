"""Erasures, rotations and seals that are killed beside traffic: done or not, and nothing else was touched.

Each goes on in a process of its own, forked from this one, that kills itself (SIGKILL) at a step which chance
has chosen: before or after a round trip, before a statement, a commit, or a file that is put on disk or in
place. Meanwhile another process spends, and writes down what it was told.
"""

from __future__ import annotations

import itertools
import os
import select as waiting
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, select
from sqlalchemy.engine.default import DefaultDialect

from ledger import tables
from ledger.accounts.spending import Spend
from ledger.chart.kinds import Kind
from ledger.database.engines import connect, reading
from ledger.database.round_trips import Trips
from ledger.operations import resealing
from ledger.operations.resealing import keys_in_use, rotate
from ledger.policy import Policy
from ledger.posting import Posted
from ledger.posting.way_in import post
from ledger.seals.notes import Signer
from ledger.seals.sealing import Log, seal
from ledger.seals.since import hold_against
from ledger.vault import Keyring
from ledger.verify import verify
from tests.people.test_erasure import a_life, erase, opened_of
from tests.support.approvals import asks_nobody
from tests.support.chance import SEED
from tests.support.people import DOCUMENT_KEY, INDEX_KEY, SEAL_KEY, World, noon
from tests.support.workers import until

pytestmark = [pytest.mark.slow, pytest.mark.random]

ROUNDS = 4
DEAD, ALIVE, MONEY_FEN = 6, 4, 10**9
TODAY = date(2026, 3, 8)
BOTH = Keyring({1: SEAL_KEY, 2: b"n" * 32}, INDEX_KEY, {1: DOCUMENT_KEY})
SIGNER = Signer("ledger-test", Ed25519PrivateKey.from_private_bytes(bytes(32)))

Work = Callable[[Engine], object]


# -- what is killed -----------------------------------------------------------------


def _counted(step: Callable[[], object]) -> None:
    """Let each step of whatever this process does be told before it is taken; a round trip after it too."""

    def told(of: Any, name: str, *, after: bool = False) -> None:
        plain = getattr(of, name)

        def stepped(*arguments: Any, **named: Any) -> Any:
            step()
            found = plain(*arguments, **named)
            if after:
                step()
            return found

        setattr(of, name, stepped)

    told(Trips, "_exchange", after=True)
    for name in ("do_execute", "do_executemany", "do_execute_no_params", "do_commit"):
        told(DefaultDialect, name)
    for name in ("fsync", "replace"):
        told(os, name)


def _forked(work: Callable[[], object]) -> int:
    """Do it in a process of its own; the number of that one."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:  # noqa: BLE001  the process ends here, whatever it was
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def killed(url: str, work: Work, at: int) -> bool:
    """Let it kill itself at that step; whether it came to it."""

    def doomed() -> None:
        steps = itertools.count(1)
        engine = connect(url)
        _counted(lambda: next(steps) == at and os.kill(os.getpid(), signal.SIGKILL))
        work(engine)

    _pid, status = os.waitpid(_forked(doomed), 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "it ended by a fault"
    return os.WIFSIGNALED(status)


# -- the traffic ----------------------------------------------------------------------


def _spend_until_told(
    url: str, policies: Mapping[int, Policy], books: list[int], told: int, stop: int
) -> None:
    """Spend, one fen more each time, and say after each answer which book and how much."""
    engine, chance = connect(url), Random(SEED)
    now = noon(TODAY)
    with engine.connect() as connection:
        for fen in itertools.count(1):
            if waiting.select([stop], [], [], 0)[0]:
                return
            book = chance.choice(books)
            bill = Spend(book, fen, TODAY, "H0001", f"b-{fen}", caller="test", actor="tester", key=f"k-{fen}")
            [outcome] = post(connection, [bill], now, TODAY, policies)
            assert isinstance(outcome, Posted), outcome
            os.write(told, f"{book} {fen}\n".encode())


@contextmanager
def traffic(url: str, policies: Mapping[int, Policy], books: list[int], told: Path) -> Iterator[None]:
    """Somebody who spends all the while; what was answered stands in a file when this is over."""
    stop, ends = os.pipe()
    written = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    pid = _forked(lambda: _spend_until_told(url, policies, books, written, stop))
    try:
        yield
    finally:
        os.write(ends, b"stop")
        _pid, status = os.waitpid(pid, 0)
        for descriptor in (stop, ends, written):
            os.close(descriptor)
    assert status == 0, "the traffic ended by a fault"


def _has_grown(file: Path, size: int) -> bool:
    return file.stat().st_size > size


# -- what stands afterwards ---------------------------------------------------------


def pockets(engine: Engine, books: list[int]) -> dict[int, int]:
    book = tables.book.c
    query = select(book.book_id, (book.current_year + book.carried_over).label("fen")).where(
        book.book_id.in_(books)
    )
    with engine.connect() as connection:
        return {one.book_id: one.fen for one in connection.execute(query)}


def erasures(engine: Engine) -> set[int]:
    entry = tables.entry.c
    with engine.connect() as connection:
        return set(connection.scalars(select(entry.book_id).where(entry.kind == int(Kind.ERASURE))))


def held_against(engine: Engine, log: Log) -> list[Any]:
    """What is found by whoever kept the newest checkpoint."""
    kept = (log.folder / "checkpoint").read_bytes()
    with reading(engine) as connection:
        return list(hold_against(connection, BOTH, log, kept, SIGNER.verifier).findings)


def test_killed_beside_traffic_each_is_done_or_not(
    fresh_engine: Engine, fresh_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "_TOGETHER", 3)
    world = asks_nobody(World(fresh_engine, now=noon(TODAY)))
    dead = [a_life(world) for _ in range(DEAD)]
    alive = [world.open(opening=(0, MONEY_FEN)) for _ in range(ALIVE)]
    whole = {book: opened_of(fresh_engine, book) for book in dead}
    log, told, chance = Log(tmp_path / "data"), tmp_path / "told", Random(SEED)

    def sealing(engine: Engine) -> None:
        with reading(engine) as connection:
            seal(connection, BOTH, log, SIGNER)

    def rotating(engine: Engine) -> None:
        with engine.connect() as connection:
            rotate(connection, BOTH)

    def erasing(book: int) -> Work:
        # what the world posts with is what this process posts with
        def work(engine: Engine) -> None:
            world.engine = engine
            assert isinstance(erase(world, book, keyring=BOTH), Posted)

        return work

    sealing(fresh_engine)
    fresh_engine.dispose()
    kills = {"sealing": 0, "rotating": 0, "erasing": 0}
    with traffic(fresh_url, world.policies, alive, told):
        for _ in range(ROUNDS):
            until(partial(_has_grown, told, told.stat().st_size))
            kills["sealing"] += killed(fresh_url, sealing, chance.randrange(4, 36))
            kills["rotating"] += killed(fresh_url, rotating, chance.randrange(10, 60))
            for book in dead:
                if book not in erasures(fresh_engine):
                    kills["erasing"] += killed(fresh_url, erasing(book), chance.randrange(3, 31))
            seen = verify(fresh_engine, keyring=BOTH)
            assert seen.findings == []
            gone = erasures(fresh_engine)
            assert seen.erased == len(gone)
            for book in dead:
                assert opened_of(fresh_engine, book, BOTH) == ([] if book in gone else whole[book])
            assert held_against(fresh_engine, log) == []
            fresh_engine.dispose()
        for book in dead:
            assert isinstance(erase(world, book, keyring=BOTH), Posted)
        rotating(fresh_engine)
        sealing(fresh_engine)
        fresh_engine.dispose()
    assert min(kills.values()) > 1, kills
    spent = [tuple(map(int, line.split())) for line in told.read_text().splitlines()]
    assert len(spent) > ROUNDS
    left = {book: MONEY_FEN - sum(fen for whose, fen in spent if whose == book) for book in alive}
    assert pockets(fresh_engine, alive) == left
    seen = verify(fresh_engine, keyring=BOTH)
    assert (seen.findings, seen.erased) == ([], DEAD)
    assert held_against(fresh_engine, log) == []
    for book in dead:
        assert opened_of(fresh_engine, book, BOTH) == []
    with fresh_engine.connect() as connection, connection.begin():
        assert keys_in_use(connection) == ("seal-2.key",)
