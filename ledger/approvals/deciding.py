"""Who may decide what waits for a second person, and the no. The yes is a posting: it goes through there."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, or_, select, update

from ledger import tables
from ledger.approvals.waiting import ApprovalWord, WaitingAct, find
from ledger.book.detail import unpack
from ledger.book.numbers import parse_entry_name
from ledger.chart.approvals import ApprovalState
from ledger.chart.kinds import Kind
from ledger.estates.case import EstateCase, read_cases
from ledger.inquiry.asking import Clerk
from ledger.inquiry.watched import numbers_of_staff
from ledger.posting import Command
from ledger.posting.agents import agent_ids
from ledger.posting.book_reads import lock_books
from ledger.refusals import RefusalCode, Refused
from ledger.texts import actor_as_compared

_A, _B, _E = tables.approval.c, tables.book.c, tables.entry.c
_I, _Q = tables.identity.c, tables.quota.c


def check_second_person(
    connection: Connection, act: WaitingAct, command: Command, actor: str, person: bytes | None = None
) -> None:
    """Raise Refused(same_person) for who asked, under whatever name, and for whom it is about.

    That is the holder of the account, whoever else the request names, and a relative on record: by mutual aid
    or by an estate. Members of staff are known by their registered ID numbers, `person` is what a token is
    bound to.
    """
    if actor_as_compared(actor) == actor_as_compared(act.asked_by):
        raise Refused(RefusalCode.SAME_PERSON)
    numbers = numbers_of_staff(connection, actor)
    if person is not None:
        numbers.add(person)
    if not numbers:
        return
    people = _people(connection, numbers)
    asker = numbers_of_staff(connection, act.asked_by)
    named = {stake.digest for stake in command.persons}
    named.update(ref for ref in command.others if isinstance(ref, bytes))
    if numbers & (asker | named) or people & _people(connection, asker | named):
        raise Refused(RefusalCode.SAME_PERSON)
    books = [act.book_id, *(ref for ref in command.others if isinstance(ref, int))]
    holders = set(
        connection.scalars(select(_B.person_id).where(_B.book_id.in_(books), _B.person_id.is_not(None)))
    )
    if people & (holders | _relatives(connection, holders)):
        raise Refused(RefusalCode.SAME_PERSON)


def _people(connection: Connection, digests: Iterable[bytes]) -> set[int]:
    return set(connection.scalars(select(_I.person_id).where(_I.digest.in_(sorted(digests)))))


def _relatives(connection: Connection, people: set[int]) -> set[int]:
    """Who gives one of these mutual aid or has it of them, who inherits of them or they of."""
    return (_by_aid(connection, people) | _by_estates(connection, people)) - people


def _by_aid(connection: Connection, people: set[int]) -> set[int]:
    """By a quota, or by a premium that was paid."""
    books = list(connection.scalars(select(_B.book_id).where(_B.person_id.in_(sorted(people)))))
    found = set(connection.scalars(select(_Q.recipient_id).where(_Q.book_id.in_(books))))
    donors = select(_B.person_id).join(tables.quota, _Q.book_id == _B.book_id)
    found.update(connection.scalars(donors.where(_Q.recipient_id.in_(sorted(people)))))
    premiums = (
        select(_B.person_id, _E.detail)
        .join(tables.book, _B.book_id == _E.book_id)
        .where(_E.kind == int(Kind.PREMIUM))
    )
    # the detail of a premium begins with whom it is for
    paid_for = or_(
        _E.book_id.in_(books), *(_E.detail.like(f'{{"recipient":{one},%') for one in sorted(people))
    )
    for payer, detail in connection.execute(premiums.where(paid_for)):
        found.update({payer, unpack(detail)["recipient"]})
    return found


def _by_estates(connection: Connection, people: set[int]) -> set[int]:
    """By an estate of one of them, whoever claims it now too, or by one in which one of them is an heir."""
    books = list(connection.scalars(select(_B.book_id).where(_B.person_id.in_(sorted(people)))))
    found: set[int] = set()
    inherited = connection.scalars(
        select(_E.source_ref).where(_E.book_id.in_(books), _E.kind == int(Kind.INHERITANCE))
    )
    places = {parse_entry_name(ref or "") for ref in inherited}
    estates = {*books, *(place[0] for place in places if place is not None)}
    divided = (
        select(_B.person_id, _E.detail)
        .join(tables.book, _B.book_id == _E.book_id)
        .where(_E.book_id.in_(sorted(estates)), _E.kind == int(Kind.ESTATE))
    )
    for dead, detail in connection.execute(divided):
        found.update({dead, *(line["person"] for line in unpack(detail).get("heirs", ()))})
    cases = {book_id: EstateCase() for book_id in books}
    read_cases(connection, cases)
    found.update(one.person for case in cases.values() for one in case.claimants or ())
    return found


def reject(connection: Connection, name: str, reason: str, by: Clerk) -> WaitingAct:
    """Say no to what waits, once; the same again by the same changes nothing. Outside a transaction.

    Raises Refused: approval_not_found, approval_decided, approval_expired. Whether somebody may is asked
    before (`check_second_person`); that who asked does not decide, the database holds too.
    """
    agents = agent_ids(connection, {by.caller, by.actor}, by.now)
    with connection.begin():
        book_id, number, *_rest = find(connection, name)
        # who approves it at this moment has the lock, or waits for it
        lock_books(connection, {book_id})
        act = find(connection, name)
        if actor_as_compared(act.asked_by) == actor_as_compared(by.actor):
            raise Refused(RefusalCode.SAME_PERSON)
        word = act.word(by.now)
        if word is ApprovalWord.REJECTED and act.decided_by == by.actor:
            return act
        if word is ApprovalWord.EXPIRED:
            raise Refused(RefusalCode.APPROVAL_EXPIRED)
        if word is not ApprovalWord.WAITING:
            raise Refused(RefusalCode.APPROVAL_DECIDED)
        connection.execute(
            update(tables.approval)
            .where(_A.book_id == book_id, _A.number == number, _A.state == int(ApprovalState.WAITING))
            .values(
                state=int(ApprovalState.REJECTED),
                decided_at=by.now,
                decided_by=agents[by.actor],
                decided_through=agents[by.caller],
                reason=reason,
            )
        )
        return find(connection, name)
