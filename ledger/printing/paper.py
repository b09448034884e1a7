"""The paper of a document: what stands on one page, the page that is being filled, how close things stand.

Pure; in points from top left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from ledger.printing.fonts import EM
from ledger.printing.wrapping import wrapped

A4: Final = (595.28, 841.89)
SIDE: Final = 45.0
TOP: Final = 44.0
_FOOT: Final = 52.0
# where a page that is not the first begins, below what says of which document it is
_BELOW_NAME: Final = TOP + 2


@dataclass(frozen=True, slots=True)
class Spacing:
    """How close things stand, in points; `leading` is in sizes of the text."""

    fact: float
    # above a table, and between its title and its headings
    table: float
    title: float
    # of a row, beside its lines
    row: float
    leading: float
    # above the sums, above the notes, above the seal
    gap: float
    # sums that are not certified stand beside each other
    sums_beside: int


SPACINGS: Final = (
    Spacing(fact=15.0, table=8.0, title=16.0, row=5.0, leading=1.5, gap=8.0, sums_beside=1),
    Spacing(fact=14.0, table=6.0, title=15.0, row=3.5, leading=1.4, gap=6.0, sums_beside=2),
    Spacing(fact=12.5, table=4.0, title=14.0, row=2.0, leading=1.25, gap=4.0, sums_beside=3),
)
"""From wide to close: the first that saves a page is taken."""


@dataclass(slots=True)
class Page:
    """What stands on one page, as the drawing takes it."""

    # x, y, width, align, size, bold, grey, text
    texts: list[tuple[float, float, float, str, float, bool, bool, str]] = field(default_factory=list)
    # y, table, size, bold, cells
    runs: list[tuple[float, int, float, bool, tuple[str, ...]]] = field(default_factory=list)
    # x, y, x, y
    rules: list[tuple[float, float, float, float]] = field(default_factory=list)
    # x, y, width, height
    fills: list[tuple[float, float, float, float]] = field(default_factory=list)
    qr: tuple[float, float, float] | None = None
    seal: tuple[float, float, float, float] | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "texts": self.texts,
            "runs": self.runs,
            "rules": self.rules,
            "fills": self.fills,
            "qr": self.qr,
            "seal": self.seal,
        }


class Flow:
    """The page that is being filled, and how far down."""

    def __init__(self, width: float, height: float, title: str, spacing: Spacing) -> None:
        self.width, self.height, self.title, self.spacing = width, height, title, spacing
        self.room = width - 2 * SIDE
        self.bottom = height - _FOOT
        self.pages = [Page()]
        # for each table, x, width and align of its columns
        self.tables: list[list[tuple[float, float, str]]] = []
        self.y = TOP

    @property
    def page(self) -> Page:
        return self.pages[-1]

    @property
    def whole(self) -> float:
        """How much stands on a page that is not the first."""
        return self.bottom - _BELOW_NAME

    def turn(self) -> None:
        """Go on at the top of a new page, which says of which document it is one."""
        self.pages.append(Page())
        name = self.lines(self.title, 8.0, self.room)[0]
        self.page.texts.append((SIDE, 26.0, self.room, "l", 8.0, False, True, name))
        self.page.rules.append((SIDE, 38.0, self.width - SIDE, 38.0))
        self.y = _BELOW_NAME

    def has(self, height: float) -> bool:
        """Whether so much is left on the page."""
        return self.y + height <= self.bottom

    def need(self, height: float) -> None:
        """Turn the page where so much is not left on it."""
        if not self.has(height) and self.y > _BELOW_NAME:
            self.turn()

    def lines(self, text: str, size: float, room: float) -> tuple[str, ...]:
        """A text in lines of at most `room` points."""
        return wrapped(text, int(room / size * EM))
