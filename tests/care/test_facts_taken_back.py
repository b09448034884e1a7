"""The way back of what moved no money (R31): it is as if it had never been, and what hangs on it is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, select

from ledger import reports, tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.mutual_aid import EndQuota, GiveQuota, PayPremium
from ledger.accounts.spending import Spend
from ledger.care import reports as care
from ledger.care.entry_reversals import ReverseEntry
from ledger.care.filings import EndFiling, RecordFiling
from ledger.care.visits import EndVisit, RegisterVisit
from ledger.chart.care import CareType, Filing
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.contributions import reports as contribution_reports
from ledger.contributions.retirees import CreditRetiree
from ledger.people.enrolments import EndEnrolment, Enrol
from ledger.people.residents import resident_ref
from ledger.posting import Command, Posted, Receipt
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World
from tests.support.stories import Heir, estate
from tests.support.units import Unit

R = RefusalCode
MARCH = 202603
OPENED = date(2026, 1, 1)


@pytest.fixture(scope="module", autouse=True)
def consistent(engine: Engine) -> Iterator[None]:
    """Whatever these tests did, the books are consistent afterwards."""
    yield
    assert [str(one) for one in verify(engine).findings] == []


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def reverse(world: World, entry: Receipt, **when: Any) -> Posted:
    return world.posted(ReverseEntry(entry.book_id, entry.seq, "entered wrongly"), **when)


def refused(world: World, entry: Receipt) -> Refused:
    outcome = world.post(ReverseEntry(entry.book_id, entry.seq, "entered wrongly"))[0]
    assert isinstance(outcome, Refused)
    return outcome


def stands(world: World, book: int) -> dict[str, Any]:
    """The row of a book but for what every entry moves."""
    with world.engine.connect() as connection:
        row = connection.execute(select(tables.book).where(tables.book.c.book_id == book)).one()
    return {
        name: value for name, value in row._mapping.items() if name not in {"last_seq", "head", "recorded_at"}
    }


def shown(world: World, entry: Receipt) -> str | None:
    with world.engine.connect() as connection:
        return reports.entry(connection, entry.book_id, entry.seq).reversed_by


# -- freezes -------------------------------------------------------------------------------------------------


def test_a_freeze_entered_wrongly_is_as_if_it_had_never_been(world: World) -> None:
    book = world.open(opened_on=OPENED, opening=(10_000, 0))
    before = stands(world, book)
    freeze = world.one(Freeze(book, "court", "42", world.today, None))
    spend = Spend(book, 100, world.today, "H0001", world.ref())
    assert world.refusal(spend) is R.ACCOUNT_FROZEN
    back = reverse(world, freeze).receipt
    assert (back.kind, back.target_seq, back.transfers) == (Kind.REVERSAL, freeze.seq, ())
    assert stands(world, book) == before
    world.one(spend)
    with world.engine.connect() as connection:
        (view,) = reports.freezes(connection, book)
        assert reports.account(connection, book, now=world.now, today=world.today).freezes == ()
    assert (view.ended_by, view.reversed_by, shown(world, freeze)) == (None, back.name, back.name)
    assert refused(world, freeze).code is R.ALREADY_REVERSED
    assert world.refusal(EndFreeze(book, freeze.seq, "late")) is R.FREEZE_ENDED
    # the order may be entered anew
    assert world.one(Freeze(book, "court", "42", world.today, None)).seq > back.seq


def test_of_two_freezes_the_other_one_stays(world: World) -> None:
    book = world.open(opened_on=OPENED, opening=(10_000, 0))
    wrong = world.one(Freeze(book, "court", "1", world.today, None))
    world.one(Freeze(book, "court", "2", world.today, None))
    reverse(world, wrong)
    assert world.refusal(Spend(book, 100, world.today, "H0001", world.ref())) is R.ACCOUNT_FROZEN


def test_a_freeze_is_taken_back_with_its_end(world: World) -> None:
    book = world.open(opened_on=OPENED, opening=(10_000, 0))
    before = stands(world, book)
    freeze = world.one(Freeze(book, "court", "1", world.today, None))
    end = world.one(EndFreeze(book, freeze.seq, "over"))
    back = reverse(world, freeze).receipt
    assert back.target_seq == end.seq
    assert stands(world, book) == before
    assert (shown(world, freeze), shown(world, end)) == (back.name, back.name)
    assert refused(world, freeze).code is R.ALREADY_REVERSED
    # what ends something is no more than a step: it is begun anew
    other = world.one(EndFreeze(book, world.one(Freeze(book, "court", "2", world.today, None)).seq, "over"))
    assert refused(world, other).code is R.NOT_REVERSIBLE


# -- quotas --------------------------------------------------------------------------------------------------


def given(world: World, clinic: Clinic, donor: int, fen: int = 3_000) -> Receipt:
    relative = SomeoneFactory()
    clinic.resident(relative)
    digest = clinic.digest(relative)
    return world.one(GiveQuota(donor, digest, (digest, resident_ref(digest)), "child", fen, 1))


def test_a_quota_given_wrongly_is_the_donors_again(world: World) -> None:
    donor = world.open(opened_on=OPENED, opening=(10_000, 0))
    before = stands(world, donor)
    quota = given(world, Clinic(world), donor)
    assert stands(world, donor)["reserved"] == 3_000
    back = reverse(world, quota).receipt
    assert (back.reserved_change, stands(world, donor)) == (-3_000, before)
    with world.engine.connect() as connection:
        (view,) = care.quotas_given(connection, donor)
    assert (view.quota.remaining, view.quota.ended, view.reversed_by) == (0, True, back.seq)
    assert refused(world, quota).code is R.ALREADY_REVERSED
    assert world.refusal(EndQuota(donor, quota.seq)) is R.QUOTA_ENDED


def test_a_quota_that_was_ended_is_taken_back_with_its_end(world: World) -> None:
    donor = world.open(opened_on=OPENED, opening=(10_000, 0))
    quota = given(world, Clinic(world), donor)
    end = world.one(EndQuota(donor, quota.seq))
    back = reverse(world, quota).receipt
    assert (back.target_seq, back.reserved_change, shown(world, quota)) == (end.seq, None, back.name)


# -- visits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ended", [False, True])
def test_a_visit_registered_wrongly_takes_no_bill(world: World, ended: bool) -> None:
    clinic = Clinic(world)
    code, patient = clinic.institution(), clinic.patient("500.00")
    visit = world.one(RegisterVisit(patient, None, code, CareType.INPATIENT, date(2026, 3, 10)))
    if ended:
        world.one(EndVisit(patient, visit.seq))
    back = reverse(world, visit).receipt
    bill = clinic.bill([("A", "100.00")], "inpatient", date(2026, 3, 12))
    command = clinic.command(code, patient, bill, visit=(patient, visit.seq))
    assert world.refusal(command) is R.VISIT_ENDED
    with world.engine.connect() as connection:
        assert care.visit(connection, patient, visit.seq).reversed_by == back.seq
    assert refused(world, visit).code is R.ALREADY_REVERSED
    if not ended:
        assert world.refusal(EndVisit(patient, visit.seq)) is R.VISIT_ENDED
    # it may be registered anew
    assert world.one(RegisterVisit(patient, None, code, CareType.INPATIENT, date(2026, 3, 10))).seq > back.seq


# -- filings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ended", [False, True])
def test_a_filing_taken_back_is_on_file_no_more(world: World, ended: bool) -> None:
    patient = world.open()
    file = RecordFiling(patient, Filing.LONG_TERM, date(2026, 1, 1), None, 990200)
    filing = world.one(file)
    if ended:
        world.one(EndFiling(patient, filing.seq, date(2026, 6, 30), "moved back"))
    back = reverse(world, filing).receipt
    with world.engine.connect() as connection:
        (view,) = care.filings(connection, patient)
    assert (view.reversed_by, shown(world, filing)) == (back.seq, back.name)
    assert refused(world, filing).code is R.ALREADY_REVERSED
    # there is nothing left to end
    assert world.refusal(EndFiling(patient, filing.seq, date(2026, 6, 30), "late")) is R.FILING_ENDED
    for day in (date(2025, 12, 31), date(2026, 5, 31)):
        assert world.refusal(EndFiling(patient, filing.seq, day, "moved back")) is R.FILING_ENDED
    # the same words are news again, and not answered with the first
    again = world.one(RecordFiling(patient, Filing.LONG_TERM, date(2026, 1, 1), None, 990200))
    assert again.seq > back.seq


def test_a_filing_and_its_way_back_in_one_batch(world: World) -> None:
    patient = world.open()
    filed = RecordFiling(patient, Filing.LONG_TERM, date(2026, 1, 1), None, 990200)
    outcomes = world.post(filed, ReverseEntry(patient, 2, "wrong"), atomic=True)
    assert [one.receipt.seq for one in outcomes if isinstance(one, Posted)] == [2, 3]
    with world.engine.connect() as connection:
        (view,) = care.filings(connection, patient)
    assert view.reversed_by == 3


# -- enrolments ----------------------------------------------------------------------------------------------


def test_an_enrolment_taken_back_says_nothing(world: World) -> None:
    unit = Unit(world)
    person = unit.hire(opened_on=OPENED)
    before = stands(world, person)
    wrong = unit.enrol(person, MemberClass.ACTIVE, date(2026, 6, 1))
    back = reverse(world, wrong).receipt
    assert stands(world, person) == before
    with world.engine.connect() as connection:
        (view,) = contribution_reports.enrolments(connection, person)
    assert (view.status(world.today), view.reversed_by) == ("reversed", back.seq)
    assert refused(world, wrong).code is R.ALREADY_REVERSED
    assert world.refusal(EndEnrolment(person, wrong.seq, date(2026, 8, 1))) is R.ENROLMENT_ENDED
    # March is before no enrolment now, and the same words are news
    unit.declare(MARCH, {person: 800_000})
    assert unit.of(person, MARCH).employee == 16_000
    assert unit.enrol(person, MemberClass.ACTIVE, date(2026, 6, 1)).seq > back.seq


def test_an_enrolment_is_taken_back_with_its_ends(world: World) -> None:
    person = world.open()
    wrong = world.one(Enrol(person, MemberClass.FLEXIBLE, None, date(2026, 1, 1), None))
    first = world.one(EndEnrolment(person, wrong.seq, date(2026, 8, 31)))
    last = world.one(EndEnrolment(person, first.seq, date(2026, 7, 31)))
    back = reverse(world, wrong).receipt
    assert back.target_seq == last.seq
    assert {shown(world, one) for one in (wrong, first, last)} == {back.name}
    again = world.one(Enrol(person, MemberClass.FLEXIBLE, None, date(2026, 1, 1), None))
    assert again.seq > back.seq


def test_months_assessed_under_an_enrolment_are_named(world: World) -> None:
    unit = Unit(world)
    person = unit.hire()
    wrong = unit.enrol(person, MemberClass.ACTIVE, date(2026, 1, 1))
    unit.declare(MARCH, {person: 800_000})
    no = refused(world, wrong)
    assert (no.code, no.facts) == (R.NOT_LAST, {"months": ["2026-03"], "entries": []})
    # once the person is off the list nothing hangs on it
    unit.adjust(MARCH, {person: 0})
    reverse(world, wrong)


def test_months_that_another_enrolment_says_hang_on_that(world: World) -> None:
    unit = Unit(world)
    person = unit.hire()
    wrong = unit.enrol(person, MemberClass.ACTIVE, date(2026, 1, 1))
    right = unit.enrol(person, MemberClass.ACTIVE, date(2026, 2, 1))
    unit.declare(MARCH, {person: 800_000})
    assert reverse(world, wrong).receipt.target_seq == wrong.seq
    # the month stands, and the enrolment that says it is the one that cannot go
    assert unit.of(person, MARCH).employee == 16_000
    no = refused(world, right)
    assert (no.code, no.facts) == (R.NOT_LAST, {"months": ["2026-03"], "entries": []})


def test_credits_of_a_retiree_are_named(world: World) -> None:
    person = world.open()
    wrong = world.one(Enrol(person, MemberClass.RETIRED, None, date(2026, 1, 1), None))
    credit = world.one(CreditRetiree(person, MARCH))
    no = refused(world, wrong)
    assert (no.code, no.facts) == (R.NOT_LAST, {"months": [], "entries": [credit.name]})
    reverse(world, credit)
    reverse(world, wrong)
    assert world.refusal(CreditRetiree(person, 202604)) is R.NOT_ENROLLED


def test_premiums_of_a_resident_are_named_and_go_back_first(world: World) -> None:
    clinic, relative = Clinic(world), SomeoneFactory()
    payer = world.open(opened_on=OPENED, opening=(100_000, 0))
    resident = world.one(clinic.enrolling(relative))
    digest = clinic.digest(relative)
    premium = world.one(
        PayPremium(payer, digest, (digest, resident_ref(digest)), "child", 10_000, 2026, world.ref())
    )
    no = refused(world, resident)
    assert (no.code, no.facts) == (R.NOT_LAST, {"months": [], "entries": [premium.name]})
    before = stands(world, payer)
    reverse(world, premium)
    assert stands(world, payer)["current_year"] == before["current_year"] + 10_000 == 100_000
    reverse(world, resident)
    premium_again = PayPremium(payer, digest, (digest, resident_ref(digest)), "child", 10_000, 2026, "new")
    assert world.refusal(premium_again) in {R.RECIPIENT_NOT_INSURED, R.PREMIUM_NOT_OWED}


def test_a_premium_that_comes_back_after_the_estate_goes_to_the_heirs(world: World) -> None:
    clinic, relative = Clinic(world), SomeoneFactory()
    payer = world.open(opened_on=OPENED, opening=(100_000, 0))
    world.one(clinic.enrolling(relative))
    digest = clinic.digest(relative)
    premium = world.one(
        PayPremium(payer, digest, (digest, resident_ref(digest)), "child", 10_000, 2026, world.ref())
    )
    world.one(ReportDeath(payer, world.today, "certificate"))
    world.one(estate(world, payer, [Heir("child", "王伟")], world.today))
    posted = reverse(world, premium)
    (handed,) = [one for one in posted.others if one.kind is Kind.ESTATE]
    assert (handed.amount_fen, handed.target_seq) == (10_000, posted.receipt.seq)
    assert stands(world, payer)["carried_over"] + stands(world, payer)["current_year"] == 0


# -- do and undo ---------------------------------------------------------------------------------------------


def rights(world: World, book: int) -> dict[str, Any]:
    """All that stands about a person: the row, quotas, freezes, filings and enrolments that count."""
    with world.engine.connect() as connection:
        return {
            "row": stands(world, book),
            "quotas": [one for one in care.quotas_given(connection, book) if not one.quota.ended],
            "filings": [one for one in care.filings(connection, book) if one.reversed_by is None],
            "enrolments": [
                one
                for one in contribution_reports.enrolments(connection, book)
                if one.reversed_by is None and one.replaced_by is None
            ],
            "freezes": reports.account(connection, book, now=world.now, today=world.today).freezes,
        }


def act(world: World, clinic: Clinic, code: str, book: int, random: Random) -> Receipt:
    amount, today, day = random.randrange(1, 2_000), world.today, date(2026, random.randrange(1, 11), 5)
    relative = SomeoneFactory()
    clinic.resident(relative)
    digest = clinic.digest(relative)
    named = (digest, resident_ref(digest))
    acts: list[Command] = [
        Contribute(book, amount, MARCH, today, world.ref()),
        Spend(book, amount, today, "H0001", world.ref()),
        # it begins later, so that the other acts go on
        Freeze(book, "court", world.ref(), date(2027, 1, 1), None),
        GiveQuota(book, digest, named, "child", amount, random.randrange(1, 9)),
        PayPremium(book, digest, named, "child", amount, 2026, world.ref()),
        Enrol(book, random.choice((MemberClass.FLEXIBLE, MemberClass.ACTIVE)), None, day, None),
        RecordFiling(book, Filing.EMERGENCY, day, None, None, evidence=world.ref()),
        RegisterVisit(book, None, code, CareType.INPATIENT, day),
    ]
    return world.one(random.choice(acts))


@pytest.mark.parametrize("seed", range(8))
def test_do_and_undo_restores_every_balance_and_right(world: World, seed: int) -> None:
    random = Random(seed)
    clinic = Clinic(world)
    code = clinic.institution()
    book = world.open(opened_on=OPENED, opening=(50_000, 20_000))
    before = rights(world, book)
    done: dict[int, Receipt] = {}
    for _ in range(12):
        entry = act(world, clinic, code, book, random)
        # one that said nothing new is the first
        done[entry.seq] = entry
    for entry in sorted(done.values(), key=lambda one: -one.seq):
        reverse(world, entry)
    assert rights(world, book) == before, f"seed {seed}"
