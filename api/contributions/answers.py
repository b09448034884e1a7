"""What routes about contributions answer, as the OpenAPI document publishes it. See answers.py."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from api.contributions.bodies import CODE_EXAMPLE
from api.http.answers import Answer, yuan

ENTRY_EXAMPLE = "E483920174650K-17"
DRY_RUN = "Only in the answer of a dry run: true"
SQUARED = "Only where there is one: what of the money squared late fees of the employer, and does not go back"


class EmployerAnswer(Answer):
    """An employer as registered; `created` is false when it was there already."""

    employer: str = Field(examples=[CODE_EXAMPLE])
    credit_code: str = Field(examples=[CODE_EXAMPLE])
    name: str
    area: str = Field(examples=["990100"])
    created: bool
    dry_run: bool | None = Field(None, description=DRY_RUN)


class EnrolmentAnswer(Answer):
    """An enrolment. `entry` is what was recorded last about it, and what the next correction names."""

    enrolment: str = Field(examples=["P483920174650K-17"])
    entry: str = Field(examples=["P483920174650K-18"])
    account_no: str = Field(examples=["P483920174650K"])
    member_class: Literal["active", "retired", "flexible", "unemployed"]
    employer: str | None = Field(examples=[CODE_EXAMPLE])
    first: date = Field(alias="from")
    last: date | None = Field(alias="to")
    wage: str | None
    dry_run: bool | None = Field(None, description=DRY_RUN)


class AssessedLine(Answer):
    """A person's month: base and both parts. In an adjustment the parts are differences."""

    line: int
    id_number: str | None = Field(description="As it was sent; null of a person who was erased since")
    base: str = yuan("The wage, held between the floor and the cap of the month")
    employee_part: str = yuan("For the account")
    employer_part: str = yuan("For the pooled fund")


class RefusedLine(Answer):
    """A line that cannot be taken, and why."""

    line: int
    code: str = Field(examples=["account_not_found"])


CLEARED = (
    "What persons owed of the month since money of it went back: it is squared first, as their accounts have"
    " had it. Only where there is any"
)


class LineThere(Answer):
    """A line that a confirmed list has brought just so: nothing more is owed by it."""

    line: int
    already: str = Field(description="The list that brought it", examples=[ENTRY_EXAMPLE])


class DeclarationAnswer(Answer):
    """A list as it would be assessed, or was. One that repeats a confirmed list is that list."""

    declaration: str = Field(examples=[ENTRY_EXAMPLE])
    status: Literal["preview", "confirmed"]
    period: str = Field(examples=["2026-03"])
    employee_total: str = yuan("Of the good lines")
    employer_total: str = yuan("Of the good lines")
    lines: list[AssessedLine | LineThere | RefusedLine]
    dry_run: bool | None = Field(None, description=DRY_RUN)


class ConfirmationAnswer(DeclarationAnswer):
    """A confirmed list, and what became of the money that had waited for it."""

    to_accounts: str = yuan("Of what waited, credited to the persons")
    to_pooled_fund: str = yuan("Of what waited, the employer's part")
    returned: str = yuan("Of what waited, more than is owed: it goes back to the payer")
    late_fee: str | None = Field(None, description=SQUARED)
    receivable: str | None = Field(None, description=CLEARED)


class PaymentAnswer(Answer):
    """Where the money of a receipt went. The four parts, and `receivable` where it is, add up to it."""

    receipt: str = Field(examples=[ENTRY_EXAMPLE])
    to_accounts: str = yuan("Credited to the persons")
    to_pooled_fund: str = yuan("The employer's part, without late fee")
    late_fee: str = yuan("To the pooled fund")
    to_suspense: str = yuan("Waits for a list, or goes back to the payer")
    still_owed: str = yuan("Of its period, or of all without one: principal and late fee on `received_on`")
    receivable: str | None = Field(None, description=CLEARED)
    left_out: list[str] | None = Field(
        None,
        description="Months that are owed and that it neither pays nor counts: the area has no figures for"
        " them. Only where there are any",
    )
    dry_run: bool | None = Field(None, description=DRY_RUN)


class PaymentReversalAnswer(Answer):
    """A payment that was taken back. Where its money comes from adds up to its amount."""

    reversal: str = Field(examples=[ENTRY_EXAMPLE])
    payment: str = Field(examples=[ENTRY_EXAMPLE])
    amount: str = yuan("What goes back to the bank: the whole payment")
    from_accounts: str = yuan("Taken out of the accounts")
    from_pooled_fund: str = yuan("The employer's part, without late fee")
    late_fee_back: str = yuan("The late fees that it had paid")
    from_suspense: str = yuan("What waited of it")
    receivable: str = yuan("What accounts no longer had: owed by the persons, for the month")
    dry_run: bool | None = Field(None, description=DRY_RUN)


class RefundAnswer(Answer):
    """Money that goes back to an employer."""

    refund: str = Field(examples=[ENTRY_EXAMPLE])
    amount: str = yuan("What goes back")
    late_fee: str | None = Field(None, description=SQUARED)
    dry_run: bool | None = Field(None, description=DRY_RUN)


class EstimateAnswer(Answer):
    """What an employer is charged for a month that it did not declare."""

    estimate: str = Field(examples=[ENTRY_EXAMPLE])
    period: str = Field(examples=["2026-04"])
    amount: str = yuan("What is charged until the list comes")
    last_month: str = yuan("What the month before came to; 0.00 where the agency fixed the amount")
    dry_run: bool | None = Field(None, description=DRY_RUN)


class AdjustmentAnswer(Answer):
    """A correction: signed totals and lines, and what goes back to the payer by it."""

    adjustment: str = Field(examples=[ENTRY_EXAMPLE])
    period: str = Field(examples=["2026-03"])
    employee_total: str = yuan("Signed")
    employer_total: str = yuan("Signed")
    returned: str = yuan("What was paid beyond the new amounts, and goes back to the payer")
    late_fee: str | None = Field(None, description=SQUARED)
    receivable: str = yuan("Of what goes back, no longer in the accounts: owed by the persons")
    lines: list[AssessedLine | RefusedLine]
    dry_run: bool | None = Field(None, description=DRY_RUN)


class CaseStepAnswer(Answer):
    """A step of a case, as recorded."""

    case_step: str = Field(examples=[ENTRY_EXAMPLE])
    step: str = Field(examples=["order_to_pay"])
    taken_on: date
    source_ref: str
    period: str | None = Field(examples=["2026-03"])
    amount: str | None
    note: str | None
    dry_run: bool | None = Field(None, description=DRY_RUN)


class ClosureAnswer(Answer):
    """That an employer was closed, or opened again, by its entry."""

    entry: str = Field(examples=[ENTRY_EXAMPLE])
    employer: str = Field(examples=[CODE_EXAMPLE])
    state: Literal["closed", "open"]
    on: date
    document: str
    still_owed: str | None = Field(None, description="What it owes for all its months; not said of nothing")
    dry_run: bool | None = Field(None, description=DRY_RUN)
