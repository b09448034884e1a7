"""Comparing a day with an institution, through the book: what is found and kept, and that repairs end it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.care.taking_back import CorrectMessage, ReverseSettlement
from ledger.clearing.clearings import Clear
from ledger.clearing.comparing import DifferenceKind, adds_up
from ledger.clearing.days import DayLine, DayTotals
from ledger.clearing.reconciliations import DIFFERENCES_MAX, Reconcile
from ledger.clearing.reports import Reconciliation, aided, day_lines, reconciliation_of, reconciliations
from ledger.money import parse_yuan
from ledger.posting import Posted
from ledger.refusals import Refused
from ledger.reports import look
from tests.support.clinic import Clinic
from tests.support.people import AREA, World
from tests.support.work import counted

DAY = date(2026, 3, 10)
NEXT = DAY + timedelta(days=1)
ALL = 1_000_000
NOTHING = DayTotals(0, 0, 0, 0)
AGENCY_ONLY, INSTITUTION_ONLY, AMOUNT_DIFF = DifferenceKind


@pytest.fixture
def clinic(engine: Engine) -> Clinic:
    return Clinic(World(engine))


@dataclass
class Side:
    """An institution: what it has of a day, and how it asks the agency about it."""

    clinic: Clinic
    code: str

    @property
    def book(self) -> int:
        return self.clinic.parties[self.code]

    def ours(self, day: date = DAY) -> list[DayLine]:
        """What the agency has of its day."""
        with look(self.clinic.world.engine) as connection:
            return [line for _place, line in day_lines(connection, self.book, day, limit=ALL)]

    def command(
        self, theirs: DayTotals | None, lines: list[DayLine] | None = None, day: date = DAY, **more: Any
    ) -> Reconcile:
        return Reconcile(
            self.book, self.code, AREA, day, theirs, None if lines is None else tuple(lines), **more
        )

    def totals(self, theirs: DayTotals, day: date = DAY, today: date = NEXT) -> bool:
        """Whether the totals alone make the day balanced."""
        return self._one(self.command(theirs, None, day), today).balanced

    def lines(self, lines: list[DayLine], day: date = DAY, today: date = NEXT) -> Reconciliation:
        """What comparing line by line finds."""
        return self._one(self.command(adds_up(lines), lines, day), today)

    def _one(self, command: Reconcile, today: date) -> Reconciliation:
        return reconciliation_of(self.clinic.world.one(command, today=today))


@pytest.fixture
def hospital(clinic: Clinic) -> Side:
    return Side(clinic, clinic.institution())


def shown(found: Reconciliation) -> list[tuple[str, str, tuple[int, int, int]]]:
    return [(one.kind, one.message_id, (one.total, one.fund, one.account)) for one in found.differences]


# -- totals, then lines ----------------------------------------------------------------------------------


def three_bills(hospital: Side) -> list[DayLine]:
    """Three bills of 500.00, of which the accounts pay 100.00, 100.00 and 120.00."""
    clinic = hospital.clinic
    for balance, message in (("100.00", "m-1"), ("100.00", "m-2"), ("120.00", "m-3")):
        settled = clinic.settle(
            hospital.code, clinic.patient(balance), [("A", "500.00")], message_id=message, today=DAY
        )
        assert settled.row.account_pay == parse_yuan(balance)
    return sorted(hospital.ours())


def test_e65(hospital: Side) -> None:
    """E65: three bills and 1,500.00 on both sides; the account 320.00 here and 300.00 there."""
    ours = three_bills(hospital)
    theirs = [*ours[:2], ours[2]._replace(account=10_000)]
    assert adds_up(ours)[:2] == (3, 150_000)
    assert (adds_up(ours).account, adds_up(theirs).account) == (32_000, 30_000)
    assert not hospital.totals(adds_up(theirs))
    found = hospital.lines(theirs)
    assert not found.balanced
    assert (found.ours, found.theirs) == (adds_up(ours), adds_up(theirs))
    assert (found.found, shown(found)) == (1, [(AMOUNT_DIFF, "m-3", (0, 0, 2_000))])
    assert (found.differences[0].ours, found.differences[0].theirs) == (ours[2], theirs[2])


def test_what_agrees_is_balanced(hospital: Side) -> None:
    ours = three_bills(hospital)
    assert hospital.totals(adds_up(ours))
    found = hospital.lines(ours[::-1])
    assert (found.balanced, found.found, found.differences) == (True, 0, ())
    assert state_of(hospital) == (True, *adds_up(ours), found.seq)


def test_a_day_of_nothing(hospital: Side) -> None:
    assert hospital.totals(NOTHING)
    assert hospital.lines([]).balanced
    assert not hospital.totals(DayTotals(1, 100, 0, 0))
    assert shown(hospital.lines([DayLine("m-0", 100, 50, 0)])) == [(INSTITUTION_ONLY, "m-0", (-100, -50, 0))]


def test_totals_that_agree_hide_lines_that_do_not(hospital: Side) -> None:
    """The totals say balanced; whoever sends the lines hears of them."""
    ours = three_bills(hospital)
    theirs = [ours[0], *(line._replace(account=11_000) for line in ours[1:])]
    assert hospital.totals(adds_up(theirs))
    found = hospital.lines(theirs)
    assert not found.balanced
    assert shown(found) == [(AMOUNT_DIFF, "m-2", (0, 0, -1_000)), (AMOUNT_DIFF, "m-3", (0, 0, 1_000))]
    assert not state_of(hospital)[0]


def test_days_and_institutions_apart(clinic: Clinic, hospital: Side) -> None:
    other = Side(clinic, clinic.institution())
    patient = clinic.patient()
    clinic.settle(hospital.code, patient, [("C", "100.00")], today=DAY)
    clinic.settle(hospital.code, patient, [("C", "200.00")], today=NEXT)
    clinic.settle(other.code, patient, [("C", "400.00")], today=DAY)
    assert [
        adds_up(side.ours(day)).total for side, day in ((hospital, DAY), (hospital, NEXT), (other, DAY))
    ] == [
        10_000,
        20_000,
        40_000,
    ]
    assert hospital.totals(DayTotals(1, 10_000, 0, 0))
    assert hospital.totals(DayTotals(1, 20_000, 0, 0), NEXT)
    assert other.totals(DayTotals(1, 40_000, 0, 0))


def state_of(hospital: Side, day: date = DAY) -> tuple[Any, ...]:
    """The day as the database has it."""
    table = tables.reconciled_day.c
    with hospital.clinic.world.engine.connect() as connection:
        return tuple(
            connection.execute(
                select(table.balanced, table.bills, table.total, table.fund, table.account, table.seq).where(
                    table.book_id == hospital.book, table.day == day
                )
            ).one()
        )


def test_a_book_that_nothing_was_written_in(clinic: Clinic) -> None:
    """An institution of the example has a contract and no book: its bills count all the same."""
    clinic.parties["H0001"] = clinic.world.institution
    example = Side(clinic, "H0001")
    settled = clinic.settle("H0001", clinic.patient(), [("C", "100.00")], today=DAY)
    assert settled.row.institution_id == example.book
    found = example.lines(example.ours())
    assert (found.balanced, found.ours, found.seq) == (True, DayTotals(1, 10_000, 0, 0), 2)


# -- what is refused -------------------------------------------------------------------------------------


def refusal(hospital: Side, *args: Any, today: date = NEXT, **kwargs: Any) -> str:
    return hospital.clinic.world.refusal(hospital.command(*args, **kwargs), today=today)


def test_refusals(hospital: Side) -> None:
    lines = [DayLine("m", 100, 0, 0)]
    assert refusal(hospital, NOTHING, day=NEXT, today=DAY) == "period_invalid"
    assert refusal(hospital, None) == "amount_invalid"
    for place in range(4):
        wrong = list(adds_up(lines))
        wrong[place] += 1
        assert refusal(hospital, DayTotals(*wrong), lines) == "amount_mismatch"
    # of two noes the first in order
    assert refusal(hospital, None, day=NEXT, today=DAY) == "period_invalid"
    with look(hospital.clinic.world.engine) as connection:
        assert reconciliations(connection, hospital.book, limit=ALL) == []


def test_today_may_be_compared_and_changes(clinic: Clinic, hospital: Side) -> None:
    clinic.settle(hospital.code, clinic.patient(), [("C", "100.00")], today=DAY)
    assert hospital.totals(DayTotals(1, 10_000, 0, 0), today=DAY)
    clinic.settle(hospital.code, clinic.patient(), [("C", "100.00")], today=DAY)
    assert not hospital.totals(DayTotals(1, 10_000, 0, 0), today=DAY)
    assert hospital.totals(DayTotals(2, 20_000, 0, 0), today=DAY)


# -- the first answer again ------------------------------------------------------------------------------


def test_a_replay_gives_the_first_answer(clinic: Clinic, hospital: Side) -> None:
    clinic.settle(hospital.code, clinic.patient(), [("C", "100.00")], message_id="m-1", today=DAY)
    asked: dict[str, Any] = {"theirs": NOTHING, "lines": [], "key": "k-1"}
    first = clinic.world.posted(hospital.command(**asked), today=NEXT)
    clinic.correct(hospital.code, "m-1", today=NEXT)
    again = clinic.world.posted(hospital.command(**asked), today=NEXT)
    assert (again.replayed, again.receipt) == (True, first.receipt)
    assert shown(reconciliation_of(again.receipt)) == [(AGENCY_ONLY, "m-1", (10_000, 0, 0))]
    # asked anew, it is balanced
    assert hospital.lines([]).balanced
    for other in (None, [DayLine("m-1", 0, 0, 0)]):
        wanted = hospital.command(NOTHING if other is None else adds_up(other), other, key="k-1")
        assert clinic.world.refusal(wanted, today=NEXT) == "idempotency_key_reused"


@pytest.mark.slow
def test_more_differences_than_an_entry_keeps(hospital: Side) -> None:
    count = DIFFERENCES_MAX + 200
    lines = [DayLine(f"m-{number:05d}", 100, 0, 0) for number in range(count)]
    found = hospital.lines(lines)
    assert (found.balanced, found.found) == (False, count)
    assert [one.message_id for one in found.differences] == [
        line.message_id for line in lines[:DIFFERENCES_MAX]
    ]


def test_the_entry_names_no_patient(hospital: Side) -> None:
    ours = three_bills(hospital)
    receipt = hospital.clinic.world.one(hospital.command(NOTHING, []), today=NEXT)
    told = unpack(receipt.detail)
    assert told.keys() == {"day", "balanced", "ours", "theirs", "found", "differences"}
    assert told["differences"] == [
        ["agency_only", line.message_id, [line.total, line.fund, line.account], None] for line in ours
    ]
    assert receipt.transfers == ()


def test_two_days_in_one_batch_are_not_mixed(clinic: Clinic, hospital: Side) -> None:
    """Each is posted in a batch of its own: together they would see each other's lines."""
    patient = clinic.patient()
    clinic.settle(hospital.code, patient, [("C", "100.00")], today=DAY)
    clinic.settle(hospital.code, patient, [("C", "200.00")], today=NEXT)
    both = [
        hospital.command(DayTotals(1, fen, 0, 0), day=day) for fen, day in ((10_000, DAY), (20_000, NEXT))
    ]
    try:
        found = clinic.world.post(*both, today=NEXT)
    except AssertionError:
        return
    assert [reconciliation_of(one.receipt).balanced for one in found if isinstance(one, Posted)] == [True] * 2


# -- repairs ---------------------------------------------------------------------------------------------


def test_a_bill_of_the_agency_alone_is_taken_back(clinic: Clinic, hospital: Side) -> None:
    """By its message, or by its name; the bill and its reversal then count on neither side."""
    ours = three_bills(hospital)
    theirs = ours[:1]
    assert [one.kind for one in hospital.lines(theirs).differences] == [AGENCY_ONLY] * 2
    clinic.correct(hospital.code, "m-2", today=NEXT)
    assert not hospital.totals(adds_up(theirs))
    with clinic.world.engine.connect() as connection:
        book, seq = connection.execute(
            select(tables.entry.c.book_id, tables.entry.c.seq).where(
                tables.entry.c.source_ref == f"{hospital.code}/m-3"
            )
        ).one()
    clinic.world.one(ReverseSettlement(book, seq, "agency only", repairs=DAY), today=NEXT)
    assert hospital.totals(adds_up(theirs))
    found = hospital.lines(theirs)
    assert (found.balanced, found.found) == (True, 0)
    # what is kept is what we have: five lines, of which four come to nothing
    assert state_of(hospital)[1:] == (5, *adds_up(theirs)[1:], found.seq)


def test_a_bill_of_the_institution_alone_is_settled(clinic: Clinic, hospital: Side) -> None:
    lost = DayLine("m-lost", 10_000, 0, 0)
    assert not hospital.lines([lost]).balanced
    command = clinic.command(
        hospital.code, clinic.patient(), clinic.bill([("C", "100.00")]), message_id="m-lost", repairs=DAY
    )
    clinic.world.one(command, today=NEXT)
    assert hospital.lines([lost]).balanced
    assert hospital.ours(NEXT) == []
    # a day that is balanced takes nothing more
    more = clinic.command(hospital.code, clinic.patient(), clinic.bill([("C", "1.00")]), repairs=DAY)
    assert clinic.world.refusal(more, today=NEXT) == "period_invalid"


# -- ten thousand bills ----------------------------------------------------------------------------------

BILLS, CHUNK, PATIENTS = 10_000, 500, 500
ONLY_OURS, ONLY_THEIRS, UNEQUAL = 20, 15, 15


@dataclass
class Crowd:
    """A hospital's day of ten thousand bills, each 20.00 and below the deductible: paid in cash."""

    clinic: Clinic
    hospital: Side
    patients: list[int]
    # by message id: the patient's book and the entry
    places: dict[str, tuple[int, int]]

    def bill(self, message: str, place: int, **more: Any) -> Any:
        return self.clinic.command(
            self.hospital.code,
            self.patients[place % PATIENTS],
            self.clinic.bill([("A", "20.00")], use_account=more.pop("use_account", False)),
            message_id=message,
            **more,
        )

    def post(self, commands: list[Any], today: date) -> list[Posted]:
        found = []
        for start in range(0, len(commands), CHUNK):
            for outcome in self.clinic.world.post(*commands[start : start + CHUNK], today=today):
                assert isinstance(outcome, Posted), outcome
                found.append(outcome)
        return found


def crowd(clinic: Clinic, hospital: Side) -> Crowd:
    world = clinic.world
    # fifteen yuan each, which is less than a bill
    opened = world.post(*(world.opening(opening=(1_500, 0)) for _ in range(PATIENTS)))
    patients = [one.receipt.book_id for one in opened if isinstance(one, Posted)]
    made = Crowd(clinic, hospital, patients, {})
    messages = [f"m-{number:05d}" for number in range(BILLS)]
    posted = made.post([made.bill(message, place) for place, message in enumerate(messages)], DAY)
    made.places = {
        message: (one.receipt.book_id, one.receipt.seq) for message, one in zip(messages, posted, strict=True)
    }
    return made


def planted(ours: list[DayLine]) -> tuple[list[DayLine], list[str], list[DayLine], list[DayLine]]:
    """The institution's lines; what only the agency has, what only the institution has, what is unequal."""
    step = BILLS // (ONLY_OURS + UNEQUAL)
    chosen = ours[::step][: ONLY_OURS + UNEQUAL]
    gone = {line.message_id for line in chosen[:ONLY_OURS]}
    # theirs says that the account paid
    unequal = [line._replace(account=1_500) for line in chosen[ONLY_OURS:]]
    changed = {line.message_id: line for line in unequal}
    new = [DayLine(f"n-{number}", 2_000, 0, 0) for number in range(ONLY_THEIRS)]
    kept = [changed.get(line.message_id, line) for line in ours if line.message_id not in gone]
    return [*kept[::-1], *new], sorted(gone), new, unequal


@pytest.mark.slow
def test_ten_thousand_bills_with_fifty_differences(clinic: Clinic, hospital: Side) -> None:
    made = crowd(clinic, hospital)
    ours = hospital.ours()
    assert len(ours) == BILLS
    theirs, gone, new, unequal = planted(ours)
    assert not hospital.totals(adds_up(theirs))
    with counted() as work:
        found = hospital.lines(theirs)
    assert work.calls < 20 * BILLS
    assert Counter(one.kind for one in found.differences) == {
        AGENCY_ONLY: ONLY_OURS,
        INSTITUTION_ONLY: ONLY_THEIRS,
        AMOUNT_DIFF: UNEQUAL,
    }
    by_kind = {
        kind: {one.message_id for one in found.differences if one.kind is kind} for kind in DifferenceKind
    }
    assert by_kind == {
        AGENCY_ONLY: set(gone),
        INSTITUTION_ONLY: {line.message_id for line in new},
        AMOUNT_DIFF: {line.message_id for line in unequal},
    }
    assert all(
        (one.total, one.fund, one.account) == (0, 0, -1_500)
        for one in found.differences
        if one.kind is AMOUNT_DIFF
    )
    assert cleared(hospital) == "not_reconciled"

    sent_anew = repair(made, gone, new, unequal)
    # the same totals as before; and the lines, with what was sent anew under its new message id
    assert hospital.totals(adds_up(theirs))
    renamed = [line._replace(message_id=sent_anew.get(line.message_id, line.message_id)) for line in theirs]
    again = hospital.lines(renamed)
    assert (again.balanced, again.found) == (True, 0)
    assert cleared(hospital) == "cleared"


def repair(made: Crowd, gone: list[str], new: list[DayLine], unequal: list[DayLine]) -> dict[str, str]:
    """Put right what was found; the new message ids of bills that were settled anew."""
    code, party = made.hospital.code, made.hospital.book
    half = len(gone) // 2
    corrections = [CorrectMessage(party, code, party, message, AREA) for message in gone[:half]]
    back = [*gone[half:], *(line.message_id for line in unequal)]
    reversals = [ReverseSettlement(*made.places[message], "reconciliation", repairs=DAY) for message in back]
    sent_anew = {line.message_id: f"{line.message_id}-anew" for line in unequal}
    # each of them by a patient of its own, whose account still has its fifteen yuan
    bills = [made.bill(line.message_id, 100 + place, repairs=DAY) for place, line in enumerate(new)] + [
        made.bill(message, 200 + place, repairs=DAY, use_account=True)
        for place, message in enumerate(sent_anew.values())
    ]
    made.post([*corrections, *reversals, *bills], NEXT)
    return sent_anew


def cleared(hospital: Side) -> str:
    with look(hospital.clinic.world.engine) as connection:
        command = Clear(hospital.book, hospital.code, AREA, 202603, aided(connection, hospital.book, 202603))
    outcome = hospital.clinic.world.post(command, today=date(2026, 4, 2))[0]
    if isinstance(outcome, Refused):
        return outcome.code
    return "cleared" if isinstance(outcome, Posted) else repr(outcome)


def test_a_reversal_does_not_count_before_its_bill(clinic: Clinic, hospital: Side) -> None:
    """Else the row that takes back would stand on a day on which nothing was settled."""
    hospital.lines([DayLine("m-lost", 1, 0, 0)])
    later = clinic.settle(
        hospital.code, clinic.patient(), [("C", "10.00")], day=DAY, message_id="later", today=NEXT
    )
    reversal = ReverseSettlement(later.receipt.book_id, later.receipt.seq, "x", repairs=DAY)
    with pytest.raises(Refused) as caught:
        clinic.world.one(reversal, today=NEXT)
    assert (caught.value.code, caught.value.at) == ("period_invalid", "repairs")
    assert caught.value.facts == {"earliest": NEXT}
