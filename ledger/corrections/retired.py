"""A month's credit of a retiree that was posted by wrong figures, or by a wrong class (R13, R16)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.called_back import fen_there, judged_where_it_is, take_out, that_has_it
from ledger.accounts.inheritance import ESTATE, hand_on
from ledger.book.chain import TransferLine
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Status, Verb
from ledger.chart.parties import Party
from ledger.chart.sides import Side
from ledger.corrections.lines import Corrected, CorrectionLine
from ledger.database.lookups import Lookup
from ledger.months import month_bounds
from ledger.people.enrolled import ENROLMENTS
from ledger.people.membership import Enrolment, is_retired
from ledger.policy import MissingParameter, Policy
from ledger.posting import BookRef, Command, Desk, Need, Receipt
from ledger.posting.needs import Asked
from ledger.refusals import RefusalCode, Refused

_E = tables.entry.c
_KINDS = f"{int(Kind.RETIREE_CREDIT)}, {int(Kind.RETIREE_CORRECTION)}"
_STANDS = (
    "NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq"
    f" AND x.kind IN ({int(Kind.REVERSAL)}, {int(Kind.CREDIT_BACK)}))"
)
_POOLED = int(Side.POOLED_FUND)
# the credits and what corrected them; and what came again, because the death for which it went back was none
_IS_CREDIT = (
    f"(e.kind IN ({_KINDS}) OR (e.kind = {int(Kind.REVERSAL)} AND t.from_side = {_POOLED}"
    " AND EXISTS (SELECT 1 FROM entry c WHERE c.book_id = e.book_id AND c.seq = e.target_seq"
    f" AND c.kind = {int(Kind.CREDIT_BACK)})))"
)
# what the fund gave for the month, all entries together that stand
_GIVEN = (
    f"SUM(CASE WHEN t.from_side = {_POOLED} THEN t.amount_fen"
    f" WHEN t.to_side = {_POOLED} THEN -t.amount_fen ELSE 0 END)"
)
_OF_MONTH = Lookup(
    f"SELECT e.book_id, e.period, MIN(e.seq), {_GIVEN} FROM {{given}} JOIN entry e"
    " ON e.book_id = given.book_id AND e.period = given.period"
    f" JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq AND {_IS_CREDIT} WHERE {_STANDS}"
    " GROUP BY e.book_id, e.period",
    [_E.book_id, _E.period, _E.seq, tables.transfer.c.amount_fen],
    book_id="big",
    period="int",
)
# the credits of some accounts from one month to another
_CREDITED = Lookup(
    f"SELECT e.book_id, e.period, {_GIVEN} FROM {{given}} JOIN entry e ON e.book_id = given.book_id"
    " AND e.period BETWEEN given.first AND given.last"
    f" JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq AND {_IS_CREDIT} WHERE {_STANDS}"
    " GROUP BY e.book_id, e.period ORDER BY e.book_id, e.period",
    [_E.book_id, _E.period, tables.transfer.c.amount_fen],
    book_id="big",
    first="int",
    last="int",
)
# accounts of an area after a number that had such credits
_ACCOUNTS = Lookup(
    "SELECT b.book_id, b.stage FROM {given} JOIN book b ON b.area = given.area AND b.book_id > given.after"
    f" AND b.book_id BETWEEN {Party.PERSON.first} AND {Party.PERSON.last}"
    " WHERE EXISTS (SELECT 1 FROM entry e WHERE e.book_id = b.book_id"
    f" AND e.kind = {int(Kind.RETIREE_CREDIT)} AND e.period BETWEEN given.first AND given.last)"
    " ORDER BY b.book_id LIMIT :page",
    [tables.book.c.book_id, tables.book.c.stage],
    area="int",
    after="big",
    first="int",
    last="int",
)


class CreditOfMonth(NamedTuple):
    """What a retiree has for a month by now, in fen, and the entry that credited it first."""

    seq: int
    given: int


# by book and month
Credits = dict[tuple[int, int], CreditOfMonth]


def _read(connection: Connection, asked: Asked, desk: Desk) -> Credits:
    wanted = sorted({(book_id, command.period) for book_id, command in asked if book_id in desk.books})
    return {
        (book_id, period): CreditOfMonth(seq, int(given))
        for book_id, period, seq, given in _OF_MONTH.run(connection, wanted)
    }


def _follow(found: Credits, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind not in {Kind.RETIREE_CREDIT, Kind.RETIREE_CORRECTION} or receipt.period is None:
        return
    given = sum(
        (fen if source == _POOLED else 0) - (fen if target == _POOLED else 0)
        for source, target, fen, _party in receipt.transfers
    )
    before = found.get((receipt.book_id, receipt.period), CreditOfMonth(receipt.seq, 0))
    found[receipt.book_id, receipt.period] = before._replace(given=before.given + given)


# what retirees have had for the months that commands are about
CREDITS_OF_MONTH: Need[Credits] = Need("a retiree's credits of a month", _read, follow=_follow)


@dataclass(eq=False)
class CorrectRetireeCredit(Command):
    """Post the difference between what a retiree has had for a month and what the figures in force give.

    Who is no retiree on the month's first day is owed nothing. What is too much goes back to the fund as far
    as the account has it and is not frozen, and the rest is a receivable from the person (R16). Of an account
    that went into another one it is that one which gets it, or has it.
    """

    verb = "correct_retiree_credit"
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.PERIOD_AFTER_END,
        RefusalCode.PERIOD_INVALID,
        RefusalCode.RATES_MISSING,
        # nothing was credited for the month, or just what is right
        RefusalCode.NOTHING_TO_CORRECT,
    )
    needs = frozenset({ENROLMENTS, CREDITS_OF_MONTH, ESTATE})
    debits = True
    # what it is about stands in this book
    leads_on = False

    book: BookRef
    period: int
    correction: str
    caller: str = ""
    actor: str = ""
    key: str | None = None
    effective_on: date | None = None

    def __post_init__(self) -> None:
        # a debit may be dated back to the day of the credit
        self.effective_on = month_bounds(self.period)[0]

    def content(self) -> str:
        return f"{self.period}|{self.correction}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        with judged_where_it_is(desk):
            desk.allow(Verb.RETIREE_CREDIT, period=self.period)
        known = desk.of(CREDITS_OF_MONTH).get((book.book_id, self.period))
        if known is None:
            raise Refused(RefusalCode.NOTHING_TO_CORRECT, at="period")
        first, _last = month_bounds(self.period)
        retired = is_retired(desk.of(ENROLMENTS).get(book.book_id, ()), self.period)
        due = desk.policy(book.area).retiree_credit.on(first) if retired else 0
        fen = due - known.given
        if not fen:
            raise Refused(RefusalCode.NOTHING_TO_CORRECT, at="period")
        effective_on, fact_on = book.value_date(max(first, book.opened_on), desk.today)
        draft = Draft(
            Kind.RETIREE_CORRECTION,
            effective_on,
            period=self.period,
            fact_on=fact_on,
            detail=pack(credit=known.seq, due=due, correction=self.correction),
            keyed=True,
        )
        if fen > 0:
            book.credit(draft, fen, Side.POOLED_FUND, None)
            if book.stage == Stage.CLOSED:
                hand_on(desk, book, draft)
            return
        # a frozen account keeps what it has (R66)
        is_frozen = Status.FROZEN in (that_has_it(desk, book) or book).statuses(desk.today)
        taken = 0 if is_frozen else min(-fen, fen_there(desk, book))
        rest: tuple[TransferLine, ...] = ()
        if taken < -fen:
            rest = ((int(Side.RECEIVABLE), _POOLED, -fen - taken, book.book_id),)
        take_out(desk, book, draft, taken, Side.POOLED_FUND, None, current_year_first=True, also=rest)


def accounts_credited(
    connection: Connection, area: int, first: int, last: int, after: int, page: int
) -> list[tuple[int, int]]:
    """Accounts of an area after a number that were credited as retirees, each with its stage."""
    with connection.begin():
        found = _ACCOUNTS.run(connection, [(area, after, first, last)], page=page)
    return [(account_id, stage) for account_id, stage in found]


def credited(
    connection: Connection, accounts: Iterable[int], first: int, last: int
) -> dict[int, list[tuple[int, int]]]:
    """By account, each month and what was given for it, in fen."""
    with connection.begin():
        rows = _CREDITED.run(connection, [(account_id, first, last) for account_id in sorted(accounts)])
    found: dict[int, list[tuple[int, int]]] = {}
    for account_id, period, given in rows:
        found.setdefault(account_id, []).append((period, int(given)))
    return found


def lines_of(
    policy: Policy,
    account_id: int,
    stage: int,
    months: Iterable[tuple[int, int]],
    enrolments: Iterable[Enrolment],
) -> list[CorrectionLine]:
    """The lines of one retiree whose credits are not what the figures in force and the class give."""
    words = list(enrolments)
    found = []
    for period, given in months:
        code: str | None = None
        due = given
        try:
            due = policy.retiree_credit.on(month_bounds(period)[0]) if is_retired(words, period) else 0
        except MissingParameter:
            code = RefusalCode.RATES_MISSING.value
        if code is None and stage == Stage.CLOSED:
            code = RefusalCode.ACCOUNT_CLOSED.value
        if due != given:
            found.append(
                CorrectionLine(account_id, 0, period, Corrected.RETIREE_CREDIT, given, due, code=code)
            )
    return found
