"""The chain's canonical bytes and digests (ledger/book/chain.py, format 1) as PostgreSQL expressions.

The bench writes whole ledgers by INSERT … SELECT, as its limit and to have something large to measure on.
`verify` recomputes every digest in Python afterwards, so a slip here shows.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class EntrySql:
    """One entry's fields, each an SQL expression. What is missing here is absent in the entry."""

    book_id: str
    seq: str
    kind: str
    period: str
    effective_on: str
    recorded_at: str
    current_year_after: str
    carried_over_after: str
    policy_version: str
    caller: str
    actor: str
    idempotency_key: str
    request_digest: str
    source_ref: str
    detail: str
    # `from,to,fen,party` of the one transfer
    moves: str


def recorded_us(recorded_at: str) -> str:
    """Microseconds since 1970, exact: numeric, not a float."""
    return f"(EXTRACT(EPOCH FROM {recorded_at}) * 1000000)::bigint"


def text(value: str) -> str:
    """Free text: its length, a colon and the text; nothing at all for NULL, which makes the whole NULL."""
    return f"(length({value}) || ':' || {value})"


def canonical(entry: EntrySql) -> str:
    """The canonical bytes. `concat` takes NULL as nothing, which is just what an absent field is."""
    fields = (
        entry.book_id, entry.seq, entry.kind, entry.period, entry.effective_on, "NULL",
        recorded_us(entry.recorded_at), entry.current_year_after, entry.carried_over_after, "NULL", "NULL",
        "NULL", entry.policy_version, entry.caller, entry.actor, "NULL", text(entry.idempotency_key),
        f"encode({entry.request_digest}, 'hex')", text(entry.source_ref), text(entry.detail), entry.moves,
    )  # fmt: skip
    separated = ", '|', ".join(fields)
    return f"convert_to(concat('1|', {separated}), 'UTF8')"


def digest(previous: str, entry: EntrySql) -> str:
    return f"sha256({previous} || {canonical(entry)})"


def genesis(book_id: str) -> str:
    return f"sha256(convert_to('book|' || {book_id}, 'UTF8'))"


def fingerprint(verb: str, book_id: str, content: str) -> str:
    """The eight bytes by which a repeated request is known (Command.fingerprint)."""
    return f"substring(sha256(convert_to(concat('{verb}|', {book_id}, '|', {content}), 'UTF8')) FOR 8)"
