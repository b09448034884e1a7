"""One employer's list of one month, from a CSV or XLSX file: handed in, shown, and confirmed when asked."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.clock import Clock
from ledger.contributions.assessing import Declared
from ledger.contributions.brought import numbers_there
from ledger.contributions.declarations import Confirm, Declare, list_view
from ledger.contributions.employers import find
from ledger.contributions.levies import DECLARED_LINE, DeclaredLine
from ledger.contributions.reads import read_declared
from ledger.imports.already import CONFIRMED_BEFORE, list_there
from ledger.imports.chunks import outdated_problem
from ledger.imports.columns import EMPLOYERS_LIST, LIST
from ledger.imports.control import NO_TOTALS, ControlTotals
from ledger.imports.faults import blamed
from ledger.imports.file_lines import FileRead
from ledger.imports.lists import ListLine, lines_of, require_nil_said
from ledger.imports.reader import open_file
from ledger.imports.rejected import ImportProblem, RejectedLines, unusable
from ledger.imports.rows import CALLER
from ledger.imports.summary import Rejected
from ledger.money import format_yuan, parse_yuan
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest, number_opener
from ledger.policy import Policy
from ledger.posting import Command, PolicyOutdated, Posted, Receipt, Unknown
from ledger.posting.rehearsal import rehearse
from ledger.posting.way_in import post
from ledger.refusals import RefusalCode, Refused
from ledger.vault import Keyring


@dataclass(slots=True)
class ListDoor:
    """Takes lists over one connection, which is outside a transaction. `actor` is the person who does."""

    connection: Connection
    keyring: Keyring
    policies: Mapping[int, Policy]
    clock: Clock
    actor: str

    def hand_in(
        self,
        credit_code: str,
        period: int | None,
        path: Path,
        *,
        confirm: bool = False,
        preview: bool = False,
        include_hidden: bool = False,
        totals: ControlTotals = NO_TOTALS,
    ) -> dict[str, object]:
        """Hand in a list. With `confirm` its good lines are owed from then on; `preview` writes nothing.

        The same file for the same month again gives the same answer; a line that an earlier list brought just
        so is `already` there, in whatever order it comes. Lines that cannot be taken are listed beside the
        file. A list without a line is a nil list when `totals` say so. Refused as Declare and Confirm are,
        and as `open_file`; raises ImportProblem when the file cannot be read or the database is gone.
        """
        with self.connection.begin():
            book = find(self.connection, credit_code).book_id
        try:
            with closing(path.open("rb")) as file:
                opened = open_file(file, LIST, include_hidden=include_hidden)
                if totals.given:
                    totals.check(opened.lines(), opened.layout)
                lines = tuple(self._declared(opened))
        except OSError as error:
            raise unusable(path, error) from None
        if not lines:
            require_nil_said(said=totals.given)
        key = f"list-{period}-{opened.digest[:8]}-{opened.digest[8:16]}"
        declare = Declare(book, period, lines, caller=CALLER, actor=self.actor, key=key)
        handed_in = self._one(declare, preview=preview)
        judged = self._lines(handed_in)
        there = dict(numbers_there(handed_in, judged))
        confirmation = None
        # what repeats a confirmed list says nothing that could be confirmed
        stands = not handed_in.created
        if confirm and not preview and not stands and not _is_all_there(judged, there):
            confirmation, there = self._confirm(declare, handed_in, judged, there)
            stands = True
        detail = None if confirmation is None else confirmation.detail
        view = list_view(handed_in.receipt.period or 0, judged, detail, there)
        there |= view.there
        rejected = [
            blamed(EMPLOYERS_LIST, line.line, Refused(RefusalCode(line.code)))
            for line in view.lines
            if line.code is not None and line.line not in there
        ]
        told = unpack(None if confirmation is None else confirmation.detail)
        return {
            "declaration": None if preview and handed_in.created else handed_in.receipt.name,
            "status": "confirmed" if stands else "preview",
            "lines": len(view.lines),
            "good": len(view.lines) - len(rejected) - len(there),
            "already": len(there),
            "already_in": sorted({entry_name(book, seq) for seq in there.values()}),
            "refused": len(rejected),
            "employee_total": format_yuan(view.employee_total),
            "employer_total": format_yuan(view.employer_total),
            "to_accounts": format_yuan(told.get("to_accounts", 0)),
            "to_pooled_fund": format_yuan(told.get("to_pooled_fund", 0)),
            "returned": format_yuan(told.get("returned", 0)),
            "passed_over": list(opened.layout.passed_over),
            "hidden_rows": opened.hidden_rows,
            "hidden_columns": opened.hidden_columns,
            "hidden_cells": opened.hidden_cells,
            "rejected_file": _keep(path, rejected),
        }

    def _confirm(
        self, declare: Declare, handed_in: Posted, judged: list[DeclaredLine], there: dict[int, int]
    ) -> tuple[Receipt | None, dict[int, int]]:
        """Confirm a list; no entry where other doors have confirmed all that it says. Raises Refused."""
        reveal = number_opener(self.keyring)
        command = Confirm(
            handed_in.receipt.book_id,
            handed_in.receipt.seq,
            reveal,
            caller=CALLER,
            actor=self.actor,
            key=f"c{declare.key}",
        )
        try:
            return self._one(command).receipt, there
        except Refused as refused:
            if refused.code not in CONFIRMED_BEFORE:
                raise
            now = list_there(self.connection, declare, self.clock(), self.policies)
            if now is None or any(line.code is None and line.line not in now for line in judged):
                raise
            return None, dict(now)

    def _declared(self, opened: FileRead) -> list[Declared]:
        today = self.clock()[1]
        return [self._line(line, today) for line in lines_of(opened)]

    def _line(self, line: ListLine, today: date) -> Declared:
        person, code = None, line.form
        if code is None:
            try:
                parsed = parse_id_number(line.id_number, today)
                person = number_digest(parsed, self.keyring)
            except Refused as refusal:
                code = refusal.code
        return Declared(line.line, person, parse_yuan(line.wage) if line.wage else None, code)

    def _lines(self, handed_in: Posted) -> list[DeclaredLine]:
        lines = handed_in.rows(DECLARED_LINE)
        if lines is not None:
            return list(lines)
        place = (handed_in.receipt.book_id, handed_in.receipt.seq)
        with self.connection.begin():
            return read_declared(self.connection, [place]).get(place, [])

    def _one(self, command: Command, *, preview: bool = False) -> Posted:
        now, today = self.clock()
        act = rehearse if preview else partial(post, clock=self.clock)
        reveal = number_opener(self.keyring)
        outcome = act(self.connection, [command], now, today, self.policies, reveal=reveal)[0]
        if isinstance(outcome, Posted):
            return outcome
        if isinstance(outcome, PolicyOutdated):
            raise outdated_problem(outcome) from outcome
        if isinstance(outcome, Unknown):
            raise ImportProblem("the outcome is unknown; hand the same file in again") from outcome
        raise outcome


def _is_all_there(lines: list[DeclaredLine], there: Mapping[int, int]) -> bool:
    """Whether a list says nothing that an earlier one has not said: there is nothing to confirm."""
    return bool(there) and all(line.code is not None for line in lines)


def _keep(path: Path, refused: list[Rejected]) -> str | None:
    """Write the list of lines that cannot be taken beside the file; an older list goes."""
    rejected = RejectedLines(path.with_name(f"{path.name}.rejected.csv"))
    try:
        rejected.add(refused)
        kept = rejected.keep()
    finally:
        rejected.drop()
    return None if kept is None else str(kept)
