"""Whose an account was is erased once it was kept long enough: nobody knows it, and no fen moves."""
# ruff: noqa: F811  the fixture that stands in test_cli is an argument here

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, func, select, text, update
from sqlalchemy.exc import DBAPIError

from ledger import persons, tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.spending import Spend
from ledger.book.numbers import account_no, book_id_of
from ledger.chart.kinds import Kind
from ledger.chart.parties import Party
from ledger.chart.person_facts import NumberReason, PersonFact
from ledger.estates.merging import MergeAccounts
from ledger.operations import erasing
from ledger.operations.resealing import rotate
from ledger.operations.sealed_columns import SEALED_COLUMNS
from ledger.people.erasure import EraseHolder
from ledger.people.person_keys import key_of_person
from ledger.people.persons import (
    context_of_fact,
    context_of_name,
    context_of_number,
    known,
    new_contact,
    new_name,
    seal_fact,
    stake_by_number,
)
from ledger.people.renaming import ChangeName, RecordContact
from ledger.people.renumbering import ChangeNumber
from ledger.posting import Posted
from ledger.posting.approvals import context
from ledger.posting.way_in import post
from ledger.refusals import Refused
from ledger.vault import KeyErasedError, Keyring, carrying, key_named
from ledger.verify import verify
from tests.operations.test_cli import Answer, run  # noqa: F401  a fixture
from tests.support.api_client import id_number as new_number
from tests.support.api_client import key as idempotency_key
from tests.support.api_client import open_account, running
from tests.support.approval_client import by_two
from tests.support.approvals import asks_nobody
from tests.support.people import KEYRING, SomeoneFactory, World, noon
from tests.support.stories import Heir, estate
from tests.verify.tampering import with_every_right

OPENED, DIED, CLOSED = date(2024, 1, 5), date(2026, 3, 3), date(2026, 3, 9)
OVER = date(2056, 3, 9)
SECRETS = ("欧阳静姝", "司马静姝", "01099990000")
_K, _I, _B, _E = tables.person_key.c, tables.identity.c, tables.book.c, tables.entry.c


def a_life(world: World, name: str = SECRETS[0]) -> int:
    """Somebody who was renamed, reached by telephone, spent, and died; the account is closed."""
    who = replace(SomeoneFactory(), name=name)
    book = world.open(who, opened_on=OPENED, opening=(0, 50_000), today=OPENED, now=noon(OPENED))
    with world.engine.connect() as connection:
        own = key_of_person(connection, KEYRING, person_of(connection, book))
    world.one(ChangeName(book, new_name(SECRETS[1], KEYRING, own), date(2025, 1, 1), "register"))
    phone = new_contact(PersonFact.PHONE, SECRETS[2], KEYRING, own)
    world.one(RecordContact(book, phone, None, date(2025, 2, 1), "form"))
    world.one(Spend(book, 1_200, date(2026, 1, 5), "H0001", world.ref("s")))
    world.one(ReportDeath(book, DIED, "certificate"))
    world.one(estate(world, book, [Heir("child", "王五")], CLOSED), now=noon(CLOSED), today=CLOSED)
    return book


def person_of(connection: Connection, book: int) -> int:
    found = connection.scalar(select(_B.person_id).where(_B.book_id == book))
    assert found is not None
    return found


def erase(
    world: World, book: int, today: date = OVER, document: str = "list 2056", keyring: Keyring = KEYRING
) -> Any:
    """As the command does."""
    now = noon(today)
    command = EraseHolder(book, document, "keys", "archivist")
    with world.engine.connect() as connection:
        return post(
            connection,
            [command],
            now,
            today,
            world.policies,
            beside=partial(erasing._destroyed, keyring, now),
        )[0]


def money(engine: Engine) -> list[Any]:
    """Every account's money, every transfer, and every entry but those that say that somebody was erased."""
    accounts = f"book_id BETWEEN {Party.PERSON.first} AND {Party.PERSON.last}"
    with engine.connect() as connection:
        pockets = (_B.book_id, _B.current_year, _B.carried_over, _B.held, _B.reserved, _B.stage)
        rows: list[Any] = list(
            connection.execute(select(*pockets).where(text(accounts)).order_by(_B.book_id))
        )
        rows += connection.execute(select(tables.transfer).order_by(*tables.transfer.primary_key))
        entries = select(tables.entry).where(_E.kind != int(Kind.ERASURE), text(accounts))
        return rows + list(connection.execute(entries.order_by(_E.book_id, _E.seq)))


def opened_of(engine: Engine, book: int, keyring: Keyring = KEYRING) -> list[str]:
    """All that can be opened of what is sealed for the holder of a book, with every key that there is."""
    found = []
    with engine.connect() as connection:
        person = person_of(connection, book)
        keys = {bytes(ref): wrapped for ref, wrapped in connection.execute(select(_K.ref, _K.wrapped))}
        for one in SEALED_COLUMNS:
            if "person_id" not in one.table.columns:
                continue
            rows = connection.execute(select(one.table).where(one.table.c.person_id == person)).mappings()
            for row in rows:
                if (sealed := row[one.name]) is None:
                    continue
                value = carrying(keys.get(key_named(bytes(sealed)) or b""), sealed)
                plain = {name: bytes(it) if isinstance(it, memoryview) else it for name, it in row.items()}
                try:
                    found.append(keyring.open(value, one.context(plain)))
                except KeyErasedError:
                    continue
    return found


@pytest.fixture
def world(fresh_engine: Engine) -> World:
    return asks_nobody(World(fresh_engine, now=noon(date(2026, 3, 8))))


# -- what it does -------------------------------------------------------------------


def test_nobody_knows_any_more_who_it_was_and_every_balance_is_what_it_was(world: World) -> None:
    book, other = a_life(world), a_life(world, "诸葛小明")
    before = money(world.engine)
    assert set(SECRETS) <= set(opened_of(world.engine, book))
    told = verify(world.engine, keyring=KEYRING)
    assert (told.findings, told.erased) == ([], 0)
    outcome = erase(world, book)
    assert isinstance(outcome, Posted), outcome
    assert outcome.receipt.kind is Kind.ERASURE
    assert opened_of(world.engine, book) == []
    assert money(world.engine) == before
    for keyring in (KEYRING, None):
        told = verify(world.engine, keyring=keyring)
        assert (told.findings, told.erased) == ([], 1)
    with world.engine.connect() as connection:
        person, living = person_of(connection, book), person_of(connection, other)
        both = known(connection, KEYRING, [person, living])
    assert (both[person].name, both[person].number) == (None, None)
    assert both[living].name == SECRETS[1]
    assert "诸葛小明" in opened_of(world.engine, other)


def test_what_an_older_version_sealed_goes_too(world: World) -> None:
    """Under a key of the installation it would outlive the person's."""
    book = a_life(world)
    with world.engine.connect() as connection, connection.begin():
        person = person_of(connection, book)
        digest = connection.scalar(select(_I.digest).where(_I.person_id == person))
        assert digest is not None
        as_before = KEYRING.seal(SECRETS[0], context_of_name(bytes(digest)))
        connection.execute(update(tables.identity).where(_I.digest == digest).values(name_sealed=as_before))
    fact = new_contact(PersonFact.ADDRESS, "某路1号", KEYRING)
    with with_every_right(world.engine) as past:
        f = tables.person_fact.c
        first = select(f.seq).where(f.book_id == book, f.what == int(PersonFact.PHONE))
        values = {"what": int(PersonFact.ADDRESS), "digest": fact.digest, "sealed": fact.sealed}
        past.execute(
            update(tables.person_fact)
            .where(f.book_id == book, f.seq == first.scalar_subquery())
            .values(values)
        )
    assert {SECRETS[0], "某路1号"} <= set(opened_of(world.engine, book))
    assert isinstance(erase(world, book), Posted)
    assert opened_of(world.engine, book) == []
    with world.engine.connect() as connection:
        kept = connection.scalars(select(tables.person_fact.c.sealed)).all()
    with pytest.raises(KeyErasedError):
        KEYRING.open(bytes(kept[-1]), context_of_fact(PersonFact.ADDRESS, fact.digest))


def test_asked_again_it_is_answered_with_the_first(world: World) -> None:
    book = a_life(world)
    first = erase(world, book)
    again = erase(world, book, OVER + timedelta(days=9), "another list")
    assert (first.created, again.created) == (True, False)
    assert again.receipt == first.receipt


def test_a_person_who_was_erased_may_be_named_and_is_somebody_of_that_number(world: World) -> None:
    """Heirs ask, and institutions: the number finds a closed account, and no name."""
    book = a_life(world)
    with world.engine.connect() as connection:
        number = persons.numbers_of(connection, KEYRING, [book])[book]
    erase(world, book)
    refused = world.post(
        Spend(persons.account_ref(number, KEYRING, OVER), 100, OVER, "H0001", "late"),
        now=noon(OVER) + timedelta(hours=1),
        today=OVER,
    )[0]
    assert isinstance(refused, Refused)
    assert refused.code == "account_closed"
    with world.engine.connect() as connection:
        assert persons.numbers_of(connection, KEYRING, [book]) == {}


def test_a_request_that_waited_does_not_keep_the_key(fresh_engine: Engine, tmp_path: Path) -> None:
    """An ID number that a second person was asked for carries the key, as it would be written down."""
    with running(fresh_engine, tmp_path) as client:
        opened = open_account(client, name=SECRETS[0], opened_on="2024-01-05")
        account = opened["account_no"]
        body = {"id_number": new_number(), "from": "2026-03-01", "document": "d", "reason": "corrected"}
        asked = client.post(f"/v1/accounts/{account}/id-numbers", json=body, headers=idempotency_key())
        approval = asked.json()["approval"]
        assert client.get(f"/v1/approvals/{approval}").json()["persons"] == ["欧***"]
    world = asks_nobody(World(fresh_engine))
    book = book_id_of(account) or 0
    died = world.today
    world.one(ReportDeath(book, died, "certificate"))
    world.one(estate(world, book, [Heir("child", "王五")], world.today))
    with fresh_engine.connect() as connection:
        keys = connection.execute(select(_K.ref, _K.wrapped)).all()
    whole = opened_of(fresh_engine, book)
    assert isinstance(erase(world, book, date(2057, 1, 1)), Posted)
    with fresh_engine.connect() as connection:
        gone = {bytes(ref) for ref in connection.scalars(select(_K.ref).where(_K.wrapped.is_(None)))}
        wrapped = [bytes(one.wrapped) for one in keys if bytes(one.ref) in gone]
        a = tables.approval.c
        held = connection.execute(select(a.book_id, a.number, a.intent_sealed)).all()
    intents = [KEYRING.open_bytes(bytes(one), context(home, number)) for home, number, one in held]
    assert [bool(one) for one in (whole, intents, wrapped)] == [True] * 3
    assert [one for one in wrapped if any(one.hex().encode() in intent for intent in intents)] == []
    with running(fresh_engine, tmp_path) as client:
        shown = client.get(f"/v1/approvals/{approval}")
        assert (shown.status_code, shown.json()["persons"]) == (200, [])


def test_who_is_refused_leaves_neither_name_nor_key_to_a_neighbour(world: World) -> None:
    """Of two who are given one new number at once, the second alone with success."""
    first, second, newer = (replace(SomeoneFactory(), name=name) for name in ("甲甲", "乙乙", "丙丙"))
    books = [world.open(one, opened_on=OPENED, today=OPENED) for one in (first, second)]
    commands = []
    for book, who, since in ((books[0], first, date(2030, 1, 1)), (books[1], second, date(2026, 3, 1))):
        with world.engine.connect() as connection:
            own = key_of_person(connection, KEYRING, person_of(connection, book))
        stake, parsed = stake_by_number(newer.id_number, who.name, KEYRING, world.today, key=own)
        sealed = seal_fact(PersonFact.NUMBER, parsed.number, stake.digest, KEYRING, own).sealed
        commands.append(ChangeNumber(book, (stake,), sealed, since, "d", NumberReason.REISSUED))
    refused, posted = world.post(*commands)
    assert isinstance(refused, Refused)
    assert isinstance(posted, Posted)
    with world.engine.connect() as connection:
        people = [person_of(connection, book) for book in books]
        names = {one: known(connection, KEYRING, people)[one].name for one in people}
        numbered = known(connection, KEYRING, people)[people[1]].number
        refs = {
            bytes(ref)[1:17]
            for ref in connection.scalars(select(_I.name_sealed).where(_I.person_id == people[1]))
        }
    assert list(names.values()) == ["甲甲", "乙乙"]
    assert numbered == newer.id_number
    assert len(refs) == 1, "sealed with the key of whose it is"
    assert verify(world.engine, keyring=KEYRING).findings == []


def test_of_somebody_without_a_key_nothing_is_sealed_with_one_that_is_thrown_away(
    fresh_engine: Engine, tmp_path: Path
) -> None:
    """An older version wrote them down, and nobody has rotated: a number of theirs again, with its day."""
    with running(fresh_engine, tmp_path) as client:
        opened = open_account(client, name=SECRETS[0], opened_on="2024-01-05")
        with with_every_right(fresh_engine) as past:
            for row in past.execute(select(_I.digest, _I.number_sealed, _I.name_sealed, _K.wrapped).join_from(
                tables.identity, tables.person_key, _K.ref == func.substr(_I.name_sealed, 2, 16)
            )).all():  # fmt: skip
                digest = bytes(row.digest)
                past.execute(update(tables.identity).where(_I.digest == digest).values(
                    number_sealed=KEYRING.seal_anew(
                        carrying(row.wrapped, row.number_sealed), context_of_number(digest)
                    ),
                    name_sealed=KEYRING.seal_anew(
                        carrying(row.wrapped, row.name_sealed), context_of_name(digest)
                    ),
                ))  # fmt: skip
            past.execute(tables.person_key.delete())
        body = {"id_number": opened["number"], "from": "2026-03-01", "document": "d", "reason": "reissued"}
        path = f"/v1/accounts/{opened['account_no']}/id-numbers"
        asked = client.post(path, json=body, headers=idempotency_key())
        by_two(client, asked)
    assert verify(fresh_engine, keyring=KEYRING).findings == []
    with fresh_engine.connect() as connection:
        rotate(connection, KEYRING)
    assert verify(fresh_engine, keyring=KEYRING).findings == []


# -- when ---------------------------------------------------------------------------


def refusal(outcome: Any) -> tuple[str, dict[str, Any]]:
    assert isinstance(outcome, Refused), outcome
    return outcome.code.value, outcome.facts


def test_not_a_day_before_thirty_years_after_the_last_that_was_done(world: World) -> None:
    book = a_life(world)
    too_early = erase(world, book, OVER - timedelta(days=1))
    assert refusal(too_early) == ("retention_not_over", {"over_on": OVER})
    assert set(SECRETS) <= set(opened_of(world.engine, book))
    assert isinstance(erase(world, book, OVER), Posted)


def test_never_while_the_account_is_open_or_its_money_is_not_divided(world: World) -> None:
    book = world.open(opened_on=OPENED, today=OPENED)
    assert refusal(erase(world, book)) == ("retention_not_over", {})
    world.one(ReportDeath(book, DIED, "certificate"))
    assert refusal(erase(world, book)) == ("retention_not_over", {})


def test_never_while_the_account_that_it_went_into_is_open(world: World) -> None:
    who = SomeoneFactory()
    older = world.open(who, opened_on=OPENED, today=OPENED)
    younger = world.open(replace(SomeoneFactory(), name=who.name), opened_on=OPENED, today=OPENED)
    world.one(MergeAccounts(younger, older, "finding"))
    assert refusal(erase(world, younger)) == ("retention_not_over", {})
    world.one(ReportDeath(older, DIED, "certificate"))
    world.one(estate(world, older, [Heir("child", "王五")], CLOSED), now=noon(CLOSED), today=CLOSED)
    assert isinstance(erase(world, older), Posted)
    # both were the same human
    assert opened_of(world.engine, older) == opened_of(world.engine, younger) == []
    # and are told as one, also when each account is asked for
    done = [erase(world, younger, document="list of the younger") for _ in range(2)]
    assert [one.created for one in done] == [True, False]
    assert done[0].receipt == done[1].receipt
    assert isinstance(erase(world, a_life(world), document="another"), Posted)
    told = verify(world.engine, keyring=KEYRING)
    assert (told.findings, told.erased) == ([], 2)


def test_never_where_the_area_says_nothing_of_it(world: World) -> None:
    book = a_life(world)
    area, policy = next(iter(world.policies.items()))
    silent = replace(
        policy, access=replace(policy.access, retention=replace(policy.access.retention, lines=()))
    )
    world.policies = {**world.policies, area: silent}
    assert refusal(erase(world, book)) == ("retention_not_over", {})


def test_the_day_counts_on_which_the_last_was_recorded(world: World) -> None:
    """An estate that is divided years later, by a day of before."""
    book, late = world.open(opened_on=OPENED, today=OPENED), date(2035, 3, 7)
    world.one(ReportDeath(book, DIED, "certificate"))
    world.one(estate(world, book, [Heir("child", "王五")], CLOSED), now=noon(late), today=late)
    assert refusal(erase(world, book, OVER)) == ("retention_not_over", {"over_on": date(2065, 3, 7)})


def test_the_book_of_a_resident_is_never_closed_and_counts_by_what_was_done(
    fresh_engine: Engine, tmp_path: Path
) -> None:
    with running(fresh_engine, tmp_path) as client:
        opened = open_account(client, opened_on="2024-01-05")
        resident = {"id_number": opened["number"], "name": "张三", "area": "990100", "from": "2026-10-01"}
        enrolled = client.post("/v1/residents", json=resident, headers=idempotency_key())
        assert enrolled.status_code == 201, enrolled.text
    world = asks_nobody(World(fresh_engine))
    book = book_id_of(opened["account_no"]) or 0
    world.one(ReportDeath(book, world.today, "certificate"))
    world.one(estate(world, book, [Heir("child", "王五")], world.today))
    assert isinstance(erase(world, book, date(2057, 1, 1)), Posted)


# -- all or nothing -----------------------------------------------------------------


def test_stopped_at_any_step_it_is_done_or_not(world: World) -> None:
    book, steps = a_life(world), 0
    whole = opened_of(world.engine, book)
    done = False
    while not done:
        steps += 1
        left = steps

        def stop(*_what: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt

        names = ("before_cursor_execute", "commit")
        for name in names:
            event.listen(world.engine, name, stop)
        try:
            erase(world, book)
            done = True
        except KeyboardInterrupt:
            pass
        finally:
            for name in names:
                event.remove(world.engine, name, stop)
        world.engine.dispose()
        told = verify(world.engine, keyring=KEYRING)
        assert told.findings == []
        assert opened_of(world.engine, book) == ([] if told.erased else whole)
    assert steps > 8


# -- what others do to keys ---------------------------------------------------------


def codes(engine: Engine) -> set[str]:
    return {one.code for one in verify(engine).findings}


def test_a_key_is_lost_and_put_back_by_nobody(world: World) -> None:
    book = a_life(world)
    with world.engine.connect() as connection:
        whole = connection.execute(select(_K.ref, _K.wrapped)).all()
    refused = [
        "DELETE FROM person_key",
        "UPDATE person_key SET wrapped = NULL",
        "UPDATE person_key SET ref = ref, wrapped = wrapped",
        "UPDATE person_key SET recorded_at = '2020-01-01 00:00:00'",
    ]
    for statement in refused:
        with world.engine.begin() as connection, pytest.raises(DBAPIError):
            connection.execute(text(statement))
    erase(world, book)
    gone = select(_K.ref).where(_K.wrapped.is_(None))
    with world.engine.connect() as connection:
        ref = connection.scalar(gone)
    wrapped = next(value for one, value in whole if bytes(one) == bytes(ref or b""))
    back = (
        update(tables.person_key).where(_K.ref == ref).values(wrapped=wrapped, erased_in=None, erased_by=None)
    )
    with world.engine.begin() as connection, pytest.raises(DBAPIError, match="append-only"):
        connection.execute(back)
    # and by a superuser, out of an old backup: it is told
    with with_every_right(world.engine) as past:
        past.execute(back)
    assert codes(world.engine) == {"key_not_erased"}


def test_a_key_that_no_entry_erased_is_told(world: World) -> None:
    book = a_life(world)
    with with_every_right(world.engine) as past:
        past.execute(update(tables.person_key).values(wrapped=None, erased_in=book, erased_by=1))
    assert codes(world.engine) == {"key_erased"}
    with with_every_right(world.engine) as past:
        past.execute(tables.person_key.delete())
    assert codes(world.engine) == {"key_missing"}


def test_a_key_erased_under_an_entry_about_somebody_else_is_told(world: World) -> None:
    book, other = a_life(world), a_life(world, "诸葛小明")
    erase(world, book)
    with world.engine.connect() as connection:
        person = person_of(connection, other)
        sealed = connection.scalar(select(_I.name_sealed).where(_I.person_id == person))
        entry = connection.scalar(select(_K.erased_by).where(_K.erased_in == book))
    hidden = {"wrapped": None, "erased_in": book, "erased_by": entry}
    with world.engine.begin() as connection:
        ref = bytes(sealed or b"")[1:17]
        connection.execute(update(tables.person_key).where(_K.ref == ref).values(hidden))
    assert codes(world.engine) == {"key_erased"}


def test_a_key_exchanged_for_another_ones_is_told(world: World) -> None:
    a_life(world)
    a_life(world, "诸葛小明")
    with world.engine.connect() as connection:
        first, second, *_more = connection.execute(select(_K.ref, _K.wrapped).order_by(_K.ref)).all()
    with with_every_right(world.engine) as past:
        for ref, wrapped in ((first.ref, second.wrapped), (second.ref, first.wrapped)):
            past.execute(update(tables.person_key).where(_K.ref == ref).values(wrapped=wrapped))
    told = {one.code for one in verify(world.engine, keyring=KEYRING).findings}
    assert told
    assert told <= {"number_does_not_open", "name_does_not_open", "fact_does_not_open"}


# -- the command, and the doors -----------------------------------------------------


def test_the_command_and_every_look_at_the_account_since(
    run: Callable[..., Answer],
    fresh_engine: Engine,
    fresh_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", fresh_url)
    monkeypatch.setenv("LEDGER_DATA", str(tmp_path))
    world = World(fresh_engine, now=noon(date(2026, 3, 8)))
    book = a_life(world)
    account = account_no(book)
    later: tuple[datetime, date] = (noon(OVER), OVER)
    with running(fresh_engine, tmp_path) as client:
        shown = client.get(f"/v1/accounts/{account}").json()
        assert shown["name"] == "司***"
        early = run("keys", "erase", account, "--document", "list 9")
        assert early.code == 1
        assert "retention_not_over" in early.out + early.err
        monkeypatch.setattr(erasing, "now_and_today", lambda: later)
        done = run("keys", "erase", account, "--document", "list 9")
        assert (done.code, done.json["account"], done.json["replayed"]) == (0, account, False)
        assert (done.json["erased_on"], done.json["document"]) == ("2056-03-09", "list 9")
        assert run("keys", "erase", account, "--document", "list 9").json["replayed"] is True
        shown = client.get(f"/v1/accounts/{account}").json()
        assert (shown["name"], shown["id_number"], shown["names"]) == (None, None, [])
        for path in sorted(_looks(client.app)):
            answer = client.get(path.replace("{account}", account), headers=idempotency_key())
            assert answer.status_code < 500, (path, answer.text)
            for secret in SECRETS:
                assert secret not in answer.text, path
    for asked in ([], ["--keys"], ["--no-keys"]):
        checked = run("verify", *asked)
        assert (checked.json["erased"], checked.json["findings"]) == (1, []), asked
    # whoever checks without having the keys
    (tmp_path / "keys").rename(tmp_path / "elsewhere")
    assert run("verify", "--no-keys").json["ok"]
    for asked in ([], ["--keys"]):
        without = run("verify", *asked)
        assert without.code != 0
        assert "LEDGER_KEYS names the directory" in without.out + without.err
    (tmp_path / "elsewhere").rename(tmp_path / "keys")
    assert run("verify", "--keys", "--since", "x").code == 2
    for wrong in (["erase"], ["erase", account], ["erase", "--document", "x"], ["rotate", account]):
        assert run("keys", *wrong).code == 2, wrong


def _looks(app: Any) -> set[str]:
    found = {
        path
        for path, methods in app.openapi()["paths"].items()
        if "get" in methods and path.count("{") == 1 and "{account}" in path
    }
    assert len(found) > 10
    return found
