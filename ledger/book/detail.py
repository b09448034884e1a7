"""The `detail` of an entry: the rare facts of its kind as canonical JSON, so that the chain covers them.

Keys are sorted, nothing is escaped that need not be, amounts are integer fen. No personal data: people
stand here by their person number.
"""

import json
from typing import Any

# made once: making an encoder costs as much as its work
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def pack(**facts: Any) -> str:
    """The canonical text of some facts."""
    return _encode(facts)


def unpack(detail: str | None) -> dict[str, Any]:
    """The facts of an entry; none for an entry without detail."""
    return json.loads(detail) if detail else {}
