"""The same enrolment sent again, under whatever key and in whatever order, is the one that is there."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.chart.members import MemberClass
from ledger.contributions.declarations import Declare
from ledger.people.enrolments import EndEnrolment, Enrol
from ledger.posting import Posted
from ledger.refusals import RefusalCode
from ledger.verify import verify
from tests.support.api_client import key, open_account, running
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World
from tests.support.units import Unit

R = RefusalCode
ACTIVE, RETIRED, FLEXIBLE = MemberClass.ACTIVE, MemberClass.RETIRED, MemberClass.FLEXIBLE
FIRST, END = date(2026, 1, 1), date(2026, 5, 31)
DAY = timedelta(days=1)


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def rows(world: World, book: int) -> int:
    table = tables.enrolment
    with world.engine.connect() as connection:
        return connection.scalar(select(func.count()).where(table.c.book_id == book)) or 0


def enrol(world: World, book: int, *args: Any, first: date = FIRST, last: date | None = None) -> Enrol:
    member_class, employer = (*args, None)[:2] if args else (ACTIVE, None)
    return Enrol(book, member_class, employer, first, last, key=world.ref("key"))


def test_the_same_again_is_answered_with_the_first(world: World) -> None:
    book = world.open()
    first = world.posted(enrol(world, book))
    again = world.posted(enrol(world, book))
    assert (again.created, again.receipt) == (False, first.receipt)
    # the wage is no part of it
    command = enrol(world, book)
    command.wage_fen = 500_000
    assert world.posted(command).receipt == first.receipt
    assert rows(world, book) == 1


def test_what_is_another_one(world: World) -> None:
    book, unit, other = world.open(), Unit(world), Unit(world)
    world.one(enrol(world, book, ACTIVE, unit.book))
    for command in (
        enrol(world, book, ACTIVE, other.book),
        enrol(world, book, ACTIVE),
        enrol(world, book, ACTIVE, unit.book, first=FIRST - DAY),
        enrol(world, book, RETIRED, unit.book, first=END),
    ):
        assert world.posted(command).created
    assert rows(world, book) == 5


def test_ended_once_nobody_is_charged_any_more(world: World) -> None:
    unit = Unit(world)
    book = unit.hire()
    enrolled = world.one(enrol(world, book, ACTIVE, unit.book))
    assert not world.posted(enrol(world, book, ACTIVE, unit.book)).created
    ended = world.one(EndEnrolment(book, enrolled.seq, END))
    # the file of before, sent once more
    assert world.posted(enrol(world, book, ACTIVE, unit.book)).receipt == ended
    world.one(Declare(unit.book, 202605, unit.lines({book: 800_000})))
    lines = tables.declared_line.c
    after = world.one(Declare(unit.book, 202606, unit.lines({book: 800_000})))
    with world.engine.connect() as connection:
        code = connection.scalar(select(lines.code).where(lines.book_id == unit.book, lines.seq == after.seq))
    assert code == "not_enrolled"
    assert verify(world.engine).findings == []


LAST = [
    # as it stands, ended since, sent
    (None, None, None, True),
    (None, None, END, False),
    (END, None, END, True),
    (END, None, None, False),
    (END, None, END + DAY, False),
    (None, END, None, True),
    (None, END, END, True),
    (None, END, END - DAY, False),
    (END + DAY, END, END + DAY, True),
]


@pytest.mark.parametrize(("last", "ended", "sent", "there"), LAST)
def test_another_last_day_is_told(
    world: World, last: date | None, ended: date | None, sent: date | None, there: bool
) -> None:
    book = world.open()
    first = world.one(enrol(world, book, last=last))
    if ended is not None:
        world.one(EndEnrolment(book, first.seq, ended))
    was = rows(world, book)
    command = enrol(world, book, last=sent)
    if there:
        assert not world.posted(command).created
    else:
        assert world.refusal(command) == R.ENROLMENT_DIFFERS
    assert rows(world, book) == was


def test_a_file_in_every_order_twice(world: World) -> None:
    """Three enrolments of one person, one after the other, as two files have them."""
    june, august = END + DAY, date(2026, 8, 31)
    spans = [(ACTIVE, FIRST, END), (FLEXIBLE, june, august), (RETIRED, august + DAY, None)]
    for order in permutations(spans):
        book = world.open()
        for member_class, first, last in (*spans, *order):
            world.posted(enrol(world, book, member_class, first=first, last=last))
        assert rows(world, book) == 3


def test_a_class_that_was_put_right_and_back_is_a_new_word(world: World) -> None:
    book = world.open()
    assert world.posted(enrol(world, book, ACTIVE)).created
    assert world.posted(enrol(world, book, FLEXIBLE)).created
    assert world.posted(enrol(world, book, ACTIVE)).created
    assert not world.posted(enrol(world, book, ACTIVE)).created


def test_two_employers_at_once_are_told_apart(world: World) -> None:
    book, one, other = world.open(), Unit(world), Unit(world)
    for _turn in range(2):
        for unit in (one, other):
            world.posted(enrol(world, book, ACTIVE, unit.book))
    assert rows(world, book) == 2


def test_one_batch_and_many_at_once(world: World) -> None:
    book = world.open()
    outcomes = world.post(*(enrol(world, book) for _ in range(3)))
    assert [one.created for one in outcomes if isinstance(one, Posted)] == [True, False, False]
    other = world.open()
    start = threading.Barrier(4)

    def send() -> None:
        start.wait()
        world.posted(enrol(world, other))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(world, other) == 1


def test_a_resident_again(world: World) -> None:
    clinic, someone = Clinic(world), SomeoneFactory()
    first = world.posted(clinic.enrolling(someone))
    assert world.posted(clinic.enrolling(someone)).receipt == first.receipt
    grouped = clinic.enrolling(someone)
    grouped.group = "minimum_living"
    assert world.posted(grouped).created
    again = clinic.enrolling(someone)
    again.group = "minimum_living"
    assert not world.posted(again).created
    ending = clinic.enrolling(someone)
    ending.group, ending.valid_to = "minimum_living", date(2026, 12, 31)
    assert world.refusal(ending) == R.ENROLMENT_DIFFERS
    next_year = clinic.enrolling(someone)
    next_year.valid_from = date(2027, 1, 1)
    assert world.posted(next_year).created
    assert verify(world.engine).findings == []


def test_over_http(engine: Engine, tmp_path: Path) -> None:
    with running(engine, tmp_path) as client:
        person = open_account(client, opened_on="2020-01-01")
        path = f"/v1/accounts/{person['number']}/enrolments"
        body = {"member_class": "active", "from": "2026-01-01"}
        first = client.post(path, json=body, headers=key())
        again = client.post(path, json=body, headers=key())
        assert (first.status_code, again.status_code) == (201, 201)
        assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
        differs = client.post(path, json=body | {"to": "2026-05-31"}, headers=key())
        assert (differs.status_code, differs.json()["code"]) == (409, "enrolment_differs")
        assert [one["pointer"] for one in differs.json()["errors"]] == ["/to"]
        end = client.post(
            f"/v1/enrolments/{first.json()['enrolment']}/end", json={"to": "2026-05-31"}, headers=key()
        )
        assert end.status_code == 201
        late = client.post(path, json=body, headers=key())
        assert (late.status_code, late.json()["to"]) == (201, "2026-05-31")
        assert late.json()["enrolment"] == first.json()["enrolment"]
