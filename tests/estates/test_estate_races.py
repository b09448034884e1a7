"""Deaths and estates at once with what they must not miss, on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.mutual_aid import GiveQuota
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.care.counters import CLAIM_ROW
from ledger.care.manual_claims import EVIDENCE, DecideClaim, SubmitClaim
from ledger.care.visits import RegisterVisit
from ledger.chart.care import CareType
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.estates.disputes import DisputeEstate
from ledger.estates.payout_reports import BankDetails, seal_details
from ledger.estates.payouts import OrderPayout, RecordPayout, ReturnPayout, ReviewPayout
from ledger.estates.undoing import UndoEstate
from ledger.people.persons import stake_by_name
from ledger.people.residents import resident_ref
from ledger.posting import Command, Outcome, Posted
from ledger.posting.outcomes import Unavailable
from ledger.refusals import Refused
from tests.support.approvals import asks_nobody
from tests.support.clinic import CARE_DAY, Clinic
from tests.support.people import Someone, SomeoneFactory, World
from tests.support.stories import Heir, confirming, entries, estate
from tests.whole.test_races import at_once

pytestmark = pytest.mark.postgres

ROUNDS = range(6)


@pytest.fixture
def clinic(sound_engine: Engine) -> Clinic:
    return Clinic(asks_nobody(World(sound_engine)))


def each(clinic: Clinic, *commands: Command) -> list[Outcome]:
    """Each command on a connection of its own, all let go at the same moment."""
    found = [answers[0] for answers in at_once(clinic.world, [[one] for one in commands])]
    # whom others kept overtaking sends the same again, as a caller does who is answered 503
    found = [
        clinic.world.post(command)[0] if isinstance(one, Unavailable) else one
        for one, command in zip(found, commands, strict=True)
    ]
    assert all(isinstance(one, Posted | Refused) for one in found), found
    return found


def code(outcome: Outcome) -> str:
    return outcome.code.value if isinstance(outcome, Refused) else "posted"


def dead(clinic: Clinic, balance: str = "500.00") -> tuple[Someone, int]:
    someone = SomeoneFactory()
    book = clinic.world.open(someone, opening=(round(float(balance) * 100), 0))
    clinic.world.one(ReportDeath(book, clinic.world.today - timedelta(days=1), "certificate"))
    return someone, book


def quotas_of(clinic: Clinic, donors: list[int]) -> list[tuple[int, bool]]:
    table = tables.quota.c
    with clinic.world.engine.connect() as connection:
        rows = connection.execute(select(table.remaining, table.ended).where(table.book_id.in_(donors)))
        return [(row.remaining, row.ended) for row in rows]


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_quota_given_while_the_recipient_dies_does_not_stay(clinic: Clinic, _round: int) -> None:
    someone, donors = SomeoneFactory(), [clinic.patient("300.00") for _ in range(6)]
    book = clinic.world.open(someone)
    clinic.give(donors[0], someone, "50.00")
    digest = clinic.digest(someone)
    gifts = [
        GiveQuota(donor, digest, (digest, resident_ref(digest)), "child", 10_000, 1) for donor in donors[1:]
    ]
    died = ReportDeath(book, clinic.world.today - timedelta(days=1), "certificate")
    found = each(clinic, died, *gifts)
    # who came first was ended by the report, who came after it was refused
    assert {code(one) for one in found[1:]} <= {"posted", "recipient_not_insured"}
    assert code(found[0]) == "posted"
    assert set(quotas_of(clinic, donors)) == {(0, True)}
    assert all(clinic.book(donor).reserved == 0 for donor in donors)


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_death_and_a_bill_that_relatives_pay(clinic: Clinic, _round: int) -> None:
    hospital, someone, donor = clinic.institution(3), SomeoneFactory(), clinic.patient("300.00")
    book = clinic.world.open(someone)
    clinic.give(donor, someone, "100.00")
    bill = clinic.command(hospital, book, clinic.bill([("A", "80.00")]))
    found = each(clinic, ReportDeath(book, clinic.world.today - timedelta(days=1), "certificate"), bill)
    assert [code(one) for one in found] == ["posted", "posted"]
    # care of before the death: paid out of the quota, or in cash once that was free again
    assert clinic.balance(donor) in {30_000, 22_000}
    assert clinic.book(donor).reserved == 0


@pytest.mark.parametrize("_round", ROUNDS)
def test_two_who_gave_to_each_other_die_at_once(clinic: Clinic, _round: int) -> None:
    people = [SomeoneFactory() for _ in range(2)]
    books = [clinic.world.open(one, opening=(20_000, 0)) for one in people]
    clinic.give(books[0], people[1], "50.00")
    clinic.give(books[1], people[0], "50.00")
    day = clinic.world.today - timedelta(days=1)
    found = each(clinic, *(ReportDeath(book, day, "certificate") for book in books))
    assert [code(one) for one in found] == ["posted", "posted"]
    assert quotas_of(clinic, books) == [(0, True), (0, True)]


@pytest.mark.parametrize("_round", ROUNDS)
def test_an_estate_and_the_decision_of_a_claim(clinic: Clinic, _round: int) -> None:
    hospital, party = (made := clinic.institution(3)), clinic.parties[made]
    _someone, book = dead(clinic)
    bill = clinic.bill([("A", "900.00")], use_account=False, bill_no=f"race-{book}")
    posted = clinic.world.posted(
        SubmitClaim(book, None, hospital, party, bill, CARE_DAY + timedelta(days=1), frozenset(EVIDENCE))
    )
    row = posted.row(CLAIM_ROW)
    assert row is not None
    decision = DecideClaim(book, posted.receipt.seq, hospital, row, True, "looked at")
    divide = estate(clinic.world, book, [Heir("child", "王五")], clinic.world.today)
    found = each(clinic, divide, decision)
    assert code(found[0]) in {"posted", "open_items"}
    assert code(found[1]) == "posted"
    if code(found[0]) == "posted":
        assert clinic.book(book).stage == Stage.CLOSED


@pytest.mark.parametrize("_round", ROUNDS)
def test_an_estate_and_a_stay_that_begins(clinic: Clinic, _round: int) -> None:
    hospital = clinic.institution(3)
    _someone, book = dead(clinic)
    stay = RegisterVisit(book, None, hospital, CareType.INPATIENT, CARE_DAY)
    divide = estate(clinic.world, book, [Heir("child", "王五")], clinic.world.today)
    assert sorted(map(code, each(clinic, divide, stay))) in (
        ["account_closed", "posted"], ["open_items", "posted"],
    )  # fmt: skip


@pytest.mark.parametrize("_round", ROUNDS)
def test_of_two_estates_of_one_account_one_is_divided(clinic: Clinic, _round: int) -> None:
    _someone, book = dead(clinic)
    child = SomeoneFactory()
    account = clinic.world.open(child)
    both = [estate(clinic.world, book, [Heir("child", child)], clinic.world.today) for _ in range(2)]
    assert sorted(map(code, each(clinic, *both))) == ["account_closed", "posted"]
    assert len(entries(clinic.world.engine, book, Kind.ESTATE)) == 1
    assert clinic.balance(account) >= 50_000


@pytest.mark.parametrize("_round", ROUNDS)
def test_of_two_confirmations_one_is_paid(clinic: Clinic, _round: int) -> None:
    _someone, book = dead(clinic)
    child = SomeoneFactory()
    account = clinic.world.open(child)
    both = [
        confirming(clinic.world, book, [Heir("child", child), Heir("spouse", "王五")], clinic.world.today)
        for _ in range(2)
    ]
    assert sorted(map(code, each(clinic, *both))) == ["account_closed", "posted"]
    assert len(entries(clinic.world.engine, book, Kind.ESTATE)) == 1
    # half of it, and of the interest
    assert 25_000 <= clinic.balance(account) < 30_000


@pytest.mark.parametrize("_round", ROUNDS)
def test_a_dispute_and_the_confirmation(clinic: Clinic, _round: int) -> None:
    """Either it is disputed and nothing is paid, or it was paid and there is nothing to dispute."""
    _someone, book = dead(clinic)
    confirm = confirming(clinic.world, book, [Heir("spouse", "王五")], clinic.world.today)
    [death] = entries(clinic.world.engine, book, Kind.DEATH)
    by = stake_by_name("王五", f"{book}|1", clinic.world.keyring)
    dispute = DisputeEstate(book, death.seq, (by,), "letter")
    outcome = [code(one) for one in each(clinic, confirm, dispute)]
    assert outcome in (["posted", "account_closed"], ["heirs_disputed", "posted"])


@pytest.mark.parametrize("_round", ROUNDS)
def test_an_undoing_and_what_the_heir_spends_and_a_bill_that_comes_back(clinic: Clinic, _round: int) -> None:
    """The share comes back as far as it is there, and the bill's money is the estate's in either order."""
    world = clinic.world
    someone = SomeoneFactory()
    # of one day there is no interest
    since = world.today - timedelta(days=1)
    book = world.open(someone, opened_on=since, opening=(50_000, 0))
    bill = world.one(Spend(book, 10_000, since, "H0001", f"race-{book}"))
    death = world.one(ReportDeath(book, since, "certificate"))
    child = SomeoneFactory()
    account = world.open(child, opened_on=since)
    world.one(confirming(world, book, [Heir("child", child)], world.today))
    undo = UndoEstate(book, death.seq, "in error", "paper")
    spend = Spend(account, 30_000, world.today, "H0001", f"race-{account}")
    back = Reverse(book, bill.seq, "not this patient")
    outcome = [code(one) for one in each(clinic, undo, spend, back)]
    assert outcome in (["posted", "posted", "posted"], ["posted", "insufficient_balance", "posted"])
    assert clinic.balance(book) == 50_000
    owed = unpack(entries(world.engine, book, Kind.ESTATE_UNDO)[0].detail)["receivable"]
    assert clinic.balance(account) == 0
    assert owed == (30_000 if outcome[1] == "posted" else 0)


@pytest.mark.parametrize("_round", ROUNDS)
def test_two_who_inherit_from_each_other(clinic: Clinic, _round: int) -> None:
    (one, first), (other, second) = dead(clinic), dead(clinic)
    both = [
        estate(clinic.world, first, [Heir("spouse", other)], clinic.world.today),
        estate(clinic.world, second, [Heir("spouse", one)], clinic.world.today),
    ]
    # the dead inherit nothing, and each waits for no lock that the other has
    assert [code(outcome) for outcome in each(clinic, *both)] == ["shares_invalid", "shares_invalid"]


@pytest.mark.parametrize("_round", ROUNDS)
def test_what_a_bank_sends_back_twice_an_order_and_the_undoing(clinic: Clinic, _round: int) -> None:
    """It comes back once, and is either ordered anew or the dead person's again."""
    world = clinic.world
    _someone, book = dead(clinic)
    [died] = entries(world.engine, book, Kind.DEATH)
    done = world.one(confirming(world, book, [Heir("child", "王五")], world.today))
    [line] = unpack(done.detail)["heirs"]
    bank = seal_details(BankDetails("王五", "bank", "62220000", "paper"), world.keyring)
    order = world.one(OrderPayout(book, died.seq, line["person"], bank, actor="a"))
    world.one(ReviewPayout(book, order.seq, actor="b"))
    world.one(RecordPayout(book, order.seq, world.ref("bank"), actor="a"))
    found = each(
        clinic,
        ReturnPayout(book, order.seq, "account closed", world.ref("bank")),
        ReturnPayout(book, order.seq, "account closed", world.ref("bank")),
        OrderPayout(book, died.seq, line["person"], bank, actor="a"),
        UndoEstate(book, died.seq, "in error", "paper"),
    )
    told = [code(one) for one in found]
    assert sorted(told[:2]) == ["payout_state", "posted"]
    assert told[2] in {"posted", "nothing_payable", "estate_not_confirmed"}
    assert told[3] in {"posted", "estate_paid_out"}
    [back] = entries(world.engine, book, Kind.PAYOUT_RETURN)
    assert back.target_seq is not None
    undo = found[3]
    is_undone = isinstance(undo, Posted)
    assert clinic.book(book).stage == (Stage.DECEASED if is_undone else Stage.CLOSED)
    if isinstance(undo, Posted):
        # without what the division had posted of its year
        earned = sum(one.amount_fen for one in undo.others if one.kind is Kind.INTEREST_BACK)
        assert clinic.balance(book) == line["amount"] - earned
