"""What waits for a second person, as it stands: found by name, and listed by when its time is over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from ledger import tables
from ledger.book.numbers import approval_name, parse_approval_name
from ledger.chart.approvals import ApprovalState
from ledger.people.person_keys import with_keys_of_now
from ledger.posting import Approval, Command
from ledger.posting.approvals import context
from ledger.posting.intents import as_written, bytes_in, read_act, read_command, with_bytes
from ledger.refusals import RefusalCode, Refused
from ledger.vault import Keyring

_A = tables.approval.c
_ASKER, _CALLER, _DECIDER = (tables.agent.alias(name) for name in ("asker", "asking", "decider"))


class ApprovalWord(StrEnum):
    """What became of it; that its time is over is told by the clock."""

    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class WaitingAct(NamedTuple):
    """What somebody asked for, and what became of it. The request itself is sealed."""

    book_id: int
    number: int
    verb: str
    amount_fen: int | None
    asked_at: datetime
    expires_at: datetime
    asked_by: str
    asked_through: str
    state: ApprovalState
    decided_at: datetime | None
    decided_by: str | None
    entry_seq: int | None
    reason: str | None
    sealed: bytes

    @property
    def name(self) -> str:
        """What callers name it by."""
        return approval_name(self.book_id, self.number)

    def word(self, now: datetime) -> ApprovalWord:
        """What became of it, at an instant."""
        if self.state is ApprovalState.WAITING:
            return ApprovalWord.WAITING if now < self.expires_at else ApprovalWord.EXPIRED
        return ApprovalWord.APPROVED if self.state is ApprovalState.APPROVED else ApprovalWord.REJECTED


_ALL = select(
    _A.book_id, _A.number, _A.verb, _A.amount_fen, _A.recorded_at, _A.expires_at, _ASKER.c.name,
    _CALLER.c.name, _A.state, _A.decided_at, _DECIDER.c.name, _A.entry_seq, _A.reason,
    _A.intent_sealed,
).select_from(
    tables.approval.join(_ASKER, _ASKER.c.agent_id == _A.actor)
    .join(_CALLER, _CALLER.c.agent_id == _A.caller)
    .outerjoin(_DECIDER, _DECIDER.c.agent_id == _A.decided_by)
)  # fmt: skip


def _act(row: Any) -> WaitingAct:
    book_id, number, verb, amount, asked_at, expires_at, asker, caller, state, *rest = row
    return WaitingAct(
        book_id, number, verb, amount, asked_at, expires_at, asker, caller, ApprovalState(state), *rest
    )


def find(connection: Connection, name: str) -> WaitingAct:
    """What waits, or waited, under that name. Raises Refused(approval_not_found)."""
    place = parse_approval_name(name)
    row = None
    if place is not None:
        query = _ALL.where(_A.book_id == place[0], _A.number == place[1])
        row = connection.execute(query).one_or_none()
    if row is None:
        raise Refused(RefusalCode.APPROVAL_NOT_FOUND, at="approval")
    return _act(row)


def acts(
    connection: Connection,
    word: ApprovalWord | None,
    now: datetime,
    *,
    after: tuple[datetime, int, int] | None = None,
    limit: int,
) -> list[WaitingAct]:
    """At most `limit` of one state, or of all, by when their time is over, after that one."""
    query = _ALL.order_by(_A.expires_at, _A.book_id, _A.number).limit(limit)
    if word is not None:
        query = query.where(*_is(word, now))
    if after is not None:
        at, book_id, number = after
        query = query.where(
            or_(
                _A.expires_at > at,
                and_(_A.expires_at == at, _A.book_id > book_id),
                and_(_A.expires_at == at, _A.book_id == book_id, _A.number > number),
            )
        )
    return [_act(row) for row in connection.execute(query)]


def _is(word: ApprovalWord, now: datetime) -> Sequence[ColumnElement[bool]]:
    if word is ApprovalWord.WAITING:
        return (_A.state == int(ApprovalState.WAITING), _A.expires_at > now)
    if word is ApprovalWord.EXPIRED:
        return (_A.state == int(ApprovalState.WAITING), _A.expires_at <= now)
    state = ApprovalState.APPROVED if word is ApprovalWord.APPROVED else ApprovalState.REJECTED
    return (_A.state == int(state),)


def opened(
    connection: Connection, keyring: Keyring, act: WaitingAct, by: tuple[str, str] | None = None
) -> Command:
    """The request that waits, as the command that it was. Raises KeyringError.

    It is about the book in which it waits, whatever its holder is found by today, and opens by the keys of
    people as they are today. `by` is the actor and the caller of a second person who approves it.
    """
    plain = _plain(keyring, act)
    keyed = with_keys_of_now(connection, bytes_in(json.loads(plain)))
    if keyed:
        plain = as_written(with_bytes(json.loads(plain), lambda value: keyed.get(value, value)))
    command = read_command(plain)
    command.book = act.book_id
    if by is not None:
        command.approval = Approval(act.book_id, act.number, *by)
    return command


def what_is_done(keyring: Keyring, act: WaitingAct) -> str:
    """The word of what is done: a policy's verb may cover more than one act. Raises KeyringError."""
    return read_act(_plain(keyring, act))


def _plain(keyring: Keyring, act: WaitingAct) -> bytes:
    return keyring.open_bytes(bytes(act.sealed), context(act.book_id, act.number))
