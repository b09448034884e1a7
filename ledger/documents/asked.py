"""What somebody asks to have printed, and whether that can be. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

from ledger.bounds.looks import PRINTED_ON, STATED_YEAR
from ledger.chart.documents import DocumentKind
from ledger.refusals import RefusalCode, Refused

K = DocumentKind

OF_ACCOUNT: Final = (
    K.PAYMENT_LIST,
    K.ACCOUNT_LIST,
    K.INSURED_PROOF,
    K.YEARLY_STATEMENT,
    K.SETTLEMENT_SHEET,
    K.ANNUAL_SETTLEMENT,
)
"""What is printed of a person."""

OF_EMPLOYER: Final = (K.PAYMENT_LIST, K.STAFF_LIST)
"""What is printed of an employer."""

_FIELDS: Final = ("from", "to", "year", "settlement")
_SPAN: Final = frozenset({"from", "to"})
# what of the four each kind needs; those with a period that may be left out come with both days or neither
_NEEDS: Final[Mapping[DocumentKind, frozenset[str]]] = {
    K.PAYMENT_LIST: _SPAN,
    K.ACCOUNT_LIST: _SPAN,
    K.INSURED_PROOF: _SPAN,
    K.YEARLY_STATEMENT: frozenset({"year"}),
    K.SETTLEMENT_SHEET: frozenset({"settlement"}),
    K.ANNUAL_SETTLEMENT: frozenset({"year"}),
    K.STAFF_LIST: _SPAN,
}
_WITHOUT: Final = frozenset({K.INSURED_PROOF, K.STAFF_LIST})


class Asked(NamedTuple):
    """What is asked for. Without `first` and `last` a proof and a staff list mean today."""

    kind: DocumentKind
    first: date | None = None
    last: date | None = None
    year: int | None = None
    settlement: str | None = None
    # the ID number whole
    full_number: bool = False


class Span(NamedTuple):
    """From which day to which day, both inclusive."""

    first: date
    last: date


def check_asked(asked: Asked, kinds: tuple[DocumentKind, ...]) -> None:
    """Refuse a kind that is not printed here, and what is missing or too much for a kind: shape_invalid."""
    if asked.kind not in kinds:
        raise Refused(RefusalCode.SHAPE_INVALID, at="kind")
    given = {
        name
        for name, value in zip(_FIELDS, (asked.first, asked.last, asked.year, asked.settlement), strict=True)
        if value is not None
    }
    needed = _NEEDS[asked.kind]
    if asked.kind in _WITHOUT and not given:
        return
    for name in _FIELDS:
        if (name in needed) is not (name in given):
            raise Refused(RefusalCode.SHAPE_INVALID, at=name)


def span_of(asked: Asked, opened_on: date, today: date) -> Span:
    """The days that a document with a period is about. Raises Refused(period_invalid)."""
    if asked.first is None or asked.last is None:
        return Span(opened_on if asked.kind is K.INSURED_PROOF else today, today)
    for day, at in ((asked.first, "from"), (asked.last, "to")):
        PRINTED_ON.admit(day, today, at, opening=opened_on)
    if asked.first > asked.last:
        raise Refused(RefusalCode.PERIOD_INVALID, at="to", earliest=asked.first, latest=today)
    return Span(asked.first, asked.last)


def year_of(asked: Asked, opened_on: date, today: date) -> Span:
    """The days of a document's year, as far as it has been. Raises Refused(period_invalid)."""
    year = asked.year
    if year is None:
        raise AssertionError("the kind has a year")
    STATED_YEAR.admit_year(year, today, "year", opening=opened_on)
    return Span(max(date(year, 1, 1), opened_on), min(date(year, 12, 31), today))
