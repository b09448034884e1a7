"""A sheet as PDF/A-3u: drawn by typst, with the signed data as an attachment.

The same sheet gives the same bytes: nothing is read but the sheet, the program and its one font. A long list
is drawn in parts that are put together, so that memory grows little with it. Who draws several long ones at
once has that memory as often.
"""

from __future__ import annotations

import functools
import io
import json
import os
from datetime import UTC
from importlib.metadata import version
from importlib.resources import files
from typing import Final

import typst
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, StreamObject

from ledger.printing.columns import PADDING
from ledger.printing.fonts import FAMILY, FONT_PACKAGE, font_folder, visible
from ledger.printing.pages import Laid, laid_out
from ledger.printing.paper import SIDE, Page
from ledger.printing.qr import qr_svg
from ledger.printing.sheet import PrintedSheet
from ledger.printing.words import address_of, issued

# typst looks when it draws first. Threads of its own that take turns on a busy machine were up to 16 MB at
# the peak of a long list, and gained a tenth of its seconds; documents are drawn by several processes.
os.environ.setdefault("RAYON_NUM_THREADS", "1")

PAGES_AT_ONCE: Final = 10
"""How many pages are drawn at once: more take more memory."""

STANDARD: Final = "a-3u"
"""PDF/A-3, the part that allows attachments, with every character of the text known as Unicode."""

_FORM: Final = 2
# What typst keeps of a drawing it drops after so many others.
_REMEMBERED: Final = 12


def pdf_made_by() -> str:
    """Versions of the form, of what draws it, of the font, of the square code, of what joins parts."""
    packages = ("typst", FONT_PACKAGE, "segno", "pypdf")
    return "/".join((f"pdf-{_FORM}", *map(version, packages)))


def pdf_of(sheet: PrintedSheet, signed: bytes) -> tuple[bytes, int]:
    """The document and how many pages it has."""
    laid = laid_out(sheet)
    count = len(laid.pages)
    if count <= PAGES_AT_ONCE:
        return _drawn(sheet, laid, 0, count, signed.decode()), count
    return _joined(sheet, laid, signed.decode()), count


def _joined(sheet: PrintedSheet, laid: Laid, signed: str) -> bytes:
    """All parts as one document: the first has the attachment, the names and the colours."""
    whole = PdfWriter(clone_from=io.BytesIO(_drawn(sheet, laid, 0, PAGES_AT_ONCE, signed)))
    for first in range(PAGES_AT_ONCE, len(laid.pages), PAGES_AT_ONCE):
        part = PdfReader(io.BytesIO(_drawn(sheet, laid, first, first + PAGES_AT_ONCE, None)))
        for page in part.pages:
            whole.add_page(page)
        # neither we nor typst need what is drawn any more
        laid.pages[first : first + PAGES_AT_ONCE] = [Page()] * len(part.pages)
        _forget()
    _say_pages(whole, len(laid.pages))
    # the tree of tags knows the first part alone, and part U of the standard does without
    for name in ("/StructTreeRoot", "/MarkInfo"):
        if name in whole.root_object:
            del whole.root_object[NameObject(name)]
    for page in whole.pages:
        for name in ("/StructParents", "/Tabs"):
            if name in page:
                del page[NameObject(name)]
    written = io.BytesIO()
    whole.write(written)
    return written.getvalue()


def _forget() -> None:
    """Let typst drop what it remembers of the part that was drawn; it counts drawings, not memory."""
    empty = typst.Compiler(b"", font_paths=_fonts())
    for _ in range(_REMEMBERED):
        empty.compile(b"", format="svg")


def _say_pages(whole: PdfWriter, count: int) -> None:
    """Correct the number of pages that the description of the first part says."""
    described = whole.root_object["/Metadata"].get_object()
    if not isinstance(described, StreamObject):
        raise TypeError("a document without a description of itself")
    said = f"<xmpTPg:NPages>{PAGES_AT_ONCE}<".encode()
    if described.get_data().count(said) != 1:
        raise ValueError("a description that says no number of pages")
    described.set_data(described.get_data().replace(said, f"<xmpTPg:NPages>{count}<".encode()))


def _drawn(sheet: PrintedSheet, laid: Laid, first: int, end: int, signed: str | None) -> bytes:
    # the file says its times in UTC
    moment = issued(sheet).astimezone(UTC)
    data = {
        "title": visible(sheet.title),
        "agency": visible(sheet.agency),
        "issued": [moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second],
        "check": visible(address_of(sheet)),
        "family": FAMILY,
        "width": laid.width,
        "height": laid.height,
        "side": SIDE,
        "padding": PADDING,
        "tagged": len(laid.pages) <= PAGES_AT_ONCE,
        "tables": laid.tables,
        "pages": [page.plain() for page in laid.pages[first:end]],
    }
    inputs = {"pages": json.dumps(data, ensure_ascii=False, separators=(",", ":"))}
    if address := address_of(sheet):
        inputs["qr"] = qr_svg(address)
    if signed is not None:
        inputs["signed"] = signed
    drawn = typst.Compiler(_program(), font_paths=_fonts(), sys_inputs=inputs).compile(
        format="pdf", pdf_standards=[STANDARD], timestamp=int(moment.timestamp())
    )
    if not isinstance(drawn, bytes):
        raise TypeError("typst gave no document")
    return drawn


@functools.cache
def _program() -> bytes:
    return (files("ledger.printing") / "document.typ").read_bytes()


@functools.cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(font_folder())]
    )
