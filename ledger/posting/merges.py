"""Which accounts went into which, as the table of merges has it: onward one step, and back all the way."""

from __future__ import annotations

from ledger import tables
from ledger.database.lookups import Lookup

_M = tables.account_merge.c
WENT_INTO = Lookup(
    "SELECT m.book_id, m.into_id FROM {given} JOIN account_merge m ON m.book_id = given.book_id",
    [_M.book_id, _M.into_id],
    book_id="big",
)
# all the way back
CAME_FROM = Lookup(
    "WITH RECURSIVE came (at_last, book_id) AS (SELECT m.into_id, m.book_id FROM {given}"
    " JOIN account_merge m ON m.into_id = given.book_id UNION SELECT c.at_last, m.book_id FROM came c"
    " JOIN account_merge m ON m.into_id = c.book_id) SELECT at_last, book_id FROM came ORDER BY 1, 2",
    [_M.into_id, _M.book_id],
    book_id="big",
)
