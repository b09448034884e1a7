"""How far a bound token reaches: to what is one employer's or one institution's, and to nothing else."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request

from api.http.security import Caller, lacking
from api.http.state import state_of
from ledger import Refused, employers
from ledger.access.owners import INSTITUTION_OF, document_of
from ledger.access.roles import OF_ANY_BOUND
from ledger.book.numbers import parse_entry_name
from ledger.contributions.credit_codes import parse_credit_code
from ledger.texts import INSTITUTION_CODE_MAX, read_text

NAMED_IN_BODY: Final = frozenset(
    {
        ("POST", "/v1/settlements"),
        ("POST", "/v1/settlements/quote"),
        ("POST", "/v1/settlements/correction"),
        ("POST", "/v1/visits"),
    }
)
"""The routes to which only the body names the institution, as its member `institution`."""


OWN_DATA: Final = "/v1/me"
"""Where the routes begin that show a person what is the person's own."""


def is_own_data(path: str) -> bool:
    """Whether the route of this path shows a person what is the person's own."""
    return path == OWN_DATA or path.startswith(f"{OWN_DATA}/")


LINES_NAME_EMPLOYERS: Final = frozenset(
    {("POST", "/v1/imports/declarations"), ("GET", "/v1/imports/declarations/template")}
)
"""The routes of files whose lines name the employer: of a bound caller only its own lines are taken."""


OWN_CASES: Final = frozenset({("POST", "/v1/cases"), ("GET", "/v1/cases"), ("GET", "/v1/cases/{case}")})
"""The routes that show persons and employers their own cases: what is whose, their handlers see to."""


async def stay_within(request: Request, caller: Caller, scope: str) -> None:
    """Raise Declined(scope_missing) unless the path leads to what the caller is bound to.

    What no role of theirs may hold, as all that the agency does to them, is out of reach, whatever scopes the
    token has. What is another's and what there is not are one and the same no.
    """
    if caller.is_bound and scope not in OF_ANY_BOUND:
        raise lacking(scope)
    if caller.institution is None and _route(request) in OWN_CASES:
        reached = True
    elif is_own_data(_route(request)[1]):
        # what is behind this door is a person's own, and nobody else goes through it
        reached = caller.person is not None
    elif caller.employer is not None:
        reached = await _is_employers(request, caller.employer)
    elif caller.institution is not None:
        reached = await _is_institutions(request, caller.institution)
    else:
        # and to a person there is no other way
        reached = caller.person is None
    if not reached:
        raise lacking(scope)


def stay_within_body(caller: Caller, scope: str, body: object) -> None:
    """Raise Declined(scope_missing) when the caller is bound to another institution than the body names.

    A body that names none has the wrong shape, and is refused for that: the member is required and a string.
    """
    named = body.get("institution") if isinstance(body, dict) else None
    if caller.is_bound and isinstance(named, str) and not _is_code(caller.institution, named):
        raise lacking(scope)


# -- an employer -----------------------------------------------------------------------------------------


async def _is_employers(request: Request, credit_code: str) -> bool:
    """Whether the path names this employer, or a declaration or a document of it."""
    named = request.path_params
    if "employer" in named:
        return _is_named(credit_code, named["employer"])
    if _route(request) in LINES_NAME_EMPLOYERS:
        return True
    if "document" in named:
        return await _has_document(request, credit_code, named["document"])
    return "declaration" in named and await _has_declared(request, credit_code, named["declaration"])


def _is_named(credit_code: str, text: str) -> bool:
    try:
        return parse_credit_code(text) == credit_code
    except Refused:
        return False


async def _has_document(request: Request, credit_code: str, text: str) -> bool:
    def look(connection: Any) -> bool:
        book_id = document_of(connection, text) if text.isascii() and text.isalnum() else None
        found = {} if book_id is None else employers.by_book(connection, {book_id})
        return any(one.credit_code == credit_code for one in found.values())

    return await state_of(request).glance(look)


async def _has_declared(request: Request, credit_code: str, text: str) -> bool:
    place = parse_entry_name(text)
    if place is None:
        return False
    found = await state_of(request).glance(lambda connection: employers.by_book(connection, {place[0]}))
    return place[0] in found and found[place[0]].credit_code == credit_code


# -- an institution --------------------------------------------------------------------------------------


async def _is_institutions(request: Request, code: str) -> bool:
    """Whether all that the path names is this institution's, or the naming is left to the body."""
    named = request.path_params
    own = [_is_code(code, named["institution"])] if "institution" in named else []
    own += [await _belongs_to(request, code, what, named[what]) for what in INSTITUTION_OF if what in named]
    return all(own) if own else _route(request) in NAMED_IN_BODY


def _is_code(code: str | None, text: str) -> bool:
    """Whether a text is the code of an institution, in any of the spellings that are taken for it."""
    return text == code or (code is not None and read_text(text, INSTITUTION_CODE_MAX) == code)


async def _belongs_to(request: Request, code: str, what: str, text: str) -> bool:
    """Whether the settlement, visit or clearing of that name is the institution's."""
    place = parse_entry_name(text)
    if place is None:
        return False
    return code == await state_of(request).glance(lambda connection: INSTITUTION_OF[what](connection, place))


def _route(request: Request) -> tuple[str, str]:
    return request.method, request.scope["ledger.template"]
