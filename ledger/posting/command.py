"""What a command is to posting: where it belongs, what it needs to read, and its own pure decision."""

from __future__ import annotations

from datetime import date
from enum import Enum
from hashlib import sha256
from typing import ClassVar

from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.posting.desk import Desk
from ledger.posting.outcomes import BookRef, PersonStake


class Needs(Enum):
    """What a command may want to have read, beside the books and keys that are always read."""

    # the entry it acts on, with transfers, and what already acted on it
    TARGET = "target"
    # the net changes by value date of every year whose interest is not posted
    CHANGES = "changes"
    # how a closed account was divided, for money that comes back to it
    ESTATE = "estate"
    # of an employer's book: what it owes by month, and for the persons it names
    DEBTS = "debts"
    # every person's month that is not paid in full, and the sealed ID numbers of the accounts that are locked
    OPEN_MONTHS = "open_months"
    # the same for the one month that it is about
    OPEN_MONTH = "open_month"
    # the list that the target entry handed in
    DECLARED = "declared"
    # the enrolments of this book and of those it names
    ENROLMENTS = "enrolments"
    # of a patient's book: the counters of its years of care
    ACCUMULATORS = "accumulators"
    # the quotas given to this person, and those of every book that is locked
    QUOTAS = "quotas"
    # the settled bills from an entry on (`target_seq`), or those of a year of care (`care_year`)
    SETTLEMENTS = "settlements"
    FILINGS = "filings"
    CASES = "cases"
    # of an institution's book: what both sides agreed on for the days of `days`, and its cleared months
    AGREED = "agreed"
    # and what we have of these days
    DAYS = "days"
    # and the bills of the one day
    DAY_LINES = "day_lines"


_NOTHING: dict[str, object] = {
    "others": (),
    "persons": (),
    "candidates": (),
    "key": None,
    "source_ref": None,
    "institution": None,
    "target_seq": None,
    "effective_on": None,
    "named": (),
    "period": None,
    "stakes": (),
    "else_book": None,
    "days": None,
    "care_year": None,
}


class Command:
    """One request to change one book (and, for a few, other books with it).

    Subclasses say in `decide` what becomes of it: they add drafts to `desk.book`, or raise Refused. `decide`
    is pure: no clock, no I/O, no settings.
    """

    verb: ClassVar[Verb | str] = ""
    # the kind under which its source_ref must be new in the book
    source_kind: ClassVar[Kind | None] = None
    needs: ClassVar[frozenset[Needs]] = frozenset()
    opens: ClassVar[bool] = False
    # takes money out of the pockets: a debit valued in an old year must know what that year's pocket stood at
    debits: ClassVar[bool] = False
    # its source document is its key, whoever sends it: the same again gets the first answer
    keyed_by_source: ClassVar[bool] = False
    # it is about the book that holds its first stake, and there about an entry of this kind
    follows_stake: ClassVar[Kind | None] = None

    book: BookRef
    others: tuple[BookRef, ...]
    persons: tuple[PersonStake, ...]
    caller: str
    actor: str
    key: str | None
    source_ref: str | None
    institution: str | None
    target_seq: int | None
    effective_on: date | None
    # accounts that are looked at and neither locked nor written
    named: tuple[BookRef, ...]
    # the month (YYYYMM) that it is about
    period: int | None
    # numbers that a new book may take, when the command opens one
    candidates: tuple[int, ...]
    # digests of what is unique beyond one book: an institution's message, its bill number
    stakes: tuple[bytes, ...]
    # the book when the first is not there: a resident has no account
    else_book: BookRef | None
    # the first and the last day of an institution that it is about
    days: tuple[date, date] | None
    # the year of care that it settles
    care_year: int | None

    def __init_subclass__(cls) -> None:
        # What a command does not have, it has as nothing. Set here and not on this class, where a dataclass
        # would take it for the default of a field that its commands require.
        for name, nothing in _NOTHING.items():
            if name not in cls.__annotations__ and not hasattr(cls, name):
                setattr(cls, name, nothing)

    def content(self) -> str:
        """The canonical content: what makes two requests with one key the same request."""
        raise NotImplementedError

    def decide(self, desk: Desk) -> None:
        raise NotImplementedError

    def fingerprint(self, book_id: int) -> bytes:
        """Eight bytes over verb, resolved book and canonical content: they are stored with every entry."""
        verb = self.verb.value if isinstance(self.verb, Verb) else self.verb
        return sha256(f"{verb}|{book_id}|{self.content()}".encode()).digest()[:8]
