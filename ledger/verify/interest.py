"""The interest of a year, and what corrected it, worked out again from the entries before (K5, R48)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from ledger.accounts.interest_corrections import interest_difference
from ledger.accounts.interest_history import OF_DEATH, Moved, judged, moved_by
from ledger.accounts.judged_interest import due_of_death
from ledger.book.detail import unpack
from ledger.book.interest import DayChange, Interest, rest_of, year_interest
from ledger.chart.kinds import CORRECTED, Kind
from ledger.chart.sides import Side
from ledger.policy import MissingParameter, Policy
from ledger.verify.walk import Walk, WalkedEntry

_FACTS_OF_DEATH = frozenset({Kind.DEATH, Kind.DEATH_CORRECTION, Kind.DEATH_WITHDRAWAL})
# what an entry of interest says of itself
_PARTS = ("carried_over", "current_year", "carried_over_numerator", "current_year_numerator")


def interest_is_what_is_owed(walk: Walk, line: WalkedEntry) -> str | None:
    """The interest of a year, computed again from the entries before and the policy that it names (K5)."""
    if line.kind not in {Kind.INTEREST, Kind.FURTHER_INTEREST}:
        return None
    year = line.period or 0
    part = walk.interest_posted.get(year)
    if (part is None) != (line.kind == Kind.INTEREST):
        return f"of {line.period} a part is posted already, or none yet"
    if year <= walk.interest_year or year != line.effective_on.year:
        return f"the interest of {line.period} is not due"
    policy = walk.reference.policies.get(line.policy_version)
    if policy is None:
        return None  # that the policy was changed is a finding of its own
    facts = unpack(line.detail)
    stored = Interest(
        facts["carried_over"],
        facts["current_year"],
        int(facts["carried_over_numerator"]),
        int(facts["current_year_numerator"]),
    )
    before = sum(total for known, total in walk.totals.items() if known < year)
    year_end = date(year, 12, 31)
    # a year cut short ends the day before the payout; one paid out on 31 December looks like a whole one
    ends = [line.effective_on - timedelta(days=1)]
    if line.effective_on == year_end:
        ends.insert(0, year_end)
    first = max(date(year, 1, 1), walk.opened_on)
    try:
        computed = [
            year_interest(before, walk.changes.get(year, ()), first=first, last=last, policy=policy)
            for last in ends
        ]
    except MissingParameter as missing:
        return f"the policy it names has no {missing.name} on {missing.day}"
    if part is not None:
        computed = [rest_of(whole, part) for whole in computed]
    if stored not in computed:
        return f"the interest of {year} is {computed[0]}, and not {stored}"
    parts = [fen for fen in (stored.carried_over_fen, stored.current_year_fen) if fen]
    if [fen for _, _, fen, _ in line.transfers] != parts:
        return "it moves another amount than the interest that it explains"
    return None


def interest_goes_back(walk: Walk, line: WalkedEntry) -> str | None:
    """What was posted of a year that a division had cut short goes back when that is undone (R58)."""
    if line.kind != Kind.INTEREST_BACK:
        return None
    back = unpack(line.detail)
    taken = int(back.get(CORRECTED, 0)) if line.target_seq is None else line.target_seq
    target = walk.lines.get(taken)
    if target is None or (target.kind == Kind.INTEREST_CORRECTION) != (line.target_seq is None):
        return "it takes back no interest that was posted"
    if line.target_seq is None and _went_back(walk, taken):
        return f"entry {taken} went back before"
    if (line.period, line.effective_on) != (target.period, target.effective_on):
        return f"it is of another year or day than entry {taken}"
    seq = line.seq - 1
    while seq > 1 and walk.lines[seq].kind in {Kind.INTEREST_BACK, Kind.CARRY_OVER}:
        seq -= 1
    if walk.lines[seq].kind != Kind.ESTATE_UNDO:
        return "no division was undone with it"
    if line.period != walk.interest_year:
        return f"the interest of {line.period} is not what was posted last"
    if line.transfers != tuple((there, here, fen, party) for here, there, fen, party in target.transfers):
        return f"it does not take back what entry {taken} posted"
    told = {} if line.target_seq is None else unpack(target.detail)
    if any(int(back[name]) != -int(told.get(name, 0)) for name in _PARTS):
        return f"it does not take back what entry {taken} was rounded from"
    return None


def _went_back(walk: Walk, correction: int) -> bool:
    """Whether a correction went back already: that nothing is acted on twice does not see to it."""
    backs = (one for one in walk.lines.values() if one.kind == Kind.INTEREST_BACK)
    return any(unpack(one.detail).get(CORRECTED) == correction for one in backs)


def correction_is_the_difference(walk: Walk, line: WalkedEntry) -> str | None:
    """What the interest of a year was too little or too much, by the policy that the correction names."""
    if line.kind != Kind.INTEREST_CORRECTION:
        return None
    year, policy = line.period or 0, walk.reference.policies.get(line.policy_version)
    if not walk.opened_on.year <= year <= walk.interest_year:
        return f"the interest of {line.period} was not posted"
    if policy is None:
        return None  # that the policy was changed is a finding of its own
    facts = unpack(line.detail)
    if OF_DEATH in facts:
        return _judged_anew(walk, line, year, policy, facts)
    had = sum(posted.amount_fen for posted in walk.interest.get(year, ()))
    had += sum(change.total_fen for of, change in walk.corrections if of == year)
    if facts["posted"] != had:
        return f"it says that {facts['posted']} fen were posted for {year}, and not {had}"
    told = (facts["carried_over"], facts["current_year"])
    try:
        computed = corrected_interest(walk, year, policy)
        known = judged(_history(walk))
        if known.first is not None:
            # those of before did not judge the facts of a death anew
            earned = interest_difference(
                known.history, year, opened_on=walk.opened_on, paid_out=None, policy=policy
            ).earned
            computed.append((earned.carried_over_fen, earned.current_year_fen))
    except MissingParameter as missing:
        return f"the policy it names has no {missing.name} on {missing.day}"
    if told not in computed:
        return f"the interest of {year} is {computed[0]}, and not {told}"
    change = line.change(Side.CURRENT_YEAR) + line.change(Side.CARRIED_OVER)
    wanted, left = sum(told) - had, facts.get("left", 0)
    if change + left != wanted or (left and (left > 0 or change > 0)):
        return f"it moves {change} fen, where {wanted} are the difference"
    return None


def _judged_anew(
    walk: Walk, line: WalkedEntry, year: int, policy: Policy, facts: Mapping[str, Any]
) -> str | None:
    """What the facts of a death made of a year that was posted before them, and so far posted of it (R15)."""
    fact = walk.lines.get(facts[OF_DEATH])
    if fact is None or fact.kind not in _FACTS_OF_DEATH:
        return "it names no fact of a death"
    try:
        due, posted = due_of_death(_history(walk), year, opened_on=walk.opened_on, policy=policy)
    except MissingParameter as missing:
        return f"the policy it names has no {missing.name} on {missing.day}"
    if (facts["due"], facts["posted"]) != (due, posted):
        return f"of {year} the death makes {due} fen, of which {posted} were posted"
    change = line.change(Side.CURRENT_YEAR) + line.change(Side.CARRIED_OVER)
    left = facts.get("left", 0)
    if change + left != due - posted or (left and (left > 0 or change > 0)):
        return f"it moves {change} fen, where {due - posted} are the difference"
    return None


def _history(walk: Walk) -> list[Moved]:
    return [
        moved_by(
            one.kind, one.period, one.effective_on, one.transfers, one.seq, one.target_seq, one.fact_on,
            one.detail,
        )
        for one in walk.lines.values()
    ]  # fmt: skip


def corrected_interest(walk: Walk, year: int, policy: Policy) -> list[tuple[int, int]]:
    """The interest of a posted year worked out anew, for each day on which it may have ended: carried_over
    and current_year. Of corrections those of earlier years count in its principal, and nothing else."""
    before = sum(total for known, total in walk.totals.items() if known < year)
    before -= sum(change.total_fen for _, change in walk.corrections if change.day.year < year)
    before += sum(change.total_fen for of, change in walk.corrections if of < year)
    posted = walk.interest.get(year, [])
    changes = list(walk.changes.get(year, ()))
    for _of, change in walk.corrections:
        if change.day.year == year:
            changes.remove(change)
    for one in posted:
        if one.amount_fen:
            # that interest itself earns nothing in its year
            changes.remove(DayChange(one.effective_on, 0, one.amount_fen))
    year_end = date(year, 12, 31)
    ended = posted[-1].effective_on if posted else year_end
    ends = [ended - timedelta(days=1)]
    if ended == year_end:
        ends.insert(0, year_end)
    first = max(date(year, 1, 1), walk.opened_on)
    found = [year_interest(before, changes, first=first, last=last, policy=policy) for last in ends]
    return [(one.carried_over_fen, one.current_year_fen) for one in found]
