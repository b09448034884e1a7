"""Where tables lie in a cluster, and what every statement of `ledger/` joins: nothing here needs a cluster.

A join is sound where both sides lie on one machine: tables that lie by one key, joined on it, and tables
that are whole everywhere. Any other is named here with its reason, and none of these is on a posting's way:
a module that declares a need has none. What reads apart in a cluster (`Apart`) is held look by look.
"""

import ast
import contextlib
import functools
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import ClauseElement, Executable, Table, UniqueConstraint

import ledger
from ledger import tables
from ledger.database.direct import POSTGRESQL, Direct
from ledger.database.lookups import Apart, Lookup
from ledger.database.places import PLACES, Where
from ledger.posting.needs import Look, Need

ROOT = Path(__file__).resolve().parents[2]

# module and statement, or module and comparison → why it may join what lies apart
ODD = {
    ("ledger.estates.payout_reports", "_LATER.c.person_id == _P.person_id"): "beside the books' own key",
    ("ledger.transfers.suspended", "_N.account_id == _A.account_id"): "beside the books' own key",
    (
        "ledger.verify.events",
        "_E.book_id == _V.book_id",
    ): "events stand on the coordinator, and verify waits",
}
# module and statement, or module and comparison → what is read in its place in a cluster
ELSE_IN_CLUSTER = {
    ("ledger.contributions.declared_months", f"{one}.book_id == _A.account_id"): "_has_nobody_apart"
    for one in ("own", "holder")
} | {("ledger.posting.stakes", "_PERSONS_HOLDING"): "_PERSONS, and then HOLDINGS"}

# small, and read with what is whole everywhere: in a cluster it does not point at its entry
KEY_GIVEN_UP = {"institution_change", "employer_change", "account_merge"}

_TABLES = "|".join(sorted(PLACES, key=len, reverse=True))
_WORDS = "ON WHERE SET JOIN LEFT UNION ORDER GROUP SELECT VALUES FOR USING LIMIT INNER RETURNING FULL CROSS"
_NAMED = re.compile(
    rf"\b(?:FROM|JOIN|UPDATE|INTO|,)\s+({_TABLES})\b(?:\s+(?:AS\s+)?(?!(?:{'|'.join(_WORDS.split())})\b)(\w+))?"
)
_EQUAL = re.compile(r"\b(\w+)\.(\w+) = (?:(\w+)\.(\w+)|(?:CAST\()?(%\(\w+\)s|\$\d+))")
# by what one row may say whose another is
KEYS = frozenset({
    "book_id", "account_id", "person_id", "recipient_id", "employer_id", "institution_id", "party_id",
    "into_id", "into_person_id", "debt_book", "debt_account", "digest", "name_digest", "other_person_id",
})  # fmt: skip


def joins_apart(sql: str) -> str | None:
    """Which tables a statement joins that do not lie together; None where all do."""
    for branch in re.split(r"\bUNION(?: ALL)?\b", sql):
        if (apart := _joins_apart(branch)) is not None:
            return apart
    return None


def _joins_apart(sql: str) -> str | None:
    named = {alias or table: table for table, alias in _NAMED.findall(sql)}
    spread = {alias: PLACES[table] for alias, table in named.items() if PLACES[table].is_spread}
    if "RECURSIVE" in sql and spread:
        return "recursive"
    groups: dict[Any, Any] = {}

    def find(one: Any) -> Any:
        while groups.setdefault(one, one) != one:
            one = groups[one]
        return one

    for alias, name, other, its, *given in _EQUAL.findall(sql):
        groups[find((alias, name))] = find((other, its) if other else tuple(given))
    together: dict[Any, list[str]] = {}
    for alias, place in spread.items():
        together.setdefault(find((alias, place.value)), []).append(named[alias])
    here = [table for table in named.values() if PLACES[table] is Where.COORDINATOR]
    if len(together) > 1 or (together and here):
        return " | ".join(sorted(" ".join(sorted(some)) for some in [*together.values(), here] if some))
    return None


def texts_of(statement: Any) -> Iterator[str]:
    """What goes to the database of something that a module calls by a name."""
    if isinstance(statement, Lookup | Direct):
        yield statement.sql
    elif isinstance(statement, Look):
        yield from texts_of(statement.lookup)
    elif isinstance(statement, Apart):
        for look in statement.looks:
            yield look.sql
    elif isinstance(statement, ClauseElement) and isinstance(statement, Executable):
        yield " ".join(str(statement.compile(dialect=POSTGRESQL)).split())


@functools.cache
def modules() -> list[ModuleType]:
    return [
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(ledger.__path__, "ledger.")
        if not found.name.endswith("__main__")
    ]


def of_statements() -> Iterator[tuple[str, str, str]]:
    for module in modules():
        for name, value in vars(module).items():
            for sql in texts_of(value):
                if (apart := joins_apart(sql)) is not None:
                    yield module.__name__, name, apart


def lookups() -> Iterator[tuple[str, Lookup]]:
    for module in modules():
        for name, value in vars(module).items():
            if isinstance(value, Lookup):
                yield f"{module.__name__} {name}", value
            elif isinstance(value, Look):
                yield f"{module.__name__} {name}", value.lookup
            elif isinstance(value, Apart):
                for place, one in enumerate(value.looks):
                    yield f"{module.__name__} {name} {place}", one


def column_of(node: ast.expr, names: dict[str, Any]) -> tuple[str | None, str] | None:
    """The table, where the module tells it, and the name of a column; None for what is none."""
    if not isinstance(node, ast.Attribute):
        return None
    try:
        found = eval(ast.unparse(node), dict(names))
    except (NameError, AttributeError, KeyError, TypeError):
        return None, node.attr
    table = getattr(found, "table", None)
    table = getattr(table, "element", table)
    return (table.name, found.name) if isinstance(table, Table) else (None, node.attr)


def compares_apart(node: ast.AST, names: dict[str, Any]) -> bool:
    """Whether an expression of SQLAlchemy says that rows belong together which do not lie so."""
    if not (isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq)):
        return False
    sides = [column_of(side, names) for side in (node.left, *node.comparators)]
    if any(side is None or side[1] not in KEYS for side in sides):
        return False
    places = [PLACES.get(side[0] or "") for side in sides if side is not None]
    if any(place is not None and not place.is_spread for place in places):
        return Where.COORDINATOR in places and any(place is not None and place.is_spread for place in places)
    if not any(places):
        return False
    named = [side[1] for side in sides if side is not None]
    return named[0] != named[1] or any(place.value not in named for place in places if place is not None)


def aliases_in(tree: ast.Module, names: dict[str, Any]) -> dict[str, Any]:
    """What functions call the columns of tables: `own = tables.enrolment.alias().c` and the like."""
    found: dict[str, Any] = {}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Assign) and "tables." in ast.unparse(node.value)):
            continue
        target = node.targets[0]
        pairs = [(target, node.value)]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(target.elts, node.value.elts, strict=True))
        for one, value in pairs:
            with contextlib.suppress(Exception):  # what takes a function's own values is no alias of a table
                found[ast.unparse(one)] = eval(ast.unparse(value), dict(names))
    return found


def of_comparisons() -> Iterator[tuple[str, str, str]]:
    for module in modules():
        file = Path(module.__file__ or "")
        if "sqlalchemy" not in (written := file.read_text(encoding="utf-8")):
            continue
        tree = ast.parse(written)
        names = {**aliases_in(tree, vars(module)), **vars(module)}
        for node in ast.walk(tree):
            if compares_apart(node, names):
                yield module.__name__, ast.unparse(node), "compared"


def test_no_statement_of_a_cluster_looks_at_the_end_of_each_of_many_books() -> None:
    """Citus refuses a subselect about each of the rows handed over that takes the first of several."""
    found = dict(lookups())
    assert len(found) > 100
    inside = re.compile(r" LIMIT [^()]*\)")
    assert [name for name, one in found.items() if inside.search(one.sql_in_cluster)] == []
    assert [name for name, one in found.items() if inside.search(one.sql)], "one machine is asked so"


def subselects(sql: str) -> Iterator[str]:
    """What stands in parentheses of its own, and begins with SELECT."""
    for found in re.finditer(r"\(SELECT ", sql):
        depth = 0
        for place in range(found.start(), len(sql)):
            depth += (sql[place] == "(") - (sql[place] == ")")
            if depth == 0:
                yield sql[found.start() : place + 1]
                break


def test_no_subselect_of_a_cluster_is_held_to_many_books_that_are_handed_over() -> None:
    """Citus takes one that is held to a table that lies with it; any other for a single shard alone."""
    held = re.compile(r"\.(book_id|digest) = given\.")

    def is_held(sql: str) -> bool:
        return any(held.search(one) and " AS given(" not in one for one in subselects(sql))

    found = dict(lookups())
    assert [name for name, one in found.items() if is_held(one.sql_in_cluster)] == []
    assert [name for name, one in found.items() if is_held(one.sql)], "one machine is asked so"


def selected(sql: str) -> str:
    """What a statement tells of each row: all before its own FROM."""
    depth = 0
    for found in re.finditer(r"[()]|\bFROM\b", sql):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth == 0 and found[0] == "FROM":
            return sql[: found.start()]
    return sql


def is_of_one_book_by_its_rows(sql: str) -> bool:
    """Whether a statement of one book with outer joins tells something of a subselect held to its rows."""
    by_rows = re.compile(r"\.book_id = \w+\.book_id\b")
    of_one = re.search(r" WHERE (?:.* AND )?\w+\.book_id = (?:%\(\w+\)s|\$\d+)", sql[len(selected(sql)) :])
    is_outer = re.search(r"\bLEFT (?:OUTER )?JOIN\b", sql)
    return bool(of_one and is_outer and any(map(by_rows.search, subselects(selected(sql)))))


def test_what_is_told_of_one_book_beside_outer_joins_names_the_book_itself() -> None:
    """Citus sees that the book is one where it is named, and not in a subselect held to a row."""
    told = {
        f"{module.__name__} {name}": sql
        for module in modules()
        for name, value in vars(module).items()
        for sql in texts_of(value)
    }
    assert [name for name, sql in told.items() if is_of_one_book_by_its_rows(sql)] == []
    inside = "EXISTS (SELECT t.seq FROM transfer t WHERE t.book_id = {})"
    one = f"SELECT e.seq, {inside} FROM entry e{{}} WHERE e.book_id = $1"
    joined = " LEFT OUTER JOIN entry b ON b.book_id = e.book_id"
    seen = {
        (by, more): is_of_one_book_by_its_rows(one.format(by, more))
        for by in ("e.book_id", "$1")
        for more in ("", joined)
    }
    assert [at for at, is_seen in seen.items() if is_seen] == [("e.book_id", joined)]


def test_every_table_has_a_place() -> None:
    assert set(PLACES) == set(tables.metadata.tables)


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=lambda table: table.name)
def test_a_place_is_one_that_the_table_can_have(table: Table) -> None:
    place = PLACES[table.name]
    assert (place is Where.DIGEST) == (table.info["room"] == "claim")
    if table.info["room"] == "book":
        place_of_books = {Where.BOOK} if table.name not in KEY_GIVEN_UP else {Where.EVERYWHERE}
        assert place in place_of_books
    if place.is_spread:
        uniques = [one.columns for one in table.constraints if isinstance(one, UniqueConstraint)]
        uniques += [index.columns for index in table.indexes if index.unique]
        for columns in (table.primary_key.columns, *uniques):
            assert place.value in columns, "rows on other machines are not looked at"
    for key in table.foreign_key_constraints:
        other = PLACES[key.referred_table.name]
        if place.is_spread and other is not Where.EVERYWHERE:
            assert other is place
            assert (place.value, place.value) in [(one.parent.name, one.column.name) for one in key.elements]
        elif other.is_spread:
            assert place is other or table.name in KEY_GIVEN_UP, "nothing points at what lies elsewhere"


def test_what_is_joined_lies_together() -> None:
    found = {(module, name): apart for module, name, apart in (*of_statements(), *of_comparisons())}
    named = ODD.keys() | ELSE_IN_CLUSTER.keys()
    assert {at: apart for at, apart in found.items() if at not in named} == {}, "read apart, or say why not"
    assert [at for at in named if at not in found] == [], "no longer there"


def test_nothing_of_it_is_on_the_way_of_a_posting() -> None:
    asked = {
        module.__name__
        for module in modules()
        if any(isinstance(value, Need | Look) for value in vars(module).values())
    }
    assert [at for at in ODD if at[0] in asked or at[0].startswith("ledger.posting.")] == []


@pytest.mark.parametrize(
    ("sql", "apart"),
    [
        ("SELECT 1 FROM entry e JOIN transfer t ON t.book_id = e.book_id AND t.seq = e.seq", None),
        ("SELECT 1 FROM entry e JOIN transfer t ON t.seq = e.seq", "entry | transfer"),
        ("SELECT 1 FROM entry e WHERE EXISTS (SELECT 1 FROM entry x WHERE x.seq = 1)", "entry | entry"),
        ("SELECT 1 FROM claim c LEFT JOIN book b ON b.book_id = c.book_id", "book | claim"),
        ("SELECT 1 FROM book b JOIN identity i ON i.person_id = b.person_id", "book | identity"),
        ("SELECT 1 FROM claim c JOIN identity i ON i.digest = c.digest", None),
        ("SELECT 1 FROM unnest(x) AS given(k) JOIN entry e ON e.book_id = given.k"
         " JOIN quota q ON q.book_id = given.k", None),
        ("SELECT 1 FROM entry e JOIN agent a ON a.agent_id = e.actor", None),
        ("SELECT 1 FROM book b JOIN batch_line l ON l.line = b.area", "batch_line | book"),
        ("WITH RECURSIVE r AS (SELECT e.seq FROM entry e) SELECT 1 FROM r", "recursive"),
    ],
)  # fmt: skip
def test_a_join_is_seen_for_what_it_is(sql: str, apart: str | None) -> None:
    assert joins_apart(sql) == apart
