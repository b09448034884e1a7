"""Transfers as they stand, for whoever watches them: with their age, and by when they are due (R51)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, select, tuple_

from ledger import tables
from ledger.accounts.leaving import TransferCase
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.transfers import UNDER_WAY, Direction, TransferStatus
from ledger.policy import Policy
from ledger.refusals import RefusalCode, Refused

# whose money is to move by a day
_DUE: Final = frozenset({TransferStatus.REQUESTED, TransferStatus.ANNOUNCED})
_C, _E, _B, _A = tables.transfer_case.c, tables.entry.c, tables.book.c, tables.assessment.c


class TransferView(NamedTuple):
    """A transfer, and what its entry says; `due_on` is when the money is to be sent, or credited."""

    book_id: int
    seq: int
    case: TransferCase
    asked: dict[str, Any]
    due_on: date | None
    age_days: int
    overdue: bool

    @property
    def direction(self) -> Direction:
        return Direction(self.case.direction)

    @property
    def status(self) -> TransferStatus:
        return TransferStatus(self.case.status)


def _select() -> Select[Any]:
    return (
        select(_C.book_id, _C.seq, _B.area, _E.detail, *(_C[name] for name in TransferCase._fields))
        .join_from(tables.transfer_case, tables.book, _B.book_id == _C.book_id)
        .join(tables.entry, (_E.book_id == _C.book_id) & (_E.seq == _C.seq))
    )


def _view(row: Sequence[Any], policies: Mapping[int, Policy], today: date) -> TransferView:
    book_id, seq, area, detail, *values = row
    case = TransferCase._make(values)
    status = TransferStatus(case.status)
    # money on its way is as old as its sending, all else as the asking
    since = case.moved_on if status is TransferStatus.SENT and case.moved_on else case.asked_on
    until = today if status in UNDER_WAY else case.ended_on or today
    policy = policies.get(area)
    due_on = None if policy is None else due_day(policy, case)
    overdue = due_on is not None and today > due_on
    return TransferView(book_id, seq, case, unpack(detail), due_on, (until - since).days, overdue)


def due_day(policy: Policy, case: TransferCase) -> date | None:
    """By when the money is to be sent, or credited, in working days of the area; None once it has moved."""
    if case.status not in _DUE:
        return None
    rules, asked_on = policy.transfers, case.asked_on
    days = rules.out_days_on(asked_on) if case.direction == Direction.OUT else rules.in_days_on(asked_on)
    return policy.calendar.working_day_after(asked_on, days)


def transfer(
    connection: Connection, book_id: int, seq: int, policies: Mapping[int, Policy], today: date
) -> TransferView:
    """One transfer. Raises Refused(transfer_not_found)."""
    row = connection.execute(_select().where(_C.book_id == book_id, _C.seq == seq)).one_or_none()
    if row is None:
        raise Refused(RefusalCode.TRANSFER_NOT_FOUND, at="target_seq")
    return _view(row, policies, today)


def transfers(
    connection: Connection,
    status: TransferStatus | None,
    after: tuple[int, int] | None,
    limit: int,
    policies: Mapping[int, Policy],
    today: date,
    *,
    overdue: bool | None = None,
) -> list[TransferView]:
    """At most `limit` transfers at a step, or at any, by account and number, after those of the last page.

    With `overdue` only those whose day is over, or only the others. Which day that is the calendar says.
    """
    query = _select().order_by(_C.book_id, _C.seq).limit(limit)
    if status is not None:
        query = query.where(_C.status == int(status))
    if overdue:
        query = query.where(_C.status.in_([int(one) for one in _DUE]))
    found: list[TransferView] = []
    while len(found) < limit:
        following = query if after is None else query.where(tuple_(_C.book_id, _C.seq) > tuple_(*after))
        page = [_view(row, policies, today) for row in connection.execute(following)]
        found += [one for one in page if overdue is None or one.overdue is overdue]
        if len(page) < limit:
            break
        after = page[-1].book_id, page[-1].seq
    return found[:limit]


class InformationSheet(NamedTuple):
    """What the other agency is told: of the money, as its entry has it, and the months that were paid."""

    person_id: int
    money: dict[str, Any]
    months: list[int]


def sheet(connection: Connection, book_id: int, seq: int) -> InformationSheet:
    """The information sheet of a transfer out whose money was sent. Raises Refused(transfer_state)."""
    rows = connection.execute(
        select(_E.detail)
        .where(_E.book_id == book_id, _E.seq > seq, _E.kind == int(Kind.TRANSFER_OUT))
        .order_by(_E.seq)
    )
    money = next(
        (told for (detail,) in rows if (told := unpack(detail))["transfer"] == seq and "amount" in told), None
    )
    if money is None:
        raise Refused(RefusalCode.TRANSFER_STATE)
    months = connection.scalars(
        select(_A.period).where(_A.account_id == book_id, _A.employee_paid > 0).distinct().order_by(_A.period)
    )
    credited = connection.scalars(
        select(_E.period)
        .where(
            _E.book_id == book_id,
            _E.kind.in_([int(Kind.CONTRIBUTION), int(Kind.RETIREE_CREDIT)]),
            _E.period.is_not(None),
            _E.seq < _sent_seq(book_id, seq),
        )
        .distinct()
    )
    person_id = connection.scalar(select(_B.person_id).where(_B.book_id == book_id))
    paid = {*months, *(one for one in credited if one is not None)}
    return InformationSheet(person_id or 0, money, sorted(paid))


def _sent_seq(book_id: int, seq: int) -> Any:
    return (
        select(_E.seq)
        .where(_E.book_id == book_id, _E.seq > seq, _E.kind == int(Kind.TRANSFER_OUT))
        .order_by(_E.seq)
        .limit(1)
        .scalar_subquery()
    )


def direction_of(connection: Connection, book_id: int, seq: int) -> Direction:
    """Which way a transfer goes. Raises Refused(transfer_not_found)."""
    found = connection.scalar(select(_C.direction).where(_C.book_id == book_id, _C.seq == seq))
    if found is None:
        raise Refused(RefusalCode.TRANSFER_NOT_FOUND, at="target_seq")
    return Direction(found)
