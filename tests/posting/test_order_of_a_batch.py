"""What waits for more books is not overtaken by what stands behind it at the same book."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.spending import Spend
from ledger.posting import Posted
from ledger.refusals import RefusalCode, Refused
from ledger.verify import verify
from tests.support.clinic import Clinic
from tests.support.people import SomeoneFactory, World


@pytest.fixture
def clinic(fresh_engine: Engine) -> Clinic:
    return Clinic(World(fresh_engine))


def test_a_death_that_needs_a_donor_goes_before_what_is_spent_behind_it(clinic: Clinic) -> None:
    world, someone = clinic.world, SomeoneFactory()
    donor, account = clinic.patient("1000.00"), clinic.patient("500.00", someone=someone)
    clinic.give(donor, someone, "200.00")
    stranger = clinic.patient("5.00")
    outcomes = world.post(
        Spend(account, 100, world.today, "H0001", world.ref()),
        ReportDeath(account, world.today - timedelta(days=1), "certificate"),
        Spend(account, 100, world.today, "H0001", world.ref()),
        # refused as things stood before the death, and for another reason behind it
        Spend(account, 10**9, world.today, "H0001", world.ref()),
        Spend(stranger, 100, world.today, "H0001", world.ref()),
    )
    assert [isinstance(one, Posted) for one in outcomes] == [True, True, False, False, True]
    assert [one.code for one in outcomes if isinstance(one, Refused)] == [RefusalCode.ACCOUNT_DECEASED] * 2
    assert clinic.balance(account) == 49_900
    assert clinic.book(donor).reserved == 0
    verdict = verify(world.engine)
    assert verdict.clean, verdict.findings
