"""The writers of the database alone: what they call new, and content that stays in its column."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, select

from ledger import tables
from ledger.chart.kinds import Kind
from ledger.chart.matrix import Stage
from ledger.database.writers import KeyWriter, RowWriter
from tests.support import care_rows
from tests.support.care_rows import BOOK, DAY

NOW = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
CLAIMS = KeyWriter(tables.claim)
SETTLEMENTS = RowWriter(tables.settlement)
QUOTAS = RowWriter(tables.quota, replace=True)
# what an array literal, a statement or a driver could mistake for something of its own
HOSTILE_TEXT = [
    "", " ", "NULL", "null", "{}", "{1,2}", "}", ",", '"', '""', '","', "\\", "\\\\", '\\"', "'", "''",
    "'); DROP TABLE claim; --", "%s", "%(c0)s", ":c0", "?", "$1", "\\x00ff", "\n", "\r\n", "\t", "\u2028",
    "处方", "𠮷", "e\u0301", "\u202e", "a" * 5_000,
]  # fmt: skip
HOSTILE_BYTES = [
    bytes(32),
    b"\xff" * 32,
    b"\\x",
    b'"',
    b"{}",
    b"NULL",
    b"'",
    b"\x00",
    b"",
    b"\\",
    b"%s",
    b":c0",
]


def key(what: object) -> bytes:
    return sha256(str(what).encode()).digest()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A connection whose work is rolled back."""
    with engine.connect() as connection:
        transaction = connection.begin()
        yield connection
        transaction.rollback()


def claims(connection: Connection) -> dict[bytes, int]:
    found = connection.execute(select(tables.claim.c.digest, tables.claim.c.book_id))
    return {bytes(digest): book_id for digest, book_id in found}


# -- claims ------------------------------------------------------------------------------------------------


def test_no_rows_are_no_statement(connection: Connection) -> None:
    assert CLAIMS.write(connection, []) == []
    assert claims(connection) == {}


def test_every_row_of_an_empty_table_is_new(connection: Connection) -> None:
    rows = [(key(number), number) for number in range(500)]
    assert CLAIMS.write(connection, rows) == [digest for digest, _book in rows]
    assert claims(connection) == dict(rows)


def test_only_what_was_not_there_is_new_and_what_was_there_stays(connection: Connection) -> None:
    CLAIMS.write(connection, [(key("old"), 1), (key("older"), 2)])
    rows = [(key("new"), 3), (key("old"), 4), (key("newer"), 5), (key("older"), 6)]
    assert CLAIMS.write(connection, rows) == [key("new"), key("newer")]
    assert claims(connection) == {key("old"): 1, key("older"): 2, key("new"): 3, key("newer"): 5}
    assert CLAIMS.write(connection, rows) == []


def test_of_two_rows_with_one_key_the_first_is_new(connection: Connection) -> None:
    rows = [(key("a"), 1), (key("b"), 2), (key("a"), 3), (key("b"), 4), (key("a"), 5)]
    assert CLAIMS.write(connection, rows) == [key("a"), key("b")]
    assert claims(connection) == {key("a"): 1, key("b"): 2}


def test_the_new_ones_come_in_the_order_given(connection: Connection) -> None:
    rows = sorted(((key(number), number) for number in range(300)), key=lambda row: row[0], reverse=True)
    CLAIMS.write(connection, rows[::3])
    assert CLAIMS.write(connection, rows) == [
        digest for place, (digest, _book) in enumerate(rows) if place % 3
    ]


def test_no_content_of_a_key_can_leave_its_column(connection: Connection) -> None:
    rows = [(digest, number) for number, digest in enumerate(HOSTILE_BYTES)]
    assert CLAIMS.write(connection, rows) == HOSTILE_BYTES
    assert claims(connection) == dict(rows)
    assert CLAIMS.write(connection, rows) == []


def test_the_largest_and_the_smallest_number_are_kept(connection: Connection) -> None:
    rows = [(key(number), number) for number in (0, -1, 2**63 - 1, -(2**63))]
    CLAIMS.write(connection, rows)
    assert claims(connection) == dict(rows)


def test_a_claim_that_was_rolled_back_is_new_again(engine: Engine) -> None:
    for _ in range(2):
        with engine.connect() as connection, connection.begin() as transaction:
            assert CLAIMS.write(connection, [(key("gone"), 1)]) == [key("gone")]
            transaction.rollback()


# -- rows of an entry, and state -----------------------------------------------------------------------------


def with_entries(connection: Connection, count: int) -> None:
    """A book with so many entries, numbered from one."""
    connection.execute(
        tables.book.insert(),
        {
            "book_id": BOOK, "current_year": 0, "carried_over": 0, "held": 0, "reserved": 0, "person_id": 1,
            "last_seq": count, "area": 990100, "opened_on": DAY, "died_on": None, "open_year": 2026,
            "interest_year": 2025, "open_freezes": 0, "stage": int(Stage.ACTIVE), "head": bytes(32),
        },
    )  # fmt: skip
    connection.execute(
        tables.entry.insert(),
        [
            {
                "book_id": BOOK, "recorded_at": NOW, "current_year_after": 0, "carried_over_after": 0,
                "seq": seq, "effective_on": DAY, "policy_version": 1, "caller": 1, "actor": 1,
                "kind": int(Kind.SETTLEMENT), "digest": bytes(32),
            }
            for seq in range(1, count + 1)
        ],
    )  # fmt: skip


def row_of(table: Table, seq: int, **changes: Any) -> tuple[Any, ...]:
    row = {**care_rows.GOOD[table.name], "seq": seq, **changes}
    return tuple(row[column.name] for column in table.columns)


def test_no_text_can_leave_its_column(connection: Connection) -> None:
    """Bill numbers and bills as they were sent, one entry after the other, all in one call."""
    table, last = tables.settlement, len(HOSTILE_TEXT) + 1
    with_entries(connection, last)
    rows = [
        row_of(table, seq, bill_no=text, lines=text[::-1]) for seq, text in enumerate(HOSTILE_TEXT, start=1)
    ]
    SETTLEMENTS.write(connection, [*rows, row_of(table, last, bill_no=None, lines=None)])
    found = connection.execute(select(table).order_by(table.c.seq)).all()
    assert [(row.bill_no, row.lines) for row in found] == [
        *((text, text[::-1]) for text in HOSTILE_TEXT),
        (None, None),
    ]
    # nor does a text move what stands beside it, whether a number, a day or a yes
    assert {(row.total, row.cash_pay, row.care_date, row.use_account, row.cause_kind) for row in found} == {
        (100_000, 32_000, DAY, True, None)
    }


def test_state_is_set_anew_and_its_key_stays(connection: Connection) -> None:
    table = tables.quota
    with_entries(connection, 2)
    QUOTAS.write(connection, [row_of(table, 1), row_of(table, 2)])
    QUOTAS.write(connection, [row_of(table, 2, remaining=0, ended=True, relation="{NULL}")])
    QUOTAS.write(connection, [])
    found = connection.execute(select(table).order_by(table.c.seq)).all()
    assert [(row.seq, row.remaining, row.ended, row.relation) for row in found] == [
        (1, 5_000, False, "child"),
        (2, 0, True, "{NULL}"),
    ]
