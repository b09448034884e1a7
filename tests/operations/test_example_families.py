"""The families of the demo: one of everything, on any day, told once, and nothing that `verify` minds."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.care.case_reports import open_claims
from ledger.chart.care import Channel
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.database.engines import reading
from ledger.operations.example_families import BATCH, tell_of_families
from ledger.posting import Command, batches, way_in
from ledger.verify import verify
from tests.support.people import World, noon

TOLD = {
    Kind.OPENING, Kind.ENROLMENT, Kind.DECLARATION, Kind.ASSESSMENT, Kind.PAYMENT, Kind.RETIREE_CREDIT,
    Kind.SPENDING, Kind.SETTLEMENT, Kind.MUTUAL_AID, Kind.QUOTA, Kind.PREMIUM, Kind.FREEZE, Kind.VISIT,
    Kind.FILING, Kind.THIRD_PARTY_CASE, Kind.ADVANCE, Kind.MANUAL_CLAIM, Kind.CLAIM_DECISION,
    Kind.ANNUAL_SETTLEMENT, Kind.DEATH, Kind.ESTATE, Kind.INHERITANCE, Kind.INTEREST,
}  # fmt: skip


def told(engine: Engine, day: date) -> list[str]:
    world = World(engine, now=noon(day))

    def clock() -> tuple[datetime, date]:
        return noon(day), day

    with engine.connect() as connection:
        return tell_of_families(connection, world.keyring, world.policies, clock)


def kinds(engine: Engine) -> set[Kind]:
    with reading(engine) as connection:
        return {Kind(kind) for kind in connection.scalars(select(tables.entry.c.kind).distinct())}


def entries(engine: Engine) -> int:
    with reading(engine) as connection:
        return connection.scalar(select(func.count()).select_from(tables.entry)) or 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "day",
    [
        date(2026, 11, 21), date(2026, 7, 1), date(2026, 8, 31), date(2027, 1, 1), date(2027, 3, 1),
        date(2027, 7, 31),
    ],
)  # fmt: skip
def test_on_any_day(fresh_engine: Engine, day: date) -> None:
    assert told(fresh_engine, day) == []
    assert kinds(fresh_engine) >= TOLD
    verdict = verify(fresh_engine)
    assert verdict.clean, verdict.findings


@pytest.mark.slow
@pytest.mark.parametrize("day", [date(2027, 12, 31), date(2028, 2, 29), date(2031, 6, 15)])
def test_where_the_example_area_has_no_numbers_any_more_that_is_said(fresh_engine: Engine, day: date) -> None:
    refused = told(fresh_engine, day)
    assert set(refused) == {"Declare: rates_missing"}
    assert kinds(fresh_engine) >= TOLD - {Kind.DECLARATION, Kind.ASSESSMENT}
    verdict = verify(fresh_engine)
    assert verdict.clean, verdict.findings


def test_it_is_told_once(fresh_engine: Engine) -> None:
    assert told(fresh_engine, date(2026, 11, 21)) == []
    before = entries(fresh_engine)
    assert told(fresh_engine, date(2026, 12, 24)) == []
    assert entries(fresh_engine) == before


def test_killed_in_the_middle_it_goes_on_from_the_day_on_which_it_began(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = 17
    real = way_in.post

    def post_until(connection: object, commands: list[Command], *rest: object, **more: object) -> object:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt
        return real(connection, commands, *rest, **more)  # type: ignore[arg-type]  # passed on as it came

    with monkeypatch.context() as patched:
        patched.setattr("ledger.operations.example_families.post", post_until)
        with pytest.raises(KeyboardInterrupt):
            told(fresh_engine, date(2026, 11, 21))
    with fresh_engine.connect() as connection:
        batch = batches.find(connection, BATCH)
    assert batch is not None
    assert (batch.state, batch.detail) == (batches.RUNNING, "2026-11-21")
    assert told(fresh_engine, date(2026, 11, 22)) == []
    assert kinds(fresh_engine) >= TOLD
    assert verify(fresh_engine).clean


def test_there_is_something_to_look_at(fresh_engine: Engine) -> None:
    day = date(2026, 11, 21)
    told(fresh_engine, day)
    book, settlement, quota = tables.book.c, tables.settlement.c, tables.quota.c
    with reading(fresh_engine) as connection:
        closed = connection.scalars(select(book.current_year + book.carried_over).where(
            book.stage == int(Stage.CLOSED)
        )).all()  # fmt: skip
        assert closed == [0]
        # one claim waits for its decision, one was paid
        assert len(open_claims(connection, date(2027, 12, 31), None, 10)) == 1
        by_channel = dict.fromkeys(Channel, 0)
        for channel in connection.scalars(select(settlement.channel)):
            by_channel[Channel(channel)] += 1
        assert (by_channel[Channel.NETWORK], by_channel[Channel.MANUAL]) == (7, 1)
        assert by_channel[Channel.ANNUAL] >= 1
        [mutual] = connection.scalars(select(settlement.mutual_pay).where(settlement.mutual_pay > 0))
        assert mutual > 0
        [remaining] = connection.scalars(select(quota.remaining))
        assert remaining == 50_000 - mutual
