"""Files of employers' lists: whole months of many employers, assessed and confirmed.

Lines of one employer and month that follow each other are one list. It is handed in and confirmed like one
that comes over the API; its key is the place of its first line, so a file taken up again confirms what it had
only handed in, and assesses nobody twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from ledger.book.detail import unpack
from ledger.contributions.assessing import Declared
from ledger.contributions.declarations import Confirm, Declare
from ledger.contributions.levies import DECLARED_LINE, DeclaredLine
from ledger.contributions.month import Reveal
from ledger.contributions.reads import read_declared
from ledger.imports.blocks import Block
from ledger.imports.chunks import Chunk, Poster
from ledger.imports.employer_rows import UnitRows
from ledger.imports.lines import TextLine
from ledger.imports.lists import judged
from ledger.imports.reasons import INTERNAL_ERROR
from ledger.imports.rows import CALLER, fields_of
from ledger.imports.summary import Tally
from ledger.money import parse_yuan
from ledger.months import parse_period
from ledger.posting import Command, Outcome, Posted
from ledger.refusals import Refused

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

    def command(self, actor: str) -> Declare:
        first = self.lines[0].line
        command = Declare(self.book, self.period, tuple(self.lines), caller=CALLER, actor=actor)
        # with the content in it, so that a corrected file is another request
        command.key = f"d{first}/{sha256(command.content().encode()).hexdigest()[:8]}"
        return command


@dataclass(slots=True)
class ListBlocks:
    """Cuts the lines of a file of lists into blocks, each of whole or cut lists."""

    rows: UnitRows

    def of(self, lines: Iterable[TextLine]) -> Iterator[Block]:
        """The blocks, made one at a time as they are asked for. Lines that name no employer are refused."""
        lists: list[_List] = []
        block = self._new()
        for line in lines:
            block.last, block.end = line.number, line.end
            if line.text is not None and not line.text.strip():
                continue  # an empty line is no line
            block.tally.lines += 1
            try:
                self._add(line, lists)
            except Refused as refusal:
                block.tally.rejected.append((line.number, refusal.code.value))
            if block.tally.lines == LINES:
                yield self._filled(block, lists)
                block, lists = self._new(), []
        if block.last:
            yield self._filled(block, lists)

    def _new(self) -> Block:
        self.rows.refresh()
        return Block([])

    def _filled(self, block: Block, lists: list[_List]) -> Block:
        commands: list[Command] = [one.command(self.rows.actor) for one in lists]
        block.parts = [Chunk(commands, [(one.lines[0].line, one.fen) for one in lists])]
        return block

    def _add(self, line: TextLine, lists: list[_List]) -> None:
        fields = fields_of(line.text, self.rows.columns, terminated=line.terminated)
        employer, period_text = fields["employer"].strip(), fields["period"].strip()
        last = lists[-1] if lists else None
        if last is None or (last.credit_code, last.period_text) != (employer, period_text):
            book = self.rows.employer(employer).book_id
            last = _List(employer, period_text, book, parse_period(period_text))
            lists.append(last)
        last.lines.append(self._declared(line.number, fields))

    def _declared(self, number: int, fields: dict[str, str]) -> Declared:
        read = judged(number, fields["id_number"], fields["wage"])
        person, code = None, read.code
        if code is None:
            try:
                person = self.rows.person(read.id_number)
            except Refused as refusal:
                code = refusal.code
        wage_fen = parse_yuan(read.wage) if read.wage else None
        return Declared(number, person, wage_fen, code)


@dataclass(slots=True)
class ListPoster(Poster):
    """Hands in the lists of a block, then confirms them; each line is counted by itself.

    `reveal` opens sealed ID numbers, as Confirm wants it. What is only rehearsed is not confirmed.
    """

    reveal: Reveal | None = None

    def post(self, chunk: Chunk) -> Tally:
        tally = Tally()
        handed_in: list[tuple[Declare, Posted]] = []
        for command, outcome in zip(chunk.commands, self._post(chunk.commands), strict=True):
            if not isinstance(command, Declare):
                raise TypeError("a block of lists holds lists")
            if isinstance(outcome, Posted):
                handed_in.append((command, outcome))
            else:
                _refuse(tally, command, _code(outcome))
        lists = self._lines_of(handed_in)
        good = [
            (command, posted, lines)
            for (command, posted), lines in zip(handed_in, lists, strict=True)
            if _count_refused(tally, lines)
        ]
        confirmed = [] if self.rehearsing else self._confirm(good)
        for place, (command, posted, lines) in enumerate(good):
            done = posted if self.rehearsing else confirmed[place]
            if isinstance(done, Posted):
                _count(tally, lines, done, posted)
            else:
                _refuse(tally, command, _code(done), {line.line for line in lines if line.code is None})
        return tally

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
                caller=CALLER,
                actor=command.actor,
                key=f"c{command.key}",
            )
            for command, posted, _ in good
        ])  # fmt: skip


def _code(outcome: Outcome) -> str:
    return outcome.code.value if isinstance(outcome, Refused) else INTERNAL_ERROR


def _refuse(tally: Tally, command: Declare, code: str, numbers: set[int] | None = None) -> None:
    """Count lines of a list that was refused as a whole; all of them unless said otherwise."""
    for line in command.lines:
        if numbers is None or line.line in numbers:
            tally.rejected.append((line.line, code))
            tally.refused_fen += line.wage_fen or 0


def _count_refused(tally: Tally, lines: list[DeclaredLine]) -> bool:
    """Count the lines that were refused one by one; whether any is left."""
    for line in lines:
        if line.code is not None:
            tally.rejected.append((line.line, line.code))
            tally.refused_fen += line.wage or 0
    return any(line.code is None for line in lines)


def _count(tally: Tally, lines: list[DeclaredLine], done: Posted, handed_in: Posted) -> None:
    """Count the good lines of a list, by what its confirmation says of each."""
    late: dict[str, str] = unpack(done.receipt.detail).get("refused", {}) if done is not handed_in else {}
    for line in lines:
        if line.code is not None:
            continue
        wage_fen = line.wage or 0
        code = late.get(str(line.line))
        if code is not None:
            tally.rejected.append((line.line, code))
            tally.refused_fen += wage_fen
            continue
        tally.amount_fen += wage_fen
        if done.replayed:
            tally.already += 1
            tally.already_fen += wage_fen
        else:
            tally.posted += 1
            tally.posted_fen += wage_fen
