"""By the month before an employer is estimated as often in a row as the area says (R10)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger.contributions.estimates import ESTIMATES, Estimate, ReverseEstimate
from ledger.operations.left_out import named
from ledger.policy import Dated, DatedLine, PolicyError, load_policy
from ledger.posting.left_out import left_out_of
from ledger.refusals import RefusalCode, Refused
from tests.support.api_client import key, running
from tests.support.employer_client import confirm, declare, hire, new_employer
from tests.support.people import AREA, NOW, World
from tests.support.units import Unit

R = RefusalCode
MARCH, APRIL, MAY, JUNE, JULY, AUGUST, SEPTEMBER = range(202603, 202610)
WAGE = 800_000
TODAY = date(2026, 11, 20)


@pytest.fixture
def world(sound_engine: Engine) -> World:
    return World(sound_engine)


@pytest.fixture
def unit(world: World) -> Unit:
    """A unit of one person that declared March."""
    made = Unit(world)
    made.declare(MARCH, {made.hire(): WAGE}, today=TODAY)
    return made


def estimate(unit: Unit, *periods: int) -> None:
    for period in periods:
        unit.world.one(Estimate(unit.book, period), today=TODAY)


def refused(unit: Unit, period: int) -> tuple[str, object]:
    answer = unit.world.post(Estimate(unit.book, period), today=TODAY)[0]
    assert isinstance(answer, Refused), answer
    return answer.code, answer.facts.get("in_a_row")


EXHAUSTED = (R.ESTIMATES_EXHAUSTED, 3)


def test_three_in_a_row_and_no_fourth(unit: Unit) -> None:
    estimate(unit, APRIL, MAY, JUNE)
    assert unit.month(JUNE)["estimated"] == 101_156
    assert refused(unit, JULY) == EXHAUSTED
    # what the agency names is an act of the agency
    unit.world.one(Estimate(unit.book, JULY, 50_000), today=TODAY)
    assert refused(unit, AUGUST) == EXHAUSTED


def test_a_list_in_between_starts_anew(unit: Unit) -> None:
    estimate(unit, APRIL, MAY, JUNE)
    assert refused(unit, JULY) == EXHAUSTED
    unit.declare(JUNE, {unit.hire(): WAGE}, today=TODAY)
    estimate(unit, JULY, AUGUST, SEPTEMBER)
    assert refused(unit, 202610) == EXHAUSTED


def test_a_nil_list_in_between_starts_anew(unit: Unit) -> None:
    estimate(unit, APRIL, MAY, JUNE)
    unit.declare(MAY, {}, today=TODAY)
    estimate(unit, JULY, AUGUST)
    assert refused(unit, SEPTEMBER) == EXHAUSTED


def test_a_month_in_the_middle_joins_two_rows(unit: Unit) -> None:
    estimate(unit, APRIL)
    unit.world.one(Estimate(unit.book, JUNE, 50_000), today=TODAY)
    estimate(unit, JULY)
    assert refused(unit, MAY) == EXHAUSTED


def test_one_that_was_taken_back_does_not_count(unit: Unit) -> None:
    estimate(unit, APRIL, MAY)
    june = unit.world.one(Estimate(unit.book, JUNE), today=TODAY)
    unit.world.one(ReverseEstimate(unit.book, june.seq, "wrong"), today=TODAY)
    assert unit.month(JUNE).get("estimated", 0) == 0
    estimate(unit, JUNE)
    assert unit.month(JUNE)["estimated"] == 101_156
    assert refused(unit, JULY) == EXHAUSTED


def test_the_run_leaves_the_employer_out_by_name(unit: Unit) -> None:
    estimate(unit, APRIL, MAY, JUNE)
    other = Unit(unit.world)
    other.declare(JUNE, {other.hire(): WAGE}, today=TODAY)
    with unit.world.engine.connect() as connection:
        batch = ESTIMATES.run(connection, JULY, AREA, lambda: (NOW, TODAY), unit.world.policies)
        told = named(connection, left_out_of(batch.detail))
    here = [one for one in told if one["code"] == "estimates_exhausted"]
    assert len(here) >= 1
    assert all(one["in_a_row"] == "3" for one in here)
    left_out = {one.book_id for one in left_out_of(batch.detail)}
    assert unit.book in left_out
    assert other.book not in left_out
    assert (unit.month(JULY).get("estimated", 0), other.month(JULY)["estimated"]) == (0, 83_600)


def test_an_area_says_how_often_and_from_when(world: World) -> None:
    policy = world.policies[AREA]
    assert policy.estimates_in_a_row_on(date(2026, 3, 1)) == 3
    lines = tuple(
        DatedLine(since, until, value, "months", "test")
        for since, until, value in (
            (date(2026, 1, 1), date(2026, 5, 31), 1),
            (date(2026, 6, 1), date(2026, 6, 30), 0),
        )
    )
    said = replace(policy, estimates_in_a_row=Dated("contributions.estimates_in_a_row", lines))
    assert [said.estimates_in_a_row_on(date(2026, month, 1)) for month in (5, 6, 7)] == [1, 0, 3]


def test_a_file_without_a_word_of_it_says_three(world: World) -> None:
    text = world.policies[AREA].text
    head, name, rest = text.partition('[[parameter]]\nname = "contributions.estimates_in_a_row"')
    assert name
    without = load_policy(head + rest[rest.index("#") :], "990100.toml")
    assert without.estimates_in_a_row.lines == ()
    for bad in ("100", "three", "-1"):
        with pytest.raises(PolicyError, match='from "0" to "99"'):
            load_policy(
                text.replace('unit = "months"\nvalue = "3"', f'unit = "months"\nvalue = "{bad}"'), "f"
            )
    assert without.estimates_in_a_row_on(date(2026, 3, 1)) == 3


def test_over_http(engine: Engine, tmp_path: Path) -> None:
    with running(engine, tmp_path) as client:
        employer = new_employer(client)
        confirm(client, declare(client, employer, "2026-03", {hire(client): "8000.00"}))
        path = f"/v1/employers/{employer}/estimates"
        for month in ("04", "05", "06"):
            answer = client.post(path, json={"period": f"2026-{month}"}, headers=key())
            assert answer.status_code == 201, answer.text
        fourth = client.post(path, json={"period": "2026-07"}, headers=key())
        assert (fourth.status_code, fourth.json()["code"]) == (409, "estimates_exhausted")
        assert fourth.json()["facts"]["in_a_row"] == 3
        assert [one["pointer"] for one in fourth.json()["errors"]] == ["/period"]
