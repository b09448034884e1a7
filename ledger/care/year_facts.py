"""What the statement of an annual settlement keeps (R42). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.care.account_money import PocketReturn
from ledger.care.counters import Accumulator
from ledger.care.recomputation import Again, Division, Year


def year_facts(found: Year, division: Division, pockets: Sequence[PocketReturn]) -> dict[str, Any]:
    """What the statement keeps: the sums before and after, the money, and the bills that come out otherwise.

    Of such a bill it has what is new, and the funds' part of it before and after; the rest is in its row. Of
    one of which account money comes back it has how much of it goes into current_year and carried_over.
    """
    return {
        "bills": len(found.bills),
        "before": _counters(found.before),
        "after": _counters(found.after),
        "to_bank": division.to_bank,
        "to_account": division.to_account,
        "to_relatives": division.to_relatives,
        "to_heirs": division.to_heirs,
        "claimed_back": division.claimed_back,
        "forgiven": division.forgiven,
        "still_owed": division.still_owed,
        "changed": [_changed(bill) for bill in found.bills if bill.is_changed],
        **({"pockets": [list(one) for one in pockets]} if pockets else {}),
    }


def _counters(counters: Accumulator) -> dict[str, int]:
    return {name: fen for name, fen in counters._asdict().items() if fen and name != "version"}


def _changed(bill: Again) -> dict[str, Any]:
    was, now = bill.was, bill.now
    # said only where it is another one
    level = {} if was.level == now.level else {"level": now.level}
    return level | {
        "seq": bill.seq,
        "why": list(bill.reasons),
        "care_table": int(now.care_table),
        "member_class": int(now.member_class),
        "coverage": int(now.coverage),
        "filing": int(now.filing),
        "cut": int(now.cut),
        "admission": now.admission,
        "deductible": now.deductible,
        "ratio": now.ratio,
        "pooled_pay": [was.pooled_pay, now.pooled_pay],
        "large_pay": [was.large_pay, now.large_pay],
        "own_burden": [was.own_burden, now.own_burden],
    }
