"""What a command says it may be refused with is what its decision can raise: no more, and no less."""

from __future__ import annotations

import pytest

from ledger.book.state import Book
from ledger.chart.matrix import Verb
from ledger.policy import Dated
from ledger.posting import Command, Desk
from ledger.posting.command import OF_DOCUMENT, OF_POSTING
from ledger.refusals import RefusalCode, Refused
from tests.house.raised import commands, raised_by

R = RefusalCode
COMMANDS = {command.__name__: command for command in commands()}
# what the source seems to raise, and no decision ever does
NEVER: dict[str, dict[RefusalCode, str]] = {
    "CloseYear": {
        R.AMOUNT_INVALID: "bills that were settled have amounts",
        R.AMOUNT_MISMATCH: "no fund pays what the hospital has borne",
        R.PERIOD_INVALID: "what goes to heirs is valued today",
    },
    "DecideClaim": dict.fromkeys(
        (R.SHAPE_INVALID, R.LINE_CLASS_UNKNOWN, R.AMOUNT_INVALID), "refused when it was handed in"
    ),
    "Confirm": {R.PERIOD_INVALID: "money is valued on a day that is over"},
    "CorrectMessage": {
        R.PERIOD_INVALID: "what goes to heirs is valued today",
        R.ALREADY_REVERSED: "what was undone before is answered as it was then",
    },
}


def by_posting(command: type[Command]) -> set[RefusalCode]:
    return {*OF_POSTING, *(OF_DOCUMENT if command.keyed_by_source else ())}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_is_refused_with(name: str) -> None:
    command = COMMANDS[name]
    raised = raised_by(command) - NEVER.get(name, {}).keys()
    told = set(command.refused_with)
    assert raised - by_posting(command) <= told, "raised, and not said"
    assert told <= raised | by_posting(command), "said, and never raised"
    assert len(told) == len(command.refused_with), "said twice"
    assert not told & set(OF_POSTING), "posting itself refuses that"


@pytest.mark.parametrize("name", NEVER)
def test_what_is_never_raised_is_seen_in_the_source(name: str) -> None:
    assert NEVER[name].keys() <= raised_by(COMMANDS[name])


# -- the reading itself --------------------------------------------------------------------------------------


def _helped(text: str) -> None:
    if not text:
        raise Refused(R.SHAPE_INVALID)


def _compared(code: RefusalCode) -> bool:
    return code is R.OPEN_ITEMS


class _Sample(Command):
    """A command that raises in every way that is read."""

    def __init__(self) -> None:
        self.rate: Dated[int]

    def decide(self, desk: Desk) -> None:
        book: Book = desk.book
        desk.allow(Verb.HOLD, day=desk.today)

        _helped("")
        if _compared(R.NOT_LAST):
            self._own()
        book.value_date(desk.today, desk.today)

    def _own(self) -> None:
        raise Refused(R.HOLD_EXCEEDED, at="amount_fen")


class _Caught(Command):
    """What it raises never leaves it, but for a value that the policy lacks."""

    def decide(self, desk: Desk) -> None:
        try:
            self._own(desk)
        except Refused:
            desk.freed.clear()

    def _own(self, desk: Desk) -> None:
        desk.policy(0).pocket_order.on(desk.today)
        raise Refused(R.HOLD_EXCEEDED)


class _PassedOn(_Caught):
    """A refusal that is caught, and raised as another."""

    def decide(self, desk: Desk) -> None:
        try:
            self._own(desk)
        except Refused as refused:
            raise Refused(R.OPEN_ITEMS) from refused


@pytest.fixture
def samples_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.house.raised.READ", ("ledger.", __name__))


def test_the_reading_finds_what_is_raised(samples_are_read: None) -> None:
    held = {R.ACCOUNT_CLOSED, R.ACCOUNT_DECEASED, R.ACCOUNT_FROZEN, R.ACCOUNT_TRANSFERRING}
    assert raised_by(_Sample) == held | {R.SHAPE_INVALID, R.HOLD_EXCEEDED, R.PERIOD_INVALID}


def test_the_reading_knows_what_is_caught(samples_are_read: None) -> None:
    assert raised_by(_Caught) == {R.RATES_MISSING}
    assert raised_by(_PassedOn) == {R.RATES_MISSING, R.AREA_UNKNOWN, R.HOLD_EXCEEDED, R.OPEN_ITEMS}
