"""What is answered about contributions: what was owed and paid, and what a supervisor asks."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from api.http.answers import Answer, Month, yuan
from ledger.chart.members import MemberClass

ClassWord = Annotated[
    str, WithJsonSchema({"type": "string", "enum": [member_class.word for member_class in MemberClass]})
]
CODE = "911101087999990007"


EmployerState = Annotated[
    Literal["open", "closed", "merged"], Field(description="On the day: merged is closed, with `into`")
]
CLOSED_ON: Any = Field(None, description="Its last day; only where it is closed on the day")
INTO: Any = Field(None, description="Which one took its place; only where it is merged", examples=[CODE])


class EmployerStandingAnswer(Answer):
    """An employer as it is on a day, and what of its money waits in suspense."""

    credit_code: str = Field(examples=[CODE])
    name: str
    area: str = Field(examples=["990100"])
    state: EmployerState
    closed_on: date | None = CLOSED_ON
    into: str | None = INTO
    still_owed: str | None = Field(
        None, description="Of one that is closed: what it owes for all its months, without late fees"
    )
    surplus: str = yuan("Paid beyond all debts: goes back to the employer")
    waiting: str = yuan("Paid for months whose list is still to come")
    to_forward: str = yuan("Paid for persons whose account takes nothing any more")


class ArrearItem(Answer):
    """A month that is overdue on the day."""

    period: Month
    due_on: date
    principal: str = yuan("What is unpaid of both parts")
    late_fee: str = yuan("What of the late fee up to the end of the day is unpaid")
    late_fee_uncapped: str = yuan("The same, if the area capped nothing")


class ArrearList(Answer):
    """The months in arrears, oldest first."""

    items: list[ArrearItem]


class EmployerMonthItem(Answer):
    """One month of an employer."""

    period: Month
    employer: str = Field(examples=[CODE])
    base: str | None = Field(description="The sum of the bases; null without a list")
    assessed: str = yuan("Both parts of all persons, or the estimate that stands for them")
    estimated: bool = Field(description="Whether it was estimated, because no list came")
    paid: str = yuan("What came for it, late fee apart")
    paid_on: date | None = Field(description="The last day on which something came")
    owed: str = yuan("What is unpaid of what was assessed")
    late_fee_paid: str = yuan("What came for its late fee")


class EmployerMonthPage(Answer):
    """An employer's months in order."""

    items: list[EmployerMonthItem]
    next_cursor: str | None


class StaffMonthItem(Answer):
    """One person's month at an employer. Name and ID number are masked."""

    id_number: str | None = Field(examples=["119*************15"])
    name: str | None = Field(examples=["张*"])
    base: str = yuan("The base")
    employee_part: str = yuan("The employee's part")
    employer_part: str = yuan("The employer's part")
    assessed: str = yuan("Both parts")
    paid: str = yuan("What was paid of both parts")
    paid_on: date | None
    owed: str = yuan("What is unpaid of both parts")


class StaffMonthPage(Answer):
    """The staff of a month."""

    items: list[StaffMonthItem]
    next_cursor: str | None


class ReceivedItem(Answer):
    """One payment of an employer, and where it went."""

    receipt: str = Field(examples=["E483920174650K-17"])
    period: Month | None = Field(description="The month it was paid for; null: the oldest debts")
    amount: str = yuan("What came in")
    received_on: date
    source_ref: str
    to_accounts: str = yuan("What of it reached accounts")
    to_pooled_fund: str = yuan("What of it reached the pooled fund, late fees apart")
    late_fee: str = yuan("What of it paid late fees")
    to_suspense: str = yuan("What of it waits")
    receivable: str = yuan("What of it cleared what persons owed of the month since money of it went back")
    reversed_by: str | None = Field(description="The entry that took it back, as if it had never been")


class ReceivedPage(Answer):
    """An employer's payments in the order in which they were recorded."""

    items: list[ReceivedItem]
    next_cursor: str | None


class CaseStepItem(Answer):
    """One step of a case against an employer."""

    case_step: str = Field(examples=["E483920174650K-17"])
    step: str = Field(examples=["order_to_pay"])
    taken_on: date
    period: Month | None
    amount: str | None
    source_ref: str
    note: str | None
    recorded_at: datetime


class CaseStepPage(Answer):
    """The steps that were recorded, in order."""

    items: list[CaseStepItem]
    next_cursor: str | None


class DeclaredLineItem(Answer):
    """A line of a list: what is owed for the person, or why nothing."""

    line: int
    id_number: str | None = Field(None, description="Masked; only of a line that was taken")
    base: str | None = Field(None, description="Only of a line that was taken")
    employee_part: str | None = Field(None, description="Only of a line that was taken")
    employer_part: str | None = Field(None, description="Only of a line that was taken")
    code: str | None = Field(None, description="Only of a line that was not taken")
    already: str | None = Field(
        None, description="Only of a line that an earlier list had brought: that list"
    )


class DeclarationView(Answer):
    """A list as it was handed in, and what came of it."""

    declaration: str = Field(examples=["E483920174650K-17"])
    employer: str = Field(examples=[CODE])
    period: Month
    status: Literal["preview", "confirmed"]
    employee_total: str = yuan("The employees' parts of all lines taken")
    employer_total: str = yuan("The employer's parts of all lines taken")
    lines: list[DeclaredLineItem]


class PersonMonthItem(Answer):
    """A person's month at one employer, or what was credited without one."""

    period: Month
    kind: Literal["contribution", "retiree_credit"]
    employer: str | None = Field(description="Null for what was credited directly", examples=[CODE])
    employer_name: str | None
    base: str | None
    employee_part: str | None
    employer_part: str | None
    assessed: str = yuan("Both parts")
    paid: str = yuan("What was paid of both parts")
    paid_on: date | None
    owed: str = yuan("What is unpaid of both parts")
    to_account: str = yuan("What of it reached the account, less what went back to the payer")


class PersonMonthList(Answer):
    """A person's months, the latest last."""

    items: list[PersonMonthItem]


class EnrolmentItem(Answer):
    """An enrolment by the entry that recorded it."""

    enrolment: str = Field(examples=["P483920174650K-17"])
    member_class: ClassWord
    employer: str | None = Field(examples=[CODE])
    wage: str | None
    first: date = Field(alias="from")
    last: date | None = Field(alias="to")
    status: Literal["in_force", "ended", "replaced", "reversed"]
    recorded_on: date
    replaced_by: str | None = Field(description="The entry that took its place, as the end of it does")
    reversed_by: str | None = Field(description="The entry that took it back, as if it had never been")


class EnrolmentList(Answer):
    """All that was recorded about a person's insurance, in order."""

    items: list[EnrolmentItem]


class EmployerArrearsItem(Answer):
    """An employer in arrears on the day."""

    employer: str = Field(examples=[CODE])
    name: str
    closed_on: date | None = CLOSED_ON
    into: str | None = INTO
    periods: list[Month] = Field(description="The months in arrears, oldest first")
    principal: str = yuan("What is unpaid of all of them")
    late_fee: str = yuan("What of their late fees is unpaid")
    left_out: list[Month] | None = Field(
        None,
        description="Of the months those whose late fee is in no sum: the area has no figures for them. Only"
        " where there are any",
    )


class EmployerArrearsPage(Answer):
    """Employers in arrears, by credit code."""

    items: list[EmployerArrearsItem]
    next_cursor: str | None


class OverdueRegistrationItem(Answer):
    """An employee who was enrolled too late."""

    account_no: str = Field(examples=["P483920174650K"])
    enrolment: str = Field(examples=["P483920174650K-17"])
    employer: str = Field(examples=[CODE])
    employer_name: str
    first: date = Field(alias="from")
    due_on: date | None = Field(description="Null where the area had no rule yet")
    recorded_on: date
    days_late: int | None


class OverdueRegistrationPage(Answer):
    """Enrolments that were recorded later than the area allows, by account."""

    items: list[OverdueRegistrationItem]
    next_cursor: str | None


class UndeclaredItem(Answer):
    """An employer that has not declared the month."""

    employer: str = Field(examples=[CODE])
    name: str
    period: Month
    last_month: str = yuan("What it owed for the month before")
    estimate: str | None = Field(
        description="What is charged when the month is estimated; null where the area does not say it"
    )


class UndeclaredPage(Answer):
    """Employers that owed for the month before and have neither list nor estimate for this one."""

    items: list[UndeclaredItem]
    next_cursor: str | None


class RejectedLineItem(Answer):
    """A line of a file that was refused, and why. What it said is not kept."""

    line: int
    code: str = Field(examples=["account_not_found"])
    reason: str
    column: str | None = Field(description="Which column is to blame, where it is one", examples=["account"])


class RejectedLinePage(Answer):
    """The refused lines of a batch, in order."""

    items: list[RejectedLineItem]
    next_cursor: str | None
