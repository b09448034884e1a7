"""What a person owes the fund, in one place (R16, R67)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from api.http.listing import json_answer
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from api.transfers.answers import DebtList
from ledger import reports as accounts
from ledger.book.numbers import account_no, entry_name
from ledger.estates.owed_reports import DebtSeen, debts_of
from ledger.money import format_yuan
from ledger.months import format_period

router = APIRouter(route_class=LedgerRoute)


def _json(one: DebtSeen) -> dict[str, Any]:
    entry, known_by = entry_name(*one.entry), one.debt.known_by
    period, employer = known_by.get("period"), known_by.get("employer")
    return {
        "what": one.debt.what,
        # a demand is there, and an advance is returned by the recoveries of its case
        "debt": None if one.debt.key is None else entry,
        "entry": entry,
        "employer": None if employer is None else account_no(employer),
        "period": None if period is None else format_period(period),
        "year": known_by.get("year"),
        "amount": format_yuan(one.amount),
        "demanded": format_yuan(one.demanded),
        "still_owed": format_yuan(one.still_owed),
        "since": one.since.isoformat(),
    }


@router.get(
    "/v1/accounts/{account}/debts",
    **describe(
        tag="demands", summary="What the holder of an account owes", answer=DebtList, refusals=OF_ACCOUNT
    ),
)
async def debts(account: str, request: Request) -> Any:
    """In the order in which an estate sets it off, demands last; what is settled is left out.

    What has a `debt` is demanded by that name, and then set off or paid by instalments as every demand.
    """
    state = state_of(request)
    ref = state.ref(account)

    def look(connection: Any) -> dict[str, Any]:
        book_id = accounts.find_book(connection, ref)
        shown_by(request).of(book_id)
        found = debts_of(connection, book_id, state.policies)
        owed = sum(one.still_owed for one in found)
        return {"items": [_json(one) for one in found], "still_owed": format_yuan(owed)}

    return json_answer(await state.read(look))
