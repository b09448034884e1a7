"""The fields of requests: how amounts, days, instants and texts stand in JSON, and what they become.

An amount or a period that is a string always passes here: whether it can be is for the command to say, at
its place among the refusals. What is no string has the wrong shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from ledger import KIND_WORDS, Kind, RefusalCode, Refused
from ledger.id_forms import holds_id_number
from ledger.money import AMOUNT_PATTERN, format_yuan, parse_yuan
from ledger.months import PERIOD_PATTERN, format_period, parse_period
from ledger.people.id_numbers import ID_NUMBER_PATTERN
from ledger.shares import SHARE_TEXT_MAX
from ledger.texts import (
    EMPLOYER_NAME_MAX,
    INSTITUTION_CODE_MAX,
    NAME_MAX,
    PROSE_PATTERN,
    SOURCE_REF_MAX,
    TEXT_PATTERN,
    VISIBLE_PATTERN,
    is_cash,
    is_name,
    parse_area,
    parse_day,
    read_name,
    read_text,
)

AMOUNT_EXAMPLE: Final = "128.50"
INSTANT_PATTERN: Final = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
_match_instant = re.compile(INSTANT_PATTERN, re.ASCII).fullmatch


def _wrong(code: RefusalCode, wanted: str) -> PydanticCustomError:
    return PydanticCustomError(code.value, wanted)


def _shape(wanted: str) -> PydanticCustomError:
    return _wrong(RefusalCode.SHAPE_INVALID, wanted)


def read_amount(value: object) -> int | None:
    """An amount in fen; None for a string that is none."""
    if not isinstance(value, str):
        raise _wrong(RefusalCode.AMOUNT_INVALID, 'a decimal string with two digits, such as "128.50"')
    try:
        return parse_yuan(value)
    except Refused:
        return None


def read_period(value: object) -> int | None:
    """A month as YYYYMM; None for a string that is none."""
    if not isinstance(value, str):
        raise _shape('a month, such as "2026-03"')
    return parse_period(value)


def read_day(value: object) -> date:
    """A day, ISO 8601 with hyphens and nothing else."""
    day = parse_day(value) if isinstance(value, str) else None
    if day is None:
        raise _shape('a day that exists, such as "2026-03-31"')
    return day


def read_instant(value: object) -> datetime:
    """An instant, RFC 3339 with its offset, in UTC."""
    if isinstance(value, str) and _match_instant(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise _shape('an instant with offset, such as "2026-03-31T12:00:00+08:00"')


def not_cash(code: str) -> str:
    """The code of an institution, which is not what cash is called."""
    if is_cash(code):
        raise _wrong(RefusalCode.CASH_FORBIDDEN, "account money is never paid as cash")
    return code


def named(name: str) -> str:
    """A name that names somebody."""
    if not is_name(name):
        raise _wrong(
            RefusalCode.NAME_INVALID, "a name of whole characters, without ? * < > \u25a1 and other signs"
        )
    return name


def _numberless(text: str | None) -> str | None:
    if text is not None and holds_id_number(text):
        raise _wrong(RefusalCode.PERSONAL_DATA_IN_TEXT, _NUMBERLESS)
    return text


def _numberless_when_new(text: str, info: ValidationInfo) -> str:
    # what was taken before there was the rule is answered again; posting sees to it that it is nothing new
    if info.context is not ON_RECORD and holds_id_number(text):
        raise _wrong(RefusalCode.PERSONAL_DATA_IN_TEXT, _NUMBERLESS)
    return text


_NUMBERLESS: Final = "a text without an ID number in it"
ON_RECORD: Final[dict[str, object]] = {}
"""The context in which a request is read that may be on record with an ID number in a text."""
NUMBERLESS: Final = AfterValidator(_numberless)
"""Of a text or a reference: no ID number stands in it. Every such field has this one, or"""
NUMBERLESS_WHEN_NEW: Final = AfterValidator(_numberless_when_new)
"""this one, where its command carries it in clear: then posting looks at it too, behind what is on record."""


def read_area(value: object) -> int:
    """The code of an area, six digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    area = parse_area(value) if isinstance(value, str) else None
    if area is None:
        raise _shape('the six digits of an area, such as "990100"')
    return area


def read_count(value: object) -> int:
    """A number in a query: plain digits."""
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    raise _shape("a number")


def read_whole(value: object) -> object:
    """A whole number in a body: 3.0 is one too, as JSON has it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def read_kind(value: object) -> Kind | None:
    """A kind of entry by its word."""
    if value is None or isinstance(value, Kind):
        return value
    found = KIND_WORDS.get(value) if isinstance(value, str) else None
    if found is None:
        raise _shape("a kind of entry")
    return found


def read_share(value: object) -> str | None:
    """A share as the caller wrote it; whether the shares make a whole is judged together."""
    if value is None or isinstance(value, str):
        return value
    raise _wrong(RefusalCode.SHARES_INVALID, 'a share as a string, such as "1/3" or "0.25"')


def _published(kind: str, **more: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": kind} | more)


def _read(longest: int, how: Callable[[str, int], str | None]) -> BeforeValidator:
    wanted = f"1 to {longest} characters that can be printed"

    def read(value: object) -> str:
        text = how(value, longest) if isinstance(value, str) else None
        if text is None:
            raise _shape(wanted)
        return text

    return BeforeValidator(read)


def _identifying(longest: int) -> WithJsonSchema:
    return _published("string", minLength=1, maxLength=longest, pattern=TEXT_PATTERN)


Amount = Annotated[
    int | None,
    BeforeValidator(read_amount),
    _published(
        "string", pattern=AMOUNT_PATTERN, description="Yuan with two digits", examples=[AMOUNT_EXAMPLE]
    ),
]
Period = Annotated[
    int | None,
    BeforeValidator(read_period),
    _published("string", pattern=PERIOD_PATTERN, description="A month", examples=["2026-03"]),
]
Day = Annotated[date, BeforeValidator(read_day), _published("string", format="date", examples=["2026-03-31"])]
Instant = Annotated[
    datetime,
    BeforeValidator(read_instant),
    _published("string", format="date-time", examples=["2026-12-31T18:00:00+08:00"]),
]
Area = Annotated[
    int,
    BeforeValidator(read_area),
    _published("string", pattern="^[0-9]{6}$", description="The code of an area", examples=["990100"]),
]
Share = Annotated[
    str | None,
    BeforeValidator(read_share),
    WithJsonSchema({
        "anyOf": [{"type": "string", "maxLength": SHARE_TEXT_MAX}, {"type": "null"}],
        "description": 'A fraction "1/3" or a decimal "0.25"; all heirs have one, or none',
    }),
]  # fmt: skip
KindFilter = Annotated[
    Kind | None,
    BeforeValidator(read_kind),
    _published("string", enum=list(KIND_WORDS), description="Only entries of this kind"),
]
Whole = Annotated[int, BeforeValidator(read_whole)]
# the bound stands before the reader: behind it, and beside another type, no document would tell it
Count = Annotated[int, Field(ge=0), BeforeValidator(read_whole)]
SourceRef = Annotated[
    str, _read(SOURCE_REF_MAX, read_text), NUMBERLESS_WHEN_NEW, _identifying(SOURCE_REF_MAX)
]
InstitutionCode = Annotated[
    str,
    _read(INSTITUTION_CODE_MAX, read_text),
    AfterValidator(not_cash),
    _identifying(INSTITUTION_CODE_MAX),
]
Name = Annotated[str, _read(NAME_MAX, read_name), AfterValidator(named), NUMBERLESS, _identifying(NAME_MAX)]
EmployerName = Annotated[
    str,
    _read(EMPLOYER_NAME_MAX, read_name),
    AfterValidator(named),
    NUMBERLESS,
    _identifying(EMPLOYER_NAME_MAX),
]
# what people read of a case: kept as it was written
_PROSE: Final = StringConstraints(strict=True, min_length=1, max_length=256, pattern=PROSE_PATTERN)
Words = Annotated[str, _PROSE, NUMBERLESS_WHEN_NEW]
# the same of what is kept sealed, so that posting sees nothing of it
SealedWords = Annotated[str, _PROSE, NUMBERLESS]
IdText = Annotated[
    str,
    StringConstraints(strict=True),
    _published(
        "string",
        pattern=ID_NUMBER_PATTERN,
        description="An ID number of 18 characters, or the old form of 15 digits",
        examples=["119999198503140015"],
    ),
]


def example(**fields: Any) -> ConfigDict:
    """The settings of a request whose OpenAPI shows these fields as its example."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Strict(BaseModel):
    """A request: nothing but the fields it names, and no type turned into another."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


Year = Annotated[int, Field(ge=1900, le=2999), BeforeValidator(read_count)]


def _known(words: tuple[str, ...], code: RefusalCode) -> BeforeValidator:
    """One of some words; another one has a code of its own."""
    wanted = f"one of {', '.join(words)}"

    def read(value: object) -> object:
        if isinstance(value, str) and value not in words:
            raise PydanticCustomError(code.value, wanted)
        return value

    return BeforeValidator(read)


CareWord = Annotated[
    Literal["outpatient", "inpatient", "pharmacy", "chronic"],
    _known(("outpatient", "inpatient", "pharmacy", "chronic"), RefusalCode.CARE_TYPE_UNKNOWN),
]


# how an institution names its messages and bills: not parsed
Visible = Annotated[str, StringConstraints(strict=True, pattern=VISIBLE_PATTERN), NUMBERLESS_WHEN_NEW]


# what was sent and is none: no amount and no month is like it, so the command refuses it at its place
NONE_SUCH: Final = -1


def read_total(value: object) -> int | None:
    """A sum in fen; None when nothing is said, NONE_SUCH for what is no amount."""
    if value is None:
        return None
    fen = read_amount(value)
    return NONE_SUCH if fen is None else fen


def _or_null(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "string"} | schema, {"type": "null"}]})


Total = Annotated[
    int | None,
    BeforeValidator(read_total),
    _or_null(pattern=AMOUNT_PATTERN, description="Yuan with two digits", examples=[AMOUNT_EXAMPLE]),
]


MonthText = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": PERIOD_PATTERN, "examples": ["2026-03"]})
]


def month_of(text: str, at: str = "period") -> int:
    """A month in a path or query as YYYYMM; `at` is its name there. Raises Refused(period_invalid)."""
    period = read_period(text)
    if period is None:
        raise Refused(RefusalCode.PERIOD_INVALID, at=at)
    return period


def month_text(period: int) -> str:
    """A month as callers see it."""
    return format_period(period)


def day_text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def yuan_text(fen: int | None) -> str | None:
    return None if fen is None else format_yuan(fen)


class Nothing(Strict):
    """No fields: the path says all."""

    model_config = example()


class End(Strict):
    """The last day of something that goes on, and why it ends."""

    model_config = example(to="2026-06-30", reason="moved back")

    last: Day = Field(alias="to")
    reason: Words
