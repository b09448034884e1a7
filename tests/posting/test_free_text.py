"""Posting decides nothing that holds an ID number in a text, and answers what it took before."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import date
from types import NoneType, SimpleNamespace, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import Freeze
from ledger.accounts.mutual_aid import GiveQuota
from ledger.accounts.opening import OpenAccount, OpeningBalance
from ledger.id_forms import holds_id_number, id_number_in, none_holds_id_number
from ledger.posting import Posted
from ledger.posting.free_text import NO_TEXTS, refuse_id_numbers
from ledger.refusals import RefusalCode, Refused
from tests.house.raised import commands
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


# -- every text of every command -------------------------------------------------------


def made(hint: Any, texts: Iterator[str]) -> Any:
    """A value of a type, with the next text wherever one may stand; None for what holds none."""
    if hint is str:
        return next(texts)
    origin, parts = get_origin(hint), [one for one in get_args(hint) if one is not NoneType]
    if origin in {Union, UnionType}:
        return next((value for one in parts if (value := made(one, texts)) is not None), None)
    if origin in {tuple, list, frozenset, Sequence}:
        values = [made(one, texts) for one in parts if one is not Ellipsis]
        return [value for value in values if value is not None] or None
    if isinstance(hint, type) and (is_dataclass(hint) or hasattr(hint, "_fields")):
        return filled(hint, texts)
    return None


def filled(of: type, texts: Iterator[str]) -> Any:
    """Something with all the fields of a type, of which nothing but texts is looked at."""
    hints = get_type_hints(of)
    names = [one.name for one in fields(of)] if is_dataclass(of) else list(getattr(of, "_fields", ()))
    value = object.__new__(of) if is_dataclass(of) else SimpleNamespace()
    for name in names:
        is_none = name in NO_TEXTS or name in getattr(of, "made_texts", ())
        held = None if is_none else made(hints[name], texts)
        object.__setattr__(value, name, held)
    return value


def numbered(place: int = -1) -> Iterator[str]:
    """Texts without end, of which one is an ID number."""
    return (NUMBER if at == place else f"text {at}" for at in itertools.count())


def test_no_text_of_any_command_is_overlooked() -> None:
    tried = 0
    for of in filter(is_dataclass, commands()):
        texts = numbered()
        command = filled(of, texts)
        refuse_id_numbers(command)
        count = int(next(texts).removeprefix("text "))
        for place in range(count):
            command = filled(of, numbered(place))
            with pytest.raises(Refused, match=RefusalCode.PERSONAL_DATA_IN_TEXT.value) as caught:
                refuse_id_numbers(command)
            assert caught.value.at not in {"", "idempotency_key"}, (of, place)
            tried += 1
    assert tried > 100


def test_what_a_command_makes_of_its_texts_is_made_and_no_text() -> None:
    said = {of.__name__: of.made_texts for of in commands() if of.made_texts}
    assert said == {"Settle": {"key", "source_ref"}, "CorrectMessage": {"source_ref"}}
    for of in commands():
        for name in of.made_texts:
            # nobody can hand it in: whatever it was, it is made anew
            assert f"self.{name}" in inspect.getsource(of.__post_init__), (of, name)


PIECES = st.sampled_from([
    NUMBER, OLD, NUMBER[:17], "1199 9919 8503 1400 15",
    "１１９９９９１９８５０３１４００１５", "11999919850314001\u200b5",
    "a", "X", " ", "-", "/", "bill", "发票", "1", "0315", "2026-03-15", "", "\n", "é", "\u0301",
])  # fmt: skip


@given(st.lists(st.none() | st.lists(PIECES, max_size=4).map("".join), max_size=6))
def test_what_is_told_of_several_is_what_is_told_of_each(texts: list[str | None]) -> None:
    if none_holds_id_number(texts):
        assert not any(text is not None and holds_id_number(text) for text in texts)
    for text in texts:
        if text is not None:
            assert holds_id_number(text) is (id_number_in(text) is not None)
