"""Bills at once, on PostgreSQL: no money is spent twice, no message counts twice, nobody waits for ever."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.mutual_aid import EndQuota, GiveQuota
from ledger.accounts.spending import Spend
from ledger.care.entry_reversals import ReverseEntry
from ledger.care.stakes import bill_stake
from ledger.care.taking_back import CorrectMessage, ReverseSettlement
from ledger.chart.kinds import Kind
from ledger.database.engines import connect
from ledger.people.residents import resident_ref
from ledger.posting import Command, Outcome, Posted, Receipt, stakes
from ledger.refusals import Refused
from tests.care.test_manual_claims import Claims
from tests.care.test_third_party import Cases
from tests.support.clinic import CARE_DAY, Clinic
from tests.support.people import AREA, Someone, SomeoneFactory, World
from tests.support.stories import entries
from tests.whole.test_races import at_once, run, told, words, writers

pytestmark = pytest.mark.postgres

CALLERS = 64
ROUNDS = range(4)


@pytest.fixture(scope="module")
def crowded(sound_engine: Engine) -> Iterator[Engine]:
    """Connections for all callers at a time."""
    pooled = connect(sound_engine.url.render_as_string(hide_password=False), pool_size=CALLERS)
    yield pooled
    pooled.dispose()


@pytest.fixture
def clinic(crowded: Engine) -> Clinic:
    return Clinic(World(crowded))


def rows(clinic: Clinic, outcomes: Sequence[Outcome]) -> list[Any]:
    return [clinic.settled(one).row for one in outcomes if isinstance(one, Posted)]


def each(world: World, commands: Sequence[Command]) -> list[Outcome]:
    """Each command on a connection of its own, all let go at the same moment."""
    return [answers[0] for answers in at_once(world, [[one] for one in commands])]


def someone_with(clinic: Clinic, balance: str) -> tuple[Someone, int]:
    someone = SomeoneFactory()
    return someone, clinic.world.open(someone, opening=(0, round(float(balance) * 100)))


# -- one account ---------------------------------------------------------------------------------------------


def test_64_bills_of_one_account_take_what_is_there_and_no_more(clinic: Clinic) -> None:
    code, patient = clinic.institution(3), clinic.patient("100.00")
    bills = [clinic.bill([("A", "3.00")]) for _ in range(CALLERS)]
    outcomes = each(clinic.world, [clinic.command(code, patient, bill) for bill in bills])
    found = rows(clinic, outcomes)
    assert len(found) == CALLERS
    assert (sum(row.account_pay for row in found), clinic.balance(patient)) == (10_000, 0)
    assert sum(row.account_pay + row.cash_pay for row in found) == CALLERS * 300
    assert clinic.accumulator(patient).version == CALLERS


def test_64_callers_with_one_message_are_one_posting_and_one_answer(clinic: Clinic) -> None:
    code, patient = clinic.institution(3), clinic.patient("100.00")
    message = told(clinic.command(code, patient, clinic.bill([("A", "30.00")], bill_no="1")))
    outcomes = each(clinic.world, [replace(message) for _ in range(CALLERS)])
    assert words(outcomes) == {"posted": 1, "replayed": CALLERS - 1}
    assert len({one.receipt for one in outcomes if isinstance(one, Posted)}) == 1
    assert clinic.balance(patient) == 7_000


def test_64_callers_with_one_message_over_writers_of_several_processes(clinic: Clinic) -> None:
    code, patient = clinic.institution(3), clinic.patient("100.00")
    message = told(clinic.command(code, patient, clinic.bill([("A", "30.00")], bill_no="1")))

    async def story() -> None:
        with writers(clinic.world, 3) as several:
            outcomes = await asyncio.gather(
                *[several[place % 3].post(replace(message)) for place in range(CALLERS)]
            )
        assert words(outcomes) == {"posted": 1, "replayed": CALLERS - 1}
        assert len({one.receipt for one in outcomes if isinstance(one, Posted)}) == 1

    run(story)
    assert clinic.balance(patient) == 7_000


def test_a_message_with_two_contents_at_once_is_one_posting_and_conflicts(clinic: Clinic) -> None:
    code, patients = clinic.institution(3), [clinic.patient("100.00") for _ in range(2)]
    bills = [clinic.bill([("A", f"{number}.00")]) for number in range(1, 5)]
    messages = [
        clinic.command(code, patients[place % 2], bills[place % 4], message_id="m") for place in range(16)
    ]
    outcomes = each(clinic.world, messages)
    assert words(outcomes) == {"posted": 1, "replayed": 3, "msgid_conflict": 12}


@pytest.mark.parametrize("round_", ROUNDS)
def test_one_bill_under_two_messages_is_settled_once(round_: int, clinic: Clinic) -> None:
    code, patients = clinic.institution(3), [clinic.patient("100.00") for _ in range(2)]
    bill = clinic.bill([("A", "10.00")], bill_no=f"b{round_}")
    # of the same patient, and of two: the number is the institution's
    outcomes = each(clinic.world, [clinic.command(code, patients[place % 2], bill) for place in range(8)])
    assert words(outcomes) == {"posted": 1, "duplicate_bill": 7}


# -- taken back at once --------------------------------------------------------------------------------------


@pytest.mark.parametrize("round_", range(8))
def test_a_correction_that_races_its_original_leaves_one_state(round_: int, clinic: Clinic) -> None:
    code, patient = clinic.institution(3), clinic.patient("100.00")
    party = clinic.parties[code]
    message = clinic.command(code, patient, clinic.bill([("A", "30.00")], bill_no="1"), message_id="m")
    correction = CorrectMessage(party, code, party, "m", AREA)
    commands: list[Command] = [message, correction, replace(message), replace(correction)]
    outcomes = each(clinic.world, commands[:: -1 if round_ % 2 else 1])
    # whatever came first: nothing is paid, and the message is dead
    assert clinic.balance(patient) == 10_000
    assert clinic.accumulator(patient)[1:] == type(clinic.accumulator(patient))()[1:]
    settled = len(entries(clinic.world.engine, patient, Kind.SETTLEMENT))
    assert len(entries(clinic.world.engine, patient, Kind.REVERSAL)) == settled
    assert len(entries(clinic.world.engine, party, Kind.CORRECTION)) == 1 - settled
    assert set(words(outcomes)) <= {
        "posted", "replayed", "there already", "cancelled_before_arrival", "message_corrected",
    }  # fmt: skip
    late = clinic.refused(code, patient, [("A", "30.00")], bill_no="1", message_id="m")
    assert late == ("message_corrected" if settled else "cancelled_before_arrival")


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_reversal_that_races_the_bill_sent_anew(round_: int, clinic: Clinic) -> None:
    """The number is either still taken or free again, and then taken by the new one."""
    code, patient = clinic.institution(3), clinic.patient("100.00")
    settled = clinic.settle(code, patient, [("A", "30.00")], bill_no="1")
    anew = [clinic.command(code, patient, clinic.bill([("A", "20.00")], bill_no="1")) for _ in range(4)]
    reversal = ReverseSettlement(patient, settled.receipt.seq, "wrong")
    outcomes = each(clinic.world, [*anew[:2], reversal, replace(reversal), *anew[2:]])
    answers = words(outcomes)
    assert answers["already_reversed"] == 1
    assert answers["posted"] in {1, 2}
    assert answers["posted"] + answers["duplicate_bill"] == 5
    assert clinic.balance(patient) == (10_000 if answers["posted"] == 1 else 8_000)
    # and one more comes in exactly if none did
    assert isinstance(clinic.world.post(anew[0])[0], Posted) or answers["posted"] == 2


def test_a_number_that_is_let_go_between_two_looks_is_staked(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stake was there when the new bill tried to insert it, and gone when it asked whose it is.

    It was that of somebody else's bill: what is of the same account waits for the lock.
    """
    code, patient = clinic.institution(3), clinic.patient("100.00")
    settled = clinic.settle(code, clinic.patient("100.00"), [("A", "30.00")], bill_no="1")
    write = stakes._STAKES.write
    done: list[Receipt] = []

    def write_and_wait(connection: Connection, given: Any) -> list[bytes]:
        found = write(connection, given)
        if not done:
            thread = threading.Thread(target=lambda: done.append(clinic.reverse(settled)))
            done_before = len(done)
            thread.start()
            thread.join()
            assert len(done) == done_before + 1
        return found

    command = clinic.command(code, patient, clinic.bill([("A", "20.00")], bill_no="1"))
    monkeypatch.setattr(stakes._STAKES, "write", write_and_wait)
    assert isinstance(clinic.world.post(command)[0], Posted)
    monkeypatch.undo()
    with clinic.world.engine.connect() as connection:
        digest = bill_stake(clinic.parties[code], CARE_DAY.year, "1")
        holder = select(tables.claim.c.book_id).where(tables.claim.c.digest == digest)
        assert connection.scalar(holder) == patient
    assert clinic.refused(code, patient, [("A", "1.00")], bill_no="1") == "duplicate_bill"


# -- relatives -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_quota_is_not_spent_twice_whoever_spends(round_: int, clinic: Clinic) -> None:
    """The donor, two relatives of the one donor, new quotas and the end of one, all at once."""
    world, code = clinic.world, clinic.institution(3)
    relatives = [SomeoneFactory() for _ in range(2)]
    patients = [clinic.resident(relative) for relative in relatives]
    donor = clinic.patient("100.00")
    quotas = [clinic.give(donor, relative, "40.00") for relative in relatives]
    commands: list[Command] = [
        *(
            clinic.command(code, patient, clinic.bill([("A", "15.00")]))
            for patient in patients
            for _ in range(5)
        ),
        *(Spend(donor, 700, world.today, "H0001", world.ref("s")) for _ in range(6)),
        *(clinic.command(code, donor, clinic.bill([("A", "6.00")])) for _ in range(4)),
        EndQuota(donor, quotas[round_ % 2].seq),
        *(_quota(clinic, donor, relative, 1_000) for relative in relatives),
    ]
    step = (1, 3, 5, 7)[round_]
    order = sorted(range(len(commands)), key=lambda place: place * step % len(commands))
    outcomes = each(world, [commands[place] for place in order])
    assert all(isinstance(one, Posted | Refused) for one in outcomes), outcomes
    paid = sum(row.account_pay + row.mutual_pay for row in rows(clinic, [
        one for one in outcomes if isinstance(one, Posted) and one.receipt.kind is Kind.SETTLEMENT
    ]))  # fmt: skip
    spent = 700 * sum(isinstance(one, Posted) and one.receipt.kind is Kind.SPENDING for one in outcomes)
    book = clinic.book(donor)
    assert clinic.balance(donor) == 10_000 - paid - spent
    assert 0 <= book.reserved <= clinic.balance(donor)
    with world.engine.connect() as connection:
        left = select(tables.quota.c.remaining).where(tables.quota.c.book_id == donor)
        assert sum(connection.scalars(left)) == book.reserved


def _quota(clinic: Clinic, donor: int, relative: Someone, fen: int) -> GiveQuota:
    digest = clinic.digest(relative)
    return GiveQuota(donor, digest, (digest, resident_ref(digest)), "child", fen, 2)


@pytest.mark.parametrize("round_", ROUNDS)
def test_donors_of_each_other_who_settle_at_once_wait_for_nobody(round_: int, clinic: Clinic) -> None:
    code = clinic.institution(3)
    family = [someone_with(clinic, "100.00") for _ in range(3)]
    for someone, _book in family:
        for _other, donor in family:
            if donor != _book:
                clinic.give(donor, someone, "30.00")
    outcomes = each(
        clinic.world,
        [
            clinic.command(code, book, clinic.bill([("A", "55.00")]))
            for _ in range(5)
            for _someone, book in family
        ],
    )
    found = rows(clinic, outcomes)
    assert len(found) == len(outcomes), outcomes
    left = sum(clinic.balance(book) for _someone, book in family)
    assert sum(row.account_pay + row.mutual_pay for row in found) == 30_000 - left
    assert any(row.mutual_pay for row in found)
    # and all of it back at once, each donor locked by several
    settled = [clinic.settled(one) for one in outcomes if isinstance(one, Posted)]
    back = each(
        clinic.world, [ReverseSettlement(one.receipt.book_id, one.receipt.seq, "all") for one in settled]
    )
    assert words(back) == {"posted": len(settled)}
    assert [clinic.balance(book) for _someone, book in family] == [10_000] * 3
    assert [clinic.book(book).reserved for _someone, book in family] == [6_000] * 3


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_donor_who_dies_while_relatives_settle(round_: int, clinic: Clinic) -> None:
    """Each bill is paid by the quota, or by nobody after the report; nothing stays reserved."""
    world, code = clinic.world, clinic.institution(3)
    someone, donor = SomeoneFactory(), clinic.patient("100.00")
    patient = clinic.resident(someone)
    clinic.give(donor, someone, "60.00")
    commands: list[Command] = [clinic.command(code, patient, clinic.bill([("A", "9.00")])) for _ in range(8)]
    commands.insert(round_ * 2, ReportDeath(donor, world.today, "certificate"))
    outcomes = each(world, commands)
    assert words(outcomes) == {"posted": 9}
    paid = sum(row.mutual_pay for row in rows(clinic, [
        one for one in outcomes if isinstance(one, Posted) and one.receipt.kind is Kind.SETTLEMENT
    ]))  # fmt: skip
    assert (clinic.balance(donor), clinic.book(donor).reserved) == (10_000 - paid, 0)


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_patient_who_is_reported_dead_while_bills_come_in(round_: int, clinic: Clinic) -> None:
    """Bills of days before the death go on; of days after it those that were quicker than the report."""
    world, code, patient = clinic.world, clinic.institution(3), clinic.patient("100.00")
    died_on = CARE_DAY + timedelta(days=1)
    days = [CARE_DAY, CARE_DAY + timedelta(days=2)]
    commands: list[Command] = [
        clinic.command(code, patient, clinic.bill([("A", "5.00")], day=days[place % 2])) for place in range(8)
    ]
    commands.insert(round_ * 2, ReportDeath(patient, died_on, "certificate"))
    answers = words(each(world, commands))
    assert answers["posted"] + answers["account_deceased"] == 9
    assert answers["posted"] >= 5
    assert clinic.balance(patient) == 10_000 - 500 * (answers["posted"] - 1)
    assert clinic.refused(code, patient, [("A", "5.00")], day=days[1]) == "account_deceased"


# -- decisions and recoveries --------------------------------------------------------------------------------


@pytest.mark.parametrize("approve", [True, False])
@pytest.mark.parametrize("round_", ROUNDS)
def test_of_reversals_of_one_decision_at_once_one_is_taken(
    round_: int, approve: bool, clinic: Clinic
) -> None:
    claims = Claims(clinic.world, clinic, clinic.institution(2))
    patient = clinic.patient("100.00")
    made = claims.submit(patient)
    decision = clinic.world.one(claims.decision(made, approve))
    number = claims.view(made).row.bill_no
    commands: list[Command] = [
        *(ReverseEntry(patient, decision.seq, "mistake") for _ in range(6)),
        *(ReverseEntry(patient, decision.seq, "mistake", key="one") for _ in range(3)),
        *(claims.decision(made) for _ in range(2)),
        *(
            clinic.command(claims.hospital, patient, clinic.bill([("A", "2000.00")], bill_no=number))
            for _ in range(3)
        ),
    ]
    step = (1, 3, 5, 9)[round_]
    order = sorted(range(len(commands)), key=lambda place: place * step % len(commands))
    outcomes = each(clinic.world, [commands[place] for place in order])
    assert all(isinstance(one, Posted | Refused) for one in outcomes), outcomes
    taken = [one.receipt for one in outcomes if isinstance(one, Posted) and not one.replayed]
    by_kind = Counter(one.kind for one in taken)
    # the bill is one: received again and decided at most once, or once rejected settled over the network
    assert by_kind[Kind.REVERSAL] + by_kind[Kind.SETTLEMENT] == 1
    assert by_kind[Kind.CLAIM_DECISION] <= by_kind[Kind.REVERSAL]
    assert not approve or by_kind[Kind.REVERSAL] == 1
    with clinic.world.engine.connect() as connection:
        stake = bill_stake(clinic.parties[claims.hospital], CARE_DAY.year, number)
        holder = select(tables.claim.c.book_id).where(tables.claim.c.digest == stake)
        assert connection.scalar(holder) == patient


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_reversal_and_bills_that_come_at_once_leave_counters_that_add_up(
    round_: int, clinic: Clinic
) -> None:
    claims = Claims(clinic.world, clinic, clinic.institution(2))
    patient = clinic.patient("100.00")
    paid = claims.approve(claims.submit(patient))
    commands: list[Command] = [
        clinic.command(claims.hospital, patient, clinic.bill([("A", "100.00")])) for _ in range(9)
    ]
    commands.insert(round_ * 3, ReverseEntry(patient, paid.receipt.seq, "mistake"))
    outcomes = each(clinic.world, commands)
    assert words(outcomes) == {"posted": 10}
    settled = rows(clinic, [one for one in outcomes if isinstance(one, Posted)])
    counted = clinic.accumulator(patient)
    fund = paid.row.pooled_pay + sum(row.pooled_pay for row in settled)
    used = paid.row.deductible + sum(row.deductible for row in settled)
    assert (counted.outpatient_pooled, counted.outpatient_deductible) == (fund, used)
    assert counted.version == 11


@pytest.mark.parametrize("means", ["bank", "set_off"])
def test_of_reversals_of_one_recovery_at_once_one_is_taken(means: str, clinic: Clinic) -> None:
    cases = Cases(clinic.world, clinic, clinic.institution(3))
    patient = clinic.patient("1000.00")
    case = cases.advanced(patient)
    recovery = clinic.world.one(cases.recovery(case, "1000.00", means))
    outcomes = each(
        clinic.world,
        [
            *(ReverseEntry(patient, recovery.seq, "mistake") for _ in range(8)),
            *(Spend(patient, 12_000, clinic.world.today, "H0001", clinic.world.ref("s")) for _ in range(4)),
        ],
    )
    back = [one for one in outcomes if isinstance(one, Posted) and one.receipt.kind is Kind.REVERSAL]
    assert len(back) == 1
    assert words(outcomes)["already_reversed"] == 7
    spent = sum(one.receipt.amount_fen for one in outcomes if isinstance(one, Posted)) - (
        back[0].receipt.amount_fen
    )
    assert clinic.balance(patient) == 100_000 - spent
    assert cases.state(case)[3:] == (528_000, 0, 0, 0)
