"""Residents: insured without an account, their premium subsidised by group (E40, R69)."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from ledger import tables
from ledger.book.detail import unpack
from ledger.book.numbers import account_no, new_book_id
from ledger.chart.parties import Party
from ledger.people.persons import stake_by_number
from ledger.people.residents import EnrolResident, resident_ref
from ledger.posting import Posted
from ledger.refusals import RefusalCode
from tests.support.api_client import id_number, key, running
from tests.support.people import AREA, Someone, SomeoneFactory, World


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def enrol(
    world: World,
    person: Someone,
    group: str | None = None,
    first: date = date(2026, 1, 1),
    *,
    name: str | None = None,
    key: str | None = None,
) -> EnrolResident:
    claim, _ = stake_by_number(person.id_number, name or person.name, world.keyring, world.today)
    numbers = tuple(new_book_id(Party.RESIDENT) for _ in range(4))
    return EnrolResident(resident_ref(claim.digest), (claim,), numbers, AREA, group, first, key=key)


@pytest.mark.parametrize(
    ("group", "own_part", "subsidy"),
    [
        (None, 40_000, 0),
        ("minor", 20_000, 20_000),
        ("low_income_elderly", 20_000, 20_000),
        ("minimum_living", 0, 40_000),
        ("severely_disabled", 0, 40_000),
    ],
)
def test_the_own_part_and_the_subsidy_make_the_premium(
    world: World, group: str | None, own_part: int, subsidy: int
) -> None:
    told = unpack(world.one(enrol(world, SomeoneFactory(), group)).detail)
    assert (told["own_part"], told["subsidy"], told["premium"]) == (own_part, subsidy, 40_000)


def test_a_resident_has_a_book_and_no_account(world: World) -> None:
    person = SomeoneFactory()
    book = world.one(enrol(world, person)).book_id
    assert account_no(book).startswith("R")
    account = world.open(person)
    assert account_no(account).startswith("P")
    # the account does not hide the resident's book, nor the other way round
    assert world.one(enrol(world, person, "minor", date(2026, 7, 1))).book_id == book


def test_the_same_person_enrolled_twice_has_one_book(world: World) -> None:
    person = SomeoneFactory()
    outcomes = world.post(enrol(world, person), enrol(world, person, "minor", date(2026, 7, 1)))
    books = {outcome.receipt.book_id for outcome in outcomes if isinstance(outcome, Posted)}
    assert len(books) == 1
    assert len(outcomes) == 2


def test_a_repeated_request_is_one_enrolment(world: World) -> None:
    person = SomeoneFactory()
    first = world.posted(enrol(world, person, key="one"))
    again = world.posted(enrol(world, person, key="one"))
    assert again.replayed
    assert again.receipt.seq == first.receipt.seq


def test_what_cannot_be_is_refused(world: World) -> None:
    person = SomeoneFactory()
    assert world.refusal(enrol(world, person, "heroes")) is RefusalCode.SHAPE_INVALID
    assert world.refusal(enrol(world, person, None, date(1980, 1, 1))) is RefusalCode.PERIOD_INVALID
    world.one(enrol(world, person))
    other = enrol(world, person, name="另一人")
    assert world.refusal(other) is RefusalCode.ACCOUNT_EXISTS_OTHER_PERSON


def test_the_database_gives_a_resident_no_pocket(world: World) -> None:
    book = world.one(enrol(world, SomeoneFactory())).book_id
    table = tables.book
    with world.engine.connect() as connection, pytest.raises(DBAPIError, match="only_persons_have_pockets"):
        connection.execute(table.update().where(table.c.book_id == book).values(current_year=1))
    with world.engine.connect() as connection:
        row = connection.execute(select(table.c.current_year).where(table.c.book_id == book)).scalar_one()
    assert row == 0


def test_over_the_api(engine: Engine, tmp_path: Path) -> None:
    body = {
        "id_number": id_number(),
        "name": "李小明",
        "area": "990100",
        "group": "minor",
        "from": "2026-01-01",
    }
    with running(engine, tmp_path) as client:
        headers = key()
        answer = client.post("/v1/residents", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        assert (told["premium"], told["own_part"], told["subsidy"]) == ("400.00", "200.00", "200.00")
        again = client.post("/v1/residents", json=body, headers=headers)
        assert (again.json(), again.headers["Idempotent-Replayed"]) == (told, "true")
        # there is no account behind the number
        assert client.get(f"/v1/accounts/{body['id_number']}").status_code == 404
        assert client.get(f"/v1/accounts/{told['resident_no']}").status_code == 404
        wrong = client.post("/v1/residents", json=body | {"group": "heroes"}, headers=key())
        assert (wrong.status_code, wrong.json()["code"]) == (422, "shape_invalid")
