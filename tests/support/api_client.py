"""The API in process, for tests: an app over an engine, with keys and tokens of its own, and a fixed today.

    client = new_client(engine, tmp_path)       a TestClient inside its lifespan; `close()` it
    client.post("/v1/accounts", …)              with a token of every scope

An account is opened by `open_account(client)`, money put in by `contribute`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from api.http.security import Verifier
from api.main import create_app
from ledger.access.tokens import SCOPES, create_signing_key, mint
from ledger.database.engines import connect, is_postgresql
from ledger.database.rights import grant, make_role
from ledger.institutions.examples import EXAMPLE_INSTITUTIONS, register
from ledger.operations.installation import Opened
from ledger.operations.rights import DatabaseRole, rights_of
from ledger.people.id_numbers import check_digit
from ledger.policy import load_policies
from ledger.settings import Settings
from ledger.vault import Keyring
from tests.support.one_trip import in_one_trip
from tests.support.people import write_keys

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
AREA = "990100"
CALLER = "tests"
WRITER = "ledger_tests_writer"
ACTOR = "clerk-7"

_numbers = itertools.count(1)
_keys = itertools.count(1)


def token(
    keys: Path, scopes: Sequence[str] = SCOPES, *, caller: str = CALLER, actor: str = ACTOR, **more: Any
) -> str:
    """A good token for an hour; `more` binds it, or names its channel."""
    return mint(keys, scopes, caller, actor, datetime.now(UTC), timedelta(hours=1), **more)


def bearer(keys: Path, purpose: str | None = None, **more: Any) -> dict[str, Any]:
    """The headers of a call by such a token, with a purpose where one is said, in UTF-8."""
    headers: dict[str, Any] = {"Authorization": f"Bearer {token(keys, **more)}"}
    if purpose is None:
        return headers
    # a client takes nothing but ASCII as text
    return headers | {"Purpose": purpose if purpose.isascii() else purpose.encode()}


def id_number() -> str:
    """A valid ID number that nobody has had before, of a county that does not exist."""
    # the last four are of people who were born in the century before, where a number is written without it
    days, sequence = divmod(next(_numbers), 996)
    body = f"119999{date(1950, 1, 1) + timedelta(days):%Y%m%d}{sequence:03d}"
    return body + check_digit(body)


def key() -> dict[str, str]:
    """An Idempotency-Key that was not used before."""
    return {"Idempotency-Key": f"key-{next(_keys)}"}


def opened(engine: Engine, folder: Path) -> Opened:
    """An installation over an engine that is there; its keys, those of every world, go into `folder`."""
    keyring = Keyring.load(write_keys(folder / "keys"))
    create_signing_key(folder / "keys")
    with engine.connect() as connection:
        register(connection, EXAMPLE_INSTITUTIONS, NOW)
    policies = {int(area): policy for area, policy in load_policies().items()}
    url = engine.url.render_as_string(hide_password=False)
    settings = Settings.load(folder, database_url=url, keys=folder / "keys")
    return Opened(engine, policies, keyring, settings)


@contextmanager
def as_writer(engine: Engine) -> Iterator[Engine]:
    """The same database by the role that serves, which can do nothing that the service does not do.

    As it is for an SQLite file, which has no roles, and on a server where the tests may make none.
    """
    if not is_postgresql(engine) or not _may_make_roles(engine):
        yield engine
        return
    with engine.begin() as connection:
        make_role(connection, WRITER)
        grant(connection, WRITER, rights_of(DatabaseRole.WRITER))
    serving = connect(engine.url.set(username=WRITER).render_as_string(hide_password=False))
    try:
        yield serving
    finally:
        serving.dispose()


def _may_make_roles(engine: Engine) -> bool:
    with engine.connect() as connection, connection.begin():
        asked = "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
        return bool(connection.scalar(text(asked)))


@contextmanager
def running(engine: Engine, folder: Path, **more: Any) -> Iterator[TestClient]:
    """A client of an app that runs over `engine`, with a token of every scope and a fixed today.

    On PostgreSQL the app works as the role that serves.
    """
    with as_writer(engine) as serving:
        yield from _running(serving, folder, more)


def _running(engine: Engine, folder: Path, more: dict[str, Any]) -> Iterator[TestClient]:
    there = opened(engine, folder)
    app = create_app(there, Verifier.load(folder / "keys" / "jwks.json"), clock=lambda: (NOW, TODAY), **more)
    with TestClient(app, raise_server_exceptions=False) as client:
        in_one_trip(client)
        client.headers["Authorization"] = f"Bearer {token(folder / 'keys')}"
        yield client


def open_account(
    client: TestClient, *, name: str = "张三", opened_on: str = "2026-01-05", **more: Any
) -> Any:
    """A new person's account; the answer, with the plain ID number as `number`."""
    number = more.pop("id_number", None) or id_number()
    body = {"id_number": number, "name": name, "area": AREA, "opened_on": opened_on, **more}
    answer = client.post("/v1/accounts", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return answer.json() | {"number": number}


def contribute(client: TestClient, account: str, amount: str = "1000.00", **more: Any) -> Any:
    """Put money into an account; the receipt."""
    body = {
        "amount": amount,
        "period": "2026-03",
        "effective_on": "2026-03-20",
        "source_ref": f"levy-{next(_keys)}",
        **more,
    }
    answer = client.post(f"/v1/accounts/{account}/contributions", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return answer.json()


def spending(**more: Any) -> dict[str, Any]:
    """The body of a spending."""
    return {
        "amount": "12.50",
        "effective_on": "2026-04-02",
        "institution": "H0001",
        "source_ref": f"bill-{next(_keys)}",
        **more,
    }
