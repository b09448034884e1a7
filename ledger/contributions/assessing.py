"""What one line of an employer's list leads to: both parts of a person's month, or why none (R7, R9, R15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ledger.book.state import Book
from ledger.chart.matrix import Stage
from ledger.contributions.levies import ASSESSMENTS, Assessment, DeclaredLine, sent_digest
from ledger.contributions.month import has_ended
from ledger.contributions.premiums import Premium, premium
from ledger.months import month_bounds, period_of
from ledger.people.births import birth_before
from ledger.people.enrolled import ENROLMENTS
from ledger.people.membership import class_in
from ledger.people.merged import MERGED_NAMED
from ledger.posting import Command, Desk
from ledger.refusals import RefusalCode, Refused


class Declared(NamedTuple):
    """One line of a list: whom it names by the digest of the ID number, and the wage in fen.

    `code` is why the line cannot be taken, where its form alone says so. `number_sealed` is the ID number as
    it was sent, where that is not how the person is known.
    """

    line: int
    person: bytes | None
    wage_fen: int | None
    code: RefusalCode | None = None
    number_sealed: bytes | None = None


def canonical(lines: Sequence[Declared]) -> str:
    """The lines as the canonical content of a command has them."""
    return ";".join(
        f"{line.line},{line.person.hex() if line.person else ''},{line.wage_fen},{line.code or ''}"
        for line in lines
    )


def numbers_of(lines: Sequence[Declared], beside: Sequence[DeclaredLine]) -> str:
    """The digest over the numbers that a list keeps as they were typed, of the lines that do."""
    named = {line.line: line.person for line in lines}
    kept = ((line.line, named[line.line]) for line in beside if line.number_sealed is not None)
    return sent_digest((line, person) for line, person in kept if person is not None)


def persons_of(lines: Sequence[Declared]) -> tuple[bytes, ...]:
    """Everybody whom the lines name, once."""
    return tuple({line.person for line in lines if line.person is not None})


def check_alive(desk: Desk, command: Command, account_id: int | None, period: int) -> None:
    """Raise Refused(period_invalid) for a month that was over before the person was born."""
    account = None if account_id is None else desk.look_at(account_id)
    if account is None or period >= period_of(account.opened_on):
        return
    last = month_bounds(period)[1]
    born = birth_before(desk, command, account, last)
    if born is not None and last < born:
        raise Refused(RefusalCode.PERIOD_INVALID)


def assessed_under(desk: Desk, rows: Mapping[int, Assessment], account_id: int) -> tuple[int, Assessment]:
    """The account under which a person's month was assessed, and how: their own, or one that went into it.

    Raises Refused(nothing_assessed).
    """
    accounts = (account_id, *desk.of(MERGED_NAMED).get(account_id, ()))
    there = [(one, rows[one]) for one in accounts if one in rows]
    if not there:
        raise Refused(RefusalCode.NOTHING_ASSESSED)
    return next((found for found in there if found[1].employee or found[1].employer), there[0])


def judge(
    desk: Desk,
    book: Book,
    period: int,
    account_id: int | None,
    wage_fen: int | None,
    *,
    again: bool = False,
    holder: Book | None = None,
) -> Premium:
    """What one person owes for a month at this employer, or why nothing. Raises Refused.

    `again` judges an adjustment, for which the month must have been assessed; `holder` is the account that
    knows of the person's death, where that is another one.
    """
    account = None if account_id is None else desk.look_at(account_id)
    if account is None or account_id is None:
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND)
    if account.stage == Stage.CLOSED and not again:
        raise Refused(RefusalCode.ACCOUNT_CLOSED)
    if account.stage == Stage.TRANSFERRING and not again:
        raise Refused(RefusalCode.ACCOUNT_TRANSFERRING)
    if has_ended(holder or account, period):
        raise Refused(RefusalCode.PERIOD_AFTER_END)
    member_class = class_in(desk.of(ENROLMENTS).get(account_id, ()), book.book_id, period)
    accounts = (account_id, *desk.of(MERGED_NAMED).get(account_id, ()))
    if not again and any(book.of(ASSESSMENTS).get((period, one)) is not None for one in accounts):
        raise Refused(RefusalCode.DUPLICATE_PERIOD)
    if wage_fen is None:
        raise Refused(RefusalCode.WAGE_INVALID)
    return premium(desk.policy(book.area), period, wage_fen, member_class)
