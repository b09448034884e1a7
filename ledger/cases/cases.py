"""Cases as they stand: found by name, by whom they are about, and by when they are due.

A case stands beside the book. What became of it is a row of its own each, so that none is changed: taken,
answered and closed at most once, by their primary keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, false, or_, select

from ledger import tables
from ledger.book.numbers import entry_name
from ledger.cases.subjects import Subject, name_of
from ledger.chart.cases import CaseAbout, CaseKind, CaseOutcome
from ledger.chart.channels import AccessChannel
from ledger.contributions.employer_changes import employer_name_in
from ledger.inquiry.accesses import documents_withheld
from ledger.policy import Policy
from ledger.refusals import RefusalCode, Refused
from ledger.vault import Keyring, is_erased

TEXT_MAX: Final = 4000
"""The longest text of a case or of an answer, in characters."""
REPLY_TO_MAX: Final = 200
"""The longest text that says where the answer goes."""

NAME_BYTES: Final = 10
_match_name = re.compile(f"[0-9a-f]{{{2 * NAME_BYTES}}}").fullmatch
# so that an INSERT too says how many rows it wrote
COUNTING: Final = {"preserve_rowcount": True}
_C, _M, _T = tables.inquiry_case.c, tables.inquiry_case_month.c, tables.inquiry_case_taken.c
_A, _K, _END = (
    tables.inquiry_case_answer.c,
    tables.inquiry_case_correction.c,
    tables.inquiry_case_closing.c,
)
_EMPLOYER = tables.employer.c
_ACTOR, _TAKER, _ANSWERER = (tables.agent.alias(name) for name in ("actor", "taker", "answerer"))


class CaseState(StrEnum):
    """What became of a case."""

    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it stands; texts are sealed. `credit_code` is that of the employer whose book it is about."""

    name: str
    kind: CaseKind
    channel: AccessChannel
    subject: Subject
    credit_code: str | None
    person: bytes | None
    objects_to: str | None
    text_sealed: bytes
    reply_to_sealed: bytes | None
    opened_on: date
    due_on: date
    working_days: int
    by_calendar: bool
    said: int
    opened_at: datetime
    opened_by: str
    opener: int
    taken_at: datetime | None
    taken_by: str | None
    outcome: CaseOutcome | None
    answered_on: date | None
    answered_at: datetime | None
    answered_by: str | None
    answer_sealed: bytes | None
    evidence_sealed: bytes | None
    closed_at: datetime | None

    @property
    def state(self) -> CaseState:
        """What became of it."""
        if self.closed_at is not None:
            return CaseState.CLOSED
        return CaseState.OPEN if self.answered_at is None else CaseState.ANSWERED

    @property
    def about(self) -> str:
        """What callers call that which it is about."""
        return name_of(self.subject, self.credit_code)

    def is_overdue(self, today: date) -> bool:
        """Whether it was answered after its day, or is open after it."""
        return (self.answered_on or today) > self.due_on

    def text(self, keyring: Keyring) -> str | None:
        """What was said; None, as of all else, where its person was erased. Raises KeyringError."""
        return self._opened(keyring, self.text_sealed, "text")

    def reply_to(self, keyring: Keyring) -> str | None:
        """Where the answer goes. Raises KeyringError."""
        return self._opened(keyring, self.reply_to_sealed, "reply_to")

    def answer(self, keyring: Keyring) -> str | None:
        """The answer. Raises KeyringError."""
        return self._opened(keyring, self.answer_sealed, "answer")

    def evidence(self, keyring: Keyring) -> list[str]:
        """What the answer rests on; nothing without one. Raises KeyringError."""
        told = self._opened(keyring, self.evidence_sealed, "evidence")
        found: list[str] = [] if told is None else json.loads(told)
        return found

    def _opened(self, keyring: Keyring, sealed: bytes | None, column: str) -> str | None:
        if sealed is None or is_erased(sealed):
            return None
        return keyring.open(sealed, context(column, self.name))


class Sight(NamedTuple):
    """Whose cases somebody sees: of these books, or opened by one of these; of one channel, or of all.

    `hidden` are documents, by name, of which they may not know yet: nor of what was asked about them.
    """

    books: Collection[int]
    persons: Collection[bytes] = ()
    channel: AccessChannel | None = None
    hidden: Collection[str] = ()

    def condition(self) -> ColumnElement[bool]:
        seen = or_(
            _C.book_id.in_(self.books) if self.books else false(),
            _C.person.in_(self.persons) if self.persons else false(),
        )
        if self.channel is not None:
            seen = and_(seen, _C.channel == int(self.channel))
        if self.hidden:
            seen = and_(seen, or_(_C.document.is_(None), _C.document.not_in(self.hidden)))
        return seen


def hidden_documents(
    connection: Connection, books: Collection[int], policies: Mapping[int, Policy], today: date
) -> frozenset[str]:
    """The documents of these books that stand in cases and of which the person may not know yet."""
    named = select(_C.document).where(_C.book_id.in_(books), _C.document.is_not(None))
    printed = documents_withheld(connection, tables.document.c.name.in_(named), policies, today)
    return frozenset(one.name for one in printed)


class Filter(NamedTuple):
    """Which cases of a list are wanted; None is all."""

    state: CaseState | None = None
    kind: CaseKind | None = None
    overdue: bool | None = None
    taken: bool | None = None


_ALL = select(
    _C.case_id, _C.kind, _C.channel, _C.about, _C.book_id, _C.entry_seq, _C.document, _EMPLOYER.credit_code,
    _C.person, _C.objects_to, _C.text_sealed, _C.reply_to_sealed, _C.opened_on, _C.due_on, _C.working_days,
    _C.by_calendar, _C.said, _C.recorded_at, _ACTOR.c.name, _C.actor, _T.recorded_at, _TAKER.c.name,
    _A.outcome, _A.answered_on, _A.recorded_at, _ANSWERER.c.name, _A.text_sealed, _A.evidence_sealed,
    _END.recorded_at,
).select_from(
    tables.inquiry_case.join(_ACTOR, _ACTOR.c.agent_id == _C.actor)
    .outerjoin(tables.employer, _EMPLOYER.book_id == _C.book_id)
    .outerjoin(tables.inquiry_case_taken, _T.case_id == _C.case_id)
    .outerjoin(_TAKER, _TAKER.c.agent_id == _T.actor)
    .outerjoin(tables.inquiry_case_answer, _A.case_id == _C.case_id)
    .outerjoin(_ANSWERER, _ANSWERER.c.agent_id == _A.actor)
    .outerjoin(tables.inquiry_case_closing, _END.case_id == _C.case_id)
)  # fmt: skip
_IN_STATE: Final[dict[CaseState, ColumnElement[bool]]] = {
    CaseState.OPEN: _A.case_id.is_(None),
    CaseState.ANSWERED: and_(_A.case_id.is_not(None), _END.case_id.is_(None)),
    CaseState.CLOSED: _END.case_id.is_not(None),
}


def context(column: str, name: str) -> bytes:
    """Under what a text of a case is sealed."""
    return f"inquiry_case.{column}|{name}".encode()


def last_said(connection: Connection, content: bytes) -> Case | None:
    """The latest case in which just this was said by the same."""
    query = _ALL.where(_C.content == content).order_by(_C.said.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _case(row)


def find(connection: Connection, name: str, sight: Sight | None = None) -> Case:
    """The case of that name, if it is seen; None sees all. Raises Refused(case_not_found)."""
    row = None
    if _match_name(name) is not None:
        query = _ALL.where(_C.case_id == name)
        row = connection.execute(query if sight is None else query.where(sight.condition())).one_or_none()
    if row is None:
        raise Refused(RefusalCode.CASE_NOT_FOUND, at="case")
    return _case(row)


def cases(
    connection: Connection,
    wanted: Filter,
    today: date,
    *,
    sight: Sight | None = None,
    after: tuple[date, str] | None = None,
    limit: int | None = None,
) -> list[Case]:
    """At most `limit` cases by the day on which they are due, after that one."""
    query = _ALL.where(*_conditions(wanted, today)).order_by(_C.due_on, _C.case_id).limit(limit)
    if sight is not None:
        query = query.where(sight.condition())
    if after is not None:
        due_on, name = after
        query = query.where(or_(_C.due_on > due_on, and_(_C.due_on == due_on, _C.case_id > name)))
    return [_case(row) for row in connection.execute(query)]


def _conditions(wanted: Filter, today: date) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.state is not None:
        found.append(_IN_STATE[wanted.state])
    if wanted.kind is not None:
        found.append(_C.kind == int(wanted.kind))
    if wanted.overdue is not None:
        late = or_(
            and_(_A.case_id.is_(None), _C.due_on < today),
            and_(_A.case_id.is_not(None), _A.answered_on > _C.due_on),
        )
        found.append(late if wanted.overdue else ~late)
    if wanted.taken is not None:
        found.append(_T.case_id.is_not(None) if wanted.taken else _T.case_id.is_(None))
    return found


class MonthThen(NamedTuple):
    """A month as it stood when the case was opened, in fen; nothing assessed: it was not declared."""

    employer: str
    employer_name: str
    period: int
    assessed_fen: int
    paid_fen: int


def months_then(connection: Connection, name: str) -> list[MonthThen]:
    """What was unpaid when a case was opened, oldest first."""
    rows = connection.execute(
        select(_EMPLOYER.credit_code, employer_name_in(_M.period), _M.period, _M.assessed, _M.paid)
        .select_from(tables.inquiry_case_month.join(tables.employer, _EMPLOYER.book_id == _M.unit))
        .where(_M.case_id == name)
        .order_by(_M.period, _EMPLOYER.credit_code)
    )
    return [MonthThen(*row) for row in rows]


def corrections_of(connection: Connection, name: str) -> list[str]:
    """The entries that an answer names as corrections, by their names."""
    rows = connection.execute(select(_K.book_id, _K.entry_seq).where(_K.case_id == name).order_by(_K.place))
    return [entry_name(book_id, seq) for book_id, seq in rows]


def _case(row: Sequence[Any]) -> Case:
    name, kind, channel, about, book_id, seq, document, code, person, objects_to, *rest = row
    text, reply_to, opened_on, due_on, days, by_calendar, said, *became = rest
    opened_at, opened_by, opener, taken_at, taken_by, outcome, *answered = became
    answered_on, answered_at, answered_by, answer, evidence, closed_at = answered
    return Case(
        name,
        CaseKind(kind),
        AccessChannel(channel),
        Subject(CaseAbout(about), book_id, seq, document),
        code,
        None if person is None else bytes(person),
        objects_to,
        bytes(text),
        None if reply_to is None else bytes(reply_to),
        opened_on,
        due_on,
        days,
        by_calendar,
        said,
        opened_at,
        opened_by,
        opener,
        taken_at,
        taken_by,
        None if outcome is None else CaseOutcome(outcome),
        answered_on,
        answered_at,
        answered_by,
        None if answer is None else bytes(answer),
        None if evidence is None else bytes(evidence),
        closed_at,
    )
