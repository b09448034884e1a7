"""A file in blocks of lines. A block is what is posted, settled and written down in the batch as one.

A block has a part for each process that posts. Which part a line goes to hangs on its book alone, so two
parts never want the same book, and the lines of a book are posted in the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ledger.clock import Clock
from ledger.imports.chunks import Chunk
from ledger.imports.faults import judged_again
from ledger.imports.file_lines import FileLine, is_aside
from ledger.imports.rows import LineReader
from ledger.imports.summary import Tally
from ledger.policy import Policy
from ledger.posting import Command, Desk
from ledger.posting.stakes import resolve
from ledger.refusals import Refused

# of each part
LINES = 1000


@dataclass(slots=True)
class Block:
    """Some lines that follow each other: commands by part, and what is known of the lines by now."""

    parts: list[Chunk]
    tally: Tally = field(default_factory=Tally)
    # the number of its last line, and where the next one begins, in bytes
    last: int = 0
    end: int = 0


@dataclass(slots=True)
class Blocks:
    """Cuts the lines of one file into blocks of `ways` parts."""

    connection: Connection
    policies: Mapping[int, Policy]
    clock: Clock
    rows: LineReader
    ways: int = 1
    # of each part; None: LINES
    lines: int | None = None

    def of(self, lines: Iterable[FileLine]) -> Iterator[Block]:
        """The blocks, made one at a time as they are asked for. Lines that are no command are refused."""
        commands, block = Chunk(), self._new()
        for line in lines:
            block.last, block.end = line.number, line.end
            try:
                command, fen = self.rows.command(line)
            except Refused as refusal:
                if is_aside(self.rows.layout, line):
                    continue
                block.tally.lines += 1
                block.tally.rejected.append(judged_again(self.rows.layout, line, refusal))
            else:
                block.tally.lines += 1
                commands.commands.append(command)
                commands.places.append((line.number, fen))
            if block.tally.lines == (self.lines or LINES) * self.ways:
                yield self._parted(block, commands)
                commands, block = Chunk(), self._new()
        if block.last:
            yield self._parted(block, commands)

    def _new(self) -> Block:
        _now, self.rows.today = self.clock()
        return Block([])

    def _parted(self, block: Block, commands: Chunk) -> Block:
        if self.ways == 1:
            block.parts = [commands]
            return block
        self._name_books(commands.commands)
        block.parts = [Chunk() for _ in range(self.ways)]
        for command, place in zip(commands.commands, commands.places, strict=True):
            # the first byte of a digest, the last digits of a number: either is as good as drawn by lot
            book = command.book
            part = block.parts[(book if isinstance(book, int) else book[0]) % self.ways]
            part.commands.append(command)
            part.places.append(place)
        return block

    def _name_books(self, commands: list[Command]) -> None:
        """Find the book of each command: a file may name one by account number, and by two ID numbers.

        An opening stays with the ID number that it stakes, and so does a line that finds no book.
        """
        unnamed = [command for command in commands if isinstance(command.book, bytes) and not command.opens]
        if not unnamed:
            return
        desk = Desk(*self.clock(), self.policies)
        with self.connection.begin():
            resolve(self.connection, [command.book for command in unnamed], desk)
        for command in unnamed:
            if isinstance(command.book, bytes):
                command.book = desk.ids.get(command.book, command.book)
