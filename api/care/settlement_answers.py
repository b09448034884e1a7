"""A settled bill as JSON, with the reason of every amount, and what the document publishes of it.

Written as text like receipts: a hospital at its busiest asks for little else. The reasons of bills of one
kind are the same, so their text is kept.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, Literal

from pydantic import Field
from pydantic_core import to_json

from api.care.bills import LineClass
from api.http.answers import Answer, yuan
from api.http.fields import CareWord
from api.http.receipts import target_name, with_more
from api.http.state import State
from ledger import Policy, Receipt
from ledger.book.numbers import account_no, entry_name, has_account
from ledger.care import reports as care
from ledger.care.explaining import Because, because
from ledger.care.rows import SettlementRow
from ledger.chart.care import Channel, Coverage
from ledger.money import format_yuan, round_half_up
from ledger.policy import RATE_SCALE

SHARE_SCALE: Final = 10**4
CoverageWord = Literal["covered", "paused", "waiting", "resident", "pharmacy"]


class Reason(Answer):
    """Why one of the amounts is what it is."""

    amount: str = Field(description="Which amount of the answer", examples=["pooled_pay"])
    rule: str = Field(examples=["R39"])
    parameter: str | None = Field(examples=["outpatient.ratio.active.level_3"])
    value: str | None = Field(description="As the policy has it", examples=["0.60"])
    source: str | None = Field(description="Where the policy has it from")


class BillAnswer(Answer):
    """What a bill comes to. The parts up to `in_scope`, and the payers, each add up to `total`."""

    settlement: str | None = Field(examples=["P483920174650K-18"])
    account: str | None = Field(
        description="Null for a resident without an account, and in what an institution's token only asks",
        examples=["P483920174650K"],
    )
    total: str = yuan("All lines")
    own_expense: str = yuan("Class C")
    over_limit: str = yuan("Above the price limits")
    pre_self_pay: str = yuan("The person's own share of class B")
    in_scope: str = yuan("The rest: what the fund goes by")
    excluded: str = yuan("Of `in_scope`: what goes with a declared cause")
    deductible: str = yuan("Of `in_scope`: what of the deductible this bill uses")
    ratio: str = Field(description="After its points", examples=["0.6000"])
    pooled_pay: str = yuan("The pooled fund")
    large_pay: str = yuan("The large-amount fund")
    account_pay: str = yuan("The person's own account")
    mutual_pay: str = yuan("Relatives' accounts")
    cash_pay: str = yuan("What the person pays otherwise")
    hospital_share: str = yuan("What the institution bears itself")
    coverage: CoverageWord = Field(description="Whether the pooled fund takes part, and if not, why")
    value_date: date
    care_date: date
    explain: list[Reason]


class SettlementAnswer(BillAnswer):
    """A bill that was settled."""

    settlement: str | None = Field(
        description="Null in a dry run of an institution's token", examples=["P483920174650K-18"]
    )
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class QuoteAnswer(BillAnswer):
    """A pre-settlement: nothing was written. `settlement` is null."""

    settlement: None
    quote: str = Field(description="Sent with the settlement, which is then refused when it would differ")
    expires_at: datetime
    policy_version: str = Field(description="The hash of the policy")
    accumulator_version: int = Field(description="How many bills and reversals of the year it went by")


class LineItem(Answer):
    """A line as it was sent."""

    item: str
    line_class: LineClass = Field(alias="class")
    amount: str = yuan("Of the line")
    over_limit: str = yuan("What of it is above the price limit")
    self_pay_ratio: str


class SettlementView(BillAnswer):
    """A settled bill as it stands."""

    settlement: str = Field(examples=["P483920174650K-18"])
    channel: Literal["network", "manual"]
    institution: str
    message_id: str | None = Field(description="Null for a manual claim")
    bill_no: str | None
    visit: str | None
    care_type: CareWord
    cause: str | None = Field(description="The declared cause, if there is one")
    cause_share: str | None
    settled_on: date = Field(description="The day on which both sides count it")
    reversed_by: str | None
    lines: list[LineItem]


class TakenBack(Answer):
    """A bill that was taken back whole: what each had paid of it, and has again."""

    reversal: str = Field(examples=["P483920174650K-19"])
    settlement: str = Field(examples=["P483920174650K-18"])
    total: str = yuan("Of the bill")
    pooled_pay: str = yuan("Back to the pooled fund")
    large_pay: str = yuan("Back to the large-amount fund")
    account_pay: str = yuan("Back to the person's own account")
    mutual_pay: str = yuan("Back to relatives' accounts")
    cash_pay: str = yuan("What the institution owes the person")
    hospital_share: str = yuan("What the institution bore itself")
    value_date: date
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class CorrectionAnswer(Answer):
    """What became of a message that its sender takes back."""

    correction: str = Field(description="The entry that did it", examples=["P483920174650K-19"])
    result: Literal["reversed", "never_seen"]
    settlement: str | None = Field(description="What the message had settled; null when it was never seen")
    value_date: date
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


# -- writing -------------------------------------------------------------------------------------------------


def bill_json(
    policy: Policy, row: SettlementRow, book_id: int | None, seq: int | None, value_date: date
) -> str:
    """A bill that the entry `seq` settled, or that would come to this (None); without a book of whose it is
    nothing is told.
    """
    number = "" if book_id is None else account_no(book_id)
    name = "null" if seq is None else f'"{number}-{seq}"'
    account = f'"{number}"' if book_id is not None and has_account(book_id) else "null"
    return (
        f'{{"settlement":{name},"account":{account},"total":"{format_yuan(row.total)}"'
        f',"own_expense":"{format_yuan(row.own_expense)}","over_limit":"{format_yuan(row.over_limit)}"'
        f',"pre_self_pay":"{format_yuan(row.pre_self_pay)}","in_scope":"{format_yuan(row.in_scope)}"'
        f',"excluded":"{format_yuan(row.excluded)}","deductible":"{format_yuan(row.deductible)}"'
        f',"ratio":"{_share(row.ratio)}","pooled_pay":"{format_yuan(row.pooled_pay)}"'
        f',"large_pay":"{format_yuan(row.large_pay)}","account_pay":"{format_yuan(row.account_pay)}"'
        f',"mutual_pay":"{format_yuan(row.mutual_pay)}","cash_pay":"{format_yuan(row.cash_pay)}"'
        f',"hospital_share":"{format_yuan(row.hospital_share)}","coverage":"{_COVERAGES[row.coverage]}"'
        f',"value_date":"{value_date}","care_date":"{row.care_date}"'
        f',"explain":{_reasons_json(tuple(because(policy, row)))}}}'
    )


_COVERAGES: Final = {one: one.word for one in Coverage}


@lru_cache(maxsize=1024)
def _share(parts: int) -> str:
    """A share or ratio with four decimals."""
    whole, rest = divmod(round_half_up(parts * SHARE_SCALE, RATE_SCALE), SHARE_SCALE)
    return f"{whole}.{rest:04d}"


@lru_cache(maxsize=4096)
def _reasons_json(reasons: tuple[Because, ...]) -> str:
    return to_json([reason._asdict() for reason in reasons]).decode()


def settlement_json(policy: Policy, found: care.Settled) -> str:
    """A settled bill as its entry and row have it."""
    return bill_json(policy, found.row, found.book_id, found.seq, found.value_date)


def view_json(policy: Policy, found: care.Settled) -> str:
    """The same, with what was sent and what became of it."""
    row, book_id = found.row, found.book_id

    def named(seq: int | None) -> str | None:
        return None if seq is None else entry_name(book_id, seq)

    more = {
        "channel": row.channel.word,
        "institution": found.institution,
        "message_id": found.message_id if row.channel is Channel.NETWORK else None,
        "bill_no": row.bill_no,
        "visit": named(row.visit_seq),
        "care_type": row.care_type.word,
        "cause": None if row.cause_kind is None else row.cause_kind.word,
        "cause_share": None if row.cause_share is None else _share(row.cause_share),
        "settled_on": row.settled_on.isoformat(),
        "reversed_by": named(found.reversed_by),
        "lines": [
            {
                "item": item,
                "class": line_class,
                "amount": format_yuan(amount),
                "over_limit": format_yuan(over_limit),
                "self_pay_ratio": _share(self_pay_ratio),
            }
            for item, line_class, amount, over_limit, self_pay_ratio in json.loads(row.lines or "[]")
        ],
    }
    return with_more(settlement_json(policy, found), more)


def taken_back_json(receipt: Receipt, row: SettlementRow) -> str:
    """A reversal, and what its mirrored row gives back."""
    return to_json(
        {
            "reversal": receipt.name,
            "settlement": target_name(receipt),
            **{amount: format_yuan(-getattr(row, amount)) for amount in _GIVEN_BACK},
            "value_date": receipt.effective_on.isoformat(),
        }
    ).decode()


def correction_json(receipt: Receipt) -> str:
    """What undid a message: a reversal, or the word that nothing was to be undone."""
    undone = target_name(receipt)
    return to_json(
        {
            "correction": receipt.name,
            "result": "never_seen" if undone is None else "reversed",
            "settlement": undone,
            "value_date": receipt.effective_on.isoformat(),
        }
    ).decode()


_GIVEN_BACK: Final = (
    "total",
    "pooled_pay",
    "large_pay",
    "account_pay",
    "mutual_pay",
    "cash_pay",
    "hospital_share",
)


def policy_at(connection: Any, state: State, version: int) -> Policy:
    """The policy that an entry names. It never changes, and is read once."""
    known = state.stored_policies.get(version)
    if known is None:
        known = state.stored_policies[version] = care.stored_policy(connection, version)
    return known
