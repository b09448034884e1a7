"""Comparing what the agency and an institution have of one day: totals first, then line by line (R34). Pure.

A line is a settled bill or a reversal. A reversal bears the message id of the bill that it takes back, and
its amounts are below zero. Amounts are integer fen, differences are the agency's less the institution's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import zip_longest
from typing import Final, NamedTuple

from ledger.clearing.days import DayLine, DayTotals


class DifferenceKind(StrEnum):
    """What is wrong about a line."""

    AGENCY_ONLY = "agency_only"
    INSTITUTION_ONLY = "institution_only"
    AMOUNT_DIFF = "amount_diff"


class Difference(NamedTuple):
    """A line of the agency without its like at the institution, or the other way round, or two that differ.

    `total`, `fund` and `account` are ours less theirs; a line that is not there counts as zero. So all the
    differences of a day add up to the difference of its totals.
    """

    kind: DifferenceKind
    message_id: str
    ours: DayLine | None
    theirs: DayLine | None
    total: int
    fund: int
    account: int


def adds_up(lines: Iterable[DayLine]) -> DayTotals:
    """What some lines add up to."""
    bills = total = fund = account = 0
    for line in lines:
        bills += 1
        total += line.total
        fund += line.fund
        account += line.account
    return DayTotals(bills, total, fund, account)


def agrees(ours: Sequence[DayLine], theirs: DayTotals) -> bool:
    """Whether the totals that an institution names are those of our lines.

    A bill and its reversal that cancel each other may be counted or not: a bill that the agency alone knew
    of and took back never stood at the institution.
    """
    return theirs in {adds_up(ours), adds_up(without_cancelled(ours))}


def compare(ours: Iterable[DayLine], theirs: Iterable[DayLine]) -> list[Difference]:
    """What differs between the agency's lines and the institution's, by message id, bills before reversals.

    A message id may stand in several lines. Lines that are equal are paired first. What is left of one
    side and cancels out, a bill and its whole reversal, differs in nothing: that is how a bill that one side
    alone had is repaired. What is left then is paired in order of appearance, bills with bills and reversals
    with reversals.
    """
    ours, theirs = list(ours), list(theirs)
    left_ours = _by_message(without_cancelled(_less(ours, Counter(theirs))))
    left_theirs = _by_message(without_cancelled(_less(theirs, Counter(ours))))
    return [
        _difference(key[0], our, their)
        for key in sorted(left_ours.keys() | left_theirs.keys())
        for our, their in zip_longest(left_ours.get(key, ()), left_theirs.get(key, ()))
    ]


def without_cancelled(lines: Sequence[DayLine]) -> list[DayLine]:
    """The lines in order, without each bill that a line among them takes back whole, and without that one."""
    taken_back = Counter(line.mirrored() for line in lines if line.takes_back)
    if not taken_back:
        return list(lines)
    bills = taken_back & Counter(line for line in lines if not line.takes_back)
    return _less(lines, bills + Counter({bill.mirrored(): count for bill, count in bills.items()}))


def _less(lines: Iterable[DayLine], gone: Counter[DayLine]) -> list[DayLine]:
    """The lines in order, without the first so many of each that `gone` counts."""
    gone = gone.copy()
    left = []
    for line in lines:
        if gone[line] > 0:
            gone[line] -= 1
        else:
            left.append(line)
    return left


def _by_message(lines: Iterable[DayLine]) -> dict[tuple[str, bool], list[DayLine]]:
    found: dict[tuple[str, bool], list[DayLine]] = defaultdict(list)
    for line in lines:
        found[line.message_id, line.takes_back].append(line)
    return found


def _difference(message_id: str, ours: DayLine | None, theirs: DayLine | None) -> Difference:
    if theirs is None:
        kind = DifferenceKind.AGENCY_ONLY
    elif ours is None:
        kind = DifferenceKind.INSTITUTION_ONLY
    else:
        kind = DifferenceKind.AMOUNT_DIFF
    our, their = ours or _NOTHING, theirs or _NOTHING
    return Difference(
        kind,
        message_id,
        ours,
        theirs,
        our.total - their.total,
        our.fund - their.fund,
        our.account - their.account,
    )


_NOTHING: Final = DayLine("", 0, 0, 0)
