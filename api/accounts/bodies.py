"""The bodies of requests. Every model has an example, which the documentation shows and the tests send."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from api.http.fields import (
    Amount,
    Area,
    Day,
    IdText,
    Instant,
    InstitutionCode,
    Name,
    Period,
    Share,
    SourceRef,
    Strict,
    Words,
    example,
)


class Opening(Strict):
    """What an earlier system hands over, by pocket."""

    model_config = example(current_year="120.00", carried_over="3400.50", source_ref="old-2025-118")

    current_year: Amount
    carried_over: Amount
    source_ref: SourceRef


class NewAccount(Strict):
    """The person and the area; `sex` and `birth_date` are held against the ID number when given."""

    model_config = example(id_number="119999198503140015", name="张三", area="990100", opened_on="2026-01-05")

    id_number: IdText
    name: Name
    area: Area
    opened_on: Day
    sex: Literal["1", "2"] | None = Field(None, description="1 male, 2 female")
    birth_date: Day | None = None
    opening: Opening | None = None


class AccountLookup(Strict):
    """An account by ID number or account number, for callers whose proxies log URLs."""

    model_config = example(account="P483920174650K")

    account: Annotated[str, Field(min_length=1, max_length=64)]


class Contribution(Strict):
    """Money that has arrived for a month."""

    model_config = example(
        amount="160.00", period="2026-03", effective_on="2026-03-20", source_ref="levy-2026-03-000118"
    )

    amount: Amount
    period: Period
    effective_on: Day
    source_ref: SourceRef


class Spending(Strict):
    """Money paid to a designated institution; with `take_available` what is there, the rest is cash."""

    model_config = example(
        amount="42.50", effective_on="2026-04-02", institution="H0001", source_ref="bill-20260402-7"
    )

    amount: Amount
    effective_on: Day
    institution: InstitutionCode
    source_ref: SourceRef
    take_available: bool = False


class NewHold(Strict):
    """Money set aside until a settlement."""

    model_config = example(
        amount="500.00",
        expires_at="2026-12-01T18:00:00+08:00",
        institution="H0001",
        source_ref="admission-20261121-3",
    )

    amount: Amount
    expires_at: Instant
    institution: InstitutionCode
    source_ref: SourceRef


class Capturing(Strict):
    """What is paid out of a hold; the rest of it is released."""

    model_config = example(amount="480.00", effective_on="2026-11-21", source_ref="settlement-20261121-3")

    amount: Amount
    effective_on: Day
    source_ref: SourceRef


class Reversal(Strict):
    """Why an entry is reversed; valued today unless a day is given."""

    model_config = example(reason="booked twice", effective_on="2026-04-03")

    reason: Words
    effective_on: Day | None = None


class Death(Strict):
    """The day of death, and what proves it."""

    model_config = example(died_on="2026-09-02", evidence="death certificate 2026-0902-17")

    died_on: Day
    evidence: Words


class DeathWithdrawal(Strict):
    """Why a death that was reported is none, and the document that says so."""

    model_config = example(reason="reported for a namesake", document="civil registry 2026-0917-3")

    reason: Words
    document: Words


class DeathCorrection(Strict):
    """The day on which somebody died, who is known to have, and the document that says so."""

    model_config = example(died_on="2026-08-30", document="judgment (2026) 118")

    died_on: Day
    document: Words


class Heir(Strict):
    """A heir by ID number, by name, or by both; all heirs have a share, or none."""

    model_config = example(name="李四", relation="spouse", share="1/2")

    id_number: IdText | None = None
    name: Name | None = None
    relation: Literal["spouse", "child", "parent", "sibling", "grandparent", "other"]
    share: Share = None

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if self.id_number is None and self.name is None:
            raise PydanticCustomError("shape_invalid", "id_number or name, or both")
        return self


class Estate(Strict):
    """How the balance of a dead person is divided. Shown first; `confirm` makes it final."""

    model_config = example(
        heirs=[
            {"name": "李四", "relation": "spouse", "share": "1/2"},
            {"name": "张小明", "relation": "child", "share": "1/2"},
        ],
        paid_on="2026-11-20",
        confirm=False,
    )

    heirs: list[Heir]
    paid_on: Day
    confirm: bool = False


class NewFreeze(Strict):
    """An authority's order that stops new spends and holds, both days included."""

    model_config = example(
        scope="debit",
        authority="Intermediate court",
        document="(2026) 118",
        **{"from": "2026-06-01"},
        to=None,
    )

    scope: Literal["debit"] = "debit"
    authority: Words
    document: Words
    first: Day = Field(alias="from")
    last: Day | None = Field(None, alias="to")


class FreezeEnd(Strict):
    """Why a freeze is ended."""

    model_config = example(reason="order lifted, (2026) 131")

    reason: Words
