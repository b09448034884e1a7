"""The OpenAPI document: FastAPI's, with tokens, scopes, problems and the commands of a bulk."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.http.answers import Problem
from api.http.security import OPEN, SCOPE_OF
from api.operations.bulk_commands import READERS
from ledger.access.tokens import SCOPES

REF = "#/components/schemas/{model}"
DESCRIPTION = """\
Amounts are decimal strings in yuan with two digits (`"128.50"`), days ISO, instants RFC 3339 with offset.
An account is named by its account number or by the ID number of its holder. Whatever is posted takes an
`Idempotency-Key`: the same request sent again is answered with the first answer and
`Idempotent-Replayed: true`. A key counts for one caller (`client_id`) and one book (account, employer or
institution): used for another book it is another request, so let keys be unique over everything you send.
Every no is a problem document (RFC 9457); `code` is the contract."""

SCOPE_WORDS = {
    "accounts:read": "Look at accounts",
    "accounts:write": "Open, freeze and close accounts",
    "postings:write": "Contributions, spendings, holds",
    "postings:reverse": "Reverse entries",
    "bulk:write": "Many commands in one call",
    "employers:read": "Look at what employers owe and paid",
    "employers:write": "Register employers, take and confirm their lists",
    "contributions:act": "The agency's acts towards an employer: estimates, adjustments, refunds, case steps",
    "receipts:write": "Money that came from employers",
    "institutions:read": "Look at institutions and their contracts",
    "institutions:write": "Register institutions, their contracts and suspensions",
    "settlements:read": "Look at settled bills and visits",
    "settlements:write": "Visits, pre-settlements, settlements, reversals and corrections",
    "mutual-aid:read": "Look at quotas and their uses",
    "mutual-aid:write": "Give and end quotas, pay relatives' premiums",
    "care:read": "Look at a person's care: filings, counters, settlements, cases, claims",
    "care:write": "Filings, third-party cases, manual claims, the year of one person",
    "clearings:read": "Look at reconciled days, cleared months and statements",
    "clearings:write": "Reconcile days and clear months",
    "clearings:pay": "Pay what a cleared month came to",
    "cases:write": "Open cases: questions, complaints, objections, reports about units",
    "cases:read": "Look at cases",
    "cases:answer": "Take, answer and close cases",
    "approvals:decide": "What needs a second person: look at it, approve it, reject it",
    "people:digest": "The digest by which a token is bound to a person",
    "events:read": "The feed of what happened to all accounts",
    "reports:read": "Totals and batches",
    "agency-requests:ask": "Another agency's written requests, and their answers",
    "agency-requests:decide": "Look at the requests of other agencies, and decide them",
    "admin": "Year ends, monthly credits of retirees, webhooks",
}

# Two models of one name stand in the document under their modules' names too. Callers' generated clients know
# them by these, so they stay when a module moves.
KEPT_NAMES = {
    "api__institutions__reconciliations__LineItem": "api__reconciliations__LineItem",
    "api__care__settlement_answers__LineItem": "api__settlement_answers__LineItem",
}


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an app: FastAPI's, with tokens, scopes, problems and the commands of a bulk."""
    made = get_openapi(
        title="Medical account ledger",
        version="1",
        description=DESCRIPTION,
        routes=app.routes,
        separate_input_output_schemas=True,
    )
    components = made["components"]
    _add(components["schemas"], Problem.model_json_schema(mode="serialization", ref_template=REF))
    for reader in READERS.values():
        _add(components["schemas"], reader.model.model_json_schema(ref_template=REF))
    components["schemas"]["Bulk"]["properties"]["commands"]["items"] = {
        "anyOf": [
            *({"$ref": REF.format(model=reader.model.__name__)} for reader in READERS.values()),
            {"description": "Anything else is an outcome with `status` refused"},
        ]
    }
    # not `oauth2`: where tokens come from is the identity provider's affair, and a page that asks for one by
    # a flow has no field to put a token into
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _token_words()}
    }
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            scope = SCOPE_OF[method.upper(), path]
            operation["security"] = [] if scope == OPEN else [{"token": [scope]}]
    schemas = components["schemas"]
    components["schemas"] = {KEPT_NAMES.get(name, name): schema for name, schema in schemas.items()}
    _refer_anew(made, {REF.format(model=now): REF.format(model=kept) for now, kept in KEPT_NAMES.items()})
    return made


def _token_words() -> str:
    """What a token is, and what each scope lets it do."""
    scopes = "\n".join(f"- `{scope}`: {SCOPE_WORDS[scope]}" for scope in SCOPES)
    return (
        "A JWT of the identity provider, EdDSA or RS256: `client_id` is the calling system, `sub` the person,"
        " `scope` a list of what follows with blanks between. `employer` or `institution` binds it to one."
        " The demo's stands in the file `token` of its data directory.\n\n" + scopes
    )


def _refer_anew(part: Any, names: dict[str, str]) -> None:
    """Let every reference below a part of the document name what these are called."""
    if isinstance(part, dict):
        if part.get("$ref") in names:
            part["$ref"] = names[part["$ref"]]
        part = list(part.values())
    if isinstance(part, list):
        for below in part:
            _refer_anew(below, names)


def _add(schemas: dict[str, Any], schema: dict[str, Any]) -> None:
    schemas.update(schema.pop("$defs", {}))
    schemas[schema["title"]] = schema
