"""The lines of employers' lists and corrections, as the entries that brought them left them."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ledger import tables
from ledger.chart.members import LineKind
from ledger.contributions.levies import AssessmentLine, DeclaredLine
from ledger.contributions.reads import read_declared

_A = tables.assessment_line.c


def declared_lines(connection: Connection, book_id: int, seq: int) -> list[DeclaredLine]:
    """The lines of the list that an entry handed in, in order."""
    return read_declared(connection, [(book_id, seq)]).get((book_id, seq), [])


def adjusted_lines(connection: Connection, book_id: int, seq: int) -> list[AssessmentLine]:
    """What an entry adjusted, person by person, in the order in which the lines were handed in."""
    query = (
        select(*(_A[name] for name in AssessmentLine._fields))
        .where(_A.book_id == book_id, _A.seq == seq, _A.kind == int(LineKind.ADJUSTED))
        .order_by(_A.line)
    )
    lines = map(AssessmentLine._make, connection.execute(query))
    return [line._replace(kind=LineKind(line.kind)) for line in lines]
