"""What is said of an institution from a day on: its name, kind, level and area (R18, K9).

The register itself keeps the first state. A bill goes by the state on the day of its care, so what bills go
by is not changed into days that both sides have agreed on; the name is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter
from typing import Any, Final

from ledger.book.beside import rows_digest
from ledger.book.detail import pack
from ledger.book.draft import Draft
from ledger.book.state import Book
from ledger.bounds.care import CHANGED_FROM
from ledger.chart.care import ClearingState
from ledger.chart.kinds import Kind
from ledger.institutions.agreed import AGREED, AGREED_DAYS, CLEARINGS
from ledger.institutions.areas import check_area
from ledger.institutions.books import institution_book
from ledger.institutions.registry import NOT_OFFERED
from ledger.institutions.rows import InstitutionChangeRow
from ledger.months import month_bounds
from ledger.posting import TARGET, AlreadyThere, Change, Command, Desk, Institution, WiderLocks
from ledger.refusals import RefusalCode, Refused

# what can be said, in the order in which it is told; all but the name is what bills go by
SAID: Final = ("name", "kind", "level", "area")
_OF_BILLS: Final = SAID[1:]


@dataclass(eq=False)
class ChangeInstitution(Command):
    """Record what an institution is called, or is, from a day on. What is None stays as it was.

    The latest day counts, however late it is recorded, and of one day what was recorded last. The same for
    the same day, sent again under whatever key, is answered with the first.
    """

    verb = "change_institution"
    refused_with = (
        # nothing is said, or a kind that does not give the care of its contracts
        RefusalCode.SHAPE_INVALID,
        RefusalCode.INSTITUTION_UNKNOWN,
        RefusalCode.PERIOD_INVALID,
        # what bills go by, on days that were compared or cleared
        RefusalCode.PERIOD_CLOSED,
    )
    needs = frozenset({TARGET, AGREED})
    opens = True

    book: int
    institution: str
    # the area in which its book is opened
    first_area: int
    valid_from: date
    document: str
    name: str | None = None
    kind: str | None = None
    level: int | None = None
    area: int | None = None
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # the entry that says the same, once it was found
    target_seq: int | None = None

    @property
    def days(self) -> tuple[date, date]:
        """The days that must not be agreed on yet."""
        return self.valid_from, date.max

    def content(self) -> str:
        said = "|".join(str(getattr(self, name) or "") for name in SAID[1:])
        return f"{self.valid_from}|{said}|{self.document}|{self.name or ''}"

    def decide(self, desk: Desk) -> None:
        row = InstitutionChangeRow(self.valid_from, self.name, self.kind, self.level, self.area)
        said = [name for name in SAID if getattr(row, name) is not None]
        if not said:
            raise Refused(RefusalCode.SHAPE_INVALID)
        if self.area is not None:
            check_area(self.area, desk.policies)
        CHANGED_FROM.admit(self.valid_from, desk.today, "valid_from")
        institution = desk.institutions.get(self.institution)
        if institution is None:
            raise Refused(RefusalCode.INSTITUTION_UNKNOWN, at="institution")
        self._look_for_same(desk, institution, said)
        _check_care(institution, row)
        changed = [name for name in _OF_BILLS if name in said and _makes_other(institution, row, name)]
        if changed and desk.book is not None:
            check_open(desk.book, self.valid_from, changed[0])
        institution_book(desk, self.book, self.institution, self.first_area)
        facts = {name: getattr(row, name) for name in said}
        record(desk, institution, Kind.INSTITUTION_CHANGE, row, document=self.document, **facts)

    def _look_for_same(self, desk: Desk, institution: Institution, said: list[str]) -> None:
        """Raise AlreadyThere when the last word for just that day says the same of all that is said."""
        last = {
            name: change
            for change in institution.changes
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
        entry = desk.target(self.target_seq) if desk.book is not None else None
        if entry is None:
            # which entry it is was not known before
            raise WiderLocks(())
        raise AlreadyThere(entry)


def record(
    desk: Desk, institution: Institution, told_as: Kind, row: InstitutionChangeRow, **facts: Any
) -> None:
    """Add the entry that says so, and let whoever comes after it in the same batch know."""
    detail = pack(**{"from": row.valid_from.isoformat()}, **facts, rows=rows_digest((row,)))
    draft = desk.book.add(Draft(told_as, desk.today, keyed=True, beside=(row,), detail=detail))
    change = Change(seq=draft.seq, **row._asdict())
    desk.institutions[institution.code] = institution._replace(
        changes=tuple(sorted((*institution.changes, change), key=attrgetter("valid_from", "seq")))
    )


def check_open(book: Book, day: date, at: str) -> None:
    """Raise Refused(period_closed) when a day from this one on is agreed on, or its month is cleared."""
    agreed = [one for one, known in book.of(AGREED_DAYS).rows.items() if known.balanced]
    cleared = [
        month_bounds(period)[1]
        for period, known in book.of(CLEARINGS).rows.items()
        if known.state is not ClearingState.ENDED
    ]
    last = max((*agreed, *cleared), default=None)
    if last is not None and last >= day:
        raise Refused(RefusalCode.PERIOD_CLOSED, at=at, earliest=last + timedelta(days=1))


def _makes_other(institution: Institution, row: InstitutionChangeRow, name: str) -> bool:
    """Whether it is something else on some day from that one on, until the next word about it."""
    return bool(getattr(institution.as_of(row.valid_from), name) != getattr(row, name))


def _check_care(institution: Institution, row: InstitutionChangeRow) -> None:
    """Raise Refused(shape_invalid) for a kind that does not give what a contract of these days is about."""
    not_offered = NOT_OFFERED.get(row.kind or "", frozenset())
    for _first, last, services in institution.contracts:
        if (last is None or last >= row.valid_from) and (wrong := not_offered & services):
            raise Refused(RefusalCode.SHAPE_INVALID, at="kind", services=sorted(wrong))
