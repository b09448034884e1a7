"""Bills at random: whoever pays, the parts add up; what is taken back was never there; no cap is passed.

The seed of what goes through a database is in its name; `LEDGER_TEST_SEED=… pytest` plays others.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.contributing import Contribute
from ledger.care.adjudication import Adjudicated, adjudicate
from ledger.care.benefits import payers
from ledger.care.bills import Bill
from ledger.care.counters import NOTHING_USED, Accumulator
from ledger.care.rows import BillLine, Cause, Circumstances
from ledger.chart.care import CareType, CauseKind, Channel, Coverage, Cut, Filing
from ledger.chart.members import MemberClass
from ledger.policy import PACKAGED_POLICIES, RATE_SCALE, Policy, load_policy
from ledger.verify import verify
from tests.support.chance import FIXED, SEED
from tests.support.clinic import Clinic, Settled
from tests.support.people import AREA, SomeoneFactory, World

DAY = date(2026, 3, 10)
FEW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


# -- one bill, without a database ----------------------------------------------------------------------------

POLICIES = 12
_PARAMETER = re.compile(r'(name = "([^"]+)"\nunit = "([^"]+)"\nvalue = )"([^"]*)"')
_ABOUT = ("outpatient.", "inpatient.", "large_fund.", "out_of_area.", "referral.", "pharmacy.", "account.own")


@lru_cache
def policy(number: int) -> Policy:
    """The example area's rules; for any number but 0 with figures for care that nobody would decide."""
    text, random = (PACKAGED_POLICIES / f"{AREA}.toml").read_text(encoding="utf-8"), Random(number)

    def otherwise(found: re.Match[str]) -> str:
        head, name, unit, value = found.groups()
        if name.startswith(_ABOUT):
            if unit == "yes_or_no":
                value = random.choice(["yes", "no"])
            elif name.split(".")[1] in {"deductible", "cap"}:
                value = f"{random.choice([0, random.uniform(0, 900), random.uniform(0, 20_000)]):.2f}"
            elif value.replace(".", "").isdigit():
                value = f"{random.choice([0, 0.9999, random.randrange(10_000) / 10_000]):.4f}"
        return f'{head}"{value}"'

    return load_policy(_PARAMETER.sub(otherwise, text) if number else text, f"random {number}")


def test_the_random_policies_differ_in_what_matters() -> None:
    cells = ("active", 3)
    assert len({policy(number).care.inpatient.ratio[cells].on(DAY) for number in range(POLICIES)}) > 5
    assert {policy(number).care.account_own_expense.on(DAY) for number in range(POLICIES)} == {True, False}


AMOUNTS = st.one_of(st.integers(1, 300), st.integers(1, 300_000), st.integers(1, 60_000_000))


@st.composite
def bill_lines(draw: st.DrawFn) -> BillLine:
    line_class, amount = draw(st.sampled_from("ABC")), draw(AMOUNTS)
    over_limit = 0 if line_class == "C" else draw(st.one_of(st.just(0), st.integers(0, amount)))
    ratio = draw(st.integers(0, RATE_SCALE)) if line_class == "B" else 0
    return BillLine("X1", line_class, amount, over_limit, ratio)


CAUSES = st.one_of(
    st.none(),
    st.builds(Cause, st.sampled_from(CauseKind), st.one_of(st.just(RATE_SCALE), st.integers(0, RATE_SCALE))),
)
# of a year that goes on: what was used before
USED = st.builds(
    Accumulator,
    outpatient_deductible=st.integers(-50_000, 90_000),
    outpatient_pooled=st.integers(-50_000, 2_500_000),
    inpatient_pooled=st.integers(0, 40_000_000),
    large=st.integers(0, 50_000_000),
    admissions=st.integers(0, 3),
)


@st.composite
def found_bills(draw: st.DrawFn) -> tuple[Policy, Bill, Adjudicated]:
    """A bill, and what becomes of it under a random policy in random circumstances."""
    rules = policy(draw(st.integers(0, POLICIES - 1)))
    care_type = draw(st.sampled_from(CareType))
    some = tuple(draw(st.lists(bill_lines(), min_size=1, max_size=6)))
    bill = Bill(care_type, DAY, some, cause=draw(CAUSES))
    used = draw(USED)
    told = Circumstances(
        care_type, DAY, draw(st.integers(1, 3)),
        draw(st.sampled_from([MemberClass.ACTIVE, MemberClass.RETIRED, MemberClass.FLEXIBLE])),
        draw(st.sampled_from([Coverage.COVERED, Coverage.COVERED, Coverage.PAUSED, Coverage.WAITING])),
        draw(st.sampled_from(Filing)), draw(st.sampled_from(Cut)), used.admissions + 1,
    )  # fmt: skip
    found = adjudicate(rules, used, bill, told)
    if draw(st.booleans()):
        bill = replace(bill, hospital_share=draw(st.integers(0, found.personal)))
        found = adjudicate(rules, used, bill, told)
    return rules, bill, found


@pytest.mark.slow
@FEW
@given(found_bills(), st.integers(0, 10**7), st.lists(st.integers(0, 10**6), max_size=3))
def test_who_pays_adds_up_to_the_total(
    found_bill: tuple[Policy, Bill, Adjudicated], own: int, quotas: list[int]
) -> None:
    _rules, bill, found = found_bill
    shared = payers(found.personal, found.payable, own, quotas)
    row = found.row(bill, Channel.NETWORK, 1, DAY, shared.own_account, sum(shared.donors))
    assert row.total == sum(line.amount for line in bill.lines)
    assert row.total == row.own_expense + row.over_limit + row.pre_self_pay + row.in_scope
    assert row.total == row.fund_sum + row.account_pay + row.mutual_pay + row.cash_pay + row.hospital_share
    amounts = [getattr(row, name) for name in (
        "own_expense", "over_limit", "pre_self_pay", "in_scope", "excluded", "deductible", "pooled_pay",
        "large_pay", "account_pay", "mutual_pay", "cash_pay", "hospital_share", "own_burden",
    )]  # fmt: skip
    assert min(amounts) >= 0
    # nobody pays what goes with the cause but the person, in cash, or the hospital (R44)
    assert row.excluded <= row.cash_pay + row.hospital_share
    assert row.fund_sum + row.excluded + row.deductible <= row.in_scope
    # neither does an account pay what is outside the catalogue, where the area does not let it
    if not _rules.care.account_own_expense.on(DAY):
        assert row.own_expense + row.over_limit <= row.cash_pay + row.hospital_share
    assert all(paid <= quota for paid, quota in zip(shared.donors, quotas, strict=True))
    assert row.account_pay <= own
    # taken back, nothing of it is left
    mirror = row.mirrored(1, DAY)
    empty = Accumulator().add(row).add(mirror)
    assert empty == Accumulator(version=2)


@FEW
@given(st.integers(0, POLICIES - 1), st.integers(1, 3), st.data())
def test_splitting_a_bill_pays_no_more_than_the_caps(number: int, level: int, data: st.DataObject) -> None:
    """Any bills of a year, one after the other: neither fund pays more than its cap, in whatever portions."""
    rules = policy(number)
    member_class = data.draw(st.sampled_from([MemberClass.ACTIVE, MemberClass.RETIRED]))
    care_type = data.draw(st.sampled_from([CareType.OUTPATIENT, CareType.INPATIENT]))
    total = data.draw(AMOUNTS)
    cuts = sorted({0, total, *data.draw(st.lists(st.integers(0, total), max_size=5))})
    whole = _year(rules, care_type, level, member_class, [total])
    split = _year(rules, care_type, level, member_class, [after - cut for cut, after in pairwise(cuts)])
    table = rules.care.inpatient if care_type is CareType.INPATIENT else rules.care.outpatient
    cap = table.cap[member_class.word].on(DAY)
    for year in (whole, split):
        assert year.outpatient_pooled + year.inpatient_pooled <= cap
        assert year.large <= (rules.care.large_cap.on(DAY) if care_type is CareType.INPATIENT else 0)
    if care_type is CareType.OUTPATIENT:
        # the deductible is one for the year: but for a fen of rounding in each portion nothing is won
        assert abs(split.outpatient_pooled - whole.outpatient_pooled) <= len(cuts)
        assert split.outpatient_deductible == whole.outpatient_deductible


def _year(
    rules: Policy, care_type: CareType, level: int, member_class: MemberClass, amounts: list[int]
) -> Accumulator:
    year = NOTHING_USED
    for amount in amounts:
        told = Circumstances(
            care_type, DAY, level, member_class, Coverage.COVERED, Filing.NONE, Cut.NONE,
            year.admissions + 1 if care_type is CareType.INPATIENT else 0,
        )  # fmt: skip
        bill = Bill(care_type, DAY, (BillLine("X1", "A", amount),))
        year = year.add(adjudicate(rules, year, bill, told).row(bill, Channel.NETWORK, 1, DAY))
    return year


# -- settled and taken back ----------------------------------------------------------------------------------


def everything(world: World, *books: int) -> dict[str, list[Any]]:
    """What there is of some books but their entries: pockets, quotas, counters."""
    found: dict[str, list[Any]] = {}
    with world.engine.connect() as connection:
        for table, names in (
            (tables.book, ("book_id", "current_year", "carried_over", "held", "reserved", "stage")),
            (tables.quota, tuple(tables.quota.columns.keys())),
            (tables.accumulator, ("book_id", "year", *Accumulator._fields[1:])),
        ):
            query = select(*(table.c[name] for name in names)).where(table.c.book_id.in_(books))
            rows = connection.execute(query.order_by(*table.primary_key.columns)).all()
            found[table.name] = [
                tuple(row) for row in rows if table is not tables.accumulator or any(row[2:])
            ]
    return found


@pytest.mark.slow
@pytest.mark.random
@pytest.mark.parametrize("seed", range(SEED, SEED + 6))
def test_what_is_settled_and_taken_back_leaves_everything_as_it_was(seed: int, engine: Engine) -> None:
    world, random = World(engine), Random(seed)
    clinic, someone = Clinic(world), SomeoneFactory()
    codes = [clinic.institution(level) for level in (1, 2, 3)]
    patient = world.open(someone, opened_on=date(2026, 1, 1), opening=(random.randrange(10**5), 7_000))
    donors = [
        world.open(opened_on=date(2026, 1, 1), opening=(random.randrange(10**5), random.randrange(10**5)))
        for _ in range(3)
    ]
    # the turn of the year is no matter of the bill: whoever was touched before has it behind
    for book in (patient, *donors):
        world.one(Contribute(book, 1, 202611, world.today, world.ref("c")))
    for rank, donor in enumerate(donors, start=1):
        free = clinic.balance(donor)
        clinic.give(donor, someone, f"{random.randrange(1, max(free // 2, 2)) / 100:.2f}", rank)
    books = (patient, *donors)
    stack: list[tuple[dict[str, list[Any]], Settled]] = []
    for _ in range(8):
        before = everything(world, *books)
        some = [
            (random.choice("AAB"), f"{random.randrange(1, 200_000) / 100:.2f}")
            for _ in range(random.randrange(1, 4))
        ]
        kind = random.choice(["outpatient", "inpatient", "chronic", "pharmacy"])
        stack.append((before, clinic.settle(random.choice(codes), patient, some, kind)))
    assert any(settled.row.mutual_pay for _before, settled in stack) or not FIXED
    # the last one first, so that each step back has to find just what was there
    for before, settled in reversed(stack):
        clinic.reverse(settled)
        assert everything(world, *books) == before
    for book in books:
        assert verify(engine, first=book, last=book).findings == []
