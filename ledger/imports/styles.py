"""As what the styles of a workbook show what its cells hold."""

from __future__ import annotations

from typing import Final, NamedTuple

from ledger.imports.number_formats import Shows, hides_number, hides_text, shown_as, shown_by_number
from ledger.imports.workbook import PackagePart, sheet_tags, too_large

STYLES_MAX: Final = 100_000
_CODE_MAX: Final = 256
_TAGS: Final = sheet_tags("cellXfs", "numFmt", "xf")


class Style(NamedTuple):
    """What a style shows of a cell."""

    shows: Shows = Shows.NUMBER
    hides_number: bool = False
    hides_text: bool = False


PLAIN: Final = Style()


class Styles(PackagePart):
    """As what the styles of cells show a number."""

    def __init__(self) -> None:
        self._codes: dict[int, str] = {}
        self._formats: list[int] = []
        self._inside = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        match _TAGS.get(tag):
            case "numFmt":
                code = attributes.get("formatCode", "")
                self._codes[int(attributes.get("numFmtId", "0"))] = code[:_CODE_MAX]
            case "cellXfs":
                self._inside = True
            case "xf" if self._inside:
                self._formats.append(int(attributes.get("numFmtId", "0")))
        if len(self._codes) > STYLES_MAX or len(self._formats) > STYLES_MAX:
            raise too_large()

    def end(self, tag: str) -> None:
        if _TAGS.get(tag) == "cellXfs":
            self._inside = False

    def shown(self) -> list[Style]:
        """By the number of the style."""
        own = {
            number: Style(shown_as(code), hides_number(code), hides_text(code))
            for number, code in self._codes.items()
        }
        return [own.get(number) or Style(shown_by_number(number)) for number in self._formats]
