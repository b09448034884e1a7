"""A file of text: which line is its heading, what parts its fields, and the lines below."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import BinaryIO, Final

from ledger.imports.columns import NUMBERED
from ledger.imports.encodings import Survey, file_invalid, survey
from ledger.imports.file_lines import FileLine, split
from ledger.imports.headings import Finder, Layout
from ledger.imports.lines import TextLine, read_lines
from ledger.imports.spellings import number_text
from ledger.refusals import RefusalCode, Refused

SEPARATORS: Final = (",", ";", "\t")
# what is a separator to a person and part of a text to a program
_NO_SEPARATORS: Final = "，；|、"
# of what a blank line may consist, whatever parts its fields
BLANKS: Final = ' ,;\t\u3000\xa0"'


class TextFile:
    """A file of text."""

    hidden_rows = hidden_columns = hidden_cells = ""

    def __init__(self, file: BinaryIO, expected: str | None) -> None:
        self._file = file
        self._seen: Survey = survey(file)
        self.digest, self.size = self._seen.digest, self._seen.size
        self._separator, self.layout, self._below = self._find(Finder(expected))

    def _find(self, finder: Finder) -> tuple[str, Layout, tuple[int, int]]:
        separators: Sequence[str] = SEPARATORS
        problem = ""
        seen: list[tuple[int, str]] = []
        for line in read_lines(self._file, self._seen):
            if line.number == 1 and (said := _said_separator(line.text)):
                separators = (said,)
                continue
            if line.text is None:
                problem = (
                    problem or f"line {line.number} is too long, or holds control characters, not a heading"
                )
                break
            if not line.text.strip(BLANKS):
                continue
            seen.append((line.number, line.text))
            ways = []
            for separator in separators:
                try:
                    ways.append(split(line.text, separator))
                except Refused:
                    ways.append([])
                    problem = f"the quotes of line {line.number} do not fit"
            found = finder.look(line.number, ways)
            if found is not None:
                way, layout = found
                return separators[way], layout, (line.number, line.end)
            if finder.gives_up:
                break
        if problem:
            raise file_invalid(problem)
        if not seen:
            raise file_invalid("the file has no header: it is blank")
        for number, text in seen:
            for separator in _NO_SEPARATORS:
                if separator in text and finder.anew().look(number, [text.split(separator)]) is not None:
                    raise file_invalid(
                        f"line {number} is the header of no kind of file, as its columns are parted by"
                        f" {separator}: part them by commas"
                    )
        raise finder.nothing()

    def lines(self, after: tuple[int, int] | None = None) -> Iterator[FileLine]:
        layout, separator = self.layout, self._separator
        names, width, plainly = layout.names, layout.whole_width, layout.is_plain
        pick = itemgetter(*layout.places)
        # nothing may stand there, and little does
        empty = [*layout.unnamed, *range(layout.width, width)]
        tabs = separator != "\t"
        for line in read_lines(self._file, self._seen, after or self._below):
            number, text, terminated, end = line
            if terminated and text is not None and '"' not in text and not (tabs and "\t" in text):
                fields = text.split(separator)
                if len(fields) == width and not (empty and any(fields[place].strip() for place in empty)):
                    row = dict(zip(names, fields if plainly else pick(fields), strict=True))
                    yield FileLine(number, row, fields, end)
                    continue
            made = self._line(line)
            if made is not None:
                yield made

    def _line(self, line: TextLine) -> FileLine | None:
        """One line that needs a longer look; None for a blank one."""
        number, text, terminated, end = line
        layout = self.layout
        if text is not None and not text.strip(BLANKS):
            return None
        if text is None:
            return FileLine(number, None, (), end)
        try:
            fields = split(text, self._separator)
        except Refused:
            return FileLine(number, None, (), end)
        if len(fields) < layout.width or any(field.strip() for field in fields[layout.width :]):
            return FileLine(number, None, fields, end)
        if any(fields[place].strip() for place in layout.unnamed):
            return FileLine(number, None, fields, end)
        row = layout.pick(fields)
        faults = None
        if self._separator != "\t" and "\t" in text:
            if any("\t" in field.strip() for place, field in enumerate(fields) if place not in layout.places):
                return FileLine(number, None, fields, end)
            # at its ends a tab keeps a number a text in a spreadsheet; inside it may be there to part fields
            numbers = [name for name, column in layout.kind.by_name.items() if column.holds in NUMBERED]
            faults = {
                name: RefusalCode.SHAPE_INVALID
                for name, field in row.items()
                if "\t" in (number_text(field) if name in numbers else field.strip())
            }
        if not terminated and not _is_whole(layout, fields):
            return FileLine(number, None, fields, end)
        return FileLine(number, row, fields, end, faults or None)


def _said_separator(text: str | None) -> str:
    """The separator that a first line such as `sep=;` names for spreadsheets; empty where it names none."""
    said = "" if text is None else text.strip("\"' ")
    if said[:4].lower() != "sep=":
        return ""
    separator = said[4:] or ("\t" if text is not None and text.endswith("\t") else "")
    if text is not None and separator[:1] == "\t":
        separator = "\t"
    if len(separator) != 1 or separator.isalnum() or separator in "\"'":
        raise file_invalid("line 1 names a separator (sep=) that is not one sign")
    return separator


# A last line without a line end may have been cut. It is taken only when its last column is one of these,
# whose form is no longer met once a character is missing.
_SELF_ENDING: Final = {
    "amount": r"[0-9]+\.[0-9]{2}",
    "wage": r"[0-9]+\.[0-9]{2}",
    "period": r"[0-9]{4}-[0-9]{2}",
    "effective_on": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "opened_on": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "birth_date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "received_on": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "area": r"[0-9]{6}",
    "sex": r"[12]",
    "take_available": r"true|false",
    "id_number": r"[0-9]{17}[0-9Xx]",
}


def _is_whole(layout: Layout, fields: Sequence[str]) -> bool:
    """Whether the last field of a line without a line end can have lost nothing."""
    last = len(fields) - 1
    if last not in layout.places:
        return False
    pattern = _SELF_ENDING.get(layout.names[layout.places.index(last)])
    return pattern is not None and re.fullmatch(pattern, fields[-1].strip()) is not None
