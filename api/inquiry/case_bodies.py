"""What is sent of a case: what somebody wants, and what is answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.http.errors import Fault, ShapeRefused
from api.http.fields import NUMBERLESS, SourceRef, Strict, example
from ledger import RefusalCode
from ledger.cases.answers import CORRECTIONS_MAX, EVIDENCE_MAX
from ledger.cases.cases import REPLY_TO_MAX, TEXT_MAX
from ledger.texts import LETTER_PATTERN, TEXT_PATTERN, read_letter, read_text

R = RefusalCode
KindWord = Literal["question", "complaint", "objection", "unit_supervision"]
ChannelWord = Literal["window", "phone", "online", "kiosk", "employer", "system"]
OutcomeWord = Literal["upheld", "partly_upheld", "rejected", "answered", "withdrawn"]
CASE_PATTERN = "^[0-9a-f]{20}$"


def _read_letter(value: object) -> str:
    text = read_letter(value, TEXT_MAX) if isinstance(value, str) else None
    if text is None:
        raise PydanticCustomError(R.SHAPE_INVALID.value, f"1 to {TEXT_MAX} characters that can be printed")
    return text


def _read_reply_to(value: object) -> str | None:
    text = read_text(value, REPLY_TO_MAX) if isinstance(value, str) else None
    if text is None and value is not None:
        raise PydanticCustomError(
            R.SHAPE_INVALID.value, f"1 to {REPLY_TO_MAX} characters that can be printed"
        )
    return text


def _read_evidence(value: object) -> object:
    # one paper may be said without a list
    return [value] if isinstance(value, str) else value


Letter = Annotated[
    str,
    BeforeValidator(_read_letter),
    NUMBERLESS,
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": TEXT_MAX,
            "pattern": LETTER_PATTERN,
            "description": "What somebody reads, with its lines; something of it can be seen",
        }
    ),
]
ReplyTo = Annotated[
    str | None,
    BeforeValidator(_read_reply_to),
    NUMBERLESS,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1, "maxLength": REPLY_TO_MAX, "pattern": TEXT_PATTERN},
                {"type": "null"},
            ],
            "description": "Where the answer goes: a telephone number, an address",
        }
    ),
]
Named = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=64)]
CaseName = Annotated[str, StringConstraints(strict=True, pattern=CASE_PATTERN)]


class CaseAboutBody(Strict):
    """What a case is about: just one of these."""

    model_config = example(account="P483920174650K")

    account: Named | None = Field(None, description="An account number or ID number")
    employer: Named | None = Field(None, description="A credit code")
    entry: Named | None = Field(None, description="An entry of an account or of an employer")
    document: Named | None = Field(None, description="A printed document")

    def check(self) -> None:
        """Raise ShapeRefused unless it names just one thing."""
        if len([one for one in (self.account, self.employer, self.entry, self.document) if one]) != 1:
            raise ShapeRefused(
                [Fault(R.SHAPE_INVALID, "body", "/about", "one of account, employer, entry, document")]
            )


class NewOwnCaseBody(Strict):
    """What a person wants for themselves; without `about` it is about the person's account."""

    model_config = example(kind="question", text="我的六月缴费为什么没有到账?")

    kind: KindWord
    channel: ChannelWord | None = Field(None, description="That of the token")
    about: CaseAboutBody | None = None
    text: Letter
    reply_to: ReplyTo = None
    objects_to: CaseName | None = Field(None, description="Of an objection: the answered case")

    def check(self) -> None:
        """Raise ShapeRefused for what does not go together."""
        if self.about is not None:
            self.about.check()
        supervised = self.about is not None and (self.about.employer or self.about.account)
        if self.kind == "unit_supervision" and self.about is not None and not supervised:
            raise ShapeRefused([Fault(R.SHAPE_INVALID, "body", "/about", "an employer or an account")])
        if self.objects_to is not None and self.kind != "objection":
            raise ShapeRefused([Fault(R.SHAPE_INVALID, "body", "/objects_to", "only with an objection")])


class NewCaseBody(NewOwnCaseBody):
    """What somebody wants, and through which channel they are answered."""

    model_config = example(
        kind="complaint",
        channel="window",
        about={"account": "P483920174650K"},
        text="查询记录中有一次与我无关的查询。",
        reply_to="13900000000",
    )

    about: CaseAboutBody


class CaseAnswerBody(Strict):
    """What is answered, what it rests on, and the postings that put an error right."""

    model_config = example(
        outcome="upheld",
        text="经核查,该笔缴费已更正入账。",
        evidence=["bank statement 2026-07-16"],
        corrections=["P483920174650K-18"],
    )

    outcome: OutcomeWord
    text: Letter
    evidence: Annotated[
        list[SourceRef],
        BeforeValidator(_read_evidence),
        Field(
            default_factory=list,
            max_length=EVIDENCE_MAX,
            description="Of an objection at least one, unless it was withdrawn",
        ),
    ]
    corrections: Annotated[
        list[Named],
        Field(default_factory=list, max_length=CORRECTIONS_MAX, description="Entries that were posted since"),
    ]
