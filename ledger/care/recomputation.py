"""A person's year of care computed again, in the order of care and by what is known now (R42). Pure.

Each bill that stands goes once more by the rules of its day, with counters that begin at nothing: by the
class and the coverage that the enrolments give it now (R28, R43), by the level and area of its institution
on that day (K9), by the best filing that came in time (R40), and as the n-th admission in the order of care.
What a bill consists of, where it was and its declared cause stay what they were. The yearly top-up comes on
what is then left to the person. Amounts in whole fen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, NamedTuple

from ledger.care.benefits import (
    Benefit,
    Parts,
    benefit,
    best_filing,
    care_table,
    filings_of,
    payable,
    top_up,
)
from ledger.care.counters import NOTHING_USED, Accumulator
from ledger.care.places import NOWHERE, DatedPlace
from ledger.care.rows import Circumstances, FilingRow, SettlementRow, standing
from ledger.chart.care import CareTable, CareType, Channel, Coverage, Cut, Filing
from ledger.chart.members import MemberClass
from ledger.chart.sides import Side
from ledger.people.entitlement import entitlement
from ledger.people.membership import Enrolment
from ledger.policy import Policy

# what may come out otherwise of a bill; all else of its row is what it was
RECOMPUTED: Final = (
    "care_table", "level", "member_class", "coverage", "filing", "cut", "admission", "deductible", "ratio",
    "pooled_pay", "large_pay", "own_burden",
)  # fmt: skip
# The last one carries what belongs to no table: the large fund's share goes with inpatient care.
_TABLES: Final = (CareTable.CHRONIC, CareTable.OUTPATIENT, CareTable.INPATIENT)

# the counters of what funds paid, in the order in which what nobody is left to pay is left off
_PAID: Final = ("chronic_pooled", "outpatient_pooled", "inpatient_pooled", "large", "top_up")


class Facts(NamedTuple):
    """What is known of a person when the year is settled."""

    # has no account
    resident: bool
    # that of the person's book
    area: int
    enrolments: Sequence[Enrolment]
    # (entry, the day it was recorded, what was filed)
    filings: Sequence[tuple[int, date, FilingRow]]
    # the areas of institutions outside the person's own, by the numbers of their books
    areas: Mapping[int, int]
    # the day from which there is an account
    opened_on: date = date.min
    # what the person's other books say of insurance
    elsewhere: Sequence[Enrolment] = ()
    # the institutions of which level or area have changed
    places: Mapping[int, DatedPlace] = NOWHERE


class Again(NamedTuple):
    """A bill as it was settled, and as it comes out now. Its payers then: see `recompute`."""

    seq: int
    was: SettlementRow
    now: SettlementRow

    @property
    def is_changed(self) -> bool:
        return any(getattr(self.was, name) != getattr(self.now, name) for name in RECOMPUTED)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it comes out otherwise; `order` is that of the bills before it, which use up what it may."""
        was, now = self.was, self.now
        if not self.is_changed:
            return ()
        found = []
        if was.coverage is not now.coverage:
            found.append("coverage")
        if was.member_class is not now.member_class:
            found.append("member_class")
        if was.level != now.level:
            found.append("level")
        if (was.filing, was.cut) != (now.filing, now.cut):
            found.append("filing")
        if was.admission != now.admission:
            found.append("admission")
        return tuple(found) or ("order",)


class Part(NamedTuple):
    """The difference that one row says: of one table, and of what belongs to none. Signed fen."""

    care_table: CareTable
    deductible: int = 0
    pooled: int = 0
    large: int = 0
    top_up: int = 0
    own_burden: int = 0

    def flows(self) -> tuple[tuple[Side, int], ...]:
        """What each fund pays more, or less."""
        return (Side.POOLED_FUND, self.pooled), (Side.LARGE_FUND, self.large + self.top_up)


@dataclass(frozen=True, slots=True)
class Year:
    """What a year comes to. `before` is what was settled of it so far, with earlier yearly differences."""

    bills: tuple[Again, ...]
    before: Accumulator
    after: Accumulator
    # of what account and relatives paid of the year's bills: what it should not have been, and did not come
    # back yet. Below zero when more came back than that
    account_back: int
    # the relatives' part of it, by bill, the last one in the order of care first
    aid_back: tuple[tuple[int, int], ...] = ()
    # of which bills more came back to relatives than they are due by now, and how much, the first bill first
    aid_over: tuple[tuple[int, int], ...] = ()
    # what of that is claimed from them again
    from_relatives: int = 0

    def parts(self) -> tuple[Part, ...]:
        """The differences by table, at least one; the last one has what belongs to no table."""
        more = {
            table: (
                self._more(f"{table.word}_deductible"),
                self._more(f"{table.word}_pooled"),
                self._more("large") if table is CareTable.INPATIENT else 0,
            )
            for table in _TABLES
        }
        found = [Part(table, *moved) for table, moved in more.items() if any(moved)] or [Part(CareTable.NONE)]
        found[-1] = found[-1]._replace(top_up=self._more("top_up"), own_burden=self._more("own_burden"))
        return tuple(found)

    def for_heirs(self) -> Year:
        """The same without what nobody is left to pay: it asks no more back than it pays to heirs.

        Where nothing is paid nothing differs: what should be asked back stays as it was settled.
        """
        flows = [(name, self._more(name)) for name in _PAID]
        paid = sum(fen for _name, fen in flows if fen > 0) + self.from_relatives
        if not paid:
            return replace(self, after=self.before, account_back=0, aid_back=())
        asked_back = -sum(fen for _name, fen in flows if fen < 0)
        forgone = max(asked_back - (paid - self.to_relatives(paid)), 0)
        kept: dict[str, int] = {}
        for name, fen in flows:
            part = min(max(-fen, 0), forgone)
            forgone -= part
            kept[name] = getattr(self.after, name) + part
        return replace(self, after=self.after._replace(**kept))

    def to_relatives(self, paid: int) -> int:
        """What relatives get back of what funds pay, and of what other relatives give back."""
        due = max(self.account_back + self.from_relatives, 0)
        return min(sum(fen for _bill, fen in self.aid_back), due, paid)

    @property
    def differs(self) -> bool:
        """Whether anything is to be settled."""
        return self.from_relatives > 0 or any(part != Part(part.care_table) for part in self.parts())

    def _more(self, name: str) -> int:
        more: int = getattr(self.after, name) - getattr(self.before, name)
        return more


class Division(NamedTuple):
    """What becomes of a year's difference, in fen; none of it is below zero."""

    # of what funds pay: put into the account, set against what the person owes them, paid to the bank
    to_account: int
    set_against: int
    to_bank: int
    # what the person owed before it and owes after it, of this year's settlements
    owed: int
    still_owed: int
    # of what funds pay: given back to relatives, put into a closed account for its heirs
    to_relatives: int = 0
    to_heirs: int = 0

    @property
    def claimed_back(self) -> int:
        """What the person owes because of it."""
        return max(self.still_owed - self.owed, 0)

    @property
    def forgiven(self) -> int:
        """What was asked back before and the person does not owe any more."""
        return max(self.owed - self.still_owed, 0)


def by_care_date(bill: tuple[int, SettlementRow]) -> tuple[date, int]:
    """The place of a bill, an entry and its row, in the order of care."""
    seq, row = bill
    return row.care_date, seq


def recompute(
    policy: Policy,
    year: int,
    rows: Mapping[int, SettlementRow],
    facts: Facts,
    returned: Mapping[int, int] | None = None,
) -> Year:
    """A year of care, of all its rows by entry. `returned` came back to relatives before, by bill.

    A filing counts when it was recorded by the policy's deadline after the end of the year. The account and
    relatives are taken to have paid no more of a bill than they did, and cash is what is left; the top-up
    makes up for cash first and then for them, in the reverse of the order in which they pay (K3). Top-up and
    deadline go by the rules of the last day of the year.

    MissingParameter when the area has no figures for a day.
    """
    last = date(year, 12, 31)
    deadline = last + timedelta(days=policy.care.filing_late_days.on(last))
    filings = [row for _seq, recorded_on, row in facts.filings if recorded_on <= deadline]
    before = used = NOTHING_USED
    account_back = 0
    for row in rows.values():
        before = before.add(row)
        if row.channel is Channel.ANNUAL:
            # what came back then stands in it below zero
            account_back += row.account_pay + row.mutual_pay
    bills = []
    cash = still_paid = 0
    for seq, row in sorted(standing(rows).items(), key=by_care_date):
        now = _again(policy, row, facts, filings, used)
        used = used.add(now)
        bills.append(Again(seq, row, now))
        of_others = now.account_pay + now.mutual_pay
        account_back += row.account_pay + row.mutual_pay - of_others
        if now.care_table is not CareTable.NONE:
            still_paid += of_others
            cash += _payable(policy, now) - of_others
    added = top_up(policy, last, used.own_burden)
    of_the_top_up = min(max(added - cash, 0), still_paid)
    aid_back, aid_over = _aid_back(bills, of_the_top_up, returned or {})
    return Year(
        tuple(bills),
        before,
        used._replace(version=before.version, top_up=added),
        account_back + of_the_top_up,
        aid_back,
        aid_over,
    )


def _aid_back(
    bills: Sequence[Again], of_the_top_up: int, returned: Mapping[int, int]
) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    """What relatives get back of each bill, and what they got too much: they pay last, so it comes back to
    them before the account.
    """
    found: list[tuple[int, int]] = []
    over: list[tuple[int, int]] = []
    for bill in reversed(bills):
        still = bill.now.mutual_pay if bill.now.care_table is not CareTable.NONE else 0
        made_up = min(of_the_top_up, still)
        of_the_top_up -= made_up
        due = bill.was.mutual_pay - bill.now.mutual_pay + made_up - returned.get(bill.seq, 0)
        if due > 0:
            found.append((bill.seq, due))
        elif due < 0:
            over.append((bill.seq, -due))
    return tuple(found), tuple(reversed(over))


def divide(year: Year, owed: int, demanded: int = 0) -> Division:
    """Who gets the difference of a year, or owes it. `owed` is what the person owes from its earlier ones,
    and of that nothing is set against what a demand took over, `demanded`, which is paid there.

    Of what funds pay, and what relatives give back who got too much before, what relatives had paid goes back
    to them, and what the account had paid into the account. The rest is set against what the person owes
    funds, and only what is left then, which had been cash, goes to the bank (R21).
    """
    flows = [fen for part in year.parts() for _side, fen in part.flows()]
    owing = owed - demanded - sum(fen for fen in flows if fen < 0)
    paid = sum(fen for fen in flows if fen > 0) + year.from_relatives
    to_relatives = year.to_relatives(paid)
    to_account = min(max(year.account_back + year.from_relatives, 0), paid) - to_relatives
    left = paid - to_relatives - to_account
    set_against = min(left, owing)
    still_owed = owing - set_against + demanded
    return Division(to_account, set_against, left - set_against, owed, still_owed, to_relatives)


def divide_for_heirs(year: Year) -> Division:
    """The same of a year of somebody whose account is closed, which has asked no more back than it pays.

    What relatives had paid goes back to them; of the rest what funds ask back is set against it, and the
    heirs get what is left, be it account money or cash (R33). Of what the estate still owes, the account
    itself takes that out first.
    """
    flows = [fen for part in year.parts() for _side, fen in part.flows()]
    asked_back = -sum(fen for fen in flows if fen < 0)
    paid = sum(fen for fen in flows if fen > 0) + year.from_relatives
    to_relatives = year.to_relatives(paid)
    return Division(0, asked_back, 0, 0, 0, to_relatives, paid - to_relatives - asked_back)


def _again(
    policy: Policy, row: SettlementRow, facts: Facts, filings: Sequence[FilingRow], used: Accumulator
) -> SettlementRow:
    """A bill as it comes out after the bills that had used so much."""
    member_class, coverage = _entitled(policy, row, facts)
    place = facts.places.get(row.institution_id or 0)
    level = row.level if place is None else place.level_on(row.care_date)
    filing, cut = _filed(policy, row, facts, filings, place)
    admission = 0
    if row.care_type is CareType.INPATIENT and coverage is Coverage.COVERED:
        admission = used.admissions + 1
    told = Circumstances(row.care_type, row.care_date, level, member_class, coverage, filing, cut, admission)
    table = care_table(policy, row.care_type, row.care_date, coverage)
    paid = benefit(policy, table, told, row.in_scope, row.cause_share or 0, used.used(table))
    # no fund pays what the hospital has borne
    most = row.total - row.hospital_share
    pooled_pay = min(paid.pooled_pay, most)
    large_pay = min(paid.large_pay, most - pooled_pay)
    personal = most - pooled_pay - large_pay
    now = row._replace(
        care_table=table,
        level=level,
        member_class=member_class,
        coverage=coverage,
        filing=filing,
        cut=cut,
        admission=admission,
        excluded=paid.excluded,
        deductible=paid.deductible,
        ratio=paid.ratio,
        pooled_pay=pooled_pay,
        large_pay=large_pay,
        own_burden=min(paid.own_burden, personal),
    )
    may = _payable(policy, now)
    account_pay = min(row.account_pay, may)
    mutual_pay = min(row.mutual_pay, may - account_pay)
    return now._replace(
        account_pay=account_pay, mutual_pay=mutual_pay, cash_pay=personal - account_pay - mutual_pay
    )


def _payable(policy: Policy, row: SettlementRow) -> int:
    """What account and relatives may pay of a bill."""
    parts = Parts(row.total, row.own_expense, row.over_limit, row.pre_self_pay, row.in_scope)
    paid = Benefit(row.excluded, row.deductible, row.ratio, row.pooled_pay, row.large_pay, row.own_burden)
    return payable(policy, parts, paid, row.care_date, row.hospital_share, row.cause_share or 0)


def _entitled(policy: Policy, row: SettlementRow, facts: Facts) -> tuple[MemberClass, Coverage]:
    """The class and the coverage of the day of care."""
    return entitlement(
        policy,
        facts.enrolments,
        row.care_date,
        resident=facts.resident,
        opened_on=facts.opened_on,
        elsewhere=facts.elsewhere,
    )


def _filed(
    policy: Policy, row: SettlementRow, facts: Facts, filings: Sequence[FilingRow], changed: DatedPlace | None
) -> tuple[Filing, Cut]:
    """The filing that takes the fewest points off the ratio: what the bill had, or what is on file for it.

    What the bill had counts for nothing where the area wants it on file.
    """
    cut = row.cut if changed is None else changed.cut(policy, row, facts.area)
    said = row.filing if cut is row.cut else Filing.NONE
    if cut is Cut.NONE:
        return said, cut
    outside = cut is Cut.OUT_OF_AREA
    place = facts.area
    if outside:
        # nothing is on file for one area alone where the area is not known
        known = facts.areas.get(row.institution_id or 0, 0)
        place = known if changed is None else changed.area_on(row.care_date)
    on_file = filings_of(filings, row.care_date, place)
    if outside:
        if not policy.care.must_be_on_file(row.filing.word, row.care_date):
            on_file = [row.filing, *on_file]
        return best_filing(policy, row.care_date, on_file), cut
    for filing in on_file:
        if filing in {Filing.REFERRED, Filing.EMERGENCY}:
            return filing, Cut.NONE
    return said, cut
