"""The ID numbers that lists have as they were sent: those stored with the list, and its persons'."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import Connection, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.chart.person_facts import PersonFact
from ledger.contributions.levies import sent_digest
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import number_digest, open_sent
from ledger.posting.merges import survivor
from ledger.refusals import Refused
from ledger.vault import Keyring, KeyringError, is_erased
from ledger.verify.erased import went_with
from ledger.verify.finding import UNREADABLE, Finding, line_name
from ledger.verify.streams import Stream, keyed, streamed

_E, _D, _B = tables.entry.c, tables.declared_line.c, tables.book.c
_I, _F, _S = tables.identity.c, tables.person_fact.c, tables.shared_number.c
_K = tables.person_key.c


def sent_numbers_are_their_persons(
    connection: Connection, keyring: Keyring, first: int, last: int
) -> Iterator[Finding]:
    """Each sealed number of a list opens, and is one that the holder of its line's account has or had; those
    of a list are the ones that its entry says. A list of an older version says nothing of them.

    What was erased with its person does not open: of such a list the others are held one by one.
    """
    lines = streamed(
        connection,
        select(_D.book_id, _D.seq, _D.line, _D.account_id, _D.number_sealed)
        .where(_D.book_id.between(first, last), _D.number_sealed.is_not(None))
        .order_by(_D.book_id, _D.seq, _D.line),
    )
    stored: Stream[tuple[int, int | None, bytes]] = Stream(keyed(lines, 2, tuple))
    entries = streamed(
        connection,
        select(_E.book_id, _E.seq, _E.detail)
        .where(_E.book_id.between(first, last), _E.kind == int(Kind.DECLARATION))
        .order_by(_E.book_id, _E.seq),
    )
    for book_id, seq, detail in entries:
        sent: list[tuple[int, bytes]] = []
        is_sound = True
        for line, account_id, sealed in stored.of((book_id, seq)):
            digest, fault = None, None
            if is_erased(bytes(sealed)):
                is_sound = False
                if not _went_with_its_person(connection, account_id, bytes(sealed)):
                    fault = (
                        "sent_number_wrong",
                        "the sealed ID number was erased without whom the line is about",
                    )
            else:
                digest, fault = _opened(bytes(sealed), book_id, line, keyring)
            if digest is not None:
                sent.append((line, digest))
                if not _is_of(connection, account_id, digest):
                    fault = "sent_number_wrong", "the sealed ID number is not one of whom the line is about"
            if fault is not None:
                is_sound = False
                code, what = fault
                yield Finding(code, f"{line_name(book_id, seq)} line {line}", what)
        told = _numbers_told(detail)
        # one that is not sound was named already, or its person is not known any more
        if is_sound and told is not None and told != sent_digest(sent):
            what = "the sealed ID numbers of its lines are not those that were handed in"
            yield Finding("sent_numbers_wrong", line_name(book_id, seq), what)


def _opened(
    sealed: bytes, book_id: int, line: int, keyring: Keyring
) -> tuple[bytes | None, tuple[str, str] | None]:
    """What the number of a line is found by; else what is wrong with it."""
    try:
        number = parse_id_number(open_sent(sealed, book_id, line, keyring), date.max)
    except KeyringError:
        return None, ("sent_number_does_not_open", "the sealed ID number does not open")
    except Refused:
        return None, ("sent_number_wrong", "what was sealed is no ID number")
    return number_digest(number, keyring), None


def _numbers_told(detail: str | None) -> str | None:
    try:
        found = unpack(detail).get("numbers")
    except UNREADABLE:
        # that is found where rows are held against their entries
        return None
    return found if found is None else str(found)


def _went_with_its_person(connection: Connection, account_id: int | None, sealed: bytes) -> bool:
    """Whether the key that a value names was erased, by an entry in a book of the holder of an account."""
    holder = connection.scalar(select(_B.person_id).where(_B.book_id == account_id))
    return holder is not None and went_with(connection, sealed, holder)


def _is_of(connection: Connection, account_id: int | None, digest: bytes) -> bool:
    """Whether a number finds, found, or was shared by the holder of an account."""
    person_id = connection.scalar(select(_B.person_id).where(_B.book_id == account_id))
    if person_id is None:
        return False
    they = {person_id, survivor(connection, person_id)}
    finds = connection.scalar(select(_I.person_id).where(_I.digest == digest))
    if finds in they:
        return True
    recorded = select(_F.person_id).where(_F.what == int(PersonFact.NUMBER), _F.digest == digest)
    shared = select(_S.person_id, _S.other_person_id).where(_S.digest == digest)
    known = set(connection.scalars(recorded)).union(*map(tuple, connection.execute(shared).all()))
    return not they.isdisjoint(known)
