"""Bills alike (R25, R41): the same lines of one person at one institution, on one day, of one kind of care.

An institution that sends one bill under two messages, or a patient who hands it in on paper as well, would
have it paid twice. Two bills that have numbers of their own are two; a bill that was taken back, and a claim
that was turned down, count for nothing. The lock of the person's book keeps two from being decided at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.care.bills import Bill
from ledger.care.counters import CLAIM_ROW, SETTLEMENT_ROW
from ledger.care.rows import BillLine, ClaimRow, SettlementRow
from ledger.chart.kinds import Kind
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Look, Need, Receipt
from ledger.posting.needs import Asked
from ledger.texts import normalise_code

_S = tables.settlement.c
# the detail of a decision begins so
TURNED_DOWN: Final = '{"approved":false,%'


class StandingBill(NamedTuple):
    """What stands of a bill, settled or handed in, to tell whether another one is the same."""

    institution_id: int
    care_type: int
    care_date: date
    total: int
    bill_no: str | None
    lines: str


# by book and entry; what this very batch wrote is there as the row that it wrote
Bills = dict[int, dict[int, StandingBill | SettlementRow | ClaimRow]]

# an entry of these kinds may take back what it acts on
_ENDING: Final = frozenset({Kind.REVERSAL, Kind.CLAIM_DECISION})

_NAMES = ("seq", *StandingBill._fields)
_TYPES = [_S[name] for name in _NAMES]


def _listed(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in _NAMES)


def _same(alias: str, sought: str) -> str:
    """Whether a row may be the bill that is sought: one with another number of its own is another bill."""
    return (
        f"{alias}.care_date = {sought}day AND {alias}.institution_id = {sought}party"
        f" AND {alias}.care_type = {sought}care_type AND {alias}.total = {sought}total"
        # cast, since a value alone does not say its type where it is only asked whether it is none
        f" AND ({alias}.bill_no IS NULL OR CAST({sought}bill_no AS TEXT) IS NULL"
        f" OR {alias}.bill_no = CAST({sought}bill_no AS TEXT))"
    )


_STANDS = (
    "s.reverses_seq IS NULL AND NOT EXISTS"
    " (SELECT 1 FROM settlement r WHERE r.book_id = s.book_id AND r.reverses_seq = s.seq)"
)
_HANDED_IN = (
    "NOT EXISTS (SELECT 1 FROM entry d WHERE d.book_id = m.book_id AND d.target_seq = m.seq"
    f" AND d.kind = {int(Kind.CLAIM_DECISION)} AND d.detail LIKE :turned_down)"
)
_FOUND = Lookup(
    f"SELECT s.book_id, {_listed('s')} FROM {{given}} JOIN settlement s ON s.book_id = given.book_id"
    f" AND {_same('s', 'given.')} WHERE {_STANDS}"
    f" UNION ALL SELECT m.book_id, {_listed('m')} FROM {{given}} JOIN manual_claim m"
    f" ON m.book_id = given.book_id AND {_same('m', 'given.')} WHERE {_HANDED_IN}",
    [_S.book_id, *_TYPES],
    book_id="big",
    day="date",
    party="big",
    care_type="small",
    total="big",
    bill_no="text",
)


def _sought(command: Any) -> dict[str, Any]:
    """What a command's bill is looked for by, in the order of `_FOUND`."""
    bill: Bill = command.bill
    return {
        "day": bill.care_date,
        "party": command.institution_id,
        "care_type": int(bill.care_type),
        "total": bill.sum_of_lines,
        "bill_no": bill.bill_no,
    }


def _books(command: Any, desk: Desk, book_id: int) -> set[int]:
    """The book of a command, and the one that the person has in the other scheme."""
    refs = (command.book, command.else_book)
    ids = {desk.ids.get(ref) if isinstance(ref, bytes) else ref for ref in refs}
    return {book_id} | {one for one in ids if one is not None}


def _keep(found: Bills, _desk: object, book_id: int, values: Sequence[Any]) -> None:
    seq, *standing = values
    found.setdefault(book_id, {})[seq] = StandingBill._make(standing)


def _read(connection: Connection, asked: Asked, desk: Desk) -> Bills:
    places: set[tuple[Any, ...]] = set()
    for book_id, command in asked:
        day, *rest = _sought(command).values()
        places |= {(one, day.isoformat(), *rest) for one in _books(command, desk, book_id)}
    found: Bills = {}
    for book_id, *values in _FOUND.run(connection, list(places), turned_down=TURNED_DOWN):
        _keep(found, desk, book_id, values)
    return found


def _follow(found: Bills, _desk: object, receipt: Receipt, beside: Sequence[Any]) -> None:
    """Let what stands include a bill of this very batch, or be without one that it took back."""
    here = found.setdefault(receipt.book_id, {})
    if receipt.target_seq is not None and receipt.kind in _ENDING:
        here.pop(receipt.target_seq, None)
    for row in SETTLEMENT_ROW.among(beside) or CLAIM_ROW.among(beside):
        if row.lines is not None:
            # it says the same under the same names
            here[receipt.seq] = row


# of one book: what a quote sees
_LOOK: Look[Bills] = Look(
    f"(SELECT s.book_id, {_listed('s')} FROM settlement s WHERE {_same('s', ':')} AND {_STANDS}"
    f" UNION ALL SELECT m.book_id, {_listed('m')} FROM manual_claim m WHERE {_same('m', ':')}"
    f" AND {_HANDED_IN}) a",
    {f"a.{name}": _S[name] for name in _NAMES},
    "a.book_id = {book}",
    begin=dict,
    keep=_keep,
    given=lambda command: _sought(command) | {"turned_down": TURNED_DOWN},
)


def _canonical(lines: Iterable[BillLine]) -> list[tuple[str, str, int, int, int]]:
    """Lines as far as they say something, in an order of their own: however an item is written, it is the
    same; class C has no limit that counts, and only class B a share.
    """
    return sorted(
        (
            normalise_code(line.item),
            line.line_class,
            line.amount,
            0 if line.line_class == "C" else line.over_limit,
            line.self_pay_ratio if line.line_class == "B" else 0,
        )
        for line in lines
    )


# the bills of this person that a bill may be the same as
ALIKE: Need[Bills] = Need("bills alike", _read, look=_LOOK, follow=_follow)


def is_alike(desk: Desk, command: Any) -> bool:
    """Whether the bill of a command stands already: settled, or handed in and not turned down."""
    here = desk.of(ALIKE)
    if not here:
        return False
    bill: Bill = command.bill
    sought = (command.institution_id, bill.care_type, bill.care_date, bill.sum_of_lines)
    lines = None
    for book_id in _books(command, desk, desk.book.book_id):
        for one in here.get(book_id, {}).values():
            told = (one.institution_id, one.care_type, one.care_date, one.total)
            if told != sought or (one.bill_no and bill.bill_no and one.bill_no != bill.bill_no):
                continue
            lines = lines or _canonical(bill.lines)
            if _canonical(BillLine(*line) for line in json.loads(one.lines or "[]")) == lines:
                return True
    return False
