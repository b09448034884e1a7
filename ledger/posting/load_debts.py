"""What commands about contributions read after the locks: an employer's debts, lists, and enrolments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from ledger import tables
from ledger.book.beside.enrolments import Enrolment
from ledger.book.beside.levies import Assessment, Debts, DeclaredLine, Levy, LevyLine
from ledger.chart.members import MemberClass
from ledger.database.lookups import Lookup
from ledger.posting.command import Command, Needs
from ledger.posting.desk import Desk
from ledger.posting.load import read_books

_L, _A, _D, _N = (
    tables.levy_line.c,
    tables.assessment.c,
    tables.declared_line.c,
    tables.enrolment.c,
)
_LEVY_FIELDS = ("book_id", "period", "on_day", *tables.LEVY_AMOUNTS)
_LEVY_LINES = Lookup(
    f"SELECT {', '.join(f'l.{name}' for name in _LEVY_FIELDS)} FROM {{given}}"
    " JOIN levy_line l ON l.book_id = given.book_id ORDER BY l.book_id, l.seq",
    [_L[name] for name in _LEVY_FIELDS],
    book_id="big",
)
_ROW_FIELDS = (
    "book_id", "period", "account_id", "base", "employee", "employer", "employee_paid", "employer_paid",
    "suspended", "paid_on",
)  # fmt: skip
_ROW = ", ".join(f"a.{name}" for name in _ROW_FIELDS)
_OPEN_ROWS = Lookup(
    f"SELECT {_ROW} FROM {{given}} JOIN assessment a ON a.book_id = given.book_id"
    " WHERE (a.employee_paid < a.employee OR a.employer_paid < a.employer)",
    [_A[name] for name in _ROW_FIELDS],
    book_id="big",
)
_OPEN_ROWS_OF = Lookup(
    f"SELECT {_ROW} FROM {{given}} JOIN assessment a ON a.book_id = given.book_id"
    " AND a.period = given.period WHERE (a.employee_paid < a.employee OR a.employer_paid < a.employer)",
    [_A[name] for name in _ROW_FIELDS],
    book_id="big",
    period="int",
)
_ROWS_OF = Lookup(
    f"SELECT {_ROW} FROM {{given}} JOIN assessment a ON a.book_id = given.book_id"
    " AND a.period = given.period AND a.account_id = given.account_id",
    [_A[name] for name in _ROW_FIELDS],
    book_id="big",
    period="int",
    account_id="big",
)
_DECLARED = Lookup(
    "SELECT d.book_id, d.seq, d.line, d.account_id, d.wage, d.base, d.employee, d.employer, d.code,"
    " d.number_sealed FROM {given} JOIN declared_line d ON d.book_id = given.book_id AND d.seq = given.seq"
    " ORDER BY d.book_id, d.seq, d.line",
    [_D.book_id, _D.seq, *(_D[name] for name in DeclaredLine._fields)],
    book_id="big",
    seq="int",
)
_ENROLMENTS = Lookup(
    "SELECT n.book_id, n.seq, n.member_class, n.employer_id, n.valid_from, n.valid_to FROM {given}"
    " JOIN enrolment n ON n.book_id = given.book_id WHERE NOT EXISTS (SELECT 1 FROM enrolment x"
    " WHERE x.book_id = n.book_id AND x.replaces_seq = n.seq) ORDER BY n.book_id, n.seq",
    [_N.book_id, _N.seq, _N.member_class, _N.employer_id, _N.valid_from, _N.valid_to],
    book_id="big",
)
_SEALED = Lookup(
    "SELECT b.book_id, i.digest, i.number_sealed FROM {given} JOIN book b ON b.book_id = given.book_id"
    " JOIN identity i ON i.person_id = b.person_id AND i.role = 1 WHERE i.number_sealed IS NOT NULL",
    [tables.book.c.book_id, tables.identity.c.digest, tables.identity.c.number_sealed],
    book_id="big",
)
_OPEN = frozenset({Needs.OPEN_MONTHS, Needs.OPEN_MONTH})
_ABOUT = _OPEN | {Needs.DEBTS, Needs.DECLARED, Needs.ENROLMENTS}


def read_declared(
    connection: Connection, places: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], list[DeclaredLine]]:
    """The lines of declarations, by (book, seq) of the entry that handed them in."""
    found: dict[tuple[int, int], list[DeclaredLine]] = {}
    for row in _DECLARED.run(connection, list(dict.fromkeys(places))):
        found.setdefault((row[0], row[1]), []).append(DeclaredLine._make(row[2:]))
    return found


def read_enrolments(connection: Connection, book_ids: Iterable[int]) -> dict[int, list[Enrolment]]:
    """The enrolments that nothing took the place of, by account, in the order they were recorded."""
    found: dict[int, list[Enrolment]] = {}
    for book_id, seq, member_class, employer_id, first, last in _ENROLMENTS.run(
        connection, [(book_id,) for book_id in sorted(set(book_ids))]
    ):
        found.setdefault(book_id, []).append(
            Enrolment(seq, MemberClass(member_class), employer_id, first, last)
        )
    return found


def read_debts(
    connection: Connection,
    levied: Iterable[int],
    opened: Iterable[int],
    pairs: Iterable[tuple[int, int, int]],
    months: Iterable[tuple[int, int]] = (),
) -> dict[int, Debts]:
    """The debts of employers' books: every month, and of the persons' months three kinds.

    Those that are open in the books `opened`, those that are open in `months` (book, period), and `pairs`
    (book, period, account) asked for by name.
    """
    found = {book_id: Debts() for book_id in levied}
    rows: list[Any] = list(_LEVY_LINES.run(connection, [(book_id,) for book_id in sorted(found)]))
    for row in rows:
        levies, line = found[row[0]].levies, LevyLine._make(row[1:])
        levies[line.period] = levies.get(line.period, Levy()).add(line)
    rows = [
        *_OPEN_ROWS.run(connection, [(book_id,) for book_id in sorted(set(opened))]),
        *_OPEN_ROWS_OF.run(connection, sorted(set(months))),
        *_ROWS_OF.run(connection, sorted(set(pairs))),
    ]
    for row in rows:
        found[row[0]].rows[row[1], row[2]] = Assessment._make(row[3:])
    return found


def read_contributions(connection: Connection, commands: Sequence[tuple[int, Command]], desk: Desk) -> None:
    """What commands about contributions asked for, each kind of fact in one statement."""
    asking = [(book_id, command) for book_id, command in commands if command.needs & _ABOUT]
    if not asking:
        return
    lists = [
        (book_id, command.target_seq)
        for book_id, command in asking
        if Needs.DECLARED in command.needs and command.target_seq is not None
    ]
    desk.declared = read_declared(connection, lists)
    pairs: list[tuple[int, int, int]] = []
    months: list[tuple[int, int]] = []
    unknown: set[int] = set()
    named: set[int] = set()
    for book_id, command in asking:
        accounts = _accounts(book_id, command, desk)
        named |= accounts
        period = _period(book_id, command, desk)
        if period is not None and Needs.DEBTS in command.needs:
            pairs += [(book_id, period, account) for account in accounts]
            if Needs.OPEN_MONTH in command.needs:
                months.append((book_id, period))
        elif Needs.OPEN_MONTH in command.needs:
            # what it is about is yet to be written, by this very batch
            unknown.add(book_id)
    unlocked = named - desk.books.keys()
    desk.named = read_books(connection, unlocked) if unlocked else {}
    own = {
        book_id for book_id, command in asking if Needs.ENROLMENTS in command.needs and book_id in desk.books
    }
    desk.enrolments = read_enrolments(connection, named | own)
    levied = {
        book_id for book_id, command in asking if Needs.DEBTS in command.needs and book_id in desk.books
    }
    opened = {book_id for book_id, command in asking if Needs.OPEN_MONTHS in command.needs}
    opened = (opened | unknown) & levied
    debts = read_debts(
        connection,
        levied,
        opened,
        [pair for pair in pairs if pair[0] in levied],
        [month for month in months if month[0] in levied and month[0] not in opened],
    )
    for book_id, found in debts.items():
        desk.books[book_id].debts = found
    payees = [(book_id,) for book_id in sorted(desk.books.keys() - levied)]
    if any(command.needs & _OPEN for _, command in asking):
        for book_id, digest, sealed in _SEALED.run(connection, payees):
            desk.sealed[book_id] = (bytes(digest), bytes(sealed))


def _accounts(book_id: int, command: Command, desk: Desk) -> set[int]:
    """The accounts that a command names, itself or by the list it acts on."""
    ids = {desk.ids.get(ref) if isinstance(ref, bytes) else ref for ref in command.named}
    if Needs.DECLARED in command.needs and command.target_seq is not None:
        ids |= {line.account_id for line in desk.declared.get((book_id, command.target_seq), ())}
    return {account for account in ids if account is not None}


def _period(book_id: int, command: Command, desk: Desk) -> int | None:
    if command.period is not None or command.target_seq is None:
        return command.period
    target = desk.targets.get((book_id, command.target_seq))
    return None if target is None else target.period
