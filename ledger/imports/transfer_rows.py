"""What the columns of files about transfers mean: to other agencies, and from them (R51)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.transfers import Direction, TransferStatus
from ledger.imports.headings import Layout
from ledger.imports.rows import CALLER, LineReader, day_of, fen_of, text_of
from ledger.posting import Command
from ledger.refusals import RefusalCode, Refused
from ledger.reports import find_book
from ledger.texts import SOURCE_REF_MAX
from ledger.transfers.coming_in import AnnounceTransfer, CreditTransfer
from ledger.transfers.going_out import AcknowledgeTransfer, RejectTransfer, RequestTransfer, SendTransfer
from ledger.vault import Keyring

TRANSFER_KINDS: Final = frozenset({
    "transfers", "remittances", "acknowledgements", "rejections", "announcements", "arrivals",
})  # fmt: skip
_E, _C = tables.entry.c, tables.transfer_case.c
Made = tuple[Command, int]


class TransferRows(LineReader):
    """Makes the commands of a file about transfers, each found by its account and a document of it."""

    def __init__(
        self,
        layout: Layout,
        keyring: Keyring,
        actor: str,
        connection: Connection,
        today: date,
        caller: str = CALLER,
    ) -> None:
        super().__init__(layout, keyring, actor, today, caller)
        self._connection = connection

    def _makers(self) -> dict[str, Callable[[dict[str, str]], Made]]:
        return {
            "transfers": self._request,
            "remittances": self._send,
            "acknowledgements": self._acknowledge,
            "rejections": self._reject,
            "announcements": self._announce,
            "arrivals": self._credit,
        }

    def _request(self, row: dict[str, str]) -> Made:
        account = self._account(row["account"], self.today)
        agency = text_of(row["other_agency"], SOURCE_REF_MAX)
        since, document = day_of(row["insured_from"]), text_of(row["document"], SOURCE_REF_MAX)
        key = self._key(row, agency, since, document)
        return RequestTransfer(account, agency, since, document, self.caller, self.actor, key), 0

    def _send(self, row: dict[str, str]) -> Made:
        paid_on, source_ref = day_of(row["paid_on"]), text_of(row["source_ref"], SOURCE_REF_MAX)
        book_id = self._book(row["account"])
        seq = self._moved_as(book_id, Kind.TRANSFER_OUT, source_ref) or self._requested(book_id)
        if seq is None:
            raise Refused(RefusalCode.TRANSFER_NOT_FOUND, at="account")
        key = self._key(row, paid_on, source_ref)
        return SendTransfer(book_id, seq, paid_on, source_ref, self.caller, self.actor, key), 0

    def _acknowledge(self, row: dict[str, str]) -> Made:
        remittance = text_of(row["remittance"], SOURCE_REF_MAX)
        book_id = self._book(row["account"])
        seq = self._moved_as(book_id, Kind.TRANSFER_OUT, remittance)
        if seq is None:
            raise Refused(RefusalCode.TRANSFER_NOT_FOUND, at="remittance")
        key = self._key(row, remittance)
        return AcknowledgeTransfer(book_id, seq, self.caller, self.actor, key), 0

    def _reject(self, row: dict[str, str]) -> Made:
        remittance = text_of(row["remittance"], SOURCE_REF_MAX)
        reason = text_of(row["reason"], SOURCE_REF_MAX)
        book_id = self._book(row["account"])
        seq = self._moved_as(book_id, Kind.TRANSFER_OUT, remittance)
        if seq is None:
            raise Refused(RefusalCode.TRANSFER_NOT_FOUND, at="remittance")
        key = self._key(row, remittance, reason)
        return RejectTransfer(book_id, seq, reason, self.caller, self.actor, key), 0

    def _announce(self, row: dict[str, str]) -> Made:
        account = self._account(row["account"], self.today)
        agency = text_of(row["other_agency"], SOURCE_REF_MAX)
        document = text_of(row["document"], SOURCE_REF_MAX)
        current_year, carried_over = fen_of(row["current_year"]), fen_of(row["carried_over"])
        interest, amount = fen_of(row["interest"]), fen_of(row["amount"])
        parts = current_year, carried_over, interest, amount
        key = self._key(row, agency, document, *parts)
        return AnnounceTransfer(account, agency, document, *parts, self.caller, self.actor, key), amount

    def _credit(self, row: dict[str, str]) -> Made:
        sheet, source_ref = (text_of(row[name], SOURCE_REF_MAX) for name in ("sheet", "source_ref"))
        received_on, amount = day_of(row["received_on"]), fen_of(row["amount"])
        book_id = self._book(row["account"])
        seq = self._moved_as(book_id, Kind.TRANSFER_IN, source_ref) or self._announced(book_id, sheet)
        if seq is None:
            raise Refused(RefusalCode.TRANSFER_NOT_FOUND, at="sheet")
        key = self._key(row, sheet, received_on, amount, source_ref)
        command = CreditTransfer(book_id, seq, received_on, amount, source_ref, self.caller, self.actor, key)
        return command, amount

    # -- looked for ----------------------------------------------------------------------------------------

    def _book(self, text: str) -> int:
        account = self._account(text, self.today)
        with self._connection.begin():
            return find_book(self._connection, account)

    def _requested(self, book_id: int) -> int | None:
        """The transfer of an account whose money is to be sent."""
        out, asked = int(Direction.OUT), int(TransferStatus.REQUESTED)
        query = select(_C.seq).where(_C.book_id == book_id, _C.direction == out, _C.status == asked)
        with self._connection.begin():
            return self._connection.scalar(query)

    def _announced(self, book_id: int, sheet: str) -> int | None:
        """The transfer that was announced by a sheet: one that is open, else the last one."""
        query = (
            select(_C.seq, _C.status, _E.detail)
            .join_from(tables.transfer_case, tables.entry, (_E.book_id == _C.book_id) & (_E.seq == _C.seq))
            .where(_C.book_id == book_id, _C.direction == int(Direction.IN))
        )
        with self._connection.begin():
            rows = self._connection.execute(query).all()
        found = [
            (status == TransferStatus.ANNOUNCED, seq)
            for seq, status, detail in rows
            if unpack(detail)["document"] == sheet
        ]
        return max(found)[1] if found else None

    def _moved_as(self, book_id: int, kind: Kind, source_ref: str) -> int | None:
        """The transfer of an account whose money was sent, or credited, under a document."""
        query = select(_E.detail).where(
            _E.book_id == book_id, _E.kind == int(kind), _E.source_ref == source_ref
        )
        with self._connection.begin():
            detail = self._connection.scalar(query)
        return None if detail is None else int(unpack(detail)["transfer"])
