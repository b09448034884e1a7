"""Bills alike (R25, R41): the same items of one person at one institution, on one day, of one kind of care.

An institution that sends one bill under two messages, or a patient who hands it in on paper as well, would
have it paid twice. Two bills that have numbers of their own are two; a bill that was taken back, and a claim
that was turned down, count for nothing. The lock of the person's book keeps two from being decided at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection, Integer, column

from ledger import tables
from ledger.book.detail import unpack
from ledger.care.bills import Bill
from ledger.care.counters import CLAIM_ROW, SETTLEMENT_ROW
from ledger.care.decisions import about, decided_by
from ledger.care.rows import BillLine
from ledger.chart.kinds import Kind
from ledger.database.lookups import Ask, Lookup
from ledger.posting import Desk, Look, Need, Receipt
from ledger.posting.needs import Asked
from ledger.texts import normalise_code

_S = tables.settlement.c


class StandingBill(NamedTuple):
    """What stands of a bill, settled or handed in, to tell whether another one is the same."""

    institution_id: int
    care_type: int
    care_date: date
    total: int
    bill_no: str | None
    lines: str
    # of a claim: the decision that rejected it, while that stands
    turned_down_by: int | None = None


# by book and entry
Bills = dict[int, dict[int, StandingBill]]

_NAMES = ("seq", "institution_id", "care_type", "care_date", "total", "bill_no", "lines")
_TURNED_DOWN_BY = column("turned_down_by", Integer)
_TYPES = [*(_S[name] for name in _NAMES), _TURNED_DOWN_BY]


def _listed(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in _NAMES)


_SETTLED = f"{_listed('s')}, CAST(NULL AS INT) AS turned_down_by"
_HANDED_IN = f"{_listed('m')}, {decided_by('m', turned_down=True)} AS turned_down_by"


def _may_be(alias: str, book: str, sought: str) -> str:
    """Whether a row may be the bill that is sought, as few may; `is_alike` says the rest.

    One with another number of its own is another bill.
    """
    return (
        f"{alias}.book_id = {book} AND {alias}.care_date = {sought}day AND {alias}.total = {sought}total"
        # cast, since a value alone does not say its type where it is only asked whether it is none
        f" AND ({alias}.bill_no IS NULL OR CAST({sought}bill_no AS TEXT) IS NULL"
        f" OR {alias}.bill_no = CAST({sought}bill_no AS TEXT))"
    )


_OF_S, _OF_M = (_may_be(alias, "given.book_id", "given.") for alias in ("s", "m"))
_GIVEN: Any = {"book_id": "big", "day": "date", "total": "big", "bill_no": "text"}
# Asked first: hardly any bill needs more.
_ANY = Lookup(
    f"SELECT s.book_id FROM {{given}} JOIN settlement s ON {_OF_S}"
    f" UNION ALL SELECT m.book_id FROM {{given}} JOIN manual_claim m ON {_OF_M}",
    [_S.book_id],
    **_GIVEN,
)
_FOUND = Lookup(
    f"SELECT s.book_id, {_SETTLED} FROM {{given}} JOIN settlement s ON {_OF_S} WHERE s.reverses_seq IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM settlement r WHERE r.book_id = s.book_id AND r.reverses_seq = s.seq)"
    f" UNION ALL SELECT m.book_id, {_HANDED_IN} FROM {{given}} JOIN manual_claim m ON {_OF_M}",
    [_S.book_id, *_TYPES],
    **_GIVEN,
)


def _sought(command: Any) -> dict[str, Any]:
    """What a command's bill is looked for by beside its book."""
    bill: Bill = command.bill
    return {"day": bill.care_date, "total": bill.sum_of_lines, "bill_no": bill.bill_no}


def _books(command: Any, desk: Desk, book_id: int) -> set[int]:
    """The book of a command, and the one that the person has in the other scheme."""
    if command.else_book is None:
        return {book_id}
    refs = (command.book, command.else_book)
    ids = {desk.ids.get(ref) if isinstance(ref, bytes) else ref for ref in refs}
    return {book_id} | {one for one in ids if one is not None}


def _read(connection: Connection, asked: Asked, desk: Desk) -> Bills:
    places = _places(asked, desk)
    found: Bills = {}
    wanted = {book_id for (book_id,) in _ANY.run(connection, places)}
    for book_id, seq, *standing in _FOUND.run(connection, [place for place in places if place[0] in wanted]):
        found.setdefault(book_id, {})[seq] = StandingBill._make(standing)
    return found


def _ahead(asked: Asked, desk: Desk) -> list[Ask]:
    return [(_ANY, _places(asked, desk))]


def _places(asked: Asked, desk: Desk) -> list[tuple[Any, ...]]:
    """Where a bill may stand: book, day, total and number, each once."""
    places: dict[tuple[Any, ...], None] = {}
    for book_id, command in asked:
        day, *rest = _sought(command).values()
        for one in sorted(_books(command, desk, book_id)):
            places[one, day.isoformat(), *rest] = None
    return list(places)


def _follow(found: Bills, _desk: object, receipt: Receipt, beside: Sequence[Any]) -> None:
    """Let what stands include a bill of this very batch, or be without one that it took back; a claim stands
    that is not rejected, and stands again once that was taken back.
    """
    here = found.setdefault(receipt.book_id, {})
    if receipt.kind is Kind.REVERSAL:
        here.pop(receipt.target_seq or 0, None)
        for seq, one in here.items():
            if one.turned_down_by == receipt.target_seq:
                here[seq] = one._replace(turned_down_by=None)
    elif receipt.kind is Kind.CLAIM_DECISION and not unpack(receipt.detail)["approved"]:
        seq = about(receipt)
        if seq in here:
            here[seq] = here[seq]._replace(turned_down_by=receipt.seq)
    rows: Sequence[Any] = SETTLEMENT_ROW.among(beside) or CLAIM_ROW.among(beside)
    for row in rows:
        if row.lines is not None:
            here[receipt.seq] = StandingBill(
                row.institution_id, row.care_type, row.care_date, row.total, row.bill_no, row.lines
            )


# of one book, for a quote, which asks in full when there is any
_LOOK: Look[Bills] = Look(
    f"(SELECT s.book_id FROM settlement s WHERE {_may_be('s', 'b.book_id', ':')}"
    f" UNION ALL SELECT m.book_id FROM manual_claim m WHERE {_may_be('m', 'b.book_id', ':')}) a",
    {"a.book_id": _S.book_id},
    "a.book_id = {book}",
    begin=dict,
    given=_sought,
)


def _canonical(lines: Iterable[BillLine]) -> dict[tuple[str, str, int], tuple[int, int]]:
    """What lines come to, by item, class and share: the amount, and what of it is above the limit.

    However an item is written, it is the same; class C has no limit that counts, and only class B a share.
    One line says what several lines of its item come to, since all that is paid hangs on these sums alone,
    the share being rounded once for the bill (K2). A line of nothing says nothing.
    """
    sums: dict[tuple[str, str, int], tuple[int, int]] = {}
    for item, line_class, amount, over_limit, self_pay_ratio in lines:
        if amount == 0:
            continue
        key = normalise_code(item), line_class, self_pay_ratio if line_class == "B" else 0
        before, above = sums.get(key, (0, 0))
        sums[key] = before + amount, 0 if line_class == "C" else above + over_limit
    return sums


# the bills of this person that a bill may be the same as
ALIKE: Need[Bills] = Need("bills alike", _read, look=_LOOK, ahead=_ahead, follow=_follow)


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
            if told != sought or one.turned_down_by is not None:
                continue
            if one.bill_no and bill.bill_no and one.bill_no != bill.bill_no:
                continue
            lines = lines or _canonical(bill.lines)
            if _canonical(BillLine(*line) for line in json.loads(one.lines)) == lines:
                return True
    return False
