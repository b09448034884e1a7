"""Of the cases planted in a month of innocent entries which are found, and what else is.

The table of docs/inquiry.md is this one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, insert

from ledger import tables
from ledger.chart.approvals import ApprovalState
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.chart.parties import NUMBERS_PER_LETTER, Party
from ledger.chart.sides import Side
from ledger.clock import day_of
from ledger.inquiry.moved import BookFinding, Hand, MovedEntry, PatternKind
from ledger.inquiry.moves import find_patterns
from ledger.inquiry.patterns import Hands, Patterns
from ledger.policy.findings import NOTHING_SAID
from tests.support.innocent_month import AREA, BEGINS, DAYS, Month

K = PatternKind
PLANTED = {K.AFTER_DEATH: 20, K.MANY_ACCOUNTS: 12, K.SPLIT: 15, K.REVERSED_AND_PAID: 15, K.ONE_HAND: 20}


def found_in(month: Month) -> list[BookFinding]:
    patterns = Patterns(lambda _area, day: NOTHING_SAID.on(day), Hands(month.staff), BEGINS)
    for one in month.moves:
        patterns.add(one)
    for act in month.approvals:
        patterns.approved(act)
    return patterns.all()


def told(month: Month, findings: Iterable[BookFinding]) -> tuple[Counter[K], Counter[K]]:
    """By kind, how many of the planted cases were found, and how many findings are none of them."""
    planted, found, false = set(month.planted), set(), Counter[K]()
    for finding in findings:
        hit = planted & {(finding.kind, (one.book_id, one.seq)) for one in finding.entries}
        found |= hit
        if not hit:
            false[finding.kind] += 1
    return Counter(kind for kind, _place in found), false


# entries, seed, share of the busiest pharmacy, and what is found beside what was planted
MEASURED = [
    (10_000, 1, 0.03, {K.REVERSED_AND_PAID: 2}),
    pytest.param(100_000, 1, 0.03, {K.REVERSED_AND_PAID: 28}, marks=pytest.mark.slow),
    pytest.param(100_000, 1, 0.1, {K.REVERSED_AND_PAID: 25, K.MANY_ACCOUNTS: 5}, marks=pytest.mark.slow),
    pytest.param(100_000, 1, 0.2, {K.REVERSED_AND_PAID: 23, K.MANY_ACCOUNTS: 166}, marks=pytest.mark.slow),
]


@pytest.mark.sqlite
@pytest.mark.parametrize(("entries", "seed", "busiest", "false"), MEASURED)
def test_all_that_was_planted_is_found_and_so_much_else(
    entries: int, seed: int, busiest: float, false: dict[K, int]
) -> None:
    month = Month(entries, seed, busiest)
    assert len(month.moves) >= entries
    assert Counter(kind for kind, _place in month.planted) == PLANTED
    assert told(month, found_in(month)) == (PLANTED, false)


def test_the_same_month_in_a_database(fresh_engine: Engine) -> None:
    month = Month(2_000, 5)
    with fresh_engine.begin() as connection:
        _store(connection, month)
    first = day_of(BEGINS)
    with fresh_engine.connect() as connection:
        found = find_patterns(connection, {}, first, first + timedelta(days=DAYS - 1))
    assert told(month, found)[0] == PLANTED
    assert found == found_in(month)


# -- a month as rows: what moves money says where to ---------------------------------------------------------

_PAYABLE, _POCKET = int(Side.INSTITUTION_PAYABLE), int(Side.CURRENT_YEAR)
# what a payment goes to beside institutions; a reversal takes a credit back to where it came from
_GOES_TO = {
    Kind.EXIT: Side.EXIT_PAYABLE,
    Kind.REFUND_TO_PAYER: Side.COLLECTION_CLEARING,
    Kind.REVERSAL: Side.COLLECTION_CLEARING,
}
_INSTITUTION = int(Party.INSTITUTION) * NUMBERS_PER_LETTER


def _store(connection: Connection, month: Month) -> None:
    codes = sorted({one.institution for one in month.moves if one.institution is not None})
    parties = {code: _INSTITUTION + number for number, code in enumerate(codes)}
    names = {name for one in month.moves for by in _hands(one) for name in by}
    names |= {name for act in month.approvals for by in (act.asked_by, act.approved_by) for name in by}
    agents = {name: number for number, name in enumerate(sorted(names | set(month.staff)), start=1)}
    connection.execute(insert(tables.agent), [{"agent_id": at, "name": name} for name, at in agents.items()])
    connection.execute(
        insert(tables.institution),
        [
            {
                "code": code, "party_id": party, "name": code, "level": 1, "area": AREA,
                "kind": "pharmacy" if code.startswith("P") else "hospital",
            }
            for code, party in parties.items()
        ],
    )  # fmt: skip
    connection.execute(
        insert(tables.staff),
        [
            {
                "name": name,
                "person": person,
                "recorded_at": BEGINS,
                "caller": agents[name],
                "actor": agents[name],
            }
            for name, numbers in month.staff.items()
            for person in numbers
        ],
    )
    died = {one.book_id: one.died_on for one in month.moves}
    books = sorted({*died, *(act.book_id for act in month.approvals)})
    connection.execute(insert(tables.book), [_book(book_id, died.get(book_id)) for book_id in books])
    entries, transfers = [], []
    for one in month.moves:
        made = one.acts_on
        if made is not None and made.kind not in {Kind.SPENDING, Kind.SETTLEMENT}:
            entries.append(_entry(one.book_id, made.seq, made.kind, made.at, made.by, agents))
        target = None if made is None else made.seq
        entries.append(_entry(one.book_id, one.seq, one.kind, one.at, one.by, agents, target))
        moved = _moved(one, parties)
        if moved is not None:
            transfers.append({"book_id": one.book_id, "seq": one.seq, "line": 1} | moved)
    approvals = []
    for number, act in enumerate(month.approvals, start=1):
        entries.append(_entry(act.book_id, act.seq, act.kind, act.at, act.asked_by, agents))
        asked, said_yes = act.asked_by, act.approved_by
        approvals.append(
            {
                "book_id": act.book_id, "number": number, "verb": "contribution", "amount_fen": act.fen,
                "intent_sealed": b"-", "idempotency_key": f"k-{number}", "request_digest": bytes(8),
                "recorded_at": act.asked_at, "expires_at": act.at + timedelta(days=30),
                "caller": agents[asked.caller], "actor": agents[asked.actor], "decided_at": act.at,
                "state": int(ApprovalState.APPROVED), "decided_by": agents[said_yes.actor],
                "decided_through": agents[said_yes.caller], "entry_seq": act.seq,
            }
        )  # fmt: skip
    connection.execute(insert(tables.entry), sorted(entries, key=lambda row: (row["book_id"], row["seq"])))
    connection.execute(insert(tables.transfer), transfers)
    connection.execute(insert(tables.approval), approvals)


def _hands(one: MovedEntry) -> list[Hand]:
    return [one.by] if one.acts_on is None else [one.by, one.acts_on.by]


def _book(book_id: int, died_on: object) -> dict[str, object]:
    return {
        "book_id": book_id, "current_year": 0, "carried_over": 0, "held": 0, "reserved": 0, "last_seq": 1,
        "area": AREA, "opened_on": day_of(BEGINS), "died_on": died_on, "open_year": 2026,
        "interest_year": 2025, "open_freezes": 0, "stage": int(Stage.ACTIVE), "head": bytes(32),
        "recorded_at": BEGINS,
    }  # fmt: skip


def _entry(
    book_id: int,
    seq: int,
    kind: Kind,
    at: datetime,
    by: Hand,
    agents: dict[str, int],
    target: int | None = None,
) -> dict[str, object]:
    return {
        "book_id": book_id, "seq": seq, "recorded_at": at, "current_year_after": 0, "carried_over_after": 0,
        "effective_on": day_of(at), "caller": agents[by.caller], "actor": agents[by.actor],
        "target_seq": target, "policy_version": 1, "kind": int(kind), "digest": bytes(32),
    }  # fmt: skip


def _moved(one: MovedEntry, parties: dict[str, int]) -> dict[str, object] | None:
    """What one entry moved, as one transfer."""
    fen = one.out_fen or one.in_fen or one.paid_fen
    party = None if one.institution is None else parties[one.institution]
    if one.paid_fen:
        sides = int(Side.ESTATE_PAYABLE), int(Side.BANK)
    elif one.in_fen:
        sides = _PAYABLE, _POCKET
    elif one.out_fen:
        sides = _POCKET, int(_GOES_TO.get(one.kind, Side.INSTITUTION_PAYABLE))
    else:
        return None
    source, target = sides
    return {"from_side": source, "to_side": target, "amount_fen": fen, "party_id": party}
