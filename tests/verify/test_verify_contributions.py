"""The check of the whole finds what was changed about employers behind the ledger's back: rows beside their
entries, state, and money on its way from the bank to the accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest
from sqlalchemy import Connection, Engine, select

from ledger import tables
from ledger.book.beside import rows_digest
from ledger.book.detail import pack, unpack
from ledger.book.numbers import account_no, entry_name
from ledger.chart.members import MemberClass
from ledger.contributions.employers import enter
from ledger.contributions.levies import AssessmentLine, LevyLine
from ledger.verify import verify
from ledger.verify.finding import month_name
from tests.support.people import AREA, World
from tests.support.units import Unit, credit_code
from tests.verify.tampering import chain_anew, found, let_pass, places, run, tampering

MARCH = 202603
TODAY = date(2026, 4, 10)


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return World(engine)


@dataclass
class Company:
    """An employer in whose book, and in those of two people, every entry has a number that is named below."""

    unit: Unit
    one: int
    other: int

    @property
    def book(self) -> int:
        return self.unit.book

    def where(self, what: str) -> str:
        """ "E-3", "one-2", "one", "month", "July": an entry, a book or a month, as findings name it."""
        if what in {"month", "July"}:
            return month_name(self.book, MARCH if what == "month" else 202607)
        party, _, seq = what.partition("-")
        book = self.book if party == "E" else getattr(self, party)
        return entry_name(book, int(seq)) if seq else account_no(book)


def a_company(world: World) -> Company:
    unit = Unit(world)  # E-1
    one, other = (unit.hire(opened_on=date(2026, 1, 1)) for _ in range(2))
    unit.enrol(one, MemberClass.ACTIVE, date(2026, 1, 1))  # one-2
    unit.declare(MARCH, {one: 800_000, other: 900_000})  # E-2, E-3
    unit.pay(100_000, TODAY, MARCH)  # E-4, one-3, other-2
    unit.pay(70_000, date(2026, 5, 10), MARCH)  # E-5, one-4, other-3: 615.00, late fee, 85.00 over
    unit.adjust(MARCH, {one: 700_000})  # E-6, one-5
    unit.pay(5_000, TODAY, 202611)  # E-7: waits for its list
    unit.world.one(unit.refund(100))  # E-8
    return Company(unit, one, other)


def expected(company: Company, told: str) -> set[tuple[str, str]]:
    """ "rows_wrong E-3, month_wrong month" as findings."""
    pairs = (one.split() for one in told.split(","))
    return {(code, company.where(where)) for code, where in pairs}


@pytest.fixture(scope="module")
def company(world: World) -> Company:
    return a_company(world)


def test_a_company_that_nobody_touched_is_clean(world: World, company: Company) -> None:
    assert verify(world.engine).findings == []
    with tampering(world.engine) as connection:
        assert found(connection) == []


# -- rows and state that somebody changed ------------------------------------------------------------------

AT = "WHERE book_id = :b AND seq ="
OF = "WHERE book_id = :b AND period = 202603"
HIS = f"{OF} AND account_id = :a"
NO_AMOUNTS = ", ".join(["0"] * len(tables.LEVY_AMOUNTS))
# what was done: (what is found, the statements). `:b` is the employer's book, `:a` the first person's
CHANGES: dict[str, tuple[str, str]] = {
    "the day of a payment": ("rows_wrong E-4", f"UPDATE levy_line SET on_day = '2026-04-09' {AT} 4"),
    "an amount of a payment": (
        "rows_wrong E-4, month_wrong month",
        f"UPDATE levy_line SET employer_paid = employer_paid + 1 {AT} 4",
    ),
    "a person's part of a payment": (
        "rows_wrong E-4, assessment_wrong month, credit_missing E-4",
        f"UPDATE assessment_line SET employee_paid = employee_paid + 1 {AT} 4 AND line = 1",
    ),
    "a person of a payment": (
        "rows_wrong E-4, assessment_wrong month, credit_missing E-4",
        f"UPDATE assessment_line SET account_id = :a + 1 {AT} 4 AND account_id = :a",
    ),
    "a line of a payment taken away": (
        "rows_wrong E-4, assessment_wrong month",
        f"DELETE FROM assessment_line {AT} 4 AND account_id = :a",
    ),
    "a line of a list": ("rows_wrong E-2", f"UPDATE declared_line SET wage = 1 {AT} 2 AND line = 2"),
    "a refused line of a list": (
        "rows_wrong E-2",
        "INSERT INTO declared_line VALUES (:b, NULL, NULL, NULL, NULL, NULL, 2, 3, 'wage_invalid', NULL)",
    ),
    "a list taken away": ("rows_wrong E-2", f"DELETE FROM declared_line {AT} 2"),
    "a list put in": (
        "rows_wrong E-4",
        "INSERT INTO declared_line VALUES (:b, NULL, NULL, NULL, NULL, NULL, 4, 3, 'wage_invalid', NULL)",
    ),
    "an assessed amount": (
        "rows_wrong E-3, assessment_wrong month, assessed_differs month",
        f"UPDATE assessment_line SET employer = employer - 1 {AT} 3 AND account_id = :a",
    ),
    "a base that was adjusted": (
        "rows_wrong E-6, assessment_wrong month",
        f"UPDATE assessment_line SET base = base + 1 {AT} 6 AND kind = 2",
    ),
    "a line without entry": (
        "rows_without_entry E-99",
        f"INSERT INTO levy_line VALUES (:b, {NO_AMOUNTS}, 99, 202603, '2026-04-10')",
    ),
    "a line in the opening": (
        "rows_without_entry E-1",
        f"INSERT INTO levy_line VALUES (:b, {NO_AMOUNTS}, 1, 202603, '2026-04-10')",
    ),
    "an enrolment": ("rows_wrong one-2", "UPDATE enrolment SET member_class = 2 WHERE book_id = :a"),
    "the end of an enrolment": (
        "rows_wrong one-2",
        "UPDATE enrolment SET valid_to = '2026-02-01' WHERE book_id = :a",
    ),
    "an enrolment taken away": ("rows_wrong one-2", "DELETE FROM enrolment WHERE book_id = :a"),
    "what is owed": (
        "month_wrong month, months_differ month",
        f"UPDATE levy SET employer = employer + 1 {OF}",
    ),
    "what waits": (
        "month_wrong month, money_differs E",
        f"UPDATE levy SET waiting = waiting + 1 {OF}",
    ),
    "late fee paid": ("month_wrong month, money_differs E", f"UPDATE levy SET fee_paid = fee_paid + 1 {OF}"),
    "when money came last": ("month_wrong month", f"UPDATE levy SET paid_day = paid_day + 1 {OF}"),
    "what is to be forwarded": (
        "month_wrong month, months_differ month, money_differs E",
        f"UPDATE levy SET forward = 1 {OF}",
    ),
    "a month taken away": (
        "month_wrong month, months_differ month, money_differs E",
        f"DELETE FROM levy {OF}",
    ),
    "a month put in": (
        "month_wrong July",
        f"INSERT INTO levy (book_id, period, {', '.join(tables.LEVY_AMOUNTS)})"
        f" VALUES (:b, 202607, {NO_AMOUNTS})",
    ),
    "a base": ("assessment_wrong month", f"UPDATE assessment SET base = base + 1 {HIS}"),
    "a day of payment": ("assessment_wrong month", f"UPDATE assessment SET paid_on = '2026-01-01' {HIS}"),
    "what a person is assessed": (
        "assessment_wrong month, months_differ month, assessed_differs month",
        f"UPDATE assessment SET employer = employer + 1 {HIS}",
    ),
    "what was paid for a person": (
        "assessment_wrong month, months_differ month, money_differs E, credit_differs one",
        f"UPDATE assessment SET employee_paid = employee_paid - 1 {HIS}",
    ),
    "what a person owes": (
        "assessment_wrong month, months_differ month, money_differs E, credit_differs one",
        f"UPDATE assessment SET suspended = -1 {HIS}",
    ),
    "a person taken away": (
        "assessment_wrong month, months_differ month, assessed_differs month, money_differs E,"
        " credited_too_much one",
        f"DELETE FROM assessment {HIS}",
    ),
    "the year of an employer": ("book_state_wrong E", "UPDATE book SET open_year = 2031 WHERE book_id = :b"),
    "the employer taken away": ("employer_unknown E", "DELETE FROM employer WHERE book_id = :b"),
    "the employer exchanged": (
        "employer_unknown E",
        "UPDATE employer SET credit_code = '91999999999999999X' WHERE book_id = :b",
    ),
    "the employer's area": ("employer_unknown E", "UPDATE employer SET area = 990200 WHERE book_id = :b"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_about_an_employer_is_found(world: World, company: Company, what: str) -> None:
    told, statement = CHANGES[what]
    with tampering(world.engine) as connection:
        run(connection, statement, b=company.book, a=company.one)
        assert places(connection) == expected(company, told)


def test_what_was_paid_twice_is_found(world: World, company: Company) -> None:
    """In a database that lost the CHECK against it."""
    with tampering(world.engine) as connection:
        let_pass(connection, "assessment.ck_assessment_employer_not_overpaid")
        more = f"UPDATE assessment SET employer_paid = employer + 5 {HIS}"
        run(connection, more, b=company.book, a=company.one)
        what = {(one.code, one.where): one.what for one in found(connection)}
    assert "5 fen" in what["overpaid", company.where("month")]


def test_the_money_of_a_person_in_the_book_of_an_employer_is_found(world: World, company: Company) -> None:
    with tampering(world.engine) as connection:
        let_pass(connection, "book.ck_book_only_persons_have_pockets")
        run(connection, "UPDATE book SET current_year = 5 WHERE book_id = :b", b=company.book)
        assert ("book_amount_wrong", company.where("E")) in places(connection)


# -- by somebody who computes all digests anew -------------------------------------------------------------


def rows_anew(connection: Connection, book: int, seq: int) -> None:
    """Let an entry of an employer say what it has beside itself by now."""
    levy, line, entry = tables.levy_line, tables.assessment_line, tables.entry
    levies = connection.execute(
        select(*(levy.c[name] for name in LevyLine._fields))
        .where(levy.c.book_id == book, levy.c.seq == seq)
        .order_by(levy.c.period)
    )
    lines = connection.execute(
        select(*(line.c[name] for name in AssessmentLine._fields))
        .where(line.c.book_id == book, line.c.seq == seq)
        .order_by(line.c.line)
    )
    beside = (*(LevyLine(*row) for row in levies), *(AssessmentLine(*row) for row in lines))
    place = (entry.c.book_id == book) & (entry.c.seq == seq)
    told = unpack(connection.execute(select(entry.c.detail).where(place)).scalar_one())
    told["rows"] = rows_digest(beside)
    connection.execute(entry.update().where(place).values(detail=pack(**told)))


# an entry and what was done in every place that it shows in: (what is found, statements)
FORGERIES: dict[str, tuple[str, int, list[str]]] = {
    "money from nowhere": ("money_differs E", 4, [
        f"UPDATE transfer SET amount_fen = amount_fen + 1 {AT} 4 AND from_side = 19"]),
    "a fee that is a premium": ("money_differs E", 5, [
        f"UPDATE transfer SET amount_fen = amount_fen - 1 {AT} 5 AND to_side = 11",
        f"UPDATE transfer SET amount_fen = amount_fen + 1 {AT} 5 AND to_side = 16"]),
    "money out of a pocket that an employer has not": ("kind_wrong E-8, money_differs E", 8, [
        f"UPDATE transfer SET from_side = 1, to_side = 12 {AT} 8"]),
    "money that left suspense": ("money_differs E", 8, [
        f"UPDATE transfer SET amount_fen = amount_fen + 1 {AT} 8"]),
    "who was paid for": (
        "credit_missing E-4, credit_differs one, credited_too_much other", 4, [
            f"UPDATE assessment_line SET employee_paid = employee_paid + 1 {AT} 4 AND account_id = :a",
            f"UPDATE assessment_line SET employee_paid = employee_paid - 1 {AT} 4 AND account_id = :c",
            f"UPDATE assessment SET employee_paid = employee_paid + 1, employee = employee + 1 {HIS}",
            f"UPDATE assessment_line SET employee = employee + 1 {AT} 3 AND account_id = :a",
            f"UPDATE assessment SET employee_paid = employee_paid - 1, employee = employee - 1 {OF}"
            " AND account_id = :c",
            f"UPDATE assessment_line SET employee = employee - 1 {AT} 3 AND account_id = :c",
        ]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", FORGERIES)
def test_what_was_forged_about_an_employer_is_found(world: World, company: Company, what: str) -> None:
    told, seq, statements = FORGERIES[what]
    with tampering(world.engine) as connection:
        run(connection, *statements, b=company.book, a=company.one, c=company.other)
        for entry in {3, seq}:
            rows_anew(connection, company.book, entry)
        chain_anew(connection, company.book)
        assert places(connection) == expected(company, told)


# the same in an account: (what is found, statements)
FORGED_CREDITS: dict[str, tuple[str, list[str]]] = {
    "another amount": ("credit_missing E-5, credit_differs one", [
        "UPDATE transfer SET amount_fen = amount_fen - 1 WHERE book_id = :a AND seq = 4",
        "UPDATE entry SET current_year_after = current_year_after - 1 WHERE book_id = :a AND seq >= 4",
        "UPDATE book SET current_year = current_year - 1 WHERE book_id = :a"]),
    "more than was assessed": ("credit_missing E-5, credited_too_much one", [
        "UPDATE transfer SET amount_fen = amount_fen + 90000 WHERE book_id = :a AND seq = 4",
        "UPDATE entry SET current_year_after = current_year_after + 90000 WHERE book_id = :a AND seq >= 4",
        "UPDATE book SET current_year = current_year + 90000 WHERE book_id = :a"]),
    "another month": ("credit_missing E-5, source_wrong one-4, credit_differs one, credited_too_much one", [
        "UPDATE entry SET period = 202602 WHERE book_id = :a AND seq = 4",
        "UPDATE entry SET source_ref = 'none' WHERE book_id = :a AND seq = 4"]),
    "another source": ("credit_missing E-5, source_wrong one-4", [
        "UPDATE entry SET source_ref = 'bank-7' WHERE book_id = :a AND seq = 4"]),
    "a list as its source": ("credit_missing E-5, source_wrong one-4", [
        "UPDATE entry SET source_ref = replace(source_ref, '-5/', '-2/') WHERE book_id = :a AND seq = 4"]),
    "nobody as its payer": ("credit_missing E-5, credit_differs one", [
        "UPDATE transfer SET party_id = NULL WHERE book_id = :a AND seq = 4"]),
    "another payer": ("credit_missing E-5, source_wrong one-4, credit_differs one, credited_too_much one", [
        "UPDATE transfer SET party_id = :b + 1 WHERE book_id = :a AND seq = 4"]),
    "less taken back": ("credit_missing E-6, credited_too_much one", [
        "UPDATE transfer SET amount_fen = amount_fen - 1 WHERE book_id = :a AND seq = 5",
        "UPDATE entry SET current_year_after = current_year_after + 1 WHERE book_id = :a AND seq >= 5",
        "UPDATE book SET current_year = current_year + 1 WHERE book_id = :a"]),
    "another source of what was taken back": ("credit_missing E-6, source_wrong one-5", [
        "UPDATE entry SET source_ref = replace(source_ref, '-6/', '-5/') WHERE book_id = :a AND seq = 5"]),
    # the account's own chain is whole: it is missed in the book of the employer
    "what was taken back, taken away": ("credit_missing E-6, credited_too_much one", [
        "DELETE FROM transfer WHERE book_id = :a AND seq = 5",
        "DELETE FROM entry WHERE book_id = :a AND seq = 5",
        "UPDATE book SET last_seq = 4, current_year ="
        " (SELECT current_year_after FROM entry WHERE book_id = :a AND seq = 4) WHERE book_id = :a"]),
    "a payment of the employer": ("kind_wrong one-4, credit_missing E-5, credit_differs one", [
        "UPDATE entry SET kind = 24 WHERE book_id = :a AND seq = 4"]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", FORGED_CREDITS)
def test_a_forged_credit_is_found_from_both_sides(world: World, company: Company, what: str) -> None:
    told, statements = FORGED_CREDITS[what]
    with tampering(world.engine) as connection:
        run(connection, *statements, b=company.book, a=company.one)
        chain_anew(connection, company.one)
        assert {one for one in places(connection) if one[0] != "rows_wrong"} == expected(company, told)


def test_a_list_that_is_confirmed_twice_is_found(world: World, company: Company) -> None:
    """And one whose confirmation points at something else."""
    with tampering(world.engine) as connection:
        run(connection, f"UPDATE entry SET target_seq = 1 {AT} 3", b=company.book)
        chain_anew(connection, company.book)
        assert places(connection) == expected(company, "target_wrong E-3")


def test_a_contribution_in_the_book_of_an_employer_is_found(world: World, company: Company) -> None:
    with tampering(world.engine) as connection:
        run(connection, f"UPDATE entry SET kind = 2 {AT} 2", b=company.book)
        chain_anew(connection, company.book)
        assert ("kind_wrong", company.where("E-2")) in places(connection)


def test_an_employer_that_was_written_down_and_never_opened_is_none_yet(world: World) -> None:
    with world.engine.connect() as connection:
        enter(connection, credit_code(), "n", AREA, world.now)
    with tampering(world.engine) as connection:
        assert found(connection) == []
