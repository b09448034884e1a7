"""Whether there is anything that cannot be read: then nothing else can be said; and what no CHECK lets in."""

from __future__ import annotations

from sqlalchemy import Connection

from ledger import tables
from ledger.database.readable import refused_rows, unreadable
from ledger.verify.finding import Finding


def cannot_be_read(connection: Connection) -> list[Finding]:
    """What stands in columns that cannot hold it, and words that there are not: the rest is not looked at."""
    asked = tables.metadata.sorted_tables
    found = [
        Finding(
            "value_unreadable",
            str(one),
            f"{one.rows} of its values cannot be read: put them right first, nothing else was looked at",
        )
        for one in unreadable(connection, asked)
    ]
    if found:
        return found
    return [
        Finding(
            "value_unreadable",
            str(one),
            f"{one.rows} rows say what there is not: put them right first, nothing else was looked at",
        )
        for one in refused_rows(connection, asked, of_words=True)
    ]


def rows_that_no_check_lets_in(connection: Connection) -> list[Finding]:
    """Rows that are there and could not be written, with the CHECK that would refuse them."""
    return [
        Finding("row_refused", str(one), f"{one.rows} rows are there that it lets nobody write")
        for one in refused_rows(connection, tables.metadata.sorted_tables, of_words=False)
    ]
