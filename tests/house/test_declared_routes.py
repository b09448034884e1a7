"""A posting route is declared once, and everything that is said of it elsewhere is what it declares."""

from __future__ import annotations

from typing import Any

import pytest

from api.http.declaring import Declared
from api.http.security import SCOPE_OF
from api.main import bare_app
from api.operations.bulk_commands import READERS
from ledger.imports import KINDS
from tests.house.raised import commands, fields_named_by
from tests.support.openapi import DOCUMENT

APP = bare_app()
ROUTES: dict[str, Any] = {
    route.path: route
    for route in APP.routes
    if getattr(route, "methods", None) == {"POST"}  # type: ignore[attr-defined]  # getattr has asked
}
DECLARED: dict[str, Declared] = {
    path: route.endpoint.declared for path, route in ROUTES.items() if hasattr(route.endpoint, "declared")
}
# routes that are not like the others, and are written out
WRITTEN_OUT = {
    "/v1/bulk": "many commands",
    "/v1/settlements": "its message is its key",
    "/v1/settlements/quote": "writes nothing",
    "/v1/settlements/correction": "its message is its key",
    "/v1/employers/{employer}/declarations": "takes files",
    "/v1/accounts/{account}/estate": "shown first, then confirmed",
    "/v1/estates": "shown first, then confirmed",
    "/v1/annual-settlements/{year}/{account}": "a year is no text",
    "/v1/annual-settlements/{year}": "starts a run",
    "/v1/year-ends/{year}": "starts a run",
    "/v1/retiree-credits/{period}": "starts a run",
    "/v1/accounts/lookup": "a read",
    "/v1/corrections": "many commands, shown first and then confirmed",
    "/v1/staff": "written outside the book",
    "/v1/accounts/{account}/flags": "written outside the book",
    "/v1/agency-requests": "stands beside the book",
    "/v1/agency-requests/{agency_request}/decision": "stands beside the book",
    "/v1/approvals/{approval}/approve": "posts what another command is",
    "/v1/approvals/{approval}/reject": "stands beside the book",
    "/v1/people/lookup": "a read",
    "/v1/people/digests": "a read",
    "/v1/phone/inquiries": "a read",
    "/v1/accounts/{account}/documents": "a read, and kept beside the book",
    "/v1/employers/{employer}/documents": "a read, and kept beside the book",
    "/v1/me/documents": "a read, and kept beside the book",
    "/v1/accounts/{account}/cards": "writes outside the book",
    "/v1/cards/{card}/lost": "writes outside the book",
    "/v1/accounts/{account}/call-back-code": "writes outside the book",
    "/v1/webhooks": "writes outside the book",
    "/v1/webhooks/{webhook}/end": "writes outside the book",
    "/v1/cases": "stands beside the book",
    "/v1/cases/{case}/take": "stands beside the book",
    "/v1/cases/{case}/answer": "stands beside the book",
    "/v1/cases/{case}/close": "stands beside the book",
    "/v1/me/cases": "stands beside the book",
    "/v1/me/cases/{case}/close": "stands beside the book",
    **{f"/v1/imports/{kind}": "takes files" for kind in KINDS},
}


def test_every_posting_route_is_declared() -> None:
    assert set(DECLARED) | set(WRITTEN_OUT) == set(ROUTES)
    assert not set(DECLARED) & set(WRITTEN_OUT)


def test_the_table_of_scopes_is_what_the_routes_declare() -> None:
    table = {path: SCOPE_OF["POST", path] for path in DECLARED}
    assert table == {path: declared.scope for path, declared in DECLARED.items()}


@pytest.mark.parametrize("path", DECLARED)
def test_the_document_says_what_the_command_is_refused_with(path: str) -> None:
    declared = DECLARED[path]
    told = " ".join(one["description"] for one in DOCUMENT["paths"][path]["post"]["responses"].values())
    for code in declared.command.refused_with:
        assert (f"`{code.value}`" in told) != (code in declared.not_here), code
    assert set(declared.not_here) <= set(declared.command.refused_with)


def test_a_command_has_one_route() -> None:
    made = [declared.command for declared in DECLARED.values()]
    assert len(made) == len(set(made))
    assert set(made) <= set(commands())


def test_the_verbs_of_a_bulk_are_those_that_routes_declare() -> None:
    verbs = {declared.bulk: declared for declared in DECLARED.values() if declared.bulk}
    assert {verb: reader.declared for verb, reader in READERS.items()} == verbs


@pytest.mark.parametrize("verb", READERS)
def test_a_verb_of_a_bulk_has_the_fields_of_its_route(verb: str) -> None:
    reader = READERS[verb]
    body = reader.declared.body
    fields = set() if body is None else set(body.model_fields)
    path = set() if reader.declared.named is None else {reader.declared.named}
    assert set(reader.model.model_fields) == fields | path | {"verb", "idempotency_key"}


# what a decision names where the ledger itself took it: the area of a book, today, the care of a settled bill
OWN = {"area", "effective_on", "care_date"}
# and what the request of one route does not have
NOT_ASKED = {
    # judged when the claim was handed in
    "/v1/claims/{claim}/decision": {"cause", "filing", "hospital_share", "lines", "total"},
}


@pytest.mark.slow
@pytest.mark.parametrize("path", DECLARED)
def test_the_request_has_every_field_that_a_decision_names(path: str) -> None:
    places = ROUTES[path]._places()
    named = fields_named_by(DECLARED[path].command)
    assert {name for name in named - OWN if places.of(name) is None} == NOT_ASKED.get(path, set())
