"""One declared list, looked at: whoever sent it knows the persons by the number of their line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.contributions.report_answers import DeclarationView
from api.contributions.reports import TAG
from api.http.fields import month_text, yuan_text
from api.http.listing import json_answer
from api.http.posting import entry_of
from api.http.routes import LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from ledger import Keyring, RefusalCode, persons
from ledger.book.numbers import entry_name
from ledger.contributions import reports as contribution_reports
from ledger.contributions.declarations import list_view, whom_it_shows
from ledger.contributions.levies import DeclaredLine
from ledger.money import format_yuan
from ledger.people.id_numbers import mask_id_number

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode
# people looked up at once
PEOPLE: Final = 500


@router.get(
    "/v1/declarations/{declaration}",
    **describe(
        tag=TAG,
        summary="A list as it was handed in, and what came of it",
        answer=DeclarationView,
        refusals=(R.DECLARATION_NOT_FOUND,),
    ),
)
async def declaration(declaration: str, request: Request) -> Response:
    """ID numbers are masked. A line that was not taken has its code instead, one that an earlier list had
    brought just so the name of that list."""
    state = state_of(request)
    book_id, seq = entry_of(declaration, R.DECLARATION_NOT_FOUND)

    def look(connection: Any) -> dict[str, Any]:
        found = contribution_reports.declaration(connection, book_id, seq)
        shown = list_view(found.period, found.lines, found.confirmation, found.there)
        numbers = _masked(connection, state.keyring, shown.lines)
        shown_by(request).of_each(whom_it_shows(shown.lines))
        return {
            "declaration": entry_name(book_id, seq),
            "employer": found.employer,
            "period": month_text(found.period),
            "status": "confirmed" if shown.confirmed else "preview",
            "employee_total": format_yuan(shown.employee_total),
            "employer_total": format_yuan(shown.employer_total),
            "lines": [_line_json(line, numbers, shown.there.get(line.line), book_id) for line in shown.lines],
        }

    return json_answer(await state.report(look))


def _masked(connection: Any, keyring: Keyring, lines: Sequence[DeclaredLine]) -> dict[int, str]:
    """Masked ID numbers by account, of the lines that were taken."""
    accounts = [line.account_id for line in lines if line.code is None and line.account_id is not None]
    people = sorted(contribution_reports.persons_of(connection, accounts).items())
    found: dict[int, str] = {}
    for start in range(0, len(people), PEOPLE):
        some = dict(people[start : start + PEOPLE])
        known = persons.known(connection, keyring, some.values())
        for account_id, person_id in some.items():
            person = known.get(person_id)
            if person is not None and person.number is not None:
                found[account_id] = mask_id_number(person.number)
    return found


def _line_json(
    line: DeclaredLine, numbers: dict[int, str], there: int | None, book_id: int
) -> dict[str, Any]:
    if there is not None:
        return {"line": line.line, "already": entry_name(book_id, there)}
    if line.code is not None:
        return {"line": line.line, "code": line.code}
    return {
        "line": line.line,
        "id_number": numbers.get(line.account_id or 0),
        "base": yuan_text(line.base),
        "employee_part": yuan_text(line.employee),
        "employer_part": yuan_text(line.employer),
    }
