"""What was asked for before: a request that is sent again gets its first answer."""

from __future__ import annotations

from ledger.book.detail import unpack
from ledger.posting.command import Command
from ledger.posting.desk import Desk
from ledger.posting.outcomes import Posted
from ledger.refusals import RefusalCode, Refused


def answered_by_key(
    desk: Desk, command: Command, book_id: int, fingerprint: bytes | None, *, approved: bool
) -> Posted | None:
    """The first answer to a request that is sent again; None for one that is new.

    Raises Refused: idempotency_key_reused for another content, approval_decided.
    """
    before = desk.keys.get((book_id, command.caller, command.key or ""))
    if before is not None:
        if before.fingerprint != fingerprint:
            raise Refused(RefusalCode.IDEMPOTENCY_KEY_REUSED, at="idempotency_key")
        if approved:
            # it was posted without a second person, when the area asked for none
            raise Refused(RefusalCode.APPROVAL_DECIDED)
        return Posted(before.posted.receipt, before.posted.others, replayed=True)
    if desk.came_from and book_id in desk.came_from:
        told = _answered_before_the_merge(desk, command, book_id)
        if told is not None:
            return told
    if command.booked_once and desk.reversed_once:
        gone = desk.reversed_once.get((book_id, command.source_kind, command.source_ref, fingerprint))
        if gone is not None:
            return Posted(gone, replayed=True)
    return None


def _answered_before_the_merge(desk: Desk, command: Command, book_id: int) -> Posted | None:
    """The answer that a request got in an account which has gone into this one since.

    Raises Refused for the same key with other content, and for a document that was booked there.
    """
    for before in desk.came_from[book_id]:
        found = desk.keys.get((before, command.caller, command.key or ""))
        if found is not None:
            if found.fingerprint != command.fingerprint(before):
                raise Refused(RefusalCode.IDEMPOTENCY_KEY_REUSED, at="idempotency_key")
            return Posted(found.posted.receipt, found.posted.others, replayed=True)
        if (before, int(command.source_kind or 0), command.source_ref or "") in desk.sources:
            raise Refused(RefusalCode.DUPLICATE_SOURCE_REF, at="source_ref")
    return None


def answered_by_document(
    desk: Desk, command: Command, book_id: int, fingerprint: bytes | None
) -> Posted | None:
    """The first answer to a document that is its own key, whoever sends it again; None when it is new.

    Raises Refused: msgid_conflict for another content, message_corrected when its sender took it back.
    """
    if command.source_kind is None or command.source_ref is None:
        return None
    first = desk.sourced.get((book_id, int(command.source_kind), command.source_ref))
    if first is None:
        return None
    if first.fingerprint != fingerprint:
        raise Refused(RefusalCode.MSGID_CONFLICT, at="source_ref")
    acting = desk.acting.get((book_id, first.receipt.seq))
    if acting is not None and unpack(acting.detail).get("corrected"):
        raise Refused(RefusalCode.MESSAGE_CORRECTED, at="source_ref")
    return Posted(first.receipt, replayed=True)
