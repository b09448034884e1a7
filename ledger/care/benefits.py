"""What the funds pay of a bill, and who may pay the rest, by the rules of the day of care (R39, K3, K9).

Pure: a policy, the lines of a bill and the counters of the year in, whole fen out. Each named amount is
rounded half up once, and what is left is a subtraction, so that the parts always add up (K2). Whatever asks
the policy raises MissingParameter when the area has no figures for the day.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, NamedTuple

from ledger.care.rows import BillLine, Circumstances, FilingRow, Used
from ledger.chart.care import CareTable, CareType, Coverage, Cut, Filing
from ledger.chart.members import MemberClass
from ledger.money import FEN_MAX, round_half_up
from ledger.policy import RATE_SCALE, AdmissionTable, Policy, YearlyTable
from ledger.refusals import RefusalCode, Refused

# Who works, pays alone or draws unemployment benefit goes by one table; residents go by none.
CARE_CLASS: Final = {
    MemberClass.ACTIVE: "active",
    MemberClass.FLEXIBLE: "active",
    MemberClass.UNEMPLOYED: "active",
    MemberClass.RETIRED: "retired",
}


class Parts(NamedTuple):
    """What a bill is made of, in fen: `total` is the sum of the four others."""

    total: int
    # outside the catalogue (class C)
    own_expense: int
    # above the price limit of a line in the catalogue
    over_limit: int
    # the personal share of class B, which comes off first
    pre_self_pay: int
    in_scope: int


class Benefit(NamedTuple):
    """What the funds pay of what is in scope, in fen; `ratio` in parts per RATE_SCALE, after its cuts."""

    # the part of `in_scope` that goes with a declared cause (R44)
    excluded: int
    # what of the deductible this bill uses
    deductible: int
    ratio: int
    pooled_pay: int
    large_pay: int
    # what of `in_scope` is left to the person and counts for the yearly top-up
    own_burden: int

    @property
    def fund_sum(self) -> int:
        return self.pooled_pay + self.large_pay


class Payers(NamedTuple):
    """Who pays what the funds do not, in fen: `donors` in the order of their ranks."""

    own_account: int
    donors: tuple[int, ...]
    cash: int


def add_up(lines: Sequence[BillLine], declared_total: int | None = None) -> Parts:
    """What a bill comes to. Class C is own expense as a whole; of A and B, what is above the limit is apart.

    The personal share of class B is added exactly over its lines and rounded once for the bill (K2).

    A line may be of nothing (a free item that the list names), a whole bill not.

    Raises Refused: amount_invalid for a bill without lines, a line below zero, more than FEN_MAX, and a bill
    that comes to nothing; amount_mismatch when a line's `over_limit` is not within its amount, or the lines
    do not add up to `declared_total` (R26); line_class_unknown for another class; shape_invalid for a share
    of class B that is none.
    """
    total = own_expense = over_limit = exact_self_pay = 0
    within = True
    if not lines:
        raise Refused(RefusalCode.AMOUNT_INVALID, at="lines")
    for line in lines:
        amount = line.amount
        total += amount
        if amount < 0 or total > FEN_MAX:
            # a line of no amount says by its limit which of the two could not be read
            what = "over_limit" if line.over_limit < 0 else "amount"
            at = _in_line(lines, line, what) if not 0 <= amount <= FEN_MAX else "lines"
            raise Refused(RefusalCode.AMOUNT_INVALID, at=at)
        above = line.over_limit
        within = within and 0 <= above <= amount
        if line.line_class == "C":
            own_expense += amount
            continue
        over_limit += above
        if line.line_class == "B":
            if not 0 <= line.self_pay_ratio <= RATE_SCALE:
                raise Refused(RefusalCode.SHAPE_INVALID, at=_in_line(lines, line, "self_pay_ratio"))
            exact_self_pay += (amount - above) * line.self_pay_ratio
        elif line.line_class != "A":
            raise Refused(RefusalCode.LINE_CLASS_UNKNOWN, at=_in_line(lines, line, "class"))
    if total == 0:
        raise Refused(RefusalCode.AMOUNT_INVALID, at="lines")
    if not within:
        above_it = next(line for line in lines if not 0 <= line.over_limit <= line.amount)
        raise Refused(RefusalCode.AMOUNT_MISMATCH, at=_in_line(lines, above_it, "over_limit"))
    if declared_total is not None and declared_total != total:
        raise Refused(RefusalCode.AMOUNT_MISMATCH, at="total")
    pre_self_pay = round_half_up(exact_self_pay, RATE_SCALE)
    return Parts(
        total, own_expense, over_limit, pre_self_pay, total - own_expense - over_limit - pre_self_pay
    )


def _in_line(lines: Sequence[BillLine], line: BillLine, what: str) -> str:
    """Where a field of a line stands. Of lines that are alike the first is as wrong as this one."""
    return f"lines/{lines.index(line)}/{what}"


def check_items(policy: Policy, day: date, lines: Sequence[BillLine]) -> None:
    """Raise Refused(item_not_eligible) for an item that neither fund nor account may pay (R19).

    Prefixes are in upper case, and so are items for this: how somebody writes a code opens no door.
    """
    refused = policy.care.items_refused.on(day)
    if not refused:
        return
    for place, line in enumerate(lines):
        if line.item.upper().startswith(refused):
            raise Refused(RefusalCode.ITEM_NOT_ELIGIBLE, at=f"lines/{place}/item")


def care_table(policy: Policy, care_type: CareType, day: date, coverage: Coverage) -> CareTable:
    """The table a bill goes by: none unless the person is covered (R28, R43), else that of its kind of care.

    A pharmacy purchase goes by the outpatient table where the area says so, else by none. Chronic care goes
    by its own table where the area has one on the day, else by the outpatient table and its counters.
    """
    if coverage is not Coverage.COVERED:
        return CareTable.NONE
    if care_type is CareType.INPATIENT:
        return CareTable.INPATIENT
    if care_type is CareType.PHARMACY:
        return CareTable.OUTPATIENT if policy.care.pharmacy_pooled.on(day) else CareTable.NONE
    if care_type is CareType.CHRONIC and policy.care.has_chronic(day):
        return CareTable.CHRONIC
    return CareTable.OUTPATIENT


def benefit(
    policy: Policy,
    table: CareTable,
    circumstances: Circumstances,
    in_scope: int,
    share: int,
    used: Used,
) -> Benefit:
    """What the funds pay of `in_scope`, by the rules of the day of care, in fen (R39, K10).

    `share`, in parts per RATE_SCALE, goes with a declared cause and comes off first (R44). Then comes what
    remains of the deductible, and the ratio of the rest is the pooled fund's, up to what remains of its cap.
    Of inpatient care above the cap the large fund pays its own ratio, up to its own cap; no points come off
    that one.

    By no table the funds pay nothing, and nothing counts for the yearly top-up either: that is for what a
    fund which takes part leaves to the person.
    """
    excluded = round_half_up(in_scope * share, RATE_SCALE)
    if table is CareTable.NONE:
        return Benefit(excluded, 0, 0, 0, 0, 0)
    care, day = policy.care, circumstances.care_date
    care_class = CARE_CLASS[circumstances.member_class]
    cell = care_class, circumstances.level
    base = in_scope - excluded
    of_the_kind: YearlyTable | AdmissionTable
    if table is CareTable.INPATIENT:
        of_the_kind = care.inpatient
        still_deductible = admission_deductible(policy, circumstances)
    else:
        of_the_kind = care.chronic if table is CareTable.CHRONIC else care.outpatient
        still_deductible = max(of_the_kind.deductible[care_class].on(day) - used.deductible, 0)
    deductible = min(base, still_deductible)
    ratio = max(of_the_kind.ratio[cell].on(day) - points(policy, circumstances), 0)
    shared = base - deductible
    pooled_pay = round_half_up(shared * ratio, RATE_SCALE)
    room = max(of_the_kind.cap[care_class].on(day) - used.pooled, 0)
    large_pay = 0
    if pooled_pay > room or room == 0:
        pooled_pay = min(pooled_pay, room)
        if table is CareTable.INPATIENT:
            consumed = round_half_up(pooled_pay * RATE_SCALE, ratio) if ratio else 0
            large_pay = _above_the_cap(policy, circumstances, shared - consumed, used)
    return Benefit(excluded, deductible, ratio, pooled_pay, large_pay, base - pooled_pay - large_pay)


def admission_deductible(policy: Policy, circumstances: Circumstances) -> int:
    """The deductible of an admission, in fen: by class and level, a part of it from the second one on."""
    table, day = policy.care.inpatient, circumstances.care_date
    cell = CARE_CLASS[circumstances.member_class], circumstances.level
    deductible = table.deductible[cell].on(day)
    if circumstances.admission < 2:
        return deductible
    return round_half_up(deductible * table.second_admission_factor.on(day), RATE_SCALE)


def points(policy: Policy, circumstances: Circumstances) -> int:
    """What comes off the pooled ratio, in parts per RATE_SCALE: by filing outside the area (R40), or for want
    of a referral inside it.
    """
    if circumstances.cut is Cut.NONE:
        return 0
    if circumstances.cut is Cut.NO_REFERRAL:
        return policy.care.referral_points.on(circumstances.care_date)
    return policy.care.out_of_area_points[circumstances.filing.word].on(circumstances.care_date)


def filings_of(filings: Iterable[FilingRow], day: date, area: int) -> list[Filing]:
    """Those of some filings that hold on a day of care in an area (R40)."""
    return [
        one.filing
        for one in filings
        if one.area in {None, area}
        and one.valid_from <= day
        and (one.valid_to is None or day <= one.valid_to)
    ]


def best_filing(policy: Policy, day: date, known: Iterable[Filing]) -> Filing:
    """The one that takes the fewest points off outside the area; none when nothing is known (R40)."""
    taken_off = policy.care.out_of_area_points
    return min(known, key=lambda one: taken_off[one.word].on(day), default=Filing.NONE)


def _above_the_cap(policy: Policy, circumstances: Circumstances, rest: int, used: Used) -> int:
    """What the large fund pays of what the pooled fund's cap leaves (K10)."""
    day = circumstances.care_date
    room = max(policy.care.large_cap.on(day) - used.large, 0)
    ratio = policy.care.large_ratio[circumstances.level].on(day)
    return min(round_half_up(rest * ratio, RATE_SCALE), room)


def payable(
    policy: Policy, parts: Parts, of_funds: Benefit, day: date, hospital_share: int, share: int
) -> int:
    """The most that the own account and relatives together may pay of a bill, in fen (R27, R44).

    That is what the funds and the hospital leave to the person, less what no account pays: class C and what
    is above a price limit, unless the area allows it, and the part of everything that goes with a declared
    cause. What the hospital bears comes off the latter first, since nobody else pays that for the person.

    Raises Refused: amount_invalid for a negative `hospital_share`, amount_mismatch when it is more than the
    funds leave.
    """
    personal = parts.total - of_funds.pooled_pay - of_funds.large_pay
    if hospital_share < 0:
        raise Refused(RefusalCode.AMOUNT_INVALID, at="hospital_share")
    if hospital_share > personal:
        raise Refused(RefusalCode.AMOUNT_MISMATCH, at="hospital_share")
    outside = parts.own_expense + parts.over_limit
    if policy.care.account_own_expense.on(day):
        barred = round_half_up((parts.pre_self_pay + outside) * share, RATE_SCALE)
    else:
        barred = outside + round_half_up(parts.pre_self_pay * share, RATE_SCALE)
    barred += of_funds.excluded
    return max(personal - max(barred, hospital_share), 0)


def payers(personal: int, most: int, own: int, donors: Sequence[int]) -> Payers:
    """Who pays `personal`: the own account, then relatives by rank, then cash (K3, R20, R37), in fen.

    `own` is what is available in the own account, `donors` what each relative has given, by rank; both
    together pay no more than `most`.
    """
    left = min(most, personal)
    own_account = min(own, left)
    left -= own_account
    given: list[int] = []
    for quota in donors:
        given.append(min(quota, left))
        left -= given[-1]
    return Payers(own_account, tuple(given), personal - own_account - sum(given))


def top_up(policy: Policy, day: date, own_burden: int) -> int:
    """The yearly top-up on what is left to the person of what is in scope, by the rules of `day` (R42)."""
    above = own_burden - policy.care.top_up_threshold.on(day)
    if above <= 0:
        return 0
    return round_half_up(above * policy.care.top_up_ratio.on(day), RATE_SCALE)
