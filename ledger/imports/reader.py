"""A clerk's file read line by line: CSV or workbook, one reader for every kind and every door.

`open_file` says what the file is, where its heading stands and what its columns mean, or refuses it as a
whole. Then `lines` gives what stands below the heading by column. Blank lines and totals are no lines.
"""

from __future__ import annotations

from typing import BinaryIO, Literal

from ledger.imports.encodings import file_invalid, is_zip
from ledger.imports.file_lines import FileRead
from ledger.imports.sheet_file import SheetFile, refuse_no_workbook
from ledger.imports.text_file import TextFile

Media = Literal["csv", "xlsx"]


def open_file(
    file: BinaryIO,
    expected: str | None = None,
    *,
    media: Media | None = None,
    include_hidden: bool = False,
) -> FileRead:
    """Look at a seekable file, which stays open while it is read. `media` is what it must be.

    Refused with file_invalid saying what is wrong, with cash_forbidden for a column that would lead money
    out, with hidden_rows naming what is hidden unless `include_hidden` says that it counts.
    """
    packed = is_zip(file)
    if media == "csv" and packed:
        raise file_invalid("the file is an XLSX workbook, or another ZIP file, and no CSV: send it as XLSX")
    if packed or media == "xlsx":
        if not packed:
            refuse_no_workbook(file)
        book = SheetFile(file, expected)
        if not include_hidden:
            book.refuse_hidden()
        return book
    return TextFile(file, expected)
