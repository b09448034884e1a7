"""The bodies of requests about transfers, exits and demands."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.http.fields import Amount, Day, Period, SourceRef, Strict, Words, example


class SheetBody(Strict):
    """What the other agency says of the money: both pockets, interest, and all of it."""

    model_config = example(current_year="480.00", carried_over="3000.00", interest="9.31", amount="3489.31")

    current_year: Amount
    carried_over: Amount
    interest: Amount
    amount: Amount


class NewTransfer(Strict):
    """Out: since when the person is insured there. In: the information sheet, whose parts are the whole."""

    model_config = example(
        account="P483920174650K",
        direction="out",
        other_agency="330100",
        insured_from="2026-04-01",
        document="application 2026-0401-7",
    )

    account: Annotated[str, Field(min_length=1, max_length=64)]
    direction: Literal["out", "in"]
    other_agency: Words
    document: Words
    insured_from: Day | None = None
    sheet: SheetBody | None = None


class Completion(Strict):
    """Out: when the money was sent. In: when it came, and how much."""

    model_config = example(paid_on="2026-04-10", source_ref="bank-20260410-3")

    source_ref: SourceRef
    paid_on: Day | None = None
    received_on: Day | None = None
    amount: Amount = None


class TransferRejection(Strict):
    """Why a transfer comes to nothing."""

    model_config = example(reason="the other agency does not know the person")

    reason: Words


class Supplement(Strict):
    """What follows the money: arrears of a month; out, without a month, what came back to the account."""

    model_config = example(
        amount="101.47", period="2026-03", received_on="2026-05-20", source_ref="levy-2026-03-000118"
    )

    amount: Amount
    period: Period | None = None
    received_on: Day
    source_ref: SourceRef


class NewExit(Strict):
    """Why somebody is paid out at once, what proves it, and when it is paid."""

    model_config = example(case="settled_abroad", document="exit permit 2026-118", paid_on="2026-11-20")

    case: Literal["settled_abroad", "transfer_impossible", "voluntary_exit", "retiree_resettled"]
    document: Words
    paid_on: Day


class NewDemand(Strict):
    """What somebody got too much, and the decision that says so.

    With `debt`, as `GET /v1/accounts/{account}/debts` names it, the demand takes over so much of it.
    """

    model_config = example(amount="1500.00", reason="paid twice", document="decision (2026) 77")

    amount: Amount
    reason: Words
    document: Words
    debt: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class NewInstalment(Strict):
    """What was paid of a demand by bank."""

    model_config = example(amount="250.00", paid_on="2026-11-20", source_ref="bank-20261120-9")

    amount: Amount
    paid_on: Day
    source_ref: SourceRef


class NewRelease(Strict):
    """Of an employer's money for a month, what waits in suspense for the person."""

    model_config = example(
        employer="911100001000000010", period="2026-03", amount="101.47", source_ref="release-2026-7"
    )

    employer: Annotated[str, Field(min_length=1, max_length=64)]
    period: Period
    amount: Amount
    source_ref: SourceRef
