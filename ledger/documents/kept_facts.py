"""A sheet as the facts that are kept of it, and as the data that is signed. Pure.

The facts are read back equal to the sheet that they were made of. The signed data are for machines: amounts
as decimal strings, days and months as ISO has them, each table by its key.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from ledger.documents.asked import Span
from ledger.money import format_yuan
from ledger.months import format_period
from ledger.printing.sheet import Cell, CellHolds, Fact, PrintedColumn, PrintedSheet, Sum, Table
from ledger.vault import Keyring, base64url

DATA_VERSION: Final = "data-1"
"""What makes the signed data. Other data, another version: bytes of before are kept first."""

_FORMAT: Final = 1
_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
Facts = dict[str, Any]


# -- kept ----------------------------------------------------------------------------------------------------


def to_facts(sheet: PrintedSheet) -> bytes:
    """A sheet as it is kept."""
    told = asdict(sheet)
    for fact in told["head"]:
        fact["value"] = _kept(fact["value"])
    for table in told["tables"]:
        table["lines"] = [[_kept(cell) for cell in line] for line in table["lines"]]
        if table["totals"] is not None:
            table["totals"] = [_kept(cell) for cell in table["totals"]]
    return zlib.compress(_dump({"format": _FORMAT, "sheet": told}).encode())


def from_facts(kept: bytes) -> PrintedSheet:
    """The sheet that `to_facts` was given."""
    told = json.loads(zlib.decompress(kept))
    if told["format"] != _FORMAT:
        raise ValueError("the facts of a document have a form that is not known")
    facts = told["sheet"]
    return PrintedSheet(
        **{
            **facts,
            "head": tuple(_fact(one) for one in facts["head"]),
            "tables": tuple(_table(one) for one in facts["tables"]),
            "sums": tuple(Sum(**one) for one in facts["sums"]),
            "words": tuple(facts["words"]),
            "notes": tuple(facts["notes"]),
        }
    )


def _kept(cell: Cell) -> str | int | None:
    return cell.isoformat() if isinstance(cell, date) else cell


def _back(cell: str | int | None, holds: CellHolds) -> Cell:
    return date.fromisoformat(cell) if holds is CellHolds.DAY and isinstance(cell, str) else cell


def _fact(told: Facts) -> Fact:
    holds = CellHolds(told["holds"])
    return Fact(told["key"], told["title"], _back(told["value"], holds), holds)


def _table(told: Facts) -> Table:
    columns = tuple(
        PrintedColumn(one["key"], one["title"], CellHolds(one["holds"])) for one in told["columns"]
    )

    def line(cells: Sequence[str | int | None]) -> tuple[Cell, ...]:
        return tuple(_back(cell, column.holds) for cell, column in zip(cells, columns, strict=True))

    return Table(
        told["key"],
        told["title"],
        columns,
        tuple(line(cells) for cells in told["lines"]),
        None if told["totals"] is None else line(told["totals"]),
    )


# -- signed --------------------------------------------------------------------------------------------------


def to_data(sheet: PrintedSheet, span: Span) -> bytes:
    """What is signed of a sheet: its data as canonical JSON."""
    return _dump(
        {
            "kind": sheet.kind,
            "title": sheet.title,
            "serial": sheet.serial,
            "verification_code": sheet.verification_code,
            "check_address": sheet.check_address,
            "issued_at": sheet.issued_at,
            "agency": sheet.agency,
            "period": {"from": span.first.isoformat(), "to": span.last.isoformat()},
            "head": {fact.key: _value(fact.value, fact.holds) for fact in sheet.head},
            "tables": {table.key: _lines(table) for table in sheet.tables},
            "table_totals": {
                table.key: _members(table.columns, table.totals)
                for table in sheet.tables
                if table.totals is not None
            },
            "totals": totals_of(sheet),
            "words": sheet.words,
            "notes": sheet.notes,
        }
    ).encode()


def totals_of(sheet: PrintedSheet) -> dict[str, str]:
    """The sums that a sheet states, in yuan."""
    return {one.key: format_yuan(one.fen) for one in sheet.sums}


def _lines(table: Table) -> list[dict[str, Any]]:
    return [_members(table.columns, line) for line in table.lines]


def _members(columns: Sequence[PrintedColumn], cells: Sequence[Cell]) -> dict[str, Any]:
    return {column.key: _value(cell, column.holds) for column, cell in zip(columns, cells, strict=True)}


def _value(cell: Cell, holds: CellHolds) -> str | int | None:
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, int) and holds is CellHolds.MONEY:
        return format_yuan(cell)
    if isinstance(cell, int) and holds is CellHolds.MONTH:
        return format_period(cell)
    return cell


def protected_header(key_id: str) -> str:
    """The protected header of a signature, encoded (RFC 7515)."""
    return base64url(_dump({"alg": "EdDSA", "kid": key_id, "typ": "JOSE"}).encode())


def signing_input(key_id: str, data: bytes) -> bytes:
    """What is signed (RFC 7515)."""
    return f"{protected_header(key_id)}.{base64url(data)}".encode()


def sign(keyring: Keyring, key_id: str, data: bytes) -> bytes:
    """The signature of the key that signs now, which is the one of that name. Raises KeyringError."""
    return keyring.sign(signing_input(key_id, data))


def flattened(key_id: str, data: bytes, signature: bytes) -> bytes:
    """The data with its signature as one JSON document: a flattened JWS (RFC 7515)."""
    told: Mapping[str, str] = {
        "payload": base64url(data),
        "protected": protected_header(key_id),
        "signature": base64url(signature),
    }
    return _dump(told).encode()
