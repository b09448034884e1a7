"""Whether a document is genuine: open to all who hold it, limited in rate; and the keys that signed it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.http.fields import day_text
from api.http.listing import json_answer
from api.http.problems import DoorCode
from api.http.routes import LedgerRoute, describe
from api.http.state import state_of
from api.inquiry.document_answers import CheckAnswer, DocumentKeys
from api.inquiry.documents import TAG
from ledger import RefusalCode
from ledger.documents.checks import CodeChecked, check_code
from ledger.documents.codes import read_code
from ledger.vault import ed25519_jwk

router = APIRouter(route_class=LedgerRoute)


@router.get(
    "/v1/checks/{code}",
    **describe(
        tag=TAG,
        summary="Whether a document is genuine, and whether it was corrected since",
        answer=CheckAnswer,
        refusals=(RefusalCode.VERIFICATION_CODE_INVALID, DoorCode.TOO_MANY_REQUESTS),
        open_to_all=True,
    ),
)
async def check(code: str, request: Request) -> Response:
    """Says nothing about anybody. A slip in the code is found before anything is looked up."""
    state = state_of(request)
    asked = read_code(code)
    # what has a slip costs nothing and tells nothing, so it is not counted
    state.checks.let_in(request)
    found = await state.read(lambda connection: check_code(connection, state.keyring, asked))
    return json_answer(_NOT_GENUINE if found is None else _told(found))


_NOT_GENUINE: dict[str, Any] = {
    "genuine": False,
    **dict.fromkeys(("kind", "issued_on", "period", "totals", "state", "corrected_on")),
}


def _told(found: CodeChecked) -> dict[str, Any]:
    return {
        "genuine": True,
        "kind": found.kind,
        "issued_on": found.issued_on.isoformat(),
        "period": {"from": found.span.first.isoformat(), "to": found.span.last.isoformat()},
        "totals": found.totals,
        "state": "unchanged" if found.corrected_on is None else "corrected",
        "corrected_on": day_text(found.corrected_on),
    }


@router.get(
    "/v1/document-keys",
    **describe(
        tag=TAG,
        summary="The public keys that verify the signed data of documents",
        answer=DocumentKeys,
        open_to_all=True,
    ),
)
async def document_keys(request: Request) -> Response:
    """A JSON Web Key Set (RFC 7517, RFC 8037), those of before among them."""
    return json_answer(
        {
            "keys": [
                {**ed25519_jwk(public), "use": "sig", "alg": "EdDSA", "kid": name}
                for name, public in state_of(request).keyring.document_keys.items()
            ]
        }
    )
