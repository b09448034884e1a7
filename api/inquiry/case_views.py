"""How a case is shown: in a list, and whole with its texts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from api.http.answers import Answer, Month, yuan
from api.http.fields import month_text
from api.http.receipts import instant
from api.inquiry.case_bodies import ChannelWord, KindWord, OutcomeWord
from ledger import Keyring
from ledger.cases.answers import RIGHTS, RIGHTS_BASIS, decides_objection
from ledger.cases.cases import Case, MonthThen
from ledger.cases.unpaid import UnpaidMonth
from ledger.money import format_yuan
from ledger.people.id_numbers import mask_in_text

StateWord = Literal["open", "answered", "closed"]
MonthStateWord = Literal["unpaid", "partly_paid", "not_declared"]
_EXAMPLE = "5f0c9a1be27d3346a80e"


class UnpaidMonthItem(Answer):
    """An overdue month of a unit; to a person with what was for them, and without what the unit owes."""

    period: Month
    employer: str = Field(description="The credit code")
    employer_name: str
    state: MonthStateWord
    assessed: str = yuan("What was to be paid")
    paid: str = yuan("What came of it")
    owed: str = yuan("What did not")


class MonthThenItem(Answer):
    """A month as it stood when the case was opened."""

    period: Month
    employer: str
    employer_name: str
    assessed: str = yuan("Nothing of a month that was not declared")
    paid: str = yuan("What had come of it")


class CaseStateAnswer(Answer):
    """A case that was opened, taken, answered or closed, and by when it is to be answered."""

    case: str = Field(examples=[_EXAMPLE])
    due_on: date
    working_days: int
    state: StateWord


class CaseOpenedAnswer(CaseStateAnswer):
    """A case that was opened."""

    unpaid_months: list[UnpaidMonthItem] | None = Field(
        None, description="Of a report about a unit: what it has not paid; not told by telephone"
    )


class CaseAboutItem(Answer):
    """What a case is about: one of these. In the agency's worklist it is null where it is a person's."""

    account: str | None = Field(None, examples=["P483920174650K"])
    employer: str | None = None
    entry: str | None = None
    document: str | None = None


class InquiryCaseItem(CaseStateAnswer):
    """A case of a list."""

    kind: KindWord
    channel: ChannelWord
    about: CaseAboutItem
    opened_at: datetime
    overdue: bool = Field(description="Open after its day, or answered after it")
    taken_at: datetime | None = Field(description="Since when somebody looks into it")
    outcome: OutcomeWord | None
    answered_at: datetime | None
    closed_at: datetime | None
    objects_to: str | None = Field(description="The answered case that it objects to")
    taken_by: str | None = Field(description="To the agency alone, as are the two below")
    opened_by: str | None
    answered_by: str | None


class InquiryCasePage(Answer):
    """Cases by the day on which they are due."""

    items: list[InquiryCaseItem]
    next_cursor: str | None


class CaseRights(Answer):
    """What somebody may do whose objection was decided."""

    text: str
    legal_basis: str


class InquiryCaseView(InquiryCaseItem):
    """A case with its texts. ID numbers in them are whole for the person alone."""

    text: str | None = Field(description="Null, as all that was said, once whose case it was was erased")
    reply_to: str | None
    by_calendar: bool = Field(description="False: of a year up to the due day no holidays were known")
    answer: str | None
    evidence: list[str]
    corrections: list[str] = Field(description="The postings that put an error right")
    rights: CaseRights | None
    unpaid_months: list[UnpaidMonthItem] | None = Field(description="Of a report about a unit, as of now")
    unpaid_at_opening: list[MonthThenItem] | None


def state_json(case: Case) -> dict[str, Any]:
    """What is answered to an act."""
    return {
        "case": case.name,
        "due_on": case.due_on.isoformat(),
        "working_days": case.working_days,
        "state": case.state.value,
    }


def item_json(case: Case, today: date, *, to_agency: bool) -> dict[str, Any]:
    """A case of a list. The agency's worklist names nobody: who looks at a case, looks at one."""
    about = None if to_agency and not case.subject.is_employers else case.about
    return {
        **state_json(case),
        "kind": case.kind.word,
        "channel": case.channel.word,
        "about": {case.subject.about.word: about},
        "opened_at": instant(case.opened_at),
        "overdue": case.is_overdue(today),
        "taken_at": _instant(case.taken_at),
        "outcome": None if case.outcome is None else case.outcome.word,
        "answered_at": _instant(case.answered_at),
        "closed_at": _instant(case.closed_at),
        "objects_to": case.objects_to,
        "taken_by": case.taken_by if to_agency else None,
        "opened_by": case.opened_by if to_agency else None,
        "answered_by": case.answered_by if to_agency else None,
    }


def view_json(
    case: Case,
    keyring: Keyring,
    today: date,
    *,
    corrections: list[str],
    unpaid: Iterable[UnpaidMonth] | None,
    then: Iterable[MonthThen] | None,
    to_agency: bool,
    whole: bool,
) -> dict[str, Any]:
    """A case with its texts; `whole` leaves the numbers in them to the person who wrote them."""

    def told(text: str | None) -> str | None:
        return text if text is None or whole else mask_in_text(text)

    return {
        **item_json(case, today, to_agency=to_agency),
        "about": {case.subject.about.word: case.about},
        "text": told(case.text(keyring)),
        "reply_to": told(case.reply_to(keyring)),
        "by_calendar": case.by_calendar,
        "answer": case.answer(keyring),
        "evidence": case.evidence(keyring),
        "corrections": corrections,
        "rights": {"text": RIGHTS, "legal_basis": RIGHTS_BASIS}
        if decides_objection(case.kind, case.outcome)
        else None,
        "unpaid_months": None if unpaid is None else unpaid_json(unpaid),
        "unpaid_at_opening": None if then is None else [_then_json(month) for month in then],
    }


def unpaid_json(months: Iterable[UnpaidMonth]) -> list[dict[str, Any]]:
    """What a unit has not paid."""
    return [
        {
            "period": month_text(month.period),
            "employer": month.employer,
            "employer_name": month.employer_name,
            "state": month.state.value,
            "assessed": format_yuan(month.assessed_fen),
            "paid": format_yuan(month.paid_fen),
            "owed": format_yuan(month.owed_fen),
        }
        for month in months
    ]


def _then_json(month: MonthThen) -> dict[str, Any]:
    return {
        "period": month_text(month.period),
        "employer": month.employer,
        "employer_name": month.employer_name,
        "assessed": format_yuan(month.assessed_fen),
        "paid": format_yuan(month.paid_fen),
    }


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else instant(moment)
