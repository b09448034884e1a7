"""What of a resident's premium is still owed: what the person pays, less what relatives paid (R19, R69)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.database.lookups import Lookup
from ledger.people.resident_premiums import resident_premium
from ledger.policy import Policy
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked

_N, _E, _T = tables.enrolment.c, tables.entry.c, tables.transfer.c
# those that stand
_ENROLLED = Lookup(
    "SELECT n.book_id, n.seq, n.subsidy_group, n.valid_from, n.valid_to FROM {given} JOIN enrolment n"
    f" ON n.book_id = given.book_id AND n.member_class = {int(MemberClass.RESIDENT)}"
    " WHERE NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = n.book_id AND x.target_seq = n.seq)"
    " ORDER BY n.book_id, n.seq",
    [_N.book_id, _N.seq, _N.subsidy_group, _N.valid_from, _N.valid_to],
    book_id="big",
)
# The detail of a premium begins with the person that it is for, so that a span of texts finds it.
_PAID = Lookup(
    "SELECT given.person_id, e.detail, t.amount_fen FROM {given} JOIN entry e"
    f" ON e.kind = {int(Kind.PREMIUM)} AND e.detail {{>=}} given.low AND e.detail {{<}} given.high"
    " JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq"
    " WHERE NOT EXISTS (SELECT 1 FROM entry x WHERE x.book_id = e.book_id AND x.target_seq = e.seq)",
    [_E.book_id, _E.detail, _T.amount_fen],
    person_id="big",
    low="text",
    high="text",
)


class ResidentEnrolment(NamedTuple):
    """How a resident is enrolled; both days inclusive, `last` None while it goes on."""

    seq: int
    group: str | None
    first: date
    last: date | None


class Premiums:
    """The enrolments of some residents by book, and by person and year what was paid of premiums, in fen."""

    __slots__ = ("enrolled", "paid")

    def __init__(self) -> None:
        self.enrolled: dict[int, list[ResidentEnrolment]] = {}
        self.paid: dict[tuple[int, int], int] = {}

    def add(self, detail: str | None, fen: int) -> None:
        told = unpack(detail)
        place = told["recipient"], told["year"]
        self.paid[place] = self.paid.get(place, 0) + fen


def _read(connection: Connection, asked: Asked, desk: Desk) -> Premiums:
    found = Premiums()
    books = {desk.ids[ref] for _, command in asked for ref in command.others if ref in desk.ids}
    for book_id, *values in _ENROLLED.run(connection, [(book_id,) for book_id in sorted(books)]):
        found.enrolled.setdefault(book_id, []).append(ResidentEnrolment(*values))
    people = {desk.persons[one.recipient].person_id for _, one in asked if one.recipient in desk.persons}
    spans = [(one, f'{{"recipient":{one},', f'{{"recipient":{one}-') for one in sorted(people)]
    for _person, detail, fen in _PAID.run(connection, spans):
        found.add(detail, fen)
    return found


def _follow(found: Premiums, desk: Desk, receipt: Receipt, _beside: object) -> None:
    """Let it include what this very batch paid or took back."""
    if receipt.kind is Kind.PREMIUM:
        found.add(receipt.detail, receipt.amount_fen)
    elif receipt.kind is Kind.REVERSAL and receipt.target_seq is not None:
        original = desk.targets.get((receipt.book_id, receipt.target_seq))
        if original is not None and original.kind is Kind.PREMIUM:
            found.add(original.detail, -original.amount_fen)


# what relatives are enrolled as, and what was paid for them
PREMIUMS: Need[Premiums] = Need("the premiums paid", _read, follow=_follow)


def own_part(policy: Policy, enrolments: Sequence[ResidentEnrolment], year: int) -> int:
    """What a resident pays for a year, in fen: by the rules and the group of its first day as a resident.

    The latest word on that day counts. Nothing for a year without such a day.
    """
    first, last = date(year, 1, 1), date(year, 12, 31)
    inside = [one for one in enrolments if one.first <= last and (one.last is None or one.last >= first)]
    if not inside:
        return 0
    day = max(first, min(one.first for one in inside))
    on_the_day = [one for one in inside if one.first <= day and (one.last is None or one.last >= day)]
    group = max(on_the_day, key=lambda one: one.seq).group
    # a group that the area has no more is helped by nobody
    return resident_premium(policy, day, group if group in policy.resident_subsidies else None).own_fen
