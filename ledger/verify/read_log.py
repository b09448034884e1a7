"""What must be true of the read log: no look was changed, put in between or taken away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from ledger import tables
from ledger.access.reads import LoggedRead, first_head, next_head, seal_of
from ledger.vault import Keyring
from ledger.verify.finding import Finding
from ledger.verify.streams import streamed

_L, _C = tables.read_log.c, tables.read_log_chain.c


def reads_follow_each_other(connection: Connection, keyring: Keyring | None) -> Iterator[Finding]:
    """Chains are numbered without a gap, and each row follows from the one before it up to the sealed head.

    Without the keys the seals cannot be told from others, so who made every digest anew is not found.
    """
    rows = streamed(connection, select(tables.read_log).order_by(_L.chain_id, _L.seq))
    row = next(rows, None)
    number = 0
    for chain in connection.execute(select(tables.read_log_chain).order_by(_C.chain_id)).all():
        if lost := chain.chain_id - number - 1:
            what = "a chain of reads is gone" if lost == 1 else f"{lost} chains of reads are gone"
            yield Finding("read_log_broken", f"reads {number + 1}", what)
        number = chain.chain_id
        while row is not None and row.chain_id < number:
            yield _of_no_chain(row)
            row = next(rows, None)
        seq, head = 0, first_head(chain.chain_id, chain.day, chain.opened_at)
        while row is not None and row.chain_id == number:
            *logged, stored = row
            read = LoggedRead._make(logged)
            if (lost := read.seq - seq - 1) > 0:
                what = "a read is gone" if lost == 1 else f"{lost} reads are gone"
                yield Finding("read_log_broken", _name(number, seq + 1), what)
            seq = read.seq
            head = next_head(head, read)
            if head != stored:
                yield Finding("read_log_broken", _name(number, seq), "the digest is not that of the read")
                # those after it are judged by what stands here
                head = bytes(stored)
            row = next(rows, None)
        if seq != chain.last_seq:
            yield Finding("read_log_broken", f"reads {number}", f"it ends at {seq} and not at its last read")
        elif head != chain.head:
            yield Finding("read_log_broken", f"reads {number}", "its head is not that of its last read")
        if keyring is not None and chain.seal != seal_of(keyring, number, chain.last_seq, bytes(chain.head)):
            yield Finding("read_log_broken", f"reads {number}", "its seal was not made with these keys")
    while row is not None:
        yield _of_no_chain(row)
        row = next(rows, None)


def _of_no_chain(row: Any) -> Finding:
    return Finding("read_log_broken", _name(row.chain_id, row.seq), "the chain of this read is gone")


def _name(chain_id: int, seq: int) -> str:
    return f"read {chain_id}-{seq}"
