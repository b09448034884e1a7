"""`python -m api` prints the OpenAPI document, as api/openapi.json keeps it."""

import json

from api.main import bare_app
from api.openapi import document


def text() -> str:
    """The document as text, always the same for the same app."""
    return json.dumps(document(bare_app()), ensure_ascii=False, indent=2, sort_keys=True)


if __name__ == "__main__":
    print(text())
