"""Transfer in: announced by the information sheet, credited once the money is what the sheet says (R51)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.accounts.leaving import TRANSFER_STATE, TRANSFERS, TransferCase
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import TRANSFER_RECEIVED_ON
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.chart.sides import Side
from ledger.chart.transfers import Direction, TransferStatus
from ledger.money import FEN_MAX
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk, WiderLocks
from ledger.refusals import RefusalCode, Refused
from ledger.transfers.asked import ASKED
from ledger.transfers.going_out import case_of


@dataclass(eq=False)
class AnnounceTransfer(Command):
    """Announce what another agency sends, by its information sheet: both pockets, interest, and all of it."""

    verb = "transfer_announcement"
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.AMOUNT_INVALID,
        # the parts are not the whole
        RefusalCode.AMOUNT_MISMATCH,
    )
    needs = frozenset({TARGET, TRANSFERS, ASKED})

    book: BookRef
    other_agency: str
    document: str
    current_year_fen: int | None
    carried_over_fen: int | None
    interest_fen: int | None
    amount_fen: int | None
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # the entry that says so already, once it was found
    target_seq: int | None = None

    def content(self) -> str:
        sheet = f"{self.current_year_fen}|{self.carried_over_fen}|{self.interest_fen}|{self.amount_fen}"
        return f"in|{sheet}|{self.other_agency}|{self.document}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        self._answer_if_there(desk)
        desk.allow(Verb.TRANSFER_IN)
        parts: dict[str, int] = {}
        for name, fen in (
            ("current_year", self.current_year_fen),
            ("carried_over", self.carried_over_fen),
            ("interest", self.interest_fen),
            ("amount", self.amount_fen),
        ):
            if fen is None or not (name == "amount") <= fen <= FEN_MAX:
                raise Refused(RefusalCode.AMOUNT_INVALID, at=f"sheet/{name}")
            parts[name] = fen
        amount = parts["amount"]
        if parts["current_year"] + parts["carried_over"] + parts["interest"] != amount:
            raise Refused(RefusalCode.AMOUNT_MISMATCH, at="sheet/amount")
        book.roll_to(desk.today.year)
        draft = book.add(
            Draft(
                Kind.TRANSFER_REQUEST,
                desk.today,
                detail=pack(
                    direction=Direction.IN.word,
                    other_agency=self.other_agency,
                    document=self.document,
                    **parts,
                ),
                keyed=True,
            )
        )
        book.of(TRANSFER_STATE).set(
            draft.seq, TransferCase(Direction.IN, TransferStatus.ANNOUNCED, desk.today, amount)
        )

    def _answer_if_there(self, desk: Desk) -> None:
        """Raise AlreadyThere with what announced just this before, of a line that says a sheet once.

        By the other door two sheets may say the same: each request has a key of its own.
        """
        if not self.booked_once:
            return
        book_id = desk.book.book_id
        same = self.fingerprint(book_id)
        seqs = [
            seq for (book, seq), one in desk.of(ASKED).items() if (book, one.fingerprint) == (book_id, same)
        ]
        if not seqs:
            return
        entry = desk.target(max(seqs))
        if entry is None:
            # which entry it is was not known before
            self.target_seq = max(seqs)
            raise WiderLocks(())
        raise AlreadyThere(entry)


@dataclass(eq=False)
class CreditTransfer(Command):
    """Credit the money of an announced transfer, which must be what its sheet says; else nothing is booked.

    All of it goes to carried_over, valued on the day it was received.
    """

    verb = Verb.TRANSFER_IN
    source_kind = Kind.TRANSFER_IN
    refused_with = (
        RefusalCode.TRANSFER_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_DECEASED,
        # before the opening or after today
        RefusalCode.PERIOD_INVALID,
        RefusalCode.DUPLICATE_SOURCE_REF,
        RefusalCode.TRANSFER_STATE,
        RefusalCode.AMOUNT_INVALID,
        RefusalCode.AMOUNT_DIFFERS,
    )
    needs = frozenset({TRANSFERS})
    # a transfer of that number in another account is another transfer
    leads_on = False

    book: BookRef
    transfer_seq: int
    received_on: date
    amount_fen: int | None
    source_ref: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.transfer_seq}|{self.received_on}|{self.amount_fen}|{self.source_ref}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        case_of(book, self.transfer_seq)
        desk.allow(Verb.TRANSFER_IN)
        TRANSFER_RECEIVED_ON.admit(self.received_on, desk.today, "received_on", opening=book.opened_on)
        desk.require_new_source(Kind.TRANSFER_IN, self.source_ref)
        case = case_of(book, self.transfer_seq, at=frozenset({TransferStatus.ANNOUNCED}))
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        if self.amount_fen != case.amount:
            raise Refused(RefusalCode.AMOUNT_DIFFERS, at="amount_fen", sheet_fen=case.amount)
        draft = credit(
            desk, book, self.transfer_seq, self.amount_fen, self.received_on, self.source_ref, period=None
        )
        book.of(TRANSFER_STATE).set(
            self.transfer_seq,
            case._replace(
                status=int(TransferStatus.CREDITED), moved_on=draft.effective_on, ended_on=desk.today
            ),
        )


def credit(
    desk: Desk, book: Book, seq: int, fen: int, received_on: date, source_ref: str, *, period: int | None
) -> Draft:
    """The entry by which money of another agency comes into carried_over, and interest runs from its day."""
    effective_on, fact_on = book.value_date(received_on, desk.today)
    if book.late_year(effective_on) is None:
        book.roll_to(effective_on.year)
    clearing = int(Side.TRANSFER_CLEARING)
    return book.add(
        Draft(
            Kind.TRANSFER_IN,
            effective_on,
            ((int(Side.BANK), clearing, fen, None), (clearing, int(Side.CARRIED_OVER), fen, None)),
            period=period,
            fact_on=fact_on,
            source_ref=source_ref,
            detail=pack(transfer=seq, credited_on=desk.today.isoformat()),
            keyed=True,
        )
    )
