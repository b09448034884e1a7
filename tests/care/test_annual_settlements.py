"""The annual settlement in the book: years as stories, supplements, and the run over an area (R42)."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.freezes import Freeze
from ledger.book.detail import unpack
from ledger.care import annual_settlements
from ledger.care.annual_settlements import ANNUAL_SETTLEMENT, CloseYear, areas_elsewhere
from ledger.care.case_reports import claim
from ledger.care.counters import FILING_ROW
from ledger.care.filings import EndFiling, RecordFiling
from ledger.care.manual_claims import EVIDENCE, DecideClaim, SubmitClaim
from ledger.care.reads import read_settled
from ledger.care.recomputation import Facts, recompute
from ledger.care.rows import Cause, FilingRow, SettlementRow
from ledger.care.taking_back import ReverseSettlement
from ledger.chart.care import CauseKind, Channel, Filing
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.clock import now_and_today
from ledger.database.engines import connect, reading
from ledger.estates.merging import MergeAccounts
from ledger.owed.demands import DemandBack, SetOffDemand
from ledger.people.enrolments import EndEnrolment, Enrol
from ledger.policy import RATE_SCALE
from ledger.posting import Posted, Receipt, batches
from ledger.posting.batches import Batch
from ledger.posting.rehearsal import rehearse
from ledger.posting.way_in import post
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.contributions.test_contributions import with_parameter
from tests.estates.test_owed_again_after_merges import owed_by
from tests.support.approvals import asks_nobody
from tests.support.chance import seeds
from tests.support.clinic import Clinic, LineText, Settled
from tests.support.office import command_line, finish
from tests.support.people import AREA, SomeoneFactory, World, noon, write_keys
from tests.support.stories import Heir, estate, fen, moves, shared_out

R = RefusalCode
YEAR = 2025
AWAY = 990200
FIRST = date(YEAR, 1, 2)
SETTLING = date(YEAR + 1, 4, 1)
IN_TIME, TOO_LATE = date(YEAR + 1, 3, 31), date(YEAR + 1, 4, 1)
POOLED, LARGE, BANK = int(Side.POOLED_FUND), int(Side.LARGE_FUND), int(Side.BANK)
CARRIED, OWED = int(Side.CARRIED_OVER), int(Side.RECEIVABLE)


@dataclass
class Story:
    """A year of care in a world with hospitals of each level, and one elsewhere."""

    world: World
    clinic: Clinic
    level: dict[int, str]
    elsewhere: str

    def patient(self, balance: str = "0.00") -> int:
        return self.clinic.patient(balance, opened_on=FIRST, today=FIRST)

    def bill(
        self,
        book: int,
        amount: str | list[LineText],
        month: int,
        *,
        at: int | str = 3,
        posted: date | None = None,
        **more: Any,
    ) -> Settled:
        """A bill for care on the tenth of a month, posted on that day unless it says otherwise."""
        code = self.level[at] if isinstance(at, int) else at
        lines = [("A", amount)] if isinstance(amount, str) else amount
        day = date(YEAR, month, 10)
        more = {"use_account": False} | more
        return self.clinic.settle(code, book, lines, day=day, today=posted or day, **more)

    def file(
        self, book: int, filing: Filing = Filing.REFERRED, *, on: date = IN_TIME, area: int | None = AWAY
    ) -> Receipt:
        first, last = date(YEAR, 1, 1), date(YEAR, 12, 31)
        return self.world.one(RecordFiling(book, filing, first, last, area), today=on)

    def enrol(self, book: int, first: date, last: date | None = None, **more: Any) -> Receipt:
        member_class = more.pop("member_class", MemberClass.ACTIVE)
        return self.world.one(Enrol(book, member_class, None, first, last), **more)

    def command(self, book: int, **more: Any) -> CloseYear:
        with self.world.engine.connect() as connection:
            areas = areas_elsewhere(connection)
        return CloseYear(book, YEAR, areas, **more)

    def settle(self, book: int, on: date = SETTLING, **more: Any) -> Posted:
        return self.world.posted(self.command(book, **more), today=on)

    def settled(self, book: int, on: date = SETTLING) -> dict[str, str]:
        """What became of the difference, in yuan; what is nothing is not there."""
        told = unpack(self.settle(book, on).receipt.detail)
        names = ("to_bank", "to_account", "claimed_back", "forgiven", "still_owed")
        return {name: yuan(told[name]) for name in names if told[name]}

    def rows(self, book: int) -> dict[int, SettlementRow]:
        with self.world.engine.connect() as connection, connection.begin():
            return read_settled(connection, [(book, 1, f"{YEAR}-01-01", f"{YEAR}-12-31")])[book]

    def statements(self, book: int) -> int:
        return sum(row.channel is Channel.ANNUAL for row in self.rows(book).values())

    def used(self, book: int) -> dict[str, int]:
        counters = self.clinic.accumulator(book, YEAR)._asdict()
        return {name: fen for name, fen in counters.items() if fen and name != "version"}

    def run(self, today: date = SETTLING, year: int = YEAR, area: int = AREA) -> Batch:
        with self.world.engine.connect() as connection:
            return ANNUAL_SETTLEMENT.run(
                connection, year, area, lambda: (noon(today), today), self.world.policies
            )

    def in_order(self) -> None:
        assert verify(self.world.engine).findings == []


def yuan(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02d}"


def story_of(engine: Engine) -> Story:
    world = World(engine, now=noon(FIRST))
    clinic = Clinic(world)
    levels = {level: clinic.institution(level) for level in (1, 2, 3)}
    return Story(world, clinic, levels, clinic.institution(3, area=AWAY))


@pytest.fixture
def story(sound_engine: Engine) -> Story:
    return story_of(sound_engine)


@pytest.fixture
def alone(fresh_engine: Engine) -> Story:
    """With nobody else in the database."""
    return story_of(fresh_engine)


# -- the worked examples ---------------------------------------------------------------------------------


def test_e46_a_claim_on_paper_is_settled_already(story: Story) -> None:
    book = story.patient()
    # the deductible, and 240.00 of the fund
    story.bill(book, "900.00", 2, at=1)
    code = story.level[2]
    made = story.clinic.bill(
        [("A", "2000.00")], day=date(YEAR, 6, 10), use_account=False, bill_no=story.world.ref("b")
    )
    on = date(YEAR, 12, 29)
    submitted = story.world.one(
        SubmitClaim(book, None, code, story.clinic.parties[code], made, on, frozenset(EVIDENCE)), today=on
    )
    with story.world.engine.connect() as connection, connection.begin():
        view = claim(connection, book, submitted.seq)
    decided = story.world.one(
        DecideClaim(book, submitted.seq, view.institution, view.row, True, "checked"), today=on
    )
    assert moves(story.world.engine, book, decided.seq) == [(POOLED, BANK, fen("1,400.00"))]
    done = story.settle(book)
    assert done.created
    assert done.receipt.transfers == ()
    assert unpack(done.receipt.detail)["bills"] == 2
    assert story.used(book)["outpatient_pooled"] == fen("1,640.00")


def test_e47_the_yearly_top_up(story: Story) -> None:
    book = story.patient()
    story.bill(book, "31234.56", 3)
    assert story.used(book)["own_burden"] == fen("21,234.56")
    done = story.settle(book)
    assert done.receipt.transfers == ((LARGE, BANK, fen("3,740.74"), None),)
    assert story.used(book)["top_up"] == fen("3,740.74")


def test_e48_a_referral_that_was_proved_late(story: Story) -> None:
    book = story.patient()
    bill = story.bill(book, "20000.00", 6, at=story.elsewhere, care_type="inpatient")
    assert bill.row.pooled_pay == fen("12,988.00")
    story.file(book)
    done = story.settle(book)
    assert done.receipt.transfers == ((POOLED, BANK, fen("1,910.00"), None),)
    assert done.receipt.amount_fen == fen("1,910.00")
    told = unpack(done.receipt.detail)
    [changed] = told["changed"]
    assert changed["seq"] == bill.receipt.seq
    assert changed["pooled_pay"] == [fen("12,988.00"), fen("14,898.00")]
    assert (changed["large_pay"], changed["why"]) == ([0, 0], ["filing"])
    assert (told["before"]["own_burden"], told["after"]["own_burden"]) == (fen("7,012.00"), fen("5,102.00"))
    assert story.used(book) == told["after"]


@pytest.mark.parametrize(("last", "counts"), [(date(YEAR, 6, 9), False), (date(YEAR, 6, 10), True)])
def test_a_filing_that_was_ended_counts_to_its_last_day(story: Story, last: date, counts: bool) -> None:
    """Its end may come after the deadline: when the filing itself was recorded is what that is about."""
    book = story.patient()
    bill = story.bill(book, "20000.00", 6, at=story.elsewhere, care_type="inpatient")
    filed = story.file(book)
    story.settle(book)
    story.world.one(EndFiling(book, filed.seq, last, "moved back"), today=TOO_LATE)
    told = story.settle(book, TOO_LATE)
    assert told.created is not counts
    if not counts:
        # what the late proof had brought (E48) is owed back
        assert unpack(told.receipt.detail)["claimed_back"] == fen("1,910.00")
        assert story.used(book)["inpatient_pooled"] == bill.row.pooled_pay
    assert verify(story.world.engine).clean


def test_a_filing_that_takes_the_place_of_none_is_told_as_before() -> None:
    """The digest of what was filed before there were ends stays what it was."""
    row = FilingRow(Filing.LONG_TERM, date(YEAR, 1, 1), None, AWAY, 7)
    before = f"[]{int(Filing.LONG_TERM)}|{YEAR}-01-01|None|{AWAY}|7"
    assert FILING_ROW.told(row) == before
    assert FILING_ROW.told(row._replace(replaces_seq=3)) == f"{before}|3"


def test_a_filing_after_the_deadline_does_not_count(story: Story) -> None:
    book = story.patient()
    story.bill(book, "20000.00", 6, at=story.elsewhere, care_type="inpatient")
    story.file(book, on=TOO_LATE)
    assert story.settled(book, TOO_LATE) == {}
    story.file(book, area=990300)
    assert not story.settle(book, TOO_LATE).created


def test_a_whole_year(story: Story) -> None:
    """Every table, a swapped order, a late filing, a top-up: one statement, and the counters follow."""
    book = story.patient("5000.00")
    may = story.bill(book, "1000.00", 5, at=1, use_account=True)
    march = story.bill(book, "1000.00", 3, at=3, posted=date(YEAR, 6, 1))
    june = story.bill(book, "20000.00", 6, at=story.elsewhere, care_type="inpatient")
    story.bill(book, "30000.00", 8, care_type="inpatient", use_account=True)
    story.bill(book, "86.50", 9, at=2, care_type="pharmacy", use_account=True)
    before = story.used(book)
    assert before["outpatient_pooled"] == fen("920.00")
    story.file(book)
    done = story.settle(book)
    assert [other.kind for other in done.others if other.kind is not Kind.CARRY_OVER] == [
        Kind.ANNUAL_SETTLEMENT
    ]
    used = story.used(book)
    assert used["outpatient_pooled"] == fen("1,040.00")
    assert used["inpatient_pooled"] == before["inpatient_pooled"] + fen("1,910.00")
    assert used["own_burden"] == before["own_burden"] - fen("2,030.00")
    # the bill of May was the account's, and is now 600.00 less 400.00; that of March was cash and is more
    told = unpack(done.receipt.detail)
    assert (told["to_account"], told["to_bank"]) == (fen("480.00"), fen("1,550.00"))
    assert {one["seq"]: one["why"] for one in told["changed"]} == {
        may.receipt.seq: ["order"],
        march.receipt.seq: ["order"],
        june.receipt.seq: ["filing"],
    }
    assert story.clinic.balance(book) == fen("5,000.00") - _account_paid(story, book) + fen("480.00")


def _account_paid(story: Story, book: int) -> int:
    return sum(row.account_pay for row in story.rows(book).values() if row.channel is Channel.NETWORK)


# -- who gets it -----------------------------------------------------------------------------------------


def test_account_money_goes_back_into_the_account(story: Story) -> None:
    book = story.patient("10000.00")
    lines: list[LineText] = [("A", "20000.00"), ("C", "3000.00")]
    bill = story.bill(book, lines, 6, at=story.elsewhere, care_type="inpatient", use_account=True)
    assert (bill.row.account_pay, bill.row.cash_pay) == (fen("7,012.00"), fen("3,000.00"))
    story.file(book)
    done = story.settle(book)
    # after the year end, into carried_over (K6)
    assert done.receipt.transfers == ((POOLED, CARRIED, fen("1,910.00"), None),)
    row = story.clinic.row(done.receipt)
    assert (row.account_pay, row.cash_pay) == (-fen("1,910.00"), 0)
    stood = story.clinic.book(book)
    assert (stood.current_year, stood.carried_over) == (0, fen("4,898.00"))


def test_relatives_money_goes_back_into_their_quota(story: Story) -> None:
    someone = SomeoneFactory()
    book = story.world.open(someone, opened_on=FIRST, today=FIRST)
    donor = story.patient("10000.00")
    story.world.now = noon(FIRST)
    quota = story.clinic.give(donor, someone, "5000.00")
    bill = story.bill(book, "20000.00", 6, at=story.elsewhere, care_type="inpatient", use_account=True)
    assert (bill.row.mutual_pay, bill.row.cash_pay) == (fen("5,000.00"), fen("2,012.00"))
    story.file(book, Filing.LONG_TERM)
    # 3,820.00 in all: the cash first, and then what relatives had paid
    done = story.settle(book)
    told = unpack(done.receipt.detail)
    assert (told["to_bank"], told["to_account"], told["to_relatives"]) == (
        fen("2,012.00"),
        0,
        fen("1,808.00"),
    )
    stood = story.clinic.book(donor)
    assert (story.clinic.balance(donor), stood.reserved) == (fen("6,808.00"), fen("1,808.00"))
    # after the year end, into carried_over (K6)
    assert (stood.current_year, story.clinic.balance(book)) == (0, 0)
    [back] = [other for other in done.others if other.kind is not Kind.CARRY_OVER]
    assert (back.kind, back.book_id, back.reserved_change) == (Kind.AID_BACK, donor, fen("1,808.00"))
    assert quota.book_id == donor
    assert not story.settle(book).created


def test_what_is_claimed_back_is_owed_and_comes_off_what_is_paid_later(story: Story) -> None:
    book = story.patient()
    enrolment = story.enrol(book, date(2020, 1, 1), today=FIRST)
    story.bill(book, "1000.00", 6)
    ended = story.world.one(EndEnrolment(book, enrolment.seq, date(YEAR, 5, 31)), today=date(YEAR, 7, 1))
    first = story.settle(book)
    assert first.receipt.transfers == ((OWED, POOLED, fen("240.00"), book),)
    assert story.used(book) == {}
    assert ended.kind is Kind.ENROLMENT_END
    # after all retired since June: 390.00
    story.enrol(book, date(YEAR, 6, 1), member_class=MemberClass.RETIRED, today=SETTLING)
    second = story.settle(book)
    assert second.receipt.transfers == (
        (POOLED, OWED, fen("240.00"), book),
        (POOLED, BANK, fen("150.00"), None),
    )
    told = unpack(second.receipt.detail)
    assert (told["forgiven"], told["still_owed"]) == (fen("240.00"), 0)
    assert story.used(book)["outpatient_pooled"] == fen("390.00")


def test_one_fund_pays_what_the_other_gets_back(story: Story) -> None:
    book = story.patient()
    story.bill(book, "31234.56", 3)
    story.bill(book, "20000.00", 6, at=story.elsewhere, care_type="inpatient")
    assert story.settled(book, date(YEAR + 1, 1, 15)) == {"to_bank": "7947.94"}
    story.file(book)
    done = story.settle(book)
    assert done.receipt.transfers == (
        (POOLED, OWED, fen("1,146.00"), book),
        (POOLED, BANK, fen("764.00"), None),
        (OWED, LARGE, fen("1,146.00"), book),
    )
    told = unpack(done.receipt.detail)
    assert (told["claimed_back"], told["forgiven"], told["still_owed"]) == (0, 0, 0)


# -- again -----------------------------------------------------------------------------------------------


def test_settled_twice_nothing_is_posted(story: Story) -> None:
    book = story.patient()
    story.bill(book, "1000.00", 6)
    first = story.settle(book)
    assert first.created
    assert first.receipt.transfers == ()
    for on in (SETTLING, date(YEAR + 3, 1, 1)):
        again = story.settle(book, on)
        assert (again.created, again.receipt.name) == (False, first.receipt.name)
    assert story.statements(book) == 1
    # with its statement known or not, in one batch or rehearsed
    both = story.world.post(story.command(book), story.command(book, target_seq=first.receipt.seq))
    assert [one.created for one in both if isinstance(one, Posted)] == [False, False]
    [rehearsed] = rehearse(
        story.world.engine.connect(), [story.command(book)], noon(SETTLING), SETTLING, story.world.policies
    )
    assert isinstance(rehearsed, Posted)
    assert rehearsed.receipt.name == first.receipt.name


def test_two_at_once_are_one(story: Story) -> None:
    book = story.patient()
    story.bill(book, "31234.56", 6)
    first, second = story.world.post(story.command(book), story.command(book), today=SETTLING)
    assert isinstance(first, Posted)
    assert isinstance(second, Posted)
    assert (first.created, second.created) == (True, False)
    assert second.receipt.name == first.receipt.name


def test_the_same_key_gets_the_first_answer(story: Story) -> None:
    book = story.patient()
    story.bill(book, "1000.00", 6)
    first = story.settle(book, key="k-1")
    story.bill(book, "500.00", 7, posted=SETTLING)
    again = story.settle(book, key="k-1")
    assert (again.replayed, again.receipt.name) == (True, first.receipt.name)
    other = CloseYear(book, YEAR - 1, {}, key="k-1")
    assert story.world.refusal(other, today=SETTLING) is R.IDEMPOTENCY_KEY_REUSED


def test_a_bill_reversed_after_it_is_put_right_by_a_supplement(story: Story) -> None:
    book = story.patient()
    story.bill(book, "2000.00", 3)
    bill = story.bill(book, "20000.00", 6, at=story.elsewhere, care_type="inpatient")
    story.file(book)
    assert story.settled(book) == {"to_bank": "1910.00"}
    story.clinic.reverse(bill, today=SETTLING)
    supplement = story.settle(book)
    # the hospital gave back the cash; the rest the person has from the fund
    assert supplement.receipt.transfers == ((OWED, POOLED, fen("1,910.00"), book),)
    assert story.used(book) == {
        "outpatient_deductible": fen("600.00"),
        "outpatient_pooled": fen("840.00"),
        "own_burden": fen("1,160.00"),
    }
    assert not story.settle(book).created
    # settled anew, and rightly this time: nothing is left of it until something better is filed
    story.bill(book, "20000.00", 6, at=story.elsewhere, care_type="inpatient", posted=SETTLING)
    assert not story.settle(book).created
    story.file(book, Filing.LONG_TERM)
    assert story.settled(book) == {"forgiven": "1910.00"}


def test_a_year_that_goes_on_may_be_settled(story: Story) -> None:
    book = story.patient()
    story.bill(book, "1000.00", 5, at=1)
    story.bill(book, "1000.00", 3, posted=date(YEAR, 6, 1))
    assert story.settled(book, date(YEAR, 7, 1)) == {"to_bank": "120.00"}
    late = story.bill(book, "100.00", 8)
    assert late.row.pooled_pay == fen("60.00")
    assert not story.settle(book).created
    assert story.used(book)["outpatient_pooled"] == fen("1,100.00")


def test_a_referral_inside_an_area_that_asks_for_one(story: Story) -> None:
    story.world.policies = {AREA: with_parameter("referral.required", "yes")}
    book = story.patient()
    bill = story.bill(book, "20000.00", 6, care_type="inpatient")
    assert bill.row.pooled_pay == fen("14,898.00")
    story.file(book, Filing.EMERGENCY, area=AREA)
    assert story.settled(book) == {"to_bank": "1910.00"}


def test_what_a_third_party_bears_stays_out_of_it(story: Story) -> None:
    book = story.patient()
    cause = Cause(CauseKind.THIRD_PARTY, RATE_SCALE * 6 // 10)
    story.bill(book, "20000.00", 6, at=story.elsewhere, care_type="inpatient", cause=cause)
    story.file(book)
    # a tenth of 0.40 × 20,000.00 − 900.00
    assert story.settled(book) == {"to_bank": "710.00"}


# -- who may not -----------------------------------------------------------------------------------------


def test_nothing_to_settle(story: Story) -> None:
    book = story.patient()
    assert story.world.refusal(story.command(book), today=SETTLING) is R.ANNUAL_SETTLEMENT_NOT_FOUND
    story.bill(book, "1000.00", 6)
    other = CloseYear(book, YEAR + 1, {})
    assert story.world.refusal(other, today=SETTLING) is R.ANNUAL_SETTLEMENT_NOT_FOUND
    assert story.world.refusal(CloseYear(book + 1, YEAR, {}), today=SETTLING) is R.ACCOUNT_NOT_FOUND


def test_what_was_all_taken_back_is_a_year_of_nothing(story: Story) -> None:
    book = story.patient()
    bill = story.bill(book, "1000.00", 6)
    story.clinic.reverse(bill, today=date(YEAR, 6, 11))
    done = story.settle(book)
    assert unpack(done.receipt.detail)["bills"] == 0
    assert done.receipt.transfers == ()


def test_the_frozen_and_the_dead_are_settled_and_the_closed_for_their_heirs(story: Story) -> None:
    frozen, dead, closed = (story.patient("100.00") for _ in range(3))
    for book in (frozen, dead, closed):
        story.bill(book, "20000.00", 6, at=story.elsewhere, care_type="inpatient")
        story.file(book)
    story.world.one(Freeze(frozen, "court", "x", date(YEAR, 1, 1), None), today=date(YEAR, 12, 1))
    story.world.one(ReportDeath(dead, date(YEAR, 8, 1), "register"), today=date(YEAR, 9, 1))
    story.world.one(ReportDeath(closed, date(YEAR, 8, 1), "register"), today=IN_TIME)
    children = [SomeoneFactory() for _ in range(3)]
    account = story.world.open(children[0], opened_on=FIRST, today=FIRST)
    heirs = [Heir("child", child) for child in children]
    story.world.one(estate(story.world, closed, heirs, SETTLING), today=SETTLING)
    inherited = story.clinic.balance(account)
    assert story.settled(frozen) == {"to_bank": "1910.00"}
    assert story.settled(dead) == {"to_bank": "1910.00"}
    done = story.settle(closed)
    assert unpack(done.receipt.detail)["to_heirs"] == fen("1,910.00")
    [handed_on] = [other for other in done.others if other.kind is Kind.ESTATE]
    assert handed_on.target_seq == done.receipt.seq
    assert sorted(shared_out(handed_on)) == ["636.66", "636.67", "636.67"]
    assert story.clinic.balance(account) - inherited in {fen("636.66"), fen("636.67")}
    assert not story.settle(closed).created
    assert story.clinic.balance(closed) == 0


# -- of an account that went into another one ----------------------------------------------------------------


def went_into_another(story: Story, balance: str = "100.00") -> tuple[int, int]:
    """The account that stays, and a younger one of the same person."""
    world = story.world
    return tuple(  # type: ignore[return-value]  # two of them
        world.open(SomeoneFactory(name="张三"), opened_on=FIRST, today=FIRST, opening=(0, fen(balance)))
        for _ in range(2)
    )


def merge(story: Story, younger: int, older: int) -> None:
    story.world.one(MergeAccounts(younger, older, "finding"), today=date(YEAR, 12, 1))


def test_what_is_paid_of_a_merged_account_goes_on_to_the_one_that_stays(story: Story) -> None:
    asks_nobody(story.world)
    older, book = went_into_another(story, "10000.00")
    lines: list[LineText] = [("A", "20000.00"), ("C", "3000.00")]
    story.bill(book, lines, 6, at=story.elsewhere, care_type="inpatient", use_account=True)
    story.file(book, on=date(YEAR, 11, 1))
    merge(story, book, older)
    before = story.clinic.balance(older)
    done = story.settle(book)
    # account money comes back to the account, 1,910.00
    assert done.receipt.transfers == ((POOLED, CARRIED, fen("1,910.00"), None),)
    [gone, came] = [one for one in done.others if one.kind is Kind.MERGE]
    assert (gone.book_id, gone.target_seq, came.book_id) == (book, done.receipt.seq, older)
    assert (story.clinic.balance(book), story.clinic.balance(older)) == (0, before + fen("1,910.00"))
    assert not story.settle(book).created


def test_what_is_asked_back_of_a_merged_account_is_owed_and_demanded_once(story: Story) -> None:
    world = asks_nobody(story.world)
    older, book = went_into_another(story)
    enrolment = story.enrol(book, date(2020, 1, 1), today=FIRST)
    story.bill(book, "1000.00", 6)
    world.one(EndEnrolment(book, enrolment.seq, date(YEAR, 5, 31)), today=date(YEAR, 7, 1))
    merge(story, book, older)
    done = story.settle(book)
    assert done.receipt.transfers == ((OWED, POOLED, fen("240.00"), book),)
    assert unpack(done.receipt.detail)["still_owed"] == fen("240.00")
    assert owed_by(world, older) == [("annual_settlement", book, fen("240.00"))]
    # part of it is demanded of the account that stays, and set off there
    debt = (book, done.receipt.seq)
    demand = world.one(DemandBack(older, fen("40.00"), "r", "d", debt), today=SETTLING)
    world.one(SetOffDemand(older, demand.seq), today=SETTLING)
    assert owed_by(world, older) == [("annual_settlement", book, fen("200.00"))]
    # a bill that is taken back makes nothing more owed, and what was demanded stays
    again = story.settle(book)
    assert not again.created
    # and the estate takes over the rest
    world.one(ReportDeath(older, SETTLING, "register"), today=SETTLING)
    divided = world.one(estate(world, older, [Heir("child", "王五")], SETTLING), today=SETTLING)
    [line] = unpack(divided.detail)["set_off"]
    assert (line["what"], line["account"], line["owed"]) == ("annual_settlement", book, fen("200.00"))


def test_what_is_paid_later_comes_off_what_is_owed_and_was_not_demanded(story: Story) -> None:
    world = asks_nobody(story.world)
    older, book = went_into_another(story)
    enrolment = story.enrol(book, date(2020, 1, 1), today=FIRST)
    bill = story.bill(book, "1000.00", 6)
    world.one(EndEnrolment(book, enrolment.seq, date(YEAR, 5, 31)), today=date(YEAR, 7, 1))
    merge(story, book, older)
    first = story.settle(book)
    demand = world.one(DemandBack(older, fen("40.00"), "r", "d", (book, first.receipt.seq)), today=SETTLING)
    # the bill itself goes back: of 240.00 that are owed 200.00 were not demanded
    world.one(ReverseSettlement(book, bill.receipt.seq, "another's"), today=SETTLING)
    told = unpack(story.settle(book).receipt.detail)
    assert (told["forgiven"], told["still_owed"]) == (fen("200.00"), fen("40.00"))
    assert owed_by(world, older) == [("demand", older, fen("40.00"))]
    assert demand.book_id == older


def test_a_resident_has_a_statement_and_nothing_to_come(story: Story) -> None:
    someone = SomeoneFactory()
    story.world.now = noon(FIRST)
    book = story.clinic.resident(someone)
    story.bill(book, "40000.00", 6)
    done = story.settle(book)
    assert (done.created, done.receipt.transfers) == (True, ())
    assert not story.settle(book).created


# -- what always holds -----------------------------------------------------------------------------------


@pytest.mark.random
@pytest.mark.parametrize("seed", seeds(6))
def test_whatever_happens_in_a_year_its_counters_are_those_of_the_year_again(story: Story, seed: int) -> None:
    chance = Random(seed)
    book = story.patient("3000.00")
    bills: list[Settled] = []
    areas = {story.clinic.parties[story.elsewhere]: AWAY}
    for number in range(14):
        on = date(YEAR + 1, 1, 5) + timedelta(days=number * 5)
        act = chance.random()
        if act < 0.55 or not bills:
            _try(lambda on=on: bills.append(_some_bill(story, chance, book, on)))
        elif act < 0.65:
            story.file(book, chance.choice([Filing.REFERRED, Filing.LONG_TERM]), on=on)
        elif act < 0.75:
            first = date(YEAR, chance.randint(1, 9), 1)
            story.enrol(book, first, member_class=chance.choice(list(MemberClass)[:3]), today=on)
        elif act < 0.85:
            bill = bills.pop(chance.randrange(len(bills)))
            _try(lambda bill=bill, on=on: story.clinic.reverse(bill, today=on))
        else:
            story.settle(book, on)
    story.settle(book)
    rows = story.rows(book)
    with story.world.engine.connect() as connection:
        enrolments = _enrolments(connection, book)
        filings = _filings(connection, book)
    facts = Facts(False, AREA, enrolments, filings, areas)
    found = recompute(story.world.policies[AREA], YEAR, rows, facts)
    assert not found.differs
    stored = story.clinic.accumulator(book, YEAR)
    assert stored._replace(version=0, admissions=0) == found.after._replace(version=0, admissions=0)


def _some_bill(story: Story, chance: Random, book: int, on: date) -> Settled:
    inpatient = chance.random() < 0.3
    return story.bill(
        book,
        yuan(chance.randrange(100, 6_000_000 if inpatient else 1_500_000)),
        chance.randint(1, 12),
        at=chance.choice([1, 2, 3, story.elsewhere]),
        posted=on,
        care_type="inpatient" if inpatient else chance.choice(["outpatient", "chronic", "pharmacy"]),
        use_account=chance.random() < 0.5,
    )


def _try(act: Callable[[], object]) -> None:
    try:
        act()
    except Refused as refused:
        assert refused.code in {R.NOT_LAST, R.PERIOD_BEFORE_ENROLMENT}  # noqa: PT017  else a bug of the test


def _enrolments(connection: Any, book: int) -> Any:
    from ledger.people.enrolled import read_enrolments

    return read_enrolments(connection, [book]).get(book, [])


def _filings(connection: Any, book: int) -> Any:
    from ledger.care.reports import filings

    return [(one.seq, one.recorded_on, one.row) for one in filings(connection, book)]


# -- the run over an area --------------------------------------------------------------------------------


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annual_settlements, "CHUNK", 3)


@pytest.mark.usefixtures("small_chunks")
def test_a_run_settles_everybody_who_had_care(alone: Story) -> None:
    ill = [alone.patient() for _ in range(10)]
    well, closed = alone.patient(), alone.patient()
    neighbour = alone.world.open(opened_on=FIRST, today=FIRST)
    for book in (*ill, closed):
        alone.bill(book, "31234.56", 3)
    # care of another year
    alone.clinic.settle(
        alone.level[1], well, [("A", "10.00")], day=date(YEAR + 1, 1, 2), today=date(YEAR + 1, 1, 2)
    )
    alone.world.one(ReportDeath(closed, date(YEAR, 8, 1), "register"), today=IN_TIME)
    alone.world.one(estate(alone.world, closed, [Heir("child", SomeoneFactory())], IN_TIME), today=IN_TIME)
    assert alone.settled(ill[4]) == {"to_bank": "3740.74"}
    first = alone.run()
    assert (first.state, first.done, first.refused) == ("finished", 10, 0)
    assert first.amount_fen == 10 * fen("3,740.74")
    assert [alone.statements(book) for book in (*ill, closed)] == [1] * 11
    assert alone.clinic.book(neighbour).last_seq == 1
    again = alone.run()
    assert (again.state, again.done, again.amount_fen) == ("finished", 10, first.amount_fen)
    # what has changed since is settled, and nothing else
    alone.bill(ill[0], "1000.00", 9, posted=SETTLING)
    assert alone.run().done == 11
    assert [alone.statements(book) for book in ill] == [2, *[1] * 9]
    alone.in_order()


@pytest.mark.usefixtures("small_chunks")
def test_who_is_refused_keeps_nobody_else_waiting(alone: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    books = sorted(alone.patient() for _ in range(5))
    for book in books:
        alone.bill(book, "1000.00", 3)
    decide = CloseYear.decide

    def deciding(command: CloseYear, desk: Any) -> None:
        if desk.book.book_id == books[1]:
            raise Refused(R.ACCOUNT_TRANSFERRING)
        decide(command, desk)

    with monkeypatch.context() as patch:
        patch.setattr(CloseYear, "decide", deciding)
        for _ in range(2):
            batch = alone.run()
            assert (batch.state, batch.done, batch.refused) == ("finished", 4, 1)
    assert (alone.run().done, alone.run().refused) == (5, 0)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("after", [False, True], ids=["before posting", "after posting"])
def test_a_run_that_ended_goes_on(alone: Story, monkeypatch: pytest.MonkeyPatch, *, after: bool) -> None:
    books = [alone.patient() for _ in range(8)]
    for book in books:
        alone.bill(book, "31234.56", 3)
    calls = 0

    class Killed(BaseException):
        pass

    def dying(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2 and not after:
            raise Killed
        outcomes = post(*args, **more)
        if calls == 2:
            raise Killed
        return outcomes

    with monkeypatch.context() as patch:
        patch.setattr("ledger.posting.runs.post", dying)
        with pytest.raises(Killed):
            alone.run()
    assert sum(alone.statements(book) for book in books) == (6 if after else 3)
    batch = alone.run()
    assert batch.state == "finished"
    assert [alone.statements(book) for book in books] == [1] * 8
    assert all(alone.used(book)["top_up"] == fen("3,740.74") for book in books)


@pytest.mark.parametrize(
    ("year", "area", "code"),
    [(YEAR + 1, AREA, R.YEAR_NOT_OVER), (YEAR, 990199, R.AREA_UNKNOWN), (1999, AREA, R.RATES_MISSING)],
    ids=["year", "area", "rates"],
)
def test_a_run_that_cannot_be(story: Story, year: int, area: int, code: RefusalCode) -> None:
    with pytest.raises(Refused) as refused:
        story.run(date(YEAR + 1, 12, 31), year, area)
    assert refused.value.code is code


# -- killed ----------------------------------------------------------------------------------------------

PEOPLE = 2000
LAST_YEAR = now_and_today()[1].year - 1


@pytest.fixture
def crowd(fresh_url: str, tmp_path: Path) -> Iterator[tuple[Story, list[int], Path]]:
    """People with a bill of last year each, in a database for the command line."""
    write_keys(tmp_path / "keys")
    engine = connect(fresh_url)
    story = story_of(engine)
    story.world.now = datetime.now(UTC)
    day = date(LAST_YEAR, 3, 10)
    opened = story.world.post(*(story.world.opening(opened_on=day, today=day) for _ in range(PEOPLE)))
    books = [one.receipt.book_id for one in opened if isinstance(one, Posted)]
    assert len(books) == PEOPLE
    bill = story.clinic.bill([("A", "31234.56")], day=day, use_account=False, bill_no=None)
    code = story.level[3]
    posted = story.world.post(*(story.clinic.command(code, book, bill) for book in books))
    assert all(isinstance(one, Posted) for one in posted)
    yield story, books, tmp_path / "keys"
    engine.dispose()


@pytest.mark.slow
def test_killed_in_the_middle_and_started_again(crowd: tuple[Story, list[int], Path], fresh_url: str) -> None:
    story, books, keys = crowd
    arguments = ("annual-settlement", "--year", str(LAST_YEAR), "--area", str(AREA))
    name = ANNUAL_SETTLEMENT.batch_name(LAST_YEAR, AREA)
    process = command_line(fresh_url, keys, *arguments)
    _wait_for_a_chunk(story.world.engine, name, process)
    process.kill()
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, "the run came to its end before it was killed"
    done = _statements(story.world.engine)
    assert 0 < done < PEOPLE
    said = finish(command_line(fresh_url, keys, *arguments))
    assert (said["batch"], said["state"], said["refused"]) == (name, "finished", 0)
    assert said["posted"] == PEOPLE - done
    assert said["amount"] == f"{(PEOPLE - done) * 374_074 / 100:.2f}"
    again = finish(command_line(fresh_url, keys, *arguments))
    assert (again["posted"], again["amount"]) == (0, "0.00")
    assert _statements(story.world.engine) == PEOPLE
    with story.world.engine.connect() as connection:
        table = tables.accumulator.c
        paid = connection.execute(select(func.min(table.top_up), func.max(table.top_up))).one()
    assert tuple(paid) == (374_074, 374_074)
    # of some of the books, for all of them take as long as the run
    assert verify(story.world.engine, last=sorted(books)[200]).clean


def _statements(engine: Engine) -> int:
    table = tables.entry.c
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).where(table.kind == int(Kind.ANNUAL_SETTLEMENT))) or 0


def _wait_for_a_chunk(engine: Engine, name: str, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until and process.poll() is None:
        with reading(engine) as connection:
            batch = batches.find(connection, name)
        if batch is not None and batch.bookmark:
            return
        time.sleep(0.002)
