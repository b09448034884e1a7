"""Who waits for what when documents are drawn: short ones for nobody's long one, long ones for their turn."""

from __future__ import annotations

import asyncio
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError
from starlette.requests import ClientDisconnect

from api.http.leaving import while_there
from api.http.readers import Readers
from api.inquiry import documents
from ledger import tables
from ledger.chart.channels import AccessChannel
from ledger.chart.documents import DocumentKind
from ledger.documents import handing_out, issuing
from ledger.documents.drafting import Printer
from ledger.documents.length import LINES_SHORT_MAX, draft_short, is_long_again
from ledger.printing.html_view import policy_of
from ledger.printing.rendering import lines_of
from ledger.refusals import RefusalCode, Refused
from tests.access.test_api_read_log import reads
from tests.documents.test_api_sheets import insured
from tests.support.api_client import NOW, TODAY, bearer, contribute, open_account, running
from tests.support.documents_client import YEAR, ask, content, printed
from tests.support.employer_client import new_employer, refusal
from tests.support.people import KEYRING

# whoever waits in vain is let go, and the test fails
SECONDS_MAX = 60
LINES_FEW = 3


class Turns:
    """A stand-in for drawing: a long one says that it is here, and waits until it is its turn."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self._here = threading.Semaphore(0)
        self._turn = threading.Semaphore(0)
        self.drawn = 0

    def __call__(self, keyring: Any, drafted: Any, issue: Any, form: Any) -> Any:
        if lines_of(drafted.sheet(issue)) > LINES_FEW:
            self.wait()
        return self._real(keyring, drafted, issue, form)

    def again(self, keyring: Any, row: Any, kept: Any) -> Any:
        if row.items > LINES_FEW:
            self.wait()
        return self._real(keyring, row, kept)

    def wait(self) -> None:
        self.drawn += 1
        self._here.release()
        assert self._turn.acquire(timeout=SECONDS_MAX)

    def wait_for_one(self) -> None:
        assert self._here.acquire(timeout=SECONDS_MAX)

    def let_go(self, count: int = 1) -> None:
        self._turn.release(count)


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> Iterator[Turns]:
    turns = Turns(issuing.draw)
    monkeypatch.setattr("ledger.documents.length.LINES_SHORT_MAX", LINES_FEW)
    monkeypatch.setattr(documents, "draw", turns)
    yield turns
    turns.let_go(100)


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as callers:
        yield callers


def account_of(client: TestClient, entries: int) -> str:
    account = str(open_account(client)["account_no"])
    for _ in range(entries):
        contribute(client, account, "160.00")
    return account


def asked(client: TestClient, account: str, form: str = "csv") -> Any:
    span = {"from": "2026-01-05", "to": "2026-11-21"}
    return ask(client, f"/v1/accounts/{account}", form, kind="account_list", **span)


def rows(engine: Engine) -> int:
    with engine.begin() as connection:
        return connection.scalar(select(func.count()).select_from(tables.document)) or 0


@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_a_short_print_is_answered_while_long_ones_wait(
    client: TestClient, turns: Turns, callers: ThreadPoolExecutor, form: str
) -> None:
    long, short = account_of(client, 5), account_of(client, 1)
    waiting = {callers.submit(asked, client, long, form) for _ in range(4)}
    turns.wait_for_one()
    made = asked(client, short, form)
    assert made.status_code == 201, made.text
    assert content(client, made.json())
    # of the long ones one alone is at work
    assert turns.drawn == 1
    assert not any(one.done() for one in waiting)
    turns.let_go(4)
    assert [one.result(SECONDS_MAX).status_code for one in waiting] == [201] * 4


def test_a_long_one_that_is_drawn_is_written_down_while_others_wait(
    client: TestClient, engine: Engine, turns: Turns, callers: ThreadPoolExecutor
) -> None:
    long, before = account_of(client, 5), rows(engine)
    waiting = {callers.submit(asked, client, long) for _ in range(4)}
    for number in range(1, 5):
        turns.wait_for_one()
        turns.let_go()
        done, waiting = wait(waiting, SECONDS_MAX, FIRST_COMPLETED)
        assert [one.result().status_code for one in done] == [201]
        assert rows(engine) == before + number


def test_a_long_one_that_is_handed_out_again_waits_for_its_turn_too(
    client: TestClient, turns: Turns, callers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns.let_go()
    long, short = (asked(client, account_of(client, entries)).json() for entries in (5, 1))
    turns.wait_for_one()
    again = Turns(handing_out.content_of)
    monkeypatch.setattr(documents, "content_of", again.again)
    waiting = [callers.submit(client.get, f"/v1/documents/{long['document']}") for _ in range(3)]
    again.wait_for_one()
    assert content(client, short)
    assert asked(client, account_of(client, 1)).status_code == 201
    assert again.drawn == 1
    again.let_go(3)
    assert {one.result(SECONDS_MAX).status_code for one in waiting} == {200}


def test_who_would_wait_too_long_is_told_at_once(
    client: TestClient,
    engine: Engine,
    turns: Turns,
    callers: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = client.app.state.ledger.readers["long_drawings"]  # type: ignore[attr-defined]  # Starlette's app
    monkeypatch.setattr(threads, "_asked_max", 1)
    long = account_of(client, 5)
    first = callers.submit(asked, client, long)
    turns.wait_for_one()
    before = reads(engine), rows(engine)
    late = asked(client, long)
    assert refusal(late) == (503, "overloaded")
    assert int(late.headers["retry-after"]) >= 1
    assert (reads(engine), rows(engine), turns.drawn) == (*before, 1)
    turns.let_go()
    assert first.result(SECONDS_MAX).status_code == 201


def test_who_waited_until_the_deadline_is_neither_drawn_nor_recorded(
    fresh_engine: Engine,
    tmp_path: Path,
    turns: Turns,
    callers: ThreadPoolExecutor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEDGER_DEADLINE_SECONDS", "2")
    monkeypatch.setattr("api.http.deadlines.LONG_FACTOR", 1)
    with running(fresh_engine, tmp_path) as client:
        long = account_of(client, 5)
        before = reads(fresh_engine)
        late = [callers.submit(asked, client, long) for _ in range(3)]
        turns.wait_for_one()
        for one in late:
            assert refusal(one.result(SECONDS_MAX)) == (503, "deadline")
        turns.let_go(2)
        monkeypatch.setattr("api.http.deadlines.LONG_FACTOR", 30)
        assert asked(client, long).status_code == 201
        # the first, which was at work, and the last
        assert (turns.drawn, rows(fresh_engine)) == (2, 1)
        assert len(reads(fresh_engine)) == len(before) + 1


class _Caller:
    """Who asked, and goes when told to."""

    def __init__(self) -> None:
        self.goes = asyncio.Event()

    async def receive(self) -> dict[str, str]:
        await self.goes.wait()
        return {"type": "http.disconnect"}


def test_nothing_is_drawn_for_who_has_gone() -> None:
    drawn: list[str] = []
    may_go_on, at_work = threading.Event(), threading.Event()

    def first() -> None:
        at_work.set()
        assert may_go_on.wait(SECONDS_MAX)
        drawn.append("first")

    async def tried(threads: Readers) -> None:
        staying, going = _Caller(), _Caller()
        one: Any = asyncio.ensure_future(while_there(staying, threads.run(first)))  # type: ignore[arg-type]  # as much of a request as is asked
        await asyncio.to_thread(at_work.wait, SECONDS_MAX)
        second = while_there(going, threads.run(lambda: drawn.append("second")))  # type: ignore[arg-type]  # the same
        other: Any = asyncio.ensure_future(second)
        await asyncio.sleep(0)
        going.goes.set()
        with pytest.raises(ClientDisconnect):
            await other
        may_go_on.set()
        await one
        await while_there(staying, threads.run(lambda: drawn.append("third")))  # type: ignore[arg-type]  # the same

    threads = Readers(None, 1, "test", 2)
    asyncio.run(tried(threads))
    threads.stop()
    assert drawn == ["first", "third"]


def test_an_error_of_the_drawing_is_told() -> None:
    async def fails() -> None:
        raise ValueError("no")

    async def tried() -> None:
        with pytest.raises(ValueError, match="no"):
            await while_there(_Caller(), fails())  # type: ignore[arg-type]  # as much of a request as is asked

    asyncio.run(tried())


def test_the_length_is_known_before(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said of the lines is what is drawn; a proof of many months is one page, and short."""
    seen: list[tuple[int, int]] = []
    real = issuing.draw

    def draw(keyring: Any, drafted: Any, issue: Any, form: Any) -> Any:
        seen.append((drafted.lines, lines_of(drafted.sheet(issue))))
        return real(keyring, drafted, issue, form)

    monkeypatch.setattr(documents, "draw", draw)
    account = insured(client, "2026-03", "2026-04")
    for kind in ("account_list", "payment_list"):
        printed(client, f"/v1/accounts/{account}", kind=kind, **YEAR)
    assert [said for said, _true in seen] == [true for _said, true in seen]
    assert all(true > 0 for _said, true in seen)


class _Length:
    def __init__(self, **known: Any) -> None:
        self.__dict__ = {"pages": 1, "items": 1, "facts_sealed": b"", "kind": 0, "lines": 0, **known}


def test_what_is_long() -> None:
    many = LINES_SHORT_MAX + 1
    long: Any
    for long in (
        _Length(kind=DocumentKind.ACCOUNT_LIST, items=many),
        _Length(kind=DocumentKind.STAFF_LIST, items=many),
        _Length(kind=DocumentKind.SETTLEMENT_SHEET, facts_sealed=bytes(100_000)),
        _Length(kind=DocumentKind.INSURED_PROOF, pages=11),
    ):
        assert is_long_again(long)
    short: Any
    for short in (
        _Length(kind=DocumentKind.ACCOUNT_LIST, items=many - 1),
        # a year of many entries is one page, as is a proof of many months
        _Length(kind=DocumentKind.YEARLY_STATEMENT, items=9_000),
        _Length(kind=DocumentKind.INSURED_PROOF, items=480),
    ):
        assert not is_long_again(short)

    def draft(lines: int, printer: Any) -> Any:
        if lines > 2 * printer.lines_max:
            raise Refused(RefusalCode.DOCUMENT_TOO_LONG)
        return _Length(lines=lines)

    printer = Printer(KEYRING, {}, NOW, TODAY)
    found = [draft_short(partial(draft, lines), printer) for lines in (many - 1, many, 3 * many)]
    assert [one is not None for one in found] == [True, False, False]


# -- written down --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [IntegrityError, ProgrammingError, OperationalError])
def test_a_document_that_the_database_does_not_take_is_unavailable(
    client: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    account, before = account_of(client, 1), rows(engine)

    def refuses(*_: Any) -> None:
        raise fault("insert", {}, Exception("no"))

    with monkeypatch.context() as patch:
        patch.setattr(issuing, "tell", refuses)
        answer = asked(client, account)
    assert refusal(answer) == (503, "database_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert rows(engine) == before
    assert asked(client, account).status_code == 201


def test_a_page_is_shown_by_its_own_style_alone(client: TestClient) -> None:
    made = asked(client, account_of(client, 1), "html").json()
    answer = client.get(f"/v1/documents/{made['document']}")
    policy = answer.headers["content-security-policy"]
    [style] = re.findall(rb"<style>(.*?)</style>", answer.content, re.DOTALL)
    assert f"style-src 'sha256-{b64encode(sha256(style).digest()).decode()}'" in policy
    assert "unsafe" not in policy
    assert policy == f"{policy_of(answer.content)}; frame-ancestors 'none'"
    # one that was made with another style and kept has the hash of that
    digest = b64encode(sha256(b"p{}").digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy_of(b"<head><style>p{}</style>")


def test_an_auditor_prints_nothing_and_looks_at_what_was_printed(client: TestClient, keys: Path) -> None:
    account = account_of(client, 1)
    made = asked(client, account).json()
    headers = bearer(keys, "audit", channel=AccessChannel.AUDIT)
    answer = ask(client, f"/v1/accounts/{account}", kind="account_list", **YEAR, headers=headers)
    assert refusal(answer) == (403, "channel_not_allowed")
    employer = new_employer(client)
    unit = ask(client, f"/v1/employers/{employer}", kind="staff_list", **YEAR, headers=headers)
    assert refusal(unit) == (403, "channel_not_allowed")
    assert client.get(f"/v1/documents/{made['document']}", headers=headers).status_code == 200
