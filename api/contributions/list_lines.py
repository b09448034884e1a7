"""The lines of a list of wages: read one by one, and answered one by one.

An ID number goes into the book as a digest. As it was sent it is kept sealed, and only where the person is
not known by just that number, so that a list can be answered as it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from api.contributions.bodies import Control, WageLine
from api.http.state import State
from ledger import Declared, RefusalCode, Refused, persons
from ledger.book.numbers import entry_name
from ledger.contributions.declarations import ListView
from ledger.contributions.levies import DeclaredLine
from ledger.money import format_yuan, parse_yuan
from ledger.people.id_numbers import parse_id_number
from ledger.vault import is_erased


class Row(NamedTuple):
    """One line as it was sent. The wage is in fen, None when it is none."""

    line: int
    id_number: str
    wage_fen: int | None
    code: RefusalCode | None = None


def rows_of_json(lines: Sequence[WageLine], *, zero: bool = False) -> list[Row]:
    """The lines of a body, from 1. A wage of nothing is one only where `zero` says so."""
    return [
        Row(number, line.id_number, _wage(line.wage, zero=zero)) for number, line in enumerate(lines, start=1)
    ]


def _wage(text: str, *, zero: bool) -> int | None:
    try:
        fen = parse_yuan(text)
    except Refused:
        return None
    return fen if zero or fen else None


def check_totals(rows: Sequence[Row], control: Control | None) -> None:
    """Raise Refused(totals_differ) with what is there. A wage that cannot be read is nothing."""
    if control is None:
        return
    lines, wages = len(rows), sum(row.wage_fen or 0 for row in rows)
    if control.lines not in {None, lines} or control.wages not in {None, wages}:
        at = "control/wages" if control.lines in {None, lines} else "control/lines"
        raise Refused(RefusalCode.TOTALS_DIFFER, at=at, lines=lines, wages_fen=wages)


class _Named(NamedTuple):
    """Whom a line names: the digest of the ID number and its normal form, or why nobody."""

    digest: bytes | None
    number: str
    code: RefusalCode | None


def as_declared(connection: Any, state: State, book_id: int, rows: Sequence[Row]) -> tuple[Declared, ...]:
    """The lines as commands take them, for an employer's book."""
    today = state.clock()[1]
    named = [_named(row, state, today) for row in rows]
    others = persons.aliases(connection, [one.digest for one in named if one.digest is not None])
    declared = []
    for row, one in zip(rows, named, strict=True):
        sealed = None
        if one.digest is not None and (row.id_number != one.number or one.digest in others):
            sealed = persons.seal_sent(row.id_number, book_id, row.line, state.keyring)
        declared.append(Declared(row.line, one.digest, row.wage_fen, row.code or one.code, sealed))
    return tuple(declared)


def _named(row: Row, state: State, today: Any) -> _Named:
    try:
        parsed = parse_id_number(row.id_number, today)
    except Refused as refused:
        return _Named(None, "", refused.code)
    return _Named(persons.number_digest(parsed, state.keyring), parsed.number, None)


def declared_json(connection: Any, state: State, book_id: int, view: ListView) -> list[dict[str, Any]]:
    """The lines of a list: base and parts with the ID number as sent, the list that had them, or a code."""
    lines = view.lines
    known = persons.numbers_of(
        connection,
        state.keyring,
        [line.account_id or 0 for line in lines if line.code is None and line.number_sealed is None],
    )
    return [
        {"line": line.line, "already": entry_name(book_id, view.there[line.line])}
        if line.line in view.there
        else {"line": line.line, "code": line.code}
        if line.code is not None
        else assessed_json(
            line.line,
            _number(line, known, state, book_id),
            (line.base or 0, line.employee or 0, line.employer or 0),
        )
        for line in lines
    ]


def assessed_json(line: int, id_number: str | None, due: tuple[int, int, int]) -> dict[str, Any]:
    """One good line; `due` is base, employee's part, employer's part in fen."""
    base, employee, employer = map(format_yuan, due)
    return {
        "line": line,
        "id_number": id_number,
        "base": base,
        "employee_part": employee,
        "employer_part": employer,
    }


def _number(line: DeclaredLine, known: Mapping[int, str], state: State, book_id: int) -> str | None:
    """The ID number of a line, as it was sent; None where whose it is was erased."""
    if line.number_sealed is None:
        return known.get(line.account_id or 0)
    sealed = bytes(line.number_sealed)
    return None if is_erased(sealed) else persons.open_sent(sealed, book_id, line.line, state.keyring)
