"""What stands in the book already, though not under the key of this line.

A line that was imported before keys came from the content, or was sent by another door, is the same fact all
the same: its document is there, with the same content, or the death with its day. An enrolment that is there,
a name, or a line of a list, is found by its command itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection

from ledger import tables
from ledger.contributions.brought import numbers_there
from ledger.contributions.declarations import Declare
from ledger.contributions.levies import DECLARED_LINE
from ledger.database.lookups import Lookup
from ledger.imports.known_facts import facts_there
from ledger.policy import Policy
from ledger.posting import Command, Desk, Outcome, Posted
from ledger.posting.reads import ENTRY_FIELDS, ENTRY_RETURNS, receipts
from ledger.posting.rehearsal import rehearse
from ledger.posting.stakes import resolve
from ledger.refusals import RefusalCode, Refused

CONFIRMED_BEFORE: Final = frozenset({RefusalCode.ALREADY_CONFIRMED, RefusalCode.NO_GOOD_LINE})
"""With what a list is refused that says only what is there."""
_E = tables.entry.c
_DOCUMENTS = Lookup(
    f"SELECT e.request_digest, {ENTRY_FIELDS} FROM {{given}} JOIN entry e ON e.book_id = given.book_id"
    " AND e.kind = given.kind AND e.source_ref = given.source_ref",
    [_E.request_digest, *ENTRY_RETURNS],
    book_id="big",
    kind="small",
    source_ref="text",
)


def as_booked(
    connection: Connection,
    commands: Sequence[Command],
    outcomes: Sequence[Outcome],
    now_and_today: tuple[object, date],
    policies: Mapping[int, Policy],
) -> list[Outcome]:
    """The same outcomes; one that was refused, though its document was booked just so, is a replay."""
    found = list(outcomes)
    places = [
        place
        for place, outcome in enumerate(outcomes)
        # whatever it was refused for: since it was booked the account may have been closed, or frozen
        if isinstance(outcome, Refused) and outcome.code is not RefusalCode.IDEMPOTENCY_KEY_REUSED
    ]
    if not places:
        return found
    books = _books(connection, [commands[place] for place in places], now_and_today, policies)
    asked = {
        place: (book_id, int(command.source_kind), command.source_ref)
        for place, book_id in zip(places, books, strict=True)
        for command in [commands[place]]
        if book_id is not None and command.source_kind is not None and command.source_ref is not None
    }
    with connection.begin():
        rows = _DOCUMENTS.run(connection, sorted(set(asked.values())))
        told = receipts(connection, [entry for _digest, *entry in rows])
    # a document whose entry was reversed may have another one, of other content
    there = {
        (receipt.book_id, int(receipt.kind), receipt.source_ref, bytes(digest or b"")): receipt
        for (digest, *_entry), receipt in zip(rows, told, strict=True)
    }
    for place, document in asked.items():
        receipt = there.get((*document, commands[place].fingerprint(document[0])))
        if receipt is not None:
            found[place] = Posted(receipt, replayed=True)
    named = [
        (place, commands[place], book_id)
        for place, book_id in zip(places, books, strict=True)
        if book_id is not None
    ]
    for place, receipt in facts_there(connection, named).items():
        found[place] = Posted(receipt, replayed=True)
    return found


def list_there(
    connection: Connection,
    handed_in: Declare,
    now_and_today: tuple[datetime, date],
    policies: Mapping[int, Policy],
) -> Mapping[int, int] | None:
    """Which lines of a list that was handed in before are there by now, by number, and in which list.

    For one that cannot be confirmed any more, because another door did, or confirmed one that says the same.
    None when nothing of it is. Writes nothing.
    """
    anew = Declare(
        handed_in.book,
        handed_in.period,
        handed_in.lines,
        caller=handed_in.caller,
        actor=handed_in.actor,
    )
    (outcome,) = rehearse(connection, [anew], *now_and_today, policies)
    if not isinstance(outcome, Posted):
        return None
    there = numbers_there(outcome, outcome.rows(DECLARED_LINE) or ())
    # of a nil list that is there, there are no lines
    return None if outcome.created and not there else there


def _books(
    connection: Connection,
    commands: Sequence[Command],
    now_and_today: tuple[object, date],
    policies: Mapping[int, Policy],
) -> list[int | None]:
    """The book of each command, None for one that there is not."""
    desk = Desk(*now_and_today, policies)  # type: ignore[arg-type]  # a clock's pair
    refs = [command.book for command in commands if isinstance(command.book, bytes)]
    if refs:
        with connection.begin():
            resolve(connection, refs, desk)
    return [
        desk.ids.get(command.book) if isinstance(command.book, bytes) else command.book
        for command in commands
    ]
