"""Whose every ID number and account is: what `identity` says follows from what entries said of it.

No number leads to another person, no name digest and no role is another one, nobody was put in
and nobody taken away, than entries say. No key is needed for it; that the sealed numbers and names are those
of the digests is for those who have the keys (`twins`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.database.lookups import Lookup
from ledger.people.whose import holders_said
from ledger.posting.identities import WHOSE, IdentityRow, commitment
from ledger.posting.outcomes import IdentityState
from ledger.verify.finding import UNREADABLE, Finding, book_name, line_name
from ledger.verify.streams import Stream, keyed, some_at_once, streamed

_B, _E, _I, _R = tables.book.c, tables.entry.c, tables.identity.c, tables.identity_entry.c
_ROWS_AT_ONCE: Final = 2_000
_COLUMNS = tuple(_R[name] for name in IdentityRow._fields)
_SAYING: Final = f'%"{WHOSE}":"%'
_OF_NUMBERS = Lookup(
    "SELECT i.digest, i.person_id, i.role, i.name_digest, i.nth FROM {given}"
    " JOIN identity i ON i.digest = given.digest",
    [_I[name] for name in ("digest", "person_id", "role", "name_digest", "nth")],
    digest="bytes",
)
_OF_PEOPLE = Lookup(
    "SELECT i.digest, i.person_id, i.nth FROM {given} JOIN identity i ON i.person_id = given.person_id"
    " ORDER BY i.digest",
    [_I.digest, _I.person_id, _I.nth],
    person_id="big",
)
_SAID = Lookup(
    "SELECT r.digest, r.nth, r.person_id, r.role, r.name_digest, r.book_id, r.seq, e.kind FROM {given}"
    " JOIN identity_entry r ON r.digest = given.digest"
    " LEFT JOIN entry e ON e.book_id = r.book_id AND e.seq = r.seq"
    " ORDER BY r.digest, r.nth, r.book_id, r.seq",
    [
        *(_R[name] for name in ("digest", "nth", "person_id", "role", "name_digest", "book_id", "seq")),
        _E.kind,
    ],
    digest="bytes",
)


class SaidOfNumber(NamedTuple):
    """What an entry said of a number, and which entry."""

    digest: bytes
    nth: int
    person_id: int
    role: int
    name_digest: bytes
    book_id: int
    seq: int
    # none where the entry is gone
    kind: int | None

    @property
    def whose(self) -> tuple[int, int, bytes]:
        """Whose it is by this."""
        return self.person_id, self.role, self.name_digest


def entries_say_whose_numbers_are(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """What an entry says of whose numbers are is what stands beside it, and an account is whose it says."""
    rows = (
        select(_R.book_id, _R.seq, *_COLUMNS)
        .where(_R.book_id.between(first, last))
        .order_by(_R.book_id, _R.seq, _R.line)
    )
    beside: Stream[IdentityRow] = Stream(keyed(streamed(connection, rows), 2, _row))
    entries = (
        select(_E.book_id, _E.seq, _E.detail)
        .where(_E.book_id.between(first, last), _E.detail.like(_SAYING))
        .order_by(_E.book_id, _E.seq)
    )
    for book_id, seq, detail in streamed(connection, entries):
        found = tuple(beside.of((book_id, seq)))
        try:
            told = unpack(detail).get(WHOSE)
        except UNREADABLE:
            told = None
        if told != commitment(found):
            what = "it does not say of whose numbers are what stands beside it"
            yield Finding("identity_wrong", line_name(book_id, seq), what)
    for book_id, seq in sorted(beside.strays()):
        what = "it says nothing of whose numbers are, and something stands beside it"
        yield Finding("identity_wrong", line_name(book_id, seq), what)


def accounts_are_whose_they_say(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """The person of an account is whom its opening names; of an older version's, an entry that came later."""
    books = (
        select(_B.book_id, _B.person_id)
        .where(_B.book_id.between(first, last), _B.person_id.is_not(None))
        .order_by(_B.book_id)
    )
    said = holders_said(connection, first, last)
    for book_id, person_id in streamed(connection, books):
        if person_id not in said.get(book_id, ()):
            what = "no entry of it says that it is that of its person"
            yield Finding("holder_wrong", book_name(book_id), what)


def numbers_are_whose_entries_say(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Whatever an entry said of a number is what `identity` says, or a later entry said otherwise."""
    query = (
        select(_R.book_id, _R.seq, *_COLUMNS)
        .where(_R.book_id.between(first, last))
        .order_by(_R.book_id, _R.seq, _R.line)
    )
    for some in some_at_once(connection, query, _ROWS_AT_ONCE):
        there = _there(connection, {bytes(row.digest) for row in some})
        for book_id, seq, *values in some:
            row = _row(values)
            state = there.get(row.digest)
            if state is None or state.nth is None or state.nth < row.nth:
                what = "of an ID number that it names nobody is known, or an older entry counts"
                yield Finding("identity_lost", line_name(book_id, seq), what)
            elif state.nth == row.nth and state != row.state:
                what = "an ID number that it names is not that of whom it says"
                yield Finding("identity_differs", line_name(book_id, seq), what)


def everybody_is_known_by_an_entry(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Nobody is known whom no entry made known, and all that entries say of a number follows itself.

    Of some of the books it is asked about their holders; of all, about everybody, with a book or without.
    """
    for some in _numbers_known(connection, first, last):
        said = _said(connection, (bytes(digest) for digest, _person, _nth in some))
        for digest, person_id, nth in some:
            lines = said.get(bytes(digest), ())
            if nth is None:
                what = "no entry says whose its ID number is; after an upgrade, `migrate` lets entries say it"
                yield Finding("identity_not_said", f"person {person_id}", what)
            elif not any(line.nth == nth for line in lines):
                what = "no entry says of its ID number what is known"
                yield Finding("identity_not_said", f"person {person_id}", what)
            yield from _contradictions(lines)


def _numbers_known(connection: Connection, first: int, last: int) -> Iterator[Sequence[Any]]:
    """(digest, person, count) of everybody, or of the holders of some books; some at once."""
    everybody = select(_I.digest, _I.person_id, _I.nth).order_by(_I.digest)
    its = select(func.min(_B.book_id), func.max(_B.book_id))
    lowest, highest = connection.execute(its).one()
    if lowest is None or (first <= lowest and highest <= last):
        yield from some_at_once(connection, everybody, _ROWS_AT_ONCE)
        return
    holders = (
        select(_B.person_id).where(_B.book_id.between(first, last), _B.person_id.is_not(None)).distinct()
    )
    for some in some_at_once(connection, holders, _ROWS_AT_ONCE):
        yield _OF_PEOPLE.run(connection, [(person_id,) for (person_id,) in some])


def _contradictions(lines: Sequence[SaidOfNumber]) -> Iterator[Finding]:
    """Where entries say something else of a number, and have counted it as the same, or may not move it."""
    for before, line in pairwise(lines):
        if before.nth == line.nth and before.whose != line.whose:
            where = line_name(line.book_id, line.seq)
            yield Finding("identity_differs", where, "of an ID number another entry says otherwise")
        elif line.kind == Kind.IDENTITY and before.person_id != line.person_id:
            where = line_name(line.book_id, line.seq)
            yield Finding("identity_differs", where, "it moves no ID number, and gives one to somebody else")


def _row(values: Sequence[Any]) -> IdentityRow:
    digest, person_id, role, name, nth, salt = values
    return IdentityRow(bytes(digest), person_id, role, bytes(name), nth, bytes(salt))


def _there(connection: Connection, digests: Iterable[bytes]) -> dict[bytes, IdentityState]:
    asked = [(digest,) for digest in sorted(digests)]
    return {
        bytes(digest): IdentityState(person_id, role, bytes(name), nth)
        for digest, person_id, role, name, nth in _OF_NUMBERS.run(connection, asked)
    }


def _said(connection: Connection, digests: Iterable[bytes]) -> dict[bytes, list[SaidOfNumber]]:
    found: defaultdict[bytes, list[SaidOfNumber]] = defaultdict(list)
    for digest, nth, person_id, role, name, book_id, seq, kind in _SAID.run(
        connection, [(digest,) for digest in sorted(digests)]
    ):
        line = SaidOfNumber(bytes(digest), nth, person_id, role, bytes(name), book_id, seq, kind)
        found[line.digest].append(line)
    return found
