"""Holds (R23): money set aside until a settlement; captured, released, or expired by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, Select, exists, select

from ledger import tables
from ledger.accounts.caps import SPENT, check_caps
from ledger.book.chain import microseconds
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import OpenHold
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.chart.sides import Side
from ledger.money import FEN_MAX
from ledger.months import format_day
from ledger.policy import PocketOrder, Policy
from ledger.posting import TARGET, BookRef, Command, Desk, Failed, Posted, Receipt, Unknown
from ledger.posting.way_in import post
from ledger.refusals import RefusalCode, Refused


@dataclass(eq=False)
class Hold(Command):
    """Set `amount_fen` aside for an institution until `expires_at`."""

    verb = Verb.HOLD
    source_kind = Kind.HOLD
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.ACCOUNT_FROZEN,
        RefusalCode.ACCOUNT_TRANSFERRING,
        # it would expire in the past, or live longer than the policy's holds.days_max
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.INSTITUTION_UNKNOWN,
        RefusalCode.NOT_DESIGNATED,
        RefusalCode.CONTRACT_SUSPENDED,
        RefusalCode.DUPLICATE_SOURCE_REF,
        RefusalCode.AMOUNT_INVALID,
        RefusalCode.INSUFFICIENT_BALANCE,
    )

    book: BookRef
    amount_fen: int | None
    expires_at: datetime
    institution: str
    source_ref: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.amount_fen}|{microseconds(self.expires_at)}|{self.institution}|{self.source_ref}"

    def decide(self, desk: Desk) -> None:
        book = desk.book
        desk.allow(Verb.HOLD)
        longest = timedelta(days=desk.policy(book.area).hold_days_max.on(desk.today))
        if not desk.now < self.expires_at <= desk.now + longest:
            raise Refused(RefusalCode.PERIOD_INVALID, at="expires_at", days_max=longest.days)
        effective_on, _fact_on = book.value_date(max(desk.today, book.opened_on), desk.today)
        institution = desk.designated(self.institution, desk.today)
        desk.require_new_source(Kind.HOLD, self.source_ref)
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        if self.amount_fen > book.available:
            raise Refused(RefusalCode.INSUFFICIENT_BALANCE, at="amount_fen")
        book.roll_to(effective_on.year)
        draft = book.add(
            Draft(
                Kind.HOLD,
                effective_on,
                held_change=self.amount_fen,
                source_ref=self.source_ref,
                expires_at=self.expires_at,
                detail=pack(institution=institution.code, party=institution.party_id),
                keyed=True,
            )
        )
        book.holds[draft.seq] = OpenHold(draft.seq, self.amount_fen, self.expires_at, draft.detail)


@dataclass(eq=False)
class Capture(Command):
    """Pay out of a hold, all of it or a part; what is not captured is released.

    A freeze does not stop the capture of an older hold.
    """

    verb = Verb.CAPTURE
    source_kind = Kind.CAPTURE
    refused_with = (
        RefusalCode.HOLD_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        # valued after the day of death
        RefusalCode.ACCOUNT_DECEASED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        RefusalCode.DUPLICATE_SOURCE_REF,
        RefusalCode.HOLD_NOT_OPEN,
        RefusalCode.HOLD_EXPIRED,
        RefusalCode.AMOUNT_INVALID,
        RefusalCode.HOLD_EXCEEDED,
        # where the area has a cap
        RefusalCode.CAP_EXCEEDED,
    )
    debits = True
    needs = frozenset({TARGET, SPENT})

    book: BookRef
    target_seq: int
    amount_fen: int | None
    effective_on: date
    source_ref: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.amount_fen}|{format_day(self.effective_on)}|{self.source_ref}"

    def decide(self, desk: Desk) -> None:
        book = desk.book
        placed = _placed(desk, self.target_seq)
        desk.allow(Verb.CAPTURE, day=self.effective_on)
        effective_on, fact_on = book.value_date(self.effective_on, desk.today)
        desk.require_new_source(Kind.CAPTURE, self.source_ref)
        hold = _open_hold(desk, placed)
        if self.amount_fen is None or not 0 < self.amount_fen <= FEN_MAX:
            raise Refused(RefusalCode.AMOUNT_INVALID, at="amount_fen")
        if self.amount_fen > hold.amount_fen:
            raise Refused(RefusalCode.HOLD_EXCEEDED, at="amount_fen")
        party: int = unpack(hold.detail)["party"]
        check_caps(desk, self, self.effective_on, party, self.amount_fen)
        order = desk.policy(book.area).pocket_order.on(self.effective_on)
        del book.holds[hold.seq]
        released = hold.amount_fen - self.amount_fen
        book.debit(
            Draft(
                Kind.CAPTURE,
                effective_on,
                fact_on=fact_on,
                held_change=-hold.amount_fen,
                target_seq=hold.seq,
                source_ref=self.source_ref,
                detail=pack(released=released) if released else None,
                keyed=True,
            ),
            self.amount_fen,
            Side.INSTITUTION_PAYABLE,
            party,
            current_year_first=order is PocketOrder.CURRENT_YEAR_FIRST,
        )


@dataclass(eq=False)
class Release(Command):
    """Let a hold go."""

    verb = Verb.RELEASE
    refused_with = (
        RefusalCode.HOLD_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.HOLD_NOT_OPEN,
        RefusalCode.HOLD_EXPIRED,
    )
    needs = frozenset({TARGET})

    book: BookRef
    target_seq: int
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}"

    def decide(self, desk: Desk) -> None:
        book = desk.book
        placed = _placed(desk, self.target_seq)
        desk.allow(Verb.RELEASE)
        hold = _open_hold(desk, placed)
        del book.holds[hold.seq]
        book.roll_to(desk.today.year)
        book.add(
            Draft(Kind.RELEASE, desk.today, held_change=-hold.amount_fen, target_seq=hold.seq, keyed=True)
        )


@dataclass(eq=False)
class Expire(Command):
    """The sweep: write the expiry of an untouched account's holds. Refused (hold_not_open) if none is due."""

    verb = "expire"
    refused_with = (RefusalCode.HOLD_NOT_OPEN,)

    book: BookRef
    caller: str = "sweep"
    actor: str = "sweep"

    def content(self) -> str:
        return ""

    def decide(self, desk: Desk) -> None:
        # posting has added the expiries before it asked
        if not desk.book.drafts:
            raise Refused(RefusalCode.HOLD_NOT_OPEN)
        desk.book.drafts[-1].keyed = True


SWEEP_CHUNK = 500


def sweep(
    connection: Connection,
    clock: Callable[[], tuple[datetime, date]],
    policies: Mapping[int, Policy],
) -> int:
    """Write the expiry of every hold whose time is over, on accounts that nothing has touched since.

    Returns how many holds that were. `clock` gives now and the area's day, anew for each chunk. Raises Failed
    or Unknown when the database went away: started again, it goes on.
    """
    expired = 0
    after = 0
    while chunk := _overdue(connection, clock()[0], after):
        now, today = clock()
        expiries = [Expire(book_id) for book_id in chunk]
        for outcome in post(connection, expiries, now, today, policies, clock=clock):
            if isinstance(outcome, Posted):
                expired += sum(receipt.kind is Kind.EXPIRY for receipt in (outcome.receipt, *outcome.others))
            elif isinstance(outcome, Failed | Unknown):
                raise outcome
            # refused: a posting was faster, and wrote the expiry before its own entry
        after = chunk[-1]
    return expired


def books_with_holds_due(now: datetime) -> Select[tuple[int]]:
    """The books with an open hold whose time is over."""
    book, hold, closing = tables.book, tables.entry.alias("hold"), tables.entry.alias("closing")
    closed = exists().where(closing.c.book_id == hold.c.book_id, closing.c.target_seq == hold.c.seq)
    open_hold = exists().where(
        hold.c.book_id == book.c.book_id, hold.c.kind == int(Kind.HOLD), hold.c.expires_at <= now, ~closed
    )
    return select(book.c.book_id).where(book.c.held > 0, open_hold)


def _overdue(connection: Connection, now: datetime, after: int) -> list[int]:
    """The next of them behind a book, in order."""
    book_id = tables.book.c.book_id
    query = books_with_holds_due(now).where(book_id > after).order_by(book_id).limit(SWEEP_CHUNK)
    with connection.begin():
        return list(connection.scalars(query))


def _placed(desk: Desk, seq: int) -> Receipt:
    placed = desk.target(seq)
    if placed is None or placed.kind is not Kind.HOLD:
        raise Refused(RefusalCode.HOLD_NOT_FOUND, at="target_seq")
    return placed


def _open_hold(desk: Desk, placed: Receipt) -> OpenHold:
    hold: OpenHold | None = desk.book.holds.get(placed.seq)
    if hold is not None:
        return hold
    acted = desk.acted_on(placed.seq)
    if acted is None or acted is Kind.EXPIRY:
        raise Refused(RefusalCode.HOLD_EXPIRED)
    raise Refused(RefusalCode.HOLD_NOT_OPEN)
