"""What an answer to another agency shows of a person, by the groups of fields that were granted (R63)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, Final, Literal

from pydantic import Field

from api.accounts.accounts import account_json
from api.http.answers import Answer, KindWord, Month, PeriodOrYear, StatusWord, yuan
from api.http.fields import CareWord, day_text, month_text
from api.http.receipts import instant
from api.http.state import State
from ledger import persons, reports
from ledger.care import reports as care
from ledger.chart.channels import FieldGroup
from ledger.chart.kinds import ONCE_A_YEAR
from ledger.contributions import reports as contribution_reports
from ledger.money import format_yuan
from ledger.months import format_year

G = FieldGroup
PAGE: Final = 500
_PAID: Final = (
    "total",
    "in_scope",
    "pooled_pay",
    "large_pay",
    "top_up_pay",
    "account_pay",
    "mutual_pay",
    "cash_pay",
)


class MaskedIdentity(Answer):
    """The account, and of name and number what may be seen."""

    account_no: str = Field(examples=["P483920174650K"])
    status: StatusWord
    name: str | None = Field(examples=["张*"])
    id_number: str | None = Field(examples=["119*************15"])


class FullIdentity(Answer):
    """Name and ID number, whole."""

    name: str | None
    id_number: str | None


class GrantedBalance(Answer):
    """The account's money as it stands."""

    current_year: str = yuan("The pocket of the year")
    carried_over: str = yuan("The pocket of earlier years")
    balance: str = yuan("Both pockets")
    held: str = yuan("Set aside by holds")
    reserved: str = yuan("Reserved for relatives")
    available: str = yuan("What may be spent")


class GrantedEntry(Answer):
    """One entry of the account, without what stood in the account after it."""

    kind: KindWord
    amount: str = yuan("What the entry moved, held or set free")
    effective_on: date
    recorded_at: datetime
    period: PeriodOrYear | None


class GrantedMonth(Answer):
    """A person's month at one employer, or what was credited without one."""

    period: Month
    kind: Literal["contribution", "retiree_credit"]
    employer_name: str | None
    base: str | None
    assessed: str = yuan("Both parts")
    paid: str = yuan("What was paid of both parts")
    paid_on: date | None
    owed: str = yuan("What is unpaid of both parts")


class GrantedCare(Answer):
    """A settled bill, a reversal (every amount below zero), or a yearly difference."""

    institution: str | None
    care_type: CareWord
    care_date: date
    total: str = yuan("All lines")
    in_scope: str = yuan("What the fund goes by")
    pooled_pay: str = yuan("The pooled fund")
    large_pay: str = yuan("The large-amount fund")
    top_up_pay: str = yuan("The yearly top-up")
    account_pay: str = yuan("The person's own account")
    mutual_pay: str = yuan("Relatives' accounts")
    cash_pay: str = yuan("What the person paid otherwise")


class GrantedPerson(Answer):
    """A person of the request; of a group of fields that was not granted there is no member."""

    place: int = Field(description="Which of the request's `persons`, from 1 on")
    known: bool = Field(description="Whether there is an account; of who has none nothing more is said")
    identity_masked: MaskedIdentity | None = None
    identity_full: FullIdentity | None = None
    balance: GrantedBalance | None = None
    entries: list[GrantedEntry] | None = None
    payments: list[GrantedMonth] | None = None
    care_amounts: list[GrantedCare] | None = None


def _masked(connection: Any, state: State, book_id: int) -> dict[str, Any]:
    shown = account_json(connection, state, book_id)
    return {name: shown[name] for name in MaskedIdentity.model_fields}


def _full(connection: Any, state: State, book_id: int) -> dict[str, Any]:
    now, today = state.clock()
    person_id = reports.account(connection, book_id, now=now, today=today).person_id
    known = persons.known(connection, state.keyring, () if person_id is None else (person_id,))
    person = known.get(person_id or 0)
    return {
        "name": None if person is None else person.name,
        "id_number": None if person is None else person.number,
    }


def _balance(connection: Any, state: State, book_id: int) -> dict[str, Any]:
    now, today = state.clock()
    shown = reports.balance(connection, book_id, now=now, today=today)
    return {name: format_yuan(getattr(shown, name)) for name in GrantedBalance.model_fields}


def _entries(connection: Any, _state: State, book_id: int) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    after = 0
    while found := reports.entries(connection, book_id, after_seq=after, limit=PAGE):
        after = found[-1].seq
        for one in found:
            year = one.period is not None and one.kind in ONCE_A_YEAR
            period = None if one.period is None else (format_year if year else month_text)(one.period)
            told.append(
                {
                    "kind": one.kind.word,
                    "amount": format_yuan(one.amount_fen),
                    "effective_on": one.effective_on.isoformat(),
                    "recorded_at": instant(one.recorded_at),
                    "period": period,
                }
            )
    return told


def _payments(connection: Any, _state: State, book_id: int) -> list[dict[str, Any]]:
    return [
        {
            "period": month_text(one.period),
            "kind": one.kind.word,
            "employer_name": one.employer_name,
            "base": None if one.base_fen is None else format_yuan(one.base_fen),
            "assessed": format_yuan(one.assessed_fen),
            "paid": format_yuan(one.paid_fen),
            "paid_on": day_text(one.paid_on),
            "owed": format_yuan(one.owed_fen),
        }
        for one in contribution_reports.person_months(connection, book_id)
    ]


def _care_amounts(connection: Any, _state: State, book_id: int) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    after = 0
    while found := care.settlements(connection, book_id, after, PAGE):
        after = found[-1].seq
        told += [
            {
                "institution": one.institution,
                "care_type": one.row.care_type.word,
                "care_date": one.row.care_date.isoformat(),
                **{name: format_yuan(getattr(one.row, name)) for name in _PAID},
            }
            for one in found
        ]
    return told


Reader = Callable[[Any, State, int], Any]
READERS: Final[Mapping[FieldGroup, Reader]] = {
    G.IDENTITY_MASKED: _masked,
    G.IDENTITY_FULL: _full,
    G.BALANCE: _balance,
    G.ENTRIES: _entries,
    G.PAYMENTS: _payments,
    G.CARE_AMOUNTS: _care_amounts,
}
"""How each group of fields that may be asked for is read: complete by a test against ASKABLE."""


def person_json(
    connection: Any, state: State, place: int, book_id: int | None, granted: FieldGroup
) -> dict[str, Any]:
    """A person of a request as its answer shows them, by the account; None for who has none."""
    if book_id is None:
        return {"place": place, "known": False}
    return {"place": place, "known": True} | {
        group.words[0]: read(connection, state, book_id)
        for group, read in READERS.items()
        if group in granted
    }
