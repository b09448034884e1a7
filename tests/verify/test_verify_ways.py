"""The check of the whole finds what was changed about ways back and ends: estimates, employers that closed,
contracts and filings that end, credits after a death, estates that set off, aid that came back."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.holds import Capture, Hold
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.book.numbers import account_no, entry_name
from ledger.care.annual_settlements import CloseYear, areas_elsewhere
from ledger.care.filings import EndFiling, RecordFiling
from ledger.chart.care import Filing
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.contributions.closures import CloseEmployer, ReopenEmployer
from ledger.contributions.estimates import Estimate, ReverseEstimate
from ledger.contributions.retirees import CreditRetiree
from ledger.estates.division import DivideEstate, HeirShare
from ledger.institutions.ends import EndContract, EndSuspension
from ledger.institutions.registry import Suspend
from ledger.people.enrolments import Enrol
from ledger.people.persons import stake_by_name
from ledger.shares import heir_rank, parse_weights
from ledger.verify import verify
from tests.support.approvals import asks_nobody
from tests.support.clinic import Clinic
from tests.support.people import AREA, SomeoneFactory, World, noon
from tests.support.units import Unit
from tests.verify.tampering import chain_anew, found, let_pass, places, rewritten, run, tampering

DAY, LATER = date(2026, 6, 20), date(2026, 7, 1)
FIRST = date(2025, 1, 1)
AWAY = 990200


@dataclass(frozen=True)
class Ways:
    """Books by the letters that the tables below name them by."""

    world: World
    books: dict[str, int]
    code: str

    def where(self, told: str) -> str:
        """ "E", "E-3", "code": a book, one of its entries, the code of the hospital."""
        letter, dash, seq = told.partition("-")
        if letter not in self.books:
            return self.code
        return entry_name(self.books[letter], int(seq)) if dash else account_no(self.books[letter])

    def expected(self, told: str) -> set[tuple[str, str]]:
        pairs = (one.split(" ") for one in told.split(", "))
        return {(code, self.where(where)) for code, where in pairs}


def an_employer(world: World) -> int:
    unit = Unit(world)  # E-1
    estimate = world.one(Estimate(unit.book, 202603, 10_000), today=DAY)  # E-2
    unit.pay(20_000, DAY, today=DAY)  # E-3
    world.one(ReverseEstimate(unit.book, estimate.seq, "wrong month"), today=DAY)  # E-4
    world.one(CloseEmployer(unit.book, DAY, "doc"), today=DAY)  # E-5
    world.one(ReopenEmployer(unit.book, DAY, "doc"), today=DAY)  # E-6
    world.one(CloseEmployer(unit.book, DAY, "doc"), today=LATER)  # E-7
    return unit.book


def a_hospital(clinic: Clinic) -> tuple[int, str]:
    code = clinic.institution()  # H-1, H-2
    book, world = clinic.parties[code], clinic.world
    suspended = world.one(Suspend(book, code, AREA, date(2026, 12, 1), None, "audit"), today=DAY)  # H-3
    world.one(EndSuspension(book, code, suspended.seq, date(2026, 12, 5), "over"), today=DAY)  # H-4
    world.one(EndContract(book, code, 2, date(2026, 12, 31), "closed"), today=DAY)  # H-5
    return book, code


def a_retiree(world: World) -> int:
    """Credited for May, spent of it, and dead since April; the estate owes what was spent."""
    start = date(2026, 1, 1)
    book = world.open(opened_on=start, today=start)  # D-1
    world.one(Enrol(book, MemberClass.RETIRED, None, start, None), today=start)  # D-2
    for month in (4, 5):
        world.one(CreditRetiree(book, 202600 + month), today=date(2026, 6, 1))  # D-3, D-4
    died_on = date(2026, 4, 20)
    spent = world.one(Spend(book, 15_000, died_on, "H0001", "s-5"), today=DAY)  # D-5
    world.one(ReportDeath(book, died_on, "certificate"), today=DAY)  # D-6, D-7 gives back
    world.one(Contribute(book, 1_000, 202603, DAY, "c-8"), today=DAY)  # D-8; D-9 is interest
    weights = parse_weights(["1/1"])
    claim = stake_by_name("王伟", f"{book}|0", world.keyring)
    heirs = (HeirShare(claim.digest, False, "child", weights[0], heir_rank("child", None, None)),)
    world.one(DivideEstate(book, heirs, (claim,), LATER), today=LATER)  # D-10 sets off, D-11 divides
    world.one(Reverse(book, spent.seq, "never was"), today=LATER)  # D-12, D-13 sets off, D-14 divides
    return book


def a_namesake(clinic: Clinic) -> int:
    """Whose death was reported, corrected and withdrawn, and then reported rightly."""
    world, start = clinic.world, date(2026, 1, 1)
    book, relative = world.open(opened_on=start, today=start), SomeoneFactory()  # N-1
    world.open(relative, opened_on=start, today=start)
    world.one(Enrol(book, MemberClass.RETIRED, None, start, None), today=start)  # N-2
    for month in (4, 5):
        world.one(CreditRetiree(book, 202600 + month), today=date(2026, 6, 1))  # N-3, N-4
    spent = world.one(Spend(book, 1_000, date(2026, 4, 5), "H0001", "n-5"), today=DAY)  # N-5
    world.one(Reverse(book, spent.seq, "by mistake"), today=DAY)  # N-6
    clinic.give(book, relative, "10.00")  # N-7
    report = ReportDeath(book, date(2026, 4, 20), "certificate")
    world.one(report, today=DAY)  # N-8, N-9 ends the quota, N-10 gives back
    world.one(CorrectDeath(book, date(2026, 4, 10), "judgment"), today=DAY)  # N-11
    world.one(WithdrawDeath(book, "a namesake", "registry"), today=DAY)  # N-12, N-13 gives again, N-14 opens
    world.one(replace(report), today=DAY)  # N-15, N-16 ends the quota, N-17 gives back
    return book


def relatives(clinic: Clinic) -> tuple[int, int, int]:
    """A donor whose quota ended with the death of the person it was for; and both sides of aid that a
    statement gave back."""
    world = clinic.world
    dead, someone = SomeoneFactory(), SomeoneFactory()
    donor = clinic.patient("10000.00", opened_on=FIRST, today=FIRST)  # G-1
    gone = world.open(dead, opened_on=FIRST, today=FIRST)
    clinic.give(donor, dead, "50.00")  # G-2
    world.one(
        ReportDeath(gone, date(2025, 2, 1), "certificate"), today=date(2025, 2, 1)
    )  # G-3 ends the quota
    patient = world.open(someone, opened_on=FIRST, today=FIRST)  # P-1
    clinic.give(donor, someone, "5000.00")  # G-4
    elsewhere = clinic.institution(area=AWAY)
    day = date(2025, 6, 10)
    clinic.settle(elsewhere, patient, [("A", "20000.00")], "inpatient", day, today=day)  # P-2, G-5
    until = date(2025, 12, 31)
    world.one(RecordFiling(patient, Filing.LONG_TERM, FIRST, until, AWAY), today=until)  # P-3
    with world.engine.connect() as connection:
        areas = areas_elsewhere(connection)
    settled = world.posted(CloseYear(patient, 2025, areas), today=date(2026, 4, 1))  # G-6 carries over, G-7
    world.one(EndFiling(patient, 3, date(2025, 12, 1), "moved back"), today=DAY)
    assert settled.created
    return donor, patient, gone


def documents(world: World) -> tuple[int, int]:
    """A document that was taken back and booked again, two that were captured; a debit dated back."""
    today = date(2025, 12, 1)
    again = world.open(opened_on=FIRST, opening=(5_000, 0), today=today)
    for ref in ("bill-1", "bill-2"):
        hold = world.one(Hold(again, 500, noon(DAY), "H0001", world.ref()), today=today)
        world.one(Capture(again, hold.seq, 400, today, ref), today=today)
    for ref in ("bill-3", "bill-4"):
        world.one(Spend(again, 100, today, "H0001", ref), today=today)
    world.one(Reverse(again, 7, "by mistake"), today=today)
    world.one(Spend(again, 100, today, "H0001", "bill-4"), today=today)
    late = world.open(opened_on=FIRST, opening=(10_000, 500_000), today=today)  # B-1
    for amount, day in ((10_000, date(2025, 4, 1)), (60_000, date(2025, 3, 5))):
        world.one(Spend(late, amount, day, "H0001", world.ref()), today=today)  # B-2, B-3 moves, B-4
    world.one(Reverse(late, 4, "by mistake", date(2025, 3, 5)), today=today)  # B-5, B-6 moves back
    return again, late


@pytest.fixture(scope="module")
def ways(engine: Engine) -> Ways:
    world = asks_nobody(World(engine, now=noon(FIRST)))
    clinic = Clinic(world)
    donor, patient, gone = relatives(clinic)
    again, late = documents(world)
    hospital, code = a_hospital(clinic)
    books = {
        "E": an_employer(world), "F": Unit(world).book, "H": hospital, "D": a_retiree(world),
        "G": donor, "P": patient, "X": gone, "A": again, "B": late,
        "N": a_namesake(clinic),
    }  # fmt: skip
    return Ways(world, books, code)


def test_ways_back_that_nobody_touched_are_clean(ways: Ways) -> None:
    assert verify(ways.world.engine).findings == []
    with tampering(ways.world.engine) as connection:
        assert found(connection) == []


# -- rows and state that somebody changed ------------------------------------------------------------------

PLACE = "(SELECT code FROM institution WHERE party_id = :H)"
# what was done: (what is found, the statement); `:E` and so on are the books
CHANGES: dict[str, tuple[str, str]] = {
    "the last day of an employer": (
        "closure_wrong E",
        "UPDATE employer_closure SET closed_on = '2026-06-21' WHERE book_id = :E",
    ),
    "an employer that goes on": (
        "closure_wrong E",
        "UPDATE employer_closure SET closed_on = NULL WHERE book_id = :E",
    ),
    "who closed an employer": ("closure_wrong E", "UPDATE employer_closure SET seq = 5 WHERE book_id = :E"),
    "a closure taken away": ("closure_wrong E", "DELETE FROM employer_closure WHERE book_id = :E"),
    "a closure put in": (
        "closure_wrong F",
        "INSERT INTO employer_closure (book_id, seq, closed_on) VALUES (:F, 1, '2026-06-20')",
    ),
    "the end of a contract": (
        "contract_wrong H-2",
        f"UPDATE contract SET valid_to = '2026-12-30' WHERE code = {PLACE}",
    ),
    "a contract that goes on": (
        "contract_wrong H-2",
        f"UPDATE contract SET valid_to = NULL WHERE code = {PLACE}",
    ),
    "a suspension that goes on": (
        "contract_wrong H-3",
        f"UPDATE suspension SET valid_to = NULL WHERE code = {PLACE}",
    ),
    "the end of a filing": (
        "rows_wrong P-5",
        "UPDATE filing SET valid_to = '2025-12-31' WHERE book_id = :P AND seq = 5",
    ),
    "a filing whose end was taken away": (
        "rows_wrong P-5",
        "DELETE FROM filing WHERE book_id = :P AND seq = 5",
    ),
    "a quota for the dead": (
        "quota_wrong G-2, quota_for_the_dead G-2",
        "UPDATE quota SET ended = (1 = 0) WHERE book_id = :G AND seq = 2",
    ),
    "what was owed of an estimate": (
        "rows_wrong E-4, month_wrong E",
        "UPDATE levy_line SET waiting = waiting + 1 WHERE book_id = :E AND seq = 4 AND period <> 0",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_about_ways_back_is_found(ways: Ways, what: str) -> None:
    told, statement = CHANGES[what]
    with tampering(ways.world.engine) as connection:
        run(connection, statement, **ways.books)
        assert of_books(places(connection)) == ways.expected(told)


def of_books(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Findings about a month as about the book that it is of."""
    return {(code, re.sub(r" \d+$", "", where)) for code, where in pairs}


# -- by somebody who computes all digests anew -------------------------------------------------------------

AT = "WHERE book_id = :x AND seq ="
REOPENED, VISITED, HELD = int(Kind.EMPLOYER_REOPENING), int(Kind.VISIT), int(Kind.HOLD)
BANK, OWED, LARGE = int(Side.BANK), int(Side.RECEIVABLE), int(Side.LARGE_FUND)
DETAIL = f"UPDATE entry SET detail = replace(detail, :old, :new) {AT} :s"


def text_for(seq: int, old: str, new: str) -> tuple[str, dict[str, Any]]:
    """Other words in the detail of an entry."""
    return DETAIL, {"s": seq, "old": old, "new": new}


# what was done: (what is found, whose book, statements); the first fault of a book is its finding
FORGERIES: dict[str, tuple[str, str, list[str | tuple[str, dict[str, Any]]]]] = {
    "an estimate that was taken back for another month": ("target_wrong E-4", "E", [
        f"UPDATE entry SET period = 202604 {AT} 4"]),
    "the fee of an estimate out of another fund": ("move_not_allowed E-4, money_differs E", "E", [
        f"UPDATE transfer SET from_side = {BANK} {AT} 4"]),
    "an estimate taken back that was a payment": ("target_wrong E-4", "E", [
        f"UPDATE entry SET target_seq = 3 {AT} 4"]),
    "another last day": ("closure_wrong E", "E", [text_for(7, "2026-06-20", "2026-06-19")]),
    "a last day that cannot be read": ("closure_wrong E", "E", [text_for(7, "2026-06-20", "June")]),
    "an employer that was opened again": ("closure_wrong E", "E", [
        f"UPDATE entry SET kind = {REOPENED} {AT} 7"]),
    "a suspension that something else ended": (
        "target_wrong H-4, contract_wrong H-4, contract_wrong H-3", "H", [
        f"UPDATE entry SET target_seq = 1 {AT} 4"]),
    "the end of a suspension of another day": ("contract_wrong H-4, contract_without_entry code", "H", [
        text_for(4, '"from":"2026-12-01"', '"from":"2026-12-02"')]),
    "a contract that ended before": ("contract_wrong H-5, contract_without_entry code", "H", [
        text_for(5, '"to":"2026-12-31"', '"to":"2026-12-30"')]),
    "a filing that ended something else": ("target_wrong P-5", "P", [
        f"UPDATE entry SET target_seq = 4 {AT} 5"]),
    "half of what goes back after a death": ("target_wrong D-7, set_off_wrong D-11", "D", [
        f"UPDATE transfer SET amount_fen = amount_fen - 1 {AT} 7 AND from_side = {OWED}"]),
    "what goes back to another fund": ("move_not_allowed D-7", "D", [
        f"UPDATE transfer SET to_side = {LARGE} {AT} 7"]),
    "what goes back of another credit": ("target_wrong D-7", "D", [
        f"UPDATE entry SET target_seq = 3 {AT} 7"]),
    "what goes back of a month before the death": ("stage_wrong D-7", "D", [
        f"UPDATE entry SET period = 202604 {AT} 7"]),
    "a death that was later": ("stage_wrong D-7", "D", [text_for(6, "2026-04-20", "2026-05-20")]),
    "an estate that says it set off less": ("set_off_wrong D-11", "D", [
        text_for(11, '"amount":10', '"amount":20')]),
    "an estate to which less was owed": ("set_off_wrong D-11", "D", [
        text_for(11, '"owed":4000', '"owed":3999')]),
    "an estate to which more was owed": ("set_off_wrong D-11", "D", [
        text_for(11, '"owed":4000', '"owed":4001')]),
    "what was set off on a line that is none": ("set_off_wrong D-11", "D", [
        text_for(13, '"line":0', '"line":1')]),
    "a debt that cannot be read": ("set_off_wrong D-11", "D", [text_for(11, '"owed":4000,', "")]),
    "what was set off and not for an estate": ("case_wrong D-13, set_off_wrong D-11", "D", [
        text_for(13, '"line":0', '"case":0')]),
    "aid of more than its quota": ("quota_wrong G-4, hold_wrong G-5", "G", [
        f"UPDATE entry SET reserved_change = 1 {AT} 4"]),
    "a hold after the report of death": ("stage_wrong D-8", "D", [
        f"DELETE FROM transfer {AT} 8",
        f"UPDATE entry SET kind = {HELD}, held_change = 5, expires_at = recorded_at,"
        f" current_year_after = 0 {AT} 8"]),
    "an estate that leaves something": ("stage_wrong D-14, estate_wrong D-14", "D", [
        f"UPDATE transfer SET amount_fen = amount_fen - 1 {AT} 14 AND from_side = 1",
        f"UPDATE entry SET current_year_after = 1 {AT} 14"]),
    "a quota for the dead that never ended": ("quota_for_the_dead G-2", "G", [
        f"UPDATE entry SET kind = {VISITED}, target_seq = NULL, reserved_change = NULL {AT} 3",
        "UPDATE quota SET ended = (1 = 0), remaining = 5000 WHERE book_id = :x AND seq = 2",
        "UPDATE book SET reserved = reserved + 5000 WHERE book_id = :x"]),
    "what came back to relatives of another donation": ("aid_wrong G-7, aid_wrong P-4", "G", [
        text_for(7, '"donation":5', '"donation":4')]),
    "what came back of no donation": ("aid_wrong G-7, aid_wrong P-4", "G", [
        text_for(7, '"donation":5,', "")]),
    "a statement of nothing": ("aid_wrong G-7", "G", [text_for(7, '"statement"', '"statements"')]),
    "a statement that gave back nothing": ("aid_wrong G-7", "P", [text_for(4, '"aid":[[', '"aids":[[')]),
    "what a statement gave back to nobody": ("aid_wrong P-4, aid_wrong G-7", "P", [
        text_for(4, '"aid":[[', '"aid":[[1')]),
    "a death withdrawn that was corrected since": ("stage_wrong N-12", "N", [
        "DROP INDEX uq_entry_target",
        f"UPDATE entry SET target_seq = 8 {AT} 12"]),
    "a correction of another day": ("stage_wrong N-11", "N", [
        text_for(11, '"was":"2026-04-20"', '"was":"2026-04-21"')]),
    "a credit that came again and never was": ("target_wrong N-17", "N", [
        f"UPDATE entry SET target_seq = 6 {AT} 17"]),
    "a credit that comes again by half": ("target_wrong N-13", "N", [
        f"UPDATE transfer SET amount_fen = amount_fen - 1 {AT} 13",
        f"UPDATE entry SET current_year_after = current_year_after - 1 {AT} 13"]),
    "a quota that ends and was not opened": ("target_wrong N-16", "N", [
        f"UPDATE entry SET target_seq = 6 {AT} 16"]),
    "a quota that is opened with more": ("hold_wrong N-14, quota_wrong N-7", "N", [
        f"UPDATE entry SET reserved_change = reserved_change + 1 {AT} 14"]),
    "a document of another entry": ("target_wrong A-9", "A", [
        f"UPDATE entry SET source_ref = 'bill-3' {AT} 9"]),
    "a hold that was captured twice": ("target_wrong A-5", "A", [
        "DROP INDEX uq_entry_target",
        f"UPDATE entry SET target_seq = 2 {AT} 5"]),
    "a document that was captured before": ("document_twice A-5", "A", [
        f"UPDATE entry SET source_ref = 'bill-1' {AT} 5"]),
    "a move between the pockets for an entry before": ("move_not_allowed B-3", "B", [
        text_for(3, '-4"', '-2"')]),
    "a move between the pockets for another one": ("move_not_allowed B-4", "B", [
        text_for(3, '-4"', '-5"')]),
    "a move between the pockets for what is no entry": ("move_not_allowed B-3", "B", [
        text_for(3, '"debit":"', '"debit":"x')]),
    "a move between the pockets on the day itself": ("move_not_allowed B-4", "B", [
        f"UPDATE entry SET effective_on = '2025-03-05' {AT} 3"]),
    "a move back for another reversal": ("move_not_allowed B-6", "B", [text_for(6, '-5"', '-4"')]),
    "a move back for what is no entry": ("move_not_allowed B-6", "B", [
        text_for(6, '"reversal":"', '"reversal":"x')]),
    "a move back on the day itself": ("move_not_allowed B-6", "B", [
        f"UPDATE entry SET effective_on = '2025-03-05' {AT} 6"]),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGERIES)
def test_what_was_forged_about_ways_back_is_found(ways: Ways, what: str) -> None:
    told, letter, statements = FORGERIES[what]
    with tampering(ways.world.engine) as connection:
        for one in statements:
            statement, values = (one, {}) if isinstance(one, str) else one
            run(connection, statement, x=ways.books[letter], **values)
        chain_anew(connection, ways.books[letter])
        assert of_books(places(connection)) == ways.expected(told)


def test_a_move_between_the_pockets_for_a_debit_of_another_book_is_found(ways: Ways) -> None:
    with tampering(ways.world.engine) as connection:
        other = ways.where("A-9")
        rewritten(connection, ways.books["B"], 3, lambda facts: facts.update(debit=other))
        assert places(connection) == ways.expected("move_not_allowed B-3")


def test_a_quota_that_ended_before_it_was_empty_is_found(ways: Ways) -> None:
    """In a database that lost the CHECK against it."""
    with tampering(ways.world.engine) as connection:
        let_pass(connection, "quota.ck_quota_ended_is_empty")
        run(
            connection,
            f"UPDATE entry SET reserved_change = -4000 {AT} 3",
            "UPDATE quota SET remaining = 1000 WHERE book_id = :x AND seq = 2",
            "UPDATE book SET reserved = reserved + 1000 WHERE book_id = :x",
            x=ways.books["G"],
        )
        chain_anew(connection, ways.books["G"])
        assert places(connection) == ways.expected("quota_wrong G-2")
