"""Whom the findings for auditors look out for: staff, and accounts that somebody flagged."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.chart.registers import Register
from ledger.posting.agents import agent_ids
from ledger.posting.registers import RegisterBook, RegisterKind, RegisterRow, RegisterTable
from ledger.texts import actor_as_compared

_F, _S = tables.account_flag.c, tables.staff.c


class _FlagTable(RegisterTable):
    """Flags by their account and the digest of their reason, which may be long and is read by few."""

    def name(self, row: RegisterRow) -> str:
        return f"{row['book_id']}/{sha256(row['reason'].encode()).hexdigest()}"


STAFF = RegisterTable("staff", ("name", "person"), [column.name for column in tables.staff.columns])
FLAG = _FlagTable(
    "account_flag", ("book_id", "reason"), [column.name for column in tables.account_flag.columns]
)
WATCHED = RegisterKind(Register.WATCHED, (STAFF, FLAG))
"""Whose number it is that acts by a name, which decides who may approve what; and what auditors look for."""


class SaidBy(NamedTuple):
    """The calling system and the person who acts, and when."""

    caller: str
    actor: str
    at: datetime


def register_staff(connection: Connection, name: str, person: bytes, by: SaidBy) -> None:
    """Say whose number it is that acts by a name; `person` is the digest of the ID number.

    The same again changes nothing. Another number of the same name is one more: nobody takes their own away
    by saying another.
    """
    _enter(connection, STAFF, {"name": name, "person": person}, by)


def numbers_of_staff(connection: Connection, name: str) -> set[bytes]:
    """The digests of the ID numbers of a member of staff, however the name is written."""
    # the database folds fewer letters than the comparison, and members of staff are few
    wanted = actor_as_compared(name)
    found = connection.execute(select(_S.name, _S.person))
    return {bytes(person) for one, person in found if actor_as_compared(one) == wanted}


def flag(connection: Connection, book_id: int, reason: str, by: SaidBy) -> datetime:
    """Have every look at an account be a finding; when that was first said for this reason."""
    _enter(connection, FLAG, {"book_id": book_id, "reason": reason}, by)
    with connection.begin():
        there = select(_F.recorded_at).where(_F.book_id == book_id, _F.reason == reason)
        since: datetime = connection.execute(there).scalar_one()
        return since


def _enter(connection: Connection, one: RegisterTable, said: Mapping[str, Any], by: SaidBy) -> None:
    """Write down what was said, by whom and when, unless it stands there."""
    numbers = agent_ids(connection, {by.caller, by.actor}, by.at)
    written = {"recorded_at": by.at, "caller": numbers[by.caller], "actor": numbers[by.actor]}
    with connection.begin():
        book = RegisterBook(connection, WATCHED, by.at)
        book.enter(one, {**said, **written})
        book.write()
