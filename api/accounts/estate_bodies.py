"""What the routes of estates are sent, and what they answer."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from api.accounts.answers import SetOffAnswer
from api.http.answers import Answer, ReceiptAnswer, yuan
from api.http.fields import Day, IdText, Name, Share, Strict, Words, example

Relation = Literal["spouse", "child", "parent", "sibling", "grandparent", "grandchild", "other"]


class Claimant(Strict):
    """Somebody who named a part of the estate, under one title.

    By will, legacy or an agreement of support the part of the whole is said; by law it follows, unless one is
    reserved. `represents` is the name of the dead child or sibling in whose place they stand.
    """

    model_config = example(name="李四", relation="spouse", title="law")

    name: Name
    id_number: IdText | None = None
    relation: Relation
    title: Literal["law", "will", "legacy", "support"] = "law"
    share: Share = None
    born_on: Day | None = None
    represents: Name | None = None
    accepted_on: Day | None = None
    notified_on: Day | None = None
    waived_on: Day | None = None
    disqualified_by: Words | None = Field(None, description="The judgment by which the right was lost")
    unborn: bool = Field(False, description="A child to be born: its part is kept")
    document: Words | None = None


class SignedForAll(Strict):
    """Who signed for all heirs of a small estate without a notary, and the commitment."""

    model_config = example(signed_by="李四", document="commitment of 2026-11-20")

    signed_by: Name
    document: Words


class NewEstate(Strict):
    """Who named the estate of an account. Shown first; `confirm` makes it final."""

    model_config = example(
        account="P483920174650K",
        paid_on="2026-11-20",
        claimants=[
            {"name": "李四", "relation": "spouse", "title": "law"},
            {"name": "张小明", "relation": "child", "title": "law"},
        ],
        confirm=False,
    )

    account: str = Field(min_length=1, max_length=64)
    paid_on: Day
    claimants: list[Claimant]
    confirm: bool = False
    commitment: SignedForAll | None = Field(
        None, description="Of a small estate without a notary: one heir signs for all"
    )


class NewDispute(Strict):
    """Who disputes the estate, and the document of it."""

    model_config = example(by="李四", document="(2026) 118")

    by: Name
    document: Words


class AgreedShare(Strict):
    """What one claimant gets."""

    model_config = example(name="李四", share="1/2")

    name: Name
    share: Share


class NewAgreement(Strict):
    """What the heirs agreed on in writing; the shares add to one, in the order agreed on."""

    model_config = example(
        shares=[{"name": "李四", "share": "2/3"}, {"name": "张小明", "share": "1/3"}],
        document="agreement of 2026-11-20",
    )

    shares: list[AgreedShare]
    document: Words


class Undoing(Strict):
    """Why a confirmed division is taken back."""

    model_config = example(reason="a will was found", document="will of 2020-03-01")

    reason: Words
    document: Words


class Unclaimed(Strict):
    """When what nobody inherits is paid to whom the area says, and the document of it."""

    model_config = example(paid_on="2027-11-22", document="notice of 2026-11-21")

    paid_on: Day
    document: Words


class ClaimantShare(Answer):
    """The part of one claimant."""

    name: str | None = Field(description="Null once it was erased")
    amount: str = yuan("The claimant's part")
    paid_to: Literal["account", "payout", "kept"]


class CommitmentAnswer(Answer):
    """Who signed for all heirs, and the commitment."""

    signed_by: str | None = Field(description="Null once it was erased")
    document: str


class EstateState(Answer):
    """An estate, and how it is or would be divided, in the order of the claimants."""

    estate: str = Field(description="The entry of the death", examples=["P483920174650K-17"])
    state: Literal["open", "held", "disputed", "confirmed"]
    amount: str = yuan("What is divided: balance and interest less what was set off")
    set_off: list[SetOffAnswer] = Field(description="What was owed for certain and was taken first")
    shares: list[ClaimantShare]
    commitment: CommitmentAnswer | None = Field(None, description="Where one heir signed for all")
    unclaimed_to: Literal["state", "pooled_fund"] | None = Field(
        None, description="Who has what nobody inherited"
    )
    receivable: str | None = Field(
        None, description="Once it was taken back: what heirs owe, whose accounts no longer had it"
    )
    receipts: list[ReceiptAnswer] | None = Field(None, description="Once it was confirmed")
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class EstateItem(Answer):
    """An estate in the list. Who claims it, and how much it is, is shown by itself."""

    estate: str = Field(description="The entry of the death", examples=["P483920174650K-17"])
    account_no: str = Field(examples=["P483920174650K"])
    state: Literal["open", "held", "disputed", "confirmed"]
    died_on: date
    held_since: date | None = Field(description="Since when it is known that nobody inherits")


class EstatePage(Answer):
    """Estates by account."""

    items: list[EstateItem]
    next_cursor: str | None
