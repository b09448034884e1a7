"""Two people (R68): what an area asks for a second person is not posted, but waits as an intent.

The rule sits here, so that no door can forget it. A command that may be taken is asked about after its own
decision; what waits is the request alone, sealed, and never its effect. Who approves posts it anew, with its
first key, caller and actor, and under the conditions of that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, insert, update

from ledger import tables
from ledger.book.state import Book
from ledger.chart.approvals import ApprovalState
from ledger.database.lookups import Lookup
from ledger.posting.desk import Desk
from ledger.posting.outcomes import Approval, Intent, Waiting
from ledger.refusals import RefusalCode, Refused
from ledger.texts import actor_as_compared

_A = tables.approval.c
# what is read of one that waits or waited
INTENT_COLUMNS = (
    "book_id",
    "number",
    "caller",
    "idempotency_key",
    "request_digest",
    "actor",
    "state",
    "expires_at",
    "decided_by",
)
_INTENTS = Lookup(
    f"SELECT {', '.join(f'a.{name}' for name in INTENT_COLUMNS)} FROM {{given}}"
    " JOIN approval a ON a.book_id = given.book_id",
    [_A[name] for name in INTENT_COLUMNS],
    book_id="big",
)


class AskedFor(NamedTuple):
    """What waits from now on: its row, and the request itself, as it is written down."""

    intent: Intent
    verb: str
    amount_fen: int | None
    plain: bytes


class GivenTo(NamedTuple):
    """What was approved, by whom and through which system, and the entry that it became."""

    book_id: int
    number: int
    seq: int
    by: int
    through: int


def context(book_id: int, number: int) -> bytes:
    """Under what a request that waits is sealed."""
    return f"approval.intent|{book_id}|{number}".encode()


def asks_from(desk: Desk, command: Any, book: Book | None) -> int | None:
    """From how many fen the area asks for a second person for this verb; None where it never does.

    A book that is only opened has nowhere to wait, and needs no second person.
    """
    if book is None:
        return None
    least = desk.asking.get(book.area, {}).get(command.word)
    if least is not None and least > 0:
        fen = getattr(command, "amount_fen", None)
        # most say how much it is, and it is less
        if fen is not None and fen < least:
            return None
    return least


def read_intents(connection: Connection, there: Sequence[tuple[int, Any]], desk: Desk) -> None:
    """What waits, or waited, in the books of commands that may have to wait, or are approved."""
    verbs = desk.asked_verbs
    books = {
        book_id
        for book_id, command in there
        if (command.approval is not None or command.word in verbs)
        and book_id in desk.books
        and (command.approval is not None or asks_from(desk, command, desk.books[book_id]) is not None)
    }
    for book_id in books:
        desk.intents[book_id] = {}
    if books:
        for row in _INTENTS.run(connection, [(book_id,) for book_id in sorted(books)]):
            intent = intent_of(row)
            desk.intents[intent.book_id][intent.number] = intent


def intent_of(row: Sequence[Any] | Row[Any]) -> Intent:
    """One that waits or waited, by its INTENT_COLUMNS."""
    intent = Intent(*row)
    return intent._replace(fingerprint=bytes(intent.fingerprint))


def waited_for(
    desk: Desk, book_id: int, caller: int, key: str | None, fingerprint: bytes | None
) -> Waiting | None:
    """The answer to a request that waits, or waited, under this key; None for a new one.

    Raises Refused: idempotency_key_reused for another content, approval_rejected, approval_expired.
    """
    for intent in desk.intents.get(book_id, {}).values():
        if intent.caller != caller or intent.key != key:
            continue
        if intent.fingerprint != fingerprint:
            raise Refused(RefusalCode.IDEMPOTENCY_KEY_REUSED, at="idempotency_key")
        if intent.state == ApprovalState.REJECTED:
            raise Refused(RefusalCode.APPROVAL_REJECTED)
        if intent.state == ApprovalState.WAITING:
            if intent.expires_at <= desk.now:
                raise Refused(RefusalCode.APPROVAL_EXPIRED)
            return Waiting(book_id, intent.number)
    return None


def check_may_approve(desk: Desk, approval: Approval, asked_by: str, agents: Mapping[str, int]) -> bool:
    """Whether somebody may approve what waits, for which `asked_by` asked; False where they did, and are
    answered as they were.

    Raises Refused: approval_not_found, same_person, approval_decided, approval_expired.
    """
    intent = desk.intents.get(approval.book_id, {}).get(approval.number)
    if intent is None:
        raise Refused(RefusalCode.APPROVAL_NOT_FOUND, at="approval")
    by = agents[approval.by]
    if by == intent.actor or actor_as_compared(approval.by) == actor_as_compared(asked_by):
        raise Refused(RefusalCode.SAME_PERSON)
    if intent.state == ApprovalState.APPROVED and intent.decided_by == by:
        return False
    if intent.state != ApprovalState.WAITING:
        raise Refused(RefusalCode.APPROVAL_DECIDED)
    if intent.expires_at <= desk.now:
        raise Refused(RefusalCode.APPROVAL_EXPIRED)
    return True


def amount_of(command: Any, books: Iterable[Book]) -> int:
    """How much it is about, in fen: what the command says, else what its entry moves."""
    fen = getattr(command, "amount_fen", None)
    if isinstance(fen, int):
        return fen
    return sum(
        moved
        for book in books
        for draft in book.drafts
        if draft.keyed
        for _source, _target, moved, _party in draft.transfers
    )


def next_number(desk: Desk, book_id: int) -> int:
    """The number of the next one that waits in a book."""
    return max(desk.intents.get(book_id, ()), default=0) + 1


def write_approvals(
    connection: Connection, asked: Sequence[AskedFor], given: Sequence[GivenTo], desk: Desk, seal: Any
) -> None:
    """Write down what waits from now on, and which were approved by what was just posted."""
    if asked:
        connection.execute(insert(tables.approval), [_row(one, desk.now, seal) for one in asked])
    for one in given:
        marked = connection.execute(
            update(tables.approval)
            .where(_A.book_id == one.book_id, _A.number == one.number, _A.state == int(ApprovalState.WAITING))
            .values(
                state=int(ApprovalState.APPROVED),
                decided_at=desk.now,
                decided_by=one.by,
                decided_through=one.through,
                entry_seq=one.seq,
            )
        )
        if marked.rowcount != 1:
            raise AssertionError("what is approved waits: its book is locked")


def _row(one: AskedFor, now: datetime, seal: Any) -> dict[str, Any]:
    intent = one.intent
    return {
        "book_id": intent.book_id,
        "number": intent.number,
        "verb": one.verb,
        "amount_fen": one.amount_fen,
        "intent_sealed": seal(one.plain, context(intent.book_id, intent.number)),
        "caller": intent.caller,
        "actor": intent.actor,
        "idempotency_key": intent.key,
        "request_digest": intent.fingerprint,
        "recorded_at": now,
        "expires_at": intent.expires_at,
        "state": intent.state,
    }
