"""Everything that a person owes the fund, in one place: of which entry, how much, and since when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.clock import day_of
from ledger.estates.owed import read_cases
from ledger.owed.owing import Debt, read_debts
from ledger.owed.state import read_demands, taken_over
from ledger.policy import Policy
from ledger.posting.merges import came_into

_B, _E = tables.book.c, tables.entry.c


class DebtSeen(NamedTuple):
    """A debt as it stands: what came to be owed, what of that demands took over, and the rest; in fen."""

    debt: Debt
    entry: tuple[int, int]
    since: date
    amount: int
    demanded: int
    still_owed: int


def debts_of(connection: Connection, book_id: int, policies: Mapping[int, Policy]) -> list[DebtSeen]:
    """What the holder of an account owes for certain, demands last.

    With what is owed again of accounts that went into it, each by its own entry. What is settled is left out,
    and so is what the estate of a closed account took over.
    """
    book = connection.execute(select(_B.stage, _B.died_on, _B.area).where(_B.book_id == book_id)).one()
    if book.stage == Stage.CLOSED and book.died_on is not None:
        return _since_the_estate(connection, book_id)
    own = (book_id, *came_into(connection, [book_id]).get(book_id, ()))
    every = read_demands(connection, own)
    demands = every[book_id]
    found = [one for account in own for one in _of_cases(connection, account, policies[book.area])]
    for debt in read_debts(connection, [book_id])[book_id]:
        if debt.key is None or debt.entry is None or debt.since is None:
            raise AssertionError("what is no case is known by an entry")
        demanded = taken_over(demands.values(), debt.key)
        seen = DebtSeen(debt, debt.entry, debt.since, debt.owed, demanded, max(debt.owed - demanded, 0))
        found.append(seen)
    for account in own:
        for seq, demand in every[account].items():
            owed = Debt("demand", {"demand": seq}, demand.still_owed)
            entry = account, seq
            found.append(DebtSeen(owed, entry, demand.demanded_on, demand.amount, 0, demand.still_owed))
    return [one for one in found if one.still_owed]


def _since_the_estate(connection: Connection, book_id: int) -> list[DebtSeen]:
    """What a dead person came to owe after the estate was divided: it took over what its lines say, and what
    demands and cases had left. Nothing of it is demanded any more: the account is closed.
    """
    estate = connection.scalar(
        select(_E.detail)
        .where(_E.book_id == book_id, _E.kind == int(Kind.ESTATE), _E.target_seq.is_(None))
        .order_by(_E.seq.desc())
        .limit(1)
    )
    lines = unpack(estate).get("set_off", ())
    demands = read_demands(connection, [book_id])[book_id].values()
    found: list[DebtSeen] = []
    for debt in read_debts(connection, [book_id])[book_id]:
        if debt.key is None or debt.entry is None or debt.since is None:
            raise AssertionError("what is no case is known by an entry")
        known_by = {"what": debt.what, "account": None} | debt.known_by
        divided = sum(
            line["owed"] for line in lines if all(line.get(key) == one for key, one in known_by.items())
        )
        left = debt.owed - divided - taken_over(demands, debt.key)
        if left > 0:
            found.append(DebtSeen(debt._replace(key=None), debt.entry, debt.since, left, 0, left))
    return found


def _of_cases(connection: Connection, book_id: int, policy: Policy) -> list[DebtSeen]:
    """What of advances is to be returned because a third party has paid: by the recoveries of the case."""
    cases = read_cases(connection, [book_id]).get(book_id, [])
    due = [(one, fen) for one in cases if (fen := one.due(policy))]
    days = _recorded_on(connection, book_id, [one.seq for one, _fen in due])
    return [
        DebtSeen(
            Debt("third_party", {"case": one.seq}, fen),
            (book_id, one.seq),
            days[one.seq],
            one.case.receivable,
            0,
            fen,
        )
        for one, fen in due
    ]


def _recorded_on(connection: Connection, book_id: int, seqs: Sequence[int]) -> dict[int, date]:
    query = select(_E.seq, _E.recorded_at).where(_E.book_id == book_id, _E.seq.in_(seqs))
    return {seq: day_of(at) for seq, at in connection.execute(query)} if seqs else {}
