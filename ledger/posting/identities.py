"""Whose a number is, as entries say it: the chain covers every row of `identity` (R1, R4).

Whoever becomes known, and every number that leads to somebody else or is another number of the same person,
is told by the entry of the command that did it: in a row beside it, and in its detail by the commitment over
its rows. So no row of `identity` can be changed, exchanged or put in without contradicting an entry. An
account's opening tells whose it is, also of somebody who was known before.

The commitment is salted: it says nothing of anybody once the row with its salt is gone.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple

from ledger.book.beside import RowKind
from ledger.book.detail import pack, unpack
from ledger.book.draft import Draft
from ledger.chart.kinds import Kind
from ledger.chart.rows import RowLetter
from ledger.posting.command import Command
from ledger.posting.desk import Desk
from ledger.posting.outcomes import IdentityState
from ledger.posting.stakes import IN_FORCE, number_in

FORMAT: Final = 1
"""Stands in front of what a commitment is made over. Formats are only ever added."""

SALT_BYTES: Final = 16
WHOSE: Final = "whose"
"""What the commitment of an entry is called in its detail."""


class IdentityRow(NamedTuple):
    """Whose a number is from an entry on. `nth`: how many entries have said it of this number, with this."""

    digest: bytes
    person_id: int
    role: int
    name_digest: bytes
    nth: int
    salt: bytes

    @property
    def state(self) -> IdentityState:
        """What the row of `identity` is by this."""
        return IdentityState(self.person_id, self.role, self.name_digest, self.nth)


def _told(row: IdentityRow) -> str:
    return (
        f"{FORMAT}|{row.digest.hex()}|{row.person_id}|{row.role}|{row.name_digest.hex()}|{row.nth}"
        f"|{row.salt.hex()}"
    )


IDENTITY_ROW = RowKind("identity_entry", RowLetter.IDENTITY, IdentityRow, told=_told)


def commitment(rows: Iterable[IdentityRow]) -> str:
    """What an entry says of the rows of this kind beside it: SHA-256 over them, in their order, in hex."""
    return sha256("".join(f"{_told(row)}\n" for row in rows).encode()).hexdigest()


def identity_row(digest: bytes, state: IdentityState) -> IdentityRow:
    """A state of a number, with a salt that nobody can guess."""
    if state.nth is None:
        raise AssertionError("an entry says which one it is")
    return IdentityRow(
        digest, state.person_id, state.role, state.name_digest, state.nth, secrets.token_bytes(SALT_BYTES)
    )


def tell(draft: Draft, rows: Iterable[IdentityRow]) -> None:
    """Let an entry say whose some numbers are; it says nothing of that yet."""
    told = tuple(rows)
    draft.beside = (*draft.beside, *told)
    draft.detail = pack(**unpack(draft.detail), **{WHOSE: commitment(told)})


def tell_identities(desk: Desk, command: Command) -> None:
    """Let the entries of a command that was accepted say whose numbers are, as far as it made that so.

    Of whom nobody knew, of each number that leads elsewhere, and of the holder of what it opened.
    """
    changed = _changed_by(desk, command)
    opening, holder = _opening_of(desk, command)
    if opening is not None and holder is not None:
        row = changed.pop(holder, None)
        known = desk.identities.get(holder)
        if row is None and known is not None and known.nth is not None:
            # who was known before is said once more, and has not changed
            row = identity_row(holder, known)
        if row is not None:
            tell(opening, [row])
    if command.says_whose:
        # of its holder a book says it of every number, whether an entry of another book has or not
        for digest, state in desk.identities.items():
            if state.person_id == desk.book.person_id and digest not in changed and state.nth is not None:
                changed[digest] = identity_row(digest, state)
    if changed:
        main = next(draft for copy in desk.working.values() for draft in copy.drafts if draft.keyed)
        if main is opening:
            raise AssertionError("an opening makes nobody known but the holder")
        tell(main, changed.values())


def _changed_by(desk: Desk, command: Command) -> dict[bytes, IdentityRow]:
    """The numbers of which a command changed whose they are, in its order; the desk follows."""
    changed: dict[bytes, IdentityRow] = {}
    for digest in dict.fromkeys(person.digest for person in command.persons):
        if digest in desk.fresh_persons:
            person = desk.persons[digest]
            # as it was staked
            desk.identities[digest] = IdentityState(person.person_id, IN_FORCE, person.name_digest, 1)
            changed[digest] = identity_row(digest, desk.identities[digest])
    for digest, to in desk.moved.items():
        if desk.moves_told.get(digest) == to:
            continue
        before = desk.identities[digest]
        name_digest = before.name_digest if to.named is None else to.named.name_digest
        desk.moves_told[digest] = to
        desk.identities[digest] = IdentityState(to.person_id, to.role, name_digest, (before.nth or 0) + 1)
        changed[digest] = identity_row(digest, desk.identities[digest])
    return changed


def _opening_of(desk: Desk, command: Command) -> tuple[Draft | None, bytes | None]:
    """The opening of a person's book by a command, with the digest that it named the person by."""
    if command.opens and isinstance(command.book, bytes):
        for book_id, copy in desk.working.items():
            if book_id not in desk.books and copy.person_id is not None:
                opening = next((draft for draft in copy.drafts if draft.kind is Kind.OPENING), None)
                return opening, number_in(command.book)
    return None, None
