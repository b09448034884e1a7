"""The bodies of requests about contributions: employers, enrolments, lists, receipts."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from api.http.fields import (
    AMOUNT_EXAMPLE,
    NONE_SUCH,
    Amount,
    Area,
    Count,
    Day,
    EmployerName,
    Period,
    SourceRef,
    Strict,
    Total,
    Words,
    _or_null,
    example,
    read_amount,
    read_period,
)
from ledger.money import AMOUNT_PATTERN
from ledger.months import PERIOD_PATTERN

LINES_MAX: Final = 100_000
CORRECTIONS_MAX: Final = 10_000
CODE_EXAMPLE: Final = "91999999000000001K"


def read_optional_amount(value: object) -> int | None:
    """An amount in fen; None when nothing is said, NONE_SUCH for what is no amount above zero."""
    return None if value is None else read_amount(value) or NONE_SUCH


def read_optional_period(value: object) -> int | None:
    """A month as YYYYMM; None when nothing is said, NONE_SUCH for a string that is none."""
    return None if value is None else read_period(value) or NONE_SUCH


CreditCode = Annotated[
    str,
    StringConstraints(strict=True, max_length=64),
    WithJsonSchema({
        "type": "string",
        "pattern": "^[0-9A-Za-z]{18}$",
        "description": "A unified social credit code",
        "examples": [CODE_EXAMPLE],
    }),
]  # fmt: skip
OptionalAmount = Annotated[
    int | None,
    BeforeValidator(read_optional_amount),
    _or_null(pattern=AMOUNT_PATTERN, description="Yuan with two digits", examples=[AMOUNT_EXAMPLE]),
]


OptionalPeriod = Annotated[
    int | None,
    BeforeValidator(read_optional_period),
    _or_null(pattern=PERIOD_PATTERN, description="A month", examples=["2026-03"]),
]
# judged line by line, so that a slip costs its own line and no other
Sent = Annotated[str, StringConstraints(strict=True, max_length=64)]


class NewEmployer(Strict):
    """An employer of an area."""

    model_config = example(credit_code=CODE_EXAMPLE, name="示例制造有限公司", area="990100")

    credit_code: CreditCode
    name: EmployerName
    area: Area


class NewEnrolment(Strict):
    """What a person is to the employee scheme from a day on; without `to` until something else is said."""

    model_config = example(
        member_class="active", employer=CODE_EXAMPLE, **{"from": "2026-01-01"}, to=None, wage="8000.00"
    )

    member_class: Literal["active", "retired", "flexible", "unemployed", "resident"]
    employer: CreditCode | None = None
    first: Day = Field(alias="from")
    last: Day | None = Field(None, alias="to")
    wage: OptionalAmount = None


class EnrolmentEnd(Strict):
    """The last day of an enrolment."""

    model_config = example(to="2026-08-31")

    last: Day = Field(alias="to")


class WageLine(Strict):
    """A person and the wage of the month. What is wrong with either is told of this line alone."""

    model_config = example(id_number="119999198503140015", wage="8000.00")

    id_number: Sent = Field(description="18 characters, or the old form of 15 digits")
    wage: Sent = Field(description="Yuan with two digits", examples=[AMOUNT_EXAMPLE])


class Control(Strict):
    """What the sender knows about the list: the number of its lines, and what the wages come to."""

    model_config = example(lines=2, wages="16000.00")

    lines: Count | None = None
    wages: Total = None


class Declaration(Strict):
    """The list of a month, each person once."""

    model_config = example(
        period="2026-03",
        lines=[{"id_number": "119999198503140015", "wage": "8000.00"}],
        control={"lines": 1, "wages": "8000.00"},
    )

    period: Period
    lines: list[WageLine] = Field(
        max_length=LINES_MAX, description="Empty: a nil list, of a month in which nobody is employed"
    )
    control: Control | None = None


class NewReceipt(Strict):
    """Money that the collector hands over for an employer. Without `period` it pays the oldest debt first."""

    model_config = example(
        employer=CODE_EXAMPLE,
        period="2026-03",
        amount="760.00",
        received_on="2026-04-10",
        source_ref="collector-20260410-17",
    )

    employer: CreditCode
    period: OptionalPeriod = None
    amount: Amount
    received_on: Day
    source_ref: SourceRef


class NewPaymentReversal(Strict):
    """Why a payment is taken back."""

    model_config = example(reason="returned by the bank")

    reason: Words


class NewEstimate(Strict):
    """A month that was not declared; `amount` where the agency fixes it, else by last month."""

    model_config = example(period="2026-04")

    period: Period
    amount: OptionalAmount = None


class NewAdjustment(Strict):
    """Corrected wages of a month that was assessed; a wage of 0.00 takes the person off it."""

    model_config = example(
        period="2026-03",
        reason="wage was typed wrongly",
        lines=[{"id_number": "119999198503140015", "wage": "8500.00"}],
    )

    period: Period
    reason: Words
    lines: list[WageLine] = Field(min_length=1, max_length=CORRECTIONS_MAX)


class NewRefund(Strict):
    """Money that an employer gets back: paid beyond all debts, or for the month of a list that never came."""

    model_config = example(amount="120.00", source_ref="refund-20260501-3", reason="paid twice")

    amount: Amount
    source_ref: SourceRef
    reason: Words
    period: OptionalPeriod = None


class NewStep(Strict):
    """One step of a case against an employer that did not register or does not pay."""

    model_config = example(
        step="order_to_pay",
        taken_on="2026-05-20",
        source_ref="(2026) 44",
        period="2026-03",
        amount="760.00",
        note="handed over in person",
    )

    step: Literal[
        "order_to_register",
        "premium_fixed",
        "fine_of_managers",
        "order_to_pay",
        "bank_inquiry",
        "forced_transfer",
        "guarantee",
        "instalment_agreement",
        "court_seizure",
        "fine",
        "closed",
    ]
    taken_on: Day
    source_ref: SourceRef
    period: OptionalPeriod = None
    amount: OptionalAmount = None
    note: Words | None = None


class NewClosure(Strict):
    """The last day of an employer, or that from which it goes on; and the document that proves it."""

    model_config = example(on="2026-06-30", document="deregistration (2026) 12")

    on: Day
    document: Words
