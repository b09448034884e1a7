"""The proof of a statement over HTTP: what a person is handed, when there is none, and what is recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http.shows import SHOWN_BY
from api.inquiry.statement_proofs import StatementProofAnswer
from ledger.accounts.year_end import PostInterest
from ledger.book.numbers import book_id_of
from ledger.chart.channels import FieldGroup
from ledger.database.engines import reading
from ledger.seals.notes import Signer
from ledger.seals.proof_check import problems
from ledger.seals.proving import prove as make
from ledger.seals.sealing import Log, SealedDay, seal
from tests.access.test_api_read_log import reads
from tests.seals.written import PRIVATE
from tests.support.api_client import bearer, contribute, id_number, key, open_account, running, spending
from tests.support.care_client import on
from tests.support.employer_client import refusal, taken
from tests.support.inquiry_client import own
from tests.support.people import World, noon
from tests.verify.tampering import run, with_every_right

BROUGHT = {"current_year": "0.00", "carried_over": "1000.00", "source_ref": "old-1"}
BEFORE, TODAY = date(2026, 1, 4), date(2026, 3, 2)
SIGNER = Signer("ledger-test", PRIVATE)
KEY = str(SIGNER.verifier)


@dataclass
class Proving:
    """A service with one person of whom 2025 is finished, and the seals under its data directory."""

    client: TestClient
    engine: Engine
    data: Path
    number: str
    account: str

    @property
    def log(self) -> Log:
        return Log(self.data)

    def seal(self) -> SealedDay:
        with reading(self.engine) as connection:
            state: Any = self.client.app.state.ledger  # type: ignore[attr-defined]  # the app of the client
            return seal(connection, state.keyring, self.log, SIGNER)

    def ask(self, year: int = 2025, account: str | None = None, **more: Any) -> Any:
        return self.client.get(f"/v1/accounts/{account or self.account}/statements/{year}/proof", **more)

    def proof(self, year: int = 2025, **more: Any) -> bytes:
        answer = self.ask(year, **more)
        taken(answer, StatementProofAnswer, 200)
        content: bytes = answer.content
        return content

    def stated(self) -> Any:
        return self.client.get(f"/v1/accounts/{self.account}/statements/2025").json()

    def spend(self) -> None:
        path = f"/v1/accounts/{self.account}/spendings"
        body = spending(amount="1.00", effective_on=TODAY.isoformat())
        assert self.client.post(path, json=body, headers=key()).status_code == 201

    @contextmanager
    def broken(self, path: Path) -> Iterator[None]:
        """A file cut short, and whole again."""
        whole = path.read_bytes()
        path.write_bytes(whole[:-3])
        yield
        path.write_bytes(whole)


@pytest.fixture(name="proving")
def _proving(fresh_engine: Engine, tmp_path: Path) -> Iterator[Proving]:
    with running(fresh_engine, tmp_path) as client, on(client, BEFORE):
        opened = open_account(client, opened_on="2025-01-01", opening=BROUGHT)
        made = Proving(client, fresh_engine, tmp_path, opened["number"], opened["account_no"])
        contribute(client, made.account, "160.00", period="2025-03", effective_on="2025-03-20")
        world = World(fresh_engine)
        world.posted(PostInterest(book_id_of(made.account), 2025), now=noon(BEFORE), today=BEFORE)
        with on(client, TODAY):
            yield made


def held(content: bytes) -> list[str]:
    return [one.code for one in problems(content, KEY)]


def in_pockets(shown: Any) -> str:
    """What a statement says was in both pockets on its last day, by value dates."""
    return str(sum(Decimal(shown["closing"][pocket]) for pocket in ("current_year", "carried_over")))


def test_what_is_answered_is_a_proof_of_what_the_statement_says(proving: Proving) -> None:
    proving.seal()
    content = proving.proof()
    assert held(content) == []
    assert len(content) < 5_000
    said, shown = json.loads(content)["statement"], proving.stated()
    assert (said["account_no"], said["year"]) == (proving.account, 2025)
    assert said["closing"] == in_pockets(shown) == shown["closing"]["balance"]
    assert f"{said['account_no']}-{said['entries']}" == shown["last_entry"]
    assert proving.proof(account=proving.number) == content, "by the ID number it is the same"
    for secret in (proving.number, "张三"):
        assert secret.encode() not in content


def test_a_proof_holds_while_the_book_goes_on_and_the_next_seal_makes_the_next(proving: Proving) -> None:
    proving.seal()
    content = proving.proof()
    proving.spend()
    assert proving.proof() == content
    proving.seal()
    following = proving.proof()
    assert held(content) == held(following) == []
    before, after = (json.loads(one) for one in (content, following))
    assert after["statement"]["closing"] == before["statement"]["closing"]
    # the first of a year carries over
    assert after["statement"]["entries"] == before["statement"]["entries"] + 2
    assert after["day"]["size"] == 2
    # a late fact of the year is valued when it was booked: it is behind the head, and not in the balance
    contribute(proving.client, proving.account, "50.00", period="2025-12", effective_on="2025-12-28")
    assert proving.proof() == following
    proving.seal()
    last, shown = json.loads(proving.proof())["statement"], proving.stated()
    assert last["entries"] == after["statement"]["entries"] + 1
    assert last["closing"] == in_pockets(shown) == after["statement"]["closing"]
    assert (shown["version"], shown["closing"]["late"]) == (2, "50.00")


def test_what_is_no_longer_in_the_database_is_proved_all_the_same(proving: Proving) -> None:
    """A proof is of what was sealed; that the ledger is another now is for `verify --since`."""
    proving.spend()
    proving.seal()
    content = proving.proof()
    with with_every_right(proving.engine) as connection:
        run(connection, "UPDATE entry SET digest = :d WHERE seq > 1", d=bytes(32))
    assert proving.proof() == content


def test_where_no_seal_covers_the_year_there_is_none(proving: Proving) -> None:
    assert refusal(proving.ask()) == (409, "statement_not_sealed")
    fresh = open_account(proving.client)["account_no"]
    proving.seal()
    answer = proving.ask(2026)
    assert refusal(answer) == (409, "statement_not_sealed")
    assert answer.json()["facts"] == {"sealed_year": 2025}
    # of this one no year is finished; the other was opened since
    assert refusal(proving.ask(2026, fresh)) == (409, "statement_not_sealed")
    later = open_account(proving.client, opened_on="2025-06-01")["account_no"]
    assert refusal(proving.ask(2025, later)) == (409, "statement_not_sealed")
    assert proving.proof()


def test_years_and_accounts_that_are_none_are_refused_as_for_the_statement(proving: Proving) -> None:
    proving.seal()
    for year, wanted in ((2024, (422, "period_invalid")), (2027, (422, "period_invalid"))):
        assert refusal(proving.ask(year)) == wanted
    assert refusal(proving.ask(account=id_number())) == (404, "account_not_found")
    assert refusal(proving.ask(account="P483920174650K")) == (404, "account_not_found")
    path = f"/v1/accounts/{proving.account}/statements/x/proof"
    assert refusal(proving.client.get(path)) == (422, "shape_invalid")
    assert refusal(proving.client.get(f"{path.replace('x', '2025')}?version=1")) == (422, "unknown_field")


def test_files_that_cannot_be_read_or_do_not_agree_are_503(proving: Proving) -> None:
    proving.seal()
    content = proving.proof()
    log = proving.log
    for path in (
        log.folder / "checkpoint",
        log.folder / "key",
        log.folder / "tile/entries/000.p/1",
        log.kept.folder / "books-whole-1",
        log.kept.folder / "balances-whole-1",
    ):
        with proving.broken(path):
            assert refusal(proving.ask()) == (503, "seals_unavailable"), path
    assert proving.proof() == content
    (log.folder / "checkpoint").rename(log.folder / "gone")
    assert refusal(proving.ask()) == (503, "seals_unavailable"), "days were sealed here"
    (log.folder / "gone").rename(log.folder / "checkpoint")
    log.kept.folder.rename(proving.data / "elsewhere")
    assert refusal(proving.ask()) == (503, "seals_unavailable"), "only what is published was brought here"


def test_a_read_is_recorded_before_the_answer_and_without_a_record_there_is_none(
    proving: Proving, monkeypatch: pytest.MonkeyPatch
) -> None:
    proving.seal()
    route = ("GET", "/v1/accounts/{account}/statements/{year}/proof")
    assert SHOWN_BY[route] == SHOWN_BY[route[0], route[1].removesuffix("/proof")]
    seen: list[int] = []

    def counted(*asked: Any) -> bytes:
        seen.append(len(reads(proving.engine, proving.account)))
        return make(*asked)

    monkeypatch.setattr("api.inquiry.statement_proofs.prove", counted)
    before = len(reads(proving.engine, proving.account))
    assert proving.proof()
    [line] = reads(proving.engine, proving.account)[before:]
    assert (FieldGroup(line.fields), line.items, line.role) == (SHOWN_BY[route], 1, "accounts:read")
    assert seen == [before + 1], "it was written down before anything was made"
    # what is refused was looked at too
    assert proving.ask(2026).status_code == 409
    assert len(reads(proving.engine, proving.account)) == before + 2


def test_who_may_ask_is_who_may_see_the_statement(proving: Proving) -> None:
    proving.seal()
    keys = proving.data / "keys"
    assert refusal(proving.ask(headers=bearer(keys, scopes=["reports:read"]))) == (403, "scope_missing")
    assert refusal(proving.ask(headers={"Authorization": ""})) == (401, "token_missing")
    me = own(proving.client, keys, proving.number)
    mine = proving.client.get("/v1/me/statements/2025/proof", headers=me)
    assert taken(mine, StatementProofAnswer, 200)["statement"]["account_no"] == proving.account
    assert mine.content == proving.proof()
    assert refusal(proving.ask(headers=me)) == (403, "scope_missing"), "it is for their own doors"
    other = open_account(proving.client, opened_on="2025-06-01")["number"]
    theirs = own(proving.client, keys, other)
    answer = proving.client.get("/v1/me/statements/2025/proof", headers=theirs)
    assert refusal(answer) == (409, "statement_not_sealed")
    unknown = own(proving.client, keys, id_number())
    answer = proving.client.get("/v1/me/statements/2025/proof", headers=unknown)
    assert refusal(answer) == (404, "account_not_found")
