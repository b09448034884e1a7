"""What goes to SQLite's driver at once is what SQLAlchemy would have made of it."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import IntegrityError, OperationalError

from ledger.database.direct import write_to_sqlite

pytestmark = pytest.mark.sqlite

INSERT = "INSERT INTO claim (digest, book_id) VALUES (?, ?)"


def test_what_is_refused_is_an_error_of_sqlalchemy_without_values(fresh_engine: Engine) -> None:
    """As its own statements raise it; what was written before it in the transaction goes too."""
    with fresh_engine.connect() as connection:
        with pytest.raises(IntegrityError) as refused, connection.begin():
            write_to_sqlite(connection, INSERT, [(b"a" * 32, 4_711), (b"a" * 32, 4_711)])
        assert "4711" not in str(refused.value)
        with connection.begin():
            assert connection.scalar(text("SELECT count(*) FROM claim")) == 0
            write_to_sqlite(connection, INSERT, [(b"a" * 32, 1), (b"b" * 32, 1)])
        with connection.begin():
            assert connection.scalar(text("SELECT count(*) FROM claim")) == 2


def test_a_text_that_cannot_be_read_is_told_without_it(fresh_engine: Engine) -> None:
    with fresh_engine.connect() as connection, connection.begin():
        with pytest.raises(OperationalError) as refused:
            connection.scalars(text("SELECT CAST(x'7468652062696c6cff' AS TEXT) AS said")).all()
        for told in (str(refused.value), str(refused.value.orig)):
            assert "Could not decode to UTF-8 column 'said'" in told
            assert "the bill" not in told


def test_who_listens_hears_it(fresh_engine: Engine) -> None:
    heard: list[str] = []
    with fresh_engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *told: heard.append(told[2]))
        with connection.begin():
            write_to_sqlite(connection, INSERT, [(b"a" * 32, 1)])
        with connection.begin():
            assert connection.scalar(text("SELECT count(*) FROM claim")) == 1
    assert INSERT in heard
