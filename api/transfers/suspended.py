"""Money that waits in suspense: looked at with its age, and let go where it belongs (R15)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic_core import to_json

from api.http.declaring import by_of, posting
from api.http.fields import Period
from api.http.listing import LIMIT_DEFAULT, Cursor, Listing, Page, PageLimit, answer_pages, with_csv
from api.http.posting import respond, take, wants_dry_run
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import State, state_of
from api.transfers.answers import ReleaseAnswer, SuspendedPage
from api.transfers.bodies import NewRelease
from ledger import RefusalCode, Refused, ReleaseSuspended, employers
from ledger import reports as accounts
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, entry_name
from ledger.money import format_yuan
from ledger.months import format_period
from ledger.transfers import suspended

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
TAG = "suspended money"

_SUSPENDED = Listing(
    {
        "employer": "单位编号",
        "period": "费款所属期",
        "account_no": "账户编号",
        "waits_for": "暂存原因",
        "amount": "金额",
        "since": "暂存日期",
        "age_days": "已历天数",
    }
)


@router.get(
    "/v1/suspended",
    **with_csv(
        describe(
            tag=TAG,
            summary="What waits in suspense, with its age",
            answer=SuspendedPage,
            refusals=(*OF_ACCOUNT, R.EMPLOYER_NOT_FOUND, R.CREDIT_CODE_INVALID),
        )
    ),
)
async def waiting(
    request: Request,
    employer: Annotated[str | None, Query(max_length=64, description="Only of this employer")] = None,
    account: Annotated[str | None, Query(max_length=64, description="Only for this account")] = None,
    period: Annotated[Period | None, Query(description="Only of this month")] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """For a person whose account takes nothing, for the list of a month, or to go back to its payer."""
    state = state_of(request)
    today = state.clock()[1]

    def whose(connection: Any) -> tuple[int | None, int | None]:
        unit = None if employer is None else employers.find(connection, employer).book_id
        return unit, None if account is None else _account(connection, state, account)

    unit, book = await state.read(whose)

    def page(connection: Any, after: Any, limit: int) -> Page:
        found = suspended.suspended(
            connection,
            employer_id=unit,
            account_id=book,
            period=period,
            after=None if after is None else tuple(after),
            limit=limit,
        )
        return [
            (
                (one.employer_id, one.period, one.account_id or 0, one.waits_for),
                {
                    "employer": account_no(one.employer_id),
                    "period": format_period(one.period) if one.period else None,
                    "account_no": None if one.account_id is None else account_no(one.account_id),
                    "waits_for": one.waits_for,
                    "amount": format_yuan(one.fen),
                    "since": one.since.isoformat(),
                    "age_days": (today - one.since).days,
                },
            )
            for one in found
        ]

    place = f"suspended|{unit}|{book}|{period}"
    return await answer_pages(
        request, _SUSPENDED, "suspended", place, page, cursor, limit, lambda key: int(key[2]) or None
    )


def _account(connection: Any, state: State, account: str) -> int:
    """The book of an account that the query names. Raises Refused, which names it."""
    try:
        return accounts.find_book(connection, state.ref(account))
    except Refused as refused:
        refused.at = "account"
        raise


@posting(
    router,
    "/v1/accounts/{account}/releases",
    ReleaseSuspended,
    scope="contributions:act",
    tag=TAG,
    summary="Let what waits in suspense for somebody's month go where it belongs",
    answer=ReleaseAnswer,
    refusals=OF_ACCOUNT,
    refusals_after=(R.CREDIT_CODE_INVALID,),
)
async def release(account: str, body: NewRelease, request: Request) -> Response:
    """Into the account that takes money again; of one that was transferred after the transfer."""
    by = by_of(request)
    state = state_of(request)
    ref = by.ref(account)

    def whose(connection: Any) -> tuple[int, int]:
        book_id = accounts.find_book(connection, ref)
        return employers.find(connection, body.employer).book_id, book_id

    unit, book_id = await state.read(whose)
    command = ReleaseSuspended(unit, book_id, body.period, body.amount, body.source_ref, *by.sent_by)
    receipt = (done := await take(request, command)).receipt
    if wants_dry_run(request):
        # it is posted in the employer's book, and tells of the account
        shown_by(request).of(book_id)
    seq = unpack(receipt.detail).get("transfer")
    answer = {
        "release": receipt.name,
        "account_no": account_no(book_id),
        "period": format_period(receipt.period or 0),
        "amount": format_yuan(receipt.amount_fen),
        "transfer": None if seq is None else entry_name(book_id, seq),
    }
    return respond(request, to_json(answer).decode(), done)
