"""Files of accounts, contributions and spendings, posted through the one way in (`posting.post`).

Each line has an idempotency key made of its place in the file, so a file imported again, or after any
interruption, posts nothing twice. A bad line goes to the rejected lines with the code the API would give; the
good lines are posted all the same.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ledger import batches
from ledger.batches import Batch
from ledger.database import is_lost, is_transient
from ledger.detail import pack, unpack
from ledger.imports.lines import Line, Survey, read_lines, survey
from ledger.imports.rejected import ImportProblem, RejectedLines
from ledger.imports.rows import KINDS, Rows, read_header
from ledger.money import format_yuan
from ledger.policy import Policy
from ledger.posting import Command, Failed, Outcome, Posted, Unknown, post
from ledger.refusals import Refused
from ledger.vault import Keyring

__all__ = ["KINDS", "ImportProblem", "Importer", "Summary"]

CHUNK = 1000
UNKNOWN_TRIES_MAX = 3
FAULTS_MAX = 10
# in the list of rejected lines: a line that met a bug or a constraint, see the log
INTERNAL_ERROR = "internal_error"
_log = logging.getLogger(__name__)

Clock = Callable[[], tuple[datetime, date]]
# bytes done, bytes in all
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Summary:
    """What became of a file. Amounts in fen.

    `amount_fen` is what the accepted lines name; it is posted now, was posted already, or was left to be
    paid in cash by bills that took what was there: the three must make it up.
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
    rejected_file: Path | None = None

    @property
    def agrees(self) -> bool:
        """Whether the accepted lines and the receipts come to the same number and the same total."""
        return (
            self.lines == self.posted + self.already + self.refused
            and self.amount_fen == self.posted_fen + self.already_fen + self.cash_rest_fen
        )

    @property
    def ok(self) -> bool:
        return self.refused == 0 and self.agrees

    def as_json(self) -> dict[str, object]:
        return {
            "batch": self.batch_id,
            "kind": self.kind,
            "lines": self.lines,
            "posted": self.posted,
            "already": self.already,
            "refused": self.refused,
            "amount": format_yuan(self.amount_fen),
            "posted_amount": format_yuan(self.posted_fen),
            "already_amount": format_yuan(self.already_fen),
            "cash_rest": format_yuan(self.cash_rest_fen),
            "refused_amount": format_yuan(self.refused_fen),
            "totals_agree": self.agrees,
            "rejected_file": None if self.rejected_file is None else str(self.rejected_file),
        }


@dataclass(slots=True)
class _Chunk:
    """Some lines on their way: commands with line number and amount, and lines that are no command."""

    commands: list[Command] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.commands) + len(self.refused)


@dataclass(slots=True)
class Importer:
    """Imports files over one connection, which is outside a transaction.

    `clock` gives now and the area's day, anew for each chunk; `actor` is the person who imports. Lists of
    rejected lines go beside the files, or into `rejected_directory`.
    """

    connection: Connection
    keyring: Keyring
    policies: Mapping[int, Policy]
    clock: Clock
    actor: str = "import"
    progress: Progress | None = None
    rejected_directory: Path | None = None

    def run(self, path: Path, kind: str | None = None) -> Summary:
        """Import one file, of the kind its header tells.

        Refused (file_invalid, cash_forbidden) for a file that cannot be read as a whole: nothing of it is
        posted. Raises ImportProblem when the file or the database cannot be used; what is posted by then
        stays, and the same call goes on.
        """
        try:
            with closing(_open(path)) as file:
                return self._import(file, path, kind)
        except DBAPIError as error:
            raise _database_problem(error) from error

    def is_done(self, path: Path) -> bool:
        """Whether this very content was imported to its end before."""
        with closing(_open(path)) as file:
            seen = survey(file)
            file.seek(0)
            kind, _columns = _header(read_lines(file, seen.encoding), None)
        batch = batches.find(self.connection, _batch_id(kind, seen))
        return batch is not None and batch.state == batches.FINISHED

    def _import(self, file: BinaryIO, path: Path, expected: str | None) -> Summary:
        before = os.fstat(file.fileno())
        seen = survey(file)
        file.seek(0)
        lines = read_lines(file, seen.encoding)
        kind, columns = _header(lines, expected)
        now, today = self.clock()
        directory = self.rejected_directory or path.parent
        rejected = RejectedLines(directory / f"{path.name}.rejected.csv")
        try:
            batch = batches.claim(self.connection, _batch_id(kind, seen), "import", now)
            rows = Rows(kind, columns, self.keyring, self.actor, today)
            run = _Run(self, seen, rows, batch, Summary(batch.batch_id, kind), rejected)
            run.post_lines(lines)
            after = os.fstat(file.fileno())
            if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
                raise ImportProblem(f"{path}: was changed while it was read; import it again")
            run.summary.rejected_file = rejected.keep()
            run.finish()
            return run.summary
        finally:
            rejected.drop()


@dataclass(slots=True)
class _Run:
    """One file under way."""

    importer: Importer
    seen: Survey
    rows: Rows
    batch: Batch
    summary: Summary
    rejected: RejectedLines
    faults: int = 0

    def post_lines(self, lines: Iterable[Line]) -> None:
        # every line is looked at again, and what is posted answers so: the counts are those of a first run
        self.batch.state = batches.RUNNING
        self.batch.bookmark = self.batch.done = self.batch.refused = self.batch.amount_fen = 0
        chunk = _Chunk()
        number = 0
        for line in lines:
            if line.text is not None and not line.text.strip():
                continue  # an empty line is no line
            number = line.number
            self.summary.lines += 1
            try:
                command, fen = self.rows.command(number, line.text, terminated=line.terminated)
            except Refused as refusal:
                chunk.refused.append((number, refusal.code.value))
            else:
                chunk.commands.append(command)
                chunk.places.append((number, fen))
            if len(chunk) >= CHUNK:
                self._take(chunk, number, line.end)
                chunk = _Chunk()
        self._take(chunk, number, self.seen.size)

    def finish(self) -> None:
        summary = self.summary
        self.batch.state = batches.FINISHED
        self.batch.detail = pack(
            bytes=self.seen.size,
            lines=summary.lines,
            amount=summary.amount_fen,
            cash_rest=summary.cash_rest_fen,
            agrees=summary.agrees,
        )
        batches.save(self.importer.connection, self.batch, self.importer.clock()[0])

    def _take(self, chunk: _Chunk, bookmark: int, end: int) -> None:
        """Post one chunk and count what became of it."""
        summary, batch = self.summary, self.batch
        for (number, fen), outcome in zip(chunk.places, self._post(chunk.commands), strict=True):
            if isinstance(outcome, Posted):
                _count(summary, outcome, fen)
            else:
                summary.refused_fen += fen
                code = outcome.code.value if isinstance(outcome, Refused) else INTERNAL_ERROR
                chunk.refused.append((number, code))
        self.rejected.add(chunk.refused)
        summary.refused += len(chunk.refused)
        batch.bookmark = bookmark
        batch.done = summary.posted + summary.already
        batch.refused = summary.refused
        batch.amount_fen = summary.posted_fen + summary.already_fen
        now, self.rows.today = self.importer.clock()
        batches.save(self.importer.connection, batch, now)
        if self.importer.progress is not None:
            self.importer.progress(end, self.seen.size)

    def _post(self, commands: Sequence[Command]) -> list[Outcome]:
        """Post a chunk; again when its fate is unknown, which its keys make safe."""
        importer = self.importer
        outcomes: list[Outcome] = []
        for _attempt in range(UNKNOWN_TRIES_MAX):
            now, today = importer.clock()
            try:
                outcomes = post(importer.connection, commands, now, today, importer.policies)
            except SQLAlchemyError as error:
                raise _database_problem(error) from error
            except Exception as fault:  # noqa: BLE001  a bug that one line met must not hold up the others
                return self._after_fault(commands, fault)
            if not any(isinstance(outcome, Unknown) for outcome in outcomes):
                break
        for outcome in outcomes:
            if isinstance(outcome, Unknown) or (isinstance(outcome, Failed) and _is_everybodys(outcome)):
                raise _database_problem(outcome.__cause__ or outcome) from outcome
        return outcomes

    def _after_fault(self, commands: Sequence[Command], fault: Exception) -> list[Outcome]:
        if self.importer.connection.in_transaction():
            self.importer.connection.rollback()
        if len(commands) > 1:
            return [outcome for command in commands for outcome in self._post([command])]
        _log.error("a line broke its chunk", exc_info=fault)
        self.faults += 1
        if self.faults > FAULTS_MAX:
            raise ImportProblem("too many lines met a bug, see the log; nothing of them is posted") from fault
        failure = Failed("this line met a bug")
        failure.__cause__ = fault
        return [failure]


def _header(lines: Iterator[Line], expected: str | None) -> tuple[str, tuple[str, ...]]:
    """The kind of a file, and its columns. Takes the first line."""
    first = next(lines, None)
    kind, columns = read_header(None if first is None else first.text, expected)
    return kind.name, columns


def _database_problem(error: BaseException) -> ImportProblem:
    """What the database said, in one line and without what was sent to it."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
    return ImportProblem(
        f"the database cannot be used ({said[0] if said else type(error).__name__});"
        " import the file again to go on"
    )


def _is_everybodys(failure: Failed) -> bool:
    """Whether a fault is that of the database as a whole, and not of one line."""
    cause = failure.__cause__
    return isinstance(cause, DBAPIError) and (is_lost(cause) or is_transient(cause))


def _count(summary: Summary, outcome: Posted, fen: int) -> None:
    receipt = outcome.receipt
    summary.amount_fen += fen
    summary.cash_rest_fen += unpack(receipt.detail).get("cash_rest", 0)
    if outcome.replayed or not outcome.created:
        summary.already += 1
        summary.already_fen += receipt.amount_fen
    else:
        summary.posted += 1
        summary.posted_fen += receipt.amount_fen


def _batch_id(kind: str, seen: Survey) -> str:
    # parted, so that it is never taken for an ID number and masked
    return f"import-{kind}-{seen.digest[:8]}-{seen.digest[8:16]}"


def _open(path: Path) -> BinaryIO:
    """The file, which must be one that can be read twice."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ImportProblem(f"{path}: not a regular file")
        return path.open("rb", buffering=256 * 1024)
    except OSError as error:
        raise ImportProblem(f"{path}: {error.strerror}") from None
