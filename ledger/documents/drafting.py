"""A document before it has a number: all that stands on it, read at one moment, and what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.numbers import has_account
from ledger.chart.channels import FieldGroup
from ledger.chart.documents import DocumentKind
from ledger.chart.kinds import Kind
from ledger.contributions.employers import Employer
from ledger.documents import reading
from ledger.documents.account_sheets import account_list, yearly_statement
from ledger.documents.asked import OF_ACCOUNT, OF_EMPLOYER, Asked, Span, check_asked, span_of, year_of
from ledger.documents.care_sheets import annual_settlement, bill_lines, settlement_sheet
from ledger.documents.facts import Insured, Issue, StatedYear, Unit
from ledger.documents.months_read import (
    employers_of,
    last_entries,
    opened_on,
    paid_months,
    staff_lines,
    unit_months,
)
from ledger.documents.payment_sheets import insured_proof, payment_list
from ledger.documents.rests_on import RestsOn, stretches
from ledger.documents.unit_sheets import staff_list, unit_payment_list
from ledger.inquiry.statements import statement
from ledger.months import first_day, period_of
from ledger.policy import Policy
from ledger.printing.rendering import LINES_MAX
from ledger.printing.sheet import PrintedSheet
from ledger.refusals import RefusalCode, Refused
from ledger.vault import Keyring

K, G = DocumentKind, FieldGroup
_E = tables.entry.c

SHOWS: Final[Mapping[DocumentKind, FieldGroup]] = {
    K.PAYMENT_LIST: G.IDENTITY_MASKED | G.PAYMENTS,
    K.ACCOUNT_LIST: G.IDENTITY_MASKED | G.BALANCE | G.ENTRIES,
    K.INSURED_PROOF: G.IDENTITY_MASKED | G.PAYMENTS,
    K.YEARLY_STATEMENT: G.IDENTITY_MASKED | G.BALANCE | G.ENTRIES | G.PAYMENTS,
    K.SETTLEMENT_SHEET: G.IDENTITY_MASKED | G.CARE_AMOUNTS | G.CARE_ITEMS,
    K.ANNUAL_SETTLEMENT: G.IDENTITY_MASKED | G.CARE_AMOUNTS,
    K.STAFF_LIST: G.IDENTITY_MASKED | G.PAYMENTS,
}
"""What a document of a kind shows of a person; with the number whole IDENTITY_FULL too."""

# those that only an account with pockets has
_WANTS_ACCOUNT: Final = frozenset({K.ACCOUNT_LIST, K.YEARLY_STATEMENT})
# the credits that months are paid by
_CREDITS: Final = (int(Kind.CONTRIBUTION), int(Kind.RETIREE_CREDIT))


@dataclass(frozen=True, slots=True)
class Drafted:
    """All of a document but how it is called. `fields` is what it shows of persons, `items` how much.

    `lines` is about how many lines its tables will have together, `named` of which accounts it names the
    holders.
    """

    kind: DocumentKind
    book_id: int
    span: Span
    fields: FieldGroup
    items: int
    lines: int
    rests_on: RestsOn
    sheet: Callable[[Issue], PrintedSheet]
    named: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Printer:
    """With what documents are drafted: keys, the policies of the areas, now and the area's day.

    Lists of more than `lines_max` lines are refused; without it, of more than are drawn.
    """

    keyring: Keyring
    policies: Mapping[int, Policy]
    now: datetime
    today: date
    lines_max: int = LINES_MAX


def fields_of(asked: Asked) -> FieldGroup:
    """What a document shows of persons."""
    return SHOWS[asked.kind] | (G.IDENTITY_FULL if asked.full_number else G(0))


def draft_of_account(connection: Connection, printer: Printer, book_id: int, asked: Asked) -> Drafted:
    """A document of a person, by one of their books; inside one look.

    Raises Refused: shape_invalid for what the kind needs or does not have, account_not_found for a list of
    an account that somebody without one is asked for, period_invalid, settlement_not_found,
    annual_settlement_not_found, document_too_long.
    """
    check_asked(asked, OF_ACCOUNT)
    opened = opened_on(connection, book_id)
    if asked.kind in _WANTS_ACCOUNT and not has_account(book_id):
        raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
    whose = reading.subject(
        connection,
        printer.keyring,
        printer.policies,
        book_id,
        full_number=asked.full_number,
        now=printer.now,
        today=printer.today,
    )
    last = last_entries(connection, {book_id}).get(book_id, 0)
    return _OF_ACCOUNT[asked.kind](_Wish(connection, printer, book_id, asked, whose, opened, last))


def draft_of_employer(connection: Connection, printer: Printer, employer: Employer, asked: Asked) -> Drafted:
    """A document of an employer; inside one look. Raises Refused as that of an account."""
    check_asked(asked, OF_EMPLOYER)
    book_id = employer.book_id
    span = span_of(asked, opened_on(connection, book_id), printer.today)
    whose = Unit(employer.credit_code, employer.name, reading.policy_name(printer.policies, employer.area))
    last = last_entries(connection, {book_id}).get(book_id, 0)
    if asked.kind is K.STAFF_LIST:
        people = staff_lines(
            connection,
            printer.keyring,
            book_id,
            span,
            full_number=asked.full_number,
            lines_max=printer.lines_max,
        )
        return Drafted(
            asked.kind,
            book_id,
            span,
            fields_of(asked),
            len(people),
            len(people),
            RestsOn(last_seq=last, people=tuple(one.account_id for one in people)),
            lambda issue: staff_list(whose, issue, span, people),
            frozenset(one.account_id for one in people if one.name is not None),
        )
    first, to = _months(span)
    months = unit_months(connection, book_id, first, to)
    return Drafted(
        asked.kind,
        book_id,
        span,
        # sums of the unit, and nobody's data
        G(0),
        len(months),
        len(months),
        RestsOn(last_seq=last, months=(first, to)),
        lambda issue: unit_payment_list(whose, issue, span, months),
    )


def _months(span: Span) -> tuple[int, int]:
    return period_of(span.first), period_of(span.last)


# -- of a person, kind by kind -------------------------------------------------------------------------------


class _Wish(NamedTuple):
    """What is to be drafted of a person: inside which look, of which book, and how far that is."""

    connection: Connection
    printer: Printer
    book_id: int
    asked: Asked
    whose: Insured
    opened: date
    last_seq: int

    def drafted(
        self, span: Span, items: int, lines: int, rests_on: RestsOn, sheet: Callable[[Issue], PrintedSheet]
    ) -> Drafted:
        named = frozenset() if self.whose.name is None else frozenset({self.book_id})
        return Drafted(
            self.asked.kind, self.book_id, span, fields_of(self.asked), items, lines, rests_on, sheet, named
        )


_Draft = Callable[[_Wish], Drafted]


def _by_months(wish: _Wish) -> Drafted:
    connection, printer, book_id, asked, whose, opened, last = wish
    span = span_of(asked, opened, printer.today)
    first, to = _months(span)
    if asked.kind is K.INSURED_PROOF and asked.first is None:
        # months of before the account that were paid afterwards are among them
        first = 0
    months = paid_months(connection, book_id, first, to)
    insured = [one.period for one in months if one.is_insured]
    if not first and insured:
        span = span._replace(first=min(span.first, first_day(min(insured))))
    draw = payment_list if asked.kind is K.PAYMENT_LIST else insured_proof
    return wish.drafted(
        span,
        len(months),
        # a proof has a line a year
        len(months) if asked.kind is K.PAYMENT_LIST else len(months) // 12,
        _on_months(connection, book_id, first, to, last),
        lambda issue: draw(whose, issue, span, months),
    )


def _on_months(connection: Connection, book_id: int, first: int, to: int, last: int) -> RestsOn:
    credits_ = connection.scalars(
        select(_E.seq).where(_E.book_id == book_id, _E.kind.in_(_CREDITS), _E.period.between(first, to))
    )
    books = employers_of(connection, book_id, first, to)
    employers = last_entries(connection, books)
    return RestsOn(stretches(credits_), last, (first, to), tuple(sorted(employers.items())))


def _account_list(wish: _Wish) -> Drafted:
    connection, printer, book_id, asked, whose, opened, last = wish
    span = span_of(asked, opened, printer.today)
    moves = reading.account_moves(connection, book_id, span, printer.lines_max, full_number=asked.full_number)
    return wish.drafted(
        span,
        len(moves.lines),
        len(moves.lines),
        RestsOn(stretches(one.seq for one in moves.lines), last),
        lambda issue: account_list(whose, issue, moves),
    )


def _yearly(wish: _Wish) -> Drafted:
    connection, printer, book_id, asked, whose, opened, last = wish
    span = year_of(asked, opened, printer.today)
    year = span.last.year
    stated = statement(connection, book_id, year, printer.today)
    told = stated.told
    digest = None if stated.digest is None else stated.digest.hex()
    months = paid_months(connection, book_id, year * 100 + 1, year * 100 + 12)
    seqs = connection.scalars(
        select(_E.seq).where(_E.book_id == book_id, _E.effective_on.between(span.first, span.last))
    ).all()
    rests = _on_months(connection, book_id, year * 100 + 1, year * 100 + 12, last)
    return wish.drafted(
        span,
        sum(one.entries for one in (*told.credits, *told.debits)),
        len(told.credits) + len(told.debits) + len(months),
        rests._replace(entries=stretches(sorted({*seqs, *told.seqs}))),
        lambda issue: yearly_statement(whose, issue, StatedYear(year, told, months, digest)),
    )


def _sheet_of_bill(wish: _Wish) -> Drafted:
    connection, whose, last = wish.connection, wish.whose, wish.last_seq
    bill = reading.sheet_of_bill(connection, wish.book_id, wish.asked.settlement or "")
    told = bill.told
    if told.book_id != wish.book_id:
        last = last_entries(connection, {told.book_id}).get(told.book_id, 0)
    return wish._replace(book_id=told.book_id).drafted(
        Span(told.row.care_date, max(told.row.care_date, told.value_date)),
        1,
        bill_lines(told.row),
        RestsOn(((told.seq, told.seq),), last),
        lambda issue: settlement_sheet(whose, issue, bill),
    )


def _sheet_of_year(wish: _Wish) -> Drafted:
    connection, printer, book_id, asked, whose, opened, last = wish
    span = year_of(asked, opened, printer.today)
    year = asked.year or 0
    found = reading.sheet_of_year(connection, book_id, year)
    seqs = [int(one.name.rpartition("-")[2]) for one in found.told.bills]
    return wish.drafted(
        span,
        len(found.told.bills),
        len(found.told.bills),
        RestsOn(stretches([*seqs, found.told.receipt.seq]), last, year=year),
        lambda issue: annual_settlement(whose, issue, found),
    )


_OF_ACCOUNT: Final[Mapping[DocumentKind, _Draft]] = {
    K.PAYMENT_LIST: _by_months,
    K.INSURED_PROOF: _by_months,
    K.ACCOUNT_LIST: _account_list,
    K.YEARLY_STATEMENT: _yearly,
    K.SETTLEMENT_SHEET: _sheet_of_bill,
    K.ANNUAL_SETTLEMENT: _sheet_of_year,
}
