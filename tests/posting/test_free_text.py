"""Posting decides nothing that holds an ID number in a text, and answers what it took before."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import Freeze
from ledger.accounts.mutual_aid import GiveQuota
from ledger.accounts.opening import OpenAccount, OpeningBalance
from ledger.posting import Posted
from ledger.posting.free_text import refuse_id_numbers
from ledger.refusals import RefusalCode, Refused
from tests.support.old_rows import as_before_numbers_were_refused
from tests.support.people import World

NUMBER, OLD = "119999198503140015", "119999850314001"


@pytest.fixture
def world(engine: Engine) -> World:
    return World(engine)


def credit(world: World, account: int, source_ref: str, key: str) -> Contribute:
    command = Contribute(account, 100, 202611, world.today, source_ref)
    return replace(command, key=key)


def test_what_no_door_has_seen_is_refused(world: World) -> None:
    account = world.open(opened_on=date(2026, 1, 1))
    wrong = [credit(world, account, f"x {NUMBER}", "a"), credit(world, account, "y", OLD)]
    fine = credit(world, account, "z", "b")
    *refused, posted = world.post(*wrong, fine)
    assert isinstance(posted, Posted)
    for outcome, at in zip(refused, ("source_ref", "idempotency_key"), strict=True):
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.at) == (RefusalCode.PERSONAL_DATA_IN_TEXT, at)


def test_nothing_of_it_is_looked_for(world: World) -> None:
    nobody = 10**12 + 17
    [refused] = world.post(credit(world, nobody, NUMBER, "a"))
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.PERSONAL_DATA_IN_TEXT


def test_what_is_on_record_is_answered(world: World) -> None:
    account = world.open(opened_on=date(2026, 1, 1))
    command = credit(world, account, f"x {NUMBER}", OLD)
    with as_before_numbers_were_refused():
        [first] = world.post(command)
    [again] = world.post(command)
    assert isinstance(first, Posted)
    assert isinstance(again, Posted)
    assert again.replayed
    assert again.receipt == first.receipt
    [other] = world.post(replace(command, key="another"))
    assert isinstance(other, Refused)
    assert other.code is RefusalCode.PERSONAL_DATA_IN_TEXT


def test_the_way_to_what_was_refused_is_told() -> None:
    day, nobody = date(2026, 1, 1), 10**12 + 17
    frozen = Freeze(nobody, "a", "d", day)
    aided = GiveQuota(nobody, b"", (), "child", 100, 1, consents=("paper", f"of {NUMBER}"))
    opened = OpenAccount(b"", (), (), 990100, day, OpeningBalance(0, 0, f"old {OLD}"))
    for command, at in (
        (replace(frozen, document=NUMBER), "document"),
        (replace(frozen, authority=f"a{NUMBER}"), "authority"),
        (aided, "consents/1"),
        (opened, "opening/source_ref"),
    ):
        with pytest.raises(Refused) as caught:
            refuse_id_numbers(command)
        assert caught.value.at == at
    # whoever sends is not a text of the request, and an institution has a code
    refuse_id_numbers(replace(frozen, caller=NUMBER, actor=NUMBER))
