"""Inquiries by telephone (R61): name, ID number and one factor more; short answers made to be read aloud.

An unknown person, a wrong name and a wrong factor are one and the same no. Five of them in a row lock the
person's inquiries for a day, be there such a person or not. Who guesses is counted in a row of the database
that the guess locks, so that guesses at once, in one process or in several, are counted one after the other;
a wrong one is committed before it is answered.
"""

from __future__ import annotations

import hmac
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import Connection, select, update

from ledger import tables
from ledger.chart.channels import FieldGroup
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Status
from ledger.contributions.reports import PersonMonth, person_months
from ledger.database.lookups import Lookup, insert_or_leave
from ledger.inquiry.asking import current_digest
from ledger.inquiry.call_back import has_code
from ledger.inquiry.cards import LAST, numbers_of_cards
from ledger.inquiry.spoken import spoken_months, spoken_period, spoken_yuan
from ledger.money import format_yuan
from ledger.months import format_period, parse_period
from ledger.people.dated import read_names
from ledger.people.persons import name_digest
from ledger.people.shared_numbers import whose
from ledger.refusals import RefusalCode, Refused
from ledger.reports import account, balance, find_book
from ledger.vault import Keyring

LOCKED_FOR: Final = timedelta(days=1)
SPOKEN_MAX: Final = 120
"""The longest answer to be read aloud, in characters."""

_P, _I = tables.phone_guess.c, tables.identity.c
_LOCKED = Lookup(
    "SELECT p.wrong, p.locked_until FROM phone_guess p WHERE p.person {in_given}{lock}",
    [_P.wrong, _P.locked_until],
    person="bytes",
)


class Factor(StrEnum):
    """What a person says beside name and ID number."""

    CALL_BACK_CODE = "call_back_code"
    CARD_LAST4 = "card_last4"
    LAST_PAYMENT_MONTH = "last_payment_month"


class Ask(StrEnum):
    """What may be asked for by telephone."""

    BALANCE = "balance"
    LAST_PAYMENT = "last_payment"
    MONTHS = "months"
    STATUS = "status"


_SHOWS: Final = {
    Ask.BALANCE: FieldGroup.BALANCE,
    Ask.LAST_PAYMENT: FieldGroup.PAYMENTS,
    Ask.MONTHS: FieldGroup.PAYMENTS,
    Ask.STATUS: FieldGroup.IDENTITY_MASKED,
}
_STATUS_WORDS: Final = {
    Status.ACTIVE: "正常参保",
    Status.PAUSED: "暂停参保",
    Status.FROZEN: "已冻结",
    Status.DECEASED: "已登记死亡",
    Status.TRANSFERRING: "正在转移",
    Status.CLOSED: "已注销",
}


class Caller(NamedTuple):
    """Who says to be whom: the digest of the ID number, the name, and the factor."""

    person: bytes
    name: str
    factor: Factor
    value: str


class Told(NamedTuple):
    """What is told, as a value and to be read aloud; whose book it is of, and which fields it shows."""

    answer: str | int | dict[str, str] | None
    speak: str
    book_id: int
    fields: FieldGroup


def counted_as(connection: Connection, keyring: Keyring, person: bytes, name: str) -> bytes:
    """The digest under which guesses are counted: a person with a second ID number (R4) is one person.

    Of two who shared a number it is the one who is called so.
    """
    try:
        person = whose(connection, person, name_digest(name, keyring))
    except Refused:
        # neither of the two is called so: a wrong name is no more than that
        return person
    person_id = connection.scalar(select(_I.person_id).where(_I.digest == person))
    known = None if person_id is None else current_digest(connection, person_id)
    return person if known is None else known


def inquire(
    connection: Connection, keyring: Keyring, caller: Caller, ask: Ask, now: datetime, today: date
) -> Told:
    """What somebody asks who has shown who they are. `caller.person` is as `counted_as` has it.

    Raises Refused: inquiry_locked, factor_wrong. Either way what it counts is committed when it returns.
    """
    with connection.begin():
        connection.execute(
            insert_or_leave(connection, tables.phone_guess),
            {"person": caller.person, "wrong": 0, "locked_until": None, "changed_at": now},
        )
        [(wrong, locked_until)] = _LOCKED.run(connection, [(caller.person,)])
        if locked_until is not None and now < locked_until:
            raise Refused(RefusalCode.INQUIRY_LOCKED)
        book_id = _proven(connection, keyring, caller, today)
        counted = 0 if book_id is not None else wrong + 1
        is_last = counted >= tables.GUESSES_MAX
        if counted != wrong or locked_until is not None:
            connection.execute(
                update(tables.phone_guess)
                .where(_P.person == caller.person)
                .values(
                    wrong=0 if is_last else counted,
                    locked_until=now + LOCKED_FOR if is_last else None,
                    changed_at=now,
                )
            )
        told = None if book_id is None else _told(connection, book_id, ask, now, today)
    if told is None:
        raise Refused(RefusalCode.FACTOR_WRONG)
    return told


# -- who it is -------------------------------------------------------------------------------------------


def _proven(connection: Connection, keyring: Keyring, caller: Caller, today: date) -> int | None:
    """The account of the person, if all that was said is right; nobody asks for somebody who has died."""
    row = connection.execute(
        select(_I.person_id, _I.name_digest).where(_I.digest == caller.person)
    ).one_or_none()
    said = name_digest(caller.name, keyring)
    if row is None:
        return None
    # the name of today: one of before tells of somebody who knew the person then
    called = read_names(connection, row.person_id, bytes(row.name_digest)).in_force(today)
    if not hmac.compare_digest(called, said):
        return None
    try:
        book_id = find_book(connection, caller.person)
    except Refused:
        # a resident, or an heir known by name: no account to ask about
        return None
    died_on = connection.scalar(select(tables.book.c.died_on).where(tables.book.c.book_id == book_id))
    if died_on is not None:
        return None
    is_right = _HOLDS[caller.factor](connection, keyring, row.person_id, book_id, caller.value, today)
    return book_id if is_right else None


def _has_code(
    connection: Connection, keyring: Keyring, _person_id: int, book_id: int, value: str, _today: date
) -> bool:
    return has_code(connection, keyring, book_id, value)


def _ends_so(
    connection: Connection, keyring: Keyring, person_id: int, _book_id: int, value: str, today: date
) -> bool:
    if len(value) != LAST:
        return False
    numbers = numbers_of_cards(connection, keyring, person_id, today)
    return any(number[-LAST:] == value.upper() for number in numbers)


def _paid_last(
    connection: Connection, _keyring: Keyring, _person_id: int, book_id: int, value: str, _today: date
) -> bool:
    last = _last_payment(person_months(connection, book_id))
    return last is not None and last.period == parse_period(value)


_HOLDS: Final = {
    Factor.CALL_BACK_CODE: _has_code,
    Factor.CARD_LAST4: _ends_so,
    Factor.LAST_PAYMENT_MONTH: _paid_last,
}


# -- what is told ----------------------------------------------------------------------------------------


class _Payment(NamedTuple):
    period: int
    fen: int


def _paid(months: list[PersonMonth]) -> list[PersonMonth]:
    """The months for which a premium came; what a fund credits to a retiree is none."""
    return [month for month in months if month.paid_fen > 0 and month.kind is Kind.CONTRIBUTION]


def _last_payment(months: list[PersonMonth]) -> _Payment | None:
    """The latest month for which something was paid, and how much, by all employers."""
    paid = _paid(months)
    if not paid:
        return None
    period = max(month.period for month in paid)
    return _Payment(period, sum(month.paid_fen for month in paid if month.period == period))


def _told(connection: Connection, book_id: int, ask: Ask, now: datetime, today: date) -> Told:
    answer, speak = _answer(connection, book_id, ask, now, today)
    return Told(answer, speak, book_id, _SHOWS[ask])


def _answer(
    connection: Connection, book_id: int, ask: Ask, now: datetime, today: date
) -> tuple[str | int | dict[str, str] | None, str]:
    if ask is Ask.BALANCE:
        money = balance(connection, book_id, now=now, today=today)
        speak = f"您的个人账户余额为{spoken_yuan(money.balance)}"
        if money.available != money.balance:
            speak += f"，其中可用{spoken_yuan(money.available)}"
        return format_yuan(money.balance), f"{speak}。"
    if ask is Ask.STATUS:
        status = account(connection, book_id, now=now, today=today).status
        return status.value, f"您的个人账户状态为{_STATUS_WORDS[status]}。"
    months = person_months(connection, book_id)
    if ask is Ask.MONTHS:
        count = len({month.period for month in _paid(months) if month.owed_fen <= 0})
        return count, f"您累计缴费{spoken_months(count)}。"
    last = _last_payment(months)
    if last is None:
        return None, "没有查到您的缴费记录。"
    return (
        {"period": format_period(last.period), "amount": format_yuan(last.fen)},
        f"您最近一次缴费为{spoken_period(last.period)}，缴费金额{spoken_yuan(last.fen)}。",
    )
