"""What stands below the last table: sums, sentences, notes, and the place for the seal beside them. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.printing import words
from ledger.printing.fonts import EM, visible, width_of
from ledger.printing.paper import SIDE, Flow
from ledger.printing.sheet import PrintedSheet

# a seal is round and up to 42 mm wide, and is put across the edge of its field
_SEAL: Final = (128.0, 72.0)
_APART: Final = 14.0
_ABOVE: Final = 10.0
_SUM: Final = 10.0
_NOTE: Final = 8.5


class _Row(NamedTuple):
    """A line: what is above it and how high it is, its texts by x, width, size and whether they are bold."""

    gap: float
    pitch: float
    texts: tuple[tuple[float, float, float, bool, str], ...]


class Ending:
    """All of it in lines before a page is chosen, so that what stands above can keep a place for it."""

    def __init__(self, flow: Flow, sheet: PrintedSheet) -> None:
        self._flow, self._gap = flow, flow.spacing.gap
        self._rows: list[_Row] = []
        self._day = words.told_issued_day(sheet)
        self._sums(sheet)
        for place, sentence in enumerate(sheet.words):
            self._add(4.0 if sheet.sums and not place else 0.0, _SUM, visible(sentence), flow.room)
        # from here on beside the seal
        self._notes_from = len(self._rows)
        beside = flow.room - _SEAL[0] - _APART
        if sheet.notes:
            self._add(self._gap, _NOTE, f"{words.NOTES}：", beside, bold=True)
        for number, note in enumerate(sheet.notes, 1):
            self._add(0.0, _NOTE, visible(f"{number}. {note}"), beside)
        self._seal_from = self._beside_seal()
        self.height = self._high(0, self._seal_from) + self._ends_high()

    def draw(self, flow: Flow) -> None:
        """On the page, and on more where it has no place on one; the seal with the last notes."""
        heading = self._notes_from
        for place, row in enumerate(self._rows[: self._seal_from]):
            # what is called notes does not end a page
            more = self._rows[place + 1].pitch if place == heading and place + 1 < len(self._rows) else 0.0
            flow.need(row.gap + row.pitch + more)
            _put(flow, row)
        ends = self._rows[self._seal_from :]
        flow.need(self._ends_high())
        top = flow.y + (ends[0].gap if ends else self._gap)
        for row in ends:
            _put(flow, row)
        wide, high = _SEAL
        x = round(flow.width - SIDE - wide, 2)
        flow.page.seal = (x, top, wide, high)
        flow.page.texts.append((x, top + 5, wide, "c", 8.0, False, True, words.SEAL))
        flow.page.texts.append((x, top + high - 15, wide, "c", 9.0, False, False, self._day))
        flow.y = max(flow.y, top + high)

    def _sums(self, sheet: PrintedSheet) -> None:
        """A line each; where things stand close, short ones that are not certified beside each other."""
        beside = self._flow.spacing.sums_beside
        wide = self._flow.room / beside
        run: list[str] = []
        for one in sheet.sums:
            text = visible(words.told_sum(one))
            short = not one.certified and width_of(text) * _SUM / EM <= wide - 8
            if run and (not short or len(run) == beside):
                self._put_beside(run, wide)
                run = []
            if short:
                run.append(text)
            else:
                self._add(0.0, _SUM, text, self._flow.room, bold=one.certified)
        if run:
            self._put_beside(run, wide)

    def _put_beside(self, run: list[str], wide: float) -> None:
        texts = tuple((SIDE + place * wide, wide, _SUM, False, text) for place, text in enumerate(run))
        self._line(0.0, _SUM, texts)

    def _add(self, gap: float, size: float, text: str, room: float, *, bold: bool = False) -> None:
        for place, line in enumerate(self._flow.lines(text, size, room)):
            self._line(0.0 if place else gap, size, ((SIDE, room, size, bold, line),))

    def _line(
        self, gap: float, size: float, texts: tuple[tuple[float, float, float, bool, str], ...]
    ) -> None:
        pitch = round(size * self._flow.spacing.leading, 2)
        self._rows.append(_Row(gap if self._rows else _ABOVE, pitch, texts))

    def _beside_seal(self) -> int:
        """The first of the last notes that are as high as the seal, or of all notes."""
        first = len(self._rows)
        while first > self._notes_from and self._high(first, len(self._rows)) < _SEAL[1]:
            first -= 1
        # the heading of the notes stays with them
        return self._notes_from if first == self._notes_from + 1 else first

    def _high(self, first: int, end: int) -> float:
        return sum(row.gap + row.pitch for row in self._rows[first:end])

    def _ends_high(self) -> float:
        """How high the field of the seal and the notes beside it are."""
        ends = self._rows[self._seal_from :]
        return max(
            self._high(self._seal_from, len(self._rows)), (ends[0].gap if ends else self._gap) + _SEAL[1]
        )


def _put(flow: Flow, row: _Row) -> None:
    flow.y = round(flow.y + row.gap, 2)
    for x, wide, size, bold, text in row.texts:
        flow.page.texts.append((round(x, 2), flow.y, wide, "l", size, bold, False, text))
    flow.y = round(flow.y + row.pitch, 2)
