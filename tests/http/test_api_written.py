"""Days, months and years as they go out: four digits of a year, whatever the year."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from api.http.answers import ReceiptAnswer
from api.http.fields import day_text, month_text
from api.http.receipts import entry_json, instant, receipt_json
from ledger import Kind, Receipt
from ledger.book.numbers import new_book_id
from ledger.chart.kinds import ONCE_A_YEAR
from ledger.chart.parties import Party
from ledger.database.writers import _sqlite_value
from ledger.months import format_period, format_year, parse_period

BOOK = new_book_id(Party.PERSON)
PATTERN = ReceiptAnswer.model_json_schema(mode="serialization")["properties"]["period"]["anyOf"][0]["pattern"]


def receipt(kind: Kind, period: int | None, day: date = date(101, 2, 3)) -> Receipt:
    fields: dict[str, Any] = dict.fromkeys(Receipt._fields)
    numbers = ("current_year_after", "carried_over_after", "policy_version", "caller", "actor")
    fields |= dict.fromkeys(numbers, 0)
    fields |= {"book_id": BOOK, "seq": 2, "kind": kind, "period": period, "transfers": ()}
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return Receipt(**fields | {"effective_on": day, "fact_on": day, "recorded_at": at})


# what their entries answer besides stands in details of their own
TELL_MORE = {
    *(Kind.HOLD, Kind.CAPTURE, Kind.DEATH, Kind.DEATH_CORRECTION),
    *(Kind.NAME_CHANGE, Kind.ID_NUMBER, Kind.CONTACT, Kind.MERGE, Kind.SEPARATION),
}


@pytest.mark.parametrize(
    ("period", "written"),
    [
        (101, "0001-01"),
        (112, "0001-12"),
        (9912, "0099-12"),
        (20206, "0202-06"),
        (202603, "2026-03"),
        (None, None),
    ],
)
def test_a_month_of_any_year_is_a_month(period: int | None, written: str | None) -> None:
    for kind in set(Kind) - ONCE_A_YEAR - TELL_MORE:
        for write in (receipt_json, entry_json):
            told = json.loads(write(receipt(kind, period)))
            assert told["period"] == written, kind
            assert told["period"] is None or re.fullmatch(PATTERN, told["period"])
    if period is not None:
        assert format_period(period) == month_text(period) == written
        assert parse_period(format_period(period)) == period


@pytest.mark.parametrize(("year", "written"), [(1, "0001"), (101, "0101"), (999, "0999"), (2026, "2026")])
def test_a_year_is_a_year(year: int, written: str) -> None:
    for kind in ONCE_A_YEAR:
        told = json.loads(receipt_json(receipt(kind, year)))
        assert told["period"] == format_year(year) == written
        assert re.fullmatch(PATTERN, told["period"])


@pytest.mark.parametrize(
    "period", ["101", "1-01", "2026-00", "2026-13", "20263", "2026-3", "26-03", "2026-03\n"]
)
def test_what_the_document_lets_out_is_a_month_or_a_year(period: str) -> None:
    assert not re.fullmatch(PATTERN, period)


@pytest.mark.parametrize("year", [1, 99, 101, 999, 1000, 9999])
def test_days_and_instants_of_any_year(year: int) -> None:
    day = date(year, 2, 3)
    told = json.loads(receipt_json(receipt(Kind.CONTRIBUTION, 202603, day)))
    assert told["effective_on"] == told["fact_on"] == day_text(day) == f"{year:04d}-02-03"
    moment = datetime(year, 2, 3, 4, 5, 6, 7, UTC)
    assert instant(moment) == told["recorded_at"][:10] + "T04:05:06.000007Z"
    # texts that the database compares: the order of texts is the order of days
    assert _sqlite_value(moment) == f"{year:04d}-02-03 04:05:06.000007"
    assert _sqlite_value(moment.replace(microsecond=0)) == f"{year:04d}-02-03 04:05:06.000000"
    assert _sqlite_value(day) == f"{year:04d}-02-03"
