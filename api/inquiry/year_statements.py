"""The statement of a year of an account, version by version, and the working of its interest."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BeforeValidator, Field

from api.care.settlement_answers import policy_at
from api.http.answers import Answer, KindWord, Month, yuan
from api.http.fields import Year, month_text, read_count, yuan_text
from api.http.listing import json_answer
from api.http.receipts import instant
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from ledger import RefusalCode, reports
from ledger.book.numbers import account_no, entry_name
from ledger.inquiry.interest_working import InterestWorking, interest_working
from ledger.inquiry.statements import AccountStatement, KindSum, statement
from ledger.money import format_yuan
from ledger.policy import RATE_SCALE

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "accounts"
VERSIONS_MAX = 1_000_000

Version = Annotated[
    Annotated[int, Field(ge=1, le=VERSIONS_MAX), BeforeValidator(read_count)] | None,
    Query(description="As one version says it; default the newest"),
]
AmountsByKind = dict[str, str]


class ClosingAnswer(Answer):
    """What there was at the end. `late` stands in pockets of later years, because it was booked in one."""

    balance: str = yuan("opening + credits - debits")
    current_year: str = yuan("The pocket of the year, by value dates")
    carried_over: str = yuan("The pocket of earlier years, by value dates")
    late: str = yuan("Facts of the year, or of one before, that were booked on a day of a later year")


class StatedInterestAnswer(Answer):
    """The interest of the year, as it was posted; it is among the credits."""

    total: str = yuan("Of both pockets")
    carried_over: str = yuan("Of money from before the year")
    current_year: str = yuan("Of money of the year")
    days: int = Field(description="The days that earned; 0 until it is posted")


class StatedMonthAnswer(Answer):
    """A month for which something reached the account."""

    period: Month
    kind: KindWord
    employer: str | None
    employer_name: str | None
    base: str | None = Field(description="As it was known then; null for what came without an employer")
    amount: str = yuan("What of it reached the account")


class YearStatementAnswer(Answer):
    """A year of an account, in one version: opening + credits - debits = closing.

    A year that nothing has ended has no version yet, and says what has been.
    """

    account_no: str = Field(examples=["P483920174650K"])
    year: int
    first: date = Field(alias="from", description="1 January, or the day of opening")
    last: date = Field(alias="to", description="31 December, or the day of the payout, or today")
    opening: str = yuan("What there was before the first day")
    closing: ClosingAnswer
    credits: AmountsByKind = Field(description="What came, by kind of entry")
    debits: AmountsByKind = Field(description="What went, by kind of entry")
    interest: StatedInterestAnswer
    months: list[StatedMonthAnswer]
    version: int | None = Field(description="From 1; null while the year is not ended")
    replaces: int | None = Field(description="The version before")
    digest: str | None = Field(description="SHA-256 of its canonical bytes, in hex")
    as_known: datetime = Field(description="When its last entry was recorded")
    last_entry: str = Field(description="The last entry that it knows", examples=["P483920174650K-17"])


class InterestRowItem(Answer):
    """Days on which a pocket had one balance and one rate: balance x rate x days / basis."""

    pocket: Literal["carried_over", "current_year"]
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    days: int
    balance: str = yuan("At the end of each of these days; below zero through a debit dated back")
    rate: str = Field(description="A year", examples=["0.0110"])


class InterestWorkingAnswer(Answer):
    """The interest of a year: the rows of each pocket, added up and rounded once, are what it earned."""

    account_no: str = Field(examples=["P483920174650K"])
    year: int
    basis: int = Field(description="The days of a year by which rates are divided", examples=[360])
    carried_over: str = yuan("Of money from before the year")
    current_year: str = yuan("Of money of the year")
    total: str = yuan("Of both pockets")
    posted: str | None = Field(
        description="The entry that posted it; null: not yet, and this is what was earned by yesterday"
    )
    rows: list[InterestRowItem]


@router.get(
    "/v1/accounts/{account}/statements/{year}",
    **describe(
        tag=TAG,
        summary="The statement of a year, in its newest version or in an earlier one",
        answer=YearStatementAnswer,
        refusals=(*OF_ACCOUNT, R.STATEMENT_NOT_FOUND, R.PERIOD_INVALID),
    ),
)
async def year_statement(
    account: str, year: Annotated[Year, Path()], request: Request, version: Version = None
) -> Response:
    """The first version is as known when the year was ended; each later fact of the year makes the next."""
    state = state_of(request)
    ref = state.ref(account)

    def look(connection: Any) -> dict[str, Any]:
        book_id = reports.find_book(connection, ref)
        shown_by(request).of(book_id)
        return statement_json(book_id, statement(connection, book_id, year, state.clock()[1], version))

    return json_answer(await state.read(look))


def statement_json(book_id: int, shown: AccountStatement) -> dict[str, Any]:
    """A statement as it is answered."""
    told = shown.told
    carried_over, current_year, days = shown.interest
    return {
        "account_no": account_no(book_id),
        "year": shown.year,
        "from": told.first.isoformat(),
        "to": told.last.isoformat(),
        "opening": format_yuan(told.opening_fen),
        "closing": {
            "balance": format_yuan(told.closing_fen),
            "current_year": format_yuan(told.pockets.current_year_fen),
            "carried_over": format_yuan(told.pockets.carried_over_fen),
            "late": format_yuan(told.pockets.late_fen),
        },
        "credits": _by_kind(told.credits),
        "debits": _by_kind(told.debits),
        "interest": {
            "total": format_yuan(carried_over + current_year),
            "carried_over": format_yuan(carried_over),
            "current_year": format_yuan(current_year),
            "days": days,
        },
        "months": [
            {
                "period": month_text(month.period),
                "kind": month.kind.word,
                "employer": month.employer,
                "employer_name": month.employer_name,
                "base": yuan_text(month.base_fen),
                "amount": format_yuan(month.fen),
            }
            for month in shown.months
        ],
        "version": told.version,
        "replaces": told.replaces,
        "digest": None if shown.digest is None else shown.digest.hex(),
        "as_known": None if told.as_known is None else instant(told.as_known),
        "last_entry": entry_name(book_id, told.last_seq),
    }


def _by_kind(sums: Iterable[KindSum]) -> dict[str, str]:
    return {one.kind.word: format_yuan(one.fen) for one in sums}


@router.get(
    "/v1/accounts/{account}/interest/{year}",
    **describe(
        tag=TAG,
        summary="The interest of a year, day by day: every balance with its days and its rate",
        answer=InterestWorkingAnswer,
        refusals=(*OF_ACCOUNT, R.AREA_UNKNOWN, R.PERIOD_INVALID, R.RATES_MISSING),
    ),
)
async def year_interest(account: str, year: Annotated[Year, Path()], request: Request) -> Response:
    """As it was posted, by the policy that its entry names; before that, what was earned by yesterday."""
    state = state_of(request)
    ref = state.ref(account)

    def look(connection: Any) -> dict[str, Any]:
        book_id = reports.find_book(connection, ref)
        shown_by(request).of(book_id)
        worked = interest_working(
            connection,
            book_id,
            year,
            state.clock()[1],
            state.policies,
            lambda number: policy_at(connection, state, number),
        )
        return _working_json(book_id, year, worked)

    return json_answer(await state.read(look))


def _working_json(book_id: int, year: int, worked: InterestWorking) -> dict[str, Any]:
    return {
        "account_no": account_no(book_id),
        "year": year,
        "basis": worked.basis,
        "carried_over": format_yuan(worked.carried_over_fen),
        "current_year": format_yuan(worked.current_year_fen),
        "total": format_yuan(worked.total_fen),
        "posted": None if worked.posted is None else entry_name(book_id, worked.posted),
        "rows": [
            {
                "pocket": row.pocket.name.lower(),
                "from": row.first.isoformat(),
                "to": row.last.isoformat(),
                "days": row.days,
                "balance": format_yuan(row.fen),
                "rate": _rate_text(row.rate),
            }
            for row in worked.rows
        ],
    }


def _rate_text(rate: int) -> str:
    """A yearly rate with four decimals, or as many as it has."""
    digits = len(str(RATE_SCALE)) - 1
    whole, parts = divmod(rate, RATE_SCALE)
    decimals = f"{parts:0{digits}d}".rstrip("0")
    return f"{whole}.{decimals:0<4}"
