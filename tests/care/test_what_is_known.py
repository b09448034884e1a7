"""What the fund goes by beside a bill: the opening, enrolments in any scheme, and filings (R28, R40, R43)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.mutual_aid import GiveQuota, PayPremium
from ledger.care.annual_settlements import CloseYear
from ledger.care.case_reports import claim as read_claim
from ledger.care.filings import RecordFiling
from ledger.care.manual_claims import EVIDENCE, DecideClaim, SubmitClaim
from ledger.care.rows import SettlementRow
from ledger.chart.care import Coverage, Filing
from ledger.chart.members import MemberClass
from ledger.people.enrolments import EndEnrolment, Enrol
from ledger.people.persons import number_opener
from ledger.people.residents import EnrolResident, resident_ref
from ledger.posting import Posted, rehearse
from ledger.refusals import RefusalCode, Refused
from tests.contributions.test_contributions import with_parameter
from tests.support.clinic import CARE_DAY, Clinic, LineText
from tests.support.people import AREA, Someone, SomeoneFactory, World

R = RefusalCode
DAY = timedelta(days=1)
AWAY = 990300
LINES: list[LineText] = [("A", "2000.00")]


@pytest.fixture
def clinic(sound_engine: Engine) -> Clinic:
    return Clinic(World(sound_engine))


# -- every way in which a bill is worked out -----------------------------------------------------------------


def by_network(clinic: Clinic, code: str, patient: int, day: date, **more: Any) -> SettlementRow:
    return clinic.settle(code, patient, LINES, day=day, **more).row


def by_quote(clinic: Clinic, code: str, patient: int, day: date, **more: Any) -> SettlementRow:
    care_type = more.pop("care_type", "outpatient")
    command = clinic.command(code, patient, clinic.bill(LINES, care_type, day, **more), quoting=True)
    world = clinic.world
    command.caller, command.actor = "test", "tester"
    with world.engine.connect() as connection:
        reveal = number_opener(world.keyring)
        [outcome] = rehearse(connection, [command], world.now, world.today, world.policies, reveal=reveal)
    if isinstance(outcome, Refused):
        raise outcome
    assert isinstance(outcome, Posted)
    [row] = outcome.beside
    assert isinstance(row, SettlementRow)
    return row


def by_claim(clinic: Clinic, code: str, patient: int, day: date, **more: Any) -> SettlementRow:
    world, number = clinic.world, clinic.world.ref("paper")
    care_type = more.pop("care_type", "outpatient")
    bill = clinic.bill(LINES, care_type, day, bill_no=number, use_account=False, **more)
    party = clinic.parties[code]
    made = world.one(
        SubmitClaim(patient, None, code, party, bill, world.today, frozenset(EVIDENCE), key=number)
    )
    with world.engine.connect() as connection, connection.begin():
        row = read_claim(connection, patient, made.seq).row
    return clinic.row(world.one(DecideClaim(patient, made.seq, code, row, True, "sound")))


WAYS = [by_network, by_quote, by_claim]


# -- before the first enrolment, before the opening (R28) ----------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_before_the_opening_the_fund_pays_nothing(clinic: Clinic, way: Any) -> None:
    hospital = clinic.institution(1)
    patient = clinic.patient("500.00", opened_on=CARE_DAY)
    before = way(clinic, hospital, patient, CARE_DAY - DAY)
    assert (before.coverage, before.pooled_pay, before.deductible) == (Coverage.PAUSED, 0, 0)
    assert (before.account_pay, before.cash_pay) == (
        (50_000, 150_000) if way is not by_claim else (0, 200_000)
    )
    on_the_day = way(clinic, hospital, patient, CARE_DAY)
    assert (on_the_day.coverage, on_the_day.pooled_pay) == (Coverage.COVERED, 112_000)


@pytest.mark.parametrize("way", WAYS)
def test_before_the_first_enrolment_the_fund_pays_nothing(clinic: Clinic, way: Any) -> None:
    hospital = clinic.institution(1)
    patient = clinic.patient("500.00")
    clinic.world.one(Enrol(patient, MemberClass.RETIRED, None, CARE_DAY, None))
    before = way(clinic, hospital, patient, CARE_DAY - DAY)
    assert (before.member_class, before.coverage, before.pooled_pay) == (
        MemberClass.RETIRED,
        Coverage.PAUSED,
        0,
    )
    assert before.account_pay == (50_000 if way is not by_claim else 0)
    assert way(clinic, hospital, patient, CARE_DAY).pooled_pay > 0


def close_year(clinic: Clinic, patient: int, areas: dict[int, int] | None = None) -> Posted:
    return clinic.world.posted(CloseYear(patient, CARE_DAY.year, areas or {}))


def test_a_year_that_is_settled_again_says_the_same(clinic: Clinic) -> None:
    hospital = clinic.institution(1)
    patient = clinic.patient("500.00", opened_on=CARE_DAY)
    by_network(clinic, hospital, patient, CARE_DAY - DAY)
    by_network(clinic, hospital, patient, CARE_DAY)
    for _again in range(2):
        told = close_year(clinic, patient).receipt
        assert told.transfers == ()
    # enrolled for the day before all the same: the account was not there yet
    clinic.world.one(Enrol(patient, MemberClass.ACTIVE, None, CARE_DAY - 9 * DAY, None))
    assert not close_year(clinic, patient).created


def test_enrolled_since_an_earlier_day_the_year_makes_up_for_it(clinic: Clinic) -> None:
    hospital = clinic.institution(1)
    patient = clinic.patient()
    clinic.world.one(Enrol(patient, MemberClass.ACTIVE, None, CARE_DAY, None))
    assert by_network(clinic, hospital, patient, CARE_DAY - DAY).pooled_pay == 0
    clinic.world.one(Enrol(patient, MemberClass.ACTIVE, None, CARE_DAY - DAY, None))
    receipt = close_year(clinic, patient).receipt
    assert sum(fen for _source, _target, fen, _party in receipt.transfers) == 112_000


# -- a gap in which the person was a resident (R43) ----------------------------------------------------------


def resident_enrolment(clinic: Clinic, someone: Someone, first: date, last: date | None) -> EnrolResident:
    command = clinic.enrolling(someone)
    command.valid_from, command.valid_to = first, last
    return command


def back_after_a_year(clinic: Clinic, someone: Someone) -> int:
    """Somebody with an account who was away from 2025 on and is back since the day of care."""
    patient = clinic.patient("10.00", someone=someone)
    for first, last in ((date(2023, 1, 1), date(2024, 12, 31)), (CARE_DAY, None)):
        clinic.world.one(Enrol(patient, MemberClass.ACTIVE, None, first, last))
    return patient


@pytest.mark.parametrize("way", WAYS)
def test_a_gap_as_a_resident_makes_nobody_wait(clinic: Clinic, way: Any) -> None:
    hospital, someone = clinic.institution(1), SomeoneFactory()
    patient = back_after_a_year(clinic, someone)
    assert way(clinic, hospital, patient, CARE_DAY + DAY).coverage is Coverage.WAITING
    clinic.world.one(resident_enrolment(clinic, someone, date(2025, 3, 1), date(2026, 2, 28)))
    found = way(clinic, hospital, patient, CARE_DAY)
    assert (found.coverage, found.pooled_pay) == (Coverage.COVERED, 112_000)
    if way is not by_quote:
        # and the year makes up for the bill for which nobody knew it
        assert close_year(clinic, patient).receipt.transfers
        assert not close_year(clinic, patient).created


@pytest.mark.parametrize("way", WAYS)
def test_somebody_elses_insurance_closes_no_gap(clinic: Clinic, way: Any) -> None:
    hospital = clinic.institution(1)
    patient = back_after_a_year(clinic, SomeoneFactory())
    clinic.world.one(resident_enrolment(clinic, SomeoneFactory(), date(2025, 3, 1), None))
    assert way(clinic, hospital, patient, CARE_DAY).coverage is Coverage.WAITING


def test_a_batch_knows_of_each_person_what_is_theirs(clinic: Clinic) -> None:
    hospital, one, other = clinic.institution(1), SomeoneFactory(), SomeoneFactory()
    patients = [back_after_a_year(clinic, one), back_after_a_year(clinic, other), clinic.patient()]
    clinic.world.one(resident_enrolment(clinic, one, date(2025, 1, 1), None))
    bills = [clinic.command(hospital, patient, clinic.bill(LINES)) for patient in patients]
    rows = [
        clinic.settled(outcome).row for outcome in clinic.world.post(*bills) if isinstance(outcome, Posted)
    ]
    assert [row.coverage for row in rows] == [Coverage.COVERED, Coverage.WAITING, Coverage.COVERED]


# -- filings (R40) -------------------------------------------------------------------------------------------

POOLED = {Filing.NONE: 84_000, Filing.REFERRED: 98_000, Filing.EMERGENCY: 98_000, Filing.LONG_TERM: 112_000}


def file(clinic: Clinic, patient: int, filing: Filing, **more: Any) -> None:
    known = {"valid_from": CARE_DAY - DAY, "valid_to": CARE_DAY, "area": AWAY} | more
    clinic.world.one(RecordFiling(patient, filing, **known))


def must_be_on_file(clinic: Clinic, filing: str) -> None:
    clinic.world.policies = {AREA: with_parameter(f"filing.must_be_on_file.{filing}", "yes")}


@pytest.mark.parametrize("said", [None, "none"])
@pytest.mark.parametrize("filing", [Filing.REFERRED, Filing.EMERGENCY, Filing.LONG_TERM])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_on_file_counts_when_a_bill_names_none(
    clinic: Clinic, way: Any, filing: Filing, said: str | None
) -> None:
    away, patient = clinic.institution(1, area=AWAY), clinic.patient()
    file(clinic, patient, filing)
    found = way(clinic, away, patient, CARE_DAY, filing=said)
    assert (found.filing, found.pooled_pay) == (filing, POOLED[filing])
    if way is not by_quote:
        assert close_year(clinic, patient, {clinic.parties[away]: AWAY}).receipt.transfers == ()


NOT_FOR_IT: dict[str, dict[str, Any]] = {
    "over the day before": {"valid_to": CARE_DAY - DAY},
    "from the day after": {"valid_from": CARE_DAY + DAY, "valid_to": None},
    "another area": {"area": 990400},
}


@pytest.mark.parametrize("more", NOT_FOR_IT.values(), ids=NOT_FOR_IT)
@pytest.mark.parametrize("way", WAYS)
def test_what_is_on_file_for_something_else_counts_for_nothing(
    clinic: Clinic, way: Any, more: dict[str, Any]
) -> None:
    away, patient = clinic.institution(1, area=AWAY), clinic.patient()
    file(clinic, patient, Filing.LONG_TERM, **more)
    found = way(clinic, away, patient, CARE_DAY)
    assert (found.filing, found.pooled_pay) == (Filing.NONE, POOLED[Filing.NONE])


@pytest.mark.parametrize("way", WAYS)
def test_of_two_on_file_the_better_one_counts(clinic: Clinic, way: Any) -> None:
    away, patient = clinic.institution(1, area=AWAY), clinic.patient()
    for filing in (Filing.REFERRED, Filing.LONG_TERM, Filing.EMERGENCY):
        file(clinic, patient, filing, area=None)
    assert way(clinic, away, patient, CARE_DAY).filing is Filing.LONG_TERM


@pytest.mark.slow
@pytest.mark.parametrize("care_type", ["outpatient", "inpatient"])
@pytest.mark.parametrize("said", ["referred", "emergency", "long_term"])
@pytest.mark.parametrize("way", WAYS)
def test_what_is_said_is_believed_unless_the_area_wants_it_on_file(
    clinic: Clinic, way: Any, said: str, care_type: str
) -> None:
    away, patient = clinic.institution(1, area=AWAY), clinic.patient()
    care: dict[str, Any] = {"care_type": care_type, "filing": said}
    assert way(clinic, away, patient, CARE_DAY - 9 * DAY, **care).filing.word == said
    must_be_on_file(clinic, said)
    for other in {"referred", "emergency", "long_term"} - {said}:
        assert way(clinic, away, patient, CARE_DAY - 8 * DAY, **care | {"filing": other}).filing.word == other
    with pytest.raises(Refused) as refused:
        way(clinic, away, patient, CARE_DAY, **care)
    assert (refused.value.code, refused.value.at) == (R.FILING_NOT_FOUND, "filing")
    file(clinic, patient, Filing[said.upper()])
    assert way(clinic, away, patient, CARE_DAY, **care).filing.word == said


def test_a_year_does_not_believe_what_the_area_wants_on_file(clinic: Clinic) -> None:
    away, patient = clinic.institution(1, area=AWAY), clinic.patient()
    believed = by_network(clinic, away, patient, CARE_DAY, filing="long_term")
    assert believed.pooled_pay == POOLED[Filing.LONG_TERM]
    must_be_on_file(clinic, "long_term")
    areas = {clinic.parties[away]: AWAY}
    back = close_year(clinic, patient, areas).receipt
    taken = sum(fen for _source, _target, fen, _party in back.transfers)
    assert taken == POOLED[Filing.LONG_TERM] - POOLED[Filing.NONE]
    file(clinic, patient, Filing.LONG_TERM)
    again = close_year(clinic, patient, areas).receipt
    assert sum(fen for _source, _target, fen, _party in again.transfers) == taken


def test_a_claim_that_named_a_filing_is_decided_by_what_is_on_file(clinic: Clinic) -> None:
    world, patient, away = clinic.world, clinic.patient(), clinic.institution(1, area=AWAY)
    bill = clinic.bill(LINES, bill_no="1", use_account=False, filing="referred")
    party = clinic.parties[away]
    made = world.one(SubmitClaim(patient, None, away, party, bill, world.today, frozenset(EVIDENCE), key="k"))
    with world.engine.connect() as connection, connection.begin():
        row = read_claim(connection, patient, made.seq).row
    must_be_on_file(clinic, "referred")
    assert world.refusal(DecideClaim(patient, made.seq, away, row, True, "x")) == R.FILING_NOT_FOUND
    world.one(DecideClaim(patient, made.seq, away, row, False, "x"))


# -- who is insured and may be given to (R35) ----------------------------------------------------------------


def giving(clinic: Clinic, donor: int, recipient: Someone) -> GiveQuota:
    digest = clinic.digest(recipient)
    return GiveQuota(donor, digest, (digest, resident_ref(digest)), "child", 1_000, 1)


TIMES: dict[str, tuple[list[tuple[int, int | None]], bool]] = {
    "never enrolled": ([], True),
    "ended yesterday": ([(-400, -1)], False),
    "ends today": ([(-400, 0)], True),
    "begins today": ([(0, None)], True),
    "begins tomorrow": ([(1, None)], False),
    "between two": ([(-400, -200), (3, None)], False),
    "back again": ([(-400, -200), (-3, None)], True),
}


@pytest.mark.parametrize(
    ("spans", "taken", "as_resident"),
    [
        pytest.param(*times, as_resident, id=f"{'resident' if as_resident else 'employee'}, {name}")
        for name, times in TIMES.items()
        for as_resident in (False, True)
        # a resident's book begins with an enrolment
        if times[0] or not as_resident
    ],
)
def test_a_quota_is_for_who_is_insured_today(
    clinic: Clinic, spans: list[tuple[int, int | None]], taken: bool, as_resident: bool
) -> None:
    world, relative = clinic.world, SomeoneFactory()
    donor = clinic.patient("100.00")
    account = None if as_resident else clinic.patient(someone=relative)
    for first, last in spans:
        days = world.today + first * DAY, None if last is None else world.today + last * DAY
        if account is None:
            world.one(resident_enrolment(clinic, relative, *days))
        else:
            world.one(Enrol(account, MemberClass.ACTIVE, None, *days))
    if taken:
        world.one(giving(clinic, donor, relative))
    else:
        assert world.refusal(giving(clinic, donor, relative)) == R.RECIPIENT_NOT_INSURED


def test_who_left_work_and_is_a_resident_is_insured(clinic: Clinic) -> None:
    world, relative = clinic.world, SomeoneFactory()
    donor, account = clinic.patient("100.00"), clinic.patient(someone=relative)
    enrolled = world.one(Enrol(account, MemberClass.ACTIVE, None, date(2024, 1, 1), None))
    world.one(EndEnrolment(account, enrolled.seq, date(2025, 12, 31)))
    assert world.refusal(giving(clinic, donor, relative)) == R.RECIPIENT_NOT_INSURED
    world.one(resident_enrolment(clinic, relative, date(2026, 1, 1), None))
    world.one(giving(clinic, donor, relative))


@pytest.mark.parametrize(("year", "taken"), [(2025, True), (2026, False), (2027, False), (2024, True)])
def test_a_premium_is_for_a_year_in_which_somebody_is_insured(clinic: Clinic, year: int, taken: bool) -> None:
    world, relative = clinic.world, SomeoneFactory()
    donor = clinic.patient("1000.00")
    world.one(resident_enrolment(clinic, relative, date(2024, 1, 1), date(2025, 12, 31)))
    digest = clinic.digest(relative)
    command = PayPremium(
        donor, digest, (digest, resident_ref(digest)), "child", 40_000, year, world.ref("premium")
    )
    if taken:
        world.one(command)
    else:
        assert world.refusal(command) == R.RECIPIENT_NOT_INSURED
