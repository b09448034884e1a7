"""Bytes that are handed out and given back as they were: cursors and quotes. Each has one spelling."""

from __future__ import annotations

import base64


def handed_out(content: bytes) -> str:
    """As it stands in an answer, fit for a query."""
    return base64.urlsafe_b64encode(content).decode()


def given_back(text: str) -> bytes:
    """What `handed_out` wrote. Raises ValueError for whatever it never writes."""
    content = base64.urlsafe_b64decode(text)
    # the decoder skips what it does not know, takes the signs of both alphabets, and drops loose bits
    if handed_out(content) != text:
        raise ValueError("another spelling")
    return content
