"""The check of the whole finds what somebody forged about decisions and recoveries that were taken back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from sqlalchemy import Engine

from ledger.accounts.spending import Spend
from ledger.book.numbers import entry_name
from ledger.care.entry_reversals import ReverseEntry
from ledger.verify import verify
from tests.care.test_manual_claims import Claims
from tests.care.test_third_party import Cases
from tests.support.clinic import Clinic
from tests.support.people import World
from tests.verify.tampering import TOLD, chain_anew, run, with_every_right


@dataclass
class Ways:
    """A patient: two claims, the first decided, taken back and decided again; a case, its recoveries."""

    world: World
    patient: int
    # entries by what they are
    seq: dict[str, int]

    def findings(self) -> dict[tuple[str, str], str]:
        summary = verify(self.world.engine, first=self.patient, last=self.patient)
        TOLD.update(one.what for one in summary.findings)
        names = {entry_name(self.patient, seq): name for name, seq in self.seq.items()}
        return {(one.code, names.get(one.where, one.where)): one.what for one in summary.findings}


def some_ways(world: World) -> Ways:
    clinic = Clinic(world)
    claims = Claims(world, clinic, clinic.institution(level=2))
    cases = Cases(world, clinic, clinic.institution(level=3))
    patient = world.open(opening=(0, 200_000))

    def back(seq: int) -> int:
        return world.one(ReverseEntry(patient, seq, "wrong")).seq

    spending = world.one(Spend(patient, 100, world.today, "H0001", world.ref("s")))
    seq = {"spending_back": back(spending.seq)}
    made, other = claims.submit(patient), claims.submit(patient, "70.00")
    seq |= {"claim": made.seq, "other": other.seq}
    seq["decision"] = claims.approve(made).receipt.seq
    seq["back"] = back(seq["decision"])
    seq["second"] = claims.approve(made).receipt.seq
    seq["rejection"] = claims.reject(other).seq
    seq["rejection_back"] = back(seq["rejection"])
    case = cases.advanced(patient)
    seq["case"] = case.seq
    seq["bank"] = world.one(cases.recovery(case, "100.00")).seq
    seq["bank_back"] = back(seq["bank"])
    recovery = world.one(cases.recovery(case, "1000.00", "set_off")).seq
    seq |= {"set_off": recovery - 1, "recovery": recovery}
    done = back(recovery)
    seq |= {"set_off_back": done - 1, "recovery_back": done}
    return Ways(world, patient, seq)


@pytest.fixture(scope="module")
def world(engine: Engine) -> World:
    return World(engine)


def test_what_nobody_touched_is_clean(world: World) -> None:
    assert some_ways(world).findings() == {}


AT = "WHERE book_id = :x AND seq ="
# what was done: (what is found, entry by entry; the statements, which name entries by what they are)
FORGERIES: dict[str, tuple[set[tuple[str, str]], tuple[str, ...]]] = {
    "a second decision about another claim": (
        {("target_wrong", "second")},
        (f"""UPDATE entry SET detail = replace(detail, '"claim"\\:{{claim}}', '"claim"\\:{{other}}')
         {AT} {{second}}""",),
    ),
    "a first decision that says which claim": (
        {("target_wrong", "decision")},
        (f"""UPDATE entry SET detail = replace(detail, '"approved"\\:', '"claim"\\:{{claim}},"approved"\\:')
         {AT} {{decision}}""",),
    ),
    "a second decision on what was no decision's reversal": (
        {("target_wrong", "second")},
        (f"UPDATE entry SET target_seq = {{spending_back}} {AT} {{second}}",),
    ),
    "a decision that was taken back by half": (
        {("target_wrong", "back"), ("settlement_wrong", "back")},
        (f"UPDATE transfer SET amount_fen = amount_fen - 1 {AT} {{back}}",),
    ),
    "a recovery that was taken back by half": (
        {("target_wrong", "bank_back")},
        (f"UPDATE transfer SET amount_fen = amount_fen - 1 {AT} {{bank_back}}",),
    ),
    "a case that does not know of the reversals": (
        {("case_wrong", "case")},
        ("UPDATE third_party_case SET paid = paid + 10000, returned = returned + 8800 WHERE book_id = :x",),
    ),
    "a set-off that went back alone": (
        {("case_wrong", "case"), ("target_wrong", "recovery_back")},
        (f"UPDATE entry SET target_seq = 1 {AT} {{recovery_back}}",),
    ),
    "a recovery that went back without its set-off": (
        {("case_wrong", "case"), ("target_wrong", "set_off_back")},
        (f"UPDATE entry SET target_seq = 1 {AT} {{set_off_back}}",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FORGERIES)
def test_what_was_forged_is_found(world: World, what: str) -> None:
    expected, statements = FORGERIES[what]
    ways = some_ways(world)
    with with_every_right(world.engine) as connection:
        run(connection, *(one.format(**ways.seq) for one in statements), x=ways.patient)
        chain_anew(connection, ways.patient)
    found = {one for one in ways.findings() if one[0] != "totals_differ"}
    assert expected <= found
    assert found


def test_a_number_that_a_claim_received_again_lost_is_found(world: World) -> None:
    ways = some_ways(world)
    with with_every_right(world.engine) as connection:
        run(connection, "DELETE FROM claim WHERE book_id = :x", x=ways.patient)
    assert {("claim_wrong", "claim"), ("claim_wrong", "other")} <= set(ways.findings())
