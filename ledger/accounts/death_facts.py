"""What was recorded about the death of a person: the report, corrections of its day, what they did (R53)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.database.lookups import Lookup
from ledger.posting import Desk, Need, Receipt
from ledger.posting.needs import Asked, own_books
from ledger.posting.reads import ENTRY_FIELDS, ENTRY_RETURNS, receipts

OF_DEATH = (Kind.DEATH, Kind.DEATH_CORRECTION, Kind.DEATH_WITHDRAWAL)
_FACTS = Lookup(
    f"SELECT {ENTRY_FIELDS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id"
    f" AND e.kind IN ({', '.join(str(int(kind)) for kind in OF_DEATH)}) ORDER BY e.book_id, e.seq",
    ENTRY_RETURNS,
    book_id="big",
)


class DeathFacts(NamedTuple):
    """The report of a death that stands, and the corrections of it, in order."""

    entries: tuple[Receipt, ...]

    @property
    def latest(self) -> Receipt:
        """The fact that a correction or a withdrawal acts on."""
        return self.entries[-1]

    @property
    def reported(self) -> Receipt:
        return self.entries[0]

    @property
    def died_on(self) -> date:
        return date.fromisoformat(unpack(self.latest.detail)["died_on"])

    @property
    def former_stage(self) -> int:
        """The stage of life that the report ended."""
        stage: int = unpack(self.reported.detail).get("stage", int(Stage.ACTIVE))
        return stage

    @property
    def last_seq(self) -> int:
        """The last entry of the book that the last of the facts wrote."""
        seq: int = unpack(self.latest.detail).get("last", 0)
        return seq

    @property
    def aid(self) -> list[tuple[int, int]]:
        """The ends of quotas that relatives had given, by book and number."""
        return [(book_id, seq) for book_id, seq in unpack(self.reported.detail).get("aid", [])]

    @property
    def months(self) -> list[list[Any]]:
        """What employers' months gave back, as whoever keeps them noted it, but for what came again."""
        found: dict[tuple[int, int], list[Any]] = {}
        for entry in self.entries:
            told = unpack(entry.detail)
            for month in told.get("months", []):
                found[month[0], month[1]] = month
            for employer_id, seq in told.get("months_again", []):
                del found[employer_id, seq]
        return list(found.values())


def facts_of(entries: Iterable[Receipt]) -> DeathFacts | None:
    """The facts of a death that stands, of all that was recorded of one person; None while none stands."""
    standing: list[Receipt] = []
    for entry in entries:
        if entry.kind is Kind.DEATH_WITHDRAWAL:
            standing = []
        else:
            standing.append(entry)
    return DeathFacts(tuple(standing)) if standing else None


def read_facts(connection: Connection, books: Iterable[int]) -> dict[int, list[Receipt]]:
    """All that was recorded of the deaths of some persons, by book."""
    found: dict[int, list[Receipt]] = {}
    for receipt in receipts(connection, _FACTS.run(connection, [(book_id,) for book_id in books])):
        found.setdefault(receipt.book_id, []).append(receipt)
    return found


def _read(connection: Connection, asked: Asked, desk: Desk) -> dict[int, list[Receipt]]:
    return read_facts(connection, own_books(asked, desk))


def _follow(found: dict[int, list[Receipt]], _desk: Desk, receipt: Receipt, _beside: object) -> None:
    if receipt.kind in OF_DEATH:
        found.setdefault(receipt.book_id, []).append(receipt)


# all that was recorded of the death; what else is read may depend on it
DEATH_FACTS: Need[dict[int, list[Receipt]]] = Need("facts of a death", _read, follow=_follow, first=True)


def standing(desk: Desk, book_id: int) -> DeathFacts | None:
    """The facts of a death that stands; the command needs DEATH_FACTS."""
    return facts_of(desk.of(DEATH_FACTS).get(book_id, ()))
