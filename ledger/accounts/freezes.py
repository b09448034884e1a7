"""Freezes: an authority's order that stops new spends and holds. Several may stand at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.book.state import OpenFreeze
from ledger.bounds.table import ENDS_ON, FROZEN_FROM
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Verb
from ledger.posting import TARGET, AlreadyThere, BookRef, Command, Desk, Receipt, WiderLocks
from ledger.refusals import RefusalCode, Refused
from ledger.texts import normalise_code

SCOPE_DEBIT = "debit"


@dataclass(eq=False)
class Freeze(Command):
    """Freeze debits from `first` to `last` (None: until it is ended), both days included.

    The same order sent again (authority, document, first day), under whatever key, is answered with the
    freeze that stands by it. Another first day under the document is another freeze, which prolongs it.
    """

    verb = Verb.FREEZE
    refused_with = (
        RefusalCode.ACCOUNT_CLOSED,
        # it would end before it begins, begin in more than a year, or end in more than fifty
        RefusalCode.PERIOD_INVALID,
        # the same with another last day
        RefusalCode.DUPLICATE_SOURCE_REF,
    )
    needs = frozenset({TARGET})

    book: BookRef
    authority: str
    document: str
    first: date
    last: date | None = None
    scope: str = SCOPE_DEBIT
    caller: str = ""
    actor: str = ""
    key: str | None = None
    # the freeze that stands, once it was found
    target_seq: int | None = None

    def content(self) -> str:
        return pack(
            scope=self.scope,
            authority=self.authority,
            document=self.document,
            first=str(self.first),
            last=None if self.last is None else str(self.last),
        )

    def decide(self, desk: Desk) -> None:
        book = desk.book
        desk.allow(Verb.FREEZE)
        FROZEN_FROM.admit(self.first, desk.today, "first")
        if self.last is not None:
            ENDS_ON.admit(self.last, desk.today, "last", beginning=self.first)
        facts = {
            "scope": self.scope,
            "authority": self.authority,
            "document": self.document,
            "from": self.first.isoformat(),
            "to": None if self.last is None else self.last.isoformat(),
        }
        there = self._there(desk, facts)
        if there is not None:
            raise AlreadyThere(there)
        book.roll_to(desk.today.year)
        draft = book.add(Draft(Kind.FREEZE, desk.today, detail=pack(**facts), keyed=True))
        book.open_freezes += 1
        book.freezes[draft.seq] = OpenFreeze(draft.seq, self.first, self.last, draft.detail)

    def _there(self, desk: Desk, facts: dict[str, str | None]) -> Receipt | None:
        """The entry of the freeze that stands by the same order, if any."""
        for one in desk.book.freezes.values():
            told = unpack(one.detail)
            if _order(told) != _order(facts):
                continue
            entry = desk.target(one.seq)
            if entry is None:
                # which entry it is was not known before
                self.target_seq = one.seq
                raise WiderLocks(())
            if told.get("to") != facts["to"]:
                raise Refused(RefusalCode.DUPLICATE_SOURCE_REF, at="document")
            return entry
        return None


def _order(facts: Mapping[str, str | None]) -> tuple[str | None, ...]:
    """What makes two freezes one order, however authority and document are written."""
    named = (normalise_code(facts[name] or "") for name in ("authority", "document"))
    return (facts["scope"], *named, facts["from"])


@dataclass(eq=False)
class EndFreeze(Command):
    """End one freeze."""

    verb = Verb.FREEZE_END
    refused_with = (
        RefusalCode.FREEZE_NOT_FOUND,
        RefusalCode.ACCOUNT_CLOSED,
        RefusalCode.FREEZE_ENDED,
    )
    needs = frozenset({TARGET})

    book: BookRef
    target_seq: int
    reason: str
    caller: str = ""
    actor: str = ""
    key: str | None = None

    def content(self) -> str:
        return f"{self.target_seq}|{self.reason}"

    def decide(self, desk: Desk) -> None:
        book = desk.book
        placed = desk.target(self.target_seq)
        if placed is None or placed.kind is not Kind.FREEZE:
            raise Refused(RefusalCode.FREEZE_NOT_FOUND, at="target_seq")
        desk.allow(Verb.FREEZE_END)
        if desk.acted_on(self.target_seq) is not None:
            raise Refused(RefusalCode.FREEZE_ENDED)
        book.roll_to(desk.today.year)
        book.add(
            Draft(
                Kind.FREEZE_END,
                desk.today,
                target_seq=self.target_seq,
                detail=pack(reason=self.reason),
                keyed=True,
            )
        )
        book.open_freezes -= 1
        book.freezes.pop(self.target_seq, None)
