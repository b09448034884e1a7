"""Files of people, accounts, money, employers and their lists, posted through the one way in.

Each line has an idempotency key made of what it says, so a file imported again, in whatever order, or after
any interruption, posts nothing twice. A bad line goes to the rejected lines with the code the API would give;
the good lines are posted all the same. A run that was interrupted goes on at the bookmark of its batch.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from ledger.clock import Clock
from ledger.contributions.beyond_staff import OwnLists
from ledger.database.engines import is_postgresql, reading
from ledger.imports.blocks import Blocks
from ledger.imports.chunks import Poster, Told, database_problem
from ledger.imports.columns import KINDS
from ledger.imports.control import NO_TOTALS, ControlTotals
from ledger.imports.employer_lists import ListBlocks, ListPoster
from ledger.imports.employer_rows import LISTS, UNIT_KINDS, UnitRows
from ledger.imports.encodings import file_invalid
from ledger.imports.file_lines import FileRead, has_lines
from ledger.imports.person_rows import PERSON_KINDS, PersonRows
from ledger.imports.processes import Here, Processes
from ledger.imports.reader import open_file
from ledger.imports.reasons import INTERNAL_ERROR
from ledger.imports.rejected import ImportProblem, NoFile, RejectedLines, WaitingLines, unusable
from ledger.imports.rows import CALLER, LineReader
from ledger.imports.summary import Summary
from ledger.imports.transfer_rows import TRANSFER_KINDS, TransferRows
from ledger.imports.under_way import FileUnderWay
from ledger.people.persons import number_opener
from ledger.policy import Policy
from ledger.posting import batches
from ledger.vault import KeyPlace, Keyring

__all__ = [
    "INTERNAL_ERROR",
    "KINDS",
    "PROCESSES",
    "ControlTotals",
    "ImportProblem",
    "Importer",
    "NoFile",
    "Summary",
]

# how many processes post a large file, where nobody says otherwise; they and PostgreSQL share the machine
PROCESSES = 2
# a process takes half a second to begin: as long as posting some ten thousand lines
PROCESSES_FROM_BYTES = 1_000_000
# of one block: a payment reaches the accounts of a whole staff, and all of them are locked at once
PAYMENTS = 50

# bytes done, bytes in all
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Importer:
    """Imports files over one connection, which is outside a transaction.

    `clock` gives now and the area's day, anew for each chunk; `actor` is the person who imports. Lists of
    rejected lines go beside the files, or into `rejected_directory`. With more than one of `processes` a
    large file is posted on PostgreSQL by as many; the clock must then be a function of a module. `caller` is
    the system in whose name the entries are made; `only_employer` the credit code of the one employer whose
    lines are taken. With `include_hidden` what is hidden in a workbook counts.
    """

    connection: Connection
    keyring: Keyring
    policies: Mapping[int, Policy]
    clock: Clock
    actor: str = "import"
    progress: Progress | None = None
    rejected_directory: Path | None = None
    processes: int = 1
    # where those processes have the keys from: keys are never handed over
    keys: KeyPlace | None = None
    include_hidden: bool = False
    caller: str = CALLER
    only_employer: str | None = None
    # told the name of the batch once there is one
    begun: Callable[[str], None] | None = None
    # told, of a preview, each command and what would become of it
    told: Told | None = None
    # takes count of the strangers whom that one employer names
    own_lists: OwnLists | None = None

    def run(self, path: Path, kind: str | None = None, totals: ControlTotals = NO_TOTALS) -> Summary:
        """Import one file, of the kind its header tells.

        Refused (file_invalid, cash_forbidden, hidden_rows, totals_differ) for a file that cannot be taken:
        nothing of it is posted. Raises ImportProblem when the file or the database cannot be used; what is
        posted by then stays, and the same call goes on.
        """
        return self._open(path, kind, totals, post=True)

    def preview(self, path: Path, kind: str | None = None, totals: ControlTotals = NO_TOTALS) -> Summary:
        """Check every line without posting anything, over a connection that can only read.

        A line is judged by what is in the book now and by the lines shortly before it, not by the whole file:
        a document that stands in it twice, far apart, or money that other lines spend, shows when it is
        imported. Raises as `run` does.
        """
        return self._open(path, kind, totals, post=False)

    def require(self, paths: Iterable[Path]) -> None:
        """See that files are there, and a place for the lists, before the first is posted. Raises NoFile."""
        for path in paths:
            _open(path).close()
        directory = self.rejected_directory
        if directory is not None and not directory.is_dir():
            raise NoFile(f"{directory}: no directory for the lists of rejected lines")

    def is_done(self, path: Path) -> bool:
        """Whether this very content was imported to its end before."""
        with closing(_open(path)) as file:
            opened = open_file(file, include_hidden=True)
        batch = batches.find(self.connection, _batch_id(opened))
        return batch is not None and batch.state == batches.FINISHED

    def _open(self, path: Path, expected: str | None, totals: ControlTotals, *, post: bool) -> Summary:
        try:
            with closing(_open(path)) as content:
                before = os.fstat(content.fileno())
                opened = open_file(content, expected, include_hidden=self.include_hidden)
                if totals.given:
                    totals.check(opened.lines(), opened.layout)
                if opened.layout.kind.name == LISTS and not has_lines(opened):
                    raise file_invalid(
                        "the file has no line and so names no employer and no month: a nil list is handed in"
                        " for one employer (declare EMPLOYER MONTH FILE --lines 0)"
                    )
                file = _File(path, content, before, opened)
                return self._post(file) if post else self._rehearse(file)
        except DBAPIError as error:
            raise database_problem(error) from error

    def _post(self, file: _File) -> Summary:
        name = _batch_id(file.opened)
        with self._listing(file, "rejected") as (rejected, waiting):
            summary = _summary(file.opened)
            going = FileUnderWay(self.connection, self.clock, summary, rejected, waiting, file.opened.size)
            going.batch = batches.take(self.connection, name, "import", self.clock()[0])
            if self.begun is not None:
                self.begun(name)
            with self._posters(file) as posters:
                self._go(file, going, posters)
            return going.finish()

    def _rehearse(self, file: _File) -> Summary:
        with (
            self._listing(file, "preview") as (rejected, waiting),
            reading(self.connection.engine) as connection,
        ):
            summary = _summary(file.opened)
            summary.preview = True
            going = FileUnderWay(self.connection, self.clock, summary, rejected, waiting, file.opened.size)
            self._go(file, going, self._here(file, connection, rehearsing=True))
            return going.finish()

    def _go(self, file: _File, going: FileUnderWay, posters: Here | Processes) -> None:
        lines = file.opened.lines(going.begin())
        for block in posters.post(self._blocks(file, posters.ways, rehearsing=going.batch is None).of(lines)):
            going.take(block)
            if self.progress is not None:
                self.progress(block.end, file.opened.size)
        file.require_unchanged()

    def _posters(self, file: _File) -> Here | Processes:
        # a file about employers names few books, and each of its lines may reach many accounts
        kind = file.opened.layout.kind.name
        large = (
            file.opened.size >= PROCESSES_FROM_BYTES
            and kind not in UNIT_KINDS | PERSON_KINDS | TRANSFER_KINDS
        )
        if large and self.processes > 1 and is_postgresql(self.connection):
            return Processes(
                self.processes, self.connection.engine.url, self.policies, self.clock, kind, self.keys
            )
        return self._here(file, self.connection)

    def _here(self, file: _File, connection: Connection, *, rehearsing: bool = False) -> Here:
        kind = file.opened.layout.kind.name
        reveal, seal = number_opener(self.keyring), self.keyring.seal_bytes
        poster = ListPoster if kind == LISTS else Poster
        made = poster(
            connection,
            self.policies,
            self.clock,
            rehearsing,
            kind,
            reveal=reveal,
            told=self.told,
            seal=seal,
        )
        if isinstance(made, ListPoster):
            made.own_lists = self.own_lists
        return Here(made)

    def _blocks(self, file: _File, ways: int, *, rehearsing: bool) -> Blocks | ListBlocks:
        layout = file.opened.layout
        kind = layout.kind.name
        if kind in PERSON_KINDS | TRANSFER_KINDS:
            reader = PersonRows if kind in PERSON_KINDS else TransferRows
            people = reader(layout, self.keyring, self.actor, self.connection, self.clock()[1], self.caller)
            return Blocks(self.connection, self.policies, self.clock, people, ways)
        if kind not in UNIT_KINDS:
            rows = LineReader(layout, self.keyring, self.actor, self.clock()[1], self.caller)
            return Blocks(self.connection, self.policies, self.clock, rows, ways)
        unit_rows = UnitRows(
            layout,
            self.keyring,
            self.actor,
            self.connection,
            self.clock,
            self.policies,
            rehearsing=rehearsing,
            caller=self.caller,
            only_employer=self.only_employer,
        )
        if kind == LISTS:
            return ListBlocks(unit_rows, self.own_lists, rehearsing)
        lines = PAYMENTS if kind == "receipts" else None
        return Blocks(self.connection, self.policies, self.clock, unit_rows, ways, lines)

    @contextmanager
    def _listing(self, file: _File, what: str) -> Iterator[tuple[RejectedLines, WaitingLines]]:
        """The lists of lines that are rejected, and that wait; they go again when the import does not come to
        its end.
        """
        directory = self.rejected_directory or file.path.parent
        told = "waiting" if what == "rejected" else f"{what}.waiting"
        rejected = RejectedLines(directory / f"{file.path.name}.{what}.csv")
        try:
            waiting = WaitingLines(directory / f"{file.path.name}.{told}.csv")
            try:
                yield rejected, waiting
            finally:
                waiting.drop()
        finally:
            rejected.drop()


@dataclass(frozen=True, slots=True)
class _File:
    """One file, opened and looked at: what it is, and where its lines begin."""

    path: Path
    content: BinaryIO
    # what it was like before the first reading
    before: os.stat_result
    opened: FileRead

    def require_unchanged(self) -> None:
        """Raise ImportProblem when somebody wrote to it meanwhile: what was read is neither old nor new."""
        after = os.fstat(self.content.fileno())
        if (self.before.st_size, self.before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise ImportProblem(f"{self.path}: was changed while it was read; import it again")


def _batch_id(opened: FileRead) -> str:
    # parted, so that it is never taken for an ID number and masked
    return f"import-{opened.layout.kind.name}-{opened.digest[:8]}-{opened.digest[8:16]}"


def _summary(opened: FileRead) -> Summary:
    return Summary(
        _batch_id(opened),
        opened.layout.kind.name,
        passed_over=opened.layout.passed_over,
        hidden_rows=opened.hidden_rows,
        hidden_columns=opened.hidden_columns,
        hidden_cells=opened.hidden_cells,
    )


def _open(path: Path) -> BinaryIO:
    """The file, which must be one that can be read twice."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise NoFile(f"{path}: not a regular file")
        return path.open("rb", buffering=256 * 1024)
    except OSError as error:
        raise unusable(path, error) from None
