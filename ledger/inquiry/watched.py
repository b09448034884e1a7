"""Whom the findings for auditors look out for: staff, and accounts that somebody flagged."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.database.lookups import insert_or_leave
from ledger.posting.agents import agent_ids
from ledger.texts import actor_as_compared

_F, _S = tables.account_flag.c, tables.staff.c


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
    numbers = agent_ids(connection, {by.caller, by.actor}, by.at)
    with connection.begin():
        connection.execute(
            insert_or_leave(connection, tables.staff),
            {
                "name": name,
                "person": person,
                "recorded_at": by.at,
                "caller": numbers[by.caller],
                "actor": numbers[by.actor],
            },
        )


def numbers_of_staff(connection: Connection, name: str) -> set[bytes]:
    """The digests of the ID numbers of a member of staff, however the name is written."""
    # the database folds fewer letters than the comparison, and members of staff are few
    wanted = actor_as_compared(name)
    found = connection.execute(select(_S.name, _S.person))
    return {bytes(person) for one, person in found if actor_as_compared(one) == wanted}


def flag(connection: Connection, book_id: int, reason: str, by: SaidBy) -> datetime:
    """Have every look at an account be a finding; when that was first said for this reason."""
    numbers = agent_ids(connection, {by.caller, by.actor}, by.at)
    with connection.begin():
        connection.execute(
            insert_or_leave(connection, tables.account_flag),
            {
                "book_id": book_id,
                "reason": reason,
                "recorded_at": by.at,
                "caller": numbers[by.caller],
                "actor": numbers[by.actor],
            },
        )
        there = select(_F.recorded_at).where(_F.book_id == book_id, _F.reason == reason)
        since: datetime = connection.execute(there).scalar_one()
        return since
