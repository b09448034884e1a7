"""One file under way: what its batch says of it, block by block, and where an interrupted run goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from ledger.book.detail import pack, unpack
from ledger.clock import Clock
from ledger.imports.blocks import Block
from ledger.imports.rejected import RejectedLines, WaitingLines
from ledger.imports.summary import DEATHS, WAITING_TOLD, Rejected, Summary, WaitingLine
from ledger.posting import batches
from ledger.posting.batches import Batch, RefusedLine


@dataclass(slots=True)
class FileUnderWay:
    """Counts what became of the lines; writes it down in the batch, of which a preview has none.

    The batch speaks of a block after all of it is committed, never before: whatever is done and not yet
    written down is looked at again by the next run, and its keys make that safe.
    """

    connection: Connection
    clock: Clock
    summary: Summary
    rejected: RejectedLines
    waiting: WaitingLines
    # of the whole file
    size: int
    batch: Batch | None = None

    def begin(self) -> tuple[int, int] | None:
        """Take up what an interrupted run has done: its last line, and where the next one begins, in bytes.

        None: from the beginning. What is finished is looked at again, line by line, for what was refused then
        may be taken now.
        """
        if self.batch is None:
            return None
        done = _done(self.batch)
        if (
            done is None
            or batches.count_refused(self.connection, self.batch) != self.batch.refused
            # more wait than the batch names: their list is made anew
            or done.get("waiting", 0) > WAITING_TOLD
        ):
            batches.restart(self.connection, self.batch, self.clock()[0])
            return None
        self._take_up(self.batch, done)
        self._list_refused(self.batch)
        return self.batch.bookmark, done["end"]

    def _list_refused(self, batch: Batch) -> None:
        number = 0
        while page := batches.refused_lines(self.connection, batch.batch_id, after=number):
            number = page[-1].line
            # what lies behind the bookmark is another run's, and looked at again
            self.rejected.add([
                Rejected(line, code, column or "") for line, code, column in page if line <= batch.bookmark
            ])  # fmt: skip

    def _take_up(self, batch: Batch, done: dict[str, Any]) -> None:
        summary = self.summary
        summary.lines = done["lines"]
        summary.already, summary.already_fen = batch.done, batch.amount_fen
        summary.refused, summary.refused_fen = batch.refused, done["refused_amount"]
        summary.amount_fen, summary.cash_rest_fen = done["amount"], done["cash_rest"]
        summary.taken_back_fen, summary.still_owed_fen = done.get("taken_back", 0), done.get("still_owed", 0)
        if "waiting" in done:
            summary.waiting, summary.waiting_fen = done["waiting"], done["waiting_amount"]
            summary.waiting_lines = [WaitingLine(*one) for one in done["waiting_lines"]]
            self.waiting.add(summary.waiting_lines)

    def take(self, block: Block) -> None:
        """Count a block that is committed, and move the bookmark behind it."""
        refused = sorted(block.tally.rejected)
        self.summary.add(block.tally)
        self.rejected.add(refused)
        self.waiting.add(block.tally.waiting)
        if self.batch is not None:
            since, self.batch.bookmark = self.batch.bookmark, block.last
            self._write_down(self.batch, block.end)
            written = [RefusedLine(one.line, one.code, one.column or None) for one in refused]
            batches.advance(self.connection, self.batch, self.clock()[0], since, written)

    def finish(self) -> Summary:
        """Keep the lists of rejected and of waiting lines, and end the batch."""
        self.summary.rejected_file = self.rejected.keep()
        self.summary.waiting_file = self.waiting.keep()
        if self.batch is not None:
            self.batch.state = batches.FINISHED
            self._write_down(self.batch, self.size, agrees=self.summary.agrees)
            batches.save(self.connection, self.batch, self.clock()[0])
        return self.summary

    def _write_down(self, batch: Batch, end: int, **more: object) -> None:
        summary = self.summary
        batch.done = summary.posted + summary.already
        batch.amount_fen = summary.posted_fen + summary.already_fen
        batch.refused = summary.refused
        some: dict[str, object] = {}
        if summary.kind == DEATHS:
            some = {"taken_back": summary.taken_back_fen, "still_owed": summary.still_owed_fen}
        if summary.waiting:
            some |= {
                "waiting": summary.waiting,
                "waiting_amount": summary.waiting_fen,
                "waiting_lines": [list(one) for one in summary.waiting_lines],
            }
        batch.detail = pack(
            bytes=self.size,
            end=end,
            lines=summary.lines,
            amount=summary.amount_fen,
            cash_rest=summary.cash_rest_fen,
            refused_amount=summary.refused_fen,
            **some,
            **more,
        )


def _done(batch: Batch) -> dict[str, Any] | None:
    """What a run that was interrupted wrote down, if it came as far as that."""
    done = unpack(batch.detail) if batch.state == batches.RUNNING and batch.bookmark else {}
    return done if "end" in done else None
