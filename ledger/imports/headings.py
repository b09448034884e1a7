"""Which line of a file is its heading, which kind of file that makes it, and where each column stands.

Titles and blank lines may stand above it. The first line that is the whole heading of a kind is taken; when
there is none, the line that comes nearest tells what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from ledger.imports.columns import (
    EMPLOYERS_LIST,
    KINDS,
    LIST,
    FileKind,
    Holds,
    fold_heading,
)
from ledger.imports.encodings import file_invalid
from ledger.imports.set_aside import PASSED_OVER
from ledger.imports.units import unit_above, unit_of_heading
from ledger.refusals import RefusalCode, Refused
from ledger.texts import asks_for_cash

LINES_ABOVE_MAX: Final = 30
COLUMNS_MAX: Final = 256
# beside the words of every door
_CASH_HEADINGS: Final = ("现金", "银行", "提现", "收款账", "收款人", "收款卡")
# less than two words that are known may stand in any title
_KNOWN_MIN: Final = 2
NO_TEXT: Final = "\x00"
"""Where a cell of a workbook holds something that is no text."""
_TOLD_MAX: Final = 24
_looks_like_data = re.compile(r"[0-9]{15,18}[Xx]?|[A-Z][0-9]{12}[0-9A-Z]").fullmatch
_DIGITS_MAX: Final = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the columns of a file stand, from 0. `passed_over` are the headings of what is not read."""

    kind: FileKind
    names: tuple[str, ...]
    places: tuple[int, ...]
    # between the columns that have a heading; nothing may stand there
    unnamed: tuple[int, ...]
    # up to the last heading, and with the empty ones behind it
    width: int
    whole_width: int
    passed_over: tuple[str, ...] = ()

    def pick(self, fields: Sequence[str]) -> dict[str, str]:
        """The fields that are read, by column."""
        return {name: fields[place] for name, place in zip(self.names, self.places, strict=True)}

    @property
    def is_plain(self) -> bool:
        """Whether every column of the file is read, in the order of `names`."""
        return self.places == tuple(range(self.whole_width))


class Heading:
    """One line as the heading of one kind."""

    def __init__(self, kind: FileKind, headings: Sequence[str], number: int) -> None:
        self.kind = kind
        self.headings = headings
        self.number = number
        self.places: dict[str, int] = {}
        self.twice: list[tuple[str, int, int]] = []
        self.unknown: list[int] = []
        # columns of amounts that are none in yuan: where they stand, and their unit
        self.units: list[tuple[int, str]] = []
        self.passed_over: list[str] = []
        self.last = -1
        for place, heading in enumerate(self.headings):
            folded = fold_heading(heading)
            if not folded:
                continue
            self.last = place
            column = self.kind.by_heading.get(folded)
            if column is None and folded in PASSED_OVER:
                self.passed_over.append(_told(heading) or str(place + 1))
            elif column is None:
                self.unknown.append(place)
            elif column in self.places:
                self.twice.append((column, self.places[column], place))
            else:
                self.places[column] = place
                unit = unit_of_heading(heading) if kind.by_name[column].holds is Holds.AMOUNT else ""
                if unit:
                    self.units.append((place, unit))

    @property
    def known(self) -> int:
        return len(self.places)

    @property
    def missing(self) -> list[str]:
        return [name for name in self.kind.required if name not in self.places]

    @property
    def is_whole(self) -> bool:
        return self.known >= _KNOWN_MIN and not (self.missing or self.unknown or self.twice or self.units)

    def layout(self) -> Layout:
        named = sorted(self.places.items(), key=itemgetter(1))
        width = self.last + 1
        empty = (place for place in range(width) if not fold_heading(self.headings[place]))
        return Layout(
            self.kind,
            tuple(name for name, _ in named),
            tuple(place for _, place in named),
            tuple(empty),
            width,
            len(self.headings),
            tuple(self.passed_over),
        )

    def problem(self) -> Refused:
        """What is wrong with it as a whole. A heading is told only where it is none of a person's data."""
        if asks_for_money_out(self.headings):
            return Refused(
                RefusalCode.CASH_FORBIDDEN, problem="a column would lead account money out as cash"
            )
        what, line = what_it_is(self.kind), f"line {self.number}"
        if self.twice:
            name, first, second = self.twice[0]
            return file_invalid(
                f"column {name} stands there twice ({line}: columns {first + 1} and {second + 1})"
            )
        if self.unknown and self.headings[self.unknown[0]] == NO_TEXT:
            return file_invalid(f"the heading of column {self.unknown[0] + 1} is no text ({line})")
        if self.unknown:
            told = _told(self.headings[self.unknown[0]])
            named = f" ({told})" if told else ""
            return file_invalid(
                f"column {self.unknown[0] + 1}{named} of {line} is not known in {what}: take it out, or call"
                f" it one of {', '.join(self.kind.by_name)}"
            )
        if self.units:
            place, unit = self.units[0]
            return not_in_yuan(f"those of column {place + 1} ({line})", unit)
        name = self.missing[0]
        words = ", ".join((name, *self.kind.by_name[name].words[:3]))
        return file_invalid(f"column {name} is missing in {what} ({line} has none of {words})")


def what_it_is(kind: FileKind) -> str:
    return "an employer's list" if kind.name == LIST else f"a file of {kind.name}"


def not_in_yuan(what: str, unit: str) -> Refused:
    return file_invalid(f"amounts are in yuan and {what} in {unit}: write them in yuan (元)")


def _told(heading: str) -> str:
    """A heading as it may be told: nothing for what is long, or holds digits and may be somebody's number.

    Digits of any script count, and wherever they stand: a number may be parted.
    """
    text = " ".join(heading.split())
    digits = sum(map(str.isdigit, text))
    good = text.isprintable() and len(text) <= _TOLD_MAX and digits <= _DIGITS_MAX
    return text if good else ""


def asks_for_money_out(headings: Iterable[str]) -> bool:
    """Whether a column would lead account money out: for cash, or to a bank (R21)."""
    names = ["".join(heading.split()) for heading in headings]
    return any(asks_for_cash(name) or any(word in name for word in _CASH_HEADINGS) for name in names)


class Finder:
    """Looks for the heading among the first lines of a file, each split in one way or another."""

    def __init__(self, expected: str | None) -> None:
        self._kinds = kinds_of(expected)
        self._expected = expected
        self._nearest: list[Heading] = []
        self._above = 0
        self._data_above: int | None = None
        self._unit_above: tuple[str, int] | None = None

    def anew(self) -> Finder:
        """One that looks for the same and has seen nothing."""
        return Finder(self._expected)

    @property
    def gives_up(self) -> bool:
        return self._above >= LINES_ABOVE_MAX

    def look(self, number: int, ways: Iterable[Sequence[str]]) -> tuple[int, Layout] | None:
        """The way of splitting a line that makes it the heading, and what it says; None where it is none.

        Refused (file_invalid) where it may be that of two kinds.
        """
        self._above += 1
        tried = [
            (way, Heading(kind, headings, number))
            for way, headings in enumerate(ways)
            if len(headings) <= COLUMNS_MAX
            for kind in self._kinds
        ]
        whole = [(way, heading) for way, heading in tried if heading.is_whole]
        if whole:
            way, heading = self._one(whole)
            if self._unit_above is not None and any(name in heading.places for name in heading.kind.amounts):
                unit, above = self._unit_above
                raise not_in_yuan(f"line {above} says that these are", unit)
            if self._data_above is not None:
                raise file_invalid(
                    f"line {self._data_above} stands above the heading (line {number}) and looks like a line"
                    " of the list"
                )
            return way, heading.layout()
        unit = next(filter(None, (unit_above(heading.headings) for _way, heading in tried)), "")
        if unit:
            self._unit_above = self._unit_above or (unit, number)
        self._nearest += [heading for _way, heading in tried if heading.known]
        if any(
            _looks_like_data(field.strip())
            for field in max((h.headings for _, h in tried), key=len, default=())
        ):
            self._data_above = self._data_above or number
        return None

    def _one(self, whole: list[tuple[int, Heading]]) -> tuple[int, Heading]:
        most = max(heading.known for _, heading in whole)
        best = [(way, heading) for way, heading in whole if heading.known == most]
        names = {heading.kind.name for _, heading in best}
        best = [
            (way, heading)
            for way, heading in best
            if not any(heading.kind.name in KINDS[name].says_more_than for name in names if name in KINDS)
        ]
        if len({heading.kind.name for _, heading in best}) > 1:
            raise file_invalid(
                f"the heading (line {best[0][1].number}) fits {' and '.join(sorted(names))}: say which it is"
            )
        return best[0]

    def nothing(self) -> Refused:
        """Why no heading was found."""
        most = max((heading.known for heading in self._nearest), default=0)
        best = [heading for heading in self._nearest if heading.known == most]
        # one line may be the same however it is split
        best = list(
            {heading.kind.name: heading for heading in best if heading.number == best[0].number}.values()
        )
        if len(best) == 1 and (most >= _KNOWN_MIN or self._expected is not None):
            return best[0].problem()
        if any(asks_for_money_out(heading.headings) for heading in best):
            return best[0].problem()
        known = "; ".join(f"{kind.name}: {','.join(kind.required)}" for kind in self._kinds)
        return file_invalid(
            f"none of the first {self._above} lines is a heading: the file has no header of a kind that is"
            f" known, or that of no kind of file ({known})"
        )


def kinds_of(expected: str | None) -> tuple[FileKind, ...]:
    """The kinds that a file may be of."""
    if expected is None:
        return tuple(KINDS.values())
    return (EMPLOYERS_LIST,) if expected == LIST else (KINDS[expected],)
