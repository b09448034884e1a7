"""The chain: every entry's digest covers the digest before it and its own canonical content.

Format 1 joins the fields with `|`. Numbers and dates cannot hold the separator; free text is written as
its length in characters, a colon and the text, so no two contents share one canonical form. An absent
value is the empty string. The words `1|` at the front are the format's number: formats are only ever
added. docs/ledger.md shows one digest worked out by hand, and SQL can recompute all of it.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from ledger.months import format_day

FORMAT = 1
DIGEST_LENGTH = 32
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# one transfer as the chain sees it: from side, to side, fen, party
TransferLine = tuple[int, int, int, int | None]


def genesis(book_id: int) -> bytes:
    """The digest before the first entry of a book."""
    return sha256(b"book|%d" % book_id).digest()


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z, exact."""
    return (instant - EPOCH) // _MICROSECOND


def _text(value: str | None) -> str:
    return "" if value is None else f"{len(value)}:{value}"


def canonical(
    book_id: int,
    seq: int,
    kind: int,
    period: int | None,
    effective_on: date,
    fact_on: date | None,
    recorded_us: int,
    current_year_after: int,
    carried_over_after: int,
    held_change: int | None,
    reserved_change: int | None,
    target_seq: int | None,
    policy_version: int,
    caller: int,
    actor: int,
    expires_us: int | None,
    idempotency_key: str | None,
    request_digest: bytes | None,
    source_ref: str | None,
    detail: str | None,
    transfers: Sequence[TransferLine],
) -> bytes:
    """The canonical bytes of one entry with its transfers, in format 1."""
    moves = ";".join(
        [f"{a},{b},{fen}," if party is None else f"{a},{b},{fen},{party}" for a, b, fen, party in transfers]
    )
    return (
        f"1|{book_id}|{seq}|{kind}|{'' if period is None else period}|{format_day(effective_on)}"
        f"|{'' if fact_on is None else format_day(fact_on)}"
        f"|{recorded_us}|{current_year_after}|{carried_over_after}"
        f"|{'' if held_change is None else held_change}"
        f"|{'' if reserved_change is None else reserved_change}"
        f"|{'' if target_seq is None else target_seq}|{policy_version}|{caller}|{actor}"
        f"|{'' if expires_us is None else expires_us}|{_text(idempotency_key)}"
        f"|{'' if request_digest is None else request_digest.hex()}"
        f"|{_text(source_ref)}|{_text(detail)}|{moves}"
    ).encode()


def digest(previous: bytes, content: bytes) -> bytes:
    """The entry's digest: SHA-256 over the previous digest and the canonical bytes."""
    return sha256(previous + content).digest()
