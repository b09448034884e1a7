"""What became of the lines of a file: counted chunk by chunk, and summed up for whoever imports."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from ledger.money import format_yuan


class Rejected(NamedTuple):
    """A line that was not taken: why, and where known in which column, what stands there, what was expected.

    `value` goes into the list of rejected lines, back to whoever sent it, and nowhere else.
    """

    line: int
    code: str
    column: str = ""
    value: str = ""
    expected: str = ""


class WaitingLine(NamedTuple):
    """A line that waits for a second person: under which approval; of a preview, that one is needed."""

    line: int
    approval: str


NEEDED: Final = "needed"
"""What stands in the place of an approval while nothing waits yet."""
DEATHS: Final = "deaths"
"""The kind of file of which is told what its lines took back."""
WAITING_TOLD: Final = 1_000
"""So many lines that wait are named; all are counted."""


@dataclass(slots=True)
class Tally:
    """What became of some lines. Amounts in fen."""

    lines: int = 0
    posted: int = 0
    already: int = 0
    amount_fen: int = 0
    posted_fen: int = 0
    already_fen: int = 0
    cash_rest_fen: int = 0
    refused_fen: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    waiting_fen: int = 0
    waiting: list[WaitingLine] = field(default_factory=list)
    # what reports of deaths took back, and what of it is still owed
    taken_back_fen: int = 0
    still_owed_fen: int = 0

    def add(self, other: Tally) -> None:
        self.lines += other.lines
        self.posted += other.posted
        self.already += other.already
        self.amount_fen += other.amount_fen
        self.posted_fen += other.posted_fen
        self.already_fen += other.already_fen
        self.cash_rest_fen += other.cash_rest_fen
        self.refused_fen += other.refused_fen
        self.rejected += other.rejected
        self.waiting_fen += other.waiting_fen
        self.waiting += other.waiting
        self.taken_back_fen += other.taken_back_fen
        self.still_owed_fen += other.still_owed_fen


@dataclass(slots=True)
class Summary:
    """What became of a file. Amounts in fen.

    `amount_fen` is what the accepted lines name; it is posted now, was posted already, or was left to be
    paid in cash by bills that took what was there: the three must make it up. What waits for a second person
    is in none of them. What an interrupted run did
    counts as posted already. Of a preview, which has no batch, `posted` is what an import would post.
    """

    batch_id: str
    kind: str
    lines: int = 0
    posted: int = 0
    already: int = 0
    refused: int = 0
    amount_fen: int = 0
    posted_fen: int = 0
    already_fen: int = 0
    cash_rest_fen: int = 0
    refused_fen: int = 0
    # what waits for a second person, and the first of those lines
    waiting: int = 0
    waiting_fen: int = 0
    waiting_lines: list[WaitingLine] = field(default_factory=list)
    waiting_file: Path | None = None
    # of deaths: what the accepted lines took back, whenever that was, and what of it is still owed
    taken_back_fen: int = 0
    still_owed_fen: int = 0
    rejected_file: Path | None = None
    preview: bool = False
    # headings of columns that were not read, and what was hidden and counted all the same
    passed_over: tuple[str, ...] = ()
    hidden_rows: str = ""
    hidden_columns: str = ""
    hidden_cells: str = ""

    def add(self, tally: Tally) -> None:
        self.lines += tally.lines
        self.posted += tally.posted
        self.already += tally.already
        self.refused += len(tally.rejected)
        self.amount_fen += tally.amount_fen
        self.posted_fen += tally.posted_fen
        self.already_fen += tally.already_fen
        self.cash_rest_fen += tally.cash_rest_fen
        self.refused_fen += tally.refused_fen
        self.taken_back_fen += tally.taken_back_fen
        self.still_owed_fen += tally.still_owed_fen
        if tally.waiting:
            self.waiting += len(tally.waiting)
            self.waiting_fen += tally.waiting_fen
            room = WAITING_TOLD - len(self.waiting_lines)
            self.waiting_lines += sorted(tally.waiting)[:room]

    @property
    def agrees(self) -> bool:
        """Whether the accepted lines and the receipts come to the same number and the same total."""
        return (
            self.lines == self.posted + self.already + self.refused + self.waiting
            and self.amount_fen == self.posted_fen + self.already_fen + self.cash_rest_fen
        )

    @property
    def ok(self) -> bool:
        return self.refused == 0 and self.agrees

    def as_json(self) -> dict[str, object]:
        return {
            "batch": None if self.preview else self.batch_id,
            "kind": self.kind,
            "preview": self.preview,
            "lines": self.lines,
            "posted": self.posted,
            "already": self.already,
            "refused": self.refused,
            "waiting": self.waiting,
            "amount": format_yuan(self.amount_fen),
            "posted_amount": format_yuan(self.posted_fen),
            "already_amount": format_yuan(self.already_fen),
            "cash_rest": format_yuan(self.cash_rest_fen),
            "refused_amount": format_yuan(self.refused_fen),
            "waiting_amount": format_yuan(self.waiting_fen),
            "waiting_lines": [one._asdict() for one in self.waiting_lines],
            "totals_agree": self.agrees,
            "passed_over": list(self.passed_over),
            "hidden_rows": self.hidden_rows,
            "hidden_columns": self.hidden_columns,
            "hidden_cells": self.hidden_cells,
            "rejected_file": None if self.rejected_file is None else str(self.rejected_file),
            "waiting_file": None if self.waiting_file is None else str(self.waiting_file),
        } | self._of_deaths()

    def _of_deaths(self) -> dict[str, object]:
        if self.kind != DEATHS:
            return {}
        return {
            "taken_back": format_yuan(self.taken_back_fen),
            "still_owed": format_yuan(self.still_owed_fen),
        }
