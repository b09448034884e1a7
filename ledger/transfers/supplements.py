"""What follows the money of a transfer: arrears of a month, and what came back to the account (R33, R51)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ledger.accounts.inheritance import ESTATE
from ledger.accounts.leaving import TRANSFER_STATE, TRANSFERS, join_transfer
from ledger.book.beside import rows_digest
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import SUPPLEMENT_ON
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.sides import Side
from ledger.chart.transfers import Direction, TransferStatus
from ledger.contributions.cleared import DEMANDED
from ledger.contributions.month import Month, employer_book, has_ended, lock_all, next_entry, waits_of
from ledger.contributions.reads import DEBTS
from ledger.money import FEN_MAX
from ledger.people.enrolled import ENROLMENTS
from ledger.posting import BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused
from ledger.transfers.asked import ASKED
from ledger.transfers.coming_in import credit
from ledger.transfers.going_out import case_of
from ledger.transfers.months_here import admit_month, followed, sent_on

S = TransferStatus
_FOLLOWED = frozenset({S.SENT, S.ACKNOWLEDGED, S.CREDITED})


@dataclass(eq=False)
class SupplementTransfer(Command):
    """Let money follow a transfer: out, what the collector handed over for the month `period`, or without one
    what came back to the account since it was sent; in, what the other agency sends after it.

    The document `source_ref` counts once.
    """

    verb = "transfer_supplement"
    refused_with = (
        RefusalCode.TRANSFER_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_DECEASED,
        # of a month after death
        RefusalCode.PERIOD_AFTER_END,
        # a month in which the person was not insured by who sends, a day before the money that it follows
        RefusalCode.PERIOD_INVALID,
        RefusalCode.DUPLICATE_SOURCE_REF,
        RefusalCode.TRANSFER_STATE,
        RefusalCode.AMOUNT_INVALID,
        # more than waits to be sent
        RefusalCode.SUSPENSE_EXCEEDED,
    )
    needs = frozenset({TRANSFERS, ENROLMENTS, ASKED})
    # a transfer of that number in another account is another transfer
    leads_on = False

    book: BookRef
    transfer_seq: int
    amount_fen: int | None
    period: int | None
    received_on: date
    source_ref: str
    # which way the transfer went, as whoever asks has seen
    direction: Direction
    caller: str = ""
    actor: str = ""
    key: str | None = None

    @property
    def source_kind(self) -> Kind:  # type: ignore[override]  # computed, where the base has a constant
        return Kind.TRANSFER_IN if self.direction is Direction.IN else Kind.TRANSFER_SUPPLEMENT

    def content(self) -> str:
        return (
            f"{self.transfer_seq}|{self.amount_fen}|{self.period or ''}|{self.received_on}|{self.source_ref}"
        )

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        case = case_of(book, self.transfer_seq)
        comes = case.direction == Direction.IN
        if comes:
            desk.allow(Verb.TRANSFER_IN)
        SUPPLEMENT_ON.admit(self.received_on, desk.today, "received_on", sent=sent_on(case))
        if self.period is not None:
            admit_month(desk, book, self.period, (self.transfer_seq, case))
            if has_ended(book, self.period):
                raise Refused(RefusalCode.PERIOD_AFTER_END, at="period")
        desk.require_new_source(self.source_kind, self.source_ref)
        case = case_of(book, self.transfer_seq, at=_FOLLOWED)
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        fen = self.amount_fen
        done = case._replace(supplements=case.supplements + fen)
        if comes:
            day = max(self.received_on, book.opened_on)
            credit(desk, book, self.transfer_seq, fen, day, self.source_ref, period=self.period)
        else:
            waited = self.period is None
            if waited:
                if fen > case.waiting:
                    raise Refused(RefusalCode.SUSPENSE_EXCEEDED, at="amount_fen", waiting_fen=case.waiting)
                done = done._replace(waiting=case.waiting - fen)
            source = Side.TRANSFER_CLEARING if waited else Side.COLLECTION_CLEARING
            # on its way with the rest until that is acknowledged
            target = Side.TRANSFER_CLEARING if case.status == S.SENT else Side.BANK
            send(desk, book, self, (int(source), int(target), fen, None))
        book.of(TRANSFER_STATE).set(self.transfer_seq, done)


def send(desk: Desk, book: Book, command: SupplementTransfer, move: tuple[int, int, int, None]) -> None:
    """Add the entry of a supplement that goes out."""
    book.roll_to(desk.today.year)
    book.add(
        Draft(
            Kind.TRANSFER_SUPPLEMENT,
            desk.today,
            (move,),
            period=command.period,
            source_ref=command.source_ref,
            detail=pack(transfer=command.transfer_seq, received_on=command.received_on.isoformat()),
            keyed=True,
        )
    )


@dataclass(eq=False)
class ReleaseSuspended(Command):
    """Let what an employer paid for somebody's month `period`, and what waits in suspense since, go where it
    belongs (R15): into an account that takes money again, and of one that was transferred after the transfer.

    It is an entry of the employer's book; the account has its own.
    """

    verb = "suspense_release"
    source_kind = Kind.SUSPENSE_RELEASE
    refused_with = (
        RefusalCode.EMPLOYER_NOT_FOUND,
        RefusalCode.TRANSFER_NOT_FOUND,
        # of a month after death, which is adjusted
        RefusalCode.PERIOD_AFTER_END,
        # to come, or in which the person was not insured here any more
        RefusalCode.PERIOD_INVALID,
        RefusalCode.DUPLICATE_SOURCE_REF,
        # the transfer was not sent, or comes to nothing
        RefusalCode.TRANSFER_STATE,
        RefusalCode.AMOUNT_INVALID,
        RefusalCode.SUSPENSE_EXCEEDED,
    )
    needs = frozenset({DEBTS, ESTATE, TRANSFERS, ENROLMENTS, ASKED, DEMANDED})

    book: BookRef
    account: int
    period: int | None
    amount_fen: int | None
    source_ref: str
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # the transfer that it is to follow, and since when; the day is judged, and no part of the request
    transfer_seq: int | None = None
    received_on: date | None = None

    def __post_init__(self) -> None:
        self.named: tuple[BookRef, ...] = (self.account,)
        self.others: tuple[BookRef, ...] = (self.account,)

    def content(self) -> str:
        return f"{self.account}|{self.period}|{self.amount_fen}|{self.source_ref}|{self.transfer_seq or ''}"

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        lock_all(desk, [self.account])
        account = desk.other(self.account)
        if account is None:
            raise Refused(RefusalCode.SUSPENSE_EXCEEDED, at="amount_fen", waiting_fen=0)
        goes_with = followed(account)
        if self.transfer_seq is not None:
            goes_with = self.transfer_seq, case_of(account, self.transfer_seq)
        if self.received_on is not None and goes_with is not None:
            SUPPLEMENT_ON.admit(self.received_on, desk.today, "received_on", sent=sent_on(goes_with[1]))
        period = admit_month(desk, account, self.period, goes_with)
        if has_ended(account, period):
            raise Refused(RefusalCode.PERIOD_AFTER_END, at="period")
        desk.require_new_source(Kind.SUSPENSE_RELEASE, self.source_ref)
        if self.transfer_seq is not None:
            case_of(account, self.transfer_seq, at=_FOLLOWED)
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        month = Month(desk, book, period, desk.today, _never)
        waiting = waits_of(desk, month, self.account) if self.account in month.rows else 0
        if self.amount_fen > waiting:
            raise Refused(RefusalCode.SUSPENSE_EXCEEDED, at="amount_fen", waiting_fen=waiting)
        name = next_entry(book)
        month.release(self.account, self.amount_fen)
        transfer = _follow_transfer(desk, account, self.amount_fen, name)
        levy = month.levy_line
        beside = (*(() if levy is None else (levy,)), *month.lines)
        facts = {"account": self.account, "rows": rows_digest(beside)}
        book.add(
            Draft(
                Kind.SUSPENSE_RELEASE,
                desk.today,
                ((int(Side.SUSPENSE), int(Side.COLLECTION_CLEARING), self.amount_fen, None),),
                period=period,
                source_ref=self.source_ref,
                detail=pack(**facts, **({} if transfer is None else {"transfer": transfer})),
                keyed=True,
                beside=beside,
            )
        )


def _follow_transfer(desk: Desk, account: Book, fen: int, source: str) -> int | None:
    """Send what was released after the money of the account's transfer; the number of that, if there is one.

    What reached a closed account waits already (R33). What reached one that has sent its money goes with it.
    """
    found = followed(account)
    if account.stage == Stage.CLOSED:
        if found is None:
            return None
        seq, case = found
        account.add(
            Draft(
                Kind.TRANSFER_SUPPLEMENT,
                desk.today,
                ((int(Side.TRANSFER_CLEARING), int(Side.BANK), fen, None),),
                source_ref=source,
                detail=pack(transfer=seq),
            )
        )
        left = case._replace(waiting=case.waiting - fen, supplements=case.supplements + fen)
        account.of(TRANSFER_STATE).set(seq, left)
        return seq
    if found is None or found[1].status != S.SENT:
        return None
    seq = found[0]
    # on its way with the rest; what else had come back in the meantime waits
    join_transfer(account, seq, desk.today, None, released=fen)
    return seq


def _never(_digest: bytes, _sealed: bytes) -> str:
    raise AssertionError("nobody ties for a fen that waits for one person")
