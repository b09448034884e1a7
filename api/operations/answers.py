"""What the routes of operations answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from api.http.answers import Answer, ProblemError, yuan


class OutcomeAnswer(Answer):
    """What became of one command of a bulk."""

    status: Literal["posted", "waiting", "refused", "failed", "unknown"] = Field(
        description="`failed` was not posted, `unknown` may have been: send both again with the same key"
    )
    replayed: bool | None = Field(None, description="Only of what was posted")
    receipt: dict[str, Any] | None = Field(None, description="Only of what was posted")
    approval: str | None = Field(
        None, description="Under which it waits; in a dry run `needed`", examples=["P483920174650K-A1"]
    )
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
    left_out: list[dict[str, str]] | None = Field(
        None,
        description="Only where there are any: the first hundred accounts (or employers) that a run left"
        " out, with `book`, the `code` of the refusal, and its facts. `refused` counts all",
        examples=[[{"book": "P483920174650K", "code": "rates_missing", "day": "1999-01-01"}]],
    )


class RejectedAnswer(Answer):
    """A line that was not taken. What stood in it is not told."""

    line: int
    code: str = Field(examples=["amount_invalid"])
    reason: str
    column: str | None = Field(description="Which column is to blame, where it is one")
    expected: str | None = Field(description="What was expected there")


class WaitingLineAnswer(Answer):
    """A line that waits for a second person."""

    line: int
    approval: str = Field(description="In a preview `needed`", examples=["P483920174650K-A1"])


class ImportAnswer(Answer):
    """What became of a file; of one that goes on only its batch and state."""

    batch: str | None = Field(description="Null of a preview", examples=["import-accounts-0a1b2c3d-4e5f6071"])
    state: Literal["running", "finished", "failed"] | None = Field(description="Null of a preview")
    kind: str | None = None
    preview: bool | None = None
    lines: int | None = None
    posted: int | None = Field(None, description="Of a preview: what an import would post")
    already: int | None = Field(None, description="Lines that stand in the book already")
    refused: int | None = None
    waiting: int | None = Field(None, description="Lines that wait for a second person, or would")
    waiting_amount: str | None = None
    waiting_lines: list[WaitingLineAnswer] | None = Field(None, description="The first thousand of them")
    amount: str | None = Field(None, description="What the accepted lines name")
    posted_amount: str | None = None
    already_amount: str | None = None
    cash_rest: str | None = None
    refused_amount: str | None = None
    taken_back: str | None = Field(None, description="Of deaths: what the accepted lines took back")
    still_owed: str | None = Field(None, description="Of deaths: what could not be taken back any more")
    totals_agree: bool | None = None
    passed_over: list[str] | None = Field(None, description="Columns that were not read")
    hidden_rows: str | None = None
    hidden_columns: str | None = None
    hidden_cells: str | None = Field(None, description="Cells that do not show what is in them")
    rejected: list[RejectedAnswer] | None = Field(None, description="The first thousand")


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
