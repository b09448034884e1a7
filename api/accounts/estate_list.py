"""The estates that a clerk works through, by their state."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from api.accounts.estate_bodies import EstatePage
from api.http.listing import LIMIT_DEFAULT, Cursor, Listing, Page, PageLimit, answer_pages, with_csv
from api.http.routes import LedgerRoute, describe
from ledger.book.numbers import account_no, entry_name
from ledger.estates.reports import EstateListed, estates

router = APIRouter(route_class=LedgerRoute)

_ESTATES = Listing(
    {
        "estate": "遗产编号",
        "account_no": "账户编号",
        "state": "状态",
        "died_on": "死亡日期",
        "held_since": "无人继承起始日期",
    },
    {"state": {"open": "待分配", "held": "无人继承", "disputed": "有争议", "confirmed": "已分配"}},
)


@router.get(
    "/v1/estates",
    **with_csv(describe(tag="closure", summary="Estates by their state", answer=EstatePage)),
)
async def listed(
    request: Request,
    state: Annotated[
        Literal["open", "held", "disputed", "confirmed"] | None, Query(description="Only those of this state")
    ] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Open: somebody claims, or nobody was named yet. A withdrawn death has no estate."""

    def page(connection: Any, after: Any, limit: int) -> Page:
        found = estates(connection, state, None if after is None else int(after), limit)
        return [(one.book_id, _item(one)) for one in found]

    return await answer_pages(request, _ESTATES, "estates", f"estates|{state}", page, cursor, limit, int)


def _item(one: EstateListed) -> dict[str, Any]:
    return {
        "estate": entry_name(one.book_id, one.death_seq),
        "account_no": account_no(one.book_id),
        "state": one.state,
        "died_on": one.died_on.isoformat(),
        "held_since": None if one.held_since is None else one.held_since.isoformat(),
    }
