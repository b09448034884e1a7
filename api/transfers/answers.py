"""What is answered about transfers, exits and demands."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from api.http.answers import Answer, Month, yuan

DirectionWord = Literal["out", "in"]
StatusWord = Literal["requested", "sent", "acknowledged", "rejected", "cancelled", "announced", "credited"]


class TransferAnswer(Answer):
    """A transfer that was asked for, announced, acknowledged or rejected."""

    transfer: str = Field(examples=["P483920174650K-19"])
    direction: DirectionWord
    status: StatusWord
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class SheetAnswer(Answer):
    """What an information sheet says of the money."""

    current_year: str = yuan("The pocket of this year, as it was sent")
    carried_over: str = yuan("The pocket of earlier years, without that interest")
    interest: str = yuan("Interest to the day before")
    amount: str = yuan("All of it, which was sent")


class CompletedTransfer(Answer):
    """A transfer whose money was sent, with its sheet; or has come."""

    transfer: str = Field(examples=["P483920174650K-19"])
    direction: DirectionWord
    status: StatusWord
    amount: str = yuan("What was sent, or came")
    sheet: SheetAnswer | None = Field(description="Of a transfer out")
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class SupplementAnswer(Answer):
    """What follows the money of a transfer."""

    transfer: str = Field(examples=["P483920174650K-19"])
    supplement: str = Field(examples=["P483920174650K-27"])
    amount: str = yuan("What was sent on, or came")
    period: Month | None
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class TransferView(Answer):
    """A transfer as it stands."""

    transfer: str = Field(examples=["P483920174650K-19"])
    account_no: str = Field(examples=["P483920174650K"])
    direction: DirectionWord
    status: StatusWord
    other_agency: str
    insured_from: date | None = Field(description="Of one out")
    amount: str = yuan("What was sent, or what the sheet says")
    waiting: str = yuan("What joined it since, and waits to be sent after it")
    supplements: str = yuan("What was sent, or came, after it")
    asked_on: date
    moved_on: date | None = Field(description="When its money was sent, or came")
    ended_on: date | None
    age_days: int = Field(description="Days since its money was sent, else since it was asked for")
    due_on: date | None = Field(description="By when it is to be sent, or credited, in working days")
    overdue: bool


class TransferPage(Answer):
    """Transfers by account."""

    items: list[TransferView]
    next_cursor: str | None


class SheetView(SheetAnswer):
    """The information sheet of a transfer out, whole, for the other agency."""

    transfer: str = Field(examples=["P483920174650K-19"])
    account_no: str
    name: str | None = Field(description="Null once it was erased")
    id_number: str | None
    other_agency: str
    insured_from: date
    sent_on: date
    months: list[Month] = Field(description="Months that were paid")


class ExitAnswer(Answer):
    """What is paid out, by a payout order; the account is closed."""

    exit: str = Field(examples=["P483920174650K-30"])
    case: str
    amount: str = yuan("All of it")
    interest: str = yuan("Of that, interest to the day before")
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class DemandView(Answer):
    """A demand as it stands."""

    demand: str = Field(examples=["P483920174650K-31"])
    account_no: str = Field(examples=["P483920174650K"])
    status: Literal["open", "settled", "withdrawn"]
    amount: str = yuan("What was too much")
    set_off: str = yuan("What of that was taken out of the account")
    paid: str = yuan("What of that was paid by instalments")
    to_estate: str = yuan("What of that the estate took over")
    withdrawn: str = yuan("What of that is demanded no more")
    still_owed: str = yuan("The rest")
    reason: str
    document: str
    debt: str | None = Field(description="What the person owed before, where the demand took that over")
    demanded_on: date
    age_days: int


class DebtView(Answer):
    """Something that a person owes the fund."""

    what: Literal["contribution", "annual_settlement", "late_credit", "inheritance", "third_party", "demand"]
    debt: str | None = Field(
        examples=["D483920174650K-12"],
        description="Its name, to demand it by; null of what is paid otherwise, by a demand or a recovery",
    )
    entry: str = Field(examples=["D483920174650K-12"], description="The entry that made it owed")
    employer: str | None = Field(description="Whose month it is of")
    period: Month | None
    year: int | None = Field(description="Of an annual settlement")
    amount: str = yuan("What came to be owed")
    demanded: str = yuan("What of that demands took over")
    still_owed: str = yuan("The rest, without what was demanded or paid of it")
    since: date


class DebtList(Answer):
    """What a person owes the fund, in the order in which an estate sets it off."""

    items: list[DebtView]
    still_owed: str = yuan("All of it together")


class NewDemandAnswer(Answer):
    """A demand that was made."""

    demand: str = Field(examples=["P483920174650K-31"])
    amount: str = yuan("What was too much")
    still_owed: str = yuan("What is to be paid back")
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class DemandPage(Answer):
    """Demands of which something is owed, by account."""

    items: list[DemandView]
    next_cursor: str | None


class DemandList(Answer):
    """The demands of an account."""

    items: list[DemandView]


class DemandReceipt(Answer):
    """What was done about a demand, and how it stands after it."""

    demand: str = Field(examples=["P483920174650K-31"])
    entry: str = Field(examples=["P483920174650K-32"])
    amount: str = yuan("What was set off, or paid, this time")
    set_off: str = yuan("What of the demand was taken out of the account so far")
    still_owed: str = yuan("What is still to be paid back")
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")


class SuspendedView(Answer):
    """Money that waits in suspense."""

    employer: str = Field(examples=["D483920174650K"])
    period: Month | None = Field(description="Null of money that belongs to no month")
    account_no: str | None = Field(description="Of money that waits for a person")
    waits_for: Literal["person", "list", "payer"]
    amount: str = yuan("What waits")
    since: date
    age_days: int


class SuspendedPage(Answer):
    """What waits in suspense, by employer, month and account."""

    items: list[SuspendedView]
    next_cursor: str | None


class ReleaseAnswer(Answer):
    """What waited and has gone where it belongs."""

    release: str = Field(examples=["D483920174650K-9"])
    account_no: str
    period: Month
    amount: str = yuan("What went on")
    transfer: str | None = Field(description="The transfer that it follows; null when the account has it")
    dry_run: bool | None = Field(None, description="Only in the answer of a dry run: true")
