"""What must be true of events that are no entries: each tells of something that stands elsewhere.

A document is told of in the transaction that keeps it, so none is left out but what was printed for what the
person is not to know of yet. What a sweep finds is not found again here: that it told of everything, and at
which instant, cannot be held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from sqlalchemy import Connection, exists, or_, select

from ledger import tables
from ledger.book.numbers import book_id_of
from ledger.chart.events import EVENT_OF, EventKind
from ledger.database.lookups import Lookup
from ledger.months import parse_period
from ledger.policy.access import WITHHELD_UNSAID
from ledger.verify.books import stored_policy
from ledger.verify.finding import Finding
from ledger.verify.streams import streamed

_V, _D, _N = tables.event.c, tables.document.c, tables.notice.c
_L, _M, _A, _P = tables.read_log.c, tables.levy.c, tables.assessment.c, tables.policy.c
_NEWS = sorted({int(kind) for kind in EventKind} - {int(kind) for kind in EVENT_OF.values()})
_AT_ONCE = 1_000
_LOOKS = Lookup(
    "SELECT r.chain_id, r.seq, r.book_id FROM {given}"
    " JOIN read_log r ON r.chain_id = given.chain_id AND r.seq = given.seq",
    [_L.chain_id, _L.seq, _L.book_id],
    chain_id="int",
    seq="int",
)
_MONTHS = Lookup(
    "SELECT m.book_id, m.period FROM {given}"
    " JOIN levy m ON m.book_id = given.book_id AND m.period = given.period",
    [_M.book_id, _M.period],
    book_id="big",
    period="int",
)
_PARTS = Lookup(
    "SELECT a.book_id, a.period, a.account_id FROM {given} JOIN assessment a ON a.book_id = given.book_id"
    " AND a.period = given.period AND a.account_id = given.account_id",
    [_A.book_id, _A.period, _A.account_id],
    book_id="big",
    period="int",
    account_id="big",
)
_INT_MAX = 2**31 - 1
# position, reference, book
_News = tuple[int, str, int]


def news_is_of_what_happened(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """What an event of no entry tells of is there, and whatever was handed out was told."""
    for position in _wrong(connection, first, last):
        yield Finding("event_wrong", f"event {position}", "what it tells of is not there")
    told = exists().where(
        _V.kind == int(EventKind.DOCUMENT_ISSUED), _V.ref == _D.serial, _V.book_id == _D.book_id
    )
    waits = exists().where(
        _N.kind == int(EventKind.DOCUMENT_ISSUED), _N.ref == _D.serial, _N.book_id == _D.book_id
    )
    missing = (
        select(_D.serial)
        .where(
            _D.book_id.between(first, last),
            or_(_D.purpose.is_(None), _D.purpose.not_in(_withheld(connection))),
            ~told,
            ~waits,
        )
        .order_by(_D.serial)
    )
    for serial in streamed(connection, missing):
        yield Finding("event_missing", f"document {serial[0]}", "nobody was told of it")


def _withheld(connection: Connection) -> list[str]:
    """The purposes for which a look was withheld at any time in any area."""
    found = set(WITHHELD_UNSAID)
    for stored_hash, content in streamed(connection, select(_P.hash, _P.content)):
        # one that was changed is found elsewhere
        if (policy := stored_policy(stored_hash, content)) is not None:
            found |= policy.access.withheld_ever()
    return sorted(found)


def _wrong(connection: Connection, first: int, last: int) -> Iterator[int]:
    here = (_V.ref.is_not(None), _V.book_id.between(first, last))
    yield from connection.scalars(
        select(_V.position).where(*here, _V.kind.not_in(_NEWS)).order_by(_V.position)
        .execution_options(yield_per=_AT_ONCE)
    )  # fmt: skip
    yield from connection.scalars(
        select(_V.position)
        .outerjoin_from(tables.event, tables.document, _D.serial == _V.ref)
        .where(
            *here,
            _V.kind == int(EventKind.DOCUMENT_ISSUED),
            or_(_D.serial.is_(None), _D.book_id != _V.book_id, _D.issued_at != _V.at),
        )
        .order_by(_V.position)
        .execution_options(yield_per=_AT_ONCE)
    )
    for kind, found in (
        (EventKind.ACCESS_WITHHELD_NO_LONGER, _without_a_look),
        (EventKind.UNIT_DID_NOT_PAY, _without_a_month),
    ):
        rows = streamed(
            connection,
            # in the order of its index
            select(_V.position, _V.ref, _V.book_id).where(*here, _V.kind == int(kind)).order_by(_V.ref),
        )
        while some := [(row.position, row.ref, row.book_id) for row in islice(rows, _AT_ONCE)]:
            yield from found(connection, some)


def _without_a_look(connection: Connection, news: Iterable[_News]) -> Iterator[int]:
    """The positions of those whose look is not in the read log, or was at somebody else."""
    named = {position: (_place(ref), book_id) for position, ref, book_id in news}
    wanted = sorted({place for place, _ in named.values() if place is not None})
    looks = {(chain, seq): whose for chain, seq, whose in _LOOKS.run(connection, wanted)}
    for position, (place, book_id) in named.items():
        # who was known by number alone is told at the account that they have by then
        if place is None or place not in looks or looks[place] not in {None, book_id}:
            yield position


def _without_a_month(connection: Connection, news: Iterable[_News]) -> Iterator[int]:
    """The positions of those whose month was never owed: by the unit, or for this account."""
    named = {position: (_month(ref), book_id) for position, ref, book_id in news}
    months = {month for month, _ in named.values() if month is not None}
    owed = {tuple(row) for row in _MONTHS.run(connection, sorted(months))}
    wanted = {(*month, book_id) for month, book_id in named.values() if month is not None}
    parts = {tuple(row) for row in _PARTS.run(connection, sorted(wanted))}
    for position, (month, book_id) in named.items():
        own = month is not None and book_id == month[0]
        if month is None or month not in owed or not (own or (*month, book_id) in parts):
            yield position


def _place(ref: str) -> tuple[int, int] | None:
    """The chain and the number of a look as its event names it."""
    chain, _, seq = ref.partition("-")
    if not (ref.isascii() and chain.isdigit() and seq.isdigit()) or len(ref) > len("2147483647") * 2:
        return None
    place = int(chain), int(seq)
    return place if max(place) <= _INT_MAX and f"{place[0]}-{place[1]}" == ref else None


def _month(ref: str) -> tuple[int, int] | None:
    """The book of a unit and the month, as the event of it names them."""
    number, _, month = ref.partition("|")
    book_id, period = book_id_of(number), parse_period(month)
    return None if book_id is None or period is None else (book_id, period)
