"""One life: from the first contribution to three heirs, with every balance on the way.

Zhang San is insured from January 2024. Every step says what it leaves: current_year, carried_over, available.
Interest was worked out by hand: fen times days at 0.35 % and 1.10 % of the example area, over 360.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.holds import Capture, Hold, Release
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import YEAR_END
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.sides import Side
from ledger.posting import Command, Posted, Receipt
from ledger.refusals import Refused
from ledger.verify import verify
from tests.support.feed import taken_in
from tests.support.people import AREA, Someone, World, id_number, noon
from tests.support.stories import (
    Heir,
    entries,
    estate,
    fen,
    held,
    moves,
    paid_to,
    pockets,
    row,
    shared_out,
    yuan,
)


@dataclass
class Life:
    """The account, and the day it is."""

    world: World
    book: int
    hers: int
    wife: Someone
    today: date

    def on(self, day: str) -> None:
        self.today = date.fromisoformat(day)

    def do(self, command: Command) -> Posted:
        return self.world.posted(command, today=self.today)

    def refused(self, command: Command) -> str:
        outcome = self.world.post(command, today=self.today)[0]
        assert isinstance(outcome, Refused), outcome
        return outcome.code.value

    def close(self, year: int) -> None:
        with self.world.engine.connect() as connection:
            YEAR_END.run(connection, year, AREA, lambda: (noon(self.today), self.today), self.world.policies)

    def stands(self, current_year: str, carried_over: str, available: str | None = None) -> None:
        """What a clerk sees on the screen today."""
        now = pockets(self.world.engine, self.book, self.today)
        free = sum(now) - held(self.world.engine, self.book, noon(self.today))
        seen = yuan(now.current_year), yuan(now.carried_over), yuan(free)
        assert seen == (current_year, carried_over, available or yuan(sum(now)))


def contribution(life: Life, amount: str, day: str, ref: str) -> Contribute:
    on = date.fromisoformat(day)
    return Contribute(life.book, fen(amount), on.year * 100 + on.month, on, ref)


def visit(life: Life, amount: str, day: str, ref: str, *, take_available: bool = False) -> Spend:
    return Spend(life.book, fen(amount), date.fromisoformat(day), "H0001", ref, take_available)


def test_a_whole_life(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    zhang = Someone(id_number(1, born=date(1950, 3, 3)), "张三")
    wife = Someone(id_number(2, born=date(1952, 4, 4)), "李四")
    begins = date(2024, 1, 1)
    his = world.open(zhang, opened_on=begins, opening=(0, fen("1,000.00")), today=begins)
    hers = world.open(wife, opened_on=begins, today=begins)
    life = Life(world, his, hers, wife, begins)
    life.stands("0.00", "1,000.00")

    _the_first_year(life)
    visit_of_december = _the_turn_of_the_year(life)
    _a_late_fact_after_the_interest(life)
    _the_visit_is_reversed(life, visit_of_december)
    _frozen_and_free_again(life)
    _death(life)
    heirs = _three_heirs(life)
    _nothing_comes_after(life, zhang, heirs)
    _the_hospital_pays_back(life)
    taken_in(fresh_engine)
    assert verify(fresh_engine).findings == []


def _the_first_year(life: Life) -> None:
    life.on("2024-02-20")
    life.do(contribution(life, "160.00", "2024-02-20", "c-1"))
    life.stands("160.00", "1,000.00")
    life.on("2024-03-05")
    life.do(visit(life, "60.00", "2024-03-04", "s-1"))
    life.stands("100.00", "1,000.00")
    life.on("2024-04-01")
    hold = life.do(
        Hold(life.book, fen("250.00"), noon(life.today) + timedelta(days=5), "P0001", "h-1")
    ).receipt
    life.stands("100.00", "1,000.00", "850.00")
    assert life.refused(visit(life, "850.01", "2024-04-01", "s-too-much")) == "insufficient_balance"
    life.on("2024-04-03")
    captured = life.do(Capture(life.book, hold.seq, fen("180.00"), life.today, "cap-1")).receipt
    # this year's money first, the rest from what was carried over; 70.00 are free again
    assert moves(life.world.engine, life.book, captured.seq) == [
        (Side.CURRENT_YEAR, Side.INSTITUTION_PAYABLE, fen("100.00")),
        (Side.CARRIED_OVER, Side.INSTITUTION_PAYABLE, fen("80.00")),
    ]
    assert unpack(captured.detail) == {"released": fen("70.00")}
    life.stands("0.00", "920.00")
    life.on("2024-05-06")
    second = life.do(
        Hold(life.book, fen("20.00"), noon(life.today) + timedelta(days=5), "P0001", "h-2")
    ).receipt
    life.stands("0.00", "920.00", "900.00")
    life.do(Release(life.book, second.seq))
    life.stands("0.00", "920.00")
    life.on("2024-10-08")
    life.do(contribution(life, "300.00", "2024-10-08", "c-2"))
    life.stands("300.00", "920.00")


def _the_turn_of_the_year(life: Life) -> Receipt:
    life.on("2024-12-20")
    in_december = life.do(visit(life, "200.00", "2024-12-20", "s-2")).receipt
    life.stands("100.00", "920.00")
    # nothing is written at midnight, and yet everything is carried over
    life.on("2025-01-01")
    life.stands("0.00", "1,020.00")
    life.on("2025-01-10")
    life.do(visit(life, "20.00", "2025-01-10", "s-3"))
    life.stands("0.00", "1,000.00")
    assert [entry.effective_on for entry in entries(life.world.engine, life.book, Kind.CARRY_OVER)] == [
        date(2025, 1, 1)
    ]
    # a contribution of November that arrived late, before the interest: it keeps its day and earns for it
    late = life.do(contribution(life, "40.00", "2024-11-15", "c-3"))
    assert (late.receipt.effective_on, late.receipt.fact_on) == (date(2024, 11, 15), None)
    assert [other.kind for other in late.others] == [Kind.CARRY_OVER]
    life.stands("0.00", "1,040.00")
    life.on("2025-01-20")
    life.close(2024)
    # carried over: 1,000.00 for 93 days and 920.00 for 273. Of the year: 160.00 for 13 days, 100.00 for 30,
    # 300.00 for 38, with the late 40.00 340.00 for 35, and 140.00 for 12
    interest = entries(life.world.engine, life.book, Kind.INTEREST)[0]
    assert interest.effective_on == date(2024, 12, 31)
    assert _interest(interest.detail) == ("10.52", "0.29")
    life.stands("0.00", "1,050.81")
    return in_december


def _interest(detail: str) -> tuple[str, str]:
    parts = unpack(detail)
    return yuan(parts["carried_over"]), yuan(parts["current_year"])


def _a_late_fact_after_the_interest(life: Life) -> None:
    life.on("2025-02-03")
    late = life.do(contribution(life, "50.00", "2024-06-30", "c-4")).receipt
    # the old year is closed: the money is this year's, the entry remembers the old day
    assert (late.effective_on, late.fact_on) == (date(2025, 2, 3), date(2024, 6, 30))
    life.stands("50.00", "1,050.81")


def _the_visit_is_reversed(life: Life, in_december: Receipt) -> None:
    life.on("2025-03-01")
    back = life.do(Reverse(life.book, in_december.seq, "wrong patient")).receipt
    # it left the pocket of 2024, which is carried over by now
    assert moves(life.world.engine, life.book, back.seq) == [
        (Side.INSTITUTION_PAYABLE, Side.CARRIED_OVER, fen("200.00"))
    ]
    life.stands("50.00", "1,250.81")
    assert life.refused(Reverse(life.book, in_december.seq, "again")) == "already_reversed"


def _frozen_and_free_again(life: Life) -> None:
    life.on("2025-04-01")
    hold = life.do(
        Hold(life.book, fen("30.00"), noon(life.today) + timedelta(days=30), "H0001", "h-3")
    ).receipt
    freeze = life.do(Freeze(life.book, "district court", "case 7", life.today)).receipt
    assert life.refused(visit(life, "1.00", "2025-04-01", "s-4")) == "account_frozen"
    life.do(contribution(life, "160.00", "2025-04-01", "c-5"))
    life.do(Capture(life.book, hold.seq, fen("30.00"), life.today, "cap-2"))
    life.stands("180.00", "1,250.81")
    life.on("2025-04-15")
    life.do(EndFreeze(life.book, freeze.seq, "case closed"))
    life.do(visit(life, "80.00", "2025-04-15", "s-4"))
    life.stands("100.00", "1,250.81")
    assert life.refused(EndFreeze(life.book, freeze.seq, "again")) == "freeze_ended"


def _death(life: Life) -> None:
    life.on("2025-05-20")
    life.do(ReportDeath(life.book, date(2025, 5, 10), "certificate 11"))
    life.stands("100.00", "1,250.81")
    # the last bill, of the day of death, is taken; what comes after it is not
    life.do(visit(life, "150.81", "2025-05-10", "s-5"))
    life.stands("0.00", "1,200.00")
    assert life.refused(visit(life, "1.00", "2025-05-11", "s-6")) == "account_deceased"
    assert (
        life.refused(Hold(life.book, 100, noon(life.today) + timedelta(days=1), "H0001", "h-4"))
        == "account_deceased"
    )
    assert life.refused(contribution(life, "1.00", "2025-06-01", "c-6")) == "period_after_end"
    life.do(contribution(life, "160.00", "2025-05-02", "c-6"))
    life.stands("160.00", "1,200.00")
    assert life.refused(ReportDeath(life.book, date(2025, 5, 10), "certificate 12")) == "account_deceased"


def _three_heirs(life: Life) -> list[Heir]:
    """A wife with an account of her own, a son without one, a daughter whose number nobody knows."""
    son = Someone(id_number(3, born=date(1980, 5, 5)), "张五")
    heirs = [Heir("child", son), Heir("spouse", life.wife), Heir("child", "张六")]
    life.on("2025-06-10")
    posted = life.do(_settle(life, heirs))
    interest = next(other for other in posted.others if other.kind is Kind.INTEREST)
    assert (interest.period, interest.effective_on) == (2025, date(2025, 6, 10))
    # to 9 June. Carried over: 1,070.81 for 9 days, 1,050.81 for 50, 1,250.81 for 70, 1,200.00 for 31. Of the
    # year: 50.00 for 57 days, 180.00 for 14, 100.00 for 17, 260.00 for 8, 160.00 for 31
    assert _interest(interest.detail or "") == ("5.71", "0.14")
    detail = unpack(posted.receipt.detail)
    assert (yuan(detail["balance"]), yuan(detail["interest"])) == ("1,360.00", "5.85")
    # 1,365.85 by three: the odd fen goes to the wife
    assert shared_out(posted.receipt) == ["455.28", "455.29", "455.28"]
    assert paid_to(posted.receipt) == ["payout", "account", "payout"]
    life.stands("0.00", "0.00")
    closed = row(life.world.engine, life.book)
    assert (closed.stage, closed.current_year, closed.carried_over, closed.held) == (Stage.CLOSED, 0, 0, 0)
    assert pockets(life.world.engine, life.hers, life.today) == (0, fen("455.29"))
    # asked once more, it is the same answer and nothing new
    again = life.do(_settle(life, heirs))
    assert (again.replayed, again.receipt) == (True, posted.receipt)
    return heirs


def _settle(life: Life, heirs: list[Heir], key: str = "estate") -> Command:
    return estate(life.world, life.book, heirs, date(2025, 6, 10), key=key)


def _nothing_comes_after(life: Life, zhang: Someone, heirs: list[Heir]) -> None:
    life.on("2025-07-01")
    last = row(life.world.engine, life.book)
    first_credit = entries(life.world.engine, life.book, Kind.CONTRIBUTION)[0]
    reopened = life.world.opening(zhang, opened_on=life.today, today=life.today)
    for command in (
        contribution(life, "160.00", "2025-05-01", "c-7"),
        visit(life, "1.00", "2025-05-01", "s-7", take_available=True),
        Freeze(life.book, "district court", "case 8", life.today),
        ReportDeath(life.book, date(2025, 5, 10), "certificate 13"),
        _settle(life, heirs, key="another"),
        reopened,
    ):
        assert life.refused(command) == "account_closed"
    assert row(life.world.engine, life.book) == last
    # the heirs have it, and nobody takes it from them: what goes back to its payer is owed
    gone = life.do(Reverse(life.book, first_credit.seq, "not his")).receipt
    assert unpack(gone.detail)["receivable"] == gone.amount_fen == fen("160.00")
    life.stands("0.00", "0.00")


def _the_hospital_pays_back(life: Life) -> None:
    """The visit of April after the freeze was somebody else's: 80.00 come back, after a year end."""
    life.on("2026-01-15")
    life.close(2025)
    hers = pockets(life.world.engine, life.hers, life.today)
    # 455.29 from 10 June 2025 on: 205 days at 1.10 %
    assert hers == (0, fen("455.29") + fen("2.85"))
    in_april = next(
        entry for entry in entries(life.world.engine, life.book, Kind.SPENDING) if entry.source_ref == "s-4"
    )
    posted = life.do(Reverse(life.book, in_april.seq, "wrong patient"))
    passed_on = next(other for other in posted.others if other.kind is Kind.ESTATE)
    assert passed_on.target_seq == posted.receipt.seq
    assert shared_out(passed_on) == ["26.67", "26.67", "26.66"]
    assert paid_to(passed_on) == ["payout", "account", "payout"]
    life.stands("0.00", "0.00")
    assert pockets(life.world.engine, life.hers, life.today) == (0, hers.carried_over + fen("26.67"))
    assert life.refused(Reverse(life.book, in_april.seq, "again")) == "already_reversed"
    # still closed, and still at zero
    assert row(life.world.engine, life.book).stage == Stage.CLOSED
    assert life.refused(contribution(life, "1.00", "2025-05-01", "c-8")) == "account_closed"
