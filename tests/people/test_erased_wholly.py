"""What was printed, asked, said and listed of somebody goes with them, and what is others' stays."""

from __future__ import annotations

import base64
import itertools
import json
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, update

from ledger import tables
from ledger.book.numbers import account_no, book_id_of
from ledger.chart.channels import FieldGroup
from ledger.chart.person_facts import NumberReason, PersonFact
from ledger.documents import handing_out, issuing
from ledger.documents.handing_out import Kept, keep
from ledger.estates.merging import MergeAccounts
from ledger.inquiry import agency_requests
from ledger.operations import erasing
from ledger.operations.resealing import _of_table, columns_by_table, count_left, plain_row, rotate
from ledger.operations.sealed_columns import SEALED_COLUMNS, contexts_in_intents
from ledger.people.persons import seal_fact, stake_by_number
from ledger.people.renumbering import ChangeNumber
from ledger.posting import Posted
from ledger.vault import FORMS_FOR_PERSONS, Keyring, KeyringError, carrying, key_named
from ledger.verify import verify
from tests.operations.test_rotation import BOTH, NEW
from tests.people.test_erasure import OVER, erase, money
from tests.support.api_client import NOW, TODAY, key, open_account, running
from tests.support.approval_client import approve, by_two, waiting
from tests.support.approvals import asks_nobody, waits
from tests.support.case_client import answered, opened, view
from tests.support.documents_client import ask as ask_for
from tests.support.documents_client import checked, content
from tests.support.employer_client import hire, new_employer
from tests.support.erased_life import (
    NAMES,
    OTHER,
    REPLIED,
    SAID,
    STAYS,
    Written,
    bury,
    old_form,
    write,
)
from tests.support.estate_client import ask as ask_to_divide
from tests.support.estate_client import claim, claimant, die, heir
from tests.support.inquiry_client import own
from tests.support.people import KEYRING, SomeoneFactory, World, noon
from tests.support.separations import case_about, separation
from tests.verify.tampering import with_every_right

GONE_ON = OVER.replace(year=2057)


@pytest.fixture
def written(fresh_engine: Engine, tmp_path: Path) -> Written:
    with running(fresh_engine, tmp_path) as client:
        found = write(client, fresh_engine, tmp_path)
    bury(asks_nobody(World(fresh_engine)), found.book)
    return found


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return asks_nobody(World(fresh_engine))


# -- all that opens -----------------------------------------------------------------------------------------


def everything(engine: Engine, keyring: Keyring = KEYRING) -> Iterator[tuple[str, str]]:
    """(where, what stands there) of all that opens with every key that is at hand, however deep it lies."""
    with engine.connect() as connection:
        keys = {bytes(ref): bytes(wrapped) for ref, wrapped in connection.execute(
            select(tables.person_key.c.ref, tables.person_key.c.wrapped)
        ) if wrapped is not None}  # fmt: skip
        for one in SEALED_COLUMNS:
            if one.holds_keys:
                continue
            for found in connection.execute(select(one.table)).mappings():
                row = plain_row(found)
                if (sealed := row[one.name]) is None:
                    continue
                try:
                    value = carrying(keys.get(key_named(sealed) or b""), sealed)
                    plain = keyring.open_bytes(value, one.context(row))
                except KeyringError:
                    continue
                where = f"{one.table.name}.{one.name}"
                for text in readings(plain):
                    yield where, text
                if one.table is tables.approval:
                    yield from ((where, text) for text in inside(plain, keys, keyring))


def readings(plain: bytes) -> Iterator[str]:
    """What is told by bytes as they are, unpacked, and of signed data by what was signed."""
    yield plain.decode(errors="replace")
    if plain[:1] == b"x":
        yield json.dumps(json.loads(zlib.decompress(plain)), ensure_ascii=False)
    if plain.startswith(b'{"payload"'):
        payload = json.loads(plain)["payload"]
        yield base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()


def inside(plain: bytes, keys: dict[bytes, bytes], keyring: Keyring) -> Iterator[str]:
    """What opens of all that is sealed in a request that waits."""
    values: list[bytes] = []

    def gather(value: Any) -> None:
        if isinstance(value, dict) and value.keys() == {"bytes"}:
            values.append(bytes.fromhex(value["bytes"]))
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            gather(one)

    gather(json.loads(plain))
    contexts = [context for one in values if len(one) == 32 for context in contexts_in_intents(one)]
    for value, context in itertools.product(values, contexts):
        try:
            yield keyring.open(carrying(keys.get(key_named(value) or b""), value), context)
        except KeyringError:
            continue


def standing(engine: Engine, secrets: tuple[str, ...], keyring: Keyring = KEYRING) -> set[tuple[str, str]]:
    """Where which of some words stand."""
    return {
        (where, secret)
        for where, text in everything(engine, keyring)
        for secret in secrets
        if secret.lower() in text.lower()
    }


# -- what it does -------------------------------------------------------------------------------------------


def test_nothing_of_them_opens_any_more_and_all_that_is_others_does(
    fresh_engine: Engine, world: World, written: Written
) -> None:
    before = standing(fresh_engine, written.secrets)
    assert {where for where, _secret in before} >= {
        f"{one.table.name}.{one.name}"
        for one in SEALED_COLUMNS
        if one.whose and one.table.name != "estate_payout"
    }, "something of theirs stands in each, or the test looks at nothing"
    assert {secret for _where, secret in before} == set(written.secrets)
    of_others = (OTHER, *STAYS)
    theirs, books = standing(fresh_engine, of_others), money(fresh_engine)
    told = verify(fresh_engine, keyring=KEYRING)
    assert (told.findings, told.erased) == ([], 0)
    assert isinstance(erase(world, written.book, GONE_ON), Posted)
    # the staff list of an employer, on which somebody else stands too, is that one's as well
    assert standing(fresh_engine, written.secrets) == {
        (where, secret)
        for where in ("document.facts_sealed", "document_content.content_sealed")
        for secret in (NAMES[1], written.number)
    }
    assert standing(fresh_engine, of_others) == theirs
    assert money(fresh_engine) == books
    for keyring in (KEYRING, None):
        told = verify(fresh_engine, keyring=keyring)
        assert (told.findings, told.erased) == ([], 1)


def test_the_staff_list_goes_with_the_last_who_stands_on_it(
    fresh_engine: Engine, world: World, written: Written
) -> None:
    [other] = books_on(fresh_engine, written.documents["many"]) - {written.book}
    bury(world, other)
    assert isinstance(erase(world, written.book, GONE_ON), Posted)
    assert (OTHER, NAMES[1]) == tuple(
        secret
        for secret in (OTHER, NAMES[1])
        if ("document.facts_sealed", secret) in standing(fresh_engine, (secret,))
    )
    assert isinstance(erase(world, other, GONE_ON), Posted)
    assert standing(fresh_engine, (*written.secrets, OTHER, STAYS[0], STAYS[2])) == set()
    assert {text for where, text in everything(fresh_engine) if where.startswith("inquiry_case")} == {
        STAYS[1],
        "13900000000",
    }
    told = verify(fresh_engine, keyring=KEYRING)
    assert (told.findings, told.erased) == ([], 2)


def test_who_is_known_by_another_account_since_is_known(
    fresh_engine: Engine, world: World, written: Written
) -> None:
    """The account under which somebody stands on a list went into another one."""
    before = standing(fresh_engine, (OTHER,))
    [other] = books_on(fresh_engine, written.documents["many"]) - {written.book}
    older = world.open(SomeoneFactory(name=OTHER), opened_on=date(2019, 1, 1))
    world.one(MergeAccounts(other, older, "finding"))
    assert isinstance(erase(world, written.book, GONE_ON), Posted)
    assert ("document.facts_sealed", OTHER) in standing(fresh_engine, (OTHER,)) & before
    assert ("document.facts_sealed", NAMES[1]) in standing(fresh_engine, (NAMES[1],))


def books_on(engine: Engine, made: Any) -> set[int]:
    d = tables.document.c
    with engine.connect() as connection:
        rests_on = connection.scalar(select(d.rests_on).where(d.name == made["document"]))
    return set(json.loads(rests_on or "{}")["people"])


def test_what_came_since_goes_when_it_is_asked_again(
    fresh_engine: Engine, world: World, written: Written, tmp_path: Path
) -> None:
    assert isinstance(erase(world, written.book, GONE_ON), Posted)
    with running(fresh_engine, tmp_path) as client:
        opened(client, about={"account": written.number}, text=SAID + "!")
    assert standing(fresh_engine, (SAID,)) == {("inquiry_case.text_sealed", SAID)}
    again = erase(world, written.book, GONE_ON)
    assert not again.created
    with fresh_engine.connect() as connection, connection.begin():
        erasing.destroy_key(connection, KEYRING, again.receipt, noon(GONE_ON))
    assert standing(fresh_engine, (SAID,)) == set()
    told = verify(fresh_engine, keyring=KEYRING)
    assert (told.findings, told.erased) == ([], 1)


def test_every_door_says_that_it_is_not_known_any_more(
    fresh_engine: Engine, world: World, written: Written, tmp_path: Path
) -> None:
    with running(fresh_engine, tmp_path) as client:
        bytes_of_others = (
            content(client, written.documents["others"]),
            content(client, written.documents["many"]),
        )
        genuine = {name: checked(client, made) for name, made in written.documents.items()}
    assert isinstance(erase(world, written.book, GONE_ON), Posted)
    with running(fresh_engine, tmp_path) as client:
        many, few = written.employers
        for name, path in (
            ("kept", "/v1/documents"), ("not kept", "/v1/documents"), ("few", "/v1/documents"),
            ("few", f"/v1/employers/{few}/documents"),
        ):  # fmt: skip
            answer = client.get(f"{path}/{written.documents[name]['document']}")
            assert (answer.status_code, answer.json()["code"]) == (409, "document_not_kept"), name
        assert bytes_of_others == (
            content(client, written.documents["others"]), content(client, written.documents["many"])
        )  # fmt: skip
        assert {name: checked(client, made) for name, made in written.documents.items()} == genuine
        for name in ("account", "unit"):
            case = view(client, written.cases[name])
            assert (case["text"], case["reply_to"], case["answer"], case["evidence"]) == (
                None,
                None,
                None,
                [],
            )
            assert (case["state"], case["outcome"]) == ("answered", "answered")
        assert view(client, written.cases["of another"])["text"] == STAYS[0]
        request = client.get(f"/v1/agency-requests/{written.request}")
        assert request.status_code == 200
        erased, theirs = request.json()["id_numbers"]
        assert (erased, theirs[:3]) == (None, "119")
        # what is posted again is answered with the list as it stands
        for name, lines in (("owed", 2), ("asked", 1), ("as known", 1)):
            shown = client.get(f"/v1/declarations/{written.lists[name]}")
            assert shown.status_code == 200, shown.text
            assert len(shown.json()["lines"]) == lines
            assert shown.json()["lines"][0].get("id_number") is None
        me = own(client, tmp_path / "keys", written.number)
        export = client.get("/v1/me/export", headers=me)
        assert export.status_code == 200
        assert [one["text"] for one in export.json()["cases"]] == [None] * 3
        assert [secret for secret in written.secrets if secret in export.text] == []
        for case in client.get("/v1/me/cases", headers=me).json()["items"]:
            assert client.get(f"/v1/me/cases/{case['case']}", headers=me).status_code == 200
        # an open case of theirs can still be answered, and what is said goes when it is asked again
        answered(
            client,
            tmp_path / "keys",
            written.cases["document"],
            outcome="withdrawn",
            text=REPLIED,
            evidence=[],
        )
        assert ask_for(client, f"/v1/accounts/{written.number}", kind="insured_proof").status_code < 500
        assert many


def test_a_list_posted_again_is_answered_without_who_was_erased(
    fresh_engine: Engine, world: World, tmp_path: Path
) -> None:
    """Typed as the person is known, and typed otherwise."""
    with running(fresh_engine, tmp_path) as client:
        they, other = hire(client), hire(client)
        employer = new_employer(client)
        headers, path = key(), f"/v1/employers/{employer}/declarations"
        wages = [{"id_number": one, "wage": "8000.00"} for one in (old_form(they), other)]
        also = [{"id_number": one, "wage": "8000.00"} for one in (they, old_form(other))]
        bodies = ({"period": "2026-03", "lines": wages}, {"period": "2026-04", "lines": also})
        first = [
            client.post(path, json=body, headers=headers | {"Idempotency-Key": f"again-{nth}"}).json()
            for nth, body in enumerate(bodies)
        ]
        account = client.get(f"/v1/accounts/{they}").json()["account_no"]
        confirmed = client.post(
            f"/v1/declarations/{first[0]['declaration']}/confirm",
            json={},
            headers={"Idempotency-Key": "confirmed"},
        )
        assert confirmed.status_code == 201
    bury(world, book_id_of(account) or 0)
    assert isinstance(erase(world, book_id_of(account) or 0, GONE_ON), Posted)
    with running(fresh_engine, tmp_path) as client:
        for nth, body in enumerate(bodies):
            again = client.post(path, json=body, headers={"Idempotency-Key": f"again-{nth}"})
            assert again.status_code in {200, 201}, again.text
            assert [line["id_number"] for line in again.json()["lines"]] == [
                None,
                first[nth]["lines"][1]["id_number"],
            ]
        again = client.post(
            f"/v1/declarations/{first[0]['declaration']}/confirm",
            json={},
            headers={"Idempotency-Key": "confirmed"},
        )
        assert again.status_code in {200, 201}, again.text
        assert [line["id_number"] for line in again.json()["lines"]] == [None, other]


def test_keeping_and_rotating_go_by_what_was_erased(
    fresh_engine: Engine, world: World, written: Written
) -> None:
    assert isinstance(erase(world, written.book, GONE_ON), Posted)
    with fresh_engine.connect() as connection:
        # the one that was printed since of them is erased: there is nothing to keep, and nothing broken
        assert keep(connection, KEYRING, NOW) == Kept(0, 4, ())
        assert count_left(connection, KEYRING) == 0
        assert rotate(connection, BOTH) == (0, {})
    for keyring in (BOTH, None):
        told = verify(fresh_engine, keyring=keyring)
        assert (told.findings, told.erased) == ([], 1)
    assert {secret for _where, secret in standing(fresh_engine, written.secrets, BOTH)} == {
        NAMES[1],
        written.number,
    }
    assert len(standing(fresh_engine, (OTHER, *STAYS), BOTH)) > 5


# -- requests that waited -----------------------------------------------------------------------------------


def named_in_a_request(
    engine: Engine, folder: Path, form: str
) -> tuple[int, str, tuple[str, ...], tuple[str, ...]]:
    """(book of who left, request about another that names them, what is theirs, what is another's)."""
    rich = World(engine).open(opening=(0, 20_000_000))
    with running(engine, folder) as client:
        they, other = open_account(client, name=NAMES[0]), open_account(client, name=OTHER)
        died = account_no(rich)
        die(client, died)
        named = ((NAMES[0], they["number"]), (OTHER, other["number"]))
        if form == "short":
            heirs = [heir(number, name=name) for name, number in named]
            approval = waiting(ask_to_divide(client, died, heirs, confirm=True))
        else:
            claimants = [claimant(name, id_number=number) for name, number in named]
            approval = waiting(claim(client, died, claimants, confirm=True))
        assert client.get(f"/v1/approvals/{approval}").json()["persons"] == ["欧***", "诸***"]
        # who left, and is alive
        left = {"case": "settled_abroad", "document": "visa", "paid_on": TODAY.isoformat()}
        asked_for = client.post(f"/v1/accounts/{they['account_no']}/exits", json=left, headers=key())
        assert by_two(client, asked_for).status_code == 201
    book = book_id_of(they["account_no"])
    assert book is not None
    return book, approval, *named


@pytest.mark.parametrize("form", ["short", "full"])
def test_who_was_named_in_a_request_about_another_goes_from_it_too(
    fresh_engine: Engine, tmp_path: Path, form: str
) -> None:
    """It carries a key that was made for the request alone, whoever knows the person by another."""
    book, approval, theirs, others = named_in_a_request(fresh_engine, tmp_path, form)
    world = World(fresh_engine)
    held = {("approval.intent_sealed", one) for one in theirs}
    assert held <= standing(fresh_engine, theirs)
    assert isinstance(erase(world, book, GONE_ON), Posted)
    assert standing(fresh_engine, theirs) == set()
    assert {("approval.intent_sealed", one) for one in others} <= standing(fresh_engine, others)
    with running(fresh_engine, tmp_path) as client:
        shown = client.get(f"/v1/approvals/{approval}")
        assert (shown.status_code, shown.json()["persons"]) == (200, ["诸***"])
        # and it is approved all the same: the account is known by its number
        done = approve(client, tmp_path / "keys", approval)
        assert done.status_code == 201, done.text
        assert [share["name"] for share in done.json()["shares"]] == [None, OTHER]
    with fresh_engine.connect() as connection:
        assert rotate(connection, BOTH) == (0, {})


@pytest.mark.postgres
@pytest.mark.parametrize("form", ["short", "full"])
def test_what_was_sealed_anew_since_the_requests_were_read_stays_so(
    fresh_engine: Engine, tmp_path: Path, form: str
) -> None:
    """Or the key of the others in it would open no more, once the older key is gone."""
    book, _approval, theirs, others = named_in_a_request(fresh_engine, tmp_path, form)
    rotated: list[int] = []

    def rotate_what_waits(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "FROM approval" in statement and "intent_sealed IS NOT NULL" in statement and not rotated:
            columns = columns_by_table()[tables.approval]
            with fresh_engine.connect() as connection:
                steps = _of_table(connection, BOTH, tables.approval, columns)
                rotated.extend(sealed for sealed, _damaged in steps)

    event.listen(fresh_engine, "after_cursor_execute", rotate_what_waits)
    try:
        assert isinstance(erase(World(fresh_engine), book, GONE_ON, keyring=BOTH), Posted)
    finally:
        event.remove(fresh_engine, "after_cursor_execute", rotate_what_waits)
    assert sum(rotated) > 0
    assert standing(fresh_engine, theirs, BOTH) == set()
    assert {("approval.intent_sealed", one) for one in others} <= standing(fresh_engine, others, NEW)


def test_what_an_older_version_sealed_in_a_request_goes_too(fresh_engine: Engine) -> None:
    """Of somebody without a key a request holds a number under a key of the installation."""
    world = World(fresh_engine)
    who, newer = SomeoneFactory(name=NAMES[0]), SomeoneFactory()
    book = world.open(who)
    stake, parsed = stake_by_number(newer.id_number, NAMES[0], KEYRING, world.today)
    sealed = seal_fact(PersonFact.NUMBER, parsed.number, stake.digest, KEYRING).sealed
    number = ChangeNumber(book, (stake,), sealed, world.today, "d", NumberReason.REISSUED, key="k")
    waits(world, number)
    theirs = (NAMES[0], newer.id_number)
    assert {("approval.intent_sealed", one) for one in theirs} <= standing(fresh_engine, theirs)
    bury(asks_nobody(world), book)
    assert isinstance(erase(world, book, GONE_ON), Posted)
    assert standing(fresh_engine, theirs) == set()
    assert verify(fresh_engine, keyring=KEYRING).findings == []


# -- whose a row is -----------------------------------------------------------------------------------------


def test_a_number_that_two_shared_goes_with_the_second_of_them(fresh_engine: Engine, world: World) -> None:
    """Whom of them another agency asked about nobody can say."""
    holder = SomeoneFactory(name=NAMES[0])
    book = world.open(holder)
    asked(fresh_engine, holder.id_number)
    other = SomeoneFactory(name=OTHER)
    world.one(separation(world, book, other))
    its = world.open(other)
    for one in (book, its):
        bury(world, one)
    stays = {("agency_request_person.number_sealed", holder.id_number)}
    assert isinstance(erase(world, book, GONE_ON), Posted)
    assert standing(fresh_engine, (holder.id_number, NAMES[0])) == stays
    assert isinstance(erase(world, its, GONE_ON), Posted)
    assert standing(fresh_engine, (holder.id_number, NAMES[0], OTHER)) == set()


def asked(engine: Engine, number: str) -> None:
    """Another agency asks about a number."""
    with engine.connect() as connection:
        people = agency_requests.digests_of([number], KEYRING, OVER)
        agency_requests.ask(
            connection, KEYRING, people,
            agency="a", purpose="court_order", legal_basis="l", fields=FieldGroup.BALANCE, caller="c",
            actor="r", now=NOW,
        )  # fmt: skip


def test_both_accounts_that_became_one_are_one_persons(fresh_engine: Engine, world: World) -> None:
    older = SomeoneFactory(name=NAMES[0])
    younger = SomeoneFactory(name=NAMES[0])
    books = [world.open(older), world.open(younger)]
    for one in (older, younger):
        asked(fresh_engine, one.id_number)
    case_about(world, books[1])
    world.one(MergeAccounts(books[1], books[0], "finding"))
    bury(world, books[0])
    assert isinstance(erase(world, books[0], GONE_ON), Posted)
    assert standing(fresh_engine, (NAMES[0], older.id_number, younger.id_number, "两人同号")) == set()
    assert verify(fresh_engine, keyring=KEYRING).findings == []


# -- damaged, interrupted, at the same moment ----------------------------------------------------------------


def test_what_is_damaged_goes_and_a_changed_document_does_not_become_sound(
    fresh_engine: Engine, world: World, written: Written
) -> None:
    c, d = tables.inquiry_case.c, tables.document.c
    changed = written.documents["kept"]["document"]
    with with_every_right(fresh_engine) as past:
        past.execute(
            update(tables.inquiry_case)
            .where(c.case_id == written.cases["account"])
            .values(text_sealed=KEYRING.seal(SAID, b"elsewhere"))
        )
        past.execute(update(tables.document).where(d.name == changed).values(purpose="forged"))
    assert isinstance(erase(world, written.book, GONE_ON), Posted)
    with fresh_engine.connect() as connection:
        text = connection.scalar(select(c.text_sealed).where(c.case_id == written.cases["account"]))
        facts = connection.scalar(select(d.facts_sealed).where(d.name == changed))
    assert {bytes(text or b"")[:1], bytes(facts or b"")[:1]} <= FORMS_FOR_PERSONS
    told = verify(fresh_engine, keyring=KEYRING)
    assert [(one.code, one.where) for one in told.findings] == [
        ("document_broken", f"document {written.documents['kept']['serial']}")
    ]


def test_stopped_anywhere_all_of_it_is_gone_or_none(
    fresh_engine: Engine, world: World, written: Written
) -> None:
    whole = standing(fresh_engine, written.secrets)
    stays = {one for one in whole if one[0].startswith("document") and one[1] in {NAMES[1], written.number}}
    steps, done = 5, False
    while not done:
        left = steps

        def stop(*_what: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt

        names = ("before_cursor_execute", "commit")
        for name in names:
            event.listen(fresh_engine, name, stop)
        try:
            erase(world, written.book, GONE_ON)
            done = True
        except KeyboardInterrupt:
            pass
        finally:
            for name in names:
                event.remove(fresh_engine, name, stop)
        fresh_engine.dispose()
        told = verify(fresh_engine, keyring=KEYRING)
        assert told.findings == []
        assert standing(fresh_engine, written.secrets) == (stays if told.erased else whole)
        steps += 9
    assert steps > 40


def test_bytes_are_not_kept_of_what_was_erased_meanwhile(
    fresh_engine: Engine, world: World, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were read before, and are written down after it."""
    draw = handing_out.content_of

    def slowly(*asked: Any) -> bytes:
        found = draw(*asked)
        if asked[1].name == written.documents["not kept"]["document"]:
            assert isinstance(erase(world, written.book, GONE_ON), Posted)
        return found

    monkeypatch.setattr(handing_out, "content_of", slowly)
    with fresh_engine.connect() as connection:
        assert keep(connection, KEYRING, NOW) == Kept(0, 4, ())
    assert "document_content.content_sealed" in {
        where for where, _secret in standing(fresh_engine, (NAMES[1],))
    }, "the staff list of others"
    kept = select(tables.document_content.c.name)
    with fresh_engine.connect() as connection:
        assert written.documents["not kept"]["document"] not in connection.scalars(kept).all()


@pytest.mark.postgres
def test_who_keeps_bytes_and_who_erases_wait_for_each_other(
    fresh_engine: Engine, world: World, written: Written
) -> None:
    """Each before it looks: what the first wrote the other sees."""
    seen: list[str] = []

    def see(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    event.listen(fresh_engine, "before_cursor_execute", see)
    try:
        assert isinstance(erase(world, written.book, GONE_ON), Posted)
        first = next(n for n, one in enumerate(seen) if "document" in one)
        assert any("pg_advisory_xact_lock" in one for one in seen[:first])
        with fresh_engine.connect() as connection:
            d = tables.document.c
            other = connection.execute(
                select(*issuing.COLUMNS).where(d.name == written.documents["others"]["document"])
            ).one()
            connection.rollback()
            seen.clear()
            row = issuing.read_row(other)
            assert handing_out._keep_one(connection, KEYRING, row, b"", NOW)
        assert "pg_advisory_xact_lock" in seen[0]
    finally:
        event.remove(fresh_engine, "before_cursor_execute", see)
