"""What `verify` says of the read log when somebody with every right on the database has been at it."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, insert, select, update

from ledger import tables
from ledger.access.read_log import ReadLog
from ledger.access.reads import Asker, LoggedRead, Read, first_head, next_head, seal_of
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.vault import Keyring
from ledger.verify import verify
from ledger.verify.read_log import reads_follow_each_other
from tests.support.people import KEYRING
from tests.verify.tampering import TOLD, tampering, with_every_right

NOW, TODAY = datetime(2026, 11, 21, 4, 0, tzinfo=UTC), date(2026, 11, 21)
OTHERS = Keyring({1: bytes(32)}, bytes(reversed(range(32))))
BOOK = 16_000_000_000_001
READS = 5
_LOG, _CHAIN = tables.read_log, tables.read_log_chain
_L, _C = _LOG.c, _CHAIN.c


def record(engine: Engine, keyring: Keyring = KEYRING, count: int = READS, day: date = TODAY) -> None:
    """One chain of some reads, as a process writes it, each in a commit of its own."""
    log = ReadLog(engine, keyring, lambda: (NOW, day))
    log.start()
    asker = Asker("tests", "clerk-7", "accounts:read", AccessChannel.WINDOW, None, "own_request", "r")

    async def ask() -> None:
        for number in range(count):
            person = bytes(32) if number == 1 else None
            document = "D-1" if number == 2 else None
            read = Read(asker, None if person else BOOK, person, FieldGroup.BALANCE, number + 1, document)
            await log.record([read])

    asyncio.run(ask())
    log.stop()


@pytest.fixture
def log(fresh_engine: Engine) -> Engine:
    """Three chains of five reads each."""
    for _ in range(3):
        record(fresh_engine)
    return fresh_engine


def said(connection: Connection, keyring: Keyring | None = KEYRING) -> list[tuple[str, str]]:
    findings = list(reads_follow_each_other(connection, keyring))
    assert {one.code for one in findings} <= {"read_log_broken"}
    TOLD.update(one.what for one in findings)
    return [(one.where, one.what) for one in findings]


def rows_of(connection: Connection, chain: int) -> list[Any]:
    return list(connection.execute(select(_LOG).where(_L.chain_id == chain).order_by(_L.seq)).all())


def drop(connection: Connection, chain: int, *seqs: int) -> None:
    connection.execute(delete(_LOG).where(_L.chain_id == chain, _L.seq.in_(seqs)))


def mend(connection: Connection, chain: int, keyring: Keyring | None = None) -> None:
    """Number and chain the rows anew and set the head, as a forger would who has no keys, or other ones."""
    there = connection.execute(select(_CHAIN).where(_C.chain_id == chain)).one()
    rows = rows_of(connection, chain)
    connection.execute(delete(_LOG).where(_L.chain_id == chain))
    head = first_head(chain, there.day, there.opened_at)
    for seq, (*logged, _) in enumerate(rows, 1):
        row = LoggedRead._make(logged)._replace(seq=seq)
        head = next_head(head, row)
        connection.execute(insert(_LOG).values(**row._asdict(), head=head))
    values: dict[str, Any] = {"last_seq": len(rows), "head": head}
    if keyring is not None:
        values["seal"] = seal_of(keyring, chain, len(rows), head)
    connection.execute(update(_CHAIN).where(_C.chain_id == chain).values(values))


DIGEST = "the digest is not that of the read"
SEAL = "its seal was not made with these keys"
HEAD = "its head is not that of its last read"


def test_what_was_recorded_is_clean(log: Engine) -> None:
    verdict = verify(log, keyring=KEYRING)
    assert verdict.findings == []
    with log.connect() as connection:
        assert len(rows_of(connection, 2)) == READS
        assert said(connection) == said(connection, None) == []


OTHERWISE: dict[str, Any] = {
    "at": NOW + timedelta(microseconds=1),
    "role": "accounts:write",
    "bound_to": "person",
    "channel": int(AccessChannel.AUDIT),
    "purpose": None,
    "ref": "R",
    "book_id": BOOK + 1,
    "person": b"x",
    "fields": int(FieldGroup.ENTRIES),
    "items": 9,
    "document": "D-2",
    "caller": 99,
    "actor": 99,
    "head": bytes(32),
}


def test_every_column_is_tried() -> None:
    assert {*OTHERWISE, "chain_id", "seq"} == {column.name for column in _LOG.columns}


@pytest.mark.parametrize("column", OTHERWISE)
def test_a_row_is_changed(log: Engine, column: str) -> None:
    place = (_L.chain_id == 2) & (_L.seq == 3)
    with tampering(log) as connection:
        connection.execute(update(_LOG).where(place).values({column: OTHERWISE[column]}))
        found = said(connection)
        assert ("read 2-3", DIGEST) in found
        # the one after a digest that was changed does not follow from it
        assert found == (
            [("read 2-3", DIGEST)] if column != "head" else [(f"read 2-{n}", DIGEST) for n in (3, 4)]
        )
        # who makes all digests anew cannot make the seal
        mend(connection, 2)
        assert said(connection) == ([] if column == "head" else [("reads 2", SEAL)])
    with log.connect() as connection:
        assert said(connection) == []


def test_the_last_row_is_changed_with_its_digest(log: Engine) -> None:
    with tampering(log) as connection:
        *_, (*logged, _) = rows_of(connection, 3)
        before = rows_of(connection, 3)[-2].head
        changed = LoggedRead._make(logged)._replace(purpose="complaint")
        values = {"purpose": "complaint", "head": next_head(before, changed)}
        connection.execute(update(_LOG).where(_L.chain_id == 3, _L.seq == READS).values(values))
        assert said(connection) == [("reads 3", HEAD)]


def test_a_row_is_taken_out(log: Engine) -> None:
    with tampering(log) as connection:
        drop(connection, 2, 3)
        assert said(connection) == [("read 2-3", "a read is gone"), ("read 2-4", DIGEST)]
        drop(connection, 2, 2, 4)
        assert said(connection) == [("read 2-2", "3 reads are gone"), ("read 2-5", DIGEST)]
        mend(connection, 2)
        assert said(connection) == [("reads 2", SEAL)]
        mend(connection, 2, OTHERS)
        assert said(connection) == [("reads 2", SEAL)]


def test_the_first_row_is_taken_out(log: Engine) -> None:
    with tampering(log) as connection:
        drop(connection, 1, 1)
        assert said(connection) == [("read 1-1", "a read is gone"), ("read 1-2", DIGEST)]


def test_the_last_row_is_taken_out(log: Engine) -> None:
    with tampering(log) as connection:
        drop(connection, 3, READS)
        assert said(connection) == [("reads 3", f"it ends at {READS - 1} and not at its last read")]
        # with the chain's row as it was when the last one was not there yet, but for its seal
        mend(connection, 3)
        assert said(connection) == [("reads 3", SEAL)]
        drop(connection, 3, *range(1, READS))
        mend(connection, 3)
        assert said(connection) == [("reads 3", SEAL)]


def test_a_row_is_put_in(log: Engine) -> None:
    with tampering(log) as connection:
        *_, (*logged, head) = rows_of(connection, 2)
        more = LoggedRead._make(logged)._replace(seq=READS + 1)
        good = next_head(head, more)
        connection.execute(insert(_LOG).values(**more._asdict(), head=good))
        assert said(connection) == [("reads 2", f"it ends at {READS + 1} and not at its last read")]
        mend(connection, 2)
        assert said(connection) == [("reads 2", SEAL)]


def test_two_rows_are_swapped(log: Engine) -> None:
    place = (_L.chain_id == 2) & (_L.seq == 9)
    with tampering(log) as connection:
        for was, now in ((2, 9), (4, 2), (9, 4)):
            connection.execute(update(_LOG).where(_L.chain_id == 2, _L.seq == was).values(seq=now))
        assert connection.execute(select(_LOG).where(place)).all() == []
        # each, and the one after it
        assert said(connection) == [(f"read 2-{seq}", DIGEST) for seq in (2, 3, 4, 5)]
        mend(connection, 2)
        assert said(connection) == [("reads 2", SEAL)]


@pytest.mark.parametrize("chain", [1, 2])
def test_a_chain_is_gone(log: Engine, chain: int) -> None:
    with tampering(log) as connection:
        connection.execute(delete(_CHAIN).where(_C.chain_id == chain))
        strays = [(f"read {chain}-{seq}", "the chain of this read is gone") for seq in range(1, READS + 1)]
        gone = (f"reads {chain}", "a chain of reads is gone")
        assert said(connection) == [gone, *strays]
        drop(connection, chain, *range(1, READS + 1))
        assert said(connection) == [gone]


def test_several_chains_are_gone(log: Engine) -> None:
    with tampering(log) as connection:
        for chain in (1, 2):
            connection.execute(delete(_CHAIN).where(_C.chain_id == chain))
            drop(connection, chain, *range(1, READS + 1))
        assert said(connection) == [("reads 1", "2 chains of reads are gone")]
        # who closes the gap cannot seal the chain by another number
        connection.execute(update(_CHAIN).values(chain_id=1))
        connection.execute(update(_LOG).values(chain_id=1))
        mend(connection, 1)
        assert said(connection) == [("reads 1", SEAL)]


def test_the_newest_chain_is_gone(log: Engine) -> None:
    with tampering(log) as connection:
        connection.execute(delete(_CHAIN).where(_C.chain_id == 3))
        # its reads tell of it
        assert said(connection) == [
            (f"read 3-{seq}", "the chain of this read is gone") for seq in range(1, READS + 1)
        ]
        drop(connection, 3, *range(1, READS + 1))
        # nothing is left of it (docs/decisions.md)
        assert said(connection) == []


@pytest.mark.parametrize("column", ["day", "opened_at"])
def test_a_chain_says_another_day(log: Engine, column: str) -> None:
    other = TODAY - timedelta(days=1) if column == "day" else NOW - timedelta(seconds=1)
    with tampering(log) as connection:
        connection.execute(update(_CHAIN).where(_C.chain_id == 2).values({column: other}))
        assert said(connection) == [("read 2-1", DIGEST)]


def test_a_head_is_changed(log: Engine) -> None:
    with tampering(log) as connection:
        connection.execute(update(_CHAIN).where(_C.chain_id == 2).values(head=bytes(32)))
        assert said(connection) == [("reads 2", HEAD), ("reads 2", SEAL)]
        assert said(connection, None) == [("reads 2", HEAD)]


def test_a_head_is_sealed_by_other_keys(log: Engine) -> None:
    record(log, OTHERS)
    verdict = verify(log, keyring=KEYRING)
    assert [(one.code, one.where, one.what) for one in verdict.findings] == [
        ("read_log_broken", "reads 4", SEAL)
    ]
    # who has no keys cannot tell
    assert verify(log).clean
    with log.connect() as connection:
        assert said(connection) == [("reads 4", SEAL)]


def test_a_chain_is_put_back(log: Engine) -> None:
    """The row of a chain as it was once, sealed by the right keys, kept by somebody for later."""
    with tampering(log) as connection:
        early = rows_of(connection, 2)[2].head
        once = {"last_seq": 3, "head": early, "seal": seal_of(KEYRING, 2, 3, early)}
        connection.execute(update(_CHAIN).where(_C.chain_id == 2).values(once))
        assert said(connection) == [("reads 2", f"it ends at {READS} and not at its last read")]
        # the state of one chain is none of another
        values = once | {"last_seq": READS, "head": rows_of(connection, 1)[-1].head}
        connection.execute(update(_CHAIN).where(_C.chain_id == 1).values(values))
        assert ("reads 1", SEAL) in said(connection)
        # nothing tells where the reads since were taken away too (docs/decisions.md)
        drop(connection, 2, 4, 5)
        assert said(connection) == [("reads 1", SEAL)]


def test_a_process_whose_chain_was_changed_stops(log: Engine) -> None:
    dead: list[bool] = []
    writing = ReadLog(log, KEYRING, lambda: (NOW, TODAY), lambda: dead.append(True))
    writing.start()
    read = Read(Asker("tests", "clerk-7", "accounts:read"), BOOK, None, FieldGroup.BALANCE)

    async def ask() -> list[Any]:
        await writing.record([read])
        with with_every_right(log) as connection:
            drop(connection, 4, 1)
            connection.execute(update(_CHAIN).where(_C.chain_id == 4).values(last_seq=0))
        return await asyncio.gather(writing.record([read]), return_exceptions=True)

    [answer] = asyncio.run(ask())
    assert type(answer).__name__ == "ReadLogUnavailable"
    writing.stop()
    assert (writing.is_dead, dead) == (True, [True])
