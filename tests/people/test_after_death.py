"""What is said of a person's life on days after the death is refused, at every door (R53, R69)."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.care.filings import RecordFiling
from ledger.care.visits import RegisterVisit
from ledger.chart.care import CareType, Filing
from ledger.chart.members import MemberClass
from ledger.contributions.retirees import CreditRetiree
from ledger.people.enrolments import EndEnrolment, Enrol
from ledger.posting import Command
from ledger.refusals import Refused
from ledger.verify import verify
from tests.accounts.test_premiums import paying
from tests.support.api_client import key, open_account, running
from tests.support.clinic import Clinic
from tests.support.people import Someone, SomeoneFactory, World
from tests.support.stories import Heir, estate, fen

DIED_ON = date(2026, 3, 1)
DAY = timedelta(days=1)
AFTER = DIED_ON + DAY
PRESENT = date(2026, 11, 20)


@pytest.fixture
def clinic(engine: Engine) -> Clinic:
    return Clinic(World(engine))


def dead(world: World) -> tuple[Someone, int]:
    someone = SomeoneFactory()
    book = world.open(someone)
    world.one(ReportDeath(book, DIED_ON, "certificate"))
    return someone, book


def stated(clinic: Clinic, someone: Someone, book: int, day: date) -> dict[str, Command]:
    """Everything that is said of somebody's life from a day on."""
    resident = clinic.enrolling(someone)
    resident.valid_from = day
    return {
        "active": Enrol(book, MemberClass.ACTIVE, None, day, None),
        "retired": Enrol(book, MemberClass.RETIRED, None, day, date(2026, 12, 31)),
        "resident": resident,
        "filing": RecordFiling(book, Filing.LONG_TERM, day, None, None),
        "visit": RegisterVisit(book, None, "H0001", CareType.INPATIENT, day),
    }


WHAT = ("active", "retired", "resident", "filing", "visit")


@pytest.mark.parametrize("what", WHAT)
def test_nothing_begins_after_the_death(clinic: Clinic, what: str) -> None:
    for day in (AFTER, PRESENT):
        command = stated(clinic, *dead(clinic.world), day)[what]
        assert clinic.world.refusal(command, today=PRESENT) == "account_deceased"


@pytest.mark.parametrize("what", WHAT)
def test_what_was_before_may_come_late(clinic: Clinic, what: str) -> None:
    command = stated(clinic, *dead(clinic.world), DIED_ON)[what]
    assert clinic.world.posted(command, today=PRESENT).created
    assert verify(clinic.world.engine).findings == []


def test_an_enrolment_of_before_is_ended_late(clinic: Clinic) -> None:
    world = clinic.world
    book = world.open()
    first = world.one(Enrol(book, MemberClass.ACTIVE, None, date(2026, 1, 1), None))
    world.one(ReportDeath(book, DIED_ON, "certificate"))
    assert world.posted(EndEnrolment(book, first.seq, date(2026, 3, 31)), today=PRESENT).created


def test_no_resident_of_whose_estate_is_divided(clinic: Clinic) -> None:
    someone, book = dead(clinic.world)
    clinic.world.one(estate(clinic.world, book, [Heir("child", "王五")], PRESENT), today=PRESENT)
    resident = stated(clinic, someone, book, AFTER)["resident"]
    assert clinic.world.refusal(resident, today=PRESENT) == "account_deceased"


def test_a_resident_who_opens_and_dies_in_one_batch(clinic: Clinic) -> None:
    someone, world = SomeoneFactory(), clinic.world
    opening = world.opening(someone)
    outcomes = world.post(
        opening,
        ReportDeath(opening.book, DIED_ON, "certificate"),
        stated(clinic, someone, 0, AFTER)["resident"],
        today=PRESENT,
    )
    assert getattr(outcomes[2], "code", None) == "account_deceased"


def test_no_month_of_a_retiree_after_the_death(clinic: Clinic) -> None:
    world = clinic.world
    book = world.open()
    world.one(Enrol(book, MemberClass.RETIRED, None, date(2026, 1, 1), None))
    world.one(ReportDeath(book, DIED_ON, "certificate"))
    assert world.refusal(CreditRetiree(book, 202604), today=PRESENT) == "period_after_end"
    assert world.posted(CreditRetiree(book, 202603), today=PRESENT).created


def test_no_premium_and_no_quota_for_the_dead(clinic: Clinic) -> None:
    """The resident's book of somebody who also has an account says nothing of the death."""
    world, someone = clinic.world, SomeoneFactory()
    donor = world.open(opening=(0, fen("1,000.00")))
    clinic.resident(someone)
    book = world.open(someone)
    world.one(paying(clinic, donor, someone, "100.00", 2027), today=PRESENT)
    world.one(ReportDeath(book, DIED_ON, "certificate"))
    assert world.refusal(paying(clinic, donor, someone, "100.00", 2027), today=PRESENT) == (
        "recipient_not_insured"
    )
    # of the year in which the person lived it may still be paid
    world.one(paying(clinic, donor, someone, "100.00", 2026), today=PRESENT)
    with pytest.raises(Refused, match="recipient_not_insured"):
        clinic.give(donor, someone, "1.00")
    assert verify(world.engine).findings == []


def test_no_premium_for_who_became_a_resident_after_the_year_of_death(clinic: Clinic) -> None:
    """Recorded before the death was reported: it was none of the person's."""
    world, someone = clinic.world, SomeoneFactory()
    donor = world.open(opening=(0, fen("1,000.00")))
    late = clinic.enrolling(someone)
    late.valid_from = date(2026, 6, 1)
    world.one(late, today=PRESENT)
    world.one(ReportDeath(world.open(someone), DIED_ON, "certificate"))
    for year in (2026, 2027):
        assert world.refusal(paying(clinic, donor, someone, "1.00", year), today=PRESENT) == (
            "recipient_not_insured"
        )


def test_a_line_of_a_file_of_enrolments(engine: Engine, tmp_path: Path) -> None:
    with running(engine, tmp_path) as client:
        number = open_account(client, opened_on="2020-01-01")["number"]
        died = {"died_on": "2026-03-01", "evidence": "certificate"}
        assert client.post(f"/v1/accounts/{number}/death", json=died, headers=key()).status_code == 201
        days = ("2026-11-10", "2026-02-10")
        sheet = "account,member_class,employer,from,to\n"
        sheet += "".join(f"{number},active,,{day},\n" for day in days)
        files = {"file": ("enrolments.csv", sheet.encode(), "text/csv")}
        answer = client.post("/v1/imports/enrolments", files=files, headers=key())
        assert answer.status_code in {200, 201}, answer.text
        assert (answer.json()["posted"], answer.json()["refused"]) == (1, 1)


def test_over_http(engine: Engine, tmp_path: Path) -> None:
    with running(engine, tmp_path) as client:
        person = open_account(client, opened_on="2020-01-01")
        path = f"/v1/accounts/{person['account_no']}"
        died = {"died_on": "2026-03-01", "evidence": "certificate"}
        assert client.post(f"{path}/death", json=died, headers=key()).status_code == 201
        enrolment = {"member_class": "active", "from": "2026-11-10"}
        resident = {"id_number": person["number"], "name": "张三", "area": "990100", "from": "2026-11-10"}
        for where, body in ((f"{path}/enrolments", enrolment), ("/v1/residents", resident)):
            answer = client.post(where, json=body, headers=key())
            assert (answer.status_code, answer.json()["code"]) == (409, "account_deceased")
