"""Transfer out: asked for, sent, and acknowledged or rejected by the other agency (R51, E58)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from ledger.accounts.inheritance import ESTATE, hand_on
from ledger.accounts.leaving import TRANSFER_STATE, TRANSFERS, TransferCase, join_transfer, whole_balance
from ledger.accounts.owed_interest import CHANGES, LAST_MOVED, post_interest
from ledger.accounts.quotas import QUOTAS, REOPENED
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.table import INSURED_FROM, TRANSFER_PAID_ON
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Status, Verb
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.chart.transfers import Direction, TransferStatus
from ledger.estates.open_items import OPEN_ITEMS
from ledger.estates.owed import OWED
from ledger.people.births import BIRTHS, birth_before
from ledger.people.enrolled import ENROLMENTS
from ledger.posting import BookRef, Command, Desk
from ledger.refusals import RefusalCode, Refused
from ledger.transfers.finishing import check_finished, end_mutual_aid

S = TransferStatus


def case_of(book: Book, seq: int, *, at: frozenset[TransferStatus] | None = None) -> TransferCase:
    """A transfer of this book. Raises Refused: transfer_not_found, transfer_state where it is not at one of
    those steps.
    """
    case = book.of(TRANSFER_STATE).get(seq)
    if case is None:
        raise Refused(RefusalCode.TRANSFER_NOT_FOUND, at="target_seq")
    if at is not None and case.status not in at:
        raise Refused(RefusalCode.TRANSFER_STATE, state=TransferStatus(case.status).word)
    return case


@dataclass(eq=False)
class RequestTransfer(Command):
    """Ask for the transfer of an account to the agency by which its holder is insured since `insured_from`.

    From then on nothing new is taken, and mutual aid has ended both ways; what is reversed still comes.
    """

    verb = Verb.TRANSFER_OUT
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        # one is under way
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.ACCOUNT_FROZEN,
        # a day to come, or before birth
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.RETIREE,
        RefusalCode.OPEN_ITEMS,
    )
    needs = frozenset({QUOTAS, REOPENED, TRANSFERS, OPEN_ITEMS, OWED, ENROLMENTS, BIRTHS})

    book: BookRef
    other_agency: str
    insured_from: date
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"out|{self.insured_from}|{self.other_agency}|{self.document}"

    @property
    def alive_on(self) -> date:  # type: ignore[override]  # computed, where the base has a default
        return self.insured_from

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        desk.allow(Verb.TRANSFER_OUT)
        birth = birth_before(desk, self, book, self.insured_from)
        INSURED_FROM.admit(self.insured_from, desk.today, "insured_from", birth=birth)
        if _is_retired(desk, book):
            raise Refused(RefusalCode.RETIREE)
        book.roll_to(desk.today.year)
        end_mutual_aid(desk, book)
        check_finished(desk, book)
        draft = book.add(
            Draft(
                Kind.TRANSFER_REQUEST,
                desk.today,
                detail=pack(
                    direction=Direction.OUT.word,
                    other_agency=self.other_agency,
                    insured_from=self.insured_from.isoformat(),
                    document=self.document,
                ),
                keyed=True,
            )
        )
        book.of(TRANSFER_STATE).set(draft.seq, TransferCase(Direction.OUT, S.REQUESTED, desk.today))
        book.stage = Stage.TRANSFERRING


def _is_retired(desk: Desk, book: Book) -> bool:
    """Whether the person is a retiree today, by the enrolment recorded last (R51)."""
    today = desk.today
    covering = [
        one
        for one in desk.of(ENROLMENTS).get(book.book_id, ())
        if one.first <= today and (one.last is None or one.last >= today)
    ]
    return bool(covering) and max(covering, key=lambda one: one.seq).member_class is MemberClass.RETIRED


@dataclass(eq=False)
class SendTransfer(Command):
    """Send the whole balance of a transfer, with the interest of every day before `paid_on` (R49).

    The entry keeps what the information sheet says of the money: both pockets without that interest, the
    interest, and all of it.
    """

    verb = "transfer_sending"
    source_kind = Kind.TRANSFER_OUT
    refused_with = (
        RefusalCode.TRANSFER_NOT_FOUND,
        RefusalCode.ACCOUNT_FROZEN,
        # after today, or before a value date of the account
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.DUPLICATE_SOURCE_REF,
        RefusalCode.TRANSFER_STATE,
        RefusalCode.OPEN_ITEMS,
    )
    needs = frozenset({TRANSFERS, CHANGES, LAST_MOVED, OPEN_ITEMS, OWED})

    book: BookRef
    transfer_seq: int
    paid_on: date
    source_ref: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.transfer_seq}|{self.paid_on}|{self.source_ref}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        case = case_of(book, self.transfer_seq)
        if case.status == S.REQUESTED and Status.FROZEN in book.statuses(desk.today):
            raise Refused(RefusalCode.ACCOUNT_FROZEN)
        moved = desk.of(LAST_MOVED).get(book.book_id, book.opened_on)
        # of one that was sent before, the day of that is the last value date
        TRANSFER_PAID_ON.admit(self.paid_on, desk.today, "paid_on", moved=moved)
        desk.require_new_source(Kind.TRANSFER_OUT, self.source_ref)
        case_of(book, self.transfer_seq, at=frozenset({S.REQUESTED}))
        interest = post_interest(desk, book, self.paid_on - timedelta(days=1), valued_on=self.paid_on)
        book.roll_to(self.paid_on.year)
        check_finished(desk, book)
        current_year, carried_over = book.current_year, book.carried_over
        amount = current_year + carried_over
        book.add(
            Draft(
                Kind.TRANSFER_OUT,
                self.paid_on,
                whole_balance(book, Side.TRANSFER_CLEARING),
                source_ref=self.source_ref,
                detail=pack(
                    transfer=self.transfer_seq,
                    current_year=current_year,
                    carried_over=carried_over - interest,
                    interest=interest,
                    amount=amount,
                ),
                keyed=True,
            )
        )
        sent = case._replace(
            status=int(S.SENT), amount=amount, current_year=current_year, moved_on=self.paid_on
        )
        book.of(TRANSFER_STATE).set(self.transfer_seq, sent)


@dataclass(eq=False)
class AcknowledgeTransfer(Command):
    """Record that the other agency has the money: the account is closed for ever (R58).

    What came to the account since it was sent waits to be sent after it.
    """

    verb = "transfer_acknowledgement"
    refused_with = (RefusalCode.TRANSFER_NOT_FOUND, RefusalCode.TRANSFER_STATE)
    needs = frozenset({TRANSFERS})

    book: BookRef
    transfer_seq: int
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.transfer_seq}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        case = case_of(book, self.transfer_seq, at=frozenset({S.SENT}))
        book.roll_to(desk.today.year)
        if book.current_year + book.carried_over:
            join_transfer(book, self.transfer_seq, desk.today, None)
            case = book.of(TRANSFER_STATE).rows[self.transfer_seq]
        sent = case.amount + case.supplements
        book.add(
            Draft(
                Kind.TRANSFER_ACKNOWLEDGEMENT,
                desk.today,
                ((int(Side.TRANSFER_CLEARING), int(Side.BANK), sent, None),) if sent else (),
                detail=pack(transfer=self.transfer_seq),
                keyed=True,
            )
        )
        book.of(TRANSFER_STATE).set(
            self.transfer_seq, case._replace(status=int(S.ACKNOWLEDGED), ended_on=desk.today)
        )
        book.stage = Stage.CLOSED


@dataclass(eq=False)
class RejectTransfer(Command):
    """End a transfer that comes to nothing: one asked for, one announced, or one whose money comes back.

    The money comes back today, into the pockets that it left, after a year end into carried_over (K6). The
    account is as it was; mutual aid that ended stays ended, and is given anew.
    """

    verb = "transfer_rejection"
    refused_with = (
        RefusalCode.TRANSFER_NOT_FOUND,
        # of money that goes on to heirs, who may have accounts of their own
        RefusalCode.PERIOD_INVALID,
        RefusalCode.TRANSFER_STATE,
    )
    needs = frozenset({TRANSFERS, ESTATE})

    book: BookRef
    transfer_seq: int
    reason: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.transfer_seq}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        case = case_of(book, self.transfer_seq, at=frozenset({S.REQUESTED, S.SENT, S.ANNOUNCED}))
        draft = Draft(
            Kind.TRANSFER_REJECTION,
            desk.today,
            detail=pack(transfer=self.transfer_seq, reason=self.reason, status=int(S.REJECTED)),
            keyed=True,
        )
        came = case.moved_on
        if came is None:
            book.roll_to(desk.today.year)
            book.add(draft)
        else:
            # what followed it, or was to, was this year's money too
            parts = (
                case.current_year + case.supplements + case.waiting,
                case.amount - case.current_year,
            )
            same_year = came.year == desk.today.year
            book.restore(draft, parts, Side.TRANSFER_CLEARING, None, same_year=same_year)
            if book.interest_year == came.year:
                # the year that was cut short goes on
                book.interest_year -= 1
        ended = case._replace(status=int(S.REJECTED), waiting=0, supplements=0, ended_on=desk.today)
        book.of(TRANSFER_STATE).set(self.transfer_seq, ended)
        if book.stage == Stage.TRANSFERRING and case.direction == Direction.OUT:
            book.stage = Stage.ACTIVE
        elif book.stage == Stage.CLOSED and (book.current_year or book.carried_over):
            hand_on(desk, book, draft)
