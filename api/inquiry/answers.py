"""What people who ask are answered, as the OpenAPI document publishes it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from api.accounts.answers import AccountAnswer, BalanceAnswer, EntryItem, FreezeItem
from api.accounts.mutual_aid import QuotaItem
from api.care.claims import ClaimItem
from api.care.filings import FiledItem, SettlementItem, YearCounters
from api.care.settlement_answers import SettlementView
from api.care.third_party import CaseAnswer
from api.care.visits import VisitView
from api.contributions.report_answers import EnrolmentItem, PersonMonthItem
from api.http.answers import Answer, KindWord, yuan
from api.inquiry.case_views import InquiryCaseView
from api.inquiry.document_answers import OwnDocument
from ledger.chart.channels import CHANNEL_OF, FieldGroup


def _words(words: list[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": words})


ChannelWord = Annotated[str, _words(list(CHANNEL_OF))]
GroupWord = Annotated[str, _words([str(group.name).lower() for group in FieldGroup])]


class KindSumItem(Answer):
    """What the entries of one kind came to, on one side."""

    kind: KindWord
    entries: int
    amount: str = yuan("What they moved")


class AccountYearAnswer(Answer):
    """A year of an account: opening + income - spending = closing.

    A kind may stand on both sides: a reversal gives back what was spent, and takes back what had come.
    """

    account_no: str = Field(examples=["P483920174650K"])
    year: int
    first: date = Field(alias="from", description="1 January, or the day of opening")
    last: date = Field(alias="to", description="31 December, or today")
    opening: str = yuan("The balance before the first day")
    income: str = yuan("The sum of `credits`")
    spending: str = yuan("The sum of `debits`")
    interest: str = yuan("What of the income is interest; it is among `credits`")
    closing: str = yuan("The balance at the end of the last day")
    credits: list[KindSumItem]
    debits: list[KindSumItem]
    months_paid: int = Field(description="Months of the year for which something was paid")
    payments: list[PersonMonthItem] = Field(description="The months of the year, each with its base")
    version: int | None = Field(description="From 1; null while the year is not ended")
    replaces: int | None = Field(description="The version before")
    digest: str | None = Field(description="SHA-256 of its canonical bytes, in hex")


class AccessItem(Answer):
    """One answer that showed something of a person."""

    at: datetime
    channel: ChannelWord
    purpose: str | None = Field(
        description="Null: another system, which states none", examples=["own_request"]
    )
    ref: str | None
    fields: list[GroupWord]
    document: str | None = Field(description="The serial number of what was printed")


class AccessPage(Answer):
    """Who looked, the latest look first. `next_cursor` gives what was before; null on the last page."""

    items: list[AccessItem]
    next_cursor: str | None


class ReadLogItem(AccessItem):
    """The same for an auditor."""

    actor: str
    account_no: str | None = Field(description="Null: a person of whom only the number was known")


class ReadLogPage(Answer):
    """The read log, the latest look first. `next_cursor` gives what was before; null on the last page."""

    items: list[ReadLogItem]
    next_cursor: str | None


class CardItem(Answer):
    """A card of the person."""

    card: str
    card_no: str | None = Field(description="Null once it was erased")
    issued_on: date
    ends_on: date | None
    status: Literal["valid", "ended", "lost"]
    lost_on: date | None


class ExportedSettlement(SettlementItem):
    """A settled bill with its items, a reversal, or a yearly difference; `bill` of a bill alone."""

    bill: SettlementView | None


class ExportedBook(Answer):
    """What one book holds of the person: an account, or the book of somebody insured as a resident."""

    account_no: str = Field(examples=["P483920174650K"])
    account: AccountAnswer | None = Field(description="Null: the book of a resident has no money in it")
    balance: BalanceAnswer | None
    freezes: list[FreezeItem]
    enrolments: list[EnrolmentItem]
    payments: list[PersonMonthItem]
    filings: list[FiledItem]
    visits: list[VisitView]
    claims: list[ClaimItem]
    third_party_cases: list[CaseAnswer]
    years_of_care: list[YearCounters]
    settlements: list[ExportedSettlement]
    entries: list[EntryItem]


class ExportedQuotas(Answer):
    """Money reserved for relatives, and by them."""

    given: list[QuotaItem]
    received: list[QuotaItem]


class ExportedName(Answer):
    """A name, whole, and the day from which it counts."""

    name: str = Field(examples=["张三"])
    first: date | None = Field(alias="from")


class ExportedPhone(Answer):
    """A telephone number, whole, and the day from which it counts."""

    phone: str = Field(examples=["01099990000"])
    first: date = Field(alias="from")


class ExportedAddress(Answer):
    """An address, whole, and the day from which it counts."""

    address: str
    first: date = Field(alias="from")


class ExportAnswer(ExportedBook):
    """Everything that is held about a person, as it stood at one moment.

    What stands beside `name` and `quotas` is of the account, or of the resident's book of a person without
    one; `other_books` are what the person has besides. Of a person who is only named by others, `account_no`
    is null and the lists are empty.
    """

    exported_at: datetime
    name: str | None = Field(description="Whole; null once it was erased", examples=["张三"])
    id_number: str | None = Field(description="Whole", examples=["119999198503140015"])
    other_id_numbers: list[str] = Field(description="Older ones that find the same person")
    names: list[ExportedName] = Field(description="Whole, oldest first; `from` is null for the first one")
    phones: list[ExportedPhone] = Field(description="Whole, oldest first")
    addresses: list[ExportedAddress] = Field(description="Whole, oldest first")
    cards: list[CardItem]
    cases: list[InquiryCaseView] = Field(description="Opened by the person, or about what is theirs")
    documents: list[OwnDocument] = Field(description="What was printed, as `/v1/me/documents` lists it")
    access_log: list[AccessItem] = Field(description="Who looked, as `/v1/me/access-log` lists it")
    quotas: ExportedQuotas
    account_no: str | None  # type: ignore[assignment]  # of whom nothing but the name is held
    other_books: list[ExportedBook]
