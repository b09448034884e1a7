"""What is found in looks: the edges of each kind, and that a busy day is seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.inquiry.findings import (
    LOOKS_MAX,
    AuditFinding,
    Circle,
    FindingKind,
    Findings,
    Limits,
    LookedAt,
    LookOut,
)

K = FindingKind
AT = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
LIMITS = Limits(50, 10, 30)
NOBODY = LookOut({}, frozenset(), {}, {})


def look(number: int = 1, seconds: float = 0, actor: str = "clerk-7", **more: Any) -> LookedAt:
    base = LookedAt(
        AT + timedelta(seconds=seconds),
        actor,
        AccessChannel.WINDOW,
        "own_request",
        None,
        "accounts:read",
        None,
        False,
        number,
        None,
        FieldGroup.BALANCE,
    )
    return base._replace(**more)


def find(
    looks: Iterable[LookedAt],
    watched: LookOut = NOBODY,
    follows: Mapping[LookedAt, bool] | None = None,
    since: datetime = AT,
) -> list[AuditFinding]:
    def follow(some: Sequence[LookedAt]) -> list[bool]:
        return [(follows or {}).get(one, False) for one in some]

    findings = Findings(watched, LIMITS, since, follow)
    for one in looks:
        findings.add(one)
    return findings.all()


def kinds(found: Iterable[AuditFinding]) -> list[tuple[str, str]]:
    return [(one.kind.value, one.actor) for one in found]


# -- many people -------------------------------------------------------------------------------------------


def test_fifty_people_are_not_many() -> None:
    assert find(look(number, number) for number in range(50)) == []


def test_fifty_one_people_are() -> None:
    [found] = find(look(number, number) for number in range(51))
    assert (found.kind, found.actor, len(found.whose), found.looks_total) == (
        K.MANY_PEOPLE,
        "clerk-7",
        51,
        51,
    )
    assert [one.book_id for one in found.looks] == list(range(51))
    assert (found.first_at, found.last_at) == (AT, AT + timedelta(seconds=50))


def test_fifty_one_looks_at_fifty_people_are_not() -> None:
    assert find(look(number % 50, number) for number in range(400)) == []


@pytest.mark.parametrize(("seconds", "count"), [(599.999999, 1), (600, 1), (600.000001, 0)])
def test_ten_minutes_just(seconds: float, count: int) -> None:
    looks = [*(look(number) for number in range(50)), look(50, seconds)]
    assert len(find(looks)) == count


def test_two_share_no_count() -> None:
    looks = [look(number, number, f"clerk-{number % 2}") for number in range(100)]
    assert find(looks) == []
    looks.append(look(100, 100, "clerk-1"))
    assert kinds(find(looks)) == [("many_people", "clerk-1")]


def test_one_answer_that_shows_many_is_many() -> None:
    assert len(find(look(number) for number in range(51))) == 1


def test_people_without_an_account_count_too() -> None:
    nobodies = [look(0, book_id=None, person=bytes([number]) * 32) for number in range(26)]
    assert find([*nobodies[:25], *(look(number) for number in range(25))]) == []
    assert len(find([*nobodies, *(look(number) for number in range(25))])) == 1


def test_a_crowd_ends_and_another_begins() -> None:
    first = [look(number, number) for number in range(60)]
    second = [look(number, 3600 + number) for number in range(55)]
    one, two = find([*first, *second])
    assert (one.looks_total, two.looks_total) == (60, 55)
    assert two.first_at == AT + timedelta(hours=1)


def test_a_crowd_that_goes_on_is_one() -> None:
    [found] = find(look(number, number) for number in range(5_000))
    assert (found.looks_total, len(found.whose), len(found.looks)) == (5_000, 5_000, LOOKS_MAX)


def test_minutes_before_the_first_day_count_and_are_not_found_for_themselves() -> None:
    looks = [look(number, number) for number in range(51)]
    since = AT + timedelta(seconds=50)
    assert kinds(find(looks, since=since)) == [("many_people", "clerk-7")]
    assert find(looks, since=AT + timedelta(seconds=51)) == []
    flagged = NOBODY._replace(flags={1: ["r"]})
    assert find(looks[:5], flagged, since=since) == []


# -- oneself, relatives, colleagues ------------------------------------------------------------------------

DIGEST = bytes(32)
STAFF = LookOut(
    circles={
        "clerk-7": Circle(frozenset({7, DIGEST}), frozenset({70, 71})),
        "clerk-8": Circle(frozenset({8}), frozenset({7})),
    },
    staff=frozenset({7, DIGEST, 8}),
    namesakes={"张三": {7, 99}, "clerk-9": set()},
    flags={},
)


@pytest.mark.parametrize(
    ("one", "kind", "told_by"),
    [
        (look(7), K.OWN_NUMBER, "number"),
        (look(7, book_id=None, person=DIGEST), K.OWN_NUMBER, "number"),
        (look(70), K.RELATIVE, "number"),
        (look(8), K.COLLEAGUE, "number"),
        # who is both is a relative
        (look(7, actor="clerk-8"), K.RELATIVE, "number"),
        (look(7, book_id=None, person=DIGEST, actor="clerk-8"), K.COLLEAGUE, "number"),
        (look(99, actor="张三"), K.OWN_NUMBER, "name"),
    ],
)
def test_who_looks_at_their_own(one: LookedAt, kind: FindingKind, told_by: str) -> None:
    [found] = find([one], STAFF)
    assert (found.kind, found.told_by, found.looks) == (kind, told_by, [one])


@pytest.mark.parametrize(
    "one",
    [
        look(9),
        # nobody knows whose colleague they are
        look(7, actor="clerk-9"),
        look(8, actor="nobody"),
        # who is registered is not told by a name
        look(99),
        # the person's own token
        look(7, is_own=True),
        look(99, actor="张三", is_own=True),
    ],
)
def test_who_does_not(one: LookedAt) -> None:
    assert find([one], STAFF) == []


def test_each_who_acts_and_each_kind_is_a_finding() -> None:
    looks = [look(7, 1), look(8, 2), look(7, 3, "clerk-8"), look(7, 4)]
    assert [(*one, count) for one, count in zip(kinds(find(looks, STAFF)), (2, 1, 1), strict=True)] == [
        ("own_number", "clerk-7", 2),
        ("colleague", "clerk-7", 1),
        ("relative", "clerk-8", 1),
    ]
    assert [one.looks_total for one in find(looks, STAFF)] == [2, 1, 1]


# -- flags -------------------------------------------------------------------------------------------------


def test_a_flagged_account() -> None:
    watched = NOBODY._replace(flags={5: ["known", "in the news"], 6: ["known"]})
    [found] = find([look(5), look(4, 1), look(6, 2), look(5, 3)], watched)
    assert (found.kind, found.looks_total, found.reasons) == (K.FLAGGED_ACCOUNT, 3, ["known", "in the news"])
    assert len(found.whose) == 2


def test_reading_the_log_makes_no_finding_of_itself() -> None:
    watched = STAFF._replace(flags={5: ["known"]})
    audit = {"actor": "auditor", "channel": AccessChannel.AUDIT}
    log = audit | {"fields": FieldGroup.READS | FieldGroup.IDENTITY_MASKED}
    assert find([look(number, **log) for number in range(99)], watched) == []
    # an auditor who looks at people does
    assert {kind for kind, _ in kinds(find([look(number, **audit) for number in range(51)], watched))} == {
        "many_people",
        "flagged_account",
    }
    # and who looks up their own account in the log
    own = watched._replace(circles={"auditor": Circle(frozenset({5}), frozenset())})
    assert kinds(find([look(5, **log)], own)) == [("own_number", "auditor")]


# -- institutions ------------------------------------------------------------------------------------------


def test_an_institution_that_does_not_settle() -> None:
    looks = [look(number, number, "his", institution="H1") for number in range(3)]
    other = look(1, 9, "his", institution="H2")
    found = find([*looks, other], follows={looks[1]: True})
    assert [(one.kind, one.institution, one.looks) for one in found] == [
        (K.NO_SETTLEMENT, "H1", [looks[0], looks[2]]),
        (K.NO_SETTLEMENT, "H2", [other]),
    ]


# -- a busy day --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actors", [1, 300])
def test_a_busy_day_keeps_little_and_asks_of_each_look_once(actors: int) -> None:
    watched = STAFF._replace(flags={number: ["known"] for number in range(0, 1000, 2)})
    asked: list[int] = []

    def follow(some: Sequence[LookedAt]) -> list[bool]:
        asked.append(len(some))
        return [False] * len(some)

    findings = Findings(watched, LIMITS, AT, follow)
    count = 100_000
    for number in range(count):
        actor = f"clerk-{number % actors}"
        findings.add(look(number % 1000, number * 86_400 / count, actor, institution="H1"))
    found = findings.all()
    assert sum(asked) == count
    assert max(asked) < count / 4
    assert max(len(one.looks) for one in found) <= LOOKS_MAX
    unsettled = [one.looks_total for one in found if one.kind is K.NO_SETTLEMENT]
    assert (len(unsettled), sum(unsettled)) == (actors, count)
