"""Taking back an estate that was confirmed in error: what was paid comes back, and is divided anew (R58).

Of an heir's account as much comes back as is there; the rest is owed by the heir. Payout orders are
cancelled: their money was never the heir's. What was set off is owed again. The money comes back on the days
on which it went, as if it had never been away, and the year that the division cut short goes on: what it had
posted of that year's interest goes back, and is posted anew with all days of the year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Final

from sqlalchemy import Connection

from ledger.accounts.inheritance import TO_ACCOUNT
from ledger.book.chain import TransferLine
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.numbers import parse_entry_name
from ledger.book.state import Book
from ledger.care.cases import CASE_STATE
from ledger.chart.kinds import CORRECTED, LATER, Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.sides import POCKETS, Side
from ledger.database.lookups import Lookup
from ledger.estates.case import ESTATE_CASE, HELD, OPEN, case_named
from ledger.estates.netting import SPENT_SHARES
from ledger.estates.owed import OWED, owe_again
from ledger.estates.payouts import PAYOUTS
from ledger.owed.state import DEMAND_STATE
from ledger.people.merged import onward_of
from ledger.people.other_accounts import OPEN_OF_HOLDER
from ledger.posting import BookRef, Command, Desk, Need, Receipt, WiderLocks
from ledger.posting.needs import Asked, own_books
from ledger.posting.reads import ENTRY_FIELDS, ENTRY_RETURNS, receipts
from ledger.refusals import RefusalCode, Refused

_PAID: Final = (Kind.ESTATE, Kind.SET_OFF)
# what may be posted of a year before a division, and after it for that year
_EARNED: Final = (Kind.INTEREST, Kind.FURTHER_INTEREST, Kind.INTEREST_CORRECTION)
_READ: Final = (*_PAID, *_EARNED, Kind.ESTATE_UNDO, Kind.INTEREST_BACK)
_ENTRIES = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind IN ({', '.join(str(int(kind)) for kind in _READ)})"
    " ORDER BY e.book_id, e.seq",
    ENTRY_RETURNS,
    book_id="big",
)


class Divisions:
    """What was divided and set off of some books since a division was taken back, in order."""

    __slots__ = ("by_book", "earned", "reopened", "stays")

    def __init__(self) -> None:
        self.by_book: dict[int, list[Receipt]] = {}
        # the interest of every year that stands, and its corrections
        self.earned: dict[int, list[Receipt]] = {}
        # whose holder has another account that is not closed
        self.reopened: set[int] = set()
        # of heirs' accounts that went into another one: the one that has their money now
        self.stays: dict[int, int] = {}

    def note(self, receipt: Receipt) -> None:
        earned = self.earned.setdefault(receipt.book_id, [])
        if receipt.kind in _EARNED:
            earned.append(receipt)
        elif receipt.kind is Kind.INTEREST_BACK:
            taken = receipt.target_seq or unpack(receipt.detail)[CORRECTED]
            self.earned[receipt.book_id] = [one for one in earned if one.seq != taken]
        elif receipt.kind is Kind.ESTATE_UNDO:
            self.by_book[receipt.book_id] = []
        # what was set off for another reason names no line of an estate
        elif receipt.kind is Kind.ESTATE or "line" in unpack(receipt.detail):
            self.by_book.setdefault(receipt.book_id, []).append(receipt)

    def cut_short(self, division: Receipt) -> list[Receipt]:
        """What a division posted of the year that it cut short, after what has corrected that since.

        Nothing of one that was paid on 1 January, or in a year that was posted before.
        """
        year = division.effective_on.year
        of_year = [one for one in self.earned.get(division.book_id, ()) if one.period == year]
        before = [
            one
            for one in of_year
            if one.seq < division.seq
            and one.effective_on == division.effective_on
            and one.kind is not Kind.INTEREST_CORRECTION
        ]
        if not before:
            return []
        since = [one for one in of_year if one.seq > division.seq]
        return [*reversed(since), before[-1]]

    def note_merged(self, book_id: int, into: int) -> None:
        """One of the accounts goes into another, and with it those that went into it before."""
        before = [one for one, last in self.stays.items() if last == book_id]
        self.stays |= dict.fromkeys((book_id, *before), into)

    def credited(self) -> set[int]:
        """The accounts that shares went into."""
        estates = (one for paid in self.by_book.values() for one in paid if one.kind is Kind.ESTATE)
        lines = (line for estate in estates for line in unpack(estate.detail)["heirs"])
        return {_book_of(line["entry"]) for line in lines if line["paid_to"] == TO_ACCOUNT and line["amount"]}


def _read(connection: Connection, asked: Asked, desk: Desk) -> Divisions:
    found = Divisions()
    books = [(book_id,) for book_id in own_books(asked, desk)]
    for receipt in receipts(connection, _ENTRIES.run(connection, books)):
        found.note(receipt)
    found.reopened = {book_id for book_id, other in OPEN_OF_HOLDER.run(connection, books) if other != book_id}
    found.stays = {one: way[-1] for one, way in onward_of(connection, found.credited()).items()}
    return found


def _follow(found: Divisions, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind in _READ:
        found.note(receipt)
    elif receipt.kind is Kind.MERGE and receipt.source_ref is None and receipt.target_seq is None:
        found.note_merged(receipt.book_id, unpack(receipt.detail)["into"])


DIVISIONS: Need[Divisions] = Need("what was divided", _read, follow=_follow)


@dataclass(eq=False)
class UndoEstate(Command):
    """Take a confirmed division back: the account is of a dead person again, with all that was in it."""

    verb: ClassVar[Verb | str] = Verb.ESTATE_UNDO
    refused_with = (
        # the estate of no death
        RefusalCode.ESTATE_NOT_FOUND,
        # the holder has opened an account since
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.ACCOUNT_NOT_DECEASED,
        # an account that was opened after today, by a clock that is behind
        RefusalCode.PERIOD_INVALID,
        # nothing was confirmed, or it was taken back before
        RefusalCode.ESTATE_NOT_CONFIRMED,
        # what a bank was paid comes back only when the bank sends it
        RefusalCode.ESTATE_PAID_OUT,
    )
    needs = frozenset({ESTATE_CASE, DIVISIONS, OWED, SPENT_SHARES, PAYOUTS})

    book: BookRef
    death_seq: int
    reason: str
    document: str
    caller: str = ""
    actor: str = ""
    key: str | None = None
    found_seqs: tuple[int, ...] = ()

    def content(self) -> str:
        return f"{self.death_seq}|{self.reason!a}|{self.document!a}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        case = case_named(desk, book, self.death_seq)
        desk.allow(Verb.ESTATE_UNDO)
        found = desk.of(DIVISIONS)
        if book.stage != Stage.CLOSED or case.estate_seq is None:
            raise Refused(RefusalCode.ESTATE_NOT_CONFIRMED)
        if self.asked_about(case.estate_seq) != (case.estate_seq,):
            # asked for of a division that was taken back since: this one is another
            raise Refused(RefusalCode.ESTATE_NOT_CONFIRMED)
        if book.book_id in found.reopened:
            raise Refused(RefusalCode.ACCOUNT_CLOSED)
        if any(desk.of(PAYOUTS)[book.book_id].paid.values()):
            raise Refused(RefusalCode.ESTATE_PAID_OUT)
        paid = found.by_book.get(book.book_id, [])
        estates = [one for one in paid if one.kind is Kind.ESTATE]
        [division] = [one for one in paid if one.seq == case.estate_seq]
        interest = found.cut_short(division)
        if interest:
            # the year that was cut short goes on
            book.interest_year = division.effective_on.year - 1
        days = _by_day(book, paid, desk.today)
        own = next(day for day, went in days.items() if division in went)
        for day in sorted(days.keys() - {own}):
            _restore(book, day, days[day], target_seq=_target(days[day]), detail=pack(**{LATER: True}))
        if book.late_year(own) is None:
            book.roll_to(own.year)
        # the entry that comes next is the undoing, which those of the heirs name
        came = _from_heirs(desk, book, estates)
        shown = [{"person": line["person"], "paid_to": line["paid_to"]} for line in came]
        facts = pack(
            death=case.death_seq,
            reason=self.reason,
            document=self.document,
            # as it was divided: what was set off came back beside it
            amount=sum(one.amount_fen for one in estates),
            **_set_off_of(paid),
            claimants=shown,
            back=came,
            receivable=sum(line["receivable"] for line in came),
            shown=[line["amount"] for line in came],
            state=OPEN if case.pays else HELD,
        )
        _restore(book, own, days[own], target_seq=case.estate_seq, detail=facts, keyed=True)
        for one in interest:
            _earn_no_more(book, one)
        _owe_again(book, paid)
        owe_again(desk, _set_off_of(paid).get("set_off", ()), self.reason)
        book.stage = Stage.DECEASED


def _set_off_of(paid: list[Receipt]) -> dict[str, Any]:
    """What was set off of the pockets, by the lines of the estate; with what later money paid of them."""
    amounts: dict[int, int] = {}
    lines: list[dict[str, Any]] = []
    for one in paid:
        told = unpack(one.detail)
        if one.kind is Kind.SET_OFF:
            taken = sum(fen for source, _target, fen, _party in one.transfers if source in POCKETS)
            amounts[told["line"]] = amounts.get(told["line"], 0) + taken
        elif one.target_seq is None:
            lines = told.get("set_off", [])
    owed = [line | {"amount": amounts.get(number, 0)} for number, line in enumerate(lines)]
    return {"set_off": owed} if owed else {}


def _from_heirs(desk: Desk, book: Book, estates: list[Receipt]) -> list[dict[str, Any]]:
    """Take every share back, a person's all at once: what came back and what is owed, by person.

    Of an account that went into another one it comes back from there. Raises WiderLocks while an heir's
    account is not on the desk.
    """
    people: dict[int, dict[str, Any]] = {}
    credited: dict[int, int] = {}
    wanted: dict[int, int] = {}
    stays = desk.of(DIVISIONS).stays
    for estate in estates:
        for line in unpack(estate.detail)["heirs"]:
            one = people.setdefault(
                line["person"],
                {"person": line["person"], "paid_to": line["paid_to"], "amount": 0, "receivable": 0},
            )
            one["amount"] += line["amount"]
            if line["paid_to"] == TO_ACCOUNT and line["amount"]:
                one["paid_to"] = TO_ACCOUNT
                credited[line["person"]] = credited.get(line["person"], 0) + line["amount"]
                account = _book_of(line["entry"])
                wanted[line["person"]] = stays.get(account, account)
    missing = sorted(set(wanted.values()) - desk.books.keys())
    if missing:
        raise WiderLocks(missing)
    for person, fen in credited.items():
        heir = desk.other(wanted[person])
        if heir is None:
            raise AssertionError("an heir's account was locked")
        people[person] |= _take_back(desk, heir, person, fen, book)
    return list(people.values())


def _book_of(entry: str) -> int:
    place = parse_entry_name(entry)
    if place is None:
        raise AssertionError("a share that was credited names its entry")
    return place[0]


def _take_back(desk: Desk, heir: Book, person: int, fen: int, book: Book) -> dict[str, Any]:
    """The entry in an heir's account: what is there goes back, from the pocket that it came to first."""
    there = min(fen, max(heir.available, 0)) if heir.stage != Stage.CLOSED else 0
    effective_on, fact_on = heir.value_date(max(desk.today, heir.opened_on), desk.today)
    heir.roll_to(effective_on.year)
    carried = min(there, heir.carried_over)
    moves = (
        (Side.CARRIED_OVER, carried, person),
        (Side.CURRENT_YEAR, there - carried, person),
        (Side.RECEIVABLE, fen - there, person),
    )
    draft = heir.add(
        Draft(
            Kind.INHERITANCE_BACK,
            effective_on,
            tuple((int(side), int(Side.ESTATE_PAYABLE), part, who) for side, part, who in moves if part),
            fact_on=fact_on,
            detail=pack(undo=[book.book_id, book.last_seq + 1], receivable=fen - there),
        )
    )
    return {"credited": fen, "receivable": fen - there, "entry": [heir.book_id, draft.seq]}


def _by_day(book: Book, paid: list[Receipt], today: date) -> dict[date, list[Receipt]]:
    """What went, by the day on which it comes back: its own, but for one of a year that stays posted."""
    days: dict[date, list[Receipt]] = {}
    for one in paid:
        day, _fact_on = book.value_date(one.effective_on, today)
        days.setdefault(day, []).append(one)
    return days


def _target(went: list[Receipt]) -> int:
    """What the undoing of later money names: how it went to the heirs, or was set off, last."""
    return max(went, key=lambda one: (one.kind is Kind.ESTATE, one.seq)).seq


def _restore(
    book: Book,
    day: date,
    went: list[Receipt],
    *,
    target_seq: int,
    detail: str,
    keyed: bool = False,
) -> None:
    """Let what went come back on a day; what was money of a year since carried over is carried over after."""
    transfers = _restored(went, day.year)
    fact_on = None if any(one.effective_on == day for one in went) else went[0].effective_on
    late = book.late_year(day)
    if late is None:
        book.roll_to(day.year)
    book.add(
        Draft(
            Kind.ESTATE_UNDO,
            day,
            transfers,
            fact_on=fact_on,
            target_seq=target_seq,
            detail=detail,
            keyed=keyed,
        )
    )
    current = sum(fen for _source, target, fen, _party in transfers if target == Side.CURRENT_YEAR)
    if late is not None and current:
        turn = (int(Side.CURRENT_YEAR), int(Side.CARRIED_OVER), current, None)
        book.add(Draft(Kind.CARRY_OVER, date(late + 1, 1, 1), (turn,)))


def _earn_no_more(book: Book, earned: Receipt) -> None:
    """Take back what was posted of a year, on the day on which it was: the year is posted anew."""
    # a correction counts in no sum of the year's interest
    is_correction = earned.kind is Kind.INTEREST_CORRECTION
    told = {} if is_correction else unpack(earned.detail)
    book.add(
        Draft(
            Kind.INTEREST_BACK,
            earned.effective_on,
            tuple((target, source, fen, party) for source, target, fen, party in earned.transfers),
            period=earned.period,
            # what went on to heirs is named by how it went
            target_seq=None if is_correction else earned.seq,
            # below zero, so that the sums of the year are without it
            detail=pack(
                carried_over=-told.get("carried_over", 0),
                current_year=-told.get("current_year", 0),
                carried_over_numerator=str(-int(told.get("carried_over_numerator", 0))),
                current_year_numerator=str(-int(told.get("current_year_numerator", 0))),
                **({CORRECTED: earned.seq} if is_correction else {}),
            ),
        )
    )


def _restored(paid: list[Receipt], year: int) -> tuple[TransferLine, ...]:
    """All that went out comes back where it was: after a year end into carried_over (K6)."""
    sums: dict[tuple[int, int, int | None], int] = {}
    for one in paid:
        for source, target, fen, party in one.transfers:
            pocket = source
            if source in POCKETS and one.effective_on.year != year:
                pocket = int(Side.CARRIED_OVER)
            sums[target, pocket, party] = sums.get((target, pocket, party), 0) + fen
    return tuple(
        (source, target, fen, party) for (source, target, party), fen in sorted(sums.items(), key=str)
    )


def _owe_again(book: Book, paid: list[Receipt]) -> None:
    """What was set off of a third party's case is owed again (R47), and so is what was demanded (R67)."""
    cases, demands = book.of(CASE_STATE), book.of(DEMAND_STATE)
    for seq, demand in sorted(demands.rows.items()):
        if demand.to_estate:
            demands.set(seq, demand._replace(to_estate=0))
    for one in paid:
        told = unpack(one.detail)
        if one.kind is Kind.SET_OFF and "case" in told:
            case = cases.rows[told["case"]]
            cases.set(told["case"], case._replace(set_off=case.set_off - one.amount_fen))
