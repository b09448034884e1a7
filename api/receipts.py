"""Receipts and entries as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from ledger import Kind, Receipt, Side
from ledger.detail import unpack
from ledger.identity import entry_name
from ledger.money import format_yuan


def instant(moment: datetime) -> str:
    """An instant in UTC, RFC 3339."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _period(receipt: Receipt) -> str | None:
    if receipt.period is None:
        return None
    if receipt.period < 10_000:
        return str(receipt.period)
    return f"{receipt.period // 100:04d}-{receipt.period % 100:02d}"


def base_json(receipt: Receipt) -> dict[str, Any]:
    """What every receipt has."""
    account_no = receipt.account_no
    return {
        "entry": f"{account_no}-{receipt.seq}",
        "account_no": account_no,
        "seq": receipt.seq,
        "kind": Kind(receipt.kind).word,
        "amount": format_yuan(receipt.amount_fen),
        "effective_on": receipt.effective_on.isoformat(),
        "recorded_at": instant(receipt.recorded_at),
        "balance": format_yuan(receipt.balance_fen),
        "current_year": format_yuan(receipt.current_year_after),
        "carried_over": format_yuan(receipt.carried_over_after),
        "period": _period(receipt),
        "fact_on": None if receipt.fact_on is None else receipt.fact_on.isoformat(),
        "source_ref": receipt.source_ref,
        "policy_version": receipt.policy_version,
    }


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """A receipt with what belongs to its kind."""
    answer = base_json(receipt)
    kind = receipt.kind
    if kind == Kind.SPENDING:
        answer["account_paid"] = answer["amount"]
        answer["cash_rest"] = format_yuan(unpack(receipt.detail).get("cash_rest", 0))
    elif kind == Kind.HOLD:
        answer["hold"] = answer["entry"]
        answer["expires_at"] = instant(receipt.expires_at or receipt.recorded_at)
    elif kind == Kind.CAPTURE:
        answer["hold"] = target_name(receipt)
        answer["account_paid"] = answer["amount"]
        answer["released"] = format_yuan(unpack(receipt.detail).get("released", 0))
    elif kind == Kind.RELEASE:
        answer["hold"] = target_name(receipt)
    elif kind == Kind.REVERSAL:
        answer["reverses"] = target_name(receipt)
    elif kind == Kind.FREEZE:
        answer["freeze"] = answer["entry"]
    elif kind == Kind.FREEZE_END:
        answer["freeze"] = target_name(receipt)
    elif kind == Kind.DEATH:
        answer["died_on"] = unpack(receipt.detail)["died_on"]
    return answer


def entry_json(receipt: Receipt) -> dict[str, Any]:
    """An entry as a page shows it: with its transfers, and what its kind alone says."""
    return base_json(receipt) | {
        "target": target_name(receipt),
        "expires_at": None if receipt.expires_at is None else instant(receipt.expires_at),
        "held_change": None if receipt.held_change is None else format_yuan(receipt.held_change),
        "transfers": [
            {"from": _SIDES[source], "to": _SIDES[target], "amount": format_yuan(fen)}
            for source, target, fen, _party in receipt.transfers
        ],
        "facts": _facts(receipt) if receipt.detail else None,
    }


def target_name(receipt: Receipt) -> str | None:
    """The name of the entry that this one acts on."""
    return None if receipt.target_seq is None else entry_name(receipt.book_id, receipt.target_seq)


_SIDES: Final = {int(side): side.name.lower() for side in Side}
# what of a detail is told: people and books stand in it by numbers that are the ledger's own affair
_TOLD: Final = (
    "area", "authority", "document", "evidence", "died_on", "from", "institution", "reason", "scope", "to",
)  # fmt: skip
_TOLD_AMOUNTS: Final = ("balance", "carried_over", "cash_rest", "current_year", "interest", "released")


def _facts(receipt: Receipt) -> dict[str, Any]:
    detail = unpack(receipt.detail)
    facts: dict[str, Any] = {name: detail[name] for name in _TOLD if name in detail}
    facts |= {name: format_yuan(detail[name]) for name in _TOLD_AMOUNTS if name in detail}
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
    return facts
