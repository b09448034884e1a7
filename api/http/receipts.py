"""Receipts and entries as JSON.

Written as text, not as dicts that a library turns into text: a page of entries has a thousand fields, and
most of what it takes to answer would go into that. What callers wrote (a source_ref, a reason) is escaped by
the standard library's own function; everything else here is ours, and plain ASCII.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from json.encoder import encode_basestring
from typing import Any, Final

from pydantic_core import to_json

from ledger import Kind, Receipt, Side
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, entry_name
from ledger.chart.kinds import CREDIT, ONCE_A_YEAR
from ledger.money import format_yuan
from ledger.months import format_day, format_period, format_year


def receipt_json(receipt: Receipt) -> str:
    """A receipt with what belongs to its kind; of a fact of a death with the balance after all it did."""
    write = _OF_KIND.get(receipt.kind)
    pockets = unpack(receipt.detail).get("pockets") if receipt.kind in _FACTS_OF_A_DEATH else None
    return f"{{{_base(receipt, pockets)}{'' if write is None else write(receipt)}}}"


def entry_json(receipt: Receipt) -> str:
    """An entry as a page shows it: with its transfers, and what its kind alone says."""
    moves = ",".join(
        [
            f'{{"from":"{_SIDES[source]}","to":"{_SIDES[target]}","amount":"{format_yuan(fen)}"}}'
            for source, target, fen, _party in receipt.transfers
        ]
    )
    held, expires, target_seq = receipt.held_change, receipt.expires_at, receipt.target_seq
    # most have none of these
    target = "null" if target_seq is None else f'"{account_no(receipt.book_id)}-{target_seq}"'
    return (
        f'{{{_base(receipt)},"target":{target}'
        f',"expires_at":{"null" if expires is None else _quoted(instant(expires))}'
        f',"held_change":{"null" if held is None else _quoted(format_yuan(held))}'
        f',"transfers":[{moves}],"facts":{_facts(receipt) if receipt.detail else "null"}}}'
    )


def with_more(text: str, more: Mapping[str, Any]) -> str:
    """A JSON object with some members more."""
    return f"{text[:-1]},{to_json(more).decode()[1:]}"


def instant(moment: datetime) -> str:
    """An instant in UTC, RFC 3339, with its microseconds where it has any."""
    # as the database gives it already
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    # in a quarter of the time of `isoformat`: a page has fifty of them
    fraction = f".{in_utc.microsecond:06d}" if in_utc.microsecond else ""
    return f"{format_day(in_utc.date())}T{in_utc.hour:02d}:{in_utc.minute:02d}:{in_utc.second:02d}{fraction}Z"


def target_name(receipt: Receipt) -> str | None:
    """The name of the entry that this one acts on."""
    return None if receipt.target_seq is None else entry_name(receipt.book_id, receipt.target_seq)


def _reversed_name(receipt: Receipt) -> str | None:
    """The name of the entry that a reversal takes back: of a credit that came again not what gave it."""
    credit = unpack(receipt.detail).get(CREDIT)
    return target_name(receipt) if credit is None else entry_name(receipt.book_id, credit)


def _quoted(text: str | None) -> str:
    """A text of ours, or null."""
    return "null" if text is None else f'"{text}"'


def _base(receipt: Receipt, pockets: Sequence[int] | None = None) -> str:
    """What every receipt has, without the braces; `pockets` in place of what was left after this entry."""
    number, seq, kind, period = account_no(receipt.book_id), receipt.seq, receipt.kind, receipt.period
    current, carried = pockets or (receipt.current_year_after, receipt.carried_over_after)
    fact_on, said = receipt.fact_on, receipt.source_ref
    return (
        f'"entry":"{number}-{seq}","account_no":"{number}","seq":{seq}'
        f',"kind":"{_WORDS[kind]}","amount":"{format_yuan(receipt.amount_fen)}"'
        f',"effective_on":"{format_day(receipt.effective_on)}","recorded_at":"{instant(receipt.recorded_at)}"'
        f',"balance":"{format_yuan(current + carried)}","current_year":"{format_yuan(current)}"'
        f',"carried_over":"{format_yuan(carried)}"'
        f',"period":{"null" if period is None else _period(kind, period)}'
        f',"fact_on":{"null" if fact_on is None else _quoted(format_day(fact_on))}'
        f',"source_ref":{"null" if said is None else encode_basestring(said)}'
        f',"policy_version":{receipt.policy_version}'
    )


def _period(kind: Kind, period: int) -> str:
    """A month, or the year of what is posted once a year."""
    return f'"{format_year(period) if kind in ONCE_A_YEAR else format_period(period)}"'


def _spending(receipt: Receipt) -> str:
    rest = format_yuan(unpack(receipt.detail)["cash_rest"]) if receipt.detail else "0.00"
    return f',"account_paid":"{format_yuan(receipt.amount_fen)}","cash_rest":"{rest}"'


def _hold(receipt: Receipt) -> str:
    expires_at = instant(receipt.expires_at or receipt.recorded_at)
    return f',"hold":"{receipt.name}","expires_at":"{expires_at}"'


def _capture(receipt: Receipt) -> str:
    released = unpack(receipt.detail).get("released", 0)
    paid = format_yuan(receipt.amount_fen)
    return f',"hold":"{target_name(receipt)}","account_paid":"{paid}","released":"{format_yuan(released)}"'


def _death(receipt: Receipt) -> str:
    told = unpack(receipt.detail)
    owed = told.get("still_owed", told.get("receivable", 0))
    debits = ",".join(
        f'{{"entry":"{entry_name(book_id, seq)}","amount":"{format_yuan(fen)}"}}'
        # with its book where that is an account that went into this one
        for seq, fen, book_id in ((*one, receipt.book_id)[:3] for one in told.get("debits", ()))
    )
    return (
        f',"died_on":"{told["died_on"]}","taken_back":[{_months(told.get("back", ()))}]'
        f',"credited_again":[{_months(told.get("again", ()))}],"debits_after":[{debits}]'
        f',"still_owed":"{format_yuan(owed)}"'
    )


def _death_withdrawal(receipt: Receipt) -> str:
    told = unpack(receipt.detail)
    # a relative's quota has no name in somebody else's book
    left = ",".join(
        f'{{"quota":{_quoted(entry_name(book_id, seq) if book_id == receipt.book_id else None)}'
        f',"reason":"{why}"}}'
        for book_id, seq, why in told.get("not_reopened", ())
    )
    return (
        f',"credited_again":[{_months(told.get("again", ()))}]'
        f',"quotas_reopened":{len(told.get("reopened", ()))},"quotas_left":[{left}]'
    )


def _months(amounts: Iterable[Sequence[int]]) -> str:
    return ",".join(
        f'{{"period":"{format_period(period)}","amount":"{format_yuan(fen)}"}}' for period, fen in amounts
    )


def _since(receipt: Receipt) -> str:
    return f',"from":"{unpack(receipt.detail)["from"]}"'


def _merged(receipt: Receipt) -> str:
    told = unpack(receipt.detail)
    into = account_no(told["into"])
    return f',"into":"{into}","interest":"{format_yuan(told.get("interest", 0))}"'


_OF_KIND: Final[Mapping[Kind, Callable[[Receipt], str]]] = {
    Kind.SPENDING: _spending,
    Kind.HOLD: _hold,
    Kind.CAPTURE: _capture,
    Kind.RELEASE: lambda receipt: f',"hold":"{target_name(receipt)}"',
    Kind.REVERSAL: lambda receipt: f',"reverses":"{_reversed_name(receipt)}"',
    Kind.FREEZE: lambda receipt: f',"freeze":"{receipt.name}"',
    Kind.FREEZE_END: lambda receipt: f',"freeze":"{target_name(receipt)}"',
    Kind.DEATH: _death,
    Kind.DEATH_CORRECTION: _death,
    Kind.DEATH_WITHDRAWAL: _death_withdrawal,
    Kind.NAME_CHANGE: _since,
    Kind.ID_NUMBER: _since,
    Kind.CONTACT: _since,
    Kind.SEPARATION: _since,
    Kind.MERGE: _merged,
}
_FACTS_OF_A_DEATH: Final = frozenset({Kind.DEATH, Kind.DEATH_CORRECTION, Kind.DEATH_WITHDRAWAL})
_WORDS: Final = {kind: kind.word for kind in Kind}
_SIDES: Final = {int(side): side.name.lower() for side in Side}

# what of a detail is told: people and books stand in it by numbers that are the ledger's own affair
_TOLD: Final = (
    "authority",
    "case",
    "debit",
    "document",
    "evidence",
    "died_on",
    "from",
    "institution",
    "lines",
    "member_class",
    "note",
    "reason",
    "reversal",
    "scope",
    "step",
    "taken_on",
    "to",
    "was",
)
_TOLD_AMOUNTS: Final = (
    "amount",
    "balance",
    "came_back",
    "carried_over",
    "cash_rest",
    "current_year",
    "estimated",
    "interest",
    "last_month",
    "late_fee",
    "late_fee_back",
    "receivable",
    "released",
    "returned",
    "still_owed",
    "to_accounts",
    "to_pooled_fund",
    "to_suspense",
    "wage",
)


def _facts(receipt: Receipt) -> str:
    detail = unpack(receipt.detail)
    facts: dict[str, Any] = {name: detail[name] for name in _TOLD if name in detail}
    facts |= {name: format_yuan(detail[name]) for name in _TOLD_AMOUNTS if name in detail}
    if "employee" in detail:
        # of a list: what is told of both parts is their sum over its persons
        facts["employee_total"] = format_yuan(detail["employee"])
        facts["employer_total"] = format_yuan(detail["employer"])
    if "area" in detail:
        facts["area"] = str(detail["area"])
    if "heirs" in detail:
        facts["shares"] = [
            {
                "relation": line["relation"],
                "share": line["share"],
                "amount": format_yuan(line["amount"]),
                "paid_to": line["paid_to"],
                "entry": line.get("entry"),
            }
            for line in detail["heirs"]
        ]
    return to_json(facts).decode()
