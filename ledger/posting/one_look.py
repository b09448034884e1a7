"""Deciding on a patient's bill by one look at the database, for pre-settlements.

What `rehearse` reads in seven statements is one here: they are most of the time that a quote takes. Whatever
is out of the ordinary is left to `rehearse`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Connection, LargeBinary, bindparam, column, text

from ledger.book.beside.care_rows import FilingRow
from ledger.book.beside.care_state import Accumulator, Care, Quota
from ledger.book.beside.enrolments import Enrolment
from ledger.book.state import Book
from ledger.chart.care import Filing
from ledger.chart.matrix import Stage
from ledger.chart.members import MemberClass
from ledger.database.engines import is_postgresql
from ledger.policy import Policy
from ledger.posting.agents import agent_ids, policy_versions
from ledger.posting.command import Command
from ledger.posting.decide import Attempt, decide_all
from ledger.posting.desk import Desk
from ledger.posting.load import BOOK_COLUMNS
from ledger.posting.outcomes import Institution, Outcome, WiderLocks

_COUNTERS = ("year", *Accumulator._fields)
_QUOTA = ("book_id", "seq", *Quota._fields)


def _rows_of(alias: str, columns: Sequence[str], source: str) -> str:
    """The rows of a table as JSON, each a list of its columns."""
    listed = ", ".join(name if "." in name else f"{alias}.{name}" for name in columns)
    return f"(SELECT json_agg(json_build_array({listed})) FROM {source})"


_BESIDE = (
    _rows_of(
        "n",
        ("seq", "member_class", "employer_id", "valid_from", "valid_to"),
        "enrolment n WHERE n.book_id = b.book_id AND NOT EXISTS (SELECT 1 FROM enrolment x"
        " WHERE x.book_id = n.book_id AND x.replaces_seq = n.seq)",
    ),
    _rows_of("a", _COUNTERS, "accumulator a WHERE a.book_id = b.book_id"),
    _rows_of("q", _QUOTA, "quota q WHERE q.recipient_id = b.person_id AND NOT q.ended"),
    _rows_of(
        "f",
        ("seq", "e.effective_on", *FilingRow._fields),
        "filing f JOIN entry e ON e.book_id = f.book_id AND e.seq = f.seq WHERE f.book_id = b.book_id",
    ),
    _rows_of("i", ("party_id", "kind", "level", "area"), "institution i WHERE i.code = :code"),
    _rows_of("c", ("valid_from", "valid_to", "services"), "contract c WHERE c.code = :code"),
    _rows_of("s", ("valid_from", "valid_to"), "suspension s WHERE s.code = :code"),
)
# The chain's head is for who writes.
_BOOK = tuple(name for name in BOOK_COLUMNS if name != "head")
# The first account of the person, as one value: each column more would cost the driver as much as its work.
# A closed account, one with holds or freezes, and a resident's book are left to `rehearse`.
_LOOK = (
    text(
        f"SELECT json_build_array(json_build_array({', '.join(f'b.{name}' for name in _BOOK)}),"
        f" {', '.join(_BESIDE)}) AS seen FROM identity p"
        " JOIN claim h ON h.digest = sha256(convert_to('account|' || p.person_id || '|1', 'UTF8'))"
        " JOIN book b ON b.book_id = h.book_id WHERE p.digest = :digest"
        f" AND b.stage <> {int(Stage.CLOSED)} AND b.held = 0 AND b.open_freezes = 0"
    )
    .bindparams(bindparam("digest", type_=LargeBinary))
    .columns(column("seen", JSON))
)


def decide_at_a_look(
    connection: Connection,
    command: Command,
    now: datetime,
    today: date,
    policies: Mapping[int, Policy],
) -> Outcome | None:
    """What would become of a bill of somebody with an account; None when that takes more than one look.

    That is on SQLite, for who has no open account or has one with holds or freezes, and where the money of
    relatives is needed. `connection` reads single statements. Nothing is locked, staked or written.
    """
    if not is_postgresql(connection):
        return None
    if not isinstance(command.book, bytes) or command.target_seq is not None or command.others:
        return None
    agents = agent_ids(connection, [command.caller, command.actor], create=False)
    versions = policy_versions(connection, policies, now, create=False)
    with connection.begin():
        seen = connection.scalar(_LOOK, {"digest": command.book, "code": command.institution})
    if seen is None:
        return None
    desk = Desk(now, today, policies)
    book = _fill(desk, seen, command.institution or "")
    attempt = Attempt([command], desk, versions, agents, ids=[book.book_id])
    decide_all(attempt, atomic=False)
    [outcome] = attempt.outcomes
    return None if isinstance(outcome, WiderLocks) else outcome


def _fill(desk: Desk, seen: list[Any], code: str) -> Book:
    """Put on the desk what the statement found."""
    values, *beside = seen
    enrolments, accumulators, quotas, filings, institutions, contracts, suspensions = (
        rows or () for rows in beside
    )
    facts = dict(zip(_BOOK, values, strict=True))
    facts["opened_on"], facts["died_on"] = date.fromisoformat(facts["opened_on"]), _day(facts["died_on"])
    book = desk.books[facts["book_id"]] = Book(**facts, head=b"")
    book.care = Care()
    desk.enrolments[book.book_id] = [
        Enrolment(seq, MemberClass(member_class), employer_id, date.fromisoformat(first), _day(last))
        for seq, member_class, employer_id, first, last in sorted(enrolments)
    ]
    for year, *counters in accumulators:
        book.care.accumulators[year] = Accumulator._make(counters)
    for donor_id, seq, *values in quotas:
        quota = Quota._make(values)
        desk.aid.setdefault(quota.recipient_id, []).append((quota.rank, donor_id, seq))
    desk.filings[book.book_id] = [
        (
            seq,
            date.fromisoformat(recorded),
            FilingRow(Filing(filing), date.fromisoformat(first), _day(last), *rest),
        )
        for seq, recorded, filing, first, last, *rest in sorted(filings)
    ]
    for party_id, kind, level, area in institutions:
        desk.institutions[code] = Institution(
            code,
            party_id,
            kind,
            level,
            area,
            tuple(
                (date.fromisoformat(first), _day(last), frozenset(services.split(",")))
                for first, last, services in contracts
            ),
            tuple((date.fromisoformat(first), _day(last)) for first, last in suspensions),
        )
    return book


def _day(value: str | None) -> date | None:
    return None if value is None else date.fromisoformat(value)
