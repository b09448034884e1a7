"""The parts of documents by themselves: periods in words, facts kept and read back, stretches of entries."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.chart.kinds import Kind
from ledger.chart.matrix import Status
from ledger.documents.account_sheets import account_list
from ledger.documents.asked import Span
from ledger.documents.facts import AccountLine, AccountMoves, Insured, Issue
from ledger.documents.insured import InsuredPeriod, last_unbroken, months_by_year, unbroken_periods
from ledger.documents.kept_facts import flattened, from_facts, to_data, to_facts
from ledger.documents.rests_on import RestsOn, read_rests_on, stretches
from ledger.months import next_period
from ledger.settings import Settings, SettingsError

MONTHS = st.builds(lambda year, month: year * 100 + month, st.integers(1995, 2030), st.integers(1, 12))
ISSUE = Issue(
    "D20261121-7KQ3XTMB-4", "7KQ3XTMB94HRWZ2C", "/v1/checks/x", datetime(2026, 11, 21, 4, tzinfo=UTC)
)
WHOSE = Insured("P483920174650K", "𬭚龑㛃<b>#", "119***15", 1, Status.ACTIVE, "示例市", None)


@pytest.mark.parametrize(
    ("months", "words"),
    [
        ([202507, 202508, 202509, 202510, 202511], "2025年7月至2025年11月"),
        ([202511, 202507, 202509, 202508], "2025年11月至2025年11月"),
        ([202512, 202601], "2025年12月至2026年1月"),
        ([202601], "2026年1月至2026年1月"),
        ([202601, 202601, 202602], "2026年1月至2026年2月"),
    ],
)
def test_the_last_unbroken_period(months: list[int], words: str) -> None:
    found = last_unbroken(months)
    assert found is not None
    assert found.words == words


def test_there_is_none_without_months() -> None:
    assert (last_unbroken([]), months_by_year([]), unbroken_periods([])) == (None, [], [])


@given(st.sets(MONTHS))
def test_periods_are_the_months_and_nothing_between_them(months: set[int]) -> None:
    back: set[int] = set()
    periods = unbroken_periods(months)
    for period in periods:
        month = period.first
        while month <= period.last:
            back.add(month)
            month = next_period(month)
    assert back == months
    for one, other in pairwise(periods):
        assert next_period(one.last) < other.first
    assert sum(count for _year, count in months_by_year(months)) == len(months)


def test_years_without_a_month_stand_between() -> None:
    assert months_by_year([202401, 202601, 202602]) == [(2024, 1), (2025, 0), (2026, 2)]


@given(st.sets(st.integers(1, 60)))
def test_stretches_are_the_numbers(seqs: set[int]) -> None:
    rests = read_rests_on(RestsOn(stretches(seqs), 60).as_json())
    assert {seq for seq in range(70) if rests.has(seq)} == seqs


def test_what_a_document_rests_on_is_read_back() -> None:
    rests = RestsOn(((1, 3), (7, 7)), 9, (202601, 202612), ((5_000_000_000_001, 4),), 2026, (16, 17))
    assert read_rests_on(rests.as_json()) == rests
    assert read_rests_on(RestsOn().as_json()) == RestsOn()
    asked = (202512, 202601, 202612, 202701, None)
    assert [one for one in asked if rests.has_month(one)] == [202601, 202612]


LINES = st.lists(
    st.builds(
        lambda fen, day: (fen, date(2026, 1, 1).replace(day=day)),
        st.integers(-(10**9), 10**9).filter(bool),
        st.integers(1, 28),
    ),
    max_size=30,
)


@given(LINES, st.integers(-(10**9), 10**9))
def test_every_account_list_closes(moves: list[tuple[int, date]], opening: int) -> None:
    """opening + income - spending = closing, the last line's balance; kept, it is read back equal."""
    lines = tuple(
        AccountLine(seq, f"P483920174650K-{seq}", day, Kind.SPENDING if fen < 0 else Kind.CONTRIBUTION, fen)
        for seq, (fen, day) in enumerate(sorted(moves, key=lambda move: move[1]), start=1)
    )
    span = Span(date(2026, 1, 1), date(2026, 1, 31))
    sheet = account_list(WHOSE, ISSUE, AccountMoves(span, opening, lines))
    sums = {one.key: one.fen for one in sheet.sums}
    assert sums["opening"] + sums["income"] - sums["spending"] == sums["closing"]
    assert sums["closing"] == opening + sum(fen for fen, _day in moves)
    [entries] = sheet.tables
    if lines:
        balances = [line[5] for line in entries.lines]
        assert balances[-1] == sums["closing"]
    assert from_facts(to_facts(sheet)) == sheet
    # and the bytes that are signed follow from the facts alone
    assert to_data(from_facts(to_facts(sheet)), span) == to_data(sheet, span)
    assert flattened("k", to_data(sheet, span), bytes(64)) == flattened("k", to_data(sheet, span), bytes(64))


def test_a_month_of_one_period_is_said_on_both_sides() -> None:
    assert InsuredPeriod(202603, 202603).words == "2026年3月至2026年3月"


@pytest.mark.parametrize(
    "url",
    [
        "https://ledger.example.org",
        "https://ledger.example.org:8443/open",
        "http://127.0.0.1:8000",
        "http://localhost:8000",
        "http://[::1]:8000",
        "https://192.0.2.7",
        "https://[2001:db8::7]/open",
        "https://ledger-1.example.org/a/b_c/d~e.f",
    ],
)
def test_a_public_address(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_PUBLIC_URL", url)
    settings = Settings.load()
    assert settings.check_url == url
    assert settings.environment()["LEDGER_PUBLIC_URL"] == url


@pytest.mark.parametrize(
    "url",
    [
        "http://ledger.example.org", "ledger.example.org", "ftp://ledger.example.org", "https://",
        "https://u:p@h",
        "https://h/?a=b", "https://h/#x", "https://h?", "https://h:x", "https://h/ x", "https://例子.中国",
        "https://" + "h" * 200, "javascript:alert(1)", "https://h:99999",
        'https://x/"><script>', "https://x\\y", "https://x/a\\b", "https://x:0", "https://x:", "https://*",
        "https://-", "https://x-", "https://.", "https://x..y", "https://x.", "https://*.example.org", "https://x_y",
        "https://x/%0a", "https://x/%2e%2e", "https://x/a/../b", "https://x/..", "https://x/./a", "https://x//a",
        "https://x/a;b", "https://x/'", "https://x/a|b", "https://x/{a}", "https://x/`", "https://x/<b>", "https://@x",
        "https://999.1.1.1", "https://1.2.3", "https://[::1%25eth0]", "https://[v1.x]", "https://x:+443",
        "https://x:0443443", "https:/x", "https:x", "//x", "https://x\t", "https://x\n", " https://x",
    ],
)  # fmt: skip
def test_what_is_no_public_address(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_PUBLIC_URL", url)
    with pytest.raises(SettingsError, match="LEDGER_PUBLIC_URL"):
        Settings.load()
