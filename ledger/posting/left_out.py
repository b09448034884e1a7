"""The books that a long run leaves out, each with the reason: named in its batch, to be mended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from ledger.book.detail import pack, unpack
from ledger.money import in_yuan

LEFT_OUT_MAX: Final = 100
"""As many are named; all are counted (`refused` of the batch)."""
# a book that the database did not take, and no rule of ours
FAULT: Final = "internal_error"


class OneLeftOut(NamedTuple):
    """A book, the code of the refusal, and the facts of it as texts: a parameter that has no value, a day."""

    book_id: int
    code: str
    facts: dict[str, str]


@dataclass(slots=True)
class LeftOut:
    """What a run has left out so far."""

    books: list[OneLeftOut] = field(default_factory=list)
    faults: int = 0

    def add(self, book_id: int, code: str, facts: Mapping[str, object]) -> None:
        """Name a book, if there is still room for it."""
        if len(self.books) < LEFT_OUT_MAX:
            told = {name: str(fact) for name, fact in in_yuan(facts).items()}
            self.books.append(OneLeftOut(book_id, code, told))

    @property
    def detail(self) -> str | None:
        """As the batch keeps it."""
        return pack(left_out=[list(one) for one in self.books]) if self.books else None


def left_out_of(detail: str | None) -> list[OneLeftOut]:
    """What the `detail` of a run's batch says that it left out."""
    told: list[list[Any]] = unpack(detail).get("left_out", [])
    return [OneLeftOut(*one) for one in told]
