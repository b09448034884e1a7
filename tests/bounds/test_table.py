"""Every day and month that anybody can send stands in one row of the table, and in no other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from api.operations.bulk_commands import READERS
from ledger.__main__ import app
from ledger.bounds.bound import SINCE, Bound, Edge, before_its_month
from ledger.bounds.table import ENDS_ON, OPENED_ON, RECEIVED_ON, TABLE
from ledger.imports import KINDS
from ledger.months import PERIOD_PATTERN, first_day, is_period, next_period, period_of
from tests.support.openapi import DOCUMENT

SCHEMAS = DOCUMENT["components"]["schemas"]
# what a day, a month or a year is called, wherever it is sent
CALLED_SO = re.compile(
    r"(.*_)?(on|at|date|day|month|period|year|from|to|by|since|until|today|as_of|as_known)", re.IGNORECASE
).fullmatch
# what is called so and is none
NO_DAYS = {
    "POST /v1/transfers current_year",
    "POST /v1/accounts current_year",
    "bulk open current_year",
    "bulk transfer current_year",
    "file accounts opening_current_year",
    "file announcements current_year",
    "POST /v1/third-party-cases/{case}/advance paid_to",
    "POST /v1/estates disqualified_by",
    "POST /v1/estates signed_by",
    "POST /v1/estates/{estate}/disputes by",
    "POST /v1/employers/{employer}/staff-moves to",
    "command verify SINCE",
    *(f"command {name} BY" for name in ("import", "declare", "correct", "keys")),
    *(f"POST /v1/{cases} {name}" for cases in ("cases", "me/cases") for name in ("reply_to", "objects_to")),
}


# -- what there is -----------------------------------------------------------------------------------------


def fields(
    schema: dict[str, Any], name: str, seen: tuple[str, ...] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every plain field below a schema, by the last name on its way."""
    if (ref := schema.get("$ref")) is not None:
        if ref not in seen:
            yield from fields(SCHEMAS[ref.rsplit("/", 1)[-1]], name, (*seen, ref))
        return
    for other in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from fields(other, name, seen)
    for called, one in schema.get("properties", {}).items():
        yield from fields(one, called, seen)
    if isinstance(schema.get("items"), dict):
        yield from fields(schema["items"], name, seen)
    if schema.get("type") in {"string", "integer"}:
        yield name, schema


def is_dated(name: str, schema: dict[str, Any]) -> bool:
    """By its form, or by what it is called."""
    by_form = schema.get("format") in {"date", "date-time"} or schema.get("pattern") == PERIOD_PATTERN
    return by_form or CALLED_SO(name) is not None


def sent_over_http() -> Iterator[str]:
    for path, operations in DOCUMENT["paths"].items():
        if path == "/v1/bulk":
            continue
        for method, operation in operations.items():
            found = [
                one
                for parameter in operation.get("parameters", ())
                for one in fields(parameter["schema"], parameter["name"])
            ]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                found += fields(content.get("schema", {}), "")
            yield from (f"{method.upper()} {path} {name}" for name, one in found if is_dated(name, one))


def sent_in_bulk() -> Iterator[str]:
    for verb, reader in READERS.items():
        schema = reader.model.model_json_schema(ref_template="#/components/schemas/{model}")
        yield from (f"bulk {verb} {name}" for name, one in fields(schema, "") if is_dated(name, one))


def sent_in_files() -> Iterator[str]:
    for kind in KINDS.values():
        yield from (
            f"file {kind.name} {column}" for column in (*kind.required, *kind.optional) if CALLED_SO(column)
        )


def sent_on_the_command_line() -> Iterator[str]:
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        for parameter in command.params:
            if CALLED_SO(parameter.name or ""):
                yield f"command {name} {(parameter.name or '').upper()}"


def everywhere() -> set[str]:
    return {*sent_over_http(), *sent_in_bulk(), *sent_in_files(), *sent_on_the_command_line()} - NO_DAYS


def test_every_place_that_takes_a_day_stands_in_the_table() -> None:
    told = [place for bound in TABLE.values() for place in bound.sent]
    assert everywhere() - set(told) == set(), "a day without a bound"
    assert set(told) - everywhere() == set(), "a bound of what nobody can send"
    assert [place for place, times in Counter(told).items() if times > 1] == []


def test_the_walk_finds_what_there_is() -> None:
    """What it is called and what it looks like are both looked at; a place of each kind is there."""
    found = everywhere()
    for place in (
        "POST /v1/accounts opened_on",
        "POST /v1/employers/{employer}/declarations period",
        "GET /v1/accounts/{account}/balance as_known",
        "POST /v1/year-ends/{year} year",
        "bulk open birth_date",
        "bulk freeze to",
        "file receipts received_on",
        "command retiree-credits MONTH",
        "command sample TODAY",
    ):
        assert place in found
    assert len(found) > 90
    of_requests = {*sent_over_http(), *sent_in_bulk(), *sent_in_files()}
    assert of_requests | set(sent_on_the_command_line()) >= NO_DAYS


def test_every_row_says_its_rule_and_its_edges() -> None:
    for name, bound in TABLE.items():
        assert bound.rule, name
        looks_only = all(place.startswith("GET ") for place in bound.sent)
        kept_by_another = bound.code != "period_invalid"
        assert (bound.earliest and bound.latest) or looks_only or kept_by_another or name == "SAMPLED_ON", (
            name
        )


# -- how a day is held against it ----------------------------------------------------------------------------

days = st.dates(date(1900, 1, 1), date(2200, 12, 31))


@given(days, st.integers(-2400, 2400))
def test_an_edge_is_the_same_day_of_another_month_or_the_last_one_before_it(day: date, months: int) -> None:
    moved = Edge("x", months=months).day({"x": day})
    assert moved is not None
    assert moved.year * 12 + moved.month == day.year * 12 + day.month + months
    last = (first_day(next_period(period_of(moved))) - date.resolution).day
    assert moved.day == min(day.day, last)


def test_an_edge_never_leaves_the_calendar() -> None:
    assert Edge("x", years=9000).day({"x": date(2026, 1, 31)}) == date.max
    assert Edge("x", years=-9000).day({"x": date(2026, 1, 31)}) == date.min
    assert Edge("x").day({"x": None}) is None


def test_an_edge_that_nothing_is_said_of_is_a_bug_and_not_a_bound_less() -> None:
    with pytest.raises(KeyError, match="rates"):
        OPENED_ON.span(date(2026, 11, 21), birth=None)


def test_the_narrowest_edges_count() -> None:
    today = date(2026, 11, 21)
    assert OPENED_ON.span(today, birth=None, rates=date(1980, 1, 1)) == (SINCE, today)
    assert OPENED_ON.span(today, birth=date(1991, 5, 6), rates=date(1980, 1, 1))[0] == date(1991, 5, 6)
    assert OPENED_ON.span(today, birth=date(1991, 5, 6), rates=date(2000, 1, 1))[0] == date(2000, 1, 1)
    assert ENDS_ON.span(date(2024, 2, 29), beginning=date(2024, 1, 1))[1] == date(2074, 2, 28)


@given(st.integers(1992 * 12, 2100 * 12), st.integers(-430, 40))
def test_money_before_its_month_is_told_alike_in_short_and_in_full(month: int, days: int) -> None:
    period = month // 12 * 100 + month % 12 + 1
    assert is_period(period)
    day = first_day(period) + timedelta(days)
    earliest = RECEIVED_ON.span(date.max, month=first_day(period))[0]
    assert before_its_month(day, period) == (day < earliest)


@pytest.mark.parametrize(
    ("day", "before"), [(date(2025, 3, 1), False), (date(2025, 2, 28), True), (date(2026, 3, 31), False)]
)
def test_money_of_twelve_months_before_is_taken_and_no_older(day: date, before: bool) -> None:
    assert before_its_month(day, 202603) is before


def test_a_bound_without_edges_takes_every_day() -> None:
    nothing = Bound(rule="none", sent=())
    assert nothing.span(date(2026, 1, 1)) == (date.min, date.max)
    nothing.admit(date.min, date(2026, 1, 1), "x")
    assert nothing.admit_month(101, date(2026, 1, 1), "x") == 101
