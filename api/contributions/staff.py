"""An employer's right to ask whom it has registered: its own staff of a month, and no more of them (R62)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.contributions.report_answers import ClassWord
from api.contributions.reports import OF_EMPLOYER, TAG
from api.http.answers import Answer
from api.http.fields import MonthText, day_text, month_of, month_text, yuan_text
from api.http.listing import LIMIT_DEFAULT, Cursor, Listing, Page, PageLimit, answer_pages, with_csv
from api.http.routes import LedgerRoute, describe
from api.http.state import state_of
from ledger import RefusalCode, employers, persons
from ledger.contributions import staff
from ledger.contributions.credit_codes import parse_credit_code
from ledger.months import month_bounds, period_of

router = APIRouter(route_class=LedgerRoute)


class StaffItem(Answer):
    """A person as registered with the employer."""

    id_number: str | None = Field(description="Masked", examples=["119*************15"])
    name: str | None = Field(description="Masked", examples=["司*如"])
    member_class: ClassWord
    first: date = Field(alias="from")
    last: date | None = Field(alias="to", description="The last day; null while it goes on")
    wage: str | None = Field(description="As it was registered", examples=["8000.00"])


class StaffPage(Answer):
    """Whom an employer had registered in a month, by account."""

    items: list[StaffItem]
    next_cursor: str | None


_REGISTERED = Listing(
    {
        "id_number": "证件号码",
        "name": "姓名",
        "member_class": "人员类别",
        "from": "参保起始日",
        "to": "参保终止日",
        "wage": "申报工资",
    }
)


@router.get(
    "/v1/employers/{employer}/staff",
    **with_csv(
        describe(
            tag=TAG,
            summary="Whom an employer had registered in a month",
            answer=StaffPage,
            refusals=(*OF_EMPLOYER, RefusalCode.PERIOD_INVALID),
        )
    ),
)
async def registered(
    employer: str,
    request: Request,
    period: Annotated[MonthText | None, Query(description="The month; without one this month")] = None,
    limit: PageLimit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """Only enrolments with this employer. Names and ID numbers are masked."""
    state = state_of(request)
    code = parse_credit_code(employer)
    month = period_of(state.clock()[1]) if period is None else month_of(period)

    def page(connection: Any, after: int | None, limit: int) -> Page:
        book_id = employers.find(connection, code).book_id
        found = staff.registered(connection, book_id, *month_bounds(month), after=after or 0, limit=limit)
        people = persons.known(connection, state.keyring, [one.person_id for one in found if one.person_id])
        return [(one.account_id, _item(one, people.get(one.person_id or 0))) for one in found]

    name, place = f"registered-{code}-{month_text(month)}", f"registered|{code}|{month}"
    return await answer_pages(
        request, _REGISTERED, name, place, page, cursor, limit, lambda account_id: account_id
    )


def _item(one: staff.StaffMember, person: persons.Known | None) -> dict[str, Any]:
    return {
        "id_number": None if person is None else person.masked_number,
        "name": None if person is None else person.masked_name,
        "member_class": one.member_class.word,
        "from": one.first.isoformat(),
        "to": day_text(one.last),
        "wage": yuan_text(one.wage_fen),
    }
