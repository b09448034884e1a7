"""What is said of an employer from a day on: name and area (R5, K9). The register keeps the first state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Text, cast, func, select

from ledger import tables
from ledger.book.beside import RowKind, rows_digest
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.bounds.care import CHANGED_FROM
from ledger.chart.kinds import Kind
from ledger.chart.rows import RowLetter
from ledger.contributions.month import employer_book
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk, Look, Need, Receipt, WiderLocks
from ledger.refusals import RefusalCode, Refused

# what can be said, in the order in which it is told
SAID: Final = ("name", "area")
_BY_DAY: Final = attrgetter("valid_from", "seq")


class EmployerChangeRow(NamedTuple):
    """What is said of an employer from a day on; None is what stays as it was."""

    valid_from: date
    name: str | None = None
    area: int | None = None
    # the book of the employer that it was merged into
    successor: int | None = None


class EmployerChange(NamedTuple):
    """The same, by the entry that says it."""

    valid_from: date
    seq: int
    name: str | None = None
    area: int | None = None
    successor: int | None = None


EMPLOYER_CHANGE_ROW = RowKind("employer_change", RowLetter.EMPLOYER_CHANGE, EmployerChangeRow)

# by book, in the order of the days
_Changes = dict[int, list[EmployerChange]]
_G, _M = tables.employer_change.c, tables.employer.c


def _keep(found: _Changes, _desk: object, book_id: int, values: Sequence[Any]) -> None:
    found.setdefault(book_id, []).append(EmployerChange._make(values))


_LOOK: Look[_Changes] = Look(
    "employer_change g",
    {f"g.{name}": _G[name] for name in EmployerChange._fields},
    "g.book_id = {book}",
    begin=dict,
    keep=_keep,
    order="g.valid_from, g.seq",
)


def _follow(found: _Changes, _desk: Desk, receipt: Receipt, beside: Sequence[Any]) -> None:
    for row in EMPLOYER_CHANGE_ROW.among(beside):
        there = found.setdefault(receipt.book_id, [])
        there.append(EmployerChange(seq=receipt.seq, **row._asdict()))
        there.sort(key=_BY_DAY)


# of an employer's book: what was said of it since it was registered
EMPLOYER_CHANGES: Need[_Changes] = Need("what was said of the employer", look=_LOOK, follow=_follow)


@dataclass(eq=False)
class ChangeEmployer(Command):
    """Record what an employer is called, or where it is, from a day on. What is None stays as it was.

    The latest day counts, however late it is recorded, and of one day what was recorded last. The same for
    the same day, sent again under whatever key, is answered with the first.
    """

    verb = "change_employer"
    refused_with = (
        # nothing is said
        RefusalCode.SHAPE_INVALID,
        RefusalCode.EMPLOYER_NOT_FOUND,
        RefusalCode.PERIOD_INVALID,
    )
    needs = frozenset({TARGET, EMPLOYER_CHANGES})

    book: BookRef
    valid_from: date
    document: str
    name: str | None = None
    area: int | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # the entry that says the same, once it was found
    target_seq: int | None = None

    def content(self) -> str:
        return f"{self.valid_from}|{self.area or ''}|{self.document}|{self.name or ''}"

    def decide(self, desk: Desk) -> None:
        row = EmployerChangeRow(self.valid_from, self.name, self.area)
        said = [name for name in SAID if getattr(row, name) is not None]
        if not said:
            raise Refused(RefusalCode.SHAPE_INVALID)
        book = employer_book(desk)
        if self.area is not None:
            desk.policy(self.area)
        CHANGED_FROM.admit(self.valid_from, desk.today, "valid_from")
        self._look_for_same(desk, said)
        facts = {name: getattr(row, name) for name in said}
        detail = pack(
            **{"from": self.valid_from.isoformat()}, document=self.document, **facts, rows=rows_digest((row,))
        )
        book.add(Draft(Kind.EMPLOYER_CHANGE, desk.today, keyed=True, beside=(row,), detail=detail))

    def _look_for_same(self, desk: Desk, said: list[str]) -> None:
        """Raise AlreadyThere when the last word for just that day says the same of all that is said."""
        last = {
            name: change
            for change in desk.of(EMPLOYER_CHANGES).get(desk.book.book_id, ())
            if change.valid_from == self.valid_from
            for name in said
            if getattr(change, name) is not None
        }
        seqs = {change.seq for change in last.values()}
        same = len(last) == len(said) and all(
            getattr(change, name) == getattr(self, name) for name, change in last.items()
        )
        if not same or len(seqs) > 1:
            return
        self.target_seq = seqs.pop()
        entry = desk.target(self.target_seq)
        if entry is None:
            # which entry it is was not known before
            raise WiderLocks(())
        raise AlreadyThere(entry)


# -- reading -------------------------------------------------------------------------------------------------


def changes_of_employer(connection: Connection, book_id: int) -> list[EmployerChange]:
    """What was said of an employer, in the order of the days."""
    found: _Changes = {}
    for book, *values in _LOOK.rows(connection, [book_id]):
        _keep(found, None, book, values)
    return found.get(book_id, [])


def employer_name_on(day: date) -> ColumnElement[str]:
    """The name of an employer on a day, for statements that read its row."""
    return func.coalesce(_newest("name", _G.valid_from <= day), _M.name).label("name")


def employer_name_in(period: ColumnElement[int]) -> ColumnElement[str]:
    """The name of an employer on the first day of a month (YYYYMM) that the statement reads."""
    # a day as its digits, alike on every database
    said_by = func.replace(cast(_G.valid_from, Text), "-", "") <= cast(period, Text) + "01"
    return func.coalesce(_newest("name", said_by), _M.name).label("name")


def employer_area_on(day: date) -> ColumnElement[int]:
    """The area of an employer on a day, for statements that read its row."""
    return func.coalesce(_newest("area", _G.valid_from <= day), _M.area).label("area")


def _newest(name: str, said_by: ColumnElement[bool]) -> Any:
    return (
        select(_G[name])
        .where(_G.book_id == _M.book_id, _G[name].is_not(None), said_by)
        .order_by(_G.valid_from.desc(), _G.seq.desc())
        .limit(1)
        .correlate_except(tables.employer_change)
        .scalar_subquery()
    )
