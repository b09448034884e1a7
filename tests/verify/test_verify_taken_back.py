"""The check of the whole finds what was forged about bounced payments and corrected interest."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Engine

from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.interest_corrections import CorrectInterest
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.book.numbers import entry_name
from ledger.care.entry_reversals import ReverseEntry
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.contributions.payment_reversals import ReversePayment
from ledger.contributions.retirees import CreditRetiree
from ledger.corrections.retired import CorrectRetireeCredit
from ledger.people.enrolments import Enrol
from ledger.verify import verify
from tests.accounts.test_interest_corrections import TODAY, posted_wrongly
from tests.support.approvals import by_two
from tests.support.people import World
from tests.support.units import Unit
from tests.verify.tampering import TOLD, chain_anew, run, with_every_right

MARCH, WAGE, OWED = 202603, 800_000, 76_000
AT = "WHERE book_id = :x AND seq ="


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return World(engine)


def findings(world: World, book: int) -> dict[tuple[str, str], str]:
    summary = verify(world.engine, first=book, last=book)
    TOLD.update(one.what for one in summary.findings)
    return {(one.code, one.where): one.what for one in summary.findings}


def forged(world: World, book: int, statement: str, **more: object) -> dict[tuple[str, str], str]:
    with with_every_right(world.engine) as connection:
        run(connection, statement, x=book, **more)
        chain_anew(connection, book)
    return findings(world, book)


# -- interest ------------------------------------------------------------------------------------------------

INTEREST = {
    "of a year that was not posted": ("SET period = 2031", "the interest of 2031 was not posted"),
    "of a wrong sum": (
        "SET detail = replace(detail, '\"posted\"\\:0', '\"posted\"\\:1')",
        "it says that 1 fen",
    ),
    "by other rates": (
        "SET detail = replace(detail, '\"carried_over\"\\:11153', '\"carried_over\"\\:11154')",
        "the interest of 2025 is",
    ),
}


@pytest.mark.parametrize("what", INTEREST)
def test_a_forged_correction_is_found(world: World, what: str) -> None:
    book = posted_wrongly(world, "0.0000", (2025,))
    seq = world.one(CorrectInterest(book, 2025, 2025, "rates"), today=TODAY).seq
    assert findings(world, book) == {}
    statement, told = INTEREST[what]
    found = forged(world, book, f"UPDATE entry {statement} {AT} {seq}")
    assert found["interest_wrong", entry_name(book, seq)].startswith(told)


def test_a_correction_of_another_amount_is_found(world: World) -> None:
    book = posted_wrongly(world, "0.0000", (2025,))
    seq = world.one(CorrectInterest(book, 2025, 2025, "rates"), today=TODAY).seq
    with with_every_right(world.engine) as connection:
        run(
            connection,
            f"UPDATE transfer SET amount_fen = amount_fen - 1 {AT} {seq}",
            f"UPDATE entry SET carried_over_after = carried_over_after - 1 {AT} {seq}",
            "UPDATE book SET carried_over = carried_over - 1 WHERE book_id = :x",
            x=book,
        )
        chain_anew(connection, book)
    assert "are the difference" in findings(world, book)["interest_wrong", entry_name(book, seq)]


# -- payments ------------------------------------------------------------------------------------------------


def bounced(world: World) -> tuple[Unit, int, int]:
    """A unit whose payment bounced: its reversal, and the account that had the credit."""
    unit = Unit(world)
    person = unit.hire()
    unit.declare(MARCH, {person: WAGE})
    payment = world.one(unit.payment(OWED, date(2026, 4, 15), MARCH))
    return unit, world.one(ReversePayment(unit.book, payment.seq, "bounced")).seq, person


def test_a_payment_that_went_back_by_half_is_found(world: World) -> None:
    unit, seq, _person = bounced(world)
    assert findings(world, unit.book) == {}
    found = forged(world, unit.book, f"UPDATE transfer SET amount_fen = 1 {AT} {seq} AND to_side = 19")
    assert found["target_wrong", entry_name(unit.book, seq)].startswith("it gives back 1 fen of entry")


def test_a_credit_that_went_back_for_another_month_is_found(world: World) -> None:
    _unit, _seq, person = bounced(world)
    assert findings(world, person) == {}
    with world.engine.connect() as connection:
        last = connection.exec_driver_sql(f"SELECT MAX(seq) FROM entry WHERE book_id = {person}").scalar_one()
    found = forged(world, person, f"UPDATE entry SET period = 202602 {AT} {last}")
    assert found["target_wrong", entry_name(person, last)].startswith("it gives back more than entry")


# -- credits of retirees -------------------------------------------------------------------------------------

CREDITS = {
    "of an entry that is none of the month": ("1", "it corrects no credit of its month"),
    "of another entry of the month": ("3", "entry 3 is no retiree's credit"),
}


@pytest.mark.parametrize("what", CREDITS)
def test_a_corrected_credit_names_the_credit(world: World, what: str) -> None:
    book = world.open(opened_on=date(2026, 1, 1))
    world.one(Enrol(book, MemberClass.RETIRED, None, date(2026, 1, 1), None))
    world.one(Contribute(book, 1_000, MARCH, date(2026, 4, 1), world.ref()))
    credit = world.one(CreditRetiree(book, MARCH))
    world.one(Enrol(book, MemberClass.FLEXIBLE, None, date(2026, 1, 1), None))
    seq = world.one(CorrectRetireeCredit(book, MARCH, "correction-990100-1")).seq
    assert findings(world, book) == {}
    named, told = CREDITS[what]
    detail = f"SET detail = replace(detail, '\"credit\"\\:{credit.seq}', '\"credit\"\\:{named}')"
    found = forged(world, book, f"UPDATE entry {detail} {AT} {seq}")
    assert told in found.values()


# -- credits that a mistaken death took back and gave again --------------------------------------------------

CAME_AGAIN = {
    "of another credit": (
        """SET detail = replace(detail, '"credit"\\:2', '"credit"\\:3')""",
        "it takes back the credit of entry 2, and does not say so",
    ),
    "of no credit that came again": ("SET target_seq = {plain}", "it cannot act on entry {plain}"),
    "of another month": ("SET period = 202602", "it does not mirror entry 2"),
}


@pytest.mark.parametrize("what", CAME_AGAIN)
def test_a_forged_reversal_of_what_came_again_is_found(world: World, what: str) -> None:
    book = world.open(opened_on=date(2026, 1, 1))
    credit = world.one(Contribute(book, 5_000, 202609, date(2026, 9, 10), "one"))
    other = world.one(Contribute(book, 5_000, 202601, date(2026, 9, 10), "two"))
    plain = world.one(ReverseEntry(book, other.seq, "wrong"))
    world.one(ReportDeath(book, date(2026, 6, 20), "certificate"))
    by_two(world, WithdrawDeath(book, "a namesake", "registry", key=world.ref("alive")))
    done = world.one(ReverseEntry(book, credit.seq, "wrong"))
    assert (credit.seq, findings(world, book)) == (2, {})
    statement, told = (text.format(plain=plain.seq) for text in CAME_AGAIN[what])
    found = forged(world, book, f"UPDATE entry {statement} {AT} {done.seq}")
    assert found["target_wrong", done.name] == told


def test_a_credit_that_the_living_owe_after_its_reversal_is_found(world: World) -> None:
    """Only of an account that was left may the rest be a receivable."""
    book = world.open(opened_on=date(2026, 1, 1))
    credit = world.one(Contribute(book, 5_000, 202609, date(2026, 9, 10), "one"))
    done = world.one(ReverseEntry(book, credit.seq, "wrong"))
    with with_every_right(world.engine) as connection:
        run(
            connection,
            f"UPDATE transfer SET from_side = {int(Side.RECEIVABLE)}, party_id = :x {AT} {done.seq}",
            f"UPDATE entry SET current_year_after = 5000 {AT} {done.seq}",
            "UPDATE book SET current_year = 5000 WHERE book_id = :x",
            x=book,
        )
        chain_anew(connection, book)
    assert findings(world, book)["target_wrong", done.name] == f"it does not mirror entry {credit.seq}"
