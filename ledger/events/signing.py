"""How a message is signed: by the scheme of Standard Webhooks 1.0, which has libraries in most languages.

The receiver takes the secret without `whsec_`, reads it as base64, computes HMAC-SHA-256 over
`<webhook-id>.<webhook-timestamp>.<body>`, and compares with what stands behind `v1,` in `webhook-signature`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Final

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_secret() -> str:
    """A secret that nobody had before."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(secret: str, message: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers that make a body a message of this name, sent at an instant."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    stamp = str(int(at.timestamp()))
    digest = hmac.digest(key, b".".join((message.encode(), stamp.encode(), body)), hashlib.sha256)
    return {
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
