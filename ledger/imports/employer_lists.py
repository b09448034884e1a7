"""Files of employers' lists: whole months of many employers, assessed and confirmed.

Lines of one employer and month that follow each other are one list. It is handed in and confirmed like one
that comes over the API; its key is its content, so a file taken up again confirms what it had only handed in,
and assesses nobody twice. A line that was assessed just so by an earlier list is there already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from ledger.book.detail import unpack
from ledger.contributions.assessing import Declared
from ledger.contributions.beyond_staff import OwnList, OwnLists, strangers_of
from ledger.contributions.brought import numbers_there, told_there
from ledger.contributions.declarations import Confirm, Declare
from ledger.contributions.levies import DECLARED_LINE, DeclaredLine
from ledger.contributions.reads import read_declared
from ledger.imports.already import CONFIRMED_BEFORE, list_there
from ledger.imports.blocks import Block
from ledger.imports.chunks import Chunk, Poster, database_problem
from ledger.imports.columns import KINDS
from ledger.imports.employer_rows import UnitRows
from ledger.imports.faults import blamed, judged_again
from ledger.imports.file_lines import FileLine, is_aside
from ledger.imports.lists import judge_line
from ledger.imports.reasons import INTERNAL_ERROR
from ledger.imports.rows import content_key
from ledger.imports.spellings import month_of, number_text, plain
from ledger.imports.summary import Rejected, Tally
from ledger.money import parse_yuan
from ledger.posting import Command, Outcome, Posted
from ledger.refusals import RefusalCode, Refused

# lines of one block: what is posted and written down as one
LINES: Final = 1000


@dataclass(slots=True)
class _List:
    """Lines that follow each other and belong to one employer and month."""

    # as the line has them
    credit_code: str
    period_text: str
    book: int
    period: int | None
    lines: list[Declared] = field(default_factory=list)

    @property
    def fen(self) -> int:
        return sum(line.wage_fen or 0 for line in self.lines)

    def command(self, caller: str, actor: str, own: OwnList | None) -> Declare:
        command = Declare(self.book, self.period, tuple(self.lines), caller=caller, actor=actor, own=own)
        # with the content in it, so that a corrected file is another request
        command.key = content_key("declarations", command.content())
        return command


@dataclass(slots=True)
class ListBlocks:
    """Cuts the lines of a file of lists into blocks, each of whole or cut lists."""

    rows: UnitRows
    # of an employer that sends the file by itself
    own_lists: OwnLists | None = None
    only_asks: bool = False

    def of(self, lines: Iterable[FileLine]) -> Iterator[Block]:
        """The blocks, made one at a time as they are asked for. Lines that name no employer are refused."""
        lists: list[_List] = []
        block = self._new()
        for line in lines:
            block.last, block.end = line.number, line.end
            try:
                self._add(line, lists)
            except Refused as refusal:
                if is_aside(self.rows.layout, line):
                    continue
                block.tally.rejected.append(judged_again(self.rows.layout, line, refusal))
            block.tally.lines += 1
            if block.tally.lines == LINES:
                yield self._filled(block, lists)
                block, lists = self._new(), []
        if block.last:
            yield self._filled(block, lists)

    def _new(self) -> Block:
        self.rows.refresh()
        return Block([])

    def _filled(self, block: Block, lists: list[_List]) -> Block:
        own = None if self.own_lists is None else self.own_lists.of(only_asks=self.only_asks)
        commands: list[Command] = [one.command(self.rows.caller, self.rows.actor, own) for one in lists]
        block.parts = [Chunk(commands, [(one.lines[0].line, one.fen) for one in lists])]
        return block

    def _add(self, line: FileLine, lists: list[_List]) -> None:
        if line.row is None:
            raise Refused(RefusalCode.SHAPE_INVALID)
        for name in ("employer", "period"):
            if line.faults and name in line.faults:
                raise Refused(line.faults[name])
        employer, period_text = number_text(line.row["employer"]), plain(line.row["period"])
        last = lists[-1] if lists else None
        if last is None or (last.credit_code, last.period_text) != (employer, period_text):
            book = self.rows.employer(employer).book_id
            last = _List(employer, period_text, book, month_of(period_text))
            lists.append(last)
        last.lines.append(self._declared(line))

    def _declared(self, line: FileLine) -> Declared:
        read = judge_line(line)
        person, code = None, read.form
        if code is None:
            try:
                person = self.rows.person(read.id_number)
            except Refused as refusal:
                code = refusal.code
        wage_fen = parse_yuan(read.wage) if read.wage else None
        return Declared(line.number, person, wage_fen, code)


@dataclass(slots=True)
class ListPoster(Poster):
    """Hands in the lists of a block, then confirms them; each line is counted by itself.

    Confirm wants to open sealed ID numbers. What is only rehearsed is not confirmed.
    """

    # of an employer that sends the file by itself
    own_lists: OwnLists | None = None

    def post(self, chunk: Chunk) -> Tally:
        tally = Tally()
        handed_in: list[tuple[Declare, Posted]] = []
        for command, outcome in zip(chunk.commands, self._post(chunk.commands), strict=True):
            if not isinstance(command, Declare):
                raise TypeError("a block of lists holds lists")
            if isinstance(outcome, Posted):
                handed_in.append((command, outcome))
            else:
                _refuse(tally, command, outcome)
        lists = self._lines_of(handed_in)
        if self.own_lists is not None:
            # before any line of the block is told of, and before it is owed
            self._name_strangers(self.own_lists, chunk, handed_in, lists)
        good = [
            (command, posted, lines)
            for (command, posted), lines in zip(handed_in, lists, strict=True)
            if _count_refused(tally, lines, numbers_there(posted, lines))
        ]
        confirmed = [] if self.rehearsing else self._confirm(good)
        for place, (command, posted, lines) in enumerate(good):
            done = posted if self.rehearsing else confirmed[place]
            if isinstance(done, Posted):
                _count(tally, lines, done, posted)
            elif isinstance(done, Refused) and done.code in CONFIRMED_BEFORE:
                self._count_there(tally, command, lines, done)
            else:
                _refuse(tally, command, done, {line.line for line in lines if line.code is None})
        return tally

    @staticmethod
    def _name_strangers(
        own_lists: OwnLists,
        chunk: Chunk,
        handed_in: list[tuple[Declare, Posted]],
        lists: list[list[DeclaredLine]],
    ) -> None:
        taken = {id(command): lines for (command, _posted), lines in zip(handed_in, lists, strict=True)}
        strangers = (strangers_of(command, taken.get(id(command), ())) for command in chunk.commands)
        own_lists.name(frozenset().union(*strangers))

    def _count_there(
        self, tally: Tally, command: Declare, lines: list[DeclaredLine], refused: Refused
    ) -> None:
        """Count the good lines of a list that was handed in before, and was confirmed by another door."""
        good = {line.line for line in lines if line.code is None}
        try:
            now = list_there(self.connection, command, self.clock(), self.policies) or {}
        except SQLAlchemyError as error:
            raise database_problem(error) from error
        _count_already(tally, (line for line in lines if line.line in good & now.keys()))
        _refuse(tally, command, refused, good - now.keys())

    def _lines_of(self, handed_in: list[tuple[Declare, Posted]]) -> list[list[DeclaredLine]]:
        """The lines of each list as they were judged; of a list handed in before, as they stand there."""
        again = [
            (posted.receipt.book_id, posted.receipt.seq) for _, posted in handed_in if posted.beside is None
        ]
        stored: dict[tuple[int, int], list[DeclaredLine]] = {}
        if again:
            with self.connection.begin():
                stored = read_declared(self.connection, again)
        return [
            list(lines)
            if (lines := posted.rows(DECLARED_LINE)) is not None
            else stored.get((posted.receipt.book_id, posted.receipt.seq), [])
            for _, posted in handed_in
        ]

    def _confirm(self, good: list[tuple[Declare, Posted, list[DeclaredLine]]]) -> list[Outcome]:
        if self.reveal is None:
            raise AssertionError("lists are confirmed with a way to open ID numbers")
        return self._post([
            Confirm(
                posted.receipt.book_id,
                posted.receipt.seq,
                self.reveal,
                caller=command.caller,
                actor=command.actor,
                key=f"c{command.key}",
                bound=self.own_lists is not None,
            )
            for command, posted, _ in good
        ])  # fmt: skip


def _rejected(number: int, code: str) -> Rejected:
    kind = KINDS["declarations"]
    if code == INTERNAL_ERROR:
        return Rejected(number, code)
    return blamed(kind, number, Refused(RefusalCode(code)))


def _refuse(tally: Tally, command: Declare, outcome: Outcome, numbers: set[int] | None = None) -> None:
    """Count lines of a list that was refused as a whole; all of them unless said otherwise."""
    code = outcome.code.value if isinstance(outcome, Refused) else INTERNAL_ERROR
    for line in command.lines:
        if numbers is None or line.line in numbers:
            tally.rejected.append(_rejected(line.line, code))
            tally.refused_fen += line.wage_fen or 0


def _count_already(tally: Tally, lines: Iterable[DeclaredLine]) -> None:
    for line in lines:
        wage = line.wage or 0
        tally.already += 1
        tally.already_fen += wage
        tally.amount_fen += wage


def _count_refused(tally: Tally, lines: list[DeclaredLine], there: Mapping[int, int]) -> bool:
    """Count the lines that were refused one by one, or are there already; whether any is left."""
    _count_already(tally, (line for line in lines if line.line in there))
    for line in lines:
        if line.code is not None and line.line not in there:
            tally.rejected.append(_rejected(line.line, line.code))
            tally.refused_fen += line.wage or 0
    return any(line.code is None for line in lines)


def _count(tally: Tally, lines: list[DeclaredLine], done: Posted, handed_in: Posted) -> None:
    """Count the good lines of a list, by what its confirmation says of each."""
    detail = None if done is handed_in else done.receipt.detail
    late: dict[str, str] = unpack(detail).get("refused", {})
    there = told_there(detail)
    _count_already(tally, (line for line in lines if line.line in there))
    for line in lines:
        if line.code is not None or line.line in there:
            continue
        wage_fen = line.wage or 0
        code = late.get(str(line.line))
        if code is not None:
            tally.rejected.append(_rejected(line.line, code))
            tally.refused_fen += wage_fen
            continue
        tally.amount_fen += wage_fen
        if done.replayed:
            tally.already += 1
            tally.already_fen += wage_fen
        else:
            tally.posted += 1
            tally.posted_fen += wage_fen
