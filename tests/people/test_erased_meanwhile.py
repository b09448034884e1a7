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
from ledger.chart.person_facts import NumberReason, PersonFact
from ledger.operations.resealing import _of_table, columns_by_table
from ledger.people.person_keys import key_of_person
from ledger.people.persons import seal_fact, stake_by_number
from ledger.people.renumbering import ChangeNumber
from ledger.posting import Posted, Waiting
from ledger.vault import KeyMissingError
from ledger.verify import verify
from tests.operations.test_rotation import BOTH
from tests.people.test_erased_wholly import GONE_ON, standing
from tests.people.test_erasure import erase, person_of
from tests.support.api_client import running
from tests.support.approvals import asks_nobody
from tests.support.documents_client import ask, content
from tests.support.erased_life import NAMES, Written, bury, write
from tests.support.people import KEYRING, SomeoneFactory, World


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
        assert {where for where, _secret in stays} <= {
            "document.facts_sealed",
            "document_content.content_sealed",
        }
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


# -- beside a rotation ---------------------------------------------------------------------------------------


def waiting_about(world: World, book: int) -> None:
    """Another number was asked for, which nobody has approved."""
    with world.engine.connect() as connection:
        own = key_of_person(connection, KEYRING, person_of(connection, book))
    someone = SomeoneFactory()
    stake, number = stake_by_number(someone.id_number, NAMES[0], KEYRING, world.today, key=own)
    sealed = seal_fact(PersonFact.NUMBER, number.number, stake.digest, KEYRING, own).sealed
    asked = ChangeNumber(book, (stake,), sealed, world.today, "d", NumberReason.REISSUED, key="k")
    assert isinstance(world.post(asked)[0], Waiting)


@pytest.fixture
def asked(fresh_engine: Engine, tmp_path: Path) -> Written:
    """Somebody about whom a request waited when the account was closed."""
    with running(fresh_engine, tmp_path) as client:
        found = write(client, fresh_engine, tmp_path)
    waiting_about(World(fresh_engine), found.book)
    bury(asks_nobody(World(fresh_engine)), found.book)
    return found


def rotated_requests(engine: Engine) -> None:
    """What waits is sealed anew, and nothing else yet."""
    columns = columns_by_table()[tables.approval]
    with engine.connect() as connection:
        assert sum(sealed for sealed, _damaged in _of_table(connection, BOTH, tables.approval, columns))


def test_who_erases_without_the_newest_key_erases_nothing(
    fresh_engine: Engine, world: World, asked: Written
) -> None:
    """What it cannot open holds the person's key all the same."""
    rotated_requests(fresh_engine)
    before = standing(fresh_engine, asked.secrets, BOTH)
    assert "approval.intent_sealed" in {where for where, _secret in before}
    with pytest.raises(KeyMissingError):
        erase(world, asked.book, GONE_ON)
    assert standing(fresh_engine, asked.secrets, BOTH) == before
    assert isinstance(erase(world, asked.book, GONE_ON, keyring=BOTH), Posted)
    assert "approval.intent_sealed" not in {
        where for where, _secret in standing(fresh_engine, asked.secrets, BOTH)
    }
