"""Whom a list tells of that an employer hands in by itself: its staff. Of all others it says one thing (R62).

Staff is who is enrolled with the employer in the month or later, and whom the month was assessed for. Who
stood on one of its confirmed lists within the year before is no stranger, but may have left since. Of a
stranger it makes no difference to the answer whether there is such a person, where they work, or whether
their account is closed: `not_yours`. Only what is handed in, and so stands in the employer's book, says of
one who is enrolled with nobody that the line is taken: so does somebody who is new get on a list.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from sqlalchemy import Connection

from ledger import tables
from ledger.contributions.assessing import Declared
from ledger.contributions.levies import ASSESSMENTS, DeclaredLine
from ledger.contributions.reads import period_asked
from ledger.database.lookups import Lookup
from ledger.months import month_bounds
from ledger.people.enrolled import ENROLMENTS
from ledger.people.merged import MERGED_NAMED
from ledger.posting import Desk, Need
from ledger.posting.needs import Asked
from ledger.refusals import RefusalCode, Refused

# a month as YYYYMM and the same one a year before
_A_YEAR: Final = 100
_A = tables.assessment.c
_ASSESSED = Lookup(
    "SELECT DISTINCT a.book_id, a.account_id FROM {given} JOIN assessment a ON a.book_id = given.book_id"
    " AND a.account_id = given.account_id AND a.period >= given.since AND a.period < given.until",
    [_A.book_id, _A.account_id],
    book_id="big",
    account_id="big",
    since="int",
    until="int",
)

# employer and account of whom a confirmed list had within the year before
Acquainted = set[tuple[int, int]]


class OwnList(NamedTuple):
    """That an employer hands a list in by itself, and how many strangers it may name."""

    # those whom it has named lately, by the digests of their numbers
    named: frozenset[bytes]
    # how many it may name in all
    most: int
    # nothing is written
    only_asks: bool


class OwnLists(Protocol):
    """Who takes count of the strangers whom an employer names in its own lists."""

    def of(self, *, only_asks: bool) -> OwnList:
        """What holds for the next list of it."""

    def name(self, strangers: frozenset[bytes]) -> None:
        """Count strangers, and have them recorded. Raises where they are too many."""


def _read(connection: Connection, asked: Asked, desk: Desk) -> Acquainted:
    wanted = set()
    for book_id, command in asked:
        period = period_asked(book_id, command, desk)
        if period is not None:
            wanted |= {
                (book_id, account, period - _A_YEAR, period) for account in command.looks_at(desk, book_id)
            }
    return {(book_id, account) for book_id, account in _ASSESSED.run(connection, sorted(wanted))}


ACQUAINTED: Need[Acquainted] = Need("who stood on its lists", _read)


def is_staff(desk: Desk, period: int, account_id: int | None) -> bool:
    """Whether a person is the employer's in a month: enrolled with it then or later, or assessed for it."""
    if account_id is None:
        return False
    first, _last = month_bounds(period)
    employer = desk.book
    if any(
        one.employer_id == employer.book_id and (one.last is None or one.last >= first)
        for one in desk.of(ENROLMENTS).get(account_id, ())
    ):
        return True
    accounts = (account_id, *desk.of(MERGED_NAMED).get(account_id, ()))
    return any(employer.of(ASSESSMENTS).get((period, one)) is not None for one in accounts)


def told_alike(
    desk: Desk, own: OwnList, period: int, sent: Sequence[Declared], judged: Sequence[DeclaredLine]
) -> tuple[tuple[DeclaredLine, ...], frozenset[bytes]]:
    """The lines of an own list as the employer is told them, and the strangers whom it names.

    A line whose form is wrong says nothing of anybody.
    """
    strangers: set[bytes] = set()
    told = []
    for line, found in zip(sent, judged, strict=True):
        if line.person is None or line.code is not None or is_staff(desk, period, found.account_id):
            told.append(found)
            continue
        is_known = (desk.book.book_id, found.account_id) in desk.of(ACQUAINTED)
        if not is_known:
            strangers.add(line.person)
        if found.code is None and (is_known or not own.only_asks):
            told.append(found)
        else:
            told.append(not_yours(found))
    return tuple(told), frozenset(strangers)


def not_yours(line: DeclaredLine) -> DeclaredLine:
    """A line as it is told of somebody beyond the staff."""
    code = RefusalCode.NOT_YOURS.value
    return line._replace(base=None, employee=None, employer=None, code=code, number_sealed=None)


def check_few(own: OwnList, strangers: frozenset[bytes]) -> None:
    """Raise Refused(not_yours), for the list as a whole, where it would name too many strangers."""
    if len(own.named | strangers) > own.most and strangers:
        raise Refused(RefusalCode.NOT_YOURS, at="lines")


def strangers_of(command: Any, lines: Sequence[DeclaredLine]) -> frozenset[bytes]:
    """Whom an own list has named beyond the staff; `lines` are its lines as they stand.

    Of one that was handed in before, and so not decided now, those whom it says that of.
    """
    found: frozenset[bytes] | None = command.strangers
    if found is not None:
        return found
    sent = {line.line: line.person for line in command.lines}
    said = {sent.get(line.line) for line in lines if line.code == RefusalCode.NOT_YOURS}
    return frozenset(one for one in said if one is not None)
