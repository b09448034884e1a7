"""The end of an enrolment is a day of it: ending it never makes it longer."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger.chart.members import MemberClass
from ledger.people.enrolments import EndEnrolment, Enrol
from ledger.posting import Posted
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.support.api_client import key, open_account, running
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World

R = RefusalCode
FIRST, LAST, DAY = date(2026, 1, 1), date(2026, 6, 30), timedelta(days=1)


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def enrolled(world: World, last: date | None = LAST) -> tuple[int, int]:
    book = world.open()
    return book, world.one(Enrol(book, MemberClass.ACTIVE, None, FIRST, last)).seq


@pytest.mark.parametrize("to", [LAST + DAY, date(2070, 12, 31)])
def test_it_is_not_made_longer(world: World, to: date) -> None:
    refused = world.post(EndEnrolment(*enrolled(world), to))[0]
    assert isinstance(refused, Refused)
    assert (refused.code, refused.at) == (R.PERIOD_INVALID, "valid_to")
    assert refused.facts == {"earliest": FIRST, "latest": LAST}


@pytest.mark.parametrize("to", [FIRST, LAST - DAY, LAST])
def test_it_ends_on_a_day_of_it(world: World, to: date) -> None:
    assert world.posted(EndEnrolment(*enrolled(world), to)).created
    assert verify(world.engine).findings == []


def test_one_without_a_last_day_ends_ahead_too(world: World) -> None:
    assert world.posted(EndEnrolment(*enrolled(world, None), date(2070, 12, 31))).created


def test_a_wrong_end_is_put_right_within_what_was_enrolled(world: World) -> None:
    book, seq = enrolled(world)
    wrong = world.one(EndEnrolment(book, seq, FIRST))
    assert world.refusal(EndEnrolment(book, wrong.seq, LAST + DAY)) == R.PERIOD_INVALID
    better = world.one(EndEnrolment(book, wrong.seq, LAST - DAY))
    assert world.refusal(EndEnrolment(book, better.seq, LAST + DAY)) == R.PERIOD_INVALID
    assert world.posted(EndEnrolment(book, better.seq, LAST)).created
    # and of one that had no last day, to any
    book, seq = enrolled(world, None)
    wrong = world.one(EndEnrolment(book, seq, FIRST))
    assert world.posted(EndEnrolment(book, wrong.seq, LAST + DAY)).created


def test_in_one_batch(world: World) -> None:
    book = world.open()
    first, end, longer = world.post(
        Enrol(book, MemberClass.ACTIVE, None, FIRST, LAST),
        EndEnrolment(book, 2, FIRST),
        EndEnrolment(book, 3, LAST + DAY),
    )
    assert isinstance(first, Posted)
    assert isinstance(end, Posted)
    assert (first.receipt.seq, end.receipt.seq) == (2, 3)
    assert getattr(longer, "code", None) == R.PERIOD_INVALID


def test_a_resident_s(world: World) -> None:
    enrolling = Clinic(world).enrolling(SomeoneFactory())
    enrolling.valid_to = LAST
    there = world.one(enrolling)
    assert world.refusal(EndEnrolment(there.book_id, there.seq, LAST + DAY)) == R.PERIOD_INVALID
    assert world.posted(EndEnrolment(there.book_id, there.seq, LAST)).created


def test_over_http(engine: Engine, tmp_path: Path) -> None:
    with running(engine, tmp_path) as client:
        account = open_account(client, opened_on="2020-01-01")["account_no"]
        body = {"member_class": "active", "from": "2026-01-01", "to": "2026-06-30"}
        there = client.post(f"/v1/accounts/{account}/enrolments", json=body, headers=key()).json()
        path = f"/v1/enrolments/{there['enrolment']}/end"
        answer = client.post(path, json={"to": "2070-12-31"}, headers=key())
        assert (answer.status_code, answer.json()["code"]) == (422, "period_invalid")
        assert [one["pointer"] for one in answer.json()["errors"]] == ["/to"]
