"""Which looks a person is not shown yet: by the purpose, the day, and the area of the book. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine

from ledger import tables
from ledger.access.reads import LoggedRead
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.database.lookups import insert_or_leave
from ledger.inquiry.accesses import Access, Place, Sought, Withholding, accesses
from ledger.inquiry.holders import Holder
from ledger.policy.access import AccessPolicy, parse_withheld
from ledger.reports import look

# late in the evening of the day before, in UTC; of this day in the area
AT = datetime(2026, 1, 9, 16, 30, tzinfo=UTC)
DAY = date(2026, 1, 10)


class Area(NamedTuple):
    """A policy as far as it is asked."""

    access: AccessPolicy


def area(said: dict[str, str]) -> Any:
    """An area that withholds so much, from a day on."""

    class Said:
        def withheld_on(self, day: date) -> Any:
            held = [
                parse_withheld(text)
                for first, text in sorted(said.items())
                if date.fromisoformat(first) <= day
            ]
            return held[-1] if held else {}

    return Area(Said())  # type: ignore[arg-type]  # what is asked of it is there


def seen(purpose: str | None, book_id: int | None = 1, at: datetime = AT, ref: str | None = None) -> Access:
    place = Place(at, 1, 1)
    return Access(place, "clerk", AccessChannel.WINDOW, purpose, ref, FieldGroup.BALANCE, None, book_id, None)


POLICIES = {10: area({"2000-01-01": "court_order:180 estate:30", "2026-02-01": "court_order:5"})}
POLICIES |= {20: area({"2000-01-01": "court_order:400"}), 30: area({"2000-01-01": "none"})}
AREAS = {1: 10, 2: 20, 3: 30, 4: 99}


@pytest.mark.parametrize(
    ("access", "days"),
    [
        (seen("court_order"), 180),
        (seen("complaint"), 0),
        (seen(None), 0),
        (seen("estate"), 30),
        # by what was said on the day of the look, which is the area's
        (seen("court_order", at=datetime(2026, 1, 31, 15, 59, tzinfo=UTC)), 180),
        (seen("court_order", at=datetime(2026, 1, 31, 16, 0, tzinfo=UTC)), 5),
        # by the area of the book; of none, or of one that is not kept here, by the strictest
        (seen("court_order", 2), 400),
        (seen("court_order", 3), 0),
        (seen("court_order", 4), 400),
        (seen("court_order", None), 400),
    ],
)
def test_how_long(access: Access, days: int) -> None:
    assert Withholding(POLICIES, AREAS, DAY).days(access) == days


@pytest.mark.parametrize(("later", "over"), [(0, False), (179, False), (180, True), (181, True)])
def test_the_day_on_which_it_is_over(later: int, over: bool) -> None:
    rule = Withholding(POLICIES, AREAS, DAY + timedelta(later))
    assert rule.is_over(seen("court_order"), divided=False) is over
    # only an estate is divided
    assert rule.is_over(seen("court_order"), divided=True) is over


@pytest.mark.parametrize(
    ("later", "divided", "over"), [(0, True, True), (29, False, False), (30, False, True)]
)
def test_an_estate(later: int, divided: bool, over: bool) -> None:
    rule = Withholding(POLICIES, AREAS, DAY + timedelta(later))
    assert rule.is_over(seen("estate"), divided=divided) is over


def test_what_is_never_withheld_is_shown_at_once() -> None:
    assert Withholding(POLICIES, AREAS, DAY).is_over(seen("complaint"), divided=False)
    assert Withholding({}, {}, DAY).is_over(seen("court_order"), divided=False)


def test_the_last_account_is_the_one_that_counts() -> None:
    assert Holder(1, (b"",), (5, 6, 7), 9).books == (7, 5, 6, 9)
    assert Holder(1, (b"",), (5,)).books == (5,)
    assert Holder(1, (b"",), (), 9).books == (9,)
    assert Holder(None, (b"",)).books == ()


# -- the order of the log, over chains and instants ----------------------------------------------------------


def test_pages_are_of_one_order_whatever_the_chains(fresh_engine: Engine) -> None:
    """Two processes, equal instants, rows by book and by number: each page goes on where one ended."""
    digest, head = b"d" * 32, b"h" * 32
    rows: list[dict[str, Any]] = []
    with fresh_engine.begin() as connection:
        connection.execute(insert_or_leave(connection, tables.agent), {"agent_id": 1, "name": "clerk"})
        for chain in (1, 2):
            connection.execute(
                tables.read_log_chain.insert(),
                {"chain_id": chain, "day": DAY, "opened_at": AT, "last_seq": 9, "head": head, "seal": head},
            )
            for seq in range(1, 10):
                row = LoggedRead(
                    chain, seq, AT + timedelta(seconds=seq // 4), 1, 1, "accounts:read", None, 1, "complaint",
                    f"{chain}-{seq}", 77 if seq % 3 else None, None if seq % 3 else digest, 4, 1, None,
                )  # fmt: skip
                rows.append(row._asdict() | {"head": head})
        connection.execute(tables.read_log.insert(), rows)
    wanted = sorted(((row["at"], row["chain_id"], row["seq"]) for row in rows), reverse=True)
    for sought in (Sought((77,), (digest,)), Sought(of_everybody=True)):
        for size in (1, 4, 50):
            found: list[Access] = []
            with look(fresh_engine) as connection:
                while True:
                    after = found[-1].place if found else None
                    page = accesses(connection, sought, after, size)
                    found += page
                    if len(page) < size:
                        break
            assert [tuple(one.place) for one in found] == wanted
    with look(fresh_engine) as connection:
        assert accesses(connection, Sought(), None, 50) == []
        assert len(accesses(connection, Sought((77,)), None, 50)) == 12
        assert len(accesses(connection, Sought(digests=(digest,)), None, 50)) == 6
