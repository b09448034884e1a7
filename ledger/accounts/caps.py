"""Caps: what an account pays at most on a day, and at one institution on a day, where its area says so (R20).

The day is that of the care, and so are the rules (K9). What was taken back counts for nothing. Relatives'
money is not the account's, and has its own measure, the quota. An area without caps reads nothing for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Date, column

from ledger import tables
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.sides import POCKETS, Side
from ledger.database.lookups import Ask, Lookup
from ledger.policy import Policy
from ledger.policy.spending import SpendingCaps
from ledger.posting import Command, Desk, Need, Receipt, WiderLocks
from ledger.posting.needs import Asked
from ledger.refusals import RefusalCode, Refused

_PAYS = frozenset({Kind.SPENDING, Kind.CAPTURE, Kind.SETTLEMENT})
_PAYABLE = int(Side.INSTITUTION_PAYABLE)


def _listed(numbers: frozenset[Any]) -> str:
    return ", ".join(str(int(one)) for one in sorted(numbers))


# A bill counts by its care date, all else by the day that was asked for.
_SPENT = Lookup(
    "SELECT e.book_id, given.day AS on_day, t.party_id, SUM(t.amount_fen) FROM {given}"
    f" JOIN entry e ON e.book_id = given.book_id AND e.kind IN ({_listed(_PAYS)})"
    f" JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq AND t.to_side = {_PAYABLE}"
    f" AND t.from_side IN ({_listed(POCKETS)})"
    " LEFT JOIN settlement s ON s.book_id = e.book_id AND s.seq = e.seq"
    " WHERE COALESCE(s.care_date, e.fact_on, e.effective_on) = given.day"
    " AND NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq"
    f" AND x.kind = {int(Kind.REVERSAL)})"
    " GROUP BY e.book_id, given.day, t.party_id",
    [tables.entry.c.book_id, column("on_day", Date), tables.transfer.c.party_id, column("fen", BigInteger)],
    book_id="big",
    day="date",
)

# by book and day: by institution, what the account paid it, in fen
SpentOn = dict[tuple[int, date], dict[int | None, int]]


def _day_of(command: Command) -> date | None:
    """The day of the care: what a spending is about, or a bill."""
    return command.effective_on or command.alive_on


def _are_silent(desk: Desk) -> bool:
    """Whether no area has a cap on any day: then nothing more is asked of any command."""
    return _has_none_a_cap(*desk.policies.values())


@lru_cache(maxsize=64)
def _has_none_a_cap(*policies: Policy) -> bool:
    return all(policy.caps.are_silent for policy in policies)


def _caps(desk: Desk, book: Book, day: date) -> SpendingCaps | None:
    policy = desk.policies.get(book.area)
    return None if policy is None else policy.caps.on(day)


def _places(asked: Asked, desk: Desk) -> list[tuple[int, str]]:
    """Books and days, each once, that an area has a cap for; as long as a book is not known, any of them."""
    places: set[tuple[int, str]] = set()
    for book_id, command in () if _are_silent(desk) else asked:
        day, book = _day_of(command), desk.books.get(book_id)
        if day is None:
            continue
        policies = desk.policies.values()
        known = _caps(desk, book, day) is not None if book else any(one.caps.on(day) for one in policies)
        if known:
            places.add((book_id, day.isoformat()))
    return sorted(places)


def _read(connection: Connection, asked: Asked, desk: Desk) -> SpentOn:
    found: SpentOn = {}
    for book_id, day, party, fen in _SPENT.run(connection, _places(asked, desk)):
        found.setdefault((book_id, day), {})[party] = int(fen)
    return found


def _ahead(asked: Asked, desk: Desk) -> list[Ask]:
    places = _places(asked, desk)
    return [(_SPENT, places)] if places else []


def _follow(found: SpentOn, desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    """Let what was spent include what this very batch took, and be without what it gave back."""
    if receipt.kind not in _PAYS and receipt.kind is not Kind.REVERSAL:
        return
    care_date = next((row.care_date for row in beside if hasattr(row, "care_date")), None)
    about = receipt
    if care_date is None and receipt.kind is Kind.REVERSAL:
        about = desk.targets.get((receipt.book_id, receipt.target_seq or 0), receipt)
    day = care_date or about.fact_on or about.effective_on
    if _caps(desk, desk.books[receipt.book_id], day) is None:
        return
    spent = found.setdefault((receipt.book_id, day), {})
    for source, target, fen, party in receipt.transfers:
        if source in POCKETS and target == _PAYABLE:
            spent[party] = spent.get(party, 0) + fen
        elif source == _PAYABLE and target in POCKETS:
            spent[party] = spent.get(party, 0) - fen


class _NotRead(SpentOn):
    """Of a quote that goes by one look: it is read where there is a cap, and then it goes the long way."""


def _glimpse(_command: Command, _book: Book) -> SpentOn:
    return _NotRead()


# What the accounts of those who asked have paid on the day that each is about. Read before other needs, which
# asks for nothing more: where no area has a cap, it is not read at all.
SPENT: Need[SpentOn] = Need(
    "what was spent on a day",
    _read,
    ahead=_ahead,
    follow=_follow,
    first=True,
    glimpse=_glimpse,
    idle=_are_silent,
)


def check_caps(desk: Desk, command: Command, day: date, party: int, fen: int) -> None:
    """Raise Refused(cap_exceeded) where the account would pay more on a day than its area lets it.

    The command needs SPENT. Raises WiderLocks where that was not read.
    """
    if _are_silent(desk):
        return
    book: Book = desk.book
    caps = _caps(desk, book, day)
    if caps is None or not fen:
        return
    found = desk.of(SPENT)
    if isinstance(found, _NotRead):
        raise WiderLocks(())
    there = found.get((book.book_id, day), {})
    spent = SpendingCaps(sum(there.values()), there.get(party, 0))
    for name, limit, before in zip(SpendingCaps._fields, caps, spent, strict=True):
        if limit is not None and before is not None and before + fen > limit:
            facts = {"cap": name, "limit_fen": limit}
            # an institution is not told what was paid to others
            if name != "account_day" or not getattr(command, "bound", False):
                facts["spent_fen"] = before
            raise Refused(RefusalCode.CAP_EXCEEDED, at="amount_fen", **facts)
