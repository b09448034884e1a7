"""Printed lists keep to PDF/A-3u (ISO 19005-3), as far as can be seen by reading them with another library.

No validator of the standard can be had from the registries that the project uses. These are its rules about
what our documents have in them, by another implementation of PDF than those that write them.
"""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest

from ledger.printing.rendering import rendered
from ledger.printing.sheet import Form, PrintedSheet
from tests.printing.sheets import RARE, SIGNED, entries, insured, payments, sheet

pytestmark = pytest.mark.sqlite

SHEETS = {
    "one page": sheet((payments(3),), name=RARE),
    "proof": sheet((insured(26),)),
    "no lines": sheet((entries(0),)),
    "without a code": sheet((payments(1),), check_address=""),
    "put together": sheet((entries(900),)),
}


@pytest.fixture(scope="module", params=SHEETS)
def document(request: pytest.FixtureRequest) -> Iterator[pikepdf.Pdf]:
    made = rendered(SHEETS[request.param], Form.PDF, SIGNED)
    with pikepdf.open(io.BytesIO(made.content)) as opened:
        assert len(opened.pages) == made.pages
        yield opened


def test_the_file_is_whole(document: pikepdf.Pdf) -> None:
    """6.1: header, an ID, no encryption, nothing that a reader had to mend."""
    assert document.check_pdf_syntax() == []
    assert document.pdf_version == "1.7"
    assert not document.is_encrypted
    assert len(document.trailer.ID) == 2
    assert all(bytes(one) for one in document.trailer.ID)


def test_it_says_which_part_it_keeps(document: pikepdf.Pdf) -> None:
    """6.6: XMP, uncompressed, names part and level, and agrees with the information dictionary."""
    metadata = document.Root.Metadata
    assert "/Filter" not in metadata
    described = metadata.read_bytes().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in described
    assert "<pdfaid:conformance>U</pdfaid:conformance>" in described
    assert f"<xmpTPg:NPages>{len(document.pages)}</xmpTPg:NPages>" in described
    [title] = re.findall(
        r'<dc:title><rdf:Alt><rdf:li xml:lang="x-default">(.*?)</rdf:li>', described, re.DOTALL
    )
    assert title.strip() == str(document.docinfo["/Title"])
    assert "2026-11-28T02:11:12Z" in described
    assert str(document.docinfo["/CreationDate"]) == "D:20261128021112Z"


def test_colours_have_a_meaning(document: pikepdf.Pdf) -> None:
    """6.2: one output intent of PDF/A with a profile, and no colour that it does not cover."""
    [intent] = document.Root.OutputIntents
    assert intent.S == "/GTS_PDFA1"
    profile = intent.DestOutputProfile.read_bytes()
    assert profile[36:40] == b"acsp"
    kinds = {"RGB ": 3, "GRAY": 1}
    assert kinds[profile[16:20].decode()] == intent.DestOutputProfile.N


def test_fonts_are_inside_with_what_their_characters_are(document: pikepdf.Pdf) -> None:
    """6.2.11: every font embedded, with widths, and a way from each glyph to Unicode (level U)."""
    fonts = 0
    for page in document.pages:
        for font in page.Resources.get("/Font", {}).values():
            fonts += 1
            assert font.Subtype == "/Type0"
            [inner] = font.DescendantFonts
            assert any(key in inner.FontDescriptor for key in ("/FontFile2", "/FontFile3"))
            assert "/W" in inner or "/DW" in inner
            if inner.Subtype == "/CIDFontType2":
                assert "/CIDToGIDMap" in inner
            codes = font.ToUnicode.read_bytes().decode("latin-1")
            meanings = re.findall(r"<[0-9a-fA-F]+>\s+<([0-9a-fA-F]+)>", codes)
            assert meanings
            assert not {"0000", "FEFF", "FFFE"} & {one.upper() for one in meanings}
    assert fonts


def test_nothing_moves_loads_or_runs(document: pikepdf.Pdf) -> None:
    """6.5, 6.1.12: no action, script, form, media, nothing outside the file."""
    wrong = {
        "/JS",
        "/JavaScript",
        "/AA",
        "/OpenAction",
        "/AcroForm",
        "/XFA",
        "/Launch",
        "/URI",
        "/F",
        "/Encrypt",
    }
    for one in document.objects:
        if isinstance(one, pikepdf.Dictionary) and one.get("/Type") != "/Filespec":
            assert not wrong & set(one.keys())
        if isinstance(one, pikepdf.Stream):
            assert one.get("/Filter") != "/LZWDecode"
    assert "/NeedsRendering" not in document.Root


def test_nothing_is_see_through(document: pikepdf.Pdf) -> None:
    """6.2.10: no transparency, so no rule about it can be broken."""
    for one in document.objects:
        if isinstance(one, pikepdf.Dictionary):
            assert float(one.get("/ca", 1)) == 1
            assert float(one.get("/CA", 1)) == 1
            assert "/SMask" not in one or one["/SMask"] == "/None"


def test_the_attachment_says_what_it_is_to_the_document(document: pikepdf.Pdf) -> None:
    """6.8: an embedded file has a type, both names, its relationship, and is associated with the document."""
    [associated] = document.Root.AF
    names = document.Root.Names.EmbeddedFiles.Names
    assert str(names[0]) == "data.json"
    assert names[1].objgen == associated.objgen
    assert associated.AFRelationship == "/Data"
    assert str(associated.F) == str(associated.UF) == "data.json"
    assert associated.EF.F.Subtype == "/application/json"
    assert associated.EF.F.Params.ModDate


def test_every_page_uses_what_it_names(document: pikepdf.Pdf) -> None:
    """6.2.2: fonts of a page's content stand in its own resources; marks are closed."""
    for page in document.pages:
        depth, fonts = 0, set()
        for operands, operator in pikepdf.parse_content_stream(page):
            depth += {"BDC": 1, "BMC": 1, "EMC": -1}.get(str(operator), 0)
            assert depth >= 0
            if str(operator) == "Tf":
                fonts.add(str(operands[0]))
        assert depth == 0
        assert fonts <= set(page.Resources.Font.keys())


def test_a_document_of_parts_claims_no_tags() -> None:
    with pikepdf.open(io.BytesIO(rendered(SHEETS["put together"], Form.PDF, SIGNED).content)) as opened:
        assert "/StructTreeRoot" not in opened.Root
        assert "/MarkInfo" not in opened.Root
    with pikepdf.open(io.BytesIO(rendered(SHEETS["one page"], Form.PDF, SIGNED).content)) as opened:
        assert "/StructTreeRoot" in opened.Root


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one page", "put together"])
def test_poppler_reads_it_without_a_word(name: str, tmp_path: Path) -> None:
    from tests.printing.programs import program

    file = tmp_path / "document.pdf"
    one: PrintedSheet = SHEETS[name]
    file.write_bytes(rendered(one, Form.PDF, SIGNED).content)
    done = subprocess.run(
        [program("pdftotext", "poppler-utils"), "-layout", file, "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert one.title in done.stdout
    assert one.serial in done.stdout
    fonts = subprocess.run(
        [program("pdffonts", "poppler-utils"), file], capture_output=True, text=True, check=True
    ).stdout.splitlines()[2:]
    # embedded, a subset, with its way to Unicode
    assert fonts
    assert all(re.search(r"\byes yes yes\b", line) for line in fonts)
