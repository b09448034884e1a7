"""Deciding by one look at the database what would become of a command, for quotes.

What `rehearse` reads in seven statements is one here: they are most of the time that a quote takes. Whatever
is out of the ordinary is left to `rehearse`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection

from ledger.book.state import Book
from ledger.chart.matrix import Stage
from ledger.database.cluster import in_cluster
from ledger.database.direct import Direct
from ledger.database.engines import at_a_glance, is_postgresql
from ledger.policy import Policy
from ledger.posting.agents import agent_ids
from ledger.posting.attempt import Attempt
from ledger.posting.book_reads import BOOK_COLUMNS, NEWEST
from ledger.posting.command import Command
from ledger.posting.decide import decide_all
from ledger.posting.desk import Desk
from ledger.posting.holdings import ACCOUNT
from ledger.posting.in_force import outdated_areas, policy_versions
from ledger.posting.needs import Look
from ledger.posting.outcomes import Change, Institution, Outcome, WiderLocks


def _rows_of(alias: str, columns: Sequence[str], source: str) -> str:
    """The rows of a table as JSON, each a list of its columns."""
    listed = ", ".join(f"{alias}.{name}" for name in columns)
    return f"(SELECT json_agg(json_build_array({listed})) FROM {source})"


_INSTITUTION = (
    # with what was said of it since: few have anything
    "(SELECT json_agg(json_build_array(i.party_id, i.kind, i.level, i.area, "
    + _rows_of("g", Change._fields, "institution_change g WHERE g.book_id = i.party_id")
    + ")) FROM institution i WHERE i.code = :code)",
    _rows_of("c", ("valid_from", "valid_to", "services"), "contract c WHERE c.code = :code"),
    _rows_of("s", ("valid_from", "valid_to"), "suspension s WHERE s.code = :code"),
)
# The chain's head, and when it was written, are for who writes.
_BOOK = tuple(name for name in BOOK_COLUMNS if name not in {"head", "recorded_at"})
_FIRST_ACCOUNT = f"sha256(convert_to('{ACCOUNT.decode()}|' || p.person_id || '|1', 'UTF8'))"


def _held(stakes: int) -> str:
    """Who holds so many stakes."""
    digests = ", ".join(f":stake_{place}" for place in range(stakes))
    return _rows_of("k", ("digest", "book_id"), f"claim k WHERE k.digest IN ({digests})")


@functools.cache
def _one_look(looks: tuple[Look[Any], ...], stakes: int) -> Direct:
    """The statement that reads the first account of a person with all of this beside it, and who holds what.

    It comes as one value: each column more would cost the driver as much as its work. A closed account, one
    with holds or freezes, and a book that is no account are left to `rehearse`.
    """
    beside = ", ".join((*_INSTITUTION, _held(stakes) if stakes else "NULL", *(look.in_one for look in looks)))
    return Direct(
        f"SELECT json_build_array(json_build_array({', '.join(f'b.{name}' for name in _BOOK)}), {NEWEST},"
        f" {beside}) FROM identity p JOIN claim h ON h.digest = {_FIRST_ACCOUNT}"
        " JOIN book b ON b.book_id = h.book_id WHERE p.digest = :digest"
        # a number that two people shared, and that is in force for neither, is refused there
        " AND (p.role = 1 OR NOT EXISTS (SELECT 1 FROM shared_number n WHERE n.digest = p.digest))"
        f" AND b.stage <> {int(Stage.CLOSED)} AND b.held = 0 AND b.open_freezes = 0"
    )


def decide_at_a_look(
    connection: Connection,
    command: Command,
    now: datetime,
    today: date,
    policies: Mapping[int, Policy],
) -> Outcome | None:
    """What would become of a command about somebody's account; None when that takes more than one look.

    That is on SQLite and in a cluster, for who has no open account or has one with holds or freezes, for
    what asks for more than one look gives, and where other books are needed. `connection` reads single
    statements. Nothing is locked, staked or written.
    """
    if not is_postgresql(connection) or in_cluster(connection):
        return None
    if not isinstance(command.book, bytes) or command.others:
        return None
    if command.debits and command.effective_on is not None and command.effective_on < today:
        # it has to know how the pockets stood on that day
        return None
    needs = sorted(command.needs, key=attrgetter("place"))
    looks = tuple(need.look for need in needs if need.look is not None)
    if any(need.look is None and need.glimpse is None for need in needs):
        return None
    agents = agent_ids(connection, [command.caller, command.actor], now, create=False)
    versions = policy_versions(connection, policies, now, create=False)
    given: dict[str, Any] = {"digest": command.book, "code": command.institution}
    given |= {f"stake_{place}": digest for place, digest in enumerate(command.stakes)}
    for look in looks:
        given |= look.given(command) if look.given is not None else {}
    statement = _one_look(looks, len(command.stakes))

    def look_once(connection: Connection) -> tuple[list[Any], frozenset[int]] | None:
        rows = statement.all(connection, given)
        return (rows[0][0], outdated_areas(connection, versions, rows[0][0][1])) if rows else None

    one = at_a_glance(connection, look_once)
    if one is None:
        return None
    seen, outdated = one
    desk = Desk(now, today, policies)
    values, _newest, institution, contracts, suspensions, held, *beside = seen
    book = _book_of(desk, values)
    # a digest is shown as \x and its hex
    desk.stakes = {bytes.fromhex(digest[2:]): holder for digest, holder in held or ()}
    desk.fresh_stakes = set(command.stakes) - desk.stakes.keys()
    desk.stakes |= dict.fromkeys(desk.fresh_stakes, book.book_id)
    _keep_institution(desk, command.institution or "", institution, contracts, suspensions)
    for need in needs:
        if need.look is None and need.glimpse is not None:
            glimpsed = need.glimpse(command, book)
            if glimpsed is None:
                return None
            desk.found[need] = glimpsed
    looked = [need for need in needs if need.look is not None]
    for need, look, rows in zip(looked, looks, beside, strict=True):
        found = desk.found[need] = look.begin()
        look.put_states(book)
        if look.keep is None:
            if rows:
                return None
            continue
        for row in look.out_of_one(rows):
            look.keep(found, desk, book.book_id, row)
    attempt = Attempt([command], desk, versions, agents, ids=[book.book_id], outdated=outdated)
    decide_all(attempt, atomic=False)
    [outcome] = attempt.outcomes
    return None if isinstance(outcome, WiderLocks) else outcome


def _book_of(desk: Desk, values: list[Any]) -> Book:
    facts = dict(zip(_BOOK, values, strict=True))
    facts["opened_on"], facts["died_on"] = date.fromisoformat(facts["opened_on"]), _day(facts["died_on"])
    book = desk.books[facts["book_id"]] = Book(**facts, head=b"")
    return book


def _keep_institution(
    desk: Desk,
    code: str,
    institution: list[Any] | None,
    contracts: list[Any] | None,
    suspensions: list[Any] | None,
) -> None:
    for party_id, kind, level, area, changes in institution or ():
        desk.institutions[code] = Institution(
            code,
            party_id,
            kind,
            level,
            area,
            tuple(
                (date.fromisoformat(first), _day(last), frozenset(services.split(",")))
                for first, last, services in contracts or ()
            ),
            tuple((date.fromisoformat(first), _day(last)) for first, last in suspensions or ()),
            tuple(sorted(Change(date.fromisoformat(day), *said) for day, *said in changes or ())),
        )


def _day(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)
