"""What is answered, as the OpenAPI document publishes it.

Documentation only, held against the real answers by tests: building and checking a model for every answer
would cost as much as posting does. receipts.py and the routers write them.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from api.accounts.names import NameItem, NumberItem
from api.http.answers import Answer, Month, ReceiptAnswer, StatusWord, yuan


class SpendingReceipt(ReceiptAnswer):
    """A spending: what the account paid, and what is left to pay in cash."""

    account_paid: str = yuan("What the account paid")
    cash_rest: str = yuan("What the member pays otherwise; only with take_available")


class HoldReceipt(ReceiptAnswer):
    """A hold, by the name under which it is captured or released."""

    hold: str = Field(examples=["P483920174650K-17"])
    expires_at: datetime


class CaptureReceipt(ReceiptAnswer):
    """A capture: what was paid out of the hold, and what was released of it."""

    hold: str
    account_paid: str = yuan("What the account paid")
    released: str = yuan("What of the hold was not captured")


class ReleaseReceipt(ReceiptAnswer):
    """A release."""

    hold: str


class ReversalReceipt(ReceiptAnswer):
    """A reversal, and the entry it reverses."""

    reverses: str


class FreezeReceipt(ReceiptAnswer):
    """A freeze, by the name under which it is ended; or the end of one."""

    freeze: str


class MonthAmount(Answer):
    """Money of one month."""

    period: Month
    amount: str = yuan("Of the account")


class DebitAfterDeath(Answer):
    """A debit after the day of death; it is recovered by being reversed."""

    entry: str = Field(examples=["P483920174650K-17"])
    amount: str = yuan("What it took from the account")


class DeathReceipt(ReceiptAnswer):
    """A reported death, or the correction of its day."""

    died_on: date
    taken_back: list[MonthAmount] = Field(description="Credits for months after death, by month")
    credited_again: list[MonthAmount] = Field(
        description="What went back before, of months that are not after death by the corrected day"
    )
    debits_after: list[DebitAfterDeath]
    still_owed: str = yuan("What was spent of what had to go back: the estate sets it off")


class QuotaLeft(Answer):
    """A quota that had ended with the report and is not open again."""

    quota: str | None = Field(description="Its name; null for one that a relative had given")
    reason: str = Field(description="The code of what is in its way", examples=["quota_too_high"])


class DeathWithdrawalReceipt(ReceiptAnswer):
    """A death that was none: what came again, and what could not."""

    credited_again: list[MonthAmount]
    quotas_reopened: int
    quotas_left: list[QuotaLeft]


class DeathFactAnswer(Answer):
    """One fact about the death: its report, a correction, a withdrawal."""

    entry: str
    kind: str = Field(examples=["death"])
    died_on: date | None
    recorded_on: date


class DebitAfterDeathItem(DebitAfterDeath):
    """A debit after death, with what it is and the day that counts."""

    kind: str = Field(examples=["spending"])
    on: date = Field(description="Of a bill its care date")


class DeathAnswer(Answer):
    """A death that stands, with every fact that was ever recorded of one, and what is open about it."""

    died_on: date
    facts: list[DeathFactAnswer]
    debits_after: list[DebitAfterDeathItem]
    still_owed: str = yuan("What was spent of what had to go back")


class DeadDebitItem(DebitAfterDeathItem):
    """A debit of somebody's account after that person's death."""

    account_no: str = Field(examples=["P483920174650K"])
    died_on: date


class DeadDebitPage(Answer):
    """Debits after death, by account and entry."""

    items: list[DeadDebitItem]
    next_cursor: str | None


class AccountAnswer(Answer):
    """An account. Name and ID number are masked."""

    account_no: str = Field(examples=["P483920174650K"])
    status: StatusWord
    opened_on: date
    area: str = Field(examples=["990100"])
    name: str | None = Field(examples=["张*"])
    id_number: str | None = Field(examples=["119*************15"])
    names: list[NameItem] = Field(description="Every name on record, oldest first")
    id_numbers: list[NumberItem] = Field(description="Every ID number on record, oldest first")
    died_on: date | None
    last_seq: int
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class BalanceAnswer(Answer):
    """An account's money on a day, as far as it was known at an instant."""

    current_year: str = yuan("The pocket of the year")
    carried_over: str = yuan("The pocket of earlier years")
    balance: str = yuan("Both pockets")
    held: str = yuan("Set aside by holds")
    reserved: str = yuan("Reserved for relatives")
    available: str = yuan("What may be spent")
    as_of: date
    as_known: datetime


class TransferAnswer(Answer):
    """One move of money inside an entry."""

    source: str = Field(alias="from", examples=["current_year"])
    target: str = Field(alias="to", examples=["institution_payable"])
    amount: str = yuan("More than zero")


class EntryItem(ReceiptAnswer):
    """An entry in a page."""

    target: str | None = Field(description="The entry that this one reverses, captures, releases or ends")
    expires_at: datetime | None
    held_change: str | None
    transfers: list[TransferAnswer]
    facts: dict[str, Any] | None = Field(
        description="What is said of this kind alone: reason, evidence, shares"
    )


class EntryPage(Answer):
    """Entries in order. `next_cursor` gives the following page; null on the last one."""

    items: list[EntryItem]
    next_cursor: str | None


class EntryAnswer(EntryItem):
    """One entry, with what acted on it and who made it."""

    acted_on_by: str | None
    reversed_by: str | None
    rule: str = Field(description="The rule by which it moved what it moved", examples=["R20, K6"])
    policy_hash: str | None
    caller: str
    actor: str
    approved_by: str | None = Field(description="The second person, where one was asked for")
    digest: str = Field(description="Its link of the chain, in hex")


class ExplainItem(Answer):
    """What entries of one kind, under one policy version, did to one pocket."""

    pocket: Literal["current_year", "carried_over"]
    kind: str
    rule: str
    policy_version: int | None
    policy_hash: str | None
    entries: int
    amount: str = yuan("Signed")


class ExplainAnswer(BalanceAnswer):
    """A balance, and the lines that add up to it, pocket by pocket."""

    lines: list[ExplainItem]


class FreezeItem(Answer):
    """A freeze, and what ended it."""

    freeze: str
    scope: Literal["debit"]
    authority: str
    document: str
    first: date = Field(alias="from")
    last: date | None = Field(alias="to")
    ended_by: str | None
    ended_on: date | None
    reversed_by: str | None = Field(description="The entry that took it back, as if it had never been")


class FreezeList(Answer):
    """Every freeze of an account, oldest first."""

    items: list[FreezeItem]


class ShareAnswer(Answer):
    """One heir's part."""

    name: str | None = Field(description="Null once it was erased")
    amount: str = yuan("The heir's part")
    paid_to: Literal["account", "payout"]


class SetOffAnswer(Answer):
    """Something that the dead person owed for certain, and what of it was taken before the division."""

    what: Literal["third_party", "annual_settlement", "contribution", "late_credit", "inheritance", "demand"]
    name: str = Field(
        description="The case, the year of care, the employer's book and the month, or the credit",
        examples=["P483920174650K-17", "2025"],
    )
    owed: str = yuan("What was owed")
    amount: str = yuan("What was taken; the rest is taken out of what comes later")


class EstateAnswer(Answer):
    """How an estate is divided; `receipts` once it was confirmed."""

    balance: str = yuan("Before interest")
    interest: str = yuan("Every interest still owed, to the day before the payout")
    set_off: list[SetOffAnswer] = Field(description="What was owed for certain and was taken first")
    estate: str = yuan("What is divided: balance and interest less what was set off")
    shares: list[ShareAnswer]
    receipts: list[ReceiptAnswer] | None = Field(None, description="Once it was confirmed")
    approval: Literal["needed"] | None = Field(
        None, description="Only where it would wait for a second person, and nothing was written"
    )
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")
