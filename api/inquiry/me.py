"""What people are shown of their own: the same as under their account, and their year on one page."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.accounts.accounts import (
    AsKnown,
    AsOf,
    Most,
    OfKind,
    ValuedFrom,
    ValuedTo,
    Wanted,
    show_account,
    show_balance,
    show_entries,
)
from api.accounts.answers import AccountAnswer, BalanceAnswer, EntryPage
from api.accounts.mutual_aid import QuotaList, Side, show_quotas
from api.care.filings import SettlementPage, show_settlements
from api.contributions.report_answers import PersonMonthList
from api.http.fields import Year
from api.http.listing import LIMIT_DEFAULT, Cursor, json_answer, with_csv
from api.http.routes import LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import caller_of, state_of
from api.inquiry.answers import AccountYearAnswer
from api.inquiry.year_statements import Version
from api.people.person_reports import FirstMonth, LastMonth, months_json, show_payments
from ledger import RefusalCode, reports
from ledger.book.numbers import account_no
from ledger.inquiry.holders import insured_book
from ledger.inquiry.statements import KindSum
from ledger.inquiry.statements import statement as year_statement
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "me"
NOBODY = (R.ACCOUNT_NOT_FOUND, R.ID_NUMBER_SHARED)


def person_of(request: Request) -> bytes:
    """The person whose token it is, by the digest of the ID number."""
    person = caller_of(request).person
    if person is None:
        raise AssertionError("nobody but a person is let in here")
    return person


async def _insured(request: Request) -> int:
    """The person's account, or the book of one who is insured as a resident. Raises Refused."""
    person = person_of(request)
    return await state_of(request).read(lambda connection: insured_book(connection, person))


@router.get(
    "/v1/me",
    **describe(tag=TAG, summary="The person's account", answer=AccountAnswer, refusals=NOBODY),
)
async def me(request: Request) -> Response:
    """As `/v1/accounts/{account}`."""
    return await show_account(request, person_of(request))


@router.get(
    "/v1/me/balance",
    **describe(
        tag=TAG,
        summary="The person's balance, on any day and as known at any instant",
        answer=BalanceAnswer,
        refusals=(*NOBODY, R.PERIOD_INVALID),
    ),
)
async def balance(request: Request, as_of: AsOf = None, as_known: AsKnown = None) -> Response:
    """As `/v1/accounts/{account}/balance`."""
    return await show_balance(request, person_of(request), as_of, as_known)


@router.get(
    "/v1/me/entries",
    **describe(tag=TAG, summary="The entries of the person's account", answer=EntryPage, refusals=NOBODY),
)
async def entries(
    request: Request,
    kind: OfKind = None,
    first: ValuedFrom = None,
    last: ValuedTo = None,
    limit: Most = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """As `/v1/accounts/{account}/entries`."""
    return await show_entries(request, person_of(request), Wanted(kind, first, last), limit, cursor)


@router.get(
    "/v1/me/payments",
    **with_csv(
        describe(
            tag=TAG,
            summary="For every month: whether, when, by whom and on what base was paid, and what is owed",
            answer=PersonMonthList,
            refusals=(*NOBODY, R.PERIOD_INVALID),
        )
    ),
)
async def payments(request: Request, first: FirstMonth = None, last: LastMonth = None) -> Response:
    """As `/v1/accounts/{account}/payments`; of a person without an account as a resident."""
    return await show_payments(request, await _insured(request), first, last)


@router.get(
    "/v1/me/settlements",
    **with_csv(
        describe(
            tag=TAG,
            summary="Everything that was settled for the person, page by page",
            answer=SettlementPage,
            refusals=NOBODY,
        )
    ),
)
async def settlements(request: Request, limit: Most = LIMIT_DEFAULT, cursor: Cursor = None) -> Response:
    """As `/v1/accounts/{account}/settlements`; of a person without an account as a resident."""
    return await show_settlements(request, await _insured(request), limit, cursor)


@router.get(
    "/v1/me/quotas",
    **describe(
        tag=TAG,
        summary="The quotas that the person has given, or received",
        answer=QuotaList,
        refusals=NOBODY,
    ),
)
async def quotas(request: Request, side: Side = "given") -> Response:
    """As `/v1/accounts/{account}/quotas`; relatives by their masked numbers."""
    return await show_quotas(request, await _insured(request), side)


@router.get(
    "/v1/me/statements/{year}",
    **describe(
        tag=TAG,
        summary="A year of the person's account on one page",
        answer=AccountYearAnswer,
        refusals=(*NOBODY, R.STATEMENT_NOT_FOUND, R.PERIOD_INVALID),
    ),
)
async def statement(year: Annotated[Year, Path()], request: Request, version: Version = None) -> Response:
    """By versions, as `/v1/accounts/{account}/statements/{year}`. This year up to today, without one."""
    state, person = state_of(request), person_of(request)

    def look(connection: Any) -> dict[str, Any]:
        book_id = reports.find_book(connection, person)
        full = year_statement(connection, book_id, year, state.clock()[1], version)
        shown = full.told
        months = months_json(connection, book_id, first=year * 100 + 1, last=year * 100 + 12)
        shown_by(request).of(book_id)
        return {
            "account_no": account_no(book_id),
            "year": year,
            "from": shown.first.isoformat(),
            "to": shown.last.isoformat(),
            "opening": format_yuan(shown.opening_fen),
            "income": format_yuan(shown.income_fen),
            "spending": format_yuan(shown.spending_fen),
            "interest": format_yuan(shown.interest_fen),
            "closing": format_yuan(shown.closing_fen),
            "credits": _sums(shown.credits),
            "debits": _sums(shown.debits),
            "months_paid": len({month["period"] for month in months if month["paid"] != "0.00"}),
            "payments": months,
            "version": shown.version,
            "replaces": shown.replaces,
            "digest": None if full.digest is None else full.digest.hex(),
        }

    return json_answer(await state.read(look))


def _sums(sums: tuple[KindSum, ...]) -> list[dict[str, Any]]:
    return [{"kind": one.kind.word, "entries": one.entries, "amount": format_yuan(one.fen)} for one in sums]
