"""Who gets which part of an estate: the worked examples E49–E56, E60, and what is refused (R55, R56)."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.estates.case import claimants_of
from ledger.estates.shares import Claimant, agreed, entitlements, undecided
from ledger.money import format_yuan, parse_yuan
from ledger.refusals import RefusalCode, Refused
from ledger.shares import divide, heir_rank

DAY = date(2026, 11, 20)
TOLD = date(2026, 9, 20)


def who(name: str, relation: str, title: str = "law", share: str | None = None, **more: Any) -> Claimant:
    return Claimant(hash(name), name, relation, title, share, **more)


def parts(claimants: list[Claimant], amount: str, day: date = DAY) -> list[str]:
    """What each gets of an amount in yuan."""
    weights = entitlements(claimants, day)
    fen = parse_yuan(amount)
    assert fen is not None
    ranks = [heir_rank(one.relation, None, None) for one in claimants]
    return [format_yuan(part) for part in divide(fen, weights, ranks)]


SPOUSE, MOTHER = who("spouse", "spouse"), who("mother", "parent")
CHILDREN = [who(f"child {n}", "child") for n in range(1, 5)]
FRIEND = who("friend", "other", "legacy", "0.30")


def grandchild(n: int, of: str) -> Claimant:
    return who(f"grandchild {n}", "grandchild", stem=of)


EXAMPLES = [
    ("E49", "1000.00", [SPOUSE, *CHILDREN[:2]], ["333.34", "333.33", "333.33"]),
    ("E50", "1000.03", CHILDREN, ["250.01", "250.01", "250.01", "250.00"]),
    ("E51", "5678.90", [FRIEND, SPOUSE, MOTHER], ["1703.67", "1987.62", "1987.61"]),
    ("E52", "0.02", [SPOUSE, *CHILDREN[:2]], ["0.01", "0.01", "0.00"]),
    (
        "E53",
        "1000.00",
        [SPOUSE, CHILDREN[1], grandchild(1, "A"), grandchild(2, "A")],
        ["333.33", "333.33", "166.67", "166.67"],
    ),
    ("E54", "800.00", [SPOUSE, *CHILDREN[:2]], ["266.67", "266.67", "266.66"]),
    (
        "E55",
        "777.77",
        [who("son", "child", "will", "0.40"), SPOUSE, who("son", "child"), MOTHER],
        ["311.11", "155.56", "155.55", "155.55"],
    ),
    (
        "E56",
        "0.07",
        [
            who("a", "child", "will", "0.50"),
            who("b", "child", "will", "0.3"),
            who("c", "child", "will", "1/5"),
        ],
        ["0.04", "0.02", "0.01"],
    ),
    (
        "E60",
        "5678.90",
        [FRIEND._replace(notified_on=DAY - timedelta(days=61)), SPOUSE, MOTHER],
        ["0.00", "2839.45", "2839.45"],
    ),
    (
        "a legatee accepted on the last day",
        "5678.90",
        [
            FRIEND._replace(notified_on=DAY - timedelta(days=200), accepted_on=DAY - timedelta(days=140)),
            SPOUSE,
            MOTHER,
        ],
        ["1703.67", "1987.62", "1987.61"],
    ),
    (
        "a legatee accepted a day too late",
        "5678.90",
        [
            FRIEND._replace(notified_on=DAY - timedelta(days=200), accepted_on=DAY - timedelta(days=139)),
            SPOUSE,
            MOTHER,
        ],
        ["0.00", "2839.45", "2839.45"],
    ),
    (
        "siblings and grandparents wait for the first order",
        "100.00",
        [who("brother", "sibling"), MOTHER, who("grandfather", "grandparent")],
        ["0.00", "100.00", "0.00"],
    ),
    (
        "and inherit without it, a dead brother's children in his place",
        "90.00",
        [
            who("sister", "sibling"),
            who("nephew", "other", stem="brother"),
            who("niece", "other", stem="brother"),
            who("grandfather", "grandparent"),
        ],
        ["30.00", "15.00", "15.00", "30.00"],
    ),
    (
        "who waived, and who lost the right, leave the part to the others",
        "90.00",
        [
            SPOUSE._replace(waived_on=DAY),
            CHILDREN[0]._replace(is_disqualified=True),
            CHILDREN[1],
            CHILDREN[2],
            who("brother", "sibling"),
        ],
        ["0.00", "0.00", "45.00", "45.00", "0.00"],
    ),
    (
        "all of the first order waived",
        "90.00",
        [SPOUSE._replace(waived_on=DAY), who("brother", "sibling")],
        ["0.00", "90.00"],
    ),
    (
        "a waived part of a will falls to those who inherit by law",
        "90.00",
        [who("a", "child", "will", "1/3", waived_on=DAY), who("b", "child", "will", "2/3"), SPOUSE],
        ["0.00", "60.00", "30.00"],
    ),
    (
        "an agreement of support comes before the will",
        "100.00",
        [who("nurse", "other", "support", "0.6"), who("a", "child", "will", "1"), SPOUSE],
        ["60.00", "40.00", "0.00"],
    ),
    (
        "a part is reserved for an heir who cannot work",
        "100.00",
        [MOTHER._replace(share="0.2"), who("friend", "other", "legacy", "0.5"), SPOUSE],
        ["20.00", "50.00", "30.00"],
    ),
    (
        "what is reserved comes before a will over the whole",
        "100.00",
        [MOTHER._replace(share="0.2"), who("son", "child", "will", "1"), SPOUSE],
        ["20.00", "80.00", "0.00"],
    ),
    (
        "and before two wills, which yield alike",
        "100.00",
        [
            MOTHER._replace(share="0.4"),
            who("son", "child", "will", "0.6"),
            who("friend", "other", "legacy", "0.3"),
        ],
        ["40.00", "40.00", "20.00"],
    ),
    (
        "support, what is reserved, and a will over the whole",
        "100.00",
        [
            MOTHER._replace(share="0.2"),
            who("nurse", "other", "support", "0.5"),
            who("son", "child", "will", "1"),
        ],
        ["20.00", "50.00", "30.00"],
    ),
    (
        "a legacy over the whole that lapsed leaves all to what was reserved",
        "100.00",
        [MOTHER._replace(share="0.2"), FRIEND._replace(share="1", notified_on=DAY - timedelta(days=61))],
        ["100.00", "0.00"],
    ),
    (
        "an unborn child has a part",
        "100.00",
        [SPOUSE, who("unborn", "child", is_unborn=True)],
        ["50.00", "50.00"],
    ),
]


@pytest.mark.parametrize(
    ("name", "amount", "claimants", "expected"), EXAMPLES, ids=[one[0] for one in EXAMPLES]
)
def test_examples(name: str, amount: str, claimants: list[Claimant], expected: list[str]) -> None:
    assert parts(claimants, amount) == expected


@pytest.mark.parametrize(
    "claimants",
    [
        [],
        [who("cousin", "other")],
        [SPOUSE._replace(waived_on=DAY)],
        [FRIEND._replace(notified_on=DAY - timedelta(days=61))],
        [who("son", "child", is_disqualified=True)],
    ],
)
def test_nobody_takes_anything(claimants: list[Claimant]) -> None:
    assert entitlements(claimants, DAY) == [Fraction(0)] * len(claimants)


@pytest.mark.parametrize(
    ("claimants", "at"),
    [
        ([SPOUSE, SPOUSE], "claimants/1"),
        ([SPOUSE, SPOUSE._replace(relation="child", title="will", share="1/2")], "claimants/1"),
        ([who("a", "child", "will", "0.6"), who("b", "child", "will", "0.5")], "claimants"),
        ([who("a", "child", "will", "0.6"), who("b", "child", "legacy", "0.5")], "claimants"),
        ([who("a", "child", "will", "0.6"), who("b", "child", "will", "0.3")], "claimants"),
        ([who("a", "child", share="1/2"), who("b", "child", share="1/3")], "claimants"),
        ([who("a", "child", share="2/3"), who("b", "child", share="2/3")], "claimants"),
        ([MOTHER._replace(share="0.6"), who("nurse", "other", "support", "0.5")], "claimants"),
        ([who("a", "child", "will")], "claimants/0/share"),
        ([who("a", "child", "will", "0")], "claimants/0/share"),
        ([who("a", "child", "will", "1/0")], "claimants/0/share"),
        ([who("a", "child", "will", "1.5"), SPOUSE], "claimants"),
        ([who("a", "child", "will", "1/2", is_disqualified=True), SPOUSE], "claimants/0/share"),
        ([SPOUSE, who("b", "grandchild")], "claimants/1/represents"),
        ([SPOUSE, who("b", "child", stem="A")], "claimants/1/represents"),
        ([SPOUSE, who("b", "grandchild", stem="spouse")], "claimants/1/represents"),
        ([SPOUSE, who("b", "grandchild", "will", "1/2", stem="A")], "claimants/1/represents"),
        ([who("u", "parent", is_unborn=True)], "claimants/0/unborn"),
        ([who("u", "child", is_unborn=True, waived_on=DAY)], "claimants/0/unborn"),
        ([who(str(n), "child") for n in range(101)], "claimants"),
    ],
)
def test_what_is_refused(claimants: list[Claimant], at: str) -> None:
    with pytest.raises(Refused) as refused:
        entitlements(claimants, DAY)
    assert (refused.value.code, refused.value.at) == (RefusalCode.SHARES_INVALID, at)


def test_a_legatee_has_sixty_days() -> None:
    told = FRIEND._replace(notified_on=DAY - timedelta(days=60))
    assert undecided([SPOUSE, told], DAY) == 1
    assert undecided([SPOUSE, told], DAY + timedelta(days=1)) is None
    assert undecided([SPOUSE, told._replace(accepted_on=DAY)], DAY) is None
    assert undecided([SPOUSE, FRIEND], DAY) is None


def test_an_entry_that_counted_from_the_death_still_does() -> None:
    line = {"person": 1, "name": "ab", "relation": "other", "title": "legacy", "share": "0.3"}
    told = {"claimants": [line | {"notified_on": "2026-01-01", "days_from": "2026-06-01"}]}
    [claimant] = claimants_of(told)
    assert claimant.decides_until == date(2026, 7, 31)


def test_agreed_shares_go_by_name_in_their_order() -> None:
    claimants = [SPOUSE, CHILDREN[0], MOTHER]
    shares = [("mother", Fraction(2, 3)), ("spouse", Fraction(1, 3))]
    assert agreed(claimants, shares) == [(Fraction(1, 3), 1), (Fraction(0), 2), (Fraction(2, 3), 0)]
    for wrong in ("nobody", "child 1"):
        lost = [SPOUSE, CHILDREN[0]._replace(is_disqualified=True)]
        with pytest.raises(Refused):
            agreed(lost, [(wrong, Fraction(1))])


@st.composite
def families(draw: st.DrawFn) -> list[Claimant]:
    """Claimants of whom at least one inherits by law; wills and legacies are at most the whole, and so are
    parts reserved by law with agreements of support.
    """
    relations = st.sampled_from(
        ["spouse", "child", "parent", "sibling", "grandparent", "grandchild", "other"]
    )
    found = [who("heir", draw(st.sampled_from(["spouse", "child", "parent"])))]
    left = {"will": Fraction(1), "support": Fraction(1)}
    for n in range(draw(st.integers(0, 8))):
        relation, title = draw(relations), draw(st.sampled_from(["law", "law", "will", "legacy", "support"]))
        share = None
        stem = None
        if title == "law" and relation in {"grandchild", "other"}:
            stem = draw(st.sampled_from(["A", "B"]))
        if title != "law" or draw(st.integers(0, 3)) == 0:
            part = Fraction(draw(st.integers(1, 99)), draw(st.integers(99, 300)))
            whole = "will" if title in {"will", "legacy"} else "support"
            if part > left[whole]:
                continue
            left[whole] -= part
            share = f"{part.numerator}/{part.denominator}"
        waived = DAY if draw(st.booleans()) and draw(st.booleans()) else None
        found.append(who(f"claimant {n}", relation, title, share, stem=stem, waived_on=waived))
    return found


@given(families(), st.integers(1, 10**12))
def test_shares_always_add_up(claimants: list[Claimant], fen: int) -> None:
    weights = entitlements(claimants, DAY)
    assert sum(weights) == 1
    assert all(weight >= 0 for weight in weights)
    ranks = [heir_rank(one.relation, None, None) for one in claimants]
    amounts = divide(fen, weights, ranks)
    assert sum(amounts) == fen
    assert all(abs(Fraction(part) - fen * weight) < 1 for part, weight in zip(amounts, weights, strict=True))
    for one, weight in zip(claimants, weights, strict=True):
        if one.waived_on is not None:
            assert weight == 0
