"""One real line of every kind of file: what help, templates and documents show, and a test imports.

The people are those of the county 9999, which does not exist. Each line can be taken once the lines of the
kinds before it are there.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from ledger.csv_out import BYTE_ORDER_MARK, csv_line
from ledger.imports.columns import KEY_COLUMN, KINDS

# nobody whom other documents open
_PERSON: Final = "119999199001010039"
# the one whom the documents open first, and who moves away
_LEAVER: Final = "119999198806060012"
# the one whom another agency does not take, and who is sent back
_RETURNED: Final = "319999199208080023"
_EMPLOYER: Final = "91999999000000001K"

EXAMPLES: Final[dict[str, dict[str, str]]] = {
    "accounts": {
        "id_number": _PERSON,
        "name": "李四",
        "area": "990100",
        "opened_on": "2026-01-01",
        "opening_current_year": "10.00",
        "opening_carried_over": "1000.00",
        "opening_source_ref": "OLD-1",
    },
    "employers": {"credit_code": _EMPLOYER, "name": "示例单位", "area": "990100", "staff": "40"},
    "enrolments": {
        "account": _PERSON,
        "member_class": "active",
        "employer": _EMPLOYER,
        "from": "2026-01-01",
        "to": "",
    },
    "declarations": {"employer": _EMPLOYER, "period": "2026-03", "id_number": _PERSON, "wage": "8000.00"},
    "receipts": {
        "employer": _EMPLOYER,
        "source_ref": "SK-1",
        "period": "2026-03",
        "received_on": "2026-04-10",
        "amount": "760.00",
    },
    "contributions": {
        "account": _PERSON,
        "source_ref": "levy-1",
        "period": "2026-02",
        "effective_on": "2026-03-15",
        "amount": "160.00",
    },
    "spendings": {
        "account": _PERSON,
        "source_ref": "bill-1",
        "institution": "H0001",
        "effective_on": "2026-05-01",
        "amount": "12.50",
        "take_available": "false",
    },
    "names": {
        "id_number": _PERSON,
        "old_name": "李四",
        "name": "李思",
        "from": "2026-05-20",
        "document": "REG-118",
    },
    "numbers": {
        "account": _PERSON,
        "name": "李思",
        "id_number": "119999199001010055",
        "from": "2026-05-25",
        "reason": "corrected",
        "document": "REG-119",
    },
    "deaths": {
        "id_number": _PERSON,
        "name": "李思",
        "died_on": "2026-06-02",
        "evidence": "death certificate",
        "document": "DC-2026-17",
    },
    "transfers": {
        "account": _LEAVER,
        "other_agency": "330100",
        "insured_from": "2026-06-01",
        "document": "APP-7",
    },
    "remittances": {"account": _LEAVER, "paid_on": "2026-06-20", "source_ref": "BANK-3"},
    "acknowledgements": {"account": _LEAVER, "remittance": "BANK-3"},
    "rejections": {"account": _RETURNED, "remittance": "BANK-4", "reason": "not insured there"},
    "announcements": {
        "account": _RETURNED,
        "other_agency": "330100",
        "current_year": "480.00",
        "carried_over": "3000.00",
        "interest": "9.31",
        "amount": "3489.31",
        "document": "SHEET-5",
    },
    "arrivals": {
        "account": _RETURNED,
        "sheet": "SHEET-5",
        "received_on": "2026-07-06",
        "amount": "3489.31",
        "source_ref": "BANK-5",
    },
}


def example(kind: str, *, chinese: bool = False) -> tuple[list[str], list[str]]:
    """Headings and one line of a kind."""
    columns = KINDS[kind].by_name
    line = EXAMPLES[kind]
    headings = [columns[name].words[0] if chinese else name for name in line]
    return headings, list(line.values())


def example_text(kind: str) -> str:
    """A file of a kind as the help shows it."""
    return "".join(csv_line(cells) for cells in example(kind))


def help_text() -> str:
    """What files look like, kind by kind."""
    told = ["Files are CSV or XLSX; headings may be Chinese. One line of each kind:"]
    for kind in EXAMPLES:
        optional = [name for name in KINDS[kind].optional if name != KEY_COLUMN]
        more = [f"  (may be left out: {', '.join(optional)})"] if optional else []
        # the mark of a paragraph that stays as it is
        told += ["", "\b", kind, *more, *(f"  {line}" for line in example_text(kind).splitlines())]
    return "\n".join(told)


def template(kind: str, *, xlsx: bool, chinese: bool) -> bytes:
    """An empty file of a kind: its headings, and one line that shows what belongs below them."""
    rows = example(kind, chinese=chinese)
    if xlsx:
        return _workbook(rows)
    return (BYTE_ORDER_MARK + "".join(csv_line(row, "\r\n") for row in rows)).encode()


_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE: Final = "http://schemas.openxmlformats.org/package/2006"
_KIND: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"
# every column is text, so that a number of eighteen digits keeps them all
_STYLES: Final = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts>'
    '<fills count="1"><fill><patternFill patternType="none"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf/><xf numFmtId="49" applyNumberFormat="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


def _workbook(rows: Sequence[Sequence[str]]) -> bytes:
    cells = "".join(
        f'<row r="{number}">'
        + "".join(f'<c s="1" t="inlineStr"><is><t>{escape(text)}</t></is></c>' for text in row)
        + "</row>"
        for number, row in enumerate(rows, start=1)
    )
    width = max(map(len, rows))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1"'
        f' Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>'
        '<sheet name="1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="r1" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": _STYLES,
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><cols>'
        f'<col min="1" max="{width}" width="22" style="1" customWidth="1"/></cols>'
        f"<sheetData>{cells}</sheetData></worksheet>",
    }
    out = io.BytesIO()
    with ZipFile(out, "w", ZIP_DEFLATED) as file:
        for name, text in parts.items():
            file.writestr(name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{text}')
    return out.getvalue()
