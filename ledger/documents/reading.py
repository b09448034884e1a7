"""Reading what a document of an account says, inside one look, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Date, Integer, bindparam, case, func, or_, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name, parse_entry_name
from ledger.care import reports as care
from ledger.care.annual_reports import last_statement
from ledger.chart.care import CareType, Channel
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.contributions import employers
from ledger.contributions.reports import enrolments
from ledger.documents.asked import Span
from ledger.documents.facts import AccountLine, AccountMoves, BillReversed, Insured, SheetOfBill, SheetOfYear
from ledger.inquiry.holders import holder_of_book
from ledger.institutions.on_a_day import name_on
from ledger.people import persons
from ledger.people.id_numbers import mask_id_number, mask_in_text
from ledger.policy import Policy
from ledger.printing.rendering import LINES_MAX
from ledger.refusals import RefusalCode, Refused
from ledger.reports import account
from ledger.reports.history import CHANGES
from ledger.vault import Keyring

_E, _T, _S, _I = tables.entry.c, tables.transfer.c, tables.settlement.c, tables.institution.c
_BOOK = bindparam("book_id", type_=BigInteger)
_FIRST, _LAST = bindparam("first", type_=Date), bindparam("last", type_=Date)
_FEN = CHANGES.current_year + CHANGES.carried_over
# by value dates, as the balance on a day is
_MOVED = (
    select(CHANGES.seq, CHANGES.kind, CHANGES.effective_on, _FEN.label("fen"))
    .where(CHANGES.effective_on.between(_FIRST, _LAST), _FEN != 0)
    .order_by(CHANGES.effective_on, CHANGES.seq)
    .limit(bindparam("limit", type_=Integer))
)
_BEFORE = select(func.coalesce(func.sum(case((CHANGES.effective_on < _FIRST, _FEN), else_=0)), 0))
_BACK = tables.entry.alias("back")
# what came of a month that an employer owed: its document is named by the ledger itself
_LEVIED = (
    select(_T.seq)
    .where(
        # the book by itself: beside outer joins a cluster takes no subselect that is held to a row of it
        _T.book_id == _BOOK,
        _T.seq == _E.seq,
        _T.from_side == int(Side.COLLECTION_CLEARING),
        _T.party_id.is_not(None),
    )
    .correlate(tables.entry)
    .exists()
)
_TOLD = (
    select(
        _E.seq,
        _E.period,
        _E.fact_on,
        _E.source_ref,
        _E.target_seq,
        _E.detail,
        _S.care_type,
        _BACK.c.seq.label("back_seq"),
        _BACK.c.effective_on.label("back_on"),
        _LEVIED.label("is_levied"),
    )
    .select_from(
        tables.entry.outerjoin(tables.settlement, (_S.book_id == _E.book_id) & (_S.seq == _E.seq)).outerjoin(
            _BACK,
            (_BACK.c.book_id == _E.book_id)
            & (_BACK.c.target_seq == _E.seq)
            & (_BACK.c.kind == int(Kind.REVERSAL)),
        )
    )
    .where(_E.book_id == _BOOK, _E.effective_on.between(_FIRST, _LAST))
)
_PAYABLE: Final = int(Side.INSTITUTION_PAYABLE)
_PAID_TO = (
    select(_T.seq, _I.code, name_on(_E.effective_on))
    .select_from(
        tables.transfer.join(tables.entry, (_E.book_id == _T.book_id) & (_E.seq == _T.seq)).join(
            tables.institution, _I.party_id == _T.party_id
        )
    )
    .where(
        _T.book_id == _BOOK,
        _E.effective_on.between(_FIRST, _LAST),
        or_(_T.to_side == _PAYABLE, _T.from_side == _PAYABLE),
    )
)


def policy_name(policies: Mapping[int, Policy], area: int) -> str:
    """What an area is called."""
    policy = policies.get(area)
    return f"{area:06d}" if policy is None else policy.name


def subject(
    connection: Connection,
    keyring: Keyring,
    policies: Mapping[int, Policy],
    book_id: int,
    *,
    full_number: bool,
    now: datetime,
    today: date,
) -> Insured:
    """Whose document it is. The name whole, the number with stars in it unless asked for."""
    view = account(connection, book_id, now=now, today=today)
    known = persons.known(connection, keyring, () if view.person_id is None else (view.person_id,))
    person = known.get(view.person_id or 0)
    number = None if person is None else person.number
    shown = number if number is None or full_number else mask_id_number(number)
    sex = None if number is None else 2 - int(number[16]) % 2
    in_force = [one for one in enrolments(connection, book_id) if one.status(today) == "in_force"]
    latest = max(in_force, key=lambda one: one.seq, default=None)
    unit = None
    if latest is not None and latest.employer is not None:
        unit = employers.find(connection, latest.employer, today).name
    return Insured(
        view.account_no,
        None if person is None else person.name,
        shown,
        sex,
        view.status,
        policy_name(policies, view.area),
        unit,
    )


def account_moves(
    connection: Connection, book_id: int, span: Span, lines_max: int = LINES_MAX, *, full_number: bool
) -> AccountMoves:
    """Every entry that moved money of the account in these days, by value date, and what there was before.

    ID numbers in the names of its documents have stars in them unless asked for.
    Raises Refused(document_too_long) for more than `lines_max`.
    """
    lines_max = min(lines_max, LINES_MAX)
    asked: dict[str, Any] = {"book_id": book_id, "first": span.first, "last": span.last}
    moved = connection.execute(_MOVED, {**asked, "limit": lines_max + 1}).all()
    if len(moved) > lines_max:
        raise Refused(RefusalCode.DOCUMENT_TOO_LONG, at="from", lines_max=lines_max)
    opening = int(connection.scalar(_BEFORE, asked) or 0)
    told = {row.seq: row for row in connection.execute(_TOLD, asked)}
    paid_to = {seq: (code, name) for seq, code, name in connection.execute(_PAID_TO, asked)}
    lines = tuple(
        _line(book_id, row.seq, Kind(row.kind), row.effective_on, int(row.fen), told[row.seq], paid_to)
        for row in moved
    )
    if not full_number:
        lines = tuple(
            one if one.source_ref is None else one._replace(source_ref=mask_in_text(one.source_ref))
            for one in lines
        )
    return AccountMoves(span, opening, lines)


def _line(
    book_id: int,
    seq: int,
    kind: Kind,
    day: date,
    fen: int,
    told: Any,
    paid_to: Mapping[int, tuple[str, str]],
) -> AccountLine:
    aid = unpack(told.detail).get("institution_kind") if kind is Kind.MUTUAL_AID else None
    reverses = told.target_seq if kind is Kind.REVERSAL else None
    return AccountLine(
        seq,
        entry_name(book_id, seq),
        day,
        kind,
        fen,
        told.period,
        told.fact_on,
        # the messages of an institution, what a relative used, and what the ledger named are named by nothing
        told.source_ref if kind in {Kind.CONTRIBUTION, Kind.SPENDING} and not told.is_levied else None,
        None if told.care_type is None else CareType(told.care_type),
        paid_to.get(seq),
        aid,
        None if reverses is None else entry_name(book_id, reverses),
        None if told.back_seq is None else entry_name(book_id, told.back_seq),
        told.back_on,
    )


def sheet_of_bill(connection: Connection, book_id: int, name: str) -> SheetOfBill:
    """A settled bill of the person whose book it is, also in another book of theirs.

    Raises Refused(settlement_not_found) alike for what is none and what is somebody else's.
    """
    place = parse_entry_name(name)
    if place is None or place[0] not in holder_of_book(connection, book_id).books:
        raise Refused(RefusalCode.SETTLEMENT_NOT_FOUND, at="settlement")
    try:
        found = care.settled(connection, *place)
    except Refused as refused:
        refused.at = "settlement"
        raise
    if found.row.channel is Channel.ANNUAL:
        raise Refused(RefusalCode.SETTLEMENT_NOT_FOUND, at="settlement")
    institution = connection.scalar(select(name_on(found.row.care_date)).where(_I.code == found.institution))
    back_on = None
    if found.reversed_by is not None:
        query = select(_E.effective_on).where(_E.book_id == place[0], _E.seq == found.reversed_by)
        back_on = connection.scalar(query)
    return SheetOfBill(
        found,
        institution,
        None if found.reversed_by is None else entry_name(place[0], found.reversed_by),
        back_on,
    )


def sheet_of_year(connection: Connection, book_id: int, year: int) -> SheetOfYear:
    """The annual settlement of a year, with what was taken back of it since.

    Raises Refused(annual_settlement_not_found).
    """
    told = last_statement(connection, book_id, year)
    names = {one.name for one in told.bills}
    rows = connection.execute(
        select(_E.seq, _E.target_seq, _E.effective_on)
        .where(_E.book_id == book_id, _E.seq > told.receipt.seq, _E.kind == int(Kind.REVERSAL))
        .order_by(_E.seq)
    )
    found = tuple(
        BillReversed(entry_name(book_id, target), entry_name(book_id, seq), day)
        for seq, target, day in rows
        if target is not None and entry_name(book_id, target) in names
    )
    return SheetOfYear(told, found)
