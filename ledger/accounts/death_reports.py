"""What is known of a death, for whoever asks: its facts, and what is still open about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from ledger import tables
from ledger.accounts.death_facts import facts_of, read_facts
from ledger.accounts.debits_after import DebitAfter, read_debits_of
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.posting import Receipt
from ledger.posting.merges import came_into
from ledger.refusals import RefusalCode, Refused

_E, _T, _A = tables.entry.c, tables.transfer.c, tables.assessment.c


class DeathView(NamedTuple):
    """A death that stands, and every fact that was ever recorded of one. Amounts in fen."""

    died_on: date
    facts: list[Receipt]
    debits: list[DebitAfter]
    still_owed: int


def death(connection: Connection, book_id: int) -> DeathView:
    """Raises Refused(account_not_deceased) for somebody who lives, whatever was reported once."""
    facts = read_facts(connection, [book_id]).get(book_id, [])
    standing = facts_of(facts)
    if standing is None:
        raise Refused(RefusalCode.ACCOUNT_NOT_DECEASED)
    died_on = standing.died_on
    debits = read_debits_of(connection, {book_id: died_on}).get(book_id, [])
    books = (book_id, *came_into(connection, [book_id]).get(book_id, ()))
    return DeathView(died_on, facts, debits, _still_owed(connection, books))


def _still_owed(connection: Connection, books: Sequence[int]) -> int:
    """What of the credits for months after death was spent, and is owed to the fund or an employer."""
    undone = tables.entry.alias("undone")
    acting = select(undone.c.seq).where(undone.c.book_id == _E.book_id, undone.c.target_seq == _E.seq)
    straight = connection.scalar(
        select(func.coalesce(func.sum(_T.amount_fen), 0))
        .select_from(tables.entry.join(tables.transfer))
        .where(
            _E.book_id.in_(books),
            _E.kind == int(Kind.CREDIT_BACK),
            _T.from_side == int(Side.RECEIVABLE),
            ~acting.exists(),
        )
    )
    of_months = connection.scalar(
        select(func.coalesce(func.sum(-_A.suspended), 0)).where(_A.account_id.in_(books), _A.suspended < 0)
    )
    return int(straight or 0) + int(of_months or 0)
