"""What an annual settlement gives back of account money goes to the pockets it came from (R42, K6). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ledger.book.detail import unpack
from ledger.care.recomputation import Again, Year
from ledger.chart.care import CareTable
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.policy import PocketOrder, Policy
from ledger.posting import Receipt


class PocketReturn(NamedTuple):
    """What of a bill, an entry, comes back to each pocket. In fen."""

    bill_seq: int
    to_current: int
    to_carried: int


class _Taken(NamedTuple):
    """What a bill took from the pockets and has not come back to them."""

    current: int
    carried: int

    @property
    def fen(self) -> int:
        return self.current + self.carried

    def part(self, fen: int, *, carried_first: bool) -> _Taken:
        """What each pocket gets of `fen`, at most all of it."""
        first = min(fen, self.carried if carried_first else self.current)
        second = min(fen - first, self.current if carried_first else self.carried)
        return _Taken(second, first) if carried_first else _Taken(first, second)

    def less(self, part: _Taken) -> _Taken:
        return _Taken(self.current - part.current, self.carried - part.carried)


def pocket_returns(
    policy: Policy, found: Year, entries: Mapping[int, Receipt], fen: int, today_year: int
) -> list[PocketReturn]:
    """Which bills' money `fen` are, the last one in the order of care first, and the pockets they go to.

    First what bills should not have cost, and then what the yearly top-up makes up for. Of a bill the pocket
    that paid last gets back first, the reverse of the order in which they pay (K3); all of one that was
    paid in an earlier year goes to carried_over. `entries` are the statements of the year and at least those
    bills that were paid in `today_year`. What nothing is said of was no account's money.
    """
    taken = _taken(found, entries, today_year)
    returned: dict[int, _Taken] = {}
    for bill, most in _last_first(found.bills, taken):
        order = policy.pocket_order.on(bill.was.care_date)
        part = taken[bill.seq].part(min(fen, most), carried_first=order is PocketOrder.CURRENT_YEAR_FIRST)
        fen -= part.fen
        taken[bill.seq] = taken[bill.seq].less(part)
        before = returned.get(bill.seq, _Taken(0, 0))
        returned[bill.seq] = _Taken(before.current + part.current, before.carried + part.carried)
    return [PocketReturn(seq, *part) for seq, part in returned.items() if part.fen]


def _taken(found: Year, entries: Mapping[int, Receipt], today_year: int) -> dict[int, _Taken]:
    """By bill, less what statements gave back of it."""
    taken: dict[int, _Taken] = {}
    for bill in found.bills:
        entry = entries.get(bill.seq)
        taken[bill.seq] = _Taken(0, bill.was.account_pay)
        if entry is not None and entry.effective_on.year == today_year:
            moved = {source: fen for source, _target, fen, _party in entry.transfers}
            taken[bill.seq] = _Taken(moved.get(Side.CURRENT_YEAR, 0), moved.get(Side.CARRIED_OVER, 0))
    for seq, entry in sorted(entries.items()):
        told = unpack(entry.detail) if entry.kind is Kind.ANNUAL_SETTLEMENT else {}
        for bill_seq, current, carried in told.get("pockets", ()):
            if bill_seq in taken:
                left = taken[bill_seq]
                # of a bill of an earlier year all of it stands as carried_over here
                came = min(current, left.current)
                taken[bill_seq] = left.less(_Taken(came, current + carried - came))
        if "pockets" not in told and told.get("to_account"):
            _as_of_old(taken, [bill for bill in found.bills if bill.seq < seq], told["to_account"])
    return taken


def _last_first(bills: Sequence[Again], taken: Mapping[int, _Taken]) -> list[tuple[Again, int]]:
    """The bills in the order in which they get back, and how much at most: what they should not have cost,
    less what came back before, and then what the top-up makes up for.
    """
    last_first = bills[::-1]
    steps = [(bill, max(taken[bill.seq].fen - bill.now.account_pay, 0)) for bill in last_first]
    return steps + [
        (bill, bill.now.account_pay) for bill in last_first if bill.now.care_table is not CareTable.NONE
    ]


def _as_of_old(taken: dict[int, _Taken], bills: Sequence[Again], fen: int) -> None:
    """Take off what a statement of an earlier version gave back: all into current_year, and of no bill by
    name.
    """
    for bill, most in _last_first(bills, taken):
        part = taken[bill.seq].part(min(fen, most), carried_first=False)
        taken[bill.seq] = taken[bill.seq].less(part)
        fen -= part.fen
