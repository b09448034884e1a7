"""How an event looks to others. Nothing of a person stands in it but the account number."""

from __future__ import annotations

from typing import Any

from ledger.book.numbers import account_no, entry_name
from ledger.events.feed import Event


def event_name(position: int) -> str:
    """The name of an event, which never changes and is no other's: whoever gets it twice knows it by that."""
    return f"E{position}"


def as_told(event: Event) -> dict[str, Any]:
    """An event in the words of the API and of webhooks."""
    return {
        "event": event_name(event.position),
        "kind": event.kind.word,
        "account_no": account_no(event.book_id),
        "entry": None if event.seq is None else entry_name(event.book_id, event.seq),
        "at": event.at.isoformat().replace("+00:00", "Z"),
    }
