"""`verify` names what SQLite keeps in a column that cannot hold it, and ends as it does for any finding."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.accounts.contributing import Contribute
from ledger.database.readable import refused_rows, unreadable, with_rows
from ledger.verify import verify
from tests.support.people import KEYRING, World
from tests.verify.tampering import TOLD, let_pass, run, with_every_right

# a column of each type, and what stands in one row of it
WRONG = {
    "a number that is a text": ("book.last_seq", "'x'"),
    "a number that is a fraction": ("entry.seq", "1.5"),
    "a day that there is not": ("entry.effective_on", "'2026-02-30'"),
    "a day that is a number": ("book.opened_on", "20260101"),
    "a day with more behind it": ("entry.effective_on", "'2026-02-03 00:00'"),
    "an instant of no day": ("entry.recorded_at", "'2026-11-39 00:00:00.000000'"),
    "an instant of no hour": ("policy.recorded_at", "'2026-11-21 25:00:00.000000'"),
    "an instant with something behind it": ("entry.recorded_at", "'2026-11-21 04:00:00.000000x'"),
    "a day of 29 days": ("entry.effective_on", "'2025-02-29'"),
    "a digest that is a text": ("entry.digest", "'texttexttexttexttexttexttexttext'"),
    "a text that is bytes": ("entry.source_ref", "x'00'"),
    "a text of bytes that are none": ("entry.source_ref", "CAST(x'41ff' AS TEXT)"),
    "a text that is cut within a sign": ("entry.source_ref", "CAST(x'e4bd' AS TEXT)"),
}


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    world = World(fresh_engine)
    account = world.open(opening=(0, 100_000))
    world.one(Contribute(account, 500, 202603, world.today, "c"))
    return world


@pytest.mark.sqlite
@pytest.mark.parametrize("what", WRONG)
def test_a_value_that_cannot_be_read_is_named(world: World, what: str) -> None:
    column, value = WRONG[what]
    table, _, name = column.partition(".")
    assert verify(world.engine, keyring=KEYRING).findings == []
    with with_every_right(world.engine) as connection:
        last = f"SELECT max(rowid) FROM {table} WHERE {name} IS NOT NULL"
        run(connection, f"UPDATE {table} SET {name} = {value} WHERE rowid = ({last})")
    verdict = verify(world.engine, keyring=KEYRING)
    TOLD.update(one.what for one in verdict.findings)
    assert [(one.code, one.where) for one in verdict.findings] == [("value_unreadable", column)]
    assert "1 of its values cannot be read" in verdict.findings[0].what
    assert verdict.books == 0


def test_a_word_that_there_is_not_is_named(world: World) -> None:
    """What a CHECK would refuse, had it not been taken away for it."""
    check = "book.ck_book_stage_known"
    with with_every_right(world.engine) as connection:
        let_pass(connection, check)
        run(connection, "UPDATE book SET stage = 77")
    verdict = verify(world.engine, keyring=KEYRING)
    TOLD.update(one.what for one in verdict.findings)
    assert [(one.code, one.where) for one in verdict.findings] == [("value_unreadable", check)]
    assert "rows say what there is not" in verdict.findings[0].what


def test_a_row_that_no_check_lets_in_is_named_beside_the_rest(world: World) -> None:
    check = "book.ck_book_held_not_negative"
    with with_every_right(world.engine) as connection:
        let_pass(connection, check)
        run(connection, "UPDATE book SET held = -1 WHERE book_id = (SELECT max(book_id) FROM book)")
    verdict = verify(world.engine, keyring=KEYRING)
    TOLD.update(one.what for one in verdict.findings)
    assert ("row_refused", check) in {(one.code, one.where) for one in verdict.findings}
    assert len(verdict.findings) > 1
    assert verdict.books > 0


def test_of_what_the_service_wrote_all_can_be_read(world: World) -> None:
    """Every table is asked, and of PostgreSQL nothing."""
    with world.engine.connect() as connection, connection.begin():
        assert unreadable(connection, tables.metadata.sorted_tables) == []
        assert refused_rows(connection, tables.metadata.sorted_tables) == []


def test_what_has_no_row_is_left_out(world: World) -> None:
    """And what has one is not, however few."""
    asked = tables.metadata.sorted_tables
    with world.engine.connect() as connection:
        counts = {one.name: connection.scalar(select(func.count()).select_from(one)) for one in asked}
        found = [one.name for one in with_rows(connection, asked)]
    assert found == [name for name, count in counts.items() if count]
    assert 1 in counts.values()
    assert 0 in counts.values()
