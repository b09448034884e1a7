"""The check of the whole finds whatever is changed about whose an ID number is: the chain says it."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, Engine, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.book.detail import pack
from ledger.book.numbers import account_no, entry_name
from ledger.chart.kinds import Kind
from ledger.chart.person_facts import NumberReason, PersonFact
from ledger.people.id_numbers import parse_id_number
from ledger.people.persons import name_digest, number_digest, seal_fact, stake_by_number
from ledger.people.renumbering import ChangeNumber
from ledger.posting import holding_digest
from ledger.posting.identities import WHOSE, IdentityRow, commitment
from ledger.verify import verify
from tests.support.approvals import asks_nobody
from tests.support.people import KEYRING, NOW, Someone, SomeoneFactory, World
from tests.support.stories import Heir, estate
from tests.verify.tampering import (
    TOLD,
    chain_anew,
    found,
    places,
    rewritten,
    run,
    tampering,
    with_every_right,
)

_I, _R = tables.identity.c, tables.identity_entry.c


class Two(NamedTuple):
    """Two people with an account each; the first has a second number; and two heirs who have none."""

    first: Someone
    second: Someone
    book: int
    other: int
    # the digests of the first one's first number, of the one in force, and of the second one's
    old: bytes
    new: bytes
    own: bytes
    dead: int
    # of the two heirs
    wang: bytes
    zhao: bytes


def digest_of(number: str, world: World) -> bytes:
    return number_digest(parse_id_number(number, world.today), KEYRING)


@pytest.fixture(scope="module")
def two(engine: Engine) -> Two:
    world = asks_nobody(World(engine))
    first, second, newer = SomeoneFactory(), SomeoneFactory(), SomeoneFactory()
    book, other = world.open(first, opening=(0, 5_000)), world.open(second, opening=(0, 7_000))
    stake, parsed = stake_by_number(newer.id_number, first.name, KEYRING, world.today)
    sealed = seal_fact(PersonFact.NUMBER, parsed.number, stake.digest, KEYRING).sealed
    world.one(ChangeNumber(book, (stake,), sealed, date(2026, 3, 1), "d", NumberReason.REISSUED))
    dead = world.open(opening=(0, 900))
    world.one(ReportDeath(dead, date(2026, 3, 3), "certificate"))
    world.one(estate(world, dead, [Heir("child", "王五"), Heir("child", "赵六")], world.today))
    assert verify(engine, keyring=KEYRING).findings == []
    numbers = (first.id_number, newer.id_number, second.id_number)
    digests = [digest_of(number, world) for number in numbers]
    with engine.connect() as connection:
        heirs = [
            connection.scalar(select(_I.digest).where(_I.name_digest == name_digest(name, KEYRING)))
            for name in ("王五", "赵六")
        ]
    return Two(first, second, book, other, *digests, dead, *heirs)


def person(connection: Connection, book: int) -> int:
    found = connection.scalar(select(tables.book.c.person_id).where(tables.book.c.book_id == book))
    assert found is not None
    return found


def test_what_it_says_is_a_salted_commitment_over_the_rows_beside_it(engine: Engine, two: Two) -> None:
    with engine.connect() as connection:
        details = {
            (book, seq): detail
            for book, seq, detail in connection.execute(
                select(tables.entry.c.book_id, tables.entry.c.seq, tables.entry.c.detail)
            )
        }
        rows = connection.execute(select(tables.identity_entry).where(_R.book_id == two.book)).all()
    assert [(row.seq, row.nth) for row in rows if row.digest == two.old] == [(1, 1), (2, 2)]
    opening = IdentityRow(
        two.old, rows[0].person_id, 1, name_digest(two.first.name, KEYRING), 1, rows[0].salt
    )
    told = f'"{WHOSE}":"{commitment([opening])}"'
    assert told in details[two.book, 1]
    # the same said with another salt is said otherwise
    assert commitment([opening._replace(salt=bytes(16))]) not in details[two.book, 1]
    # neither number, name nor digest stands in an entry
    spoken = "".join(detail or "" for detail in details.values())
    assert two.first.id_number not in spoken
    assert two.first.name not in spoken
    assert two.old.hex() not in spoken


EXCHANGED = (
    "UPDATE identity SET {0} = o.{0} FROM (SELECT digest, {0} FROM identity) o"
    " WHERE o.digest = CASE WHEN identity.digest = :{1} THEN :{2} ELSE :{1} END"
    " AND identity.digest IN (:{1}, :{2})"
)
DIFFERS, LOST, WRONG, UNSAID = "identity_differs", "identity_lost", "identity_wrong", "identity_not_said"
CHANGES = {
    "the persons of two numbers exchanged": (EXCHANGED.format("person_id", "new", "own"), DIFFERS),
    "the names that they are compared by exchanged": (EXCHANGED.format("name_digest", "new", "own"), DIFFERS),
    "a number that leads to somebody else": (
        "UPDATE identity SET person_id = (SELECT person_id FROM book WHERE book_id = :other)"
        " WHERE digest = :new",
        DIFFERS,
    ),
    "an older number that leads to somebody else": (
        "UPDATE identity SET person_id = (SELECT person_id FROM book WHERE book_id = :other)"
        " WHERE digest = :old",
        DIFFERS,
    ),
    "another number in force": (
        "UPDATE identity SET role = 3 - role WHERE digest = :own",
        DIFFERS,
    ),
    "a name that it is compared by": (
        "UPDATE identity SET name_digest = :own WHERE digest = :own",
        DIFFERS,
    ),
    "another digest of a number": (
        "UPDATE identity SET digest = :free WHERE digest = :own",
        LOST,
    ),
    "a number taken away": ("DELETE FROM identity WHERE digest = :old", LOST),
    "all that was said forgotten": (
        "UPDATE identity SET nth = NULL WHERE digest = :own",
        UNSAID,
    ),
    "a number set back to what it was": (
        "UPDATE identity SET nth = 1, role = 1 WHERE digest = :old",
        LOST,
    ),
    "an entry that was never written": (
        "UPDATE identity SET nth = 9 WHERE digest = :own",
        UNSAID,
    ),
    "a row of what an entry says": (
        "UPDATE identity_entry SET person_id = person_id + 1 WHERE digest = :own",
        WRONG,
    ),
    "its salt": ("UPDATE identity_entry SET salt = :salt WHERE digest = :own", WRONG),
    "a row of it taken away": ("DELETE FROM identity_entry WHERE digest = :own", WRONG),
    "heirs without an account exchanged": (EXCHANGED.format("person_id", "wang", "zhao"), DIFFERS),
    "a row under an entry that says nothing": (
        "INSERT INTO identity_entry (book_id, person_id, seq, line, nth, role, digest, name_digest, salt)"
        " SELECT book_id, person_id, (SELECT max(seq) FROM entry e WHERE e.book_id = :dead), 9, 8, role,"
        " digest, name_digest, salt FROM identity_entry WHERE book_id = :dead AND seq = 1",
        WRONG,
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_found(engine: Engine, two: Two, change: str) -> None:
    statement, code = CHANGES[change]
    named = two._asdict() | {"free": bytes(31) + b"7", "salt": bytes(16)}
    with tampering(engine) as connection:
        used = {name: value for name, value in named.items() if f":{name}" in statement}
        done = connection.execute(text(statement), used)
        assert done.rowcount > 0
        assert code in {finding.code for finding in found(connection)}
    assert verify(engine, keyring=KEYRING).findings == []


@pytest.mark.parametrize("nth", [None, 1])
def test_somebody_who_was_put_in_is_found(engine: Engine, two: Two, nth: int | None) -> None:
    """A number nobody has, which leads to the money of another."""
    forged, parsed = stake_by_number(SomeoneFactory().id_number, "张三", KEYRING, date(2026, 11, 21))
    assert parsed.number
    with tampering(engine) as connection:
        connection.execute(
            tables.identity.insert().values(
                digest=forged.digest, person_id=person(connection, two.book), role=2, nth=nth,
                number_sealed=forged.number_sealed, name_sealed=forged.name_sealed,
                name_digest=forged.name_digest, recorded_at=NOW,
            )
        )  # fmt: skip
        assert {finding.code for finding in found(connection)} == {"identity_not_said"}


def test_of_some_books_their_holders_are_asked_about(engine: Engine, two: Two) -> None:
    with tampering(engine) as connection:
        connection.execute(text("UPDATE identity SET nth = NULL WHERE digest = :own"), {"own": two.own})

        def unsaid(first: int, last: int) -> int:
            return [one.code for one in found(connection, first, last)].count(UNSAID)

        assert [unsaid(book, book) for book in (two.other, two.book)] == [1, 0]
        assert unsaid(min(two.book, two.other), max(two.book, two.other)) == 1


def test_an_account_that_was_given_to_somebody_else_is_found(engine: Engine, two: Two) -> None:
    """The persons of two accounts exchanged, and what they stake: all rows agree but the openings."""
    with tampering(engine) as connection:
        persons = {book: person(connection, book) for book in (two.book, two.other)}
        stakes = {book: holding_digest(persons[book], 1) for book in persons}
        run(connection, "UPDATE book SET person_id = :p WHERE book_id = :b", b=two.book, p=persons[two.other])
        run(connection, "UPDATE book SET person_id = :p WHERE book_id = :b", b=two.other, p=persons[two.book])
        for place in (bytes(32), None):
            # over a third one, since nothing is staked twice
            moves = (
                [(stakes[two.book], place)]
                if place
                else [(stakes[two.other], stakes[two.book]), (bytes(32), stakes[two.other])]
            )
            for was, becomes in moves:
                run(connection, "UPDATE claim SET digest = :new WHERE digest = :was", new=becomes, was=was)
        assert places(connection) >= {
            ("holder_wrong", account_no(two.book)),
            ("holder_wrong", account_no(two.other)),
        }


def say(connection: Connection, book: int, row: IdentityRow) -> int:
    """An entry at the end of a book that says whose a number is, as the service would write it."""
    e = tables.entry.c
    last = connection.execute(
        select(tables.entry).where(e.book_id == book).order_by(e.seq.desc()).limit(1)
    ).one()
    seq: int = last.seq + 1
    nothing = {
        "target_seq": None, "idempotency_key": None, "request_digest": None, "source_ref": None,
        "fact_on": None, "period": None, "held_change": 0, "reserved_change": 0,
    }  # fmt: skip
    detail = pack(format=1, whose=commitment([row]))
    values = last._asdict() | nothing | {"seq": seq, "kind": int(Kind.IDENTITY), "detail": detail}
    connection.execute(insert(tables.entry).values(values))
    beside = {"book_id": book, "seq": seq, "line": 1} | row._asdict()
    connection.execute(insert(tables.identity_entry).values(beside))
    connection.execute(update(tables.book).where(tables.book.c.book_id == book).values(last_seq=seq))
    chain_anew(connection, book)
    return seq


def test_numbers_exchanged_by_entries_that_move_none_are_found(engine: Engine, two: Two) -> None:
    """By whoever has every right: each book says it at its end, and nothing else differs."""
    with tampering(engine) as connection:
        rows = {
            bytes(row.digest): row
            for row in connection.execute(select(_I).where(_I.digest.in_([two.new, two.own])))
        }
        said = []
        for mine, others, book in ((two.new, two.own, two.book), (two.own, two.new, two.other)):
            row, person = rows[mine], rows[others].person_id
            given = IdentityRow(mine, person, row.role, bytes(row.name_digest), row.nth + 1, b"s" * 16)
            said.append(entry_name(book, say(connection, book, given)))
            values = {"person_id": person, "nth": given.nth}
            connection.execute(update(tables.identity).where(_I.digest == mine).values(values))
        there = {(one.code, one.where, one.what) for one in found(connection)}
        what = "it moves no ID number, and gives one to somebody else"
        assert {("identity_differs", where, what) for where in said} <= there


def test_who_comes_to_be_known_in_a_book_later_is_not_its_holder(engine: Engine, two: Two) -> None:
    with tampering(engine) as connection:
        own = connection.execute(select(_I).where(_I.digest == two.own)).one()
        row = IdentityRow(two.own, own.person_id, own.role, bytes(own.name_digest), own.nth + 1, b"s" * 16)
        say(connection, two.book, row)
        connection.execute(update(tables.identity).where(_I.digest == two.own).values(nth=row.nth))
        holders = update(tables.book).values(person_id=own.person_id)
        connection.execute(holders.where(tables.book.c.book_id == two.book))
        assert ("holder_wrong", account_no(two.book)) in places(connection)


def test_two_entries_that_say_otherwise_are_found(engine: Engine, two: Two) -> None:
    """Who recomputes digests lets another entry claim the number too."""
    with tampering(engine) as connection:
        row = connection.execute(
            select(*(_R[name] for name in IdentityRow._fields)).where(_R.digest == two.own)
        ).one()
        forged = IdentityRow(*row)._replace(person_id=person(connection, two.book))
        own = connection.execute(
            select(*(_R[name] for name in IdentityRow._fields))
            .where(_R.book_id == two.book, _R.seq == 1)
            .order_by(_R.line)
        ).all()
        connection.execute(
            tables.identity_entry.insert().values(book_id=two.book, seq=1, line=9, **forged._asdict())
        )
        said = commitment([*(IdentityRow(*one) for one in own), forged])
        rewritten(connection, two.book, 1, lambda facts: facts.update({WHOSE: said}))
        there = {(one.code, one.what) for one in found(connection)}
        assert ("identity_differs", "of an ID number another entry says otherwise") in there


def test_what_an_entry_says_is_what_stands_beside_it(engine: Engine, two: Two) -> None:
    with tampering(engine) as connection:
        rewritten(connection, two.other, 1, lambda facts: facts.update({WHOSE: "0" * 64}))
        assert places(connection) == {("identity_wrong", entry_name(two.other, 1))}
    with tampering(engine) as connection:
        rewritten(connection, two.other, 1, lambda facts: facts.pop(WHOSE))
        assert ("identity_wrong", entry_name(two.other, 1)) in places(connection)


@pytest.fixture
def sealed_of(engine: Engine, two: Two) -> dict[bytes, tuple[bytes, bytes]]:
    assert two
    with engine.connect() as connection:
        query = select(_I.digest, _I.number_sealed, _I.name_sealed).where(_I.number_sealed.is_not(None))
        return {bytes(one): (bytes(number), bytes(name)) for one, number, name in connection.execute(query)}


def told_with_keys(engine: Engine, changes: dict[bytes, dict[str, bytes]]) -> set[str]:
    """What `verify --keys` finds of changed rows, which are put back."""
    before = {}
    with with_every_right(engine) as connection:
        for digest, change in changes.items():
            columns = [_I[name] for name in change]
            before[digest] = connection.execute(select(*columns).where(_I.digest == digest)).one()._asdict()
            connection.execute(tables.identity.update().where(_I.digest == digest).values(**change))
    try:
        findings = verify(engine, keyring=KEYRING).findings
    finally:
        with with_every_right(engine) as connection:
            for digest, change in before.items():
                connection.execute(tables.identity.update().where(_I.digest == digest).values(**change))
    TOLD.update(one.what for one in findings)
    return {one.code for one in findings}


def test_with_the_keys_sealed_columns_are_held_against_their_digests(
    engine: Engine, two: Two, sealed_of: dict[bytes, tuple[bytes, bytes]]
) -> None:
    (number, name), (other_number, other_name) = sealed_of[two.own], sealed_of[two.new]
    exchanged = {two.own: {"number_sealed": other_number}, two.new: {"number_sealed": number}}
    assert told_with_keys(engine, exchanged) == {"number_does_not_open"}
    taken: dict[bytes, Any] = {two.own: {"number_sealed": None}}
    assert told_with_keys(engine, taken) == {"number_missing"}
    renamed = {two.own: {"name_sealed": other_name}, two.new: {"name_sealed": name}}
    assert told_with_keys(engine, renamed) == {"name_does_not_open"}
    # by somebody who has the keys
    forged = KEYRING.seal("王五王", b"identity.name|" + two.own)
    assert told_with_keys(engine, {two.own: {"name_sealed": forged}}) == {"name_wrong"}
    assert verify(engine, keyring=KEYRING).findings == []


@pytest.mark.parametrize(
    "change",
    [
        "person_id = 7",
        "role = 2",
        "name_digest = :own",
        "digest = :free",
        "nth = 3",
        "nth = 1, person_id = 7",
    ],
)
def test_the_database_refuses_what_no_entry_says(engine: Engine, two: Two, change: str) -> None:
    values = {"own": two.own, "free": bytes(32)}
    used = {name: value for name, value in values.items() if f":{name}" in change}
    with engine.connect() as connection, connection.begin() as transaction:
        with pytest.raises(IntegrityError, match="UPDATE on identity is refused"):
            connection.execute(
                text(f"UPDATE identity SET {change} WHERE digest = :number"), {"number": two.own, **used}
            )
        transaction.rollback()
