"""How far a token reaches that is bound to one employer: to what is that employer's, and to nothing else."""

from __future__ import annotations

from fastapi import Request

from api.security import lacking
from api.state import state_of
from ledger import Refused, employers
from ledger.identity import parse_credit_code, parse_entry_name


async def stay_within(request: Request, credit_code: str, scope: str) -> None:
    """Raise Declined(scope_missing) unless the path names this employer, or a declaration of it."""
    named = request.path_params
    if "employer" in named:
        reached = _is_named(credit_code, named["employer"])
    else:
        reached = "declaration" in named and await _has_declared(request, credit_code, named["declaration"])
    if not reached:
        raise lacking(scope)


def _is_named(credit_code: str, text: str) -> bool:
    try:
        return parse_credit_code(text) == credit_code
    except Refused:
        return False


async def _has_declared(request: Request, credit_code: str, text: str) -> bool:
    place = parse_entry_name(text)
    if place is None:
        return False
    found = await state_of(request).glance(lambda connection: employers.by_book(connection, {place[0]}))
    return place[0] in found and found[place[0]].credit_code == credit_code
