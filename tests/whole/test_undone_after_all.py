"""What has a way back has it also after something else has happened: each way of `test_do_and_undo`, taken
back after a death that was none, a year end, a retirement, another enrolment, or something that went back.

Of a death that was none, and of what went back itself, nothing is left: everything is as it was before. Of
the others what they did stays, and of what was undone no money does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.holds import Expire
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.care.entry_reversals import ReverseEntry
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.people.enrolments import Enrol
from ledger.posting import Command, Posted, Waiting
from ledger.refusals import Refused
from ledger.verify import verify
from tests.support.approvals import revived
from tests.support.chance import SEED
from tests.support.people import World
from tests.whole.test_do_and_undo import (
    EXCEPT,
    OTHER_RIGHTS,
    WAYS,
    Passed,
    Stand,
    difference,
    newcomer,
    picture,
    rights,
    the,
)
from tests.whole.test_life_histories import Life

BEGUN = date(2026, 11, 21)
# how many people each way is tried with, until one of them may
TRIES = 6


def answered(stand: Stand, command: Command) -> Posted | Refused:
    """What becomes of it, by two people where it waits for a second one."""
    [outcome] = stand.world.post(command)
    if isinstance(outcome, Waiting):
        [outcome] = stand.world.post(revived(stand.world, outcome))
    assert isinstance(outcome, Posted | Refused), outcome
    return outcome


def done(stand: Stand, command: Command) -> Posted:
    return the(answered(stand, command))


def move(life: Life, day: date) -> None:
    life.today = day
    life.world.now = life.world.now.replace(year=day.year, month=day.month, day=day.day)


# -- what comes between --------------------------------------------------------------------------------------


def lives(s: Stand) -> None:
    done(s, WithdrawDeath(s.book, "a namesake", "registry", key=s.world.ref("alive")))


def mistaken_death(s: Stand) -> None:
    done(s, ReportDeath(s.book, s.today - timedelta(days=80), "certificate"))
    lives(s)


def twice_mistaken(s: Stand) -> None:
    mistaken_death(s)
    done(s, ReportDeath(s.book, s.today - timedelta(days=5), "certificate"))
    done(s, CorrectDeath(s.book, s.today - timedelta(days=90), "judgment"))
    lives(s)


def later_reversal(s: Stand) -> None:
    credit = done(s, Contribute(s.book, 777, s.month, s.today, s.world.ref("later")))
    spent = done(s, Spend(s.book, 55, s.today, "H0001", s.world.ref("later"), True))
    for one in (spent, credit):
        done(s, ReverseEntry(s.book, one.receipt.seq, "wrong"))


def year_end(s: Stand) -> None:
    move(s.life, date(s.today.year + 1, 1, 9))
    done(s, PostInterest(s.book, s.today.year - 1))


def death_over_a_year_end(s: Stand) -> None:
    """The interest of the year is posted while its holder counts as dead."""
    died_on = s.today - timedelta(days=80)
    done(s, ReportDeath(s.book, died_on, "certificate"))
    year_end(s)
    lives(s)


def retirement(s: Stand) -> None:
    done(s, Enrol(s.book, MemberClass.RETIRED, None, s.today.replace(day=1), None))


def enrolment_change(s: Stand) -> None:
    done(s, Enrol(s.book, MemberClass.FLEXIBLE, None, s.today - timedelta(days=3), None))


BETWEEN: dict[str, Callable[[Stand], None]] = {
    "a mistaken death": mistaken_death,
    "two mistaken deaths": twice_mistaken,
    "something later that went back": later_reversal,
    "a year end": year_end,
    "a mistaken death over a year end": death_over_a_year_end,
    "a retirement": retirement,
    "another enrolment": enrolment_change,
}
# after which everything is as it was, and not the money alone
LEAVES_NOTHING = frozenset({"a mistaken death", "two mistaken deaths", "something later that went back"})
_CANCELLED = "a death has ended the request, which is asked for anew"
_DEATHS = ("a mistaken death", "two mistaken deaths", "a mistaken death over a year end")
# what is refused afterwards, and why that is right
REFUSED: dict[tuple[str, str], tuple[str, str]] = {
    **{("transfer_request", between): ("transfer_state", _CANCELLED) for between in _DEATHS},
    **{
        ("hold, released", between): ("hold_expired", "it has run out, and holds nothing")
        for between in BETWEEN
        if between.endswith("a year end")
    },
    ("adjustment", "a retirement"): (
        "no_good_line",
        "a retiree has no wage, and is adjusted to nothing",
    ),
}
# what cannot be done in the state that comes before, or which nothing can come after
NEVER: dict[str, frozenset[str]] = {
    "death": frozenset(BETWEEN) - {"a year end"},
    "death_correction": frozenset(BETWEEN) - {"a year end"},
    # nothing happens to who is gone, and but for a death to who is about to go
    "estate": frozenset(BETWEEN),
    "transfer_request": frozenset({"a retirement", "another enrolment", "something later that went back"}),
    # nor does a year end, whose interest went with the money
    "transfer_out": frozenset(BETWEEN) - {"a mistaken death", "two mistaken deaths"},
    # which keeps the money
    **dict.fromkeys(("freeze", "freeze, ended"), frozenset({"something later that went back"})),
}


def money(stand: Stand, seen: dict[str, Any]) -> tuple[int, dict[str, int]]:
    """What the account has, less the interest it has earned; and what each fund account has."""
    book = seen[f"book {stand.book}"]
    sides = {name: fen for name, fen in seen.items() if name.startswith("side ")}
    earned: int = sides.pop(f"side {int(Side.FUND_INTEREST)}", 0)
    return book["current_year"] + book["carried_over"] + earned, sides


def _tried(stand: Stand, name: str, between: str) -> str | None:
    """Do, let something happen, and undo; what is wrong then. Raises Passed where it cannot come so far."""
    way = WAYS[name]
    in_full = between in LEAVES_NOTHING and not way.earns
    could = rights(stand) if in_full and name not in OTHER_RIGHTS else None
    steps = way.do(stand)
    command = next(steps)
    while True:
        was = picture(stand)
        made = stand.do(command)
        try:
            command = steps.send(made)
        except StopIteration:
            break
    BETWEEN[between](stand)
    back = answered(stand, way.undo(stand, made))
    expected = REFUSED.get((name, between))
    if isinstance(back, Refused) or expected is not None:
        said = str(back.code) if isinstance(back, Refused) else None
        return None if expected is not None and said == expected[0] else f"{name}: {back}"
    now = picture(stand)
    if not in_full:
        same = money(stand, was) == money(stand, now)
        return None if same else f"{name}: {money(stand, was)} became {money(stand, now)}"
    gone = difference(was, now, EXCEPT.get(name, frozenset()))
    if not gone and could is not None and rights(stand) != could:
        return f"{name}: other rights"
    return f"{name}: {gone}" if gone else None


@pytest.mark.slow
@pytest.mark.random
@pytest.mark.parametrize("between", BETWEEN)
def test_each_way_back_after_something_else(between: str, fresh_engine: Engine) -> None:
    life = Life(World(fresh_engine), SEED)
    life.play(40)
    wrong: list[str] = []
    never: list[str] = []
    for name in WAYS:
        for _ in range(TRIES):
            # a year end has moved the clock on: it is set back into the year of which the area has figures
            move(life, BEGUN)
            stand = Stand(life, newcomer(life))
            for book, _who in life.people:
                stand.world.post(Expire(book))
            try:
                found = _tried(stand, name, between)
            except Passed:
                continue
            wrong += [] if found is None else [found]
            break
        else:
            never.append(name)
    assert [str(one) for one in verify(fresh_engine, keyring=life.world.keyring).findings] == []
    assert wrong == []
    assert set(never) == {name for name in WAYS if between in NEVER.get(name, ())}
