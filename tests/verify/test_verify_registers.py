"""`verify` finds what was changed about registers: what is said from a day on, and by what bills went."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from ledger.book.numbers import account_no, entry_name
from ledger.contributions import staff_moves
from ledger.contributions.closures import ReopenEmployer
from ledger.contributions.employer_changes import ChangeEmployer
from ledger.contributions.staff_moves import MergeEmployer
from ledger.institutions import closing
from ledger.institutions.changes import ChangeInstitution
from ledger.institutions.closing import MergeInstitution, ReopenInstitution
from ledger.verify import verify
from ledger.verify.finding import book_name
from tests.support.clinic import CARE_DAY, Clinic
from tests.support.people import AREA, World
from tests.support.units import Unit
from tests.verify.tampering import TOLD, places, run, tampering

RISES = date(2026, 3, 1)


class Registers:
    """A hospital that rose a level, a bill of it, and an employer that was renamed and merged."""

    def __init__(self, engine: Engine) -> None:
        self.world = World(engine)
        clinic = Clinic(self.world)
        code = clinic.institution(level=2)
        hospital = clinic.parties[code]
        rise = ChangeInstitution(hospital, code, AREA, RISES, "doc", level=3)
        self.risen = self.world.one(rise)
        self.patient = clinic.patient()
        later = self.world.today + timedelta(days=1)
        self.bill = clinic.settle(code, self.patient, [("A", "1000.00")], day=CARE_DAY, today=later).receipt
        one, other = Unit(self.world), Unit(self.world)
        self.renamed = self.world.one(ChangeEmployer(one.book, RISES, "doc", "新名"))
        merger = MergeEmployer(one.book, other.book, self.world.today, (), "doc")
        self.merged = self.world.one(merger)
        self.books = {
            "H": hospital, "hseq": self.risen.seq, "P": self.patient, "pseq": self.bill.seq,
            "E": one.book, "eseq": self.renamed.seq, "mseq": self.merged.seq,
        }  # fmt: skip


@pytest.fixture(scope="module")
def registers(engine: Engine) -> Registers:
    return Registers(engine)


def test_they_are_as_they_were_said(registers: Registers) -> None:
    assert verify(registers.world.engine).findings == []


# what was done: (what is found and where, statement)
CHANGES = {
    "another level": (
        {("rows_wrong", "H"), ("change_wrong", "H"), ("level_wrong", "P")},
        "UPDATE institution_change SET level = 1 WHERE book_id = :H AND seq = :hseq",
    ),
    "another day": (
        {("rows_wrong", "H"), ("change_wrong", "H"), ("level_wrong", "P")},
        "UPDATE institution_change SET valid_from = '2026-03-31' WHERE book_id = :H AND seq = :hseq",
    ),
    "a level taken away": (
        {("rows_wrong", "H"), ("level_wrong", "P")},
        "DELETE FROM institution_change WHERE book_id = :H AND seq = :hseq",
    ),
    "a bill of another level": (
        {("rows_wrong", "P"), ("level_wrong", "P")},
        "UPDATE settlement SET level = 2 WHERE book_id = :P AND seq = :pseq",
    ),
    "another name": (
        {("rows_wrong", "E"), ("change_wrong", "E")},
        "UPDATE employer_change SET name = 'x' WHERE book_id = :E AND seq = :eseq",
    ),
    "merged into another one": (
        {("rows_wrong", "M"), ("change_wrong", "M")},
        "UPDATE employer_change SET successor = 1 WHERE book_id = :E AND seq = :mseq",
    ),
}


@pytest.mark.parametrize("how_many", [2, 3])
def test_mergers_in_a_circle_are_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, how_many: int
) -> None:
    world = World(engine)
    clinic = Clinic(world)
    units = [Unit(world) for _ in range(how_many)]
    codes = [clinic.institution() for _ in range(how_many)]
    with monkeypatch.context() as unheard:
        # as if nobody had looked whether the other one goes on
        unheard.setattr(closing, "_check_goes_on", lambda *_: None)
        unheard.setattr(staff_moves, "is_open_from", lambda *_: True)
        for one, other in zip(units, [*units[1:], units[0]], strict=True):
            world.one(MergeEmployer(one.book, other.book, world.today, (), "doc"))
        for code, other_code in zip(codes, [*codes[1:], codes[0]], strict=True):
            world.one(MergeInstitution(clinic.parties[code], code, AREA, other_code, world.today, "doc"))
    findings = verify(engine).findings
    TOLD.update(one.what for one in findings)
    found = [(one.code, one.where) for one in findings]
    books = [*(unit.book for unit in units), *(clinic.parties[code] for code in codes)]
    assert sorted(found) == sorted(("merger_circle", book_name(book)) for book in books)
    # opened again from that day on, one of each lets the others come to it
    world.one(ReopenEmployer(units[0].book, world.today, "doc"))
    world.one(ReopenInstitution(clinic.parties[codes[0]], codes[0], world.today, "doc"))
    assert verify(engine).findings == []


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_about_registers_is_found(registers: Registers, what: str) -> None:
    expected, statement = CHANGES[what]
    names = {
        entry_name(registers.risen.book_id, registers.risen.seq): "H",
        registers.bill.name: "P",
        registers.renamed.name: "E",
        registers.merged.name: "M",
    }
    with tampering(registers.world.engine) as connection:
        run(connection, statement, **registers.books)
        found = {(code, names.get(where, where)) for code, where in places(connection)}
    # the counters and moves of a bill follow from its row
    assert found >= expected, account_no(registers.patient)
    assert {where for _code, where in found} <= {*names.values(), account_no(registers.patient)}
