"""The check of the whole finds what somebody with every right changed behind the ledger's back, and names the
first entry that is wrong; it finds nothing in a ledger that nobody touched."""

import re
import threading
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select, text

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.holds import Capture, Hold, Release
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.numbers import account_no, entry_name
from ledger.chart.parties import Party
from ledger.database.engines import connect
from ledger.estates.division import DivideEstate, HeirShare
from ledger.people.persons import stake_by_name, stake_by_number
from ledger.posting import holding_digest
from ledger.posting.holdings import ACCOUNT
from ledger.shares import heir_rank, parse_weights
from ledger.verify import Finding, Verdict, verify
from tests.support.chance import seeded
from tests.support.people import Someone, SomeoneFactory, World, busy_life, noon
from tests.verify.tampering import (
    SUMS,
    chain_anew,
    found,
    let_pass,
    places,
    rewritten,
    run,
    tampering,
    with_every_right,
)


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return World(engine)


# -- a life to tamper with ---------------------------------------------------------------------------------


def a_life(world: World) -> int:
    """An account in which every entry has a number that the tables below name."""
    start = date(2025, 1, 1)
    book = world.open(opened_on=start, opening=(5_000, 100_000), today=start)  # 1
    spring = date(2025, 4, 1)
    outcomes = world.post(
        Contribute(book, 20_000, 202502, date(2025, 2, 1), "c-2", key="k-2"),
        Spend(book, 7_000, date(2025, 3, 1), "H0001", "s-3"),
        Hold(book, 3_000, noon(spring + timedelta(days=5)), "H0001", "h-4"),
        Capture(book, 4, 2_000, spring, "p-5"),
        Reverse(book, 3, "wrong patient"),  # 6
        Freeze(book, "court", "doc 7", spring),
        EndFreeze(book, 7, "paid"),  # 8
        today=spring,
    )
    outcomes += world.post(PostInterest(book, 2025), today=date(2026, 1, 5))  # 9
    winter = date(2026, 2, 1)
    outcomes += world.post(
        Contribute(book, 10_000, 202602, winter, "c-11"),  # 10 carries over
        Hold(book, 500, noon(winter + timedelta(days=5)), "P0001", "h-12"),
        Release(book, 12),  # 13
        Spend(book, 11_000, winter, "P0001", "s-14"),
        today=winter,
    )
    assert [type(outcome).__name__ for outcome in outcomes] == ["Posted"] * 12
    return book


LIFE_LENGTH = 14


@dataclass
class Family:
    dead: int
    child: int
    estate: int  # the entries' numbers
    inheritance: int
    supplement: int


def a_death(world: World) -> Family:
    """An estate of 300 yuan and a supplement: one heir has an account, one a number only, one a name only."""
    start, today = date(2026, 1, 1), date(2026, 3, 1)
    dead = world.open(opened_on=start, opening=(10_000, 20_000), today=start)
    someone = SomeoneFactory()
    child = world.open(someone, opened_on=start, today=start)
    spent = world.one(Spend(dead, 500, today, "H0001", "s-2"), today=today)
    world.one(ReportDeath(dead, today, "certificate"), today=today)
    claims, heirs = [], []
    weights = parse_weights(["1/2", "1/3", "1/6"])
    people: list[Someone] = [someone, SomeoneFactory(), SomeoneFactory()]
    for place, (person, weight) in enumerate(zip(people, weights, strict=True)):
        if place < 2:
            claim, parsed = stake_by_number(person.id_number, person.name, world.keyring, today)
            rank = heir_rank("child", parsed.birth_date, parsed.number)
        else:
            claim = stake_by_name(person.name, f"{dead}|{place}", world.keyring)
            rank = heir_rank("child", None, None)
        claims.append(claim)
        heirs.append(HeirShare(claim.digest, place < 2, "child", weight, rank))
    estate = world.posted(DivideEstate(dead, tuple(heirs), tuple(claims), today), today=today)
    inherited = next(other for other in estate.others if other.book_id == child)
    back = world.posted(Reverse(dead, spent.seq, "never happened"), today=today)
    supplement = next(other for other in back.others if other.book_id == dead)
    return Family(dead, child, estate.receipt.seq, inherited.seq, supplement.seq)


@pytest.fixture(scope="module")
def life(world: World) -> int:
    return a_life(world)


@pytest.fixture(scope="module")
def family(world: World) -> Family:
    return a_death(world)


def look_at(connection: Connection, book: int) -> list[Finding]:
    return [one for one in found(connection, book, book) if one.code not in SUMS]


def test_what_the_tables_below_change_is_clean(world: World, life: int, family: Family) -> None:
    assert verify(world.engine).findings == []
    with tampering(world.engine) as connection:
        assert found(connection) == []


# -- tampering with one book -------------------------------------------------------------------------------

AT = "WHERE book_id = :b AND seq = "
SWAP = [
    f"UPDATE {table} SET seq = {to} WHERE book_id = :b AND seq = {at}"
    for at, to in ((2, 1_000), (11, 2), (1_000, 11))
    for table in ("entry", "transfer")
]
# what is done with SQL: (code, where: number of the entry or None for the account, statements)
CHANGES: dict[str, tuple[str, int | None, list[str]]] = {
    "an amount": ("digest_broken", 3, [f"UPDATE transfer SET amount_fen = 6999 {AT} 3"]),
    "who was recorded as its holder": (
        "claim_wrong",
        None,
        ["UPDATE claim SET book_id = book_id + 1 WHERE book_id = :b"],
    ),
    "where money came from": ("digest_broken", 2, [f"UPDATE transfer SET from_side = 11 {AT} 2"]),
    "who was paid": ("digest_broken", 14, [f"UPDATE transfer SET party_id = party_id + 1 {AT} 14"]),
    "a balance after": ("digest_broken", 8, [f"UPDATE entry SET carried_over_after = 1 {AT} 8"]),
    "a value date": ("digest_broken", 2, [f"UPDATE entry SET effective_on = '2025-02-02' {AT} 2"]),
    "a late fact's date": ("digest_broken", 2, [f"UPDATE entry SET fact_on = '2025-01-02' {AT} 2"]),
    "when it was recorded": (
        "digest_broken",
        5,
        [f"UPDATE entry SET recorded_at = (SELECT recorded_at FROM entry e {AT} 9) {AT} 5"],
    ),
    "a period": ("digest_broken", 11, [f"UPDATE entry SET period = 202601 {AT} 11"]),
    "a hold": ("digest_broken", 12, [f"UPDATE entry SET held_change = 400 {AT} 12"]),
    "when a hold ends": (
        "digest_broken",
        12,
        [f"UPDATE entry SET expires_at = (SELECT recorded_at FROM entry e {AT} 9) {AT} 12"],
    ),
    "a quota": ("digest_broken", 8, [f"UPDATE entry SET reserved_change = 0 {AT} 8"]),
    "a target": ("digest_broken", 6, [f"UPDATE entry SET target_seq = 2 {AT} 6"]),
    "a kind": ("digest_broken", 7, [f"UPDATE entry SET kind = 10 {AT} 7"]),
    "the policy": ("digest_broken", 9, [f"UPDATE entry SET policy_version = 2 {AT} 9"]),
    "who called": ("digest_broken", 2, [f"UPDATE entry SET caller = actor {AT} 2"]),
    "who acted": ("digest_broken", 2, [f"UPDATE entry SET actor = caller {AT} 2"]),
    "an idempotency key": ("digest_broken", 2, [f"UPDATE entry SET idempotency_key = 'k' {AT} 2"]),
    "a document": ("digest_broken", 14, [f"UPDATE entry SET source_ref = 's-15' {AT} 14"]),
    "the reason": ("digest_broken", 6, [f"""UPDATE entry SET detail = '{{"reason":"none"}}' {AT} 6"""]),
    "a digest": (
        "digest_broken",
        4,
        [f"UPDATE entry SET digest = (SELECT digest FROM entry e {AT} 3) {AT} 4"],
    ),
    "an entry taken away": ("entry_missing", 7, [f"DELETE FROM entry {AT} 7"]),
    "an entry with its transfers taken away": (
        "entry_missing",
        3,
        [f"DELETE FROM transfer {AT} 3", f"DELETE FROM entry {AT} 3"],
    ),
    "the first entry taken away": (
        "entry_missing",
        1,
        [f"DELETE FROM transfer {AT} 1", f"DELETE FROM entry {AT} 1"],
    ),
    "the last entry taken away": (
        "entry_missing",
        14,
        [f"DELETE FROM transfer {AT} 14", f"DELETE FROM entry {AT} 14"],
    ),
    "all entries taken away": (
        "entry_missing",
        1,
        ["DELETE FROM transfer WHERE book_id = :b", "DELETE FROM entry WHERE book_id = :b"],
    ),
    "a transfer taken away": ("digest_broken", 11, [f"DELETE FROM transfer {AT} 11"]),
    "a transfer put in": ("digest_broken", 8, ["INSERT INTO transfer VALUES (:b, 1, NULL, 8, 1, 10, 1)"]),
    "a transfer without entry": (
        "transfer_without_entry",
        15,
        ["INSERT INTO transfer VALUES (:b, 1, NULL, 15, 1, 10, 1)"],
    ),
    "two rows swapped": ("digest_broken", 2, SWAP),
    "an entry hidden from the row": (
        "entry_surplus",
        14,
        [f"UPDATE book SET last_seq = 13, head = (SELECT digest FROM entry {AT} 13) WHERE book_id = :b"],
    ),
    "a rewritten head": ("head_wrong", None, [f"UPDATE book SET head = (SELECT digest FROM entry {AT} 13)"
                                              " WHERE book_id = :b"]),
    "more money": ("book_amount_wrong", None, ["UPDATE book SET carried_over = carried_over + 1"
                                               " WHERE book_id = :b"]),
    "money in the other pocket": (
        "book_amount_wrong",
        None,
        ["UPDATE book SET carried_over = carried_over - 1, current_year = current_year + 1"
         " WHERE book_id = :b"],
    ),
    "money held": ("book_amount_wrong", None, ["UPDATE book SET held = 5 WHERE book_id = :b"]),
    "money reserved": ("book_amount_wrong", None, ["UPDATE book SET reserved = 5 WHERE book_id = :b"]),
    "another area": ("book_state_wrong", None, ["UPDATE book SET area = 990200 WHERE book_id = :b"]),
    "an earlier opening": ("book_state_wrong", None, ["UPDATE book SET opened_on = '2024-12-31'"
                                                      " WHERE book_id = :b"]),
    "a death": ("book_state_wrong", None, ["UPDATE book SET stage = 2, died_on = '2026-01-01'"
                                           " WHERE book_id = :b"]),
    "a year opened": ("book_state_wrong", None, ["UPDATE book SET open_year = 2025 WHERE book_id = :b"]),
    "a year's interest again": ("book_state_wrong", None, ["UPDATE book SET interest_year = 2024"
                                                           " WHERE book_id = :b"]),
    "a freeze": ("book_state_wrong", None, ["UPDATE book SET open_freezes = 1 WHERE book_id = :b"]),
    "when it was recorded last": (
        "book_state_wrong",
        None,
        [f"UPDATE book SET recorded_at = (SELECT recorded_at FROM entry {AT} 9) WHERE book_id = :b"],
    ),
    "the book taken away": ("book_missing", None, ["DELETE FROM book WHERE book_id = :b"]),
    "the whole book taken away": (
        "book_missing",
        None,
        [f"DELETE FROM {table} WHERE book_id = :b" for table in ("transfer", "entry", "book")],
    ),
    "the claim taken away": ("claim_wrong", None, ["DELETE FROM claim WHERE book_id = :b"]),
    "the person exchanged": ("person_unknown", None, ["UPDATE book SET person_id = 5 WHERE book_id = :b"]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_is_found(world: World, life: int, what: str) -> None:
    code, seq, statements = CHANGES[what]
    with tampering(world.engine) as connection:
        run(connection, *statements, b=life)
        findings = look_at(connection, life)
    assert (findings[0].code, findings[0].where) == (
        code,
        account_no(life) if seq is None else entry_name(life, seq),
    )
    # one fault is not told twice, but for a book that is not there and a person who is not known; and without
    # its opening a book says of nobody that it is theirs
    assert (
        len(findings) == 1
        or code in {"book_missing", "person_unknown"}
        or (code, seq)
        == (
            "entry_missing",
            1,
        )
    )


# -- tampering by somebody who computes the digests anew ---------------------------------------------------

FORGERIES: dict[str, tuple[str, int, list[str]]] = {
    "an amount": ("balance_wrong", 3, [f"UPDATE transfer SET amount_fen = 6999 {AT} 3"]),
    "money out of nowhere": ("move_not_allowed", 2, [f"UPDATE transfer SET from_side = 11 {AT} 2"]),
    "money to somebody else": ("move_not_allowed", 14, [f"UPDATE transfer SET party_id = 7 {AT} 14"]),
    "a spend made a contribution": ("move_not_allowed", 3, [f"UPDATE entry SET kind = 2 {AT} 3"]),
    "no such kind": ("kind_wrong", 7, [f"UPDATE entry SET kind = 77 {AT} 7"]),
    "a second opening": ("kind_wrong", 7, [f"UPDATE entry SET kind = 1 {AT} 7"]),
    "a kind that reserves nothing": ("hold_wrong", 8, [
        f"UPDATE entry SET kind = 44, target_seq = NULL, reserved_change = 5 {AT} 8"]),
    "a policy nobody knows": ("reference_unknown", 9, [f"UPDATE entry SET policy_version = 99 {AT} 9"]),
    "a caller nobody knows": ("reference_unknown", 2, [f"UPDATE entry SET caller = 99 {AT} 2"]),
    "a day before the opening": ("date_wrong", 2, [f"UPDATE entry SET effective_on = '2024-12-31' {AT} 2"]),
    "an entry from before the one before it": ("date_wrong", 3, [
        f"UPDATE entry SET recorded_at = (SELECT recorded_at FROM entry e {AT} 9) {AT} 2"]),
    "a day to come": ("date_wrong", 14, [f"UPDATE entry SET effective_on = '2026-02-02' {AT} 14"]),
    "a fact after its value date": ("date_wrong", 2, [f"UPDATE entry SET fact_on = '2025-02-02' {AT} 2"]),
    "a year turned in February": ("date_wrong", 10, [
        f"UPDATE entry SET effective_on = '2026-02-01' {AT} 10"]),
    "a reversal of nothing": ("target_wrong", 6, [f"UPDATE entry SET target_seq = 1 {AT} 6"]),
    "a reversal of something else": ("target_wrong", 6, [f"UPDATE entry SET target_seq = 5 {AT} 6"]),
    "a reversal for another month": ("target_wrong", 6, [f"UPDATE entry SET period = 202501 {AT} 6"]),
    "the end of a freeze as that of a hold": ("target_wrong", 13, [
        f"UPDATE entry SET kind = 10, held_change = NULL {AT} 13"]),
    "a release of nothing": ("target_wrong", 13, [f"UPDATE entry SET target_seq = NULL {AT} 13"]),
    "half a release": ("target_wrong", 13, [f"UPDATE entry SET held_change = -400 {AT} 13"]),
    "a capture that loses a fen": ("target_wrong", 5, [
        f"""UPDATE entry SET detail = '{{"released"\\:999}}' {AT} 5"""]),
    "a hold of nothing": ("hold_wrong", 12, [f"UPDATE entry SET held_change = 0 {AT} 12"]),
    "a hold of more than there is": ("hold_wrong", 12, [f"UPDATE entry SET held_change = 900000 {AT} 12"]),
    "a freeze that holds": ("hold_wrong", 7, [f"UPDATE entry SET held_change = 1 {AT} 7"]),
    "interest of another year": ("interest_wrong", 9, [f"UPDATE entry SET period = 2024 {AT} 9"]),
    "interest not of its sum": ("interest_wrong", 9, [
        f"""UPDATE entry SET detail = replace(detail, '"current_year"', '"current_year"\\:1,"_"') {AT} 9"""]),
    "a detail that cannot be read": ("interest_wrong", 9, [f"UPDATE entry SET detail = '{{' {AT} 9"]),
    "a fen more interest": ("interest_wrong", 9, [
        f"UPDATE transfer SET amount_fen = amount_fen + 1 {AT} 9 AND line = 1",
        "UPDATE entry SET carried_over_after = carried_over_after + 1 WHERE book_id = :b AND seq >= 9"]),
    "a month without pay that earned interest": ("interest_wrong", 9, [
        f"UPDATE entry SET effective_on = '2025-01-15' {AT} 2"]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", FORGERIES)
def test_what_was_forged_is_found(world: World, life: int, what: str) -> None:
    """With all digests right again, what remains is that the entries make no sense."""
    code, seq, statements = FORGERIES[what]
    with tampering(world.engine) as connection:
        run(connection, *statements, b=life)
        chain_anew(connection, life)
        findings = look_at(connection, life)
    assert [(finding.code, finding.where) for finding in findings] == [(code, entry_name(life, seq))]


def test_a_pocket_below_zero_is_found(world: World, life: int) -> None:
    """In a database that lost the CHECKs against it."""
    with tampering(world.engine) as connection:
        let_pass(connection, "entry.ck_entry_current_year_not_negative")
        taken = "(SELECT current_year_after FROM entry WHERE book_id = :b AND seq = 2) + 1"
        run(
            connection,
            f"DELETE FROM transfer {AT} 3",
            f"INSERT INTO transfer (book_id, amount_fen, party_id, seq, line, from_side, to_side)"
            f" SELECT :b, {taken}, party_id, 3, 1, 1, 12 FROM transfer {AT} 14 AND line = 1",
            f"UPDATE entry SET current_year_after = -1 {AT} 3",
            f"UPDATE entry SET carried_over_after = (SELECT carried_over_after FROM entry e {AT} 2) {AT} 3",
            b=life,
        )
        chain_anew(connection, life)
        told = look_at(connection, life)
    assert [(one.code, one.where) for one in told] == [("balance_wrong", entry_name(life, 3))]
    assert told[0].what == "current_year is below zero after it"


def test_the_forger_of_these_tests_forges_well(world: World, life: int) -> None:
    with tampering(world.engine) as connection:
        chain_anew(connection, life)
        assert look_at(connection, life) == []
        run(connection, f"UPDATE entry SET source_ref = 'another' {AT} 2", b=life)
        chain_anew(connection, life, and_the_head=False)
        assert [finding.code for finding in look_at(connection, life)] == ["head_wrong"]


def test_what_stands_is_found_as_well(fresh_engine: Engine) -> None:
    """What all these tables take back again is found just so by the check itself, once it is committed."""
    book = a_life(World(fresh_engine))
    with with_every_right(fresh_engine) as connection:
        run(connection, f"UPDATE transfer SET amount_fen = 6999 {AT} 3", b=book)
        expected = found(connection)
    verdict = verify(fresh_engine)
    assert verdict.findings == expected
    assert (verdict.findings_total, [one.code for one in expected]) == (2, ["digest_broken", "totals_differ"])


# -- between books -----------------------------------------------------------------------------------------


def test_other_shares_than_were_paid(world: World, family: Family) -> None:
    def swap(facts: dict[str, Any]) -> None:
        facts["heirs"][1]["share"], facts["heirs"][2]["share"] = "1/6", "1/3"

    with tampering(world.engine) as connection:
        rewritten(connection, family.dead, family.estate, swap)
        assert places(connection) == {("estate_wrong", entry_name(family.dead, family.estate))}


def test_an_estate_for_somebody_who_is_not_known(world: World, family: Family) -> None:
    with tampering(world.engine) as connection:
        run(
            connection,
            f"UPDATE transfer SET party_id = 12345 {AT} :s AND line = 3",
            b=family.dead,
            s=family.estate,
        )
        chain_anew(connection, family.dead)
        assert places(connection) == {("estate_wrong", entry_name(family.dead, family.estate))}


def test_an_estate_for_nobody(world: World, family: Family) -> None:
    with tampering(world.engine) as connection:
        run(
            connection, f"UPDATE transfer SET party_id = NULL {AT} :s AND line = 3",
            b=family.dead, s=family.estate,
        )  # fmt: skip
        chain_anew(connection, family.dead)
        assert ("move_not_allowed", entry_name(family.dead, family.estate)) in places(connection)


def test_transfers_that_are_not_the_shares(world: World, family: Family) -> None:
    """What was for two heirs went all to one of them."""
    with tampering(world.engine) as connection:
        run(
            connection,
            f"UPDATE transfer SET party_id = (SELECT t.party_id FROM transfer t {AT} :s AND t.line = 1)"
            f" {AT} :s AND line <> 1",
            b=family.dead,
            s=family.estate,
        )
        chain_anew(connection, family.dead)
        assert places(connection) == {("estate_wrong", entry_name(family.dead, family.estate))}


def test_another_inheritance_than_the_share(world: World, family: Family) -> None:
    with tampering(world.engine) as connection:
        run(
            connection,
            f"UPDATE transfer SET amount_fen = amount_fen + 1 {AT} :s AND line = 1",
            "UPDATE entry SET carried_over_after = carried_over_after + 1 WHERE book_id = :b AND seq >= :s",
            "UPDATE entry SET current_year_after = current_year_after + 1,"
            " carried_over_after = carried_over_after - 1 WHERE book_id = :b AND seq >= :s"
            f" AND EXISTS (SELECT 1 FROM transfer t {AT} :s AND t.to_side = 1)",
            b=family.child,
            s=family.inheritance,
        )
        chain_anew(connection, family.child)
        assert places(connection) >= {
            ("estate_wrong", entry_name(family.dead, family.estate)),
            ("estate_wrong", entry_name(family.child, family.inheritance)),
        }


def test_a_later_account_beside_an_earlier_one_that_is_open(world: World, life: int, family: Family) -> None:
    book = tables.book.c
    with tampering(world.engine) as connection:
        person = connection.scalar(select(book.person_id).where(book.book_id == life))
        assert person is not None
        run(connection, "UPDATE book SET person_id = :p WHERE book_id = :b", p=person, b=family.child)
        run(connection, "DELETE FROM claim WHERE book_id = :b", b=family.child)
        run(
            connection,
            "INSERT INTO claim (digest, book_id) VALUES (:d, :b)",
            d=holding_digest(person, 2, ACCOUNT), b=family.child,
        )  # fmt: skip
        assert places(connection) == {
            ("claim_wrong", account_no(life)),
            ("claim_wrong", account_no(family.child)),
            # and its opening names another holder
            ("holder_wrong", account_no(family.child)),
        }


def test_an_estate_that_names_another_heir(world: World, family: Family) -> None:
    with tampering(world.engine) as connection:
        rewritten(
            connection, family.dead, family.estate, lambda facts: facts["heirs"][0].update(person=12345)
        )
        assert ("estate_wrong", entry_name(family.dead, family.estate)) in places(connection)


def test_an_inheritance_of_another_estate(world: World, family: Family) -> None:
    other = a_death(world)
    with tampering(world.engine) as connection:
        run(
            connection,
            f"UPDATE entry SET source_ref = :r {AT} :s",
            r=entry_name(other.dead, other.estate), b=family.child, s=family.inheritance,
        )  # fmt: skip
        chain_anew(connection, family.child)
        assert places(connection) == {
            ("estate_wrong", entry_name(family.dead, family.estate)),
            ("estate_wrong", entry_name(family.child, family.inheritance)),
        }


def test_an_inheritance_that_was_taken_away(world: World, family: Family) -> None:
    """The last entries of an account taken away with a mended row leave no trace there, but elsewhere."""
    last = family.inheritance - 1
    with tampering(world.engine) as connection:
        for table in ("transfer", "entry"):
            run(connection, f"DELETE FROM {table} WHERE book_id = :b AND seq > :s", b=family.child, s=last)
        run(
            connection,
            "UPDATE book SET last_seq = :s, carried_over = 0,"
            f" head = (SELECT digest FROM entry {AT} :s),"
            f" recorded_at = (SELECT recorded_at FROM entry {AT} :s) WHERE book_id = :b",
            b=family.child, s=last,
        )  # fmt: skip
        assert places(connection) == {
            ("estate_wrong", entry_name(family.dead, family.estate)),
            ("estate_wrong", entry_name(family.dead, family.supplement)),
        }


def test_an_estate_is_divided_once(world: World, family: Family) -> None:
    with tampering(world.engine) as connection:
        run(connection, f"UPDATE entry SET target_seq = NULL {AT} :s", b=family.dead, s=family.supplement)
        chain_anew(connection, family.dead)
        assert ("stage_wrong", entry_name(family.dead, family.supplement)) in places(connection)


def test_a_death_that_cannot_be_read(world: World, family: Family) -> None:
    with tampering(world.engine) as connection:
        rewritten(connection, family.dead, 3, lambda facts: facts.update(died_on="yesterday"))
        assert ("detail_unreadable", entry_name(family.dead, 3)) in places(connection)


def test_nothing_happens_in_a_closed_account(world: World, family: Family) -> None:
    """The report of death put in once more at the end, with everything about it right."""
    columns = [column.name for column in tables.entry.columns]
    other = {"seq": ":n", "current_year_after": "0", "carried_over_after": "0"}
    copied = ", ".join(other.get(name, name) for name in columns)
    with tampering(world.engine) as connection:
        run(
            connection,
            f"INSERT INTO entry SELECT {copied} FROM entry WHERE book_id = :b AND kind = 13",
            "UPDATE book SET last_seq = :n WHERE book_id = :b",
            b=family.dead,
            n=family.supplement + 1,
        )
        chain_anew(connection, family.dead)
        assert places(connection) == {("stage_wrong", entry_name(family.dead, family.supplement + 1))}


def test_a_closed_account_is_empty(world: World, family: Family) -> None:
    """Money that came back and was not handed on, in a database that lost the CHECK against it."""
    with tampering(world.engine) as connection:
        let_pass(connection, "book.ck_book_closed_is_empty")
        for table in ("transfer", "entry"):
            run(connection, f"DELETE FROM {table} {AT} :s", b=family.dead, s=family.supplement)
        last = family.supplement - 1
        amounts = ", ".join(
            f"{pocket} = (SELECT {pocket}_after FROM entry {AT} :s)"
            for pocket in ("current_year", "carried_over")
        )
        run(
            connection,
            f"UPDATE book SET last_seq = :s, head = (SELECT digest FROM entry {AT} :s), {amounts},"
            f" recorded_at = (SELECT recorded_at FROM entry {AT} :s)"
            " WHERE book_id = :b",
            b=family.dead,
            s=last,
        )
        assert ("closed_not_empty", account_no(family.dead)) in places(connection)


# -- what belongs to no book -------------------------------------------------------------------------------

ACROSS: dict[str, tuple[str, str]] = {
    "UPDATE policy SET content = replace(content, '0.0035', '0.0036')": ("policy_changed", "policy 1"),
    "UPDATE policy SET hash = replace(hash, 'a', 'b')": ("policy_changed", "policy 1"),
    "UPDATE policy SET area = 990200": ("policy_changed", "policy 1"),
    "DELETE FROM policy": ("reference_unknown", "{book}-1"),
    "DELETE FROM agent": ("reference_unknown", "{book}-1"),
    "DELETE FROM institution": ("move_not_allowed", "{book}-3"),
    "DELETE FROM identity": ("person_unknown", "{book}"),
}


@pytest.mark.parametrize("statement", ACROSS)
def test_changed_reference_rows_are_found(world: World, life: int, statement: str) -> None:
    code, where = ACROSS[statement]
    with tampering(world.engine) as connection:
        run(connection, statement)
        first = found(connection, life, life)[0]
    assert (first.code, first.where) == (code, where.format(book=account_no(life)))


def test_a_policy_changed_together_with_its_hash(world: World, life: int) -> None:
    """Then the text is consistent, and the interest that was computed by it is not."""
    changed = world.policies[990100].text.replace('"0.0110"', '"0.0111"')
    with tampering(world.engine) as connection:
        run(
            connection,
            "UPDATE policy SET content = :c, hash = :h WHERE area = 990100",
            c=changed, h=sha256(changed.encode()).hexdigest(),
        )  # fmt: skip
        findings = look_at(connection, life)
    assert [(one.code, one.where) for one in findings] == [("interest_wrong", entry_name(life, 9))]


def test_a_policy_without_the_rate_of_its_interest(world: World, life: int) -> None:
    """Changed together with its hash, so that the rates begin only later."""
    changed = re.sub(
        r'(name = "interest\.[^"]*"\n(?:[^\n]+\n)*?from = )2000-01-01',
        r"\g<1>2025-07-01",
        world.policies[990100].text,
    )
    with tampering(world.engine) as connection:
        run(
            connection,
            "UPDATE policy SET content = :c, hash = :h WHERE area = 990100",
            c=changed, h=sha256(changed.encode()).hexdigest(),
        )  # fmt: skip
        [finding] = look_at(connection, life)
    assert (finding.code, finding.where) == ("interest_wrong", entry_name(life, 9))
    assert finding.what.startswith("the policy it names has no interest.")


def test_totals_are_compared_for_themselves(world: World, life: int) -> None:
    with tampering(world.engine) as connection:
        run(connection, "UPDATE book SET carried_over = carried_over + 7 WHERE book_id = :b", b=life)
        totals = [finding for finding in found(connection) if finding.code == "totals_differ"]
    assert len(totals) == 1
    assert "carried_over" in totals[0].what
    lowest, _, highest = totals[0].where.partition(" to ")
    assert lowest <= account_no(life) <= highest


# -- the whole ---------------------------------------------------------------------------------------------


@pytest.mark.random
def test_nothing_is_found_in_an_untouched_ledger(fresh_engine: Engine) -> None:
    """Random lives, estates and all, in ranges of any size."""
    world = World(fresh_engine)
    # the register of policies, and nobody's account
    begun = verify(fresh_engine)
    assert (begun.books, begun.clean) == (1, True)
    for seed in range(5):
        for _ in busy_life(world, seeded(100) + seed, 60):
            pass
    a_life(world)
    a_death(world)
    with fresh_engine.connect() as connection, connection.begin():
        entries = connection.execute(text("SELECT count(*) FROM entry")).scalar_one()
    # and those of institutions and callers
    expected = Verdict(8 + 3, entries, [], 0)
    seen: list[tuple[int, int]] = []
    assert verify(fresh_engine, chunk=3, progress=lambda done, total: seen.append((done, total))) == expected
    assert seen == [(3, 11), (6, 11), (9, 11), (11, 11)]
    for chunk in (1, 11, 2_000):
        assert verify(fresh_engine, chunk=chunk) == expected


def test_only_the_books_asked_for_are_looked_at(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    books = sorted(a_life(world) for _ in range(4))
    with with_every_right(fresh_engine) as connection:
        run(connection, f"UPDATE transfer SET amount_fen = 1 {AT} 2", b=books[2])
    accounts = Party.PERSON.first
    for first, last, count in ((accounts, books[1], 2), (books[3], None, 1), (books[0], books[1], 2)):
        assert verify(fresh_engine, first=first, last=last) == Verdict(count, count * LIFE_LENGTH, [], 0)
    for chunk in (1, 2, 50):
        verdict = verify(fresh_engine, first=books[1], last=books[3], chunk=chunk)
        assert verdict.findings[0].where == entry_name(books[2], 2)
        assert not verdict.clean


def test_entries_without_a_book_are_found_wherever_they_lie(fresh_engine: Engine) -> None:
    world = World(fresh_engine)
    books = sorted(a_life(world) for _ in range(3))
    for lost in (books[2], books[0]):
        with with_every_right(fresh_engine) as connection:
            run(connection, "DELETE FROM book WHERE book_id = :b", b=lost)
            run(connection, "DELETE FROM claim WHERE book_id = :b", b=lost)
    for chunk in (1, 2_000):
        findings = verify(fresh_engine, chunk=chunk).findings
        lost_ones = [finding.where for finding in findings if finding.code == "book_missing"]
        assert lost_ones == [account_no(books[0]), account_no(books[2])]


@pytest.mark.slow
def test_it_runs_beside_the_service(fresh_engine: Engine, fresh_url: str) -> None:
    """Nothing is found while somebody posts, because every range is one moment of the ledger."""
    world = World(fresh_engine)
    books = [world.open(opening=(0, 10**6)) for _ in range(6)]
    stop = threading.Event()
    posted = threading.Event()

    def post() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            world.post(*(Spend(book, 1, world.today, "H0001", f"s-{number}") for book in books))
            posted.set()

    thread = threading.Thread(target=post)
    own = connect(fresh_url)
    thread.start()
    try:
        assert posted.wait(120)
        summaries = [verify(own, chunk=2) for _ in range(5)]
    finally:
        stop.set()
        thread.join()
        own.dispose()
    assert [verdict.findings for verdict in summaries] == [[]] * 5
    assert summaries[-1].entries > summaries[0].entries
