"""Written requests of other agencies: asked with purpose and legal basis, reviewed, answered once (R63).

A request stands beside the book. What became of it is a row of its own each, so that none is changed: one
decision and one answer at most, by their primary keys; no decision by who asked, and no answer without an
approval, by the checks of the tables.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select

from ledger import tables
from ledger.chart.channels import FieldGroup
from ledger.database.lookups import insert_or_leave
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest
from ledger.posting.agents import agent_ids
from ledger.refusals import RefusalCode, Refused
from ledger.tables.agency import AGENCY_PERSONS_MAX
from ledger.texts import actor_as_compared
from ledger.vault import Keyring, is_erased

PERSONS_MAX: Final = AGENCY_PERSONS_MAX
LEGAL_BASIS_MAX: Final = 160
"""The longest legal basis, in characters: with the name of its request it is a reference of the read log."""

_NAME_BYTES: Final = 10
# so that an INSERT too says how many rows it wrote
_COUNTING: Final = {"preserve_rowcount": True}
_SEALED: Final = b"agency_request_person.number|"
_R, _P = tables.agency_request.c, tables.agency_request_person.c
_D, _W = tables.agency_decision.c, tables.agency_answer.c
_CALLER, _ACTOR, _DECIDER = (tables.agent.alias(name) for name in ("caller", "actor", "decider"))


class RequestState(StrEnum):
    """What became of a request."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    ANSWERED = "answered"


class AskedPerson(NamedTuple):
    """A person of a request: its place from 1 on, what the number is found by, and the number sealed."""

    place: int
    digest: bytes
    number_sealed: bytes


@dataclass(frozen=True, slots=True)
class AgencyRequest:
    """A request of another agency as it stands. `caller` and `actor` asked; `persons` is how many."""

    name: str
    agency: str
    purpose: str
    legal_basis: str
    fields: FieldGroup
    persons: int
    asked_at: datetime
    caller: str
    actor: str
    approved: bool | None
    reason: str | None
    decided_at: datetime | None
    decided_by: str | None
    answered_at: datetime | None

    @property
    def state(self) -> RequestState:
        """What became of it."""
        if self.answered_at is not None:
            return RequestState.ANSWERED
        if self.approved is None:
            return RequestState.OPEN
        return RequestState.APPROVED if self.approved else RequestState.REJECTED

    @property
    def ref(self) -> str:
        """What the read log names as the reference of its answer."""
        return f"{self.name} {self.legal_basis}"


_NO_ANSWER: Final = {
    RequestState.OPEN: RefusalCode.AGENCY_REQUEST_UNDECIDED,
    RequestState.REJECTED: RefusalCode.AGENCY_REQUEST_REJECTED,
    RequestState.ANSWERED: RefusalCode.AGENCY_REQUEST_ANSWERED,
}
_COUNTED = (
    select(func.count())
    .where(_P.request_id == _R.request_id)
    .correlate(tables.agency_request)
    .scalar_subquery()
)
_ALL = select(
    _R.request_id,
    _R.agency,
    _R.purpose,
    _R.legal_basis,
    _R.fields,
    _COUNTED,
    _R.asked_at,
    _CALLER.c.name,
    _ACTOR.c.name,
    _D.approved,
    _D.reason,
    _D.decided_at,
    _DECIDER.c.name,
    _W.answered_at,
).select_from(
    tables.agency_request.join(_CALLER, _CALLER.c.agent_id == _R.caller)
    .join(_ACTOR, _ACTOR.c.agent_id == _R.actor)
    .outerjoin(tables.agency_decision, _D.request_id == _R.request_id)
    .outerjoin(_DECIDER, _DECIDER.c.agent_id == _D.actor)
    .outerjoin(tables.agency_answer, _W.request_id == _R.request_id)
)
_IN_STATE: Final[dict[RequestState, ColumnElement[bool]]] = {
    RequestState.OPEN: _D.request_id.is_(None),
    RequestState.APPROVED: and_(_D.approved, _W.request_id.is_(None)),
    RequestState.REJECTED: ~_D.approved,
    RequestState.ANSWERED: _W.request_id.is_not(None),
}


# -- asking ------------------------------------------------------------------------------------------------


def digests_of(numbers: Sequence[str], keyring: Keyring, today: date) -> list[tuple[str, bytes]]:
    """The persons of a request: each number in its 18 characters, and what it is found by.

    Raises the id_* refusals, and Refused(duplicate_line) for a person who stands there twice; both say where.
    """
    found: dict[bytes, str] = {}
    for place, text in enumerate(numbers):
        try:
            parsed = parse_id_number(text, today)
        except Refused as refused:
            refused.at = f"persons/{place}"
            raise
        digest = number_digest(parsed, keyring)
        if digest in found:
            raise Refused(RefusalCode.DUPLICATE_LINE, at=f"persons/{place}")
        found[digest] = parsed.number
    return [(number, digest) for digest, number in found.items()]


def ask(
    connection: Connection,
    keyring: Keyring,
    persons: Sequence[tuple[str, bytes]],
    *,
    agency: str,
    purpose: str,
    legal_basis: str,
    fields: FieldGroup,
    caller: str,
    actor: str,
    now: datetime,
) -> str:
    """Write a request down; its name. `persons` are those of `digests_of`. Outside a transaction."""
    agents = agent_ids(connection, (caller, actor), now)
    name = secrets.token_hex(_NAME_BYTES)
    with connection.begin():
        connection.execute(
            insert(tables.agency_request),
            {
                "request_id": name,
                "agency": agency,
                "purpose": purpose,
                "legal_basis": legal_basis,
                "fields": int(fields),
                "asked_at": now,
                "caller": agents[caller],
                "actor": agents[actor],
            },
        )
        connection.execute(
            insert(tables.agency_request_person),
            [
                {
                    "request_id": name,
                    "place": place,
                    "person": digest,
                    "number_sealed": keyring.seal(number, context(name, place)),
                }
                for place, (number, digest) in enumerate(persons, start=1)
            ],
        )
    return name


def open_asked(person: AskedPerson, name: str, keyring: Keyring) -> str | None:
    """The ID number of a person of a request; None where the person was erased. Raises KeyringError.

    Whoever shows it decides about masks.
    """
    if is_erased(person.number_sealed):
        return None
    return keyring.open(person.number_sealed, context(name, person.place))


def context(name: str, place: int) -> bytes:
    """Under what the ID number of a person of a request is sealed."""
    return _SEALED + f"{name}|{place}".encode()


# -- looking -----------------------------------------------------------------------------------------------


def find(connection: Connection, name: str) -> AgencyRequest:
    """The request of that name. Raises Refused(agency_request_not_found)."""
    row = None
    if _may_be_name(name):
        row = connection.execute(_ALL.where(_R.request_id == name)).one_or_none()
    if row is None:
        raise Refused(RefusalCode.AGENCY_REQUEST_NOT_FOUND, at="target_seq")
    return _request(row)


def _may_be_name(text: str) -> bool:
    # PostgreSQL takes no text with a zero in it
    return len(text) == 2 * _NAME_BYTES and text.isascii() and text.isalnum()


def persons_of(connection: Connection, name: str) -> list[AskedPerson]:
    """The persons of a request, in their order."""
    rows = connection.execute(
        select(_P.place, _P.person, _P.number_sealed).where(_P.request_id == name).order_by(_P.place)
    )
    return [AskedPerson(place, bytes(digest), bytes(sealed)) for place, digest, sealed in rows]


def requests(
    connection: Connection, state: RequestState | None, after: tuple[datetime, str] | None, limit: int
) -> list[AgencyRequest]:
    """At most `limit` requests in a state, in the order in which they were asked, after that one."""
    query = _ALL.order_by(_R.asked_at, _R.request_id).limit(limit)
    if state is not None:
        query = query.where(_IN_STATE[state])
    if after is not None:
        at, name = after
        query = query.where(or_(_R.asked_at > at, and_(_R.asked_at == at, _R.request_id > name)))
    return [_request(row) for row in connection.execute(query)]


def _request(row: Any) -> AgencyRequest:
    name, agency, purpose, legal_basis, fields, *rest = row
    return AgencyRequest(name, agency, purpose, legal_basis, FieldGroup(fields), *rest)


# -- deciding and answering ----------------------------------------------------------------------------------


def decide(
    connection: Connection, name: str, *, approved: bool, reason: str, caller: str, actor: str, now: datetime
) -> AgencyRequest:
    """Grant or reject a request, once; the request as it then stands. Outside a transaction.

    Raises Refused: agency_request_not_found; decider_asked, whatever system the person acts through;
    agency_request_decided.
    """
    agents = agent_ids(connection, (caller, actor), now)
    with connection.begin():
        found = find(connection, name)
        if actor_as_compared(found.actor) == actor_as_compared(actor):
            raise Refused(RefusalCode.DECIDER_ASKED)
        asked_by = connection.scalar(select(_R.actor).where(_R.request_id == name))
        written = connection.execute(
            insert_or_leave(connection, tables.agency_decision),
            {
                "request_id": name,
                "asked_by": asked_by,
                "approved": approved,
                "reason": reason,
                "decided_at": now,
                "caller": agents[caller],
                "actor": agents[actor],
            },
            execution_options=_COUNTING,
        )
        if written.rowcount != 1:
            raise Refused(RefusalCode.AGENCY_REQUEST_DECIDED)
        return find(connection, name)


def to_answer(connection: Connection, name: str, caller: str, actor: str) -> AgencyRequest:
    """The request that is answered to who asked it.

    Raises Refused: agency_request_not_found also for somebody else's, then agency_request_undecided,
    agency_request_rejected or agency_request_answered.
    """
    found = find(connection, name)
    if (found.caller, found.actor) != (caller, actor):
        raise Refused(RefusalCode.AGENCY_REQUEST_NOT_FOUND, at="target_seq")
    if (refusal := _NO_ANSWER.get(found.state)) is not None:
        raise Refused(refusal)
    return found


def spend(connection: Connection, name: str, *, caller: str, actor: str, now: datetime) -> None:
    """Use up the one answer of a granted request: of two at one moment one does. Outside a transaction.

    Raises Refused(agency_request_answered).
    """
    agents = agent_ids(connection, (caller, actor), now)
    with connection.begin():
        written = connection.execute(
            insert_or_leave(connection, tables.agency_answer),
            {
                "request_id": name,
                "approved": True,
                "answered_at": now,
                "caller": agents[caller],
                "actor": agents[actor],
            },
            execution_options=_COUNTING,
        )
        if written.rowcount != 1:
            raise Refused(RefusalCode.AGENCY_REQUEST_ANSWERED)
