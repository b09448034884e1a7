"""Whether there is anything that cannot be read: then nothing else can be said; and what no CHECK lets in."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from ledger import tables
from ledger.database.readable import OutOfPlace, refused_rows, unreadable, with_rows
from ledger.verify.finding import Finding

UNREADABLE: Final = "value_unreadable"
"""Where one is found nothing else can be looked at."""
_IN_ORDER: Final = tuple(tables.metadata.sorted_tables)


def values_are_such_as_could_be_written(connection: Connection) -> list[Finding]:
    """What stands in columns that cannot hold it, words that there are not, rows that no CHECK lets in."""
    asked = with_rows(connection, _IN_ORDER)
    found = [
        Finding(
            UNREADABLE,
            str(one),
            f"{one.rows} of its values cannot be read: put them right first, nothing else was looked at",
        )
        for one in unreadable(connection, asked)
    ]
    return found or [_refused(one) for one in refused_rows(connection, asked)]


def _refused(one: OutOfPlace) -> Finding:
    if one.is_word:
        what = f"{one.rows} rows say what there is not: put them right first, nothing else was looked at"
        return Finding(UNREADABLE, str(one), what)
    return Finding("row_refused", str(one), f"{one.rows} rows are there that it lets nobody write")
