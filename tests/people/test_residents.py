"""Residents: insured without an account, their premium subsidised by group (E40, R69)."""

import itertools
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
from ledger.people.resident_premiums import is_of_age_for
from ledger.people.residents import EnrolResident, resident_ref
from ledger.posting import Posted
from ledger.refusals import RefusalCode
from tests.support.api_client import key, running
from tests.support.people import AREA, Someone, SomeoneFactory, World
from tests.support.people import id_number as number_of

_numbers = itertools.count(1)


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


def born(day: date) -> Someone:
    """Somebody born on a day."""
    return Someone(number_of(next(_numbers), born=day), "李小明")


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
    """E40, and the other groups."""
    of_age = {"minor": date(2015, 6, 1), "low_income_elderly": date(1960, 6, 1)}
    person = born(of_age.get(group or "", date(1990, 6, 1)))
    told = unpack(world.one(enrol(world, person, group)).detail)
    assert (told["own_part"], told["subsidy"], told["premium"]) == (own_part, subsidy, 40_000)
    with world.engine.connect() as connection:
        assert group in set(connection.scalars(select(tables.enrolment.c.subsidy_group)))


def test_a_resident_has_a_book_and_no_account(world: World) -> None:
    person = SomeoneFactory()
    book = world.one(enrol(world, person)).book_id
    assert account_no(book).startswith("R")
    account = world.open(person)
    assert account_no(account).startswith("P")
    # the account does not hide the resident's book, nor the other way round
    assert world.one(enrol(world, person, "minimum_living", date(2026, 7, 1))).book_id == book


def test_the_same_person_enrolled_twice_has_one_book(world: World) -> None:
    person = SomeoneFactory()
    outcomes = world.post(enrol(world, person), enrol(world, person, "severely_disabled", date(2026, 7, 1)))
    books = {outcome.receipt.book_id for outcome in outcomes if isinstance(outcome, Posted)}
    assert len(books) == 1
    assert len(outcomes) == 2


AGES = {
    "17 and the last day": ("minor", date(2008, 1, 2), True),
    "18 today": ("minor", date(2008, 1, 1), False),
    "18 for a day": ("minor", date(2007, 12, 31), False),
    "born on that day": ("minor", date(2026, 1, 1), True),
    "59 and the last day": ("low_income_elderly", date(1966, 1, 2), False),
    "60 today": ("low_income_elderly", date(1966, 1, 1), True),
    "60 for a day": ("low_income_elderly", date(1965, 12, 31), True),
    "a hundred": ("low_income_elderly", date(1920, 1, 1), True),
    "a child who is disabled": ("severely_disabled", date(2020, 1, 1), True),
    "an old one with little": ("minimum_living", date(1940, 1, 1), True),
    "no group": (None, date(1990, 1, 1), True),
}


@pytest.mark.parametrize(("group", "born_on", "taken"), AGES.values(), ids=AGES)
def test_a_group_by_age_is_held_against_the_id_number(
    world: World, group: str | None, born_on: date, taken: bool
) -> None:
    command = enrol(world, born(born_on), group)
    if taken:
        world.one(command)
    else:
        assert world.refusal(command) is RefusalCode.ID_MISMATCH


def test_who_was_born_on_a_leap_day_comes_of_age_in_march() -> None:
    leap_day = date(2008, 2, 29)
    assert is_of_age_for("minor", leap_day, date(2026, 2, 28))
    assert not is_of_age_for("minor", leap_day, date(2026, 3, 1))


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
        "id_number": born(date(2015, 6, 1)).id_number,
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
        grown = client.post("/v1/residents", json=body | {"from": "2033-06-01"}, headers=key())
        assert (grown.status_code, grown.json()["code"]) == (422, "id_mismatch")
        old = client.post("/v1/residents", json=body | {"group": "low_income_elderly"}, headers=key())
        assert (old.status_code, old.json()["code"]) == (422, "id_mismatch")
        assert [one["pointer"] for one in old.json()["errors"]] == ["/group"]
