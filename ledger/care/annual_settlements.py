"""The annual settlement (R42): the bills of a year computed again, the difference paid or asked back.

What an annual settlement posts says what it settled, so one that is asked for again posts nothing unless
something has changed since: then a supplement brings the year right.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, select

from ledger import tables
from ledger.accounts.called_back import judged_where_it_is, that_has_it
from ledger.accounts.inheritance import ESTATE, hand_on
from ledger.accounts.quotas import ENDED_QUOTAS, QUOTAS
from ledger.book.beside import rows_digest
from ledger.book.chain import TransferLine
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.numbers import has_account
from ledger.book.state import Book
from ledger.care.account_money import PocketReturn, pocket_returns
from ledger.care.difference_rows import difference_row
from ledger.care.places import PLACES
from ledger.care.reads import ACCUMULATORS, FILINGS, SETTLEMENTS
from ledger.care.recomputation import (
    Division,
    Facts,
    Part,
    Year,
    divide,
    divide_for_heirs,
    recompute,
)
from ledger.care.relatives import (
    YEAR_ENTRIES,
    Return,
    ask_again,
    give_back,
    lock_relatives,
    over_returned,
    returned_before,
    returns,
    within_reach,
)
from ledger.care.year_facts import year_facts
from ledger.chart.care import Channel
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.owed.state import DEMANDS, demanded_of_year
from ledger.people.enrolled import ELSEWHERE, ENROLMENTS
from ledger.policy import MissingParameter, Policy
from ledger.posting import (
    TARGET,
    AlreadyThere,
    BookRef,
    Command,
    Desk,
    Receipt,
)
from ledger.posting.runs import Chunks, Run, moved_alike
from ledger.refusals import RefusalCode, Refused

CHUNK = 500
CALLER = "annual-settlement"


@dataclass(eq=False)
class CloseYear(Command):
    """Settle a year of care of one person, as far as it differs from what was settled of it so far.

    The first one is posted even when nothing differs. After it, one with nothing to settle is answered with
    the last one. One table's difference is one entry, and the entry that is the statement comes last. A year
    that still goes on may be settled too; what comes after is settled by a supplement.

    Of what funds pay, what relatives had paid goes back to them, and what the account had paid into the
    pockets that it came from, after a year end into carried_over (K6). The rest is set against what the
    person owes funds from this year's settlements, and what is left, which had been cash, goes to the bank
    (R21). What is asked back is claimed from relatives as far as too much had come back to them, and else
    owed by the person. Of a closed account what is paid goes to the heirs, and nothing is asked back that is
    not paid at the same time (R33). Of one that went into another one all of it is the holder's as before:
    what is paid goes on to that account, and what is asked back its holder owes.
    """

    verb = "settle_year"
    refused_with = (
        # nothing was ever settled for the year
        RefusalCode.ANNUAL_SETTLEMENT_NOT_FOUND,
        RefusalCode.ACCOUNT_TRANSFERRING,
        RefusalCode.RATES_MISSING,
    )
    needs = frozenset({
        TARGET, SETTLEMENTS, ACCUMULATORS, ENROLMENTS, ELSEWHERE, FILINGS, YEAR_ENTRIES, QUOTAS, ENDED_QUOTAS,
        ESTATE, PLACES, DEMANDS,
    })  # fmt: skip

    book: BookRef
    care_year: int
    # the areas of institutions outside the person's own, by the numbers of their books; of one that is
    # missing it is not known that something was filed for its area alone
    areas: Mapping[int, int]
    else_book: BookRef | None = None
    # the last statement of the year, where it is known
    target_seq: int | None = None
    caller: str = CALLER
    actor: str = CALLER
    key: str | None = None

    def content(self) -> str:
        return f"{self.care_year}"

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        year = self.care_year
        rows = {
            seq: row
            for seq, row in desk.of(SETTLEMENTS).get(book.book_id, {}).items()
            if row.care_date.year == year
        }
        if not rows:
            raise Refused(RefusalCode.ANNUAL_SETTLEMENT_NOT_FOUND)
        with judged_where_it_is(desk):
            desk.allow(Verb.ANNUAL_SETTLEMENT)
        entries = desk.of(YEAR_ENTRIES).get(book.book_id, {})
        last = _last(entries)
        facts = Facts(
            not has_account(book.book_id),
            book.area,
            desk.of(ENROLMENTS).get(book.book_id, ()),
            desk.of(FILINGS).get(book.book_id, ()),
            self.areas,
            book.opened_on,
            desk.of(ELSEWHERE).get(book.book_id, ()),
            desk.of(PLACES),
        )
        policy = desk.policy(book.area)
        found = recompute(policy, year, rows, facts, returned_before(entries))
        again = over_returned(entries, found.aid_over)
        lock_relatives(desk, book, again)
        again = within_reach(desk, again)
        found = replace(found, from_relatives=sum(one.fen for one in again))
        closed = that_has_it(desk, book) is None
        if closed:
            found = found.for_heirs()
        if last is not None and not found.differs:
            raise AlreadyThere(last)
        owed = 0 if last is None else unpack(last.detail)["still_owed"]
        demanded = demanded_of_year(book, year, _way_of(desk, book))
        division = divide_for_heirs(found) if closed else divide(found, owed, demanded)
        back = returns(entries, found.aid_back, division.to_relatives)
        lock_relatives(desk, book, back)
        to_pockets = division.to_account + division.to_heirs
        pockets = pocket_returns(policy, found, entries, to_pockets, desk.today.year) if to_pockets else []
        _Statement(desk, book, year, found, division, back, again, pockets).write()


def _way_of(desk: Desk, book: Book) -> Iterator[Book]:
    """The accounts that a book went into, of which what it is owed may have been demanded."""
    divided = desk.of(ESTATE).get(book.book_id) if book.stage == Stage.CLOSED else None
    for one in () if divided is None else divided.onward:
        if (other := desk.other(one)) is not None:
            yield other


def _last(entries: Mapping[int, Receipt]) -> Receipt | None:
    """The last statement of the year; what only belongs to one has no sums."""
    for seq in sorted(entries, reverse=True):
        entry = entries[seq]
        if entry.kind is Kind.ANNUAL_SETTLEMENT and "still_owed" in unpack(entry.detail):
            return entry
    return None


class _Statement:
    """The entries of one annual settlement."""

    def __init__(
        self,
        desk: Desk,
        book: Book,
        year: int,
        found: Year,
        division: Division,
        back: Sequence[Return],
        again: Sequence[Return],
        pockets: Sequence[PocketReturn],
    ) -> None:
        self.desk = desk
        self.book = book
        self.year = year
        self.found = found
        self.division = division
        self.back = back
        self.again = again
        self.pockets = pockets
        # what one relative gives back goes to another one first; what is then left of it is as what funds pay
        self._from_relatives = max(found.from_relatives - division.to_relatives, 0)
        carried = sum(one.to_carried for one in pockets)
        # where there is still room for what funds pay, in order
        self._sinks = {
            Side.MUTUAL_AID_CLEARING: max(division.to_relatives - found.from_relatives, 0),
            Side.CURRENT_YEAR: division.to_account + division.to_heirs - carried,
            Side.CARRIED_OVER: carried,
            Side.RECEIVABLE: division.set_against,
            Side.BANK: division.to_bank,
        }

    def write(self) -> None:
        book, today = self.book, self.desk.today
        book.roll_to(today.year)
        *others, last = self.found.parts()
        for part in others:
            self._add(part, {})
        facts = year_facts(self.found, self.division, self.pockets)
        if self.back or self.again:
            facts["aid"] = [
                *ask_again(self.desk, book, book.last_seq + 1, self.again),
                *give_back(self.desk, book, book.last_seq + 1, self.back),
            ]
        statement = self._add(last, facts, self._from_relatives, keyed=True)
        if book.stage == Stage.CLOSED:
            hand_on(self.desk, book, statement)

    def _add(
        self, part: Part, facts: dict[str, Any], from_relatives: int = 0, *, keyed: bool = False
    ) -> Draft:
        moves = self._moves(part, from_relatives)
        bills = self.found.bills
        member_class = bills[-1].now.member_class if bills else MemberClass.ACTIVE
        beside = (difference_row(part, moves, self.year, self.desk.today, member_class),)
        return self.book.add(
            Draft(
                Kind.ANNUAL_SETTLEMENT,
                self.desk.today,
                moves,
                period=self.year,
                detail=pack(**facts, rows=rows_digest(beside)),
                keyed=keyed,
                beside=beside,
            )
        )

    def _moves(self, part: Part, from_relatives: int) -> tuple[TransferLine, ...]:
        """What a fund gets back the person owes; what is paid goes where there is room, in order."""
        moves: list[TransferLine] = []
        for fund, fen in (*part.flows(), (Side.MUTUAL_AID_CLEARING, from_relatives)):
            if fen < 0:
                moves.append((int(Side.RECEIVABLE), int(fund), -fen, self.book.book_id))
                continue
            left = fen
            for side, room in self._sinks.items():
                taken = min(left, room)
                if taken:
                    party = self.book.book_id if side is Side.RECEIVABLE else None
                    moves.append((int(fund), int(side), taken, party))
                    self._sinks[side] -= taken
                    left -= taken
        return tuple(moves)


# -- the run over an area ----------------------------------------------------------------------------------

_B, _A, _I, _S = tables.book.c, tables.accumulator.c, tables.institution.c, tables.settlement.c
# of some books those of the area, with the last statement of the year; those of the dead that are closed too
_OF_THE_AREA = Lookup(
    "SELECT b.book_id, (SELECT MAX(s.seq) FROM settlement s WHERE s.book_id = b.book_id"
    " AND s.channel = :annual AND s.care_date >= given.first AND s.care_date <= given.last)"
    " FROM {given} JOIN book b ON b.book_id = given.book_id AND b.area = :area"
    " ORDER BY b.book_id",
    [_B.book_id, _S.seq],
    book_id="big",
    first="date",
    last="date",
)


def areas_elsewhere(connection: Connection, area: int | None = None) -> dict[int, int]:
    """The areas of institutions by the numbers of their books: all, or those outside an area."""
    query = select(_I.party_id, _I.area)
    if area is not None:
        query = query.where(_I.area != area)
    return {row.party_id: row.area for row in connection.execute(query)}


def check(year: int, area: int, today: date, policies: Mapping[int, Policy]) -> None:
    """Raise the refusal of a run that cannot be: area_unknown, year_not_over, rates_missing."""
    policy = policies.get(area)
    if policy is None:
        raise Refused(RefusalCode.AREA_UNKNOWN, at="area")
    last = date(year, 12, 31)
    if today <= last:
        raise Refused(RefusalCode.YEAR_NOT_OVER, at="year", year=year, over_on=date(year + 1, 1, 1))
    care = policy.care
    for parameter in (care.top_up_threshold, care.top_up_ratio, care.filing_late_days):
        try:
            parameter.on(last)
        except MissingParameter as missing:
            raise Refused(RefusalCode.RATES_MISSING, parameter=missing.name, day=missing.day) from missing


class _People:
    """The people of an area with care in a year, a chunk at a time in order of their books."""

    def __init__(self, connection: Connection, year: int, area: int) -> None:
        self._connection = connection
        self._year = year
        self._area = area

    def count(self) -> int:
        query = (
            select(func.count())
            .select_from(tables.accumulator.join(tables.book, _B.book_id == _A.book_id))
            .where(_A.year == self._year, _B.area == self._area)
        )
        with self._connection.begin():
            return self._connection.scalar(query) or 0

    def after(self, book_id: int) -> dict[int, Command]:
        """The commands for the next books.

        Two plain steps, each along a primary key: a join that is sorted would be sorted anew for each chunk.
        """
        with self._connection.begin():
            areas = areas_elsewhere(self._connection, self._area)
            while page := self._page(book_id):
                if last := self._last_statements(page):
                    return {
                        book: CloseYear(book, self._year, areas, target_seq=seq) for book, seq in last.items()
                    }
                book_id = page[-1]
        return {}

    def _page(self, book_id: int) -> Sequence[int]:
        query = select(_A.book_id).where(_A.year == self._year, _A.book_id > book_id)
        return self._connection.scalars(query.order_by(_A.book_id).limit(CHUNK)).all()

    def _last_statements(self, books: Sequence[int]) -> dict[int, int | None]:
        """Those of the area, each with the last statement of the year."""
        found = _OF_THE_AREA.run(
            self._connection,
            [(book, f"{self._year}-01-01", f"{self._year}-12-31") for book in books],
            annual=int(Channel.ANNUAL),
            area=self._area,
        )
        return dict(tuple(row) for row in found)


def _chunks(connection: Connection, year: int, area: int) -> Chunks:
    people = _People(connection, year, area)
    return Chunks(people.count(), people.after)


ANNUAL_SETTLEMENT = Run(
    kind=CALLER,
    written=str,
    check=check,
    refused_with=(RefusalCode.AREA_UNKNOWN, RefusalCode.YEAR_NOT_OVER, RefusalCode.RATES_MISSING),
    chunks=_chunks,
    moved=moved_alike,
)
"""The annual settlement of an area: a finished year of everybody with care in it, as far as it differs.

A second run posts only what has changed since. Who is refused keeps nobody else waiting.
"""
