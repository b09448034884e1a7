"""A bill as JSON: its lines, the declared cause, and what else decides who pays it.

As everywhere, an amount that is a string passes here: whether it can be is for the command to say, at its
place among the refusals.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BeforeValidator,
    Field,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from api.http.fields import NONE_SUCH, Amount, CareWord, Day, SourceRef, Strict, Total, _known
from ledger import Bill, RefusalCode, Refused
from ledger.care.rows import BillLine, Cause
from ledger.chart.care import CARE_WORDS, CAUSE_WORDS, Filing
from ledger.id_forms import OLD_LENGTH, holds_id_number
from ledger.money import parse_yuan
from ledger.policy import RATE_SCALE

LINES_MAX: Final = 20_000
RATIO_PATTERN: Final = r"^(0(\.[0-9]{1,4})?|1(\.0{1,4})?)$"


UNKNOWN_CAUSE: Final = "unknown"
"""An injury of which nobody knows the cause yet: nothing is settled, the agency opens a case (R45)."""


CauseWord = Literal["work_injury", "third_party", "public_health", "abroad", "unknown"]
FilingWord = Literal["none", "referred", "emergency", "long_term"]
LineClass = Annotated[Literal["A", "B", "C"], _known(("A", "B", "C"), RefusalCode.LINE_CLASS_UNKNOWN)]

_match_ratio = re.compile(RATIO_PATTERN).fullmatch
_LINE: Final = frozenset({"item", "class", "amount", "over_limit", "self_pay_ratio"})
_CLASSES: Final = frozenset("ABC")
_ITEM_MAX: Final = 64


@lru_cache(maxsize=1024)
def _parts(text: str) -> int | None:
    if _match_ratio(text) is None:
        return None
    whole, _, decimals = text.partition(".")
    scale: int = 10 ** len(decimals)
    return int(whole) * RATE_SCALE + int(decimals or "0") * RATE_SCALE // scale


def read_ratio(value: object) -> int:
    """A share of 0 to 1 with at most four decimals, in parts per RATE_SCALE."""
    parts = _parts(value) if isinstance(value, str) and len(value) <= len("0.1234") else None
    if parts is None:
        wanted = 'a share of 0 to 1 as a string with at most four decimals, such as "0.10"'
        raise PydanticCustomError(RefusalCode.SHAPE_INVALID.value, wanted)
    return parts


Ratio = Annotated[
    int,
    BeforeValidator(read_ratio),
    WithJsonSchema({
        "type": "string", "pattern": RATIO_PATTERN, "description": "A share of 0 to 1", "examples": ["0.10"],
    }),
]  # fmt: skip


class BillLineFields(Strict):
    """A line of a bill. `self_pay_ratio` is the person's own share of class B, which comes off first."""

    item: SourceRef
    line_class: LineClass = Field(alias="class")
    amount: Amount
    over_limit: Amount = Field(
        0,
        description="What of the amount is above the price limit",
        json_schema_extra={"default": "0.00"},
    )
    self_pay_ratio: Ratio = Field(0, json_schema_extra={"default": "0"})

    def line(self) -> BillLine:
        """The line; of an amount that is none where one of its amounts can be none."""
        if self.amount is None:
            return BillLine(self.item, self.line_class, NONE_SUCH)
        if self.over_limit is None:
            return BillLine(self.item, self.line_class, NONE_SUCH, NONE_SUCH)
        return BillLine(self.item, self.line_class, self.amount, self.over_limit, self.self_pay_ratio)


def read_lines(value: Any, otherwise: ValidatorFunctionWrapHandler) -> tuple[BillLine, ...]:
    """The lines of a bill: read at once when they are as they should be, else by the model, which tells why.

    A model for each line takes four times as long, and most of what is sent is in order.
    """
    if type(value) is list and 0 < len(value) <= LINES_MAX:
        try:
            return tuple([_line(one) for one in value])
        except (KeyError, TypeError, AttributeError, ValueError, Refused):
            pass
    return tuple(one.line() for one in otherwise(value))


def _line(fields: dict[str, Any]) -> BillLine:
    """A line as it should be. Raises anything for another."""
    item, line_class = fields["item"], fields["class"]
    if not (
        fields.keys() <= _LINE
        and 0 < len(item) <= _ITEM_MAX
        and item.isprintable()
        and item[0] != " "
        and (len(item) < OLD_LENGTH or not holds_id_number(item))
        and line_class in _CLASSES
    ):
        raise ValueError("a line that the model has to read")
    ratio = _parts(fields.get("self_pay_ratio", "0"))
    if ratio is None:
        raise ValueError("a line that the model has to read")
    above = fields.get("over_limit", "0.00")
    return BillLine(
        item, line_class, parse_yuan(fields["amount"]), 0 if above == "0.00" else parse_yuan(above), ratio
    )


BillLines = Annotated[
    list[BillLineFields], Field(min_length=1, max_length=LINES_MAX), WrapValidator(read_lines)
]


class CauseFields(Strict):
    """Why somebody else is to bear a share of the bill. With `unknown` nothing is settled."""

    kind: CauseWord
    share: Ratio = Field(RATE_SCALE, json_schema_extra={"default": "1"})

    def cause(self) -> Cause | None:
        return None if self.kind == UNKNOWN_CAUSE else Cause(CAUSE_WORDS[self.kind], self.share)


class BillFields(Strict):
    """What a bill says of itself, whoever sends it."""

    care_type: CareWord
    care_date: Day
    lines: BillLines
    total: Total = Field(None, description="What the sender thinks the lines come to")
    hospital_share: Total = Field(None, description="What the institution bears itself")
    injury: bool = Field(False, description="Of an injury: then the cause is to be declared")
    cause: CauseFields | None = None
    again: bool = Field(
        False, description="The institution's word that it is another bill than one that is alike"
    )

    @property
    def cause_is_unknown(self) -> bool:
        """An injury whose cause nobody knows: `bill` makes it one without a declared cause."""
        return self.cause is not None and self.cause.kind == UNKNOWN_CAUSE

    def bill(
        self, *, use_account: bool = True, filing: Filing | None = None, bill_no: str | None = None
    ) -> Bill:
        """The bill for a command. One with a sum that can be none has no lines, and is refused as such."""
        amounts_can_be = NONE_SUCH not in {self.total, self.hospital_share}
        return Bill(
            CARE_WORDS[self.care_type],
            self.care_date,
            self.lines if amounts_can_be else (),  # type: ignore[arg-type]  # read_lines has made them so
            use_account,
            filing,
            None if self.cause is None else self.cause.cause(),
            self.injury or self.cause_is_unknown,
            self.hospital_share or 0,
            self.total,
            bill_no,
            self.again,
        )
