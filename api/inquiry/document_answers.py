"""What is asked to be printed, over HTTP, and what is answered of a document."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from api.http.answers import Answer, yuan
from api.http.fields import Day, Strict, example, read_whole
from api.http.receipts import instant
from ledger.chart.documents import DOCUMENT_KINDS
from ledger.documents.asked import Asked
from ledger.documents.codes import CODE_LENGTH
from ledger.documents.issuing import HandedOut, IssuedDocument
from ledger.printing.sheet import Form

KindOfAccount = Literal[
    "payment_list",
    "account_list",
    "insured_proof",
    "yearly_statement",
    "settlement_sheet",
    "annual_settlement",
]
KindOfEmployer = Literal["payment_list", "staff_list"]
AnyKind = Literal[
    "payment_list",
    "account_list",
    "insured_proof",
    "yearly_statement",
    "settlement_sheet",
    "annual_settlement",
    "staff_list",
]
FormWord = Annotated[Literal["pdf", "html", "csv", "xlsx", "json"], Field(description="In which form")]
# the bound stands before the reader: beside null no document would tell it
WholeYear = Annotated[int, Field(ge=1900, le=2999), BeforeValidator(read_whole)]
EntryText = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64)]


class _Wanted(Strict):
    """What all documents are asked for with."""

    first: Day | None = Field(None, alias="from", description="The first day of the period")
    last: Day | None = Field(None, alias="to", description="The last day of the period")
    format: FormWord = "pdf"
    full_number: bool = Field(False, description="The ID number whole, which is recorded")

    @property
    def form(self) -> Form:
        return Form(self.format)


class NewDocument(_Wanted):
    """A document of a person. Each kind needs its own of `from` and `to`, `year`, `settlement`."""

    model_config = example(
        kind="account_list", **{"from": "2026-01-01", "to": "2026-10-31"}, format="json", full_number=False
    )

    kind: KindOfAccount
    year: WholeYear | None = Field(None, description="Of a yearly statement or an annual settlement")
    settlement: EntryText | None = Field(
        None, description="The settled bill of a sheet", examples=["P483920174650K-17"]
    )

    @property
    def asked(self) -> Asked:
        kind = DOCUMENT_KINDS[self.kind]
        return Asked(kind, self.first, self.last, self.year, self.settlement, self.full_number)


class NewUnitDocument(_Wanted):
    """A document of an employer. A staff list without a period means today."""

    model_config = example(kind="payment_list", **{"from": "2026-01-01", "to": "2026-10-31"}, format="json")

    kind: KindOfEmployer

    @property
    def asked(self) -> Asked:
        return Asked(DOCUMENT_KINDS[self.kind], self.first, self.last, full_number=self.full_number)


class DocumentAnswer(Answer):
    """A document that was handed out. The verification code is told this once."""

    document: str = Field(examples=["BCDFGHJKLMNPQRSTVWXZ"])
    serial: str = Field(examples=["D20261121-7KQ3XTMB-4"])
    verification_code: str = Field(examples=["7KQ3XTMB94HRWZ2C"], min_length=CODE_LENGTH)
    sha256: str = Field(description="Of the bytes, in hex", pattern="^[0-9a-f]{64}$")
    pages: int
    issued_at: datetime


class OwnDocument(Answer):
    """A document as it stands in a list."""

    document: str
    serial: str
    kind: AnyKind
    format: FormWord
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    sha256: str
    pages: int
    issued_at: datetime


class OwnDocuments(Answer):
    """Documents of a person, the latest first."""

    items: list[OwnDocument]
    next_cursor: str | None


class Period(Answer):
    """From which day to which day."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")


Amounts = dict[str, Annotated[str, yuan("A sum that the document states")]]


class CheckAnswer(Answer):
    """What anybody is told of a verification code. Of one that nobody was given all but `genuine` is null."""

    genuine: bool
    kind: AnyKind | None
    issued_on: date | None
    period: Period | None
    totals: Amounts | None = Field(description="The sums that the document states, in yuan")
    state: Literal["unchanged", "corrected"] | None
    corrected_on: date | None = Field(description="The day of the correction")


class DocumentKey(Answer):
    """A public key (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    use: Literal["sig"]
    alg: Literal["EdDSA"]
    kid: str


class DocumentKeys(Answer):
    """The public keys with which documents were signed, the newest first (RFC 7517)."""

    keys: list[DocumentKey]


def handed_out_json(made: HandedOut) -> dict[str, Any]:
    """What is answered of a document that was just made."""
    return {
        "document": made.document,
        "serial": made.serial,
        "verification_code": made.verification_code,
        "sha256": made.sha256.hex(),
        "pages": made.pages,
        "issued_at": instant(made.issued_at),
    }


def item_json(one: IssuedDocument) -> dict[str, Any]:
    """A document as it stands in a list."""
    return {
        "document": one.name,
        "serial": one.serial,
        "kind": one.of_kind.word,
        "format": one.form,
        "from": one.first.isoformat(),
        "to": one.last.isoformat(),
        "sha256": one.sha256.hex(),
        "pages": one.pages,
        "issued_at": instant(one.issued_at),
    }
