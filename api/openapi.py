"""The OpenAPI document. `python -m api.openapi` prints it, as api/openapi.json keeps it."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.commands import READERS
from api.http.answers import Problem
from api.http.security import OPEN, SCOPE_OF
from ledger.access.tokens import SCOPES

REF = "#/components/schemas/{model}"
DESCRIPTION = """\
Amounts are decimal strings in yuan with two digits (`"128.50"`), days ISO, instants RFC 3339 with offset.
An account is named by its account number or by the ID number of its holder. Whatever is posted takes an
`Idempotency-Key`: the same request sent again is answered with the first answer and
`Idempotent-Replayed: true`. Every no is a problem document (RFC 9457); `code` is the contract."""

SCOPE_WORDS = {
    "accounts:read": "Look at accounts",
    "accounts:write": "Open, freeze and close accounts",
    "postings:write": "Contributions, spendings, holds",
    "postings:reverse": "Reverse entries",
    "bulk:write": "Many commands in one call",
    "employers:read": "Look at what employers owe and paid",
    "employers:write": "Register employers, take and correct their lists, estimates, case steps",
    "receipts:write": "Money that came from employers, and what goes back to them",
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
    "reports:read": "Totals and batches",
    "admin": "Year ends, monthly credits of retirees",
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
    components["securitySchemes"] = {
        "token": {
            "type": "oauth2",
            "description": "A JWT, EdDSA or RS256; `client_id` is the calling system, `sub` the person",
            "flows": {
                "clientCredentials": {
                    "tokenUrl": "/oauth2/token",
                    "scopes": {scope: SCOPE_WORDS[scope] for scope in SCOPES},
                }
            },
        }
    }
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            scope = SCOPE_OF[method.upper(), path]
            operation["security"] = [] if scope == OPEN else [{"token": [scope]}]
    return made


def _add(schemas: dict[str, Any], schema: dict[str, Any]) -> None:
    schemas.update(schema.pop("$defs", {}))
    schemas[schema["title"]] = schema


def text() -> str:
    """The document as text, always the same for the same app."""
    from api.main import bare_app

    return json.dumps(document(bare_app()), ensure_ascii=False, indent=2, sort_keys=True)


if __name__ == "__main__":
    print(text())
