"""Patients, relatives, hospitals and the agency at random: whoever does what in which order, it adds up.

The seed is in the name of the test; `LEDGER_TEST_SEED=… LEDGER_TEST_STEPS=… pytest` plays other histories.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any, ClassVar

import pytest
from sqlalchemy import Engine, select

from ledger import tables
from ledger.accounts.closure import ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.holds import Hold, Release
from ledger.accounts.mutual_aid import EndQuota, GiveQuota, PayPremium
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.detail import unpack
from ledger.care.annual_settlements import CloseYear, areas_elsewhere
from ledger.care.bills import Bill
from ledger.care.counters import CLAIM_ROW
from ledger.care.entry_reversals import ReverseEntry
from ledger.care.filings import EndFiling, RecordFiling
from ledger.care.manual_claims import EVIDENCE, DecideClaim, SubmitClaim
from ledger.care.rows import BillLine, Cause
from ledger.care.settlements import Settle
from ledger.care.taking_back import CorrectMessage, ReverseSettlement
from ledger.care.third_party import OpenCase, PayAdvance, RecordRecovery
from ledger.care.visits import EndVisit, RegisterVisit
from ledger.chart.care import CareType, CauseKind, Channel, Filing
from ledger.chart.kinds import Kind
from ledger.chart.members import MemberClass
from ledger.clearing.clearings import Clear, EndClearing, PayInstitution
from ledger.clearing.days import DayTotals
from ledger.clearing.reconciliations import Reconcile
from ledger.clearing.reports import aided
from ledger.contributions.retirees import CreditRetiree
from ledger.institutions.ends import EndContract, EndSuspension
from ledger.institutions.examples import SERVICES
from ledger.institutions.registry import AddContract, Suspend
from ledger.people.enrolments import EndEnrolment, Enrol
from ledger.people.residents import resident_ref
from ledger.posting import Command, Posted
from ledger.refusals import Refused
from ledger.verify import verify
from tests.support.chance import FIXED, SEED
from tests.support.clinic import Clinic
from tests.support.feed import taken_in
from tests.support.people import AREA, Someone, SomeoneFactory, World, noon
from tests.support.stories import Heir, estate

STEPS = int(os.environ.get("LEDGER_TEST_STEPS", "250"))
# the area of one of the hospitals, which has a contract here
ELSEWHERE = 990200


class History:
    """A few people, their relatives and their hospitals, over some years, whoever does what in which order.

    Commands are posted one by one or a few together; many are refused, none may break anything.
    """

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.clinic = Clinic(world)
        self.random = Random(seed)
        self.today = date(2025, 2, 1)
        world.now = noon(self.today)
        self.codes = [self.clinic.institution(level) for level in (1, 2, 3)]
        self.codes.append(self.clinic.institution(3, area=ELSEWHERE))
        self.codes.append(self.clinic.institution(1, kind="pharmacy", services=("pharmacy", "outpatient")))
        self.people: list[tuple[int, Someone]] = []
        for number in range(9):
            someone = SomeoneFactory()
            if number % 3 == 2:
                book = self.clinic.resident(someone)
            else:
                opening = (self.random.randrange(200_000), self.random.randrange(200_000))
                book = world.open(someone, opened_on=date(2025, 1, 1), opening=opening, today=self.today)
            self.people.append((book, someone))
        # entries by kind, as (book, seq)
        self.made: dict[Kind, list[tuple[int, int]]] = {}
        self.messages: list[Settle] = []
        self.claims: list[tuple[int, int, str, Any]] = []
        self.answers: dict[str, int] = {}

    def play(self, steps: int) -> None:
        for _ in range(steps):
            self.today += timedelta(days=self.random.choice((0, 0, 0, 1, 2, 5, 9, 20)))
            self.world.now = noon(self.today)
            number = self.random.choice((1, 1, 1, 2, 4))
            commands = [self._command() for _ in range(number)]
            if any(isinstance(one, Reconcile) for one in commands):
                commands = [one for one in commands if isinstance(one, Reconcile)][:1]
            for command, outcome in zip(commands, self.world.post(*commands), strict=True):
                self._note(command, outcome)

    def _note(self, command: Command, outcome: object) -> None:
        name = type(command).__name__
        if isinstance(outcome, Refused):
            name = f"{name} {outcome.code}"
        elif isinstance(outcome, Posted):
            for receipt in (outcome.receipt, *outcome.others):
                self.made.setdefault(receipt.kind, []).append((receipt.book_id, receipt.seq))
            if isinstance(command, Settle):
                self.messages.append(command)
            if isinstance(command, SubmitClaim) and outcome.beside is not None:
                claimed = outcome.receipt.book_id, outcome.receipt.seq, command.institution
                self.claims.append((*claimed, outcome.row(CLAIM_ROW)))
        else:
            raise TypeError(f"{name}: {outcome!r}")
        self.answers[name] = self.answers.get(name, 0) + 1

    def _command(self) -> Command:
        names, weights = zip(*self.VERBS.items(), strict=True)
        command: Command = getattr(self, f"_{self.random.choices(names, weights)[0]}")()
        return command

    VERBS: ClassVar[dict[str, float]] = {
        "settle": 30, "again": 4, "reverse": 8, "correct": 5, "give": 10, "end_quota": 3, "premium": 1,
        "contribute": 8, "spend": 3, "reverse_spending": 1, "hold": 4, "release": 2, "freeze": 1,
        "end_freeze": 4, "die": 1, "divide": 4, "settle_up": 6, "credit": 4,
        "enrol": 3, "end_enrolment": 1, "visit": 4, "end_visit": 2,
        "file": 2, "end_filing": 1, "suspend": 0.3, "end_suspension": 1, "contract": 0.3,
        "end_contract": 0.3, "open_case": 4, "advance": 4, "recover": 4, "claim": 4, "decide": 4,
        "undecide": 4, "unrecover": 3,
        "settle_year": 4, "interest": 2, "reconcile": 8, "clear": 3, "end_clearing": 1, "pay": 1,
    }  # fmt: skip

    # -- whom and what it is about -------------------------------------------------------------------------

    def _person(self) -> tuple[int, Someone]:
        return self.random.choice(self.people)

    def _account(self) -> int:
        return self.random.choice(
            [book for number, (book, _who) in enumerate(self.people) if number % 3 != 2]
        )

    def _entry(self, kind: Kind) -> tuple[int, int]:
        made = self.made.get(kind)
        return self.random.choice(made[-12:]) if made else (self._account(), 1)

    def _day(self) -> date:
        return self.today - timedelta(days=self.random.choice((0, 0, 0, 1, 3, 30, 100, 400)))

    def _fen(self, most: int = 300_000) -> int:
        return self.random.choice((self.random.randint(1, 5_000), self.random.randint(1, most)))

    def _bill(self, **more: Any) -> Bill:
        random = self.random
        some = tuple(
            BillLine(
                "X1", line_class, self._fen(), random.choice((0, 0, 1)), 10_000_000 * (line_class == "B")
            )
            for line_class in random.choices("AAAB", k=random.randint(1, 3))
        )
        kind = random.choice((CauseKind.THIRD_PARTY, CauseKind.THIRD_PARTY, CauseKind.ABROAD))
        cause = Cause(kind, 60_000_000) if random.random() < 0.3 else None
        care_type = random.choice([*CareType, CareType.OUTPATIENT, CareType.INPATIENT])
        number = random.choice((None, f"b{random.randrange(12)}"))
        return Bill(care_type, self._day(), some, **{"cause": cause, "bill_no": number, **more})

    # -- the verbs -----------------------------------------------------------------------------------------

    def _settle(self) -> Command:
        code, (book, _who) = self.random.choice(self.codes), self._person()
        visit = self._entry(Kind.VISIT) if self.random.random() < 0.2 else None
        if visit is not None and self.random.random() < 0.8:
            book = visit[0]
        filing = Filing(self.random.randrange(4)) if code == self.codes[3] else None
        bill = self._bill(use_account=self.random.random() < 0.9, filing=filing)
        message = f"m{self.random.randrange(40)}" if self.random.random() < 0.2 else self.world.ref("m")
        return self.clinic.command(code, book, bill, message_id=message, visit=visit)

    def _again(self) -> Command:
        if not self.messages:
            return self._settle()
        known = self.random.choice(self.messages)
        if self.random.random() < 0.3:
            return replace(known, bill=self._bill())
        return replace(known)

    def _reverse(self) -> Command:
        book, seq = self._entry(Kind.SETTLEMENT)
        repairs = self._day() if self.random.random() < 0.2 else None
        return ReverseSettlement(book, seq, "wrong", repairs)

    def _correct(self) -> Command:
        code = self.random.choice(self.codes)
        message = f"m{self.random.randrange(40)}"
        if self.messages and self.random.random() < 0.7:
            known = self.random.choice(self.messages)
            code, message = known.institution, known.message_id
        party = self.clinic.parties[code]
        area = ELSEWHERE if code == self.codes[3] else AREA
        return CorrectMessage(party, code, party, message, area)

    def _give(self) -> Command:
        digest = self.clinic.digest(self._person()[1])
        named, rank = (digest, resident_ref(digest)), self.random.randint(1, 3)
        return GiveQuota(self._account(), digest, named, "child", self._fen(60_000), rank)

    def _end_quota(self) -> Command:
        return EndQuota(*self._entry(Kind.QUOTA))

    def _premium(self) -> Command:
        digest, ref = self.clinic.digest(self._person()[1]), self.world.ref("p")
        named = (digest, resident_ref(digest))
        return PayPremium(self._account(), digest, named, "child", 40_000, self.today.year, ref)

    def _contribute(self) -> Command:
        period = self.today.year * 100 + self.today.month
        return Contribute(self._account(), self._fen(), period, self._day(), self.world.ref("c"))

    def _spend(self) -> Command:
        return Spend(self._account(), self._fen(), self._day(), "H0001", self.world.ref("s"), True)

    def _reverse_spending(self) -> Command:
        kind = self.random.choice((Kind.SPENDING, Kind.MUTUAL_AID, Kind.SETTLEMENT, Kind.QUOTA))
        return Reverse(*self._entry(kind), "wrong")

    def _hold(self) -> Command:
        until = self.world.now + timedelta(days=self.random.randint(1, 20))
        return Hold(self._account(), self._fen(20_000), until, "H0001", self.world.ref("h"))

    def _release(self) -> Command:
        return Release(*self._entry(Kind.HOLD))

    def _freeze(self) -> Command:
        return Freeze(self._account(), "court", self.world.ref("f"), self.today, None)

    def _end_freeze(self) -> Command:
        return EndFreeze(*self._entry(Kind.FREEZE), "over")

    def _die(self) -> Command:
        return ReportDeath(self._account(), self._day(), "certificate")

    def _divide(self) -> Command:
        book = self.random.choice(self.made[Kind.DEATH])[0] if Kind.DEATH in self.made else self._account()
        who = self.random.sample([one for known, one in self.people if known != book], 2)
        return estate(self.world, book, [Heir("child", one) for one in who], self.today)

    def _settle_up(self) -> Command:
        """Whatever keeps the estate of somebody open is looked at."""
        died = self.made.get(Kind.DEATH)
        if not died:
            return self._visit()
        book = self.random.choice(died)[0]
        acts: list[Command] = [
            EndVisit(*one, to=None, reason="estate")
            for one in self.made.get(Kind.VISIT, ())
            if one[0] == book
        ]
        acts += [
            DecideClaim(whose, seq, code, claim, False, "estate")
            for whose, seq, code, claim in self.claims
            if whose == book
        ]
        acts += [
            RecordRecovery(*one, 10**7, self.today, "set_off", self.world.ref("r"))
            for one in self.made.get(Kind.THIRD_PARTY_CASE, ())
            if one[0] == book
        ]
        return self.random.choice(acts) if acts else self._divide()

    def _credit(self) -> Command:
        return CreditRetiree(self._account(), self.today.year * 100 + self.today.month)

    def _enrol(self) -> Command:
        member_class = self.random.choice((MemberClass.ACTIVE, MemberClass.ACTIVE, MemberClass.RETIRED))
        last = self.random.choice((None, None, self.today + timedelta(days=60)))
        return Enrol(self._account(), member_class, None, self._day(), last)

    def _end_enrolment(self) -> Command:
        return EndEnrolment(*self._entry(Kind.ENROLMENT), self._day())

    def _visit(self) -> Command:
        care_type = self.random.choice([CareType.OUTPATIENT, CareType.INPATIENT])
        return RegisterVisit(self._person()[0], None, self.random.choice(self.codes), care_type, self._day())

    def _end_visit(self) -> Command:
        return EndVisit(*self._entry(Kind.VISIT))

    def _file(self) -> Command:
        filing = self.random.choice((Filing.LONG_TERM, Filing.EMERGENCY))
        return RecordFiling(self._person()[0], filing, self._day(), None, ELSEWHERE)

    def _end_filing(self) -> Command:
        return EndFiling(*self._entry(Kind.FILING), self._day(), "moved back")

    def _end_suspension(self) -> Command:
        book, seq = self._entry(Kind.SUSPENSION)
        return EndSuspension(book, self._code(book), seq, self._day(), "mended")

    def _contract(self) -> Command:
        code = self.random.choice(self.codes[:3])
        return AddContract(self.clinic.parties[code], code, AREA, self._day(), None, SERVICES)

    def _end_contract(self) -> Command:
        book, seq = self._entry(Kind.CONTRACT)
        return EndContract(book, self._code(book), seq, self._day(), "not renewed")

    def _code(self, book: int) -> str:
        """The institution of a book; any where there is none of that number."""
        return next((code for code, party in self.clinic.parties.items() if party == book), self.codes[0])

    def _suspend(self) -> Command:
        code = self.random.choice(self.codes[:3])
        last = self.today + timedelta(days=5)
        return Suspend(self.clinic.parties[code], code, AREA, self.today, last, "audit")

    def _open_case(self) -> Command:
        return OpenCase(*self._entry(Kind.SETTLEMENT))

    def _advance(self) -> Command:
        paid_to = self.random.choice(("person", "institution"))
        return PayAdvance(*self._entry(Kind.THIRD_PARTY_CASE), paid_to, "letter")

    def _recover(self) -> Command:
        means, fen = self.random.choice(("bank", "set_off")), self.random.choice((0, self._fen()))
        book, seq = self._entry(Kind.THIRD_PARTY_CASE)
        ref = f"r{self.random.randrange(20)}" if self.random.random() < 0.3 else self.world.ref("r")
        return RecordRecovery(book, seq, fen, self.today, means, ref)

    def _claim(self) -> Command:
        code = self.random.choice(self.codes)
        bill = self._bill(use_account=False, bill_no=f"b{self.random.randrange(12)}")
        party = self.clinic.parties[code]
        evidence = frozenset(EVIDENCE if self.random.random() < 0.9 else ())
        return SubmitClaim(self._person()[0], None, code, party, bill, self.today, evidence)

    def _decide(self) -> Command:
        if not self.claims:
            return self._claim()
        book, seq, code, claim = self.random.choice(self.claims[-6:])
        return DecideClaim(book, seq, code, claim, self.random.random() < 0.7, "looked at")

    def _undecide(self) -> Command:
        return ReverseEntry(*self._entry(Kind.CLAIM_DECISION), "decided wrongly", self._reversed_on())

    def _unrecover(self) -> Command:
        kind = self.random.choice((Kind.RECOVERY, Kind.RECOVERY, Kind.RECOVERY, Kind.SET_OFF))
        return ReverseEntry(*self._entry(kind), "of another case", self._reversed_on())

    def _reversed_on(self) -> date | None:
        return self._day() if self.random.random() < 0.2 else None

    def _settle_year(self) -> Command:
        with self.world.engine.connect() as connection, connection.begin():
            areas = areas_elsewhere(connection, AREA)
        return CloseYear(self._person()[0], self.today.year - self.random.choice((0, 1, 1)), areas)

    def _interest(self) -> Command:
        return PostInterest(self._account(), self.today.year - 1)

    def _reconcile(self) -> Command:
        code, day = self.random.choice(self.codes), self._day()
        party = self.clinic.parties[code]
        table = tables.settlement.c
        with self.world.engine.connect() as connection:
            rows = connection.execute(
                select(table.total, table.pooled_pay + table.large_pay, table.account_pay).where(
                    table.institution_id == party,
                    table.settled_on == day,
                    table.channel == int(Channel.NETWORK),
                )
            ).all()
        sums = [sum(row[place] for row in rows) for place in range(3)]
        if self.random.random() < 0.3:
            sums[0] += 1
        area = ELSEWHERE if code == self.codes[3] else AREA
        return Reconcile(party, code, area, day, DayTotals(len(rows), *sums))

    def _clear(self) -> Command:
        code, day = self.random.choice(self.codes), self.today.replace(day=1) - timedelta(days=1)
        party, area = self.clinic.parties[code], ELSEWHERE if code == self.codes[3] else AREA
        period = day.year * 100 + day.month
        with self.world.engine.connect() as connection, connection.begin():
            return Clear(party, code, area, period, aided(connection, party, period))

    def _end_clearing(self) -> Command:
        return EndClearing(*self._entry(Kind.CLEARING))

    def _pay(self) -> Command:
        return PayInstitution(*self._entry(Kind.CLEARING), self.world.ref("pay"))


class Ways(History):
    """Claims, cases, what is decided about them, what comes back of them, and the ways back of both."""

    VERBS: ClassVar[dict[str, float]] = {
        "settle": 12, "reverse": 3, "contribute": 4, "open_case": 6, "advance": 6, "recover": 14, "claim": 14,
        "decide": 26, "undecide": 14, "unrecover": 10, "settle_year": 1, "die": 0.2, "divide": 0.5,
        "settle_up": 1, "spend": 1,
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.random
@pytest.mark.parametrize("seed", range(SEED, SEED + 3))
def test_whatever_happens_the_whole_adds_up(seed: int, fresh_engine: Engine) -> None:
    history = History(World(fresh_engine), seed)
    history.play(STEPS)
    taken_in(fresh_engine)
    assert [str(one) for one in verify(fresh_engine).findings] == []
    taken = {name for name in history.answers if " " not in name}
    wanted = {"Settle", "ReverseSettlement", "CorrectMessage", "GiveQuota", "CloseYear", "Reconcile"}
    assert wanted <= taken or not FIXED


@pytest.mark.random
def test_decisions_and_recoveries_come_and_go_and_the_whole_adds_up(fresh_engine: Engine) -> None:
    """The same with little else, so that all happens: a second decision, its reversal, a rejection's."""
    history = Ways(World(fresh_engine), SEED)
    history.play(STEPS)
    taken_in(fresh_engine)
    assert [str(one) for one in verify(fresh_engine).findings] == []
    if FIXED:
        table = tables.entry.c
        acted = tables.entry.alias().c
        with fresh_engine.connect() as connection:
            chains = connection.execute(
                select(table.kind, acted.kind, acted.detail).where(
                    table.book_id == acted.book_id, table.target_seq == acted.seq
                )
            ).all()
        seen = {(kind, target) for kind, target, _detail in chains}
        back = int(Kind.REVERSAL)
        wanted = {(back, int(Kind.CLAIM_DECISION)), (int(Kind.CLAIM_DECISION), back)}
        assert wanted | {(back, int(Kind.RECOVERY)), (back, int(Kind.SET_OFF))} <= seen
        verdicts = {
            unpack(detail)["approved"]
            for kind, target, detail in chains
            if (kind, target) == (back, int(Kind.CLAIM_DECISION))
        }
        assert verdicts == {True, False}
