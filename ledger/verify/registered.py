"""Rows that decide are those that the books of their registers recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from sqlalchemy import Connection, Select, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.registers import Register
from ledger.contributions.employers import EMPLOYERS
from ledger.events.webhooks import WEBHOOKS
from ledger.inquiry.cards import CARDS
from ledger.inquiry.watched import WATCHED
from ledger.institutions.examples import INSTITUTIONS
from ledger.posting.agents import AGENTS
from ledger.posting.batches import BATCHES
from ledger.posting.in_force import POLICIES
from ledger.posting.registers import FORMAT, RegisterKind
from ledger.verify.finding import UNREADABLE, Finding, line_name
from ledger.verify.streams import streamed

_E = tables.entry.c
REGISTERS: Final = (POLICIES, AGENTS, INSTITUTIONS, EMPLOYERS, BATCHES, WATCHED, CARDS, WEBHOOKS)
# what goes on is recorded again: how far a run is, and that a webhook ended
_ANEW: Final = frozenset({"batch", "webhook"})


class _Said(NamedTuple):
    """What an entry said of a row: the entry, and the digest over the row's content."""

    seq: int
    digest: str


# by table and key
_Recorded = dict[tuple[str, str], _Said]


def rows_are_those_that_were_registered(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Each row of a register is what the last entry about it says; none is missing, and none was never
    said.
    """
    for kind in REGISTERS:
        if first <= kind.register.book_id <= last:
            yield from _of_register(connection, kind)


def _of_register(connection: Connection, kind: RegisterKind) -> Iterator[Finding]:
    register = kind.register
    said: _Recorded = {}
    for seq, detail in streamed(connection, _entries(register)):
        try:
            told = unpack(detail)
            if told["format"] != FORMAT:
                raise ValueError(told["format"])
            which = told["what"], told["key"]
            twice = which in said and which[0] not in _ANEW
            said[which] = _Said(seq, told["row"])
        except UNREADABLE as error:
            what = f"what it says of a row cannot be read ({type(error).__name__})"
            yield Finding("register_unreadable", line_name(register.book_id, seq), what)
            continue
        if twice:
            what = f"{line_name(register.book_id, seq)} records it a second time, and it is recorded once"
            yield Finding("register_changed", f"{which[0]} {which[1]}", what)
    for one in kind.tables:
        for row in one.rows(connection):
            key = one.name(row)
            recorded = said.pop((one.table, key), None)
            where = f"{one.table} {key}"
            if recorded is None:
                yield Finding("register_unsaid", where, "no entry of its register recorded it")
            elif recorded.digest != one.digest(row):
                what = f"it is not what {line_name(register.book_id, recorded.seq)} recorded"
                yield Finding("register_changed", where, what)
    for (table, key), recorded in said.items():
        what = f"{line_name(register.book_id, recorded.seq)} recorded it, and it is not there"
        yield Finding("register_missing", f"{table} {key}", what)


def _entries(register: Register) -> Select[tuple[int, str | None]]:
    return (
        select(_E.seq, _E.detail)
        .where(_E.book_id == register.book_id, _E.kind == int(Kind.REGISTER_ROW))
        .order_by(_E.seq)
    )
