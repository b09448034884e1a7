"""The check of the whole finds what was changed about medical care behind the ledger's back: bills, counters,
quotas, cases, claims, contracts, compared days and cleared months."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest
from sqlalchemy import Connection, Engine, select

from ledger import tables
from ledger.book.beside import rows_digest
from ledger.book.detail import pack, unpack
from ledger.book.numbers import account_no, entry_name
from ledger.care.counters import CLAIM_ROW
from ledger.care.filings import RecordFiling
from ledger.care.manual_claims import EVIDENCE, DecideClaim, SubmitClaim
from ledger.care.reads import settlement_row
from ledger.care.rows import Cause, SettlementRow
from ledger.care.stakes import bill_stake, message_stake
from ledger.care.third_party import OpenCase, PayAdvance, RecordRecovery
from ledger.care.visits import EndVisit, RegisterVisit
from ledger.chart.care import SIGNED, CareType, CauseKind, Filing
from ledger.clearing.clearings import Clear
from ledger.clearing.days import DayTotals
from ledger.clearing.reconciliations import Reconcile
from ledger.clearing.reports import aided
from ledger.institutions.registry import Suspend
from ledger.policy import RATE_SCALE
from ledger.verify import verify
from tests.support.clinic import CARE_DAY, Clinic
from tests.support.people import AREA, SomeoneFactory, World
from tests.verify.tampering import chain_anew, found, let_pass, places, run, tampering

DAY = date(2026, 10, 5)
SHARE = 60 * RATE_SCALE // 100


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return World(engine)


@dataclass
class Care:
    """A patient, a donor and a hospital; the numbers of their entries are named below."""

    world: World
    code: str
    hospital: int
    patient: int
    donor: int
    resident: int

    def where(self, told: str) -> str:
        """ "P-3", "D", "P 2026": an entry, a book, or a year, day or month of it, as findings name it."""
        party, space, rest = told.partition(" ")
        if space:
            return f"{self.where(party)} {rest}"
        letter, _, seq = party.partition("-")
        book = {"H": self.hospital, "P": self.patient, "D": self.donor, "R": self.resident}.get(letter)
        if book is None:
            return party.replace("code", self.code)
        return entry_name(book, int(seq)) if seq else account_no(book)

    def expected(self, told: str) -> set[tuple[str, str]]:
        """ "counters_wrong P 2026, rows_wrong P-3" as findings."""
        pairs = (one.split(" ", 1) for one in told.split(", "))
        return {(code, self.where(where)) for code, where in pairs}


def some_care(world: World) -> Care:
    clinic = Clinic(world, numbers=False)
    code = clinic.institution(1)  # H-1 the book, H-2 a contract
    hospital = clinic.parties[code]
    someone, relative = SomeoneFactory(), SomeoneFactory()
    start = date(2026, 1, 1)
    patient = world.open(someone, opened_on=start, opening=(50_000, 0), today=start)  # P-1
    donor = world.open(relative, opened_on=start, opening=(70_000, 0), today=start)  # D-1
    resident = clinic.resident()
    clinic.give(donor, someone, "200.00")  # D-2
    lines = [("A", "700.00"), ("B", "200.00"), ("C", "100.00")]
    clinic.settle(code, patient, lines, day=DAY, today=DAY, bill_no="B1", message_id="m1")  # P-2, D-3
    cause = Cause(CauseKind.THIRD_PARTY, SHARE)
    whole = [("A", "5000.00")]
    clinic.settle(code, patient, whole, "inpatient", DAY, today=DAY, cause=cause, use_account=False)  # P-3
    world.one(OpenCase(patient, 3), today=DAY)  # P-4
    world.one(PayAdvance(patient, 4, "person", "letter"), today=DAY)  # P-5
    world.one(RecordRecovery(patient, 4, 100_000, DAY, "bank", "bank-1"), today=DAY)  # P-6
    undone = clinic.settle(code, patient, [("A", "90.00")], day=DAY, today=DAY, bill_no="B2")  # P-7, D-4
    clinic.reverse(undone, today=DAY)  # P-8, D-5
    world.one(RecordFiling(patient, Filing.LONG_TERM, DAY, None, None))  # P-9
    world.one(RegisterVisit(patient, None, code, CareType.OUTPATIENT, DAY))  # P-10
    world.one(EndVisit(patient, 10))  # P-11
    bill = clinic.bill([("A", "40.00")], day=DAY, use_account=False, bill_no="B3")
    submitted = world.posted(
        SubmitClaim(patient, None, code, hospital, bill, world.today, frozenset(EVIDENCE))
    )  # P-12
    claim = submitted.row(CLAIM_ROW)
    assert claim is not None
    world.one(DecideClaim(patient, 12, code, claim, True, "paid in cash"))  # P-13
    clinic.settle(code, resident, [("A", "10.00")], day=DAY, bill_no="B4")  # R-3, which counts today
    clinic.end(clinic.give(donor, someone, "20.00"))  # D-6, D-7
    world.one(Suspend(hospital, code, AREA, date(2026, 12, 1), None, "audit"))  # H-3
    clinic.correct(code, "never")  # H-4
    sums = _sums(world, hospital)
    world.one(Reconcile(hospital, code, AREA, DAY, sums))  # H-5
    with world.engine.connect() as connection, connection.begin():
        what_relatives_paid = aided(connection, hospital, 202610)
    world.one(Clear(hospital, code, AREA, 202610, what_relatives_paid))  # H-6
    return Care(world, code, hospital, patient, donor, resident)


def _sums(world: World, hospital: int) -> DayTotals:
    table = tables.settlement.c
    with world.engine.connect() as connection:
        rows = connection.execute(
            select(table.total, table.pooled_pay + table.large_pay, table.account_pay).where(
                table.institution_id == hospital, table.settled_on == DAY
            )
        ).all()
    return DayTotals(len(rows), *(sum(row[place] for row in rows) for place in range(3)))


@pytest.fixture(scope="module")
def care(world: World) -> Care:
    return some_care(world)


def test_care_that_nobody_touched_is_clean(world: World, care: Care) -> None:
    assert verify(world.engine).findings == []
    with tampering(world.engine) as connection:
        assert found(connection) == []
    with world.engine.connect() as connection:
        seqs = tables.settlement.c.mutual_pay != 0, tables.settlement.c.book_id == care.patient
        assert connection.scalars(select(tables.settlement.c.seq).where(*seqs)).all() == [2, 7, 8]


# -- rows and state that somebody changed ------------------------------------------------------------------

OF = "WHERE book_id ="
# what was done: (what is found, the statements); `:p`, `:d`, `:h` and `:r` are the four books
CHANGES: dict[str, tuple[str, str]] = {
    "what a bill came to": (
        "rows_wrong P-2, clearing_wrong H 202610",
        "UPDATE settlement SET total = total + 1, in_scope = in_scope + 1, cash_pay = cash_pay + 1"
        f" {OF} :p AND seq = 2",
    ),
    "what the fund paid": (
        "rows_wrong P-3, settlement_wrong P-3, counters_wrong P 2026, clearing_wrong H 202610",
        f"UPDATE settlement SET pooled_pay = pooled_pay + 1, cash_pay = cash_pay - 1 {OF} :p AND seq = 3",
    ),
    "the day of care": (
        "rows_wrong P-2, counters_wrong P 2025, counters_wrong P 2026, claim_wrong P-2",
        f"UPDATE settlement SET care_date = '2025-10-05' {OF} :p AND seq = 2",
    ),
    "the day on which a bill counts": (
        "rows_wrong P-3, clearing_wrong H 202610",
        f"UPDATE settlement SET settled_on = '2026-09-30' {OF} :p AND seq = 3",
    ),
    "where a bill was settled": (
        "rows_wrong P-3, settlement_wrong P-3, clearing_wrong H 202610",
        f"UPDATE settlement SET institution_id = institution_id + 1 {OF} :p AND seq = 3",
    ),
    "the number of a bill": (
        "rows_wrong P-2, claim_wrong P-2",
        f"UPDATE settlement SET bill_no = 'B9' {OF} :p AND seq = 2",
    ),
    "the lines of a bill": ("rows_wrong P-2", f"UPDATE settlement SET lines = '[]' {OF} :p AND seq = 2"),
    "a reversed amount": (
        "rows_wrong P-8, settlement_wrong P-8, counters_wrong P 2026",
        f"UPDATE settlement SET deductible = -1 {OF} :p AND seq = 8",
    ),
    "what was reversed": (
        "rows_wrong P-8, settlement_wrong P-8, claim_wrong P-7",
        f"UPDATE settlement SET reverses_seq = 3 {OF} :p AND seq = 8",
    ),
    "a bill taken away": (
        "rows_wrong P-3, counters_wrong P 2026, case_wrong P-4, clearing_wrong H 202610",
        f"DELETE FROM settlement {OF} :p AND seq = 3",
    ),
    "a bill of an entry that is none": (
        "rows_wrong P-13, rows_without_entry P-6, settlement_wrong P-6",
        f"UPDATE settlement SET seq = 6 {OF} :p AND seq = 13",
    ),
    "a filing": ("rows_wrong P-9", f"UPDATE filing SET valid_from = '2026-01-01' {OF} :p"),
    "a filing taken away": ("rows_wrong P-9", f"DELETE FROM filing {OF} :p"),
    "a manual claim": ("rows_wrong P-12", f"UPDATE manual_claim SET total = 1 {OF} :p"),
    "a counter": ("counters_wrong P 2026", f"UPDATE accumulator SET inpatient_pooled = 0 {OF} :p"),
    "admissions": ("counters_wrong P 2026", f"UPDATE accumulator SET admissions = 0 {OF} :p"),
    "the version of the counters": ("counters_wrong P 2026", f"UPDATE accumulator SET version = 9 {OF} :p"),
    "counters taken away": ("counters_wrong P 2026", f"DELETE FROM accumulator {OF} :p"),
    "counters of another year": (
        "counters_wrong P 2026, counters_wrong P 2024",
        f"UPDATE accumulator SET year = 2024 {OF} :p",
    ),
    "what is left of a quota": ("quota_wrong D-2", f"UPDATE quota SET remaining = 1 {OF} :d AND seq = 2"),
    "who a quota is for": ("quota_wrong D-2", f"UPDATE quota SET recipient_id = 1 {OF} :d AND seq = 2"),
    "the rank of a quota": ("quota_wrong D-2", f"UPDATE quota SET rank = 2 {OF} :d AND seq = 2"),
    "an ended quota": ("quota_wrong D-6", f"UPDATE quota SET ended = (1 = 0) {OF} :d AND seq = 6"),
    "a quota taken away": ("quota_wrong D-2", f"DELETE FROM quota {OF} :d AND seq = 2"),
    "a quota put in": (
        "quota_wrong D-1",
        "INSERT INTO quota (book_id, recipient_id, amount, remaining, seq, rank, relation, ended)"
        " VALUES (:d, 1, 5, 5, 1, 1, 'child', (1 = 0))",
    ),
    "an advance": ("case_wrong P-4", f"UPDATE third_party_case SET advance = advance - 1 {OF} :p"),
    "what came back": ("case_wrong P-4", f"UPDATE third_party_case SET returned = 0 {OF} :p"),
    "what the third party paid": ("case_wrong P-4", f"UPDATE third_party_case SET paid = 0 {OF} :p"),
    "what was set off": ("case_wrong P-4", f"UPDATE third_party_case SET set_off = 5 {OF} :p"),
    "the cause of a case": ("case_wrong P-4", f"UPDATE third_party_case SET kind = 1 {OF} :p"),
    "the bill of a case": ("case_wrong P-4", f"UPDATE third_party_case SET settlement_seq = 2 {OF} :p"),
    "a case put in": (
        "case_wrong P-2",
        "INSERT INTO third_party_case (book_id, advance, paid, returned, set_off, excluded, seq,"
        " settlement_seq, kind) VALUES (:p, 0, 0, 0, 0, 1, 2, 2, 1)",
    ),
    "a case taken away": ("case_wrong P-4", f"DELETE FROM third_party_case {OF} :p"),
    "a contract": ("contract_wrong H-2", "UPDATE contract SET services = 'inpatient' WHERE code = :c"),
    "a contract taken away": ("contract_wrong H-2", "DELETE FROM contract WHERE code = :c"),
    "the end of a suspension": (
        "contract_wrong H-3",
        "UPDATE suspension SET valid_to = '2026-12-02' WHERE code = :c",
    ),
    "a suspension's first day": (
        "contract_wrong H-3, contract_without_entry code",
        "UPDATE suspension SET valid_from = '2026-12-02' WHERE code = :c",
    ),
    "a contract put in": (
        "contract_without_entry code",
        "INSERT INTO contract (code, valid_from, services) VALUES (:c, '1999-01-01', 'inpatient')",
    ),
    "a compared day": ("day_wrong H 2026-10-05", f"UPDATE reconciled_day SET total = total + 1 {OF} :h"),
    "a day that was different": (
        "day_wrong H 2026-10-05",
        f"UPDATE reconciled_day SET balanced = (1 = 0) {OF} :h",
    ),
    "a day taken away": ("day_wrong H 2026-10-05", f"DELETE FROM reconciled_day {OF} :h"),
    "a day put in": (
        "day_wrong H 2026-10-06",
        "INSERT INTO reconciled_day (book_id, total, fund, account, bills, seq, day, balanced)"
        " VALUES (:h, 0, 0, 0, 0, 5, '2026-10-06', (1 = 1))",
    ),
    "what a month came to": ("clearing_wrong H 202610", f"UPDATE clearing SET fund = fund - 1 {OF} :h"),
    "a month that was paid": ("clearing_wrong H 202610", f"UPDATE clearing SET state = 3 {OF} :h"),
    "a month taken away": ("clearing_wrong H 202610", f"DELETE FROM clearing {OF} :h"),
    "an institution of another area": (
        "institution_unknown H",
        "UPDATE institution SET area = 990200 WHERE code = :c",
    ),
    "the book of an institution": (
        "institution_unknown H, contract_wrong H-2, contract_wrong H-3",
        "UPDATE institution SET code = 'X' || code WHERE code = :c",
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_about_care_is_found(world: World, care: Care, what: str) -> None:
    told, statement = CHANGES[what]
    with tampering(world.engine) as connection:
        run(
            connection, statement, p=care.patient, d=care.donor, h=care.hospital, r=care.resident, c=care.code
        )
        assert places(connection) == care.expected(told)


# -- claims ------------------------------------------------------------------------------------------------


def digest_of(care: Care, what: str) -> bytes:
    """ "message never", "bill B1": what is claimed."""
    kind, _, name = what.partition(" ")
    return (
        message_stake(care.code, name)
        if kind == "message"
        else bill_stake(care.hospital, CARE_DAY.year, name)
    )


# what is claimed, and where it is missed when nobody claims it any more
CLAIMS = {"message m1": "P-2", "message never": "H-4", "bill B1": "P-2", "bill B3": "P-12", "bill B4": "R-3"}


@pytest.mark.parametrize("what", CLAIMS)
def test_a_claim_taken_away_is_found(world: World, care: Care, what: str) -> None:
    with tampering(world.engine) as connection:
        run(connection, "DELETE FROM claim WHERE digest = :x", x=digest_of(care, what))
        assert places(connection) == care.expected(f"claim_wrong {CLAIMS[what]}")


@pytest.mark.parametrize("what", ["bill B1", "message m1"])
def test_a_claim_of_another_book_is_found_in_both(world: World, care: Care, what: str) -> None:
    with tampering(world.engine) as connection:
        move = "UPDATE claim SET book_id = :d WHERE digest = :x"
        run(connection, move, d=care.donor, x=digest_of(care, what))
        assert places(connection) == care.expected("claim_wrong P-2, claim_surplus D")


def test_a_claim_for_nothing_is_found(world: World, care: Care) -> None:
    """It would keep a bill out that nobody has settled."""
    with tampering(world.engine) as connection:
        more = "INSERT INTO claim (digest, book_id) VALUES (:x, :p)"
        run(connection, more, p=care.patient, x=digest_of(care, "bill B2"))
        assert places(connection) == care.expected("claim_surplus P")


# -- by somebody who computes all digests anew -------------------------------------------------------------


def rows_anew(connection: Connection, book: int, seq: int) -> None:
    """Let an entry of a patient say what it has beside itself by now."""
    table, entry = tables.settlement, tables.entry
    row = connection.execute(
        select(*(table.c[name] for name in SettlementRow._fields)).where(
            table.c.book_id == book, table.c.seq == seq
        )
    ).one()
    place = (entry.c.book_id == book) & (entry.c.seq == seq)
    told = unpack(connection.execute(select(entry.c.detail).where(place)).scalar_one())
    told["rows"] = rows_digest((settlement_row(row),))
    connection.execute(entry.update().where(place).values(detail=pack(**told)))


AT = f"{OF} :x AND seq ="
# what was done in every place that it shows in: (what is found, the book, entries with rows, statements)
FORGERIES: dict[str, tuple[str, str, tuple[int, ...], list[str]]] = {
    "a bill that paid more than it says": ("settlement_wrong P-3", "P", (), [
        f"UPDATE transfer SET amount_fen = amount_fen + 1 {AT} 3 AND from_side = 11"]),
    "a fund that another one paid for": ("settlement_wrong P-3", "P", (), [
        f"UPDATE transfer SET from_side = 21 {AT} 3 AND from_side = 11"]),
    "a bill of a day to come": ("settlement_wrong P-3, clearing_wrong H 202610", "P", (3,), [
        f"UPDATE settlement SET settled_on = '2026-11-05' {AT} 3"]),
    "a reversal that is no mirror": ("settlement_wrong P-8", "P", (8,), [
        f"UPDATE settlement SET excluded = -1 {AT} 8"]),
    "a reversal that counts before its bill": ("settlement_wrong P-8", "P", (8,), [
        f"UPDATE settlement SET settled_on = '2026-10-04' {AT} 8"]),
    "a kind of bill that there is not": (
        "kind_wrong P-3, settlement_wrong P-3, rows_without_entry P-3, claim_surplus P", "P", (), [
            f"UPDATE entry SET kind = 77 {AT} 3"]),
    "a donation of a kind that there is not": (
        "kind_wrong D-3, aid_wrong P-2, quota_wrong D-2", "D", (), [
            f"UPDATE entry SET kind = 77 {AT} 3"]),
    "a reversal of half": ("target_wrong P-8, settlement_wrong P-8", "P", (), [
        f"UPDATE transfer SET amount_fen = amount_fen - 1 {AT} 8 AND to_side = 11"]),
    "a bill that no donor paid": (
        "settlement_wrong P-7, settlement_wrong P-8, aid_wrong P-7, clearing_wrong H 202610", "P", (7,), [
        f"UPDATE settlement SET mutual_pay = 0, cash_pay = 1800 {AT} 7"]),
    "a donor whom the bill does not name": ("aid_wrong P-2, aid_wrong D-3", "P", (), [
        f"UPDATE entry SET detail = replace(detail, ',3,2,', ',2,2,') {AT} 2"]),
    "aid for another bill": ("aid_wrong D-3, aid_wrong P-2", "D", (), [
        f"UPDATE entry SET detail = replace(detail, ',2]', ',7]') {AT} 3"]),
    "aid out of another quota": (
        "aid_wrong D-3, aid_wrong P-2, quota_wrong D-2, quota_wrong D-3", "D", (), [
            f"""UPDATE entry SET detail = replace(detail, '"quota"\\:2', '"quota"\\:6') {AT} 3"""]),
    "aid given back for another bill": (
        "target_wrong D-5, aid_wrong D-3, aid_wrong D-4, aid_wrong P-2, aid_wrong P-7", "D", (), [
            f"UPDATE entry SET target_seq = 3 {AT} 5"]),
    "aid given back less than all of it": ("target_wrong D-5", "D", (), [
        f"""UPDATE entry SET detail = replace(detail, '{{"quota"', '{{"came_back"\\:1,"quota"') {AT} 5"""]),
    "aid given back to the other pocket": ("target_wrong D-5", "D", (), [
        f"UPDATE transfer SET to_side = 2 {AT} 5",
        f"UPDATE entry SET current_year_after = current_year_after - 1800,"
        f" carried_over_after = carried_over_after + 1800 {OF} :x AND seq >= 5",
        f"UPDATE book SET current_year = current_year - 1800, carried_over = carried_over + 1800 {OF} :x"]),
    "a quota that ends before it is empty": ("hold_wrong D-7, quota_wrong D-6", "D", (), [
        f"UPDATE entry SET reserved_change = 1000 {AT} 7"]),
    "a quota that was larger": ("quota_wrong D-2, book_amount_wrong D", "D", (), [
        f"UPDATE entry SET reserved_change = reserved_change + 1 {AT} 2"]),
    "a bill that freed a quota": ("hold_wrong P-3", "P", (), [
        f"UPDATE entry SET reserved_change = -1 {AT} 3"]),
    "a recovery of another case": ("case_wrong P-4, case_wrong P-6", "P", (), [
        f"""UPDATE entry SET detail = replace(detail, '"case"\\:4', '"case"\\:3') {AT} 6"""]),
    "an advance of more": ("case_wrong P-4", "P", (), [
        f"UPDATE transfer SET amount_fen = amount_fen + 1 {AT} 5"]),
    "a comparison with other sums": ("day_wrong H 2026-10-05", "H", (), [
        f"UPDATE entry SET detail = replace(detail, '[4,', '[5,') {AT} 5"]),
    "a comparison that cannot be read": ("day_wrong H a day, day_wrong H 2026-10-05", "H", (), [
        f"""UPDATE entry SET detail = replace(detail, '"day"\\:"2026-10-05"', '"day"\\:"soon"') {AT} 5"""]),
    "a month with another sum": ("clearing_wrong H 202610", "H", (), [
        f"""UPDATE entry SET detail = replace(detail, '"fund"\\:', '"fund"\\:1') {AT} 6"""]),
    "what relatives paid of a month": ("clearing_wrong H 202610", "H", (), [
        f"""UPDATE entry SET detail = replace(detail, '"mutual"\\:', '"mutual"\\:1') {AT} 6"""]),
    "a quota of a resident": ("kind_wrong R-3, settlement_wrong R-3, quota_wrong R-3,"
        " rows_without_entry R-3, claim_surplus R", "R", (), [
        f"UPDATE entry SET kind = 41 {AT} 3"]),
    "a clearing in the book of a person": ("kind_wrong P-10", "P", (), [
        f"UPDATE entry SET kind = 63 {AT} 10"]),
    "a bill in the book of an institution": ("kind_wrong H-4, rows_wrong H-4", "H", (), [
        f"UPDATE entry SET kind = 40 {AT} 4"]),
    "a visit that something else ended": ("target_wrong P-11", "P", (), [
        f"UPDATE entry SET target_seq = 9 {AT} 11"]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("what", FORGERIES)
def test_what_was_forged_about_care_is_found(world: World, care: Care, what: str) -> None:
    told, letter, seqs, statements = FORGERIES[what]
    book = {"P": care.patient, "D": care.donor, "H": care.hospital, "R": care.resident}[letter]
    with tampering(world.engine) as connection:
        run(connection, *statements, x=book)
        for seq in seqs:
            rows_anew(connection, book, seq)
        chain_anew(connection, book)
        assert places(connection) == care.expected(told)


@pytest.mark.parametrize("name", ["own_expense", "cash_pay"])
def test_a_bill_that_does_not_add_up_is_found(world: World, care: Care, name: str) -> None:
    """In a database that lost the CHECKs against it."""
    with tampering(world.engine) as connection:
        let_pass(connection, *(f"settlement.ck_settlement_{check}_add_up" for check in ("parts", "payers")))
        run(connection, f"UPDATE settlement SET {name} = {name} + 1 {AT} 3", x=care.patient)
        rows_anew(connection, care.patient, 3)
        chain_anew(connection, care.patient)
        what = {(one.code, one.where): one.what for one in found(connection)}
    assert "does not add up" in what["settlement_wrong", care.where("P-3")]


def test_more_that_came_back_than_was_advanced_is_found(world: World, care: Care) -> None:
    """The same."""
    with tampering(world.engine) as connection:
        let_pass(connection, "third_party_case.ck_third_party_case_never_more_than_the_advance")
        run(
            connection,
            f"UPDATE transfer SET amount_fen = 1 {AT} 5",
            f"UPDATE third_party_case SET advance = 1 {OF} :x",
            x=care.patient,
        )
        chain_anew(connection, care.patient)
        assert places(connection) == care.expected("case_wrong P-4")


def test_aid_that_is_left_between_the_books_is_found(world: World, care: Care) -> None:
    with tampering(world.engine) as connection:
        run(connection, f"DELETE FROM transfer {OF} :d AND seq = 3", d=care.donor)
        told = {(one.code, one.what) for one in found(connection)}
    assert ("aid_not_cleared", "-17600 fen are left between the books") in told


def test_every_amount_of_a_row_is_in_its_mirror() -> None:
    """A new column that a reversal turns has to be named where verify looks for it."""
    assert set(SIGNED) < set(tables.settlement.columns.keys())
