"""Somebody is erased while others print, wait or rotate: nothing of them comes to stand behind it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

import api.inquiry.documents as printing
from ledger import tables
from ledger.book.numbers import account_no
from ledger.posting import Posted
from ledger.verify import verify
from tests.people.test_erased_wholly import GONE_ON, standing
from tests.people.test_erasure import erase
from tests.support.api_client import running
from tests.support.approvals import asks_nobody
from tests.support.documents_client import ask, content
from tests.support.erased_life import Written, bury, write
from tests.support.people import KEYRING, World


@pytest.fixture
def written(fresh_engine: Engine, tmp_path: Path) -> Written:
    with running(fresh_engine, tmp_path) as client:
        found = write(client, fresh_engine, tmp_path)
    bury(asks_nobody(World(fresh_engine)), found.book)
    return found


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return asks_nobody(World(fresh_engine))


def once(work: Callable[[], Any]) -> Callable[[], None]:
    """Let it be done the first time alone."""
    done: list[Any] = []

    def step() -> None:
        if not done:
            done.append(True)
            work()

    return step


def drawn_slowly(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], None]) -> None:
    """Something happens after a document was drawn, and before it is written down."""
    draw = printing.draw

    def slowly(*asked: Any) -> Any:
        found = draw(*asked)
        meanwhile()
        return found

    monkeypatch.setattr(printing, "draw", slowly)


def documents(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(tables.document)) or 0


@pytest.mark.parametrize("unit", [False, True])
def test_what_was_drawn_of_somebody_before_is_not_handed_out_after(
    unit: bool,
    fresh_engine: Engine,
    world: World,
    written: Written,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def gone() -> None:
        assert isinstance(erase(world, written.book, GONE_ON), Posted)

    drawn_slowly(monkeypatch, once(gone))
    # the second employer has registered nobody else
    whose = f"/v1/employers/{written.employers[1]}" if unit else f"/v1/accounts/{account_no(written.book)}"
    what = {"kind": "staff_list", "from": "2025-03-01", "to": "2025-03-31"} if unit else {
        "kind": "account_list", "from": "2026-01-01", "to": "2026-11-21"
    }  # fmt: skip
    before = documents(fresh_engine)
    with running(fresh_engine, tmp_path) as client:
        answer = ask(client, whose, **what, full_number=True)
        assert answer.status_code == 503, answer.text
        assert answer.headers["Retry-After"]
        assert documents(fresh_engine) == before
        stays = standing(fresh_engine, written.secrets)
        assert {where for where, _secret in stays} <= {"document.facts_sealed", "document_content.content_sealed"}
        # sent again it is what there is now
        again = ask(client, whose, **what, full_number=True)
        assert again.status_code == 201, again.text
        told = content(client, again.json()).decode()
        assert not any(secret in told for secret in written.secrets)
        assert standing(fresh_engine, written.secrets) == stays
    seen = verify(fresh_engine, keyring=KEYRING)
    assert (seen.findings, seen.erased) == ([], 1)


def test_a_staff_list_goes_on_where_others_are_on_it(
    fresh_engine: Engine,
    world: World,
    written: Written,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn_slowly(monkeypatch, once(lambda: erase(world, written.book, GONE_ON)))
    with running(fresh_engine, tmp_path) as client:
        answer = ask(client, f"/v1/employers/{written.employers[0]}", kind="staff_list")
        assert answer.status_code == 201, answer.text


@pytest.mark.postgres
def test_who_prints_and_who_erases_wait_for_each_other(
    fresh_engine: Engine, world: World, written: Written, tmp_path: Path
) -> None:
    """Before either looks; and two who print do not wait for each other."""
    seen: list[str] = []

    def see(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    with running(fresh_engine, tmp_path) as client:
        state: Any = client.app.state.ledger  # type: ignore[attr-defined]
        event.listen(state.engine, "before_cursor_execute", see)
        try:
            whose = f"/v1/accounts/{account_no(written.book)}"
            assert ask(client, whose, kind="insured_proof").status_code == 201
        finally:
            event.remove(state.engine, "before_cursor_execute", see)
    put = next(place for place, one in enumerate(seen) if one.startswith("INSERT INTO document "))
    locked = next(place for place, one in enumerate(seen) if "pg_advisory_xact_lock_shared" in one)
    looked = next(place for place, one in enumerate(seen) if place > locked and "person_key" in one)
    assert locked < looked < put
