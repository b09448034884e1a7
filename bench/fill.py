"""Ledgers of any size, written by SQL: every book opened with money, then contributions and spendings.

Entries are written as time goes by, one entry of every book at a time, so that the entries of a book lie
apart on disk as they would after years of service. The chain is made in SQL on the way. Indexes and foreign
keys are put back at the end, which checks them.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from sqlalchemy import Connection, make_url, text

from bench import chain_sql
from bench.chain_sql import EntrySql
from bench.people import person_id, write_people
from bench.plan import AREA, CALLER, INSTITUTION, BenchFailed
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage, Verb
from ledger.chart.parties import NUMBERS_PER_LETTER, Party
from ledger.chart.sides import Side
from ledger.clock import now_and_today
from ledger.database.engines import connect
from ledger.institutions.examples import EXAMPLE_INSTITUTIONS, register
from ledger.months import period_of
from ledger.policy import Policy, load_policies
from ledger.posting.agents import agent_ids
from ledger.posting.in_force import policy_versions
from tests.check import migrate
from tests.support.postgres import Server

TEMPLATE = "ledger_template"
# of account numbers, whose twelve digits are to look drawn by lot; it has no divisor in common with 10^12
_FACTOR = 618_033_988_747
# the same in SQL, of a column or alias i
BOOK_SQL = f"({Party.PERSON.first} + i::bigint * {_FACTOR} % {NUMBERS_PER_LETTER})"
# which rows of `book` are people's: institutions, employers and registers have books beside them
OF_PEOPLE = f"book_id BETWEEN {Party.PERSON.first} AND {Party.PERSON.last}"
_CONTRIBUTION_FEN = 16_000
_SPENDING_FEN = 5_000
_CONNECTIONS = 2


def book_number(i: int) -> int:
    """The i-th book of a filled ledger, i from 1."""
    return Party.PERSON.first + i * _FACTOR % NUMBERS_PER_LETTER


def accounts_of(connection: Connection) -> list[int]:
    """The books of people in a ledger."""
    return list(connection.scalars(text(f"SELECT book_id FROM book WHERE {OF_PEOPLE}")))


def libpq(url: str) -> str:
    """The same database for psycopg and the programs of PostgreSQL."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def policies() -> dict[int, Policy]:
    return {int(area): policy for area, policy in load_policies().items()}


@dataclass(frozen=True)
class Numbers:
    """What names of the outer world are called inside one database."""

    policy_version: int
    agent: int
    institution_party: int


def numbers(url: str) -> Numbers:
    """Register the example institutions, the bench as caller and the policy; their numbers."""
    engine = connect(url)
    try:
        with engine.connect() as connection:
            register(connection, EXAMPLE_INSTITUTIONS, now_and_today()[0])
            agent = agent_ids(connection, [CALLER], now_and_today()[0])[CALLER]
            version = policy_versions(connection, policies(), now_and_today()[0])[AREA]
            party = connection.exec_driver_sql(
                "SELECT party_id FROM institution WHERE code = %s", (INSTITUTION,)
            ).scalar_one()
    finally:
        engine.dispose()
    return Numbers(version, agent, party)


def make_template(server: Server) -> None:
    """An empty ledger, by the migrations; the databases of the bench are copies of it."""
    migrate(server.create_database(TEMPLATE))


def make_ledger(
    server: Server,
    name: str,
    books: int,
    entries_per_book: int,
    money_fen: int,
    say: Callable[[str], None],
    *,
    opened: date | None = None,
) -> str:
    """A database with a ledger of `books` × `entries_per_book` entries of the year; its URL.

    `opened` is the first day of another year, of which all entries are then.
    """
    url = server.create_database(name, TEMPLATE)
    known = numbers(url)
    began = datetime.now().astimezone()
    with psycopg.connect(libpq(url), autocommit=True) as connection:
        put_back = _take_off(connection)
        threads = []
        faults: list[BaseException] = []
        for place in range(_CONNECTIONS):
            first, last = books * place // _CONNECTIONS + 1, books * (place + 1) // _CONNECTIONS
            filler = _Filler(libpq(url), known, first, last, entries_per_book, money_fen, faults, opened)
            threads.append(threading.Thread(target=filler.run))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if faults:
            raise BenchFailed(f"filling {name}: {faults[0]}") from faults[0]
        connection.execute("SET maintenance_work_mem = '512MB'")
        for statement in put_back:
            connection.execute(statement)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    seconds = (datetime.now().astimezone() - began).total_seconds()
    say(f"  {name}: {books:,} books, {books * entries_per_book:,} entries in {seconds:.0f} s")
    return url


def _take_off(connection: psycopg.Connection[Any]) -> list[bytes]:
    """Drop the foreign keys, keys and indexes of entry and transfer; the statements that put them back.

    Foreign keys that point at them from other tables go too, and come back.
    """
    tables = ["transfer", "entry"]
    constraints = connection.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype FROM pg_constraint"
        " WHERE conrelid::regclass::text = ANY(%s) AND contype IN ('f', 'p', 'u')"
        " OR confrelid <> 0 AND confrelid::regclass::text = ANY(%s)",
        [tables, tables],
    ).fetchall()
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)"
        " AND indexname <> ALL(SELECT conname FROM pg_constraint)",
        [tables],
    ).fetchall()
    foreign_first = sorted(constraints, key=lambda row: row[3] != "f")
    for table, name, _definition, _type in foreign_first:
        connection.execute(_raw(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
    for name, _definition in indexes:
        connection.execute(_raw(f"DROP INDEX {name}"))
    again = [
        f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"
        for table, name, definition, _type in reversed(foreign_first)
    ]
    own = [definition for _name, definition in indexes]
    split = sum(row[3] != "f" for row in constraints)
    return [_raw(statement) for statement in again[:split] + own + again[split:]]


def _raw(statement: str) -> bytes:
    # psycopg takes literal strings or bytes; these are put together from the catalogue and this file
    return statement.encode()


# as `ledger.posting.identities` has it, of the person `p` of the i-th book
_SALT = "substring(sha256(convert_to('salt|' || i, 'UTF8')) FOR 16)"
_WHOSE = (
    "encode(sha256(convert_to('1|' || encode(p.digest, 'hex') || '|' || p.person_id || '|1|'"
    f" || encode(p.name_digest, 'hex') || '|1|' || encode({_SALT}, 'hex') || chr(10), 'UTF8')), 'hex')"
)


class _Filler:
    """One connection, filling the books from `first` to `last`."""

    def __init__(
        self,
        conninfo: str,
        known: Numbers,
        first: int,
        last: int,
        levels: int,
        money_fen: int,
        faults: list[BaseException],
        opened: date | None,
    ) -> None:
        self._conninfo = conninfo
        self._known = known
        self._first, self._last = first, last
        self._levels = levels
        self._money = money_fen
        self._faults = faults
        self._now, self._today = now_and_today()
        self._opened = opened or date(self._today.year, 1, 1)
        # the day before which all entries are
        self._end = min(self._today, date(self._opened.year, 12, 31))

    def run(self) -> None:
        try:
            with psycopg.connect(self._conninfo, autocommit=True) as connection:
                self._fill(connection)
        except BaseException as fault:  # noqa: BLE001  handed to the thread that waits
            self._faults.append(fault)

    def _fill(self, connection: psycopg.Connection[Any]) -> None:
        for name in ("head_a", "head_b"):
            connection.execute(
                _raw(f"CREATE TEMP TABLE {name} (i int, book_id bigint, cy bigint, co bigint, digest bytea)")
            )
        connection.execute(
            _raw(
                f"INSERT INTO head_a SELECT i, {BOOK_SQL}, 0, 0, {chain_sql.genesis(BOOK_SQL)}"
                f" FROM generate_series({self._first}, {self._last}) i"
            )
        )
        # before the books, whose openings say whose they are
        write_people(connection, self._first, self._last, self._now, self._today)
        source, target = "head_a", "head_b"
        for seq in range(1, self._levels + 1):
            connection.execute(_raw(self._level(seq, source, target)))
            connection.execute(_raw(f"TRUNCATE {source}"))
            source, target = target, source
        connection.execute(_raw(self._books(source)))
        connection.execute(_raw(self._holdings()))
        connection.execute(_raw(self._identities()))

    def _day(self, seq: int) -> date:
        return self._opened + (self._end - self._opened) * (seq - 1) // self._levels

    def _recorded_at(self, seq: int) -> datetime:
        noon = datetime.combine(self._day(seq), datetime.min.time(), self._now.tzinfo) + timedelta(hours=4)
        return min(noon, self._now - timedelta(minutes=1)) + timedelta(milliseconds=seq)

    def _level(self, seq: int, source: str, target: str) -> str:
        """One entry of every book, decided, chained and written in one statement."""
        known, day = self._known, self._day(seq)
        cy, co, detail, period = "cy", "co", "NULL::text", "NULL::int"
        if seq == 1:
            kind, sides, fen, party = Kind.OPENING, (Side.TAKEOVER, Side.CARRIED_OVER), self._money, ""
            co, detail = f"co + {fen}", f"""('{{"area":{AREA},"whose":"' || whose || '"}}')"""
            people = f"JOIN identity p ON p.person_id = {_person('i')}"
            source = f"(SELECT h.*, {_WHOSE} AS whose FROM {source} h {people})"
            reference, asked = "'old-' || i", f"concat('0|{fen}|old-', i)"
        elif seq % 4 == 0:
            kind, sides, fen = Kind.SPENDING, (Side.CURRENT_YEAR, Side.INSTITUTION_PAYABLE), _SPENDING_FEN
            party, cy = str(known.institution_party), f"cy - {fen}"
            reference = f"'bill-' || i || '-{seq}'"
            asked = f"concat('{fen}|{day}|False|{INSTITUTION}|', {reference})"
        else:
            kind, sides, fen, party = (
                Kind.CONTRIBUTION, (Side.COLLECTION_CLEARING, Side.CURRENT_YEAR), _CONTRIBUTION_FEN, "",
            )  # fmt: skip
            cy, period = f"cy + {fen}", str(period_of(day))
            reference = f"'paid-' || i || '-{seq}'"
            asked = f"concat('{fen}|{period}|{day}|', {reference})"
        verb = {Kind.OPENING: "open", Kind.SPENDING: Verb.SPENDING.value}.get(kind, Verb.CONTRIBUTION.value)
        at = f"'{self._recorded_at(seq).isoformat()}'::timestamptz"
        move = f"{int(sides[0])},{int(sides[1])},{fen},{party}"
        entry = EntrySql(
            "book_id", str(seq), str(int(kind)), period, f"'{day}'", at, "cy", "co",
            str(known.policy_version), str(known.agent), str(known.agent), "key", "asked", "reference",
            detail, f"'{move}'",
        )  # fmt: skip
        return f"""
WITH decided AS (
  SELECT i, book_id, {cy} AS cy, {co} AS co, digest AS previous, {reference} AS reference,
         'fill-' || i || '-{seq}' AS key, {chain_sql.fingerprint(verb, "book_id", asked)} AS asked
         {", whose" if seq == 1 else ""}
  FROM {source} s
), chained AS MATERIALIZED (
  SELECT *, {chain_sql.digest("previous", entry)} AS digest FROM decided
), e AS (
  INSERT INTO entry (book_id, recorded_at, current_year_after, carried_over_after, seq, period, effective_on,
    policy_version, caller, actor, kind, idempotency_key, request_digest, source_ref, detail, digest)
  SELECT book_id, {at}, cy, co, {seq}, {period}, '{day}', {known.policy_version},
    {known.agent}, {known.agent}, {int(kind)}, key, asked, reference, {detail}, digest FROM chained
), t AS (
  INSERT INTO transfer (book_id, amount_fen, party_id, seq, line, from_side, to_side)
  SELECT book_id, {fen}, {party or "NULL"}, {seq}, 1, {int(sides[0])}, {int(sides[1])} FROM chained
)
INSERT INTO {target} SELECT i, book_id, cy, co, digest FROM chained"""

    def _books(self, source: str) -> str:
        year = self._opened.year
        return (
            "INSERT INTO book (book_id, current_year, carried_over, held, reserved, person_id, last_seq,"
            " area, opened_on, open_year, interest_year, open_freezes, stage, head,"
            f" recorded_at) SELECT book_id, cy, co, 0, 0, {_person('i')}, {self._levels}, {AREA},"
            f" '{self._opened}', {year}, {year - 1}, 0, {int(Stage.ACTIVE)}, digest,"
            f" '{self._recorded_at(self._levels).isoformat()}' FROM {source}"
        )

    def _identities(self) -> str:
        """What the openings say of whose the books are."""
        return (
            "INSERT INTO identity_entry (book_id, person_id, seq, line, nth, role, digest, name_digest, salt)"
            f" SELECT {BOOK_SQL}, p.person_id, 1, 1, 1, p.role, p.digest, p.name_digest, {_SALT}"
            f" FROM generate_series({self._first}, {self._last}) i"
            f" JOIN identity p ON p.person_id = {_person('i')}"
        )

    def _holdings(self) -> str:
        """Who has which book."""
        return (
            "INSERT INTO claim (digest, book_id)"
            f" SELECT sha256(convert_to('account|' || {_person('i')} || '|1', 'UTF8')), {BOOK_SQL}"
            f" FROM generate_series({self._first}, {self._last}) i"
        )


def _person(i: str) -> str:
    return f"({person_id(0)} + {i}::bigint)"
