"""What the book says already of somebody, where no document of money tells it: a death, a transfer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, select

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.database.lookups import Lookup
from ledger.posting import Command, Receipt
from ledger.posting.reads import ENTRY_FIELDS, ENTRY_RETURNS, receipts
from ledger.transfers.going_out import AcknowledgeTransfer, RejectTransfer, RequestTransfer

_E, _B = tables.entry.c, tables.book.c
_SAID_BY: Final[dict[type[Command], tuple[Kind, ...]]] = {
    # the last word on the day counts
    ReportDeath: (Kind.DEATH, Kind.DEATH_CORRECTION),
    RequestTransfer: (Kind.TRANSFER_REQUEST,),
    AcknowledgeTransfer: (Kind.TRANSFER_ACKNOWLEDGEMENT,),
    RejectTransfer: (Kind.TRANSFER_REJECTION,),
}
_FACTS: Final = Lookup(
    f"SELECT e.request_digest, {ENTRY_FIELDS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id"
    " AND e.kind = given.kind",
    [_E.request_digest, *ENTRY_RETURNS],
    book_id="big",
    kind="small",
)


def _by_seq(said: tuple[Receipt, bytes]) -> int:
    receipt, _digest = said
    return receipt.seq


def facts_there(connection: Connection, commands: Sequence[tuple[int, Command, int]]) -> dict[int, Receipt]:
    """Of commands, by their place, with the book of each: the entry that says just so, where there is one.

    A death is the same fact on whatever evidence, if it is known with the same day.
    """
    asked = {
        (book_id, int(kind))
        for _place, command, book_id in commands
        for kind in _SAID_BY.get(type(command), ())
    }
    if not asked:
        return {}
    with connection.begin():
        rows = _FACTS.run(connection, sorted(asked))
        told = receipts(connection, [entry for _digest, *entry in rows])
        dead = {
            row.book_id: row.died_on
            for row in connection.execute(
                select(_B.book_id, _B.died_on).where(
                    _B.book_id.in_({book_id for book_id, _kind in asked}), _B.died_on.is_not(None)
                )
            )
        }
    said = sorted(
        ((receipt, bytes(digest or b"")) for (digest, *_entry), receipt in zip(rows, told, strict=True)),
        key=_by_seq,
    )
    found: dict[int, Receipt] = {}
    for place, command, book_id in commands:
        kinds = _SAID_BY.get(type(command), ())
        of_book = [
            (receipt, digest)
            for receipt, digest in said
            if receipt.book_id == book_id and receipt.kind in kinds
        ]
        if isinstance(command, ReportDeath):
            day = command.died_on
            same = [
                receipt
                for receipt, _digest in of_book
                if dead.get(book_id) == day and unpack(receipt.detail).get("died_on") == day.isoformat()
            ]
        else:
            just_so = command.fingerprint(book_id)
            same = [receipt for receipt, digest in of_book if digest == just_so]
        if same:
            found[place] = same[-1]
    return found
