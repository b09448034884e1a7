"""People who go on with another employer: some or all of a staff in one command, and a merger (R5).

Each person's enrolment ends on the day before and goes on at the other employer, of the same class and wage,
in one posting with the entry in the first employer's book; one that begins on that day or later is taken back
and begins there. What the first employer owes stays its own, also for the months of such an enrolment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.beside import rows_digest
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.care import CHANGED_FROM, MERGED_FROM
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.contributions.closed_days import CLOSING, Closings, closings_of, is_open_from, take_in
from ledger.contributions.closures import CLOSURE, CLOSURES, Closure, closed_on
from ledger.contributions.employer_changes import EMPLOYER_CHANGES, EmployerChangeRow
from ledger.contributions.month import employer_book
from ledger.contributions.staff import going_on_from
from ledger.people.enrolled import ENROLMENTS
from ledger.people.enrolments import enrolment_entry
from ledger.people.membership import Enrolment, EnrolmentRow, stints_with
from ledger.posting import BookRef, Command, Desk, Need, Receipt, WiderLocks
from ledger.posting.needs import Asked
from ledger.refusals import RefusalCode, Refused

MOVED_AT_ONCE: Final = 1_000
"""So many people change their employer in one posting: their accounts are locked together."""
_A_DAY: Final = timedelta(days=1)
_N = tables.enrolment.c

# by account and entry, the wage that an enrolment says
_Wages = dict[tuple[int, int], int | None]


def _read_wages(connection: Connection, asked: Asked, desk: Desk) -> _Wages:
    accounts = {account for book_id, command in asked for account in command.looks_at(desk, book_id)}
    rows = connection.execute(select(_N.book_id, _N.seq, _N.wage).where(_N.book_id.in_(sorted(accounts))))
    return {(account, seq): wage for account, seq, wage in rows}


_WAGES: Need[_Wages] = Need("the wages of enrolments", _read_wages)


def _read_closings(connection: Connection, asked: Asked, _desk: Desk) -> Closings:
    return closings_of(connection, {command.to for _book_id, command in asked})


def _follow_closings(found: Closings, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind in CLOSING:
        take_in(found, receipt.book_id, receipt.seq, receipt.kind, receipt.detail)


# when the employers that people are to go to were closed
_CLOSED_THERE: Need[Closings] = Need(
    "whether the other employer is closed", _read_closings, follow=_follow_closings
)


def _read_staff(connection: Connection, asked: Asked, _desk: Desk) -> dict[int, list[int]]:
    return {
        book_id: going_on_from(connection, book_id, command.valid_from, limit=2 * MOVED_AT_ONCE)
        for book_id, command in asked
    }


# by employer, the accounts of who is with it on the day or later
_STAFF: Need[dict[int, list[int]]] = Need("who is with the employer", _read_staff)


class _Moving(Command):
    """What a move of staff and a merger have in common."""

    to: int
    valid_from: date
    people: tuple[BookRef, ...]
    document: str

    @property
    def others(self) -> tuple[BookRef, ...]:  # type: ignore[override]  # computed, where the base has a default
        # and the other employer, so that it is not merged or closed meanwhile
        return (*self.people, self.to)

    def looks_at(self, desk: Desk, book_id: int) -> set[int]:  # noqa: ARG002  # they are the same for all books
        found = {desk.ids.get(ref) if isinstance(ref, bytes) else ref for ref in self.people}
        return {account for account in found if account is not None}

    def whom(self, place: int) -> str:  # noqa: ARG002  # who names people says where
        """Where the request names the person at a place; nowhere, when it names nobody."""
        return ""

    def check_other(self, desk: Desk, at: str, *, merging: bool) -> None:
        """Raise Refused unless the other employer is there, and is not closed now; of a merger, on no day
        from the first one on: else each of two could go on with the other one.
        """
        if self.to == desk.book.book_id:
            raise Refused(RefusalCode.SHAPE_INVALID, at=at)
        if desk.other(self.to) is None:
            raise Refused(RefusalCode.EMPLOYER_NOT_FOUND, at=at)
        said = desk.of(_CLOSED_THERE).get(self.to, ())
        if not is_open_from(said, self.valid_from if merging else date.max):
            raise Refused(RefusalCode.EMPLOYER_CLOSED, at=at)

    def move(self, desk: Desk) -> int:
        """Let everybody go on at the other employer; how many that were."""
        employer = desk.book.book_id
        seen: set[int] = set()
        for place, ref in enumerate(self.people):
            account = desk.other(ref)
            if account is None or account.person_id is None:
                raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at=self.whom(place))
            if account.book_id in seen:
                raise Refused(RefusalCode.DUPLICATE_LINE, at=self.whom(place))
            seen.add(account.book_id)
            self._move_one(desk, account, employer, place)
        return len(seen)

    def _move_one(self, desk: Desk, account: Book, employer: int, place: int) -> None:
        if account.stage == Stage.CLOSED:
            raise Refused(RefusalCode.ACCOUNT_CLOSED, at=self.whom(place))
        if account.died_on is not None and account.died_on < self.valid_from:
            raise Refused(RefusalCode.ACCOUNT_DECEASED, at=self.whom(place))
        known = desk.of(ENROLMENTS).get(account.book_id, ())
        stints = [one for one in stints_with(known, employer) if self._reaches(one.last)]
        if not stints:
            raise Refused(RefusalCode.ENROLMENT_NOT_FOUND, at=self.whom(place))
        rows = [
            self._row(desk, account, one.word)._replace(
                employer_id=self.to, valid_from=max(one.first, self.valid_from), valid_to=one.last
            )
            for one in stints
        ]
        account.roll_to(desk.today.year)
        for word in known:
            if word.employer_id == employer and self._reaches(word.last):
                account.add(self._leaving(desk, account, word))
        # on the days on which it was the word that counts: what was said since of other days still counts
        for row in rows:
            account.add(enrolment_entry(Kind.ENROLMENT, desk.today, row, keyed=False))

    def _reaches(self, last: date | None) -> bool:
        return last is None or last >= self.valid_from

    def _leaving(self, desk: Desk, account: Book, word: Enrolment) -> Draft:
        """The end of an enrolment; of one that has no day before the first one, its reversal."""
        if word.first >= self.valid_from:
            reason = pack(reason=self.document)
            return Draft(Kind.REVERSAL, desk.today, target_seq=word.seq, detail=reason)
        row = self._row(desk, account, word)._replace(
            valid_to=self.valid_from - _A_DAY, replaces_seq=word.seq
        )
        return enrolment_entry(Kind.ENROLMENT_END, desk.today, row, keyed=False)

    @staticmethod
    def _row(desk: Desk, account: Book, one: Enrolment) -> EnrolmentRow:
        wage = desk.of(_WAGES).get((account.book_id, one.seq))
        return EnrolmentRow(int(one.member_class), one.employer_id, wage, one.first, one.last, None)


_NEEDED: Final[frozenset[Need[Any]]] = frozenset({ENROLMENTS, _WAGES, _CLOSED_THERE})
_REFUSED: Final = (
    # to itself
    RefusalCode.SHAPE_INVALID,
    RefusalCode.EMPLOYER_NOT_FOUND,
    # somebody without an enrolment here on that day
    RefusalCode.ENROLMENT_NOT_FOUND,
    RefusalCode.ACCOUNT_CLOSED,
    RefusalCode.ACCOUNT_DECEASED,
    RefusalCode.PERIOD_INVALID,
    RefusalCode.DUPLICATE_LINE,
    # the other one, or of a merger this one
    RefusalCode.EMPLOYER_CLOSED,
)


@dataclass(eq=False)
class MoveStaff(_Moving):
    """Let people go on with another employer from a day on: all of them, or nobody.

    `everybody` says that all were asked for, whoever that was; `before` of them were moved by the commands
    before this one, which takes the rest and is the answer. `merging`: it comes before a merger, and is
    judged like one.
    """

    verb = "move_staff"
    refused_with = _REFUSED
    needs = _NEEDED | {CLOSURES}

    book: BookRef
    to: int
    valid_from: date
    people: tuple[BookRef, ...]
    document: str
    everybody: bool = False
    before: int = 0
    merging: bool = False
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        who = "all" if self.everybody else _digest(self.people)
        return f"{self.to}|{self.valid_from}|{who}|{self.document}"

    def whom(self, place: int) -> str:
        return "" if self.everybody else f"people/{place}"

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        if self.merging:
            _check_merger(desk, book, self.valid_from)
        CHANGED_FROM.admit(self.valid_from, desk.today, "valid_from")
        if not self.people and not self.before:
            raise Refused(RefusalCode.ENROLMENT_NOT_FOUND, at="people")
        self.check_other(desk, "to", merging=self.merging)
        moved = self.move(desk) + self.before
        facts = {"from": self.valid_from.isoformat(), "document": self.document, "moved": moved}
        book.add(Draft(Kind.STAFF_MOVE, desk.today, keyed=True, detail=pack(**facts, successor=self.to)))


@dataclass(eq=False)
class MergeEmployer(_Moving):
    """Merge an employer into another one: its staff goes on there from a day on, and it is closed the day
    before. What it owes and paid stays with it, and is paid and corrected as before.
    """

    verb = "merge_employer"
    refused_with = _REFUSED
    needs = _NEEDED | {CLOSURES, EMPLOYER_CHANGES, _STAFF}

    book: BookRef
    to: int
    valid_from: date
    people: tuple[BookRef, ...]
    document: str
    before: int = 0
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.to}|{self.valid_from}|{self.document}"

    def decide(self, desk: Desk) -> None:
        book = employer_book(desk)
        _check_merger(desk, book, self.valid_from)
        self.check_other(desk, "into", merging=True)
        self._find_the_rest(desk)
        moved = self.move(desk) + self.before
        row = EmployerChangeRow(self.valid_from, successor=self.to)
        facts = {"from": self.valid_from.isoformat(), "document": self.document, "moved": moved}
        detail = pack(**facts, successor=self.to, rows=rows_digest((row,)))
        book.add(Draft(Kind.EMPLOYER_MERGER, desk.today, keyed=True, beside=(row,), detail=detail))
        last = self.valid_from - _A_DAY
        closing = pack(on=last.isoformat(), document=self.document)
        closure = book.add(Draft(Kind.EMPLOYER_CLOSURE, desk.today, detail=closing))
        book.of(CLOSURE).set((), Closure(last, closure.seq))

    def _find_the_rest(self, desk: Desk) -> None:
        """Ask for those, too, who were enrolled since it was looked who there is: nobody is left behind."""
        staff = desk.of(_STAFF).get(desk.book.book_id, [])
        rest = tuple(account for account in staff if account not in self.looks_at(desk, desk.book.book_id))
        # of a staff that is moved by thousands, a rehearsal is about the first ones
        if rest and len(staff) < 2 * MOVED_AT_ONCE:
            self.people += rest
            raise WiderLocks(rest)


def _check_merger(desk: Desk, book: Book, first: date) -> None:
    MERGED_FROM.admit(first, desk.today, "valid_from")
    if closed_on(book) is not None:
        raise Refused(RefusalCode.EMPLOYER_CLOSED)


def _digest(people: tuple[BookRef, ...]) -> str:
    told = sorted(ref.hex() if isinstance(ref, bytes) else str(ref) for ref in people)
    return sha256("|".join(told).encode()).hexdigest()
