"""What must be true between books: people, stakes, policies, totals."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from ledger import tables
from ledger.book.numbers import party_of
from ledger.chart.matrix import Stage
from ledger.chart.parties import Party
from ledger.chart.sides import Side
from ledger.database.lookups import Lookup
from ledger.people.enrolled import RESIDENT
from ledger.posting import holding_digest
from ledger.posting.holdings import ACCOUNT, HOLDINGS
from ledger.verify.books import stored_policy
from ledger.verify.finding import Finding, book_name
from ledger.verify.heirs import people_known
from ledger.verify.streams import some_at_once

_B, _E, _T = tables.book.c, tables.entry.c, tables.transfer.c
_ROWS_AT_ONCE = 500
_THERE = Lookup(
    "SELECT book_id, stage FROM book WHERE book_id {in_given}", [_B.book_id, _B.stage], book_id="big"
)


def people_are_known(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Every account belongs to a person of the identity table."""
    accounts = (
        select(_B.book_id, _B.person_id)
        .where(_B.book_id.between(first, last), _B.person_id.is_not(None))
        .order_by(_B.book_id)
    )
    for some in some_at_once(connection, accounts, _ROWS_AT_ONCE):
        known = people_known(connection, {person_id for _book_id, person_id in some})
        for book_id, person_id in some:
            if person_id not in known:
                what = "nobody is known as the person it belongs to"
                yield Finding("person_unknown", book_name(book_id), what)


def accounts_are_staked_once(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Each account of a person is the n-th staked for the person, for one n; only the last is not closed."""
    books = connection.execute(
        select(_B.book_id, _B.person_id)
        .where(_B.book_id.between(first, last), _B.person_id.is_not(None))
        .order_by(_B.book_id)
    ).all()
    for start in range(0, len(books), _ROWS_AT_ONCE):
        some = books[start : start + _ROWS_AT_ONCE]
        people = {
            scheme: {person_id for book_id, person_id in some if _scheme(book_id) == scheme}
            for scheme in (ACCOUNT, RESIDENT)
        }
        held = {scheme: _staked(connection, people[scheme], scheme) for scheme in people}
        for book_id, person_id in some:
            accounts = held[_scheme(book_id)].get(person_id, [])
            count = sum(staked == book_id for staked, _ in accounts)
            if count != 1:
                what = f"its person claims it {count} times, and should once"
                yield Finding("claim_wrong", book_name(book_id), what)
            elif any(stage != Stage.CLOSED for _, stage in accounts[:-1]):
                what = "its person has a later account and an earlier one that is not closed"
                yield Finding("claim_wrong", book_name(book_id), what)


def _scheme(book_id: int) -> bytes:
    """The scheme in which a person's book is staked: an account, or a resident's book without one."""
    return RESIDENT if party_of(book_id) is Party.RESIDENT else ACCOUNT


def _staked(
    connection: Connection, people: set[int], scheme: bytes
) -> dict[int, list[tuple[int, int | None]]]:
    """The accounts of people in order, as (book, stage or None when there is no such book)."""
    held: dict[int, list[tuple[int, int | None]]] = {}
    ordinal = 1
    while people:
        by_digest = {holding_digest(person_id, ordinal, scheme): person_id for person_id in people}
        people = set()
        for digest, book_id, stage in HOLDINGS.run(connection, [(digest,) for digest in by_digest]):
            person_id = by_digest[bytes(digest)]
            held.setdefault(person_id, []).append((book_id, stage))
            people.add(person_id)
        ordinal += 1
    return held


def stakes_name_a_book(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """Nothing is staked for a book that is not there: so the taking away of a whole book is found."""
    stake = tables.claim.c
    staked = select(stake.book_id).where(stake.book_id.between(first, last)).order_by(stake.book_id)
    for some in some_at_once(connection, staked, _ROWS_AT_ONCE):
        there = dict(_THERE.run(connection, sorted({(book_id,) for (book_id,) in some})))
        for (book_id,) in some:
            if book_id not in there:
                yield Finding("book_missing", book_name(book_id), "it was opened, and is not there")


def policies_are_what_they_were(connection: Connection, _first: int, _last: int) -> Iterator[Finding]:
    """The stored text of a policy version hashes to the hash that entries are explained by."""
    table = tables.policy.c
    stored = select(table.version, table.area, table.hash, table.content).order_by(table.version)
    for version, area, stored_hash, content in connection.execute(stored):
        policy = stored_policy(stored_hash, content)
        if policy is None:
            yield Finding("policy_changed", f"policy {version}", "its text is not the one of its hash")
        elif int(policy.area) != area:
            yield Finding("policy_changed", f"policy {version}", "its text is that of another area")


# -- totals ------------------------------------------------------------------------------------------------


def totals_agree(connection: Connection, first: int, last: int) -> Iterator[Finding]:
    """The general ledger and the accounts say the same: what the transfers leave in each pocket is what the
    books have there."""
    totals = {Side.CURRENT_YEAR: 0, Side.CARRIED_OVER: 0}
    moved = (
        select(_T.from_side, _T.to_side, func.sum(_T.amount_fen))
        .where(_T.book_id.between(first, last))
        .group_by(_T.from_side, _T.to_side)
    )
    for source, target, fen in connection.execute(moved):
        for side, change in ((source, -int(fen)), (target, int(fen))):
            if side in totals:
                totals[Side(side)] += change
    sums = select(
        func.min(_B.book_id),
        func.max(_B.book_id),
        func.coalesce(func.sum(_B.current_year), 0),
        func.coalesce(func.sum(_B.carried_over), 0),
    ).where(_B.book_id.between(first, last))
    lowest, highest, current_year, carried_over = connection.execute(sums).one()
    where = "no accounts" if lowest is None else f"{book_name(lowest)} to {book_name(highest)}"
    for side, here in ((Side.CURRENT_YEAR, int(current_year)), (Side.CARRIED_OVER, int(carried_over))):
        if here != totals[side]:
            what = f"the accounts have {here} fen in {side.name.lower()}, the transfers leave {totals[side]}"
            yield Finding("totals_differ", where, what)
