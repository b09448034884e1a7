"""The way back of what was recorded and moved no money (R31): freeze, quota, enrolment, filing, visit.

It is then as if it had never been, for everything that is decided from now on. One that was ended meanwhile
is reversed as well: the reversal acts on its end, and takes back the beginning with it. What hangs on it and
moved money goes back first, and is named: the bill of a visit, the months that a list assessed under an
enrolment, the credits of a retiree, the premiums paid for a resident.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.accounts.quotas import ENDED_QUOTAS, GIVEN, QUOTAS
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.numbers import entry_name
from ledger.book.state import Book
from ledger.care.reads import SETTLEMENTS
from ledger.care.rows import standing
from ledger.chart.kinds import ENDS, REOPENS, Kind
from ledger.chart.members import MemberClass
from ledger.database.lookups import Lookup
from ledger.months import format_period
from ledger.people.enrolled import ENROLMENTS
from ledger.people.membership import Enrolment, retires_in, says_month
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked, own_books
from ledger.posting.taken_back import taken_back
from ledger.refusals import RefusalCode, Refused

_E, _A, _T = tables.entry.c, tables.assessment.c, tables.transfer.c
_ACTING_KINDS = ", ".join(str(int(kind)) for kind in (*ENDS, Kind.REVERSAL))
_ACTS = Lookup(
    "SELECT e.book_id, e.target_seq, e.seq, e.kind, e.detail FROM {given}"
    " JOIN entry e ON e.book_id = given.book_id"
    f" AND e.target_seq IS NOT NULL AND e.seq > given.seq AND e.kind IN ({_ACTING_KINDS})",
    [_E.book_id, _E.target_seq, _E.seq, _E.kind, _E.detail],
    book_id="big",
    seq="int",
)

# by book and entry, the entry that acted on it, and whether that took it back: the reversal of an end, which
# a withdrawn death makes, opens again instead
Acts = dict[int, dict[int, tuple[int, bool]]]


def _takes_back(kind: int, detail: str | None) -> bool:
    return kind == Kind.REVERSAL and REOPENS not in unpack(detail)


def _read_acts(connection: Connection, asked: Asked, _desk: Desk) -> Acts:
    found: Acts = {}
    places = sorted({(book_id, command.target_seq) for book_id, command in asked})
    for book_id, target, seq, kind, detail in _ACTS.run(connection, places):
        found.setdefault(book_id, {})[target] = (seq, _takes_back(kind, detail))
    return found


def _follow_acts(found: Acts, _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.target_seq is not None:
        found.setdefault(receipt.book_id, {})[receipt.target_seq] = (
            receipt.seq,
            _takes_back(receipt.kind, receipt.detail),
        )


# what ended or reversed the entry that is named, and what ended that
ACTS: Need[Acts] = Need("what ended it", _read_acts, follow=_follow_acts)


class Hangs(NamedTuple):
    """What may hang on an enrolment: (employer, month) of what lists assessed, (entry, month) of credits of
    a retiree, (book, entry, year) of premiums that were paid for the person."""

    months: tuple[tuple[int, int], ...] = ()
    credits: tuple[tuple[int, int], ...] = ()
    premiums: tuple[tuple[int, int, int], ...] = ()


_MONTHS = Lookup(
    "SELECT given.book_id, a.book_id, a.period FROM {given} JOIN assessment a ON a.account_id = given.book_id"
    " WHERE a.employee + a.employer + a.employee_paid + a.employer_paid > 0 ORDER BY 1, 3, 2",
    [_E.book_id, _A.book_id, _A.period],
    book_id="big",
)
# with what acted on each: what the report of a death took back may have come again
_CREDITS = Lookup(
    "SELECT e.book_id, e.seq, e.period, x.kind FROM {given} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind = {int(Kind.RETIREE_CREDIT)}"
    " LEFT JOIN entry x ON x.book_id = e.book_id AND x.target_seq = e.seq"
    f" WHERE x.kind IS NULL OR x.kind = {int(Kind.CREDIT_BACK)} ORDER BY e.book_id, e.seq",
    [_E.book_id, _E.seq, _E.period, _E.kind],
    book_id="big",
)
_PREMIUMS = Lookup(
    "SELECT given.book_id, e.book_id, e.seq, e.detail FROM {given} JOIN entry e"
    f" ON e.kind = {int(Kind.PREMIUM)} AND e.detail {{>=}} given.low AND e.detail {{<}} given.high"
    " WHERE NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq)"
    " ORDER BY 1, 2, 3",
    [_E.book_id, _T.book_id, _E.seq, _E.detail],
    book_id="big",
    low="text",
    high="text",
)


def _read_hangs(connection: Connection, asked: Asked, desk: Desk) -> dict[int, Hangs]:
    books = own_books(asked, desk)
    wanted = [(book_id,) for book_id in books]
    found = dict.fromkeys(books, Hangs())
    for book_id, employer, period in _MONTHS.run(connection, wanted):
        found[book_id] = found[book_id]._replace(months=(*found[book_id].months, (employer, period)))
    for book_id, seq, period, acting in _CREDITS.run(connection, wanted):
        if acting is None or seq not in taken_back(connection, book_id):
            found[book_id] = found[book_id]._replace(credits=(*found[book_id].credits, (seq, period)))
    spans = [
        (book_id, f'{{"recipient":{person},', f'{{"recipient":{person}-')
        for book_id in books
        if (person := desk.books[book_id].person_id) is not None
    ]
    for book_id, payer, seq, detail in _PREMIUMS.run(connection, spans):
        premiums = (*found[book_id].premiums, (payer, seq, unpack(detail)["year"]))
        found[book_id] = found[book_id]._replace(premiums=premiums)
    return found


# of the person whose enrolment is taken back
HANGS: Need[dict[int, Hangs]] = Need("what hangs on an enrolment", _read_hangs)

# what each kind asks for beside what acted on it
NEEDS_OF: dict[Kind, tuple[Need[Any], ...]] = {
    Kind.FREEZE: (ACTS,),
    Kind.QUOTA: (ACTS, QUOTAS, ENDED_QUOTAS),
    Kind.ENROLMENT: (ACTS, ENROLMENTS, HANGS),
    Kind.FILING: (ACTS,),
    Kind.VISIT: (ACTS, SETTLEMENTS),
}


def last_of(desk: Desk, original: Receipt) -> int:
    """The number of the entry that a reversal acts on: the one named, or the last that ended it.

    Raises Refused(already_reversed).
    """
    acts = desk.of(ACTS).get(original.book_id, {})
    seq = original.seq
    while seq in acts:
        seq, is_taken_back = acts[seq]
        if is_taken_back:
            raise Refused(RefusalCode.ALREADY_REVERSED)
    return seq


def check_nothing_hangs(desk: Desk, original: Receipt, last_seq: int) -> None:
    """Raise the refusal of what moved money and hangs on it: visit_settled, not_last."""
    if original.kind is Kind.VISIT:
        bills = standing(desk.of(SETTLEMENTS).get(original.book_id, {})).values()
        if any(bill.visit_seq == original.seq for bill in bills):
            raise Refused(RefusalCode.VISIT_SETTLED)
    elif original.kind is Kind.ENROLMENT:
        _check_enrolment(desk, original.book_id, last_seq)


def _check_enrolment(desk: Desk, book_id: int, last_seq: int) -> None:
    known = desk.of(ENROLMENTS).get(book_id, ())
    own = next(one for one in known if one.seq == last_seq)
    hangs = desk.of(HANGS)[book_id]
    months = sorted({period for employer, period in hangs.months if says_month(known, own, employer, period)})
    entries = [entry_name(book_id, seq) for seq, period in hangs.credits if retires_in(known, own, period)]
    if own.member_class is MemberClass.RESIDENT:
        entries += [
            entry_name(payer, seq)
            for payer, seq, year in hangs.premiums
            if not _insured_in(known, year, but=own) and _insured_in([own], year)
        ]
    if months or entries:
        raise Refused(
            RefusalCode.NOT_LAST, months=[format_period(period) for period in months], entries=entries
        )


def _insured_in(known: Sequence[Enrolment], year: int, *, but: Enrolment | None = None) -> bool:
    first, last = date(year, 1, 1), date(year, 12, 31)
    return any(
        one.first <= last and (one.last is None or one.last >= first)
        for one in known
        if but is None or one.seq != but.seq
    )


def take_back(
    desk: Desk, original: Receipt, last_seq: int, dates: tuple[date, date | None], reason: str
) -> None:
    """Add the reversal, and let the book be without what it takes back."""
    book: Book = desk.book
    effective_on, fact_on = dates
    if book.late_year(effective_on) is None:
        book.roll_to(effective_on.year)
    facts: dict[str, object] = {"reason": reason}
    freed = 0
    if original.kind is Kind.QUOTA:
        given = book.of(GIVEN)
        quota = given.rows[original.seq]
        freed = quota.remaining
        given.set(original.seq, quota._replace(remaining=0, ended=True))
        facts["quota"] = original.seq
        if freed:
            facts["released"] = freed
    elif original.kind is Kind.FREEZE and last_seq == original.seq:
        book.open_freezes -= 1
        book.freezes.pop(original.seq, None)
    book.add(
        Draft(
            Kind.REVERSAL,
            effective_on,
            fact_on=fact_on,
            reserved_change=-freed if freed else None,
            target_seq=last_seq,
            detail=pack(**facts),
            keyed=True,
        )
    )
