"""Relatives of one rank pay in the order in which they gave (R37), whatever their account numbers are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts import quotas
from ledger.accounts.mutual_aid import GiveQuota
from ledger.book.detail import unpack
from ledger.care import reports
from ledger.people.residents import resident_ref
from ledger.posting import Posted
from ledger.verify import verify
from tests.support.clinic import Clinic
from tests.support.people import Someone, SomeoneFactory, World


@pytest.fixture
def clinic(engine: Engine) -> Clinic:
    return Clinic(World(engine))


def giving(clinic: Clinic, donor: int, someone: Someone, fen: int = 100_00, rank: int = 1) -> GiveQuota:
    digest = clinic.digest(someone)
    return GiveQuota(donor, digest, (digest, resident_ref(digest)), "child", fen, rank)


def donors(clinic: Clinic) -> list[int]:
    return [clinic.world.open(opening=(0, 1_000_00)) for _ in range(3)]


def paid_by(clinic: Clinic, patient: int, seq: int) -> list[int]:
    """The donors of a bill in the order in which they were asked."""
    table = tables.entry.c
    query = select(table.detail).where(table.book_id == patient, table.seq == seq)
    with clinic.world.engine.connect() as connection:
        return [book for book, *_ in unpack(connection.scalar(query)).get("aid", [])]


def settled(clinic: Clinic, patient: int, amount: str) -> list[int]:
    bill = clinic.settle(clinic.institution(), patient, [("A", amount)])
    return paid_by(clinic, patient, bill.receipt.seq)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("apart", [0, 1], ids=["at one instant", "one after the other"])
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "by one batch"])
def test_who_gave_first_pays_first(
    clinic: Clinic, order: tuple[int, ...], apart: int, together: bool
) -> None:
    someone = SomeoneFactory()
    patient = clinic.world.open(someone)
    books = sorted(donors(clinic))
    gave = [books[place] for place in order]
    commands = [giving(clinic, donor, someone) for donor in gave]
    if together:
        assert all(isinstance(outcome, Posted) for outcome in clinic.world.post(*commands))
    else:
        for command in commands:
            clinic.world.now += timedelta(seconds=apart)
            clinic.world.one(command)
    assert settled(clinic, patient, "250.00") == gave
    with clinic.world.engine.connect() as connection:
        assert [one.book_id for one in reports.quotas_received(connection, patient)] == gave


def test_rank_comes_before_who_gave_first(clinic: Clinic) -> None:
    someone = SomeoneFactory()
    patient = clinic.world.open(someone)
    first, second, third = donors(clinic)
    for donor, rank in ((first, 2), (second, 1), (third, 2)):
        clinic.world.one(giving(clinic, donor, someone, rank=rank))
    assert settled(clinic, patient, "250.00") == [second, first, third]


def test_the_order_stands_after_a_bill_was_taken_back(clinic: Clinic) -> None:
    someone = SomeoneFactory()
    patient = clinic.world.open(someone)
    high, *_, low = sorted(donors(clinic), reverse=True)
    clinic.world.one(giving(clinic, high, someone))
    clinic.world.one(giving(clinic, low, someone))
    bill = clinic.settle(clinic.institution(), patient, [("A", "150.00")])
    assert paid_by(clinic, patient, bill.receipt.seq) == [high, low]
    clinic.reverse(bill)
    assert settled(clinic, patient, "60.00") == [high]
    assert settled(clinic, patient, "60.00") == [high, low]
    assert verify(clinic.world.engine).findings == []


def test_a_gift_and_a_bill_of_one_batch(clinic: Clinic) -> None:
    someone = SomeoneFactory()
    patient = clinic.world.open(someone)
    high, *_, low = sorted(donors(clinic), reverse=True)
    clinic.world.one(giving(clinic, high, someone))
    command = clinic.command(clinic.institution(), patient, clinic.bill([("A", "150.00")]))
    given, paid = clinic.world.post(giving(clinic, low, someone), command)
    assert isinstance(given, Posted)
    assert isinstance(paid, Posted)
    assert paid_by(clinic, patient, paid.receipt.seq) == [high, low]


def test_quotas_that_have_ended_are_not_read_for_a_bill(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes back of one reads it all the same: the money is free then."""
    someone = SomeoneFactory()
    patient, donor = clinic.world.open(someone), donors(clinic)[0]
    first = clinic.world.one(giving(clinic, donor, someone))
    bill = clinic.settle(clinic.institution(), patient, [("A", "30.00")])
    assert paid_by(clinic, patient, bill.receipt.seq) == [donor]
    clinic.end(first)
    for _year in range(5):
        clinic.end(clinic.world.one(giving(clinic, donor, someone)))
    clinic.world.one(giving(clinic, donor, someone))
    kept: list[int] = []
    keep = quotas._keep

    def noted(found: Any, desk: Any, asking: int, values: Sequence[Any]) -> None:
        kept.append(values[1])
        keep(found, desk, asking, values)

    monkeypatch.setattr(quotas, "_keep", noted)
    assert settled(clinic, patient, "30.00") == [donor]
    # the one that stands, before the donor is locked and after
    assert len(kept) == 2
    assert len(set(kept)) == 1
    clinic.reverse(bill)
    assert clinic.balance(donor) == 970_00
    assert verify(clinic.world.engine).findings == []
