"""Two families, their employer, hospital and pharmacy: one of everything that the ledger keeps, to look at.

Nobody of them exists: county 9999 is none. All days count back from the day on which the demo began to write
them, which its batch keeps: killed and started again it goes on with the same commands under the same keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Final

from sqlalchemy import Connection

from ledger.accounts.closure import ReportDeath
from ledger.accounts.freezes import Freeze
from ledger.accounts.mutual_aid import GiveQuota, PayPremium
from ledger.accounts.opening import OpenAccount, OpeningBalance
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import YEAR_END
from ledger.book.numbers import new_book_id
from ledger.care.annual_settlements import CloseYear, areas_elsewhere
from ledger.care.bills import Bill
from ledger.care.case_reports import claim as claim_of
from ledger.care.filings import RecordFiling
from ledger.care.manual_claims import EVIDENCE, DecideClaim, SubmitClaim
from ledger.care.rows import BillLine, Cause
from ledger.care.settlements import Settle
from ledger.care.third_party import OpenCase, PayAdvance
from ledger.care.visits import RegisterVisit
from ledger.chart.care import CareType, CauseKind, Filing
from ledger.chart.members import MemberClass
from ledger.chart.parties import Party
from ledger.clock import Clock
from ledger.contributions import employers
from ledger.contributions.assessing import Declared
from ledger.contributions.credit_codes import credit_code_check
from ledger.contributions.declarations import Confirm, Declare
from ledger.contributions.payments import ReceivePayment
from ledger.contributions.retirees import RETIREE_CREDITS
from ledger.estates.division import DivideEstate, HeirShare
from ledger.institutions import registry
from ledger.money import round_half_up
from ledger.months import first_day, last_periods, next_period, period_of, previous_period
from ledger.people.enrolments import Enrol
from ledger.people.id_numbers import check_digit
from ledger.people.persons import number_opener, stake_by_number
from ledger.people.residents import EnrolResident, resident_ref
from ledger.policy import RATE_SCALE, Policy
from ledger.posting import Command, PersonStake, Posted, Receipt, batches
from ledger.posting.desk import Reveal
from ledger.posting.way_in import post
from ledger.refusals import Refused
from ledger.shares import heir_rank
from ledger.vault import Keyring

AREA: Final = 990100
BATCH: Final = "example-families"
CALLER: Final = "demo"
HOSPITAL, PHARMACY = "H0001", "P0001"
_EMPLOYER = "91999999000000001"
_WAGE = 800_000
# of the wage: what the employee pays, and what the employer does
_PARTS = (2, 100), (75, 1_000)
_MONTHS = 3


@dataclass(slots=True)
class Relative:
    """Somebody of the families; `book` once there is one."""

    id_number: str
    name: str
    stake: PersonStake
    birth_date: date
    book: int = 0


@dataclass(slots=True)
class Families:
    """Posts what happened to them, a command at a time."""

    connection: Connection
    keyring: Keyring
    policies: Mapping[int, Policy]
    clock: Clock
    today: date
    reveal: Reveal = field(init=False)
    # what was refused: in a year whose numbers the policy does not have yet
    refused: list[str] = field(default_factory=list)
    _told: int = 0

    def __post_init__(self) -> None:
        self.reveal = number_opener(self.keyring)

    def ago(self, days: int) -> date:
        return self.today - timedelta(days=days)

    def person(self, born: str, sequence: str, name: str) -> Relative:
        body = f"379999{born}{sequence}"
        number = body + check_digit(body)
        stake, parsed = stake_by_number(number, name, self.keyring, self.today)
        return Relative(number, name, stake, parsed.birth_date)

    def tell(self, make: Callable[..., Command], *arguments: object, **more: object) -> Receipt | None:
        """Post one command; None when it was refused."""
        self._told += 1
        key = f"{BATCH}-{self._told}"
        if make is not Settle:
            more["key"] = key
        command = make(*arguments, caller=CALLER, actor=CALLER, **more)
        now, today = self.clock()
        [outcome] = post(self.connection, [command], now, today, self.policies, reveal=self.reveal)
        if isinstance(outcome, Posted):
            return outcome.receipt
        if isinstance(outcome, Refused):
            self.refused.append(f"{type(command).__name__}: {outcome.code.value}")
            return None
        raise outcome

    def open(self, one: Relative, carried_over: int) -> None:
        opened_on = first_day(last_periods(24, period_of(self.today))[0])
        opening = OpeningBalance(0, carried_over, f"{BATCH}-{one.id_number[-4:]}")
        candidates = tuple(new_book_id(Party.PERSON) for _ in range(4))
        done = self.tell(OpenAccount, one.stake.digest, (one.stake,), candidates, AREA, opened_on, opening)
        one.book = 0 if done is None else done.book_id

    def settle(self, one: Relative, bill: Bill, *, institution: str = HOSPITAL) -> Receipt | None:
        book = one.book or resident_ref(one.stake.digest)
        with self.connection.begin():
            party = registry.find(self.connection, institution).party_id
        message = f"{BATCH}-{self._told + 1}"
        return self.tell(Settle, book, None, institution, party, message, bill)


def tell_of_families(
    connection: Connection, keyring: Keyring, policies: Mapping[int, Policy], clock: Clock
) -> list[str]:
    """Write what happened to the families, unless that was done; what of it was refused."""
    now, today = clock()
    batch = batches.take(connection, BATCH, "demo", now, today.isoformat())
    if batch.state == batches.FINISHED:
        return []
    families = Families(connection, keyring, policies, clock, date.fromisoformat(batch.detail or str(today)))
    parents = _a_family_at_work(families)
    _relatives(families, *parents)
    _a_life_that_ended(families)
    _care_of_last_year(families)
    for run, period in (
        (RETIREE_CREDITS, previous_period(period_of(families.today))),
        (YEAR_END, families.today.year - 1),
    ):
        try:
            run.run(connection, period, AREA, clock, policies)
        except Refused as refused:
            families.refused.append(f"{run.kind}: {refused.code.value}")
    batch.state = batches.FINISHED
    batches.save(connection, batch, clock()[0])
    return families.refused


def _a_family_at_work(families: Families) -> tuple[Relative, Relative]:
    """Two people at one employer, whose months are declared and paid; bills of each kind."""
    husband = families.person("19810412", "011", "赵建国")
    wife = families.person("19830925", "024", "钱秀英")
    for one, carried_over in ((husband, 860_000), (wife, 320_000)):
        families.open(one, carried_over)
    _months_at_work(families, [husband, wife])
    spell = families.tell(
        RecordFiling, husband.book, Filing.LONG_TERM, families.ago(200), families.ago(-160), 990_200
    )
    if spell is not None:
        families.tell(
            Freeze, wife.book, "示例市医疗保障局", "示监〔2026〕1号", families.ago(90), families.ago(60)
        )
    lines = (_line("X01", "A", 70_000), _line("X02", "B", 20_000), _line("X03", "C", 10_000))
    families.settle(wife, Bill(CareType.OUTPATIENT, families.ago(40), lines))
    families.settle(
        husband, Bill(CareType.INPATIENT, families.ago(30), (_line("X10", "A", 1_800_000),), bill_no="ZY-1")
    )
    families.settle(
        wife, Bill(CareType.PHARMACY, families.ago(12), (_line("Y01", "A", 8_650),)), institution=PHARMACY
    )
    families.tell(Spend, wife.book, 4_560, families.ago(5), PHARMACY, f"{BATCH}-P")
    families.tell(RegisterVisit, husband.book, None, HOSPITAL, CareType.INPATIENT, families.ago(2))
    _an_accident(families, husband)
    _claims(families, wife)
    return husband, wife


def _months_at_work(families: Families, staff: list[Relative]) -> None:
    """The employer, who is enrolled there, and what was declared and paid for the last months."""
    now, _today = families.clock()
    code = _EMPLOYER + credit_code_check(_EMPLOYER)
    employer = employers.enter(families.connection, code, "示例纺织有限公司", AREA, now)
    families.tell(employers.RegisterEmployer, employer.book_id, code, AREA)
    periods = last_periods(_MONTHS, previous_period(period_of(families.today)))
    for one in staff:
        families.tell(Enrol, one.book, MemberClass.ACTIVE, employer.book_id, first_day(periods[0]), None)
    paid = len(staff) * sum(round_half_up(_WAGE * part, whole) for part, whole in _PARTS)
    for period in periods:
        lines = tuple(Declared(n, one.stake.digest, _WAGE) for n, one in enumerate(staff, start=1))
        shown = families.tell(Declare, employer.book_id, period, lines)
        if shown is not None:
            families.tell(Confirm, employer.book_id, shown.seq, families.reveal)
        arrived = min(first_day(next_period(period)).replace(day=10), families.today)
        # of the last month half is still owed
        part = paid // 2 if period == periods[-1] else paid
        families.tell(
            ReceivePayment, employer.book_id, part, period, arrived, f"{BATCH}-{period}", families.reveal
        )


def _an_accident(families: Families, one: Relative) -> None:
    """A bill that somebody else has to bear to six tenths, and the fund's advance."""
    cause = Cause(CauseKind.THIRD_PARTY, RATE_SCALE * 6 // 10)
    bill = Bill(
        CareType.INPATIENT, families.ago(20), (_line("X20", "A", 1_000_000),), cause=cause, bill_no="ZY-2"
    )
    settled = families.settle(one, bill)
    case = settled and families.tell(OpenCase, one.book, settled.seq, "交警部门事故认定书")
    if case:
        families.tell(PayAdvance, one.book, case.seq, "person", "申请书:肇事方未支付")


def _claims(families: Families, one: Relative) -> None:
    """Two bills on paper: one paid, one that waits."""
    with families.connection.begin():
        party = registry.find(families.connection, HOSPITAL).party_id
    for number, days in (("SG-1", 35), ("SG-2", 15)):
        bill = Bill(
            CareType.OUTPATIENT, families.ago(days), (_line("X30", "A", 30_000),),
            use_account=False, bill_no=number,
        )  # fmt: skip
        handed_in = families.tell(
            SubmitClaim, one.book, None, HOSPITAL, party, bill, families.ago(10), frozenset(EVIDENCE)
        )
        if handed_in is not None and number == "SG-1":
            with families.connection.begin():
                claim = claim_of(families.connection, one.book, handed_in.seq)
            families.tell(DecideClaim, one.book, handed_in.seq, HOSPITAL, claim.row, True, "材料齐全")


def _relatives(families: Families, father: Relative, mother: Relative) -> None:
    """A child in the resident scheme, a retired grandmother: premiums, a quota, and who draws on it."""
    child = families.person(f"{families.today.year - 8}0601", "033", "赵小雨")
    resident = resident_ref(child.stake.digest)
    candidates = tuple(new_book_id(Party.RESIDENT) for _ in range(4))
    year = families.today.year
    families.tell(EnrolResident, resident, (child.stake,), candidates, AREA, "minor", date(year, 1, 1))
    named = (child.stake.digest, resident)
    families.tell(PayPremium, mother.book, child.stake.digest, named, "child", 20_000, year, f"{BATCH}-BF")
    families.tell(GiveQuota, father.book, child.stake.digest, named, "child", 50_000, 1)
    families.settle(child, Bill(CareType.OUTPATIENT, families.ago(3), (_line("X40", "A", 20_000),)))
    grandmother = families.person("19580808", "042", "孙桂兰")
    families.open(grandmother, 540_000)
    since = first_day(last_periods(_MONTHS, period_of(families.today))[0])
    families.tell(Enrol, grandmother.book, MemberClass.RETIRED, None, since, None)
    families.settle(grandmother, Bill(CareType.OUTPATIENT, families.ago(8), (_line("X50", "A", 45_678),)))


def _a_life_that_ended(families: Families) -> None:
    """An account that was closed: the estate went to a widow with an account, and to two children without."""
    dead = families.person("19490303", "015", "李德福")
    widow = families.person("19520707", "026", "周玉兰")
    families.open(dead, 934_151)
    families.open(widow, 120_000)
    children = [families.person("19760118", "019", "李明"), families.person("19790222", "028", "李静")]
    families.tell(ReportDeath, dead.book, families.ago(50), "居民死亡医学证明书")
    heirs = [(widow, "spouse"), *((child, "child") for child in children)]
    families.tell(
        DivideEstate,
        dead.book,
        tuple(
            HeirShare(
                heir.stake.digest, True, relation, Fraction(1, len(heirs)),
                heir_rank(relation, heir.birth_date, heir.id_number),
            )
            for heir, relation in heirs
        ),
        tuple(heir.stake for heir, _relation in heirs),
        families.today,
    )  # fmt: skip


def _care_of_last_year(families: Families) -> None:
    """Somebody whose bills of the last year came to so much that the year was settled anew."""
    one = families.person("19700520", "037", "吴志强")
    families.open(one, 2_500_000)
    day = date(families.today.year - 1, 6, 10)
    families.settle(
        one, Bill(CareType.INPATIENT, day, (_line("X60", "A", 9_000_000),), use_account=False, bill_no="ZY-3")
    )
    with families.connection.begin():
        areas = areas_elsewhere(families.connection)
    families.tell(CloseYear, one.book, day.year, areas)


def _line(item: str, line_class: str, fen: int) -> BillLine:
    return BillLine(item, line_class, fen, 0, RATE_SCALE // 10 if line_class == "B" else 0)
