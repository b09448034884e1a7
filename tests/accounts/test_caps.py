"""Caps for what an account pays on a day, and at one institution on a day: to the fen, by the care date."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts import caps
from ledger.accounts.contributing import Contribute
from ledger.accounts.holds import Capture, Hold
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.care.taking_back import ReverseSettlement
from ledger.policy import Policy, PolicyError, load_policy
from ledger.posting import Command, Posted, Receipt
from ledger.posting.rehearsal import rehearse
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.support.clinic import Clinic
from tests.support.people import AREA, World, noon, packaged_policies

DAY = date(2026, 11, 21)
YESTERDAY = DAY - timedelta(days=1)
CAP = RefusalCode.CAP_EXCEEDED
ELSEWHERE = 990200


def line(name: str, value: str, since: str = "2000-01-01", until: str | None = None) -> str:
    ends = "" if until is None else f"until = {until}\n"
    return (
        f'\n[[parameter]]\nname = "spending.{name}"\nunit = "yuan"\nvalue = "{value}"\n'
        f'from = {since}\n{ends}source = "s"\n'
    )


def area_with(*lines: str, area: int = AREA) -> Policy:
    text = packaged_policies()[AREA].text.replace(f'code = "{AREA}"', f'code = "{area}"')
    return load_policy(text + "".join(lines), "variant.toml")


def capped(engine: Engine, *lines: str) -> World:
    world = World(engine)
    world.policies = {AREA: area_with(*lines)}
    return world


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    """At most 100.00 a day at one institution, and 150.00 at all."""
    return capped(engine, line("cap_account_day", "150.00"), line("cap_account_institution_day", "100.00"))


@pytest.fixture
def clinic(world: World) -> Clinic:
    return Clinic(world)


def account(world: World, fen: int = 1_000_00, **more: Any) -> int:
    return world.open(opening=(fen, 0), **more)


def spend(world: World, book: int, fen: int, day: date = DAY, at: str = "H0001", **more: Any) -> Spend:
    return Spend(book, fen, day, at, world.ref("bill"), **more)


def facts(world: World, command: Command, **when: Any) -> Mapping[str, Any]:
    outcome = world.post(command, **when)[0]
    assert isinstance(outcome, Refused), outcome
    assert outcome.code is CAP
    return outcome.facts


def said(outcomes: list[Any]) -> list[Any]:
    return [one.code if isinstance(one, Refused) else type(one) for one in outcomes]


# -- spending ----------------------------------------------------------------------------------------------


def test_up_to_the_cap_and_not_a_fen_more(world: World) -> None:
    book = account(world)
    world.one(spend(world, book, 60_00))
    assert facts(world, spend(world, book, 40_01)) == {
        "cap": "account_institution_day", "limit_fen": 100_00, "spent_fen": 60_00,
    }  # fmt: skip
    world.one(spend(world, book, 40_00))
    # what is above it nowhere is above it here
    assert facts(world, spend(world, book, 1)) == {
        "cap": "account_institution_day", "limit_fen": 100_00, "spent_fen": 100_00,
    }  # fmt: skip
    assert facts(world, spend(world, book, 50_01, at="P0001")) == {
        "cap": "account_day", "limit_fen": 150_00, "spent_fen": 100_00,
    }  # fmt: skip
    world.one(spend(world, book, 50_00, at="P0001"))
    # another day, and another account
    world.one(spend(world, book, 100_00, YESTERDAY))
    world.one(spend(world, account(world), 100_00))


def test_one_payment_above_it(world: World) -> None:
    book = account(world)
    assert facts(world, spend(world, book, 100_01))["cap"] == "account_institution_day"
    # both are exceeded: the day's is told
    assert facts(world, spend(world, book, 150_01))["cap"] == "account_day"


def test_it_is_told_before_the_balance_and_after_the_amount(world: World) -> None:
    poor = account(world, 50_00)
    assert world.refusal(spend(world, poor, 100_01)) is CAP
    assert world.refusal(spend(world, poor, 100_00)) is RefusalCode.INSUFFICIENT_BALANCE
    assert world.refusal(spend(world, poor, 0)) is RefusalCode.AMOUNT_INVALID
    # only what the account pays counts
    assert world.one(spend(world, poor, 999_00, take_available=True)).transfers[0][2] == 50_00
    rich = account(world)
    assert world.refusal(spend(world, rich, 999_00, take_available=True)) is CAP


def test_the_day_is_that_of_the_care(world: World) -> None:
    book = account(world)
    world.one(spend(world, book, 100_00, YESTERDAY))
    assert facts(world, spend(world, book, 1, YESTERDAY))["spent_fen"] == 100_00
    world.one(spend(world, book, 100_00, DAY))
    # a day of a year whose interest is posted is kept beside the value date
    old = account(world, opened_on=date(2025, 1, 1), today=date(2025, 1, 1))
    day = date(2025, 5, 5)
    before = world.one(spend(world, old, 50_00, day))
    world.one(PostInterest(old, 2025))
    after = world.one(spend(world, old, 50_00, day))
    assert (before.effective_on, after.effective_on, after.fact_on) == (day, DAY, day)
    assert world.refusal(spend(world, old, 1, day)) is CAP
    # and nothing of it is of the day on which it was valued
    world.one(spend(world, old, 100_00, DAY))


def test_in_the_areas_day_and_not_in_utcs(world: World) -> None:
    book = account(world)
    # the area's 21 November begins at 16:00 of the 20th
    early = noon(DAY) - timedelta(hours=11)
    world.one(spend(world, book, 100_00), now=early, today=DAY)
    assert world.refusal(spend(world, book, 1)) is CAP


def test_what_was_taken_back_counts_for_nothing(world: World) -> None:
    book = account(world)
    first = world.one(spend(world, book, 100_00))
    assert world.refusal(spend(world, book, 1)) is CAP
    world.one(Reverse(book, first.seq, "wrong"))
    again = spend(world, book, 100_00)
    again.source_ref = first.source_ref or ""
    world.one(again)
    assert world.refusal(spend(world, book, 1)) is CAP


def test_a_replay_is_answered_as_it_was(world: World) -> None:
    book = account(world)
    command = spend(world, book, 100_00, key=world.ref("key"))
    first = world.posted(command)
    again = world.posted(command)
    assert (again.receipt, again.replayed) == (first.receipt, True)


# -- several at once ---------------------------------------------------------------------------------------


def test_several_of_one_batch_are_added_up(world: World) -> None:
    book, other = account(world), account(world)
    batch = [
        spend(world, book, 60_00),
        spend(world, book, 60_00),
        spend(world, other, 60_00),
        spend(world, book, 40_00),
        spend(world, book, 60_00, at="P0001"),
        spend(world, book, 50_00, at="P0001"),
        spend(world, book, 60_00, YESTERDAY),
    ]
    assert said(world.post(*batch)) == [Posted, CAP, Posted, Posted, CAP, Posted, Posted]
    assert world.refusal(spend(world, book, 1)) is CAP
    assert said(world.post(*(spend(world, other, 10_00) for _ in range(5)))) == [*[Posted] * 4, CAP]


def test_a_reversal_of_the_same_batch_gives_back(world: World) -> None:
    book = account(world)
    first = world.one(spend(world, book, 100_00))
    batch = [
        spend(world, book, 1),
        Reverse(book, first.seq, "wrong"),
        spend(world, book, 100_00),
        spend(world, book, 1),
    ]
    assert said(world.post(*batch)) == [CAP, Posted, Posted, CAP]
    assert world.refusal(spend(world, book, 1)) is CAP


def test_a_refused_group_has_spent_nothing(world: World) -> None:
    book = account(world)
    group = [spend(world, book, 60_00), spend(world, book, 60_00)]
    assert said(world.post(*group, atomic=True)) == [RefusalCode.GROUP_REFUSED, CAP]
    world.one(spend(world, book, 100_00))


def test_an_account_that_the_batch_has_opened(world: World) -> None:
    opening = world.opening(opening=(500_00, 0))
    (stake,) = opening.persons
    batch: list[Command] = [opening]
    batch += [
        Spend(stake.digest, 60_00, DAY, "H0001", world.ref("bill")),
        Spend(stake.digest, 60_00, DAY, "H0001", world.ref("bill")),
    ]
    outcomes = said(world.post(*batch))
    assert outcomes[0] is Posted
    # however it goes on, no more than the cap is paid
    assert outcomes[1:] in ([Posted, CAP], [RefusalCode.ACCOUNT_NOT_FOUND] * 2)


# -- holds -------------------------------------------------------------------------------------------------


def placed(world: World, book: int, fen: int) -> Receipt:
    return world.one(Hold(book, fen, world.now + timedelta(days=3), "H0001", world.ref("hold")))


def test_a_hold_is_free_and_its_capture_is_not(world: World) -> None:
    book = account(world)
    hold = placed(world, book, 300_00)
    world.one(spend(world, book, 70_00))
    over = Capture(book, hold.seq, 30_01, DAY, world.ref("c"))
    assert facts(world, over) == {
        "cap": "account_institution_day", "limit_fen": 100_00, "spent_fen": 70_00,
    }  # fmt: skip
    world.one(Capture(book, hold.seq, 30_00, DAY, world.ref("c")))
    assert world.refusal(spend(world, book, 1)) is CAP
    assert world.refusal(Capture(book, hold.seq, 1, DAY, world.ref("c"))) is RefusalCode.HOLD_NOT_OPEN


# -- bills -------------------------------------------------------------------------------------------------


def test_what_the_account_pays_of_a_bill_counts_by_the_care_date(world: World, clinic: Clinic) -> None:
    hospital = clinic.institution()
    book = clinic.patient("1000.00", opened_on=date(2026, 1, 1))
    care = date(2026, 11, 10)
    # all below the deductible: the account pays
    first = clinic.settle(hospital, book, [("A", "60.00")], day=care)
    assert first.row.account_pay == 60_00
    assert clinic.refused(hospital, book, [("A", "40.01")], day=care) is CAP
    clinic.settle(hospital, book, [("A", "40.00")], day=care)
    # a spending there is of that day too
    assert world.refusal(spend(world, book, 1, care, hospital)) is CAP
    assert world.refusal(spend(world, book, 50_01, care)) is CAP
    world.one(spend(world, book, 50_00, care))
    assert clinic.refused(clinic.institution(), book, [("A", "0.01")], day=care) is CAP
    # paid on the same day as today's, and for another
    clinic.settle(hospital, book, [("A", "100.00")], day=DAY)
    clinic.reverse(first)
    clinic.settle(hospital, book, [("A", "59.00")], day=care)
    assert clinic.refused(hospital, book, [("A", "1.01")], day=care) is CAP


def test_who_does_not_pay_by_the_account_is_not_capped(world: World, clinic: Clinic) -> None:
    hospital, book = clinic.institution(), clinic.patient("1000.00", opened_on=date(2026, 1, 1))
    clinic.settle(hospital, book, [("A", "100.00")], day=DAY)
    by_cash = clinic.settle(hospital, book, [("A", "500.00")], day=DAY, use_account=False)
    assert (by_cash.row.account_pay, by_cash.row.cash_pay) == (0, 500_00)


def test_bills_of_one_batch(world: World, clinic: Clinic) -> None:
    hospital, book = clinic.institution(), clinic.patient("1000.00", opened_on=date(2026, 1, 1))

    def bill(yuan: str) -> Command:
        return clinic.command(hospital, book, clinic.bill([("A", yuan)], day=DAY))

    first = clinic.settle(hospital, book, [("A", "90.00")], day=DAY)
    batch = [bill("10.01"), bill("10.00"), bill("1.00"), spend(world, book, 50_00), spend(world, book, 1)]
    assert said(world.post(*batch)) == [CAP, Posted, CAP, Posted, CAP]
    batch = [ReverseSettlement(book, first.receipt.seq, "wrong"), bill("90.01"), bill("90.00")]
    assert said(world.post(*batch)) == [Posted, CAP, Posted]


def test_a_quote_is_refused_as_the_bill_would_be(world: World, clinic: Clinic) -> None:
    hospital, book = clinic.institution(), clinic.patient("1000.00", opened_on=date(2026, 1, 1))
    clinic.settle(hospital, book, [("A", "60.00")], day=DAY)
    for yuan, refused in (("40.00", False), ("40.01", True)):
        quote = clinic.command(hospital, book, clinic.bill([("A", yuan)], day=DAY), quoting=True)
        quote.caller = quote.actor = "test"
        with world.engine.connect() as connection:
            [outcome] = rehearse(connection, [quote], world.now, world.today, world.policies)
        assert (isinstance(outcome, Refused) and outcome.code is CAP) is refused


# -- dated, and by area ------------------------------------------------------------------------------------


def test_a_cap_holds_on_its_days(fresh_engine: Engine) -> None:
    world = capped(fresh_engine, line("cap_account_day", "10.00", "2026-11-10", "2026-11-19"))
    book = account(world)
    for day in (date(2026, 11, 9), date(2026, 11, 20)):
        world.one(spend(world, book, 100_00, day))
    for day in (date(2026, 11, 10), date(2026, 11, 19)):
        assert world.refusal(spend(world, book, 10_01, day)) is CAP
        world.one(spend(world, book, 10_00, day))
        assert world.refusal(spend(world, book, 1, day)) is CAP
    assert verify(fresh_engine).clean


def test_what_was_spent_before_there_was_a_cap_counts(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    book = account(world)
    world.one(spend(world, book, 80_00))
    world.policies = {AREA: area_with(line("cap_account_institution_day", "100.00"))}
    assert facts(world, spend(world, book, 20_01))["spent_fen"] == 80_00
    world.one(spend(world, book, 20_00))


def test_each_account_by_its_own_area(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    there = area_with(line("cap_account_day", "10.00"), area=ELSEWHERE)
    world.policies = {**world.policies, ELSEWHERE: there}
    here, away = account(world), account(world, area=ELSEWHERE)
    batch = [spend(world, one, 10_01) for one in (here, away)]
    assert said(world.post(*batch)) == [Posted, CAP]
    assert said(world.post(*(spend(world, away, 10_00) for _ in range(2)))) == [Posted, CAP]


def test_an_area_without_caps_asks_for_nothing(fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Watched(type(caps._SPENT)):  # type: ignore[misc]  # whatever a lookup is
        def run(self, connection: Any, rows: Any, **more: Any) -> Any:
            asked.append(list(rows))
            return super().run(connection, rows, **more)

        def ask(self, trip: Any, rows: Any) -> Any:
            asked.append(list(rows))
            return super().ask(trip, rows)

    watched = caps._SPENT
    monkeypatch.setattr(watched, "__class__", Watched)
    world = World(fresh_engine)
    clinic = Clinic(world)
    book = account(world, opened_on=date(2026, 1, 1))
    hold = placed(world, book, 10_00)
    world.one(Capture(book, hold.seq, 10_00, DAY, world.ref("c")))
    world.one(spend(world, book, 10_00))
    clinic.settle(clinic.institution(), book, [("A", "10.00")], day=DAY)
    # a lookup of no rows would be none
    assert not any(asked)
    world.policies = {AREA: area_with(line("cap_account_day", "100.00"))}
    asked.clear()
    world.one(spend(world, book, 10_00))
    assert any(asked)


@pytest.mark.parametrize("value", ["0.00", "100", "-1.00", "none"])
def test_what_is_no_cap(value: str) -> None:
    with pytest.raises(PolicyError, match=r"spending\.cap_account_day from 2000-01-01"):
        area_with(line("cap_account_day", value))


def test_credits_are_not_capped(world: World) -> None:
    book = account(world)
    world.one(spend(world, book, 100_00))
    world.one(Contribute(book, 500_00, 202611, DAY, world.ref("levy")))
    assert world.refusal(spend(world, book, 1)) is CAP
