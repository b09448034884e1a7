"""What the routes of operations answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from api.http.answers import Answer, ProblemError, yuan


class OutcomeAnswer(Answer):
    """What became of one command of a bulk."""

    status: Literal["posted", "refused", "failed", "unknown"] = Field(
        description="`failed` was not posted, `unknown` may have been: send both again with the same key"
    )
    replayed: bool | None = Field(None, description="Only of what was posted")
    receipt: dict[str, Any] | None = Field(None, description="Only of what was posted")
    code: str | None = Field(
        None, description="Only of what was not posted", examples=["insufficient_balance"]
    )
    errors: list[ProblemError] | None = Field(None, description="Only of what was refused for a field")


class BulkAnswer(Answer):
    """The outcomes, in the order of the commands."""

    outcomes: list[OutcomeAnswer]
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class BatchStarted(Answer):
    """A long run that was started, or runs already."""

    batch: str = Field(examples=["year-end-990100-2025"])
    state: Literal["running", "finished", "failed"]
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class BatchAnswer(Answer):
    """How far a long run is."""

    batch: str = Field(examples=["year-end-990100-2025"])
    kind: str
    state: Literal["running", "finished", "failed"]
    started_at: datetime
    updated_at: datetime
    done: int
    refused: int
    amount: str = yuan("What it moved")
    reason: str | None = Field(description="Why it failed, in one line; null unless it did")


class SideItem(Answer):
    """What left a side and what came to it."""

    side: str = Field(examples=["institution_payable"])
    debit: str = yuan("What left")
    credit: str = yuan("What came")
    net: str = yuan("Credit less debit")


class TrialBalanceAnswer(Answer):
    """Totals by side: of what was recorded on the day, and of everything up to it."""

    on: date | None
    day: list[SideItem]
    cumulative: list[SideItem]


class Health(Answer):
    """The service answers."""

    status: Literal["ok"]
    version: str = Field(examples=["0.1.0"])
