"""Documents over HTTP, for tests: printed, read back, checked.

made = printed(client, f"/v1/accounts/{number}", kind="account_list", **{"from": …, "to": …})
data(client, made)                      what is signed of it
"""

from __future__ import annotations

import base64
import json
from typing import Any

from fastapi.testclient import TestClient

from api.inquiry.document_answers import CheckAnswer, DocumentAnswer
from tests.support.employer_client import taken

FORMS = ("json", "pdf", "html", "csv", "xlsx")
YEAR = {"from": "2026-01-01", "to": "2026-11-21"}


def ask(client: TestClient, whose: str, form: str = "json", **body: Any) -> Any:
    """The plain answer to a print; `whose` is the path above `/documents`."""
    headers = body.pop("headers", None)
    return client.post(f"{whose}/documents", json={"format": form, **body}, headers=headers)


def printed(client: TestClient, whose: str, form: str = "json", **body: Any) -> Any:
    """A document that was printed."""
    return taken(ask(client, whose, form, **body), DocumentAnswer)


def content(client: TestClient, made: Any, **more: Any) -> bytes:
    """The bytes of a document."""
    answer = client.get(f"/v1/documents/{made['document']}", **more)
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


def data(client: TestClient, made: Any, **more: Any) -> Any:
    """What is signed of a document that is JSON."""
    payload = json.loads(content(client, made, **more))["payload"]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def of(client: TestClient, whose: str, **body: Any) -> Any:
    """What is signed of a document that is printed just now."""
    return data(client, printed(client, whose, **body))


def checked(client: TestClient, made: Any) -> Any:
    """What anybody is told of a document."""
    # as if each came from elsewhere
    app: Any = client.app
    app.state.ledger.checks.forget()
    answer = client.get(f"/v1/checks/{made['verification_code']}", headers={"Authorization": ""})
    return taken(answer, CheckAnswer, 200)
