"""api/http/answers.py."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from api.http.fields import AMOUNT_EXAMPLE
from ledger import KIND_WORDS, Status

Month = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}$", "examples": ["2026-03"]})
]


PeriodOrYear = Annotated[
    str,
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{4}(-(0[1-9]|1[0-2]))?$", "examples": ["2026-03"]}),
]


SIGNED_AMOUNT = r"^-?(0|[1-9][0-9]*)\.[0-9]{2}$"


KindWord = Annotated[str, WithJsonSchema({"type": "string", "enum": list(KIND_WORDS)})]


StatusWord = Annotated[str, WithJsonSchema({"type": "string", "enum": [status.value for status in Status]})]


def yuan(description: str) -> Any:
    """A published amount in yuan."""
    return Field(description=description, pattern=SIGNED_AMOUNT, examples=[AMOUNT_EXAMPLE])


class Answer(BaseModel):
    """An answer has every field it names, null where nothing is said; but for those with a default."""

    model_config = ConfigDict(extra="forbid")


class ReceiptAnswer(Answer):
    """One entry as it stands in the book."""

    entry: str = Field(examples=["P483920174650K-17"])
    account_no: str = Field(examples=["P483920174650K"])
    seq: int
    kind: KindWord
    amount: str = yuan("What the entry moved, held or set free")
    effective_on: date
    recorded_at: datetime
    balance: str = yuan("Both pockets after the entry")
    current_year: str = yuan("The pocket of this year after the entry")
    carried_over: str = yuan("The pocket of earlier years after the entry")
    period: PeriodOrYear | None = Field(
        description="The month owed, or the year of an interest or an annual settlement"
    )
    fact_on: date | None = Field(description="The old date of a fact that came too late for it")
    source_ref: str | None
    policy_version: int
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")
    approval: Literal["needed"] | None = Field(
        None, description="Only in a dry run of what would wait for a second person"
    )


class WaitingAnswer(Answer):
    """Nothing is posted yet: it waits for a second person. The same key is the same approval."""

    approval: str = Field(examples=["P483920174650K-A1"])
    state: Literal["waiting"]


class ProblemError(Answer):
    """One thing that is wrong with a request. What the caller sent is not repeated."""

    pointer: str = Field(
        description="Which field: a JSON pointer in the body, the name of the parameter elsewhere."
        " Empty for the whole",
        examples=["/heirs/0/share"],
    )
    place: Literal["body", "query", "path", "header"] = Field(alias="in")
    detail: str = Field(description="What is wanted there")


class Problem(BaseModel):
    """RFC 9457. `code` is the contract; the words are for people."""

    type: str = Field(examples=["/problems/insufficient-balance"])
    title: str
    status: int
    detail: str
    code: str = Field(examples=["insufficient_balance"])
    request_id: str
    facts: dict[str, Any] | None = Field(None, description="What the caller may be told: limits, dates")
    errors: list[ProblemError] | None = Field(
        None, description="Which fields: of a refused date, amount or code, too, the one it stood in"
    )
