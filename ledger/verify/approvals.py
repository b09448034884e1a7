"""Two people (R68): what was approved is posted by two, and what asks for two was approved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, and_, func, or_, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.numbers import approval_name
from ledger.chart.approvals import ApprovalState
from ledger.chart.kinds import Kind
from ledger.clock import day_of
from ledger.policy.approvals import ASKABLE, ApprovalsPolicy
from ledger.verify.books import stored_policy
from ledger.verify.finding import UNREADABLE, Finding, line_name
from ledger.verify.streams import streamed

_A, _E, _T = tables.approval.c, tables.entry.c, tables.transfer.c
_WORDS: Final = {kind.word: kind for kind in Kind}
# the kind of the entry that carries the key, where it is not called as the verb is
_CALLED_OTHERWISE: Final[Mapping[str, Kind]] = {}
KIND_OF: Final[Mapping[str, Kind]] = {
    verb: kind for verb in ASKABLE if (kind := _CALLED_OTHERWISE.get(verb) or _WORDS.get(verb)) is not None
}
"""The kind of the entry that each verb makes for which an area may ask for a second person."""
_VERB_OF: Final = {
    **{int(kind): verb for verb, kind in KIND_OF.items()},
    # who else has a number of whom
    int(Kind.SEPARATION): "id_number",
}
# what puts all of its amount into the pockets: it is never more than they have after it
_CREDITS: Final = int(Kind.CONTRIBUTION)


def approvals_are_of_two(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """What was approved stands in the book as it was asked for, with both names."""
    rows = streamed(
        connection,
        select(
            _A.book_id, _A.number, _A.verb, _A.state, _A.actor, _A.decided_by, _A.entry_seq,
            _E.kind, _E.detail,
            and_(
                _E.caller == _A.caller,
                _E.actor == _A.actor,
                _E.idempotency_key == _A.idempotency_key,
                _E.request_digest == _A.request_digest,
            ).label("is_the_same"),
        )
        .select_from(
            tables.approval.outerjoin(
                tables.entry, (_E.book_id == _A.book_id) & (_E.seq == _A.entry_seq)
            )
        )
        .where(_A.book_id.between(first, last))
        .order_by(_A.book_id, _A.number),
    )  # fmt: skip
    for row in rows:
        wrong = _fault(row)
        if wrong is not None:
            yield Finding("approval_wrong", approval_name(row.book_id, row.number), wrong)


def _fault(row: Any) -> str | None:
    if row.decided_by is not None and row.decided_by == row.actor:
        return "it was decided by who asked for it"
    if row.state != ApprovalState.APPROVED:
        return None
    if row.kind is None:
        return "the entry that it became is not there"
    is_of_verb = row.verb not in KIND_OF or _VERB_OF.get(row.kind) == row.verb
    if not (row.is_the_same and is_of_verb):
        return "the entry that it became is another one than was asked for"
    try:
        named = unpack(row.detail).get("approved_by")
    except UNREADABLE:
        named = None
    return None if named == row.decided_by else "the entry that it became does not name who approved it"


def what_asks_for_two_was_approved(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """An entry has a second person, other than its actor, where its policy asks for one; or none alone."""
    asking = _asking(connection)
    least = min((fen for policy in asking.values() for fen in _amounts(policy, "contribution")), default=None)
    moved = (
        select(func.coalesce(func.sum(_T.amount_fen), 0))
        .where(_T.book_id == _E.book_id, _T.seq == _E.seq)
        .scalar_subquery()
    )
    large = _E.kind != _CREDITS
    if least is not None:
        large = or_(large, _E.current_year_after + _E.carried_over_after >= least)
    rows = streamed(
        connection,
        select(
            _E.book_id, _E.seq, _E.kind, _E.actor, _E.recorded_at, _E.policy_version, _E.detail,
            moved.label("fen"), _A.number,
        )
        .select_from(
            tables.entry.outerjoin(tables.approval, (_A.book_id == _E.book_id) & (_A.entry_seq == _E.seq))
        )
        .where(
            _E.book_id.between(first, last),
            _E.kind.in_(sorted(_VERB_OF)),
            _E.idempotency_key.is_not(None),
            or_(large, _E.detail.like('%"approved_by":%')),
        )
        .order_by(_E.book_id, _E.seq),
    )  # fmt: skip
    for row in rows:
        wrong = _not_approved(row, asking.get(row.policy_version))
        if wrong is not None:
            yield Finding("not_approved", line_name(row.book_id, row.seq), wrong)


def _not_approved(row: Any, policy: ApprovalsPolicy | None) -> str | None:
    try:
        second = unpack(row.detail).get("approved_by")
    except UNREADABLE:
        second = None
    if second is not None:
        if second == row.actor:
            return "who asked for it approved it"
        return None if row.number is not None else "it names who approved it, and nothing was approved"
    least = None if policy is None else policy.asking_on(day_of(row.recorded_at)).get(_VERB_OF[row.kind])
    if least is not None and row.fen >= least:
        return "its policy asks for a second person, and there is none"
    return None


def _asking(connection: Connection) -> dict[int, ApprovalsPolicy]:
    """What each stored version of a policy says of two people."""
    table = tables.policy.c
    found: dict[int, ApprovalsPolicy] = {}
    for version, stored_hash, content in connection.execute(select(table.version, table.hash, table.content)):
        policy = stored_policy(stored_hash, content)
        if policy is not None:
            found[version] = policy.approvals
    return found


def _amounts(policy: ApprovalsPolicy, verb: str) -> list[int]:
    return [line.value for line in policy.verbs[verb].lines if line.value is not None]
