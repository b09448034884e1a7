"""The outside of a workbook (XLSX): a ZIP file of XML parts, held to limits before and while it is read."""

from __future__ import annotations

import posixpath
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from ledger.imports.encodings import file_invalid
from ledger.refusals import Refused

_MIB: Final = 1024 * 1024
FILE_BYTES_MAX: Final = 64 * _MIB
# unpacked; zipfile gives no more than a part says of itself
SHEET_BYTES_MAX: Final = 128 * _MIB
STRINGS_BYTES_MAX: Final = 64 * _MIB
PART_BYTES_MAX: Final = 16 * _MIB
PARTS_MAX: Final = 10_000
SHEETS_MAX: Final = 50

_BLOCK_BYTES: Final = 64 * 1024
# of one tag or comment, which expat reads from its beginning each time until it is whole
_TAG_BYTES_MAX: Final = _MIB
_NAMES_MAX: Final = 10_000
_DEPTH_MAX: Final = 100
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENTRY: Final = b"PK\x01\x02"

# the two names that the space of sheets goes by
_SHEET_SPACES: Final = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)


def sheet_tags(*tags: str) -> dict[str, str]:
    """The plain name of each tag, by the name that `PackagePart.start` gets."""
    return {f"{space} {tag}": tag for space in _SHEET_SPACES for tag in tags}


_SHEET: Final = sheet_tags("sheet")
_PROPERTIES: Final = sheet_tags("workbookPr")
_RELATIONS: Final = "_rels/.rels"


def too_large() -> Refused:
    return file_invalid("the workbook is too large")


def damaged() -> Refused:
    return file_invalid("the file is not an XLSX workbook, or it is damaged")


def _no_workbook(names: list[str]) -> Refused:
    """What a ZIP file is that is no workbook."""
    if "content.xml" in names:
        return file_invalid("the file is an OpenDocument and not an XLSX workbook; save it as XLSX")
    return file_invalid("the file is a ZIP file and not an XLSX workbook: unpack it first")


class PackagePart:
    """Takes what one part of a workbook says, as it comes. A subclass says what matters to it."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """A tag begins; its name has the space before it."""

    def end(self, tag: str) -> None:
        """A tag ends."""

    def text(self, text: str) -> None:
        """Text between two tags, or a piece of it."""


@contextmanager
def _judged() -> Iterator[None]:
    """Say of a file that breaks the rules of ZIP or XML that it does, and nothing of what is in it."""
    try:
        yield
    except (BadZipFile, zlib.error, expat.ExpatError, EOFError, NotImplementedError, ValueError):
        raise damaged() from None


class Package:
    """The ZIP file around a workbook. Nothing is unpacked to disk, and no part is held whole."""

    def __init__(self, file: BinaryIO) -> None:
        self._check_outside(file)
        # what all sheets together may come to
        self._left = SHEET_BYTES_MAX
        with _judged():
            self._zip = ZipFile(file)
        names = self._zip.namelist()
        if _RELATIONS not in names:
            raise _no_workbook(names)

    @staticmethod
    def _check_outside(file: BinaryIO) -> None:
        """Judge the bytes before anything is built from them; the list of parts alone may fill the memory."""
        file.seek(0)
        size = parts = 0
        last = b""
        while block := file.read(_MIB):
            if size == 0 and block.startswith(_OLE):
                raise file_invalid("the file is locked with a password or an old XLS; save it as plain XLSX")
            size += len(block)
            parts += (last + block).count(_ENTRY)
            last = block[1 - len(_ENTRY) :]
            if size > FILE_BYTES_MAX or parts > PARTS_MAX:
                raise too_large()
        if size == 0:
            raise file_invalid("the file is empty")
        file.seek(0)

    def places(self) -> tuple[list[str], str | None, str | None, bool]:
        """Where the visible sheets, the shared texts and the styles are, and whether days count from 1904."""
        workbooks = [place for kind, place in self._relations("").values() if kind == "officeDocument"]
        if not workbooks:
            raise damaged()
        if workbooks[0].endswith(".bin"):
            raise file_invalid("the file is an XLSB workbook; save it as XLSX")
        relations = self._relations(workbooks[0])
        sheets = _Sheets()
        self.take(workbooks[0], PART_BYTES_MAX, sheets)
        visible = [
            place
            for name in sheets.visible
            for kind, place in [relations.get(name, ("", ""))]
            if kind == "worksheet"
        ]
        if not visible:
            raise file_invalid("the workbook has no sheet that can be seen")
        if len(visible) > SHEETS_MAX:
            raise file_invalid(f"the workbook has more than {SHEETS_MAX} sheets")
        others = {kind: place for kind, place in relations.values() if kind != "worksheet"}
        return visible, others.get("sharedStrings"), others.get("styles"), sheets.since_1904

    def _relations(self, place: str) -> dict[str, tuple[str, str]]:
        folder, name = posixpath.split(place)
        relations = _Relations(folder)
        self.take(posixpath.join(folder, "_rels", f"{name}.rels"), PART_BYTES_MAX, relations)
        return relations.found

    def take(self, place: str, bytes_max: int, part: PackagePart) -> None:
        for _ in self.blocks(place, bytes_max, part):
            pass

    def blocks(
        self, place: str, bytes_max: int, part: PackagePart, *, counted: bool = False
    ) -> Iterator[None]:
        """Read a part of the workbook; comes back after each block. All that is `counted` has one limit."""
        try:
            entry = self._zip.getinfo(place)
        except KeyError:
            raise damaged() from None
        if entry.flag_bits & 0x1:
            raise file_invalid("the file is locked with a password; save it without one")
        if entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            raise damaged()
        if entry.file_size > (min(bytes_max, self._left) if counted else bytes_max):
            raise too_large()
        if counted:
            self._left -= entry.file_size
        names: dict[str, str] = {}
        parser = _parser(part, names)
        taken = 0
        with _judged(), self._zip.open(entry) as source:
            while block := source.read(_BLOCK_BYTES):
                taken += len(block)
                parser.Parse(block, False)
                if taken - parser.CurrentByteIndex > _TAG_BYTES_MAX or len(names) > _NAMES_MAX:
                    raise damaged()
                yield
            parser.Parse(b"", True)
        yield


def _parser(part: PackagePart, names: dict[str, str]) -> expat.XMLParserType:
    """A parser that keeps the names it meets in `names`; it keeps them all, and every open tag."""
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEPTH_MAX:
            raise damaged()
        part.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        part.end(tag)

    parser = expat.ParserCreate(namespace_separator=" ", intern=names)
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = part.text
    # entities that grow, files of the server: all of that needs a document type, and no workbook has one
    parser.StartDoctypeDeclHandler = _refuse_document_type
    return parser


def _refuse_document_type(*_: object) -> None:
    raise file_invalid("the workbook holds a document type, which no workbook has")


class _Relations(PackagePart):
    """What a part refers to, by the name it gives it: the last word of the kind, and the place."""

    def __init__(self, folder: str) -> None:
        self.found: dict[str, tuple[str, str]] = {}
        self._folder = folder

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not tag.endswith(" Relationship") or attributes.get("TargetMode") == "External":
            return
        kind = attributes.get("Type", "").rpartition("/")[2]
        # a target that begins with a slash counts from the root
        place = posixpath.normpath(posixpath.join("/", self._folder, attributes.get("Target", "")))
        self.found[attributes.get("Id", "")] = kind, place.lstrip("/")


class _Sheets(PackagePart):
    """The sheets of a workbook that can be seen, in their order."""

    def __init__(self) -> None:
        self.visible: list[str] = []
        self.since_1904 = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag in _PROPERTIES:
            self.since_1904 = attributes.get("date1904", "0") in {"1", "true"}
        if tag in _SHEET and attributes.get("state", "visible") == "visible":
            self.visible.extend(value for name, value in attributes.items() if name.endswith(" id"))
