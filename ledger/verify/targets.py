"""What an entry may point at: its target is of a kind that it can act on, and not acted on before."""

from __future__ import annotations

from ledger.book.detail import unpack
from ledger.chart.kinds import (
    AGAIN,
    BOOKED_AGAIN,
    CREDIT,
    CREDITS,
    ENDS,
    REOPENS,
    REVERSIBLE,
    REVERSIBLE_FACTS,
    REVERSIBLE_OF_CARE,
    Kind,
)
from ledger.chart.matrix import Stage
from ledger.chart.sides import POCKETS, Side
from ledger.verify.walk import Walk, WalkedEntry

# what may act on the reversal of its like, and else acts on nothing
_AGAIN = BOOKED_AGAIN - {Kind.CAPTURE}
# by which money of a closed account goes on, and which closed it before on no entry's account
_GOES_ON = frozenset({Kind.ESTATE, Kind.MERGE, Kind.EXIT, Kind.TRANSFER_OUT})
# stands for either pocket
_POCKET = 0
# what an entry of a kind may point at; a kind that is missing points at nothing
_TARGETS: dict[int, frozenset[Kind]] = {
    Kind.REVERSAL: REVERSIBLE
    | REVERSIBLE_OF_CARE
    | {Kind.SETTLEMENT, Kind.MUTUAL_AID, Kind.ESTIMATE, Kind.SET_OFF, Kind.PAYMENT}
    # what was ended is taken back with its end
    | REVERSIBLE_FACTS
    | ENDS.keys()
    # of a death that was none, or of another day
    | {Kind.CREDIT_BACK, Kind.REFUND_TO_PAYER, Kind.MERGE_BACK, Kind.QUOTA_END}
    # what opened a quota again, when the quota itself is taken back; what gave a credit again, when it is
    | {Kind.REVERSAL}
    | {Kind.DEMAND, Kind.INSTALMENT},
    Kind.CAPTURE: frozenset({Kind.HOLD}),
    Kind.RELEASE: frozenset({Kind.HOLD}),
    Kind.EXPIRY: frozenset({Kind.HOLD}),
    # a document that was taken back is booked again
    **dict.fromkeys(_AGAIN, frozenset({Kind.REVERSAL})),
    Kind.FREEZE_END: frozenset({Kind.FREEZE}),
    # of later money it may be what was set off of it
    Kind.ESTATE_UNDO: frozenset({Kind.ESTATE, Kind.SET_OFF}),
    Kind.INTEREST_BACK: frozenset({Kind.INTEREST, Kind.FURTHER_INTEREST}),
    Kind.PAYOUT_REVIEW: frozenset({Kind.PAYOUT_ORDER}),
    Kind.PAYOUT: frozenset({Kind.PAYOUT_REVIEW}),
    Kind.PAYOUT_RETURN: frozenset({Kind.PAYOUT}),
    **dict.fromkeys(
        _GOES_ON,
        frozenset(
            {
                Kind.REVERSAL,
                Kind.ANNUAL_SETTLEMENT,
                Kind.AID_BACK,
                Kind.CONTRIBUTION,
                # what came from an account that went into this one
                Kind.MERGE,
                Kind.INTEREST_CORRECTION,
                Kind.RETIREE_CORRECTION,
            }
        ),
    ),
    Kind.ASSESSMENT: frozenset({Kind.DECLARATION}),
    Kind.ENROLMENT_END: frozenset({Kind.ENROLMENT, Kind.ENROLMENT_END}),
    # or what opened it again
    Kind.QUOTA_END: frozenset({Kind.QUOTA, Kind.REVERSAL}),
    Kind.DEATH_CORRECTION: frozenset({Kind.DEATH, Kind.DEATH_CORRECTION}),
    Kind.DEATH_WITHDRAWAL: frozenset({Kind.DEATH, Kind.DEATH_CORRECTION}),
    Kind.VISIT_END: frozenset({Kind.VISIT}),
    # what a payment that was taken back had brought, and a correction takes back without naming it
    Kind.REFUND_TO_PAYER: frozenset({Kind.CONTRIBUTION}),
    # or what came again of it, once it had gone back
    Kind.CREDIT_BACK: frozenset({Kind.RETIREE_CREDIT, Kind.CONTRIBUTION, Kind.REVERSAL}),
    # or, once a decision was taken back, on what did that
    Kind.CLAIM_DECISION: frozenset({Kind.MANUAL_CLAIM, Kind.REVERSAL}),
    Kind.CLEARING_END: frozenset({Kind.CLEARING}),
    Kind.CONTRACT_END: frozenset({Kind.CONTRACT}),
    Kind.SUSPENSION_END: frozenset({Kind.SUSPENSION}),
    Kind.FILING_END: frozenset({Kind.FILING}),
    Kind.INSTITUTION_PAYMENT: frozenset({Kind.CLEARING}),
}


def target_kind(walk: Walk, line: WalkedEntry) -> int | None:
    target = None if line.target_seq is None else walk.lines.get(line.target_seq)
    return None if target is None else target.kind


def target_fits(walk: Walk, line: WalkedEntry) -> str | None:
    """What it points at is there, is of a kind it can act on, was not acted on before, and matches."""
    fitting = _TARGETS.get(line.kind)
    if line.target_seq is None:
        # a correction that goes back is named otherwise: what it brought acts on it
        free = fitting is None or line.kind in {
            Kind.REFUND_TO_PAYER,
            Kind.INTEREST_BACK,
            *_GOES_ON,
            *_AGAIN,
        }
        return None if free else "it acts on no entry"
    target = walk.lines.get(line.target_seq)
    if fitting is None or target is None or target.kind not in fitting:
        return f"it cannot act on entry {line.target_seq}"
    if line.target_seq in walk.acted_on:
        return f"entry {line.target_seq} was acted on before"
    if line.kind == Kind.REVERSAL and target.kind == Kind.REVERSAL and REOPENS not in unpack(target.detail):
        return _takes_what_came_again(walk, line, target)
    if line.kind == Kind.REVERSAL:
        return _donation_comes_back(walk, line, target) or _mirrors(walk, line, target)
    if line.kind in _AGAIN:
        first = walk.in_force_by(walk.lines[target.target_seq or 0])
        if (first.kind, first.source_ref) != (line.kind, line.source_ref):
            return f"it is not the document that entry {target.seq} took back"
    if line.kind == Kind.CLAIM_DECISION:
        return _decides(walk, line, target)
    if line.kind == Kind.CREDIT_BACK:
        return _goes_back(walk, line, target)
    if line.kind == Kind.REFUND_TO_PAYER:
        fits = line.amount_fen <= target.amount_fen and line.period == target.period
        return None if fits else f"it gives back more than entry {target.seq} brought, or of another month"
    if line.kind == Kind.QUOTA_END and target.kind == Kind.REVERSAL:
        opened = walk.lines[target.target_seq or 0]
        if opened.kind != Kind.QUOTA_END or unpack(line.detail)["quota"] != unpack(target.detail)["quota"]:
            return f"entry {target.seq} opened no such quota again"
    if target.kind == Kind.HOLD:
        if line.held_change != -(target.held_change or 0):
            return f"it does not close the hold of entry {target.seq} as a whole"
        if line.kind == Kind.CAPTURE:
            released = unpack(line.detail).get("released", 0)
            if line.amount_fen + released != target.held_change or released < 0:
                return f"what it captures and releases is not the hold of entry {target.seq}"
    return None


def _donation_comes_back(walk: Walk, line: WalkedEntry, target: WalkedEntry) -> str | None:
    """What annual settlements gave back of a donation before does not come back again, and is told."""
    before = walk.returned.get(target.seq, 0)
    if target.kind == Kind.MUTUAL_AID and unpack(line.detail).get("came_back", 0) != before:
        return f"of entry {target.seq} {before} fen came back before, and it does not say so"
    return None


def _mirrors(walk: Walk, line: WalkedEntry, target: WalkedEntry) -> str | None:
    if target.kind == Kind.ESTIMATE:
        # it moved nothing: what goes back, out of the fund, is the fee that was paid of it
        fits = all(source == Side.POOLED_FUND for source, *_ in line.transfers)
        return None if fits and line.period == target.period else f"it does not undo entry {target.seq}"
    if target.kind == Kind.PAYMENT:
        # where it went is what the lines beside it say; all that came by bank goes back to it
        brought, went = -target.change(Side.BANK), line.change(Side.BANK)
        fits = brought == went and line.period == target.period
        return None if fits else f"it gives back {went} fen of entry {target.seq}, which brought {brought}"
    before = walk.returned.get(target.seq, 0)
    if line.amount_fen + before != target.amount_fen:
        return f"it reverses {line.amount_fen} fen of entry {target.seq}, which moved {target.amount_fen}"
    came = {
        (back, there, party): fen - before
        for (there, back, party), fen in _summed(target).items()
        if fen != before
    }
    taken = _out_of_account(walk, line) if target.kind in CREDITS else _summed(line)
    if taken != came or line.period != target.period:
        return f"it does not mirror entry {target.seq}"
    if target.kind in {Kind.SETTLEMENT, Kind.MUTUAL_AID, Kind.SET_OFF}:
        same_year = line.effective_on.year == target.effective_on.year
        current_year = -target.change(Side.CURRENT_YEAR) if same_year else 0
        if before and same_year:
            # it had come back to the pocket that paid last first
            current_year -= max(before + target.change(Side.CARRIED_OVER), 0)
        if line.change(Side.CURRENT_YEAR) != current_year:
            return f"it does not give back to the pockets what entry {target.seq} took from them"
    return None


def _takes_what_came_again(walk: Walk, line: WalkedEntry, target: WalkedEntry) -> str | None:
    """A credit that a mistaken death took back and gave again goes back whole, out of the pockets, also what
    was owed of it while its holder counted as dead.
    """
    credit = walk.in_force_by(target)
    if credit is target or AGAIN not in unpack(target.detail):
        return f"it cannot act on entry {target.seq}"
    if unpack(line.detail).get(CREDIT) != credit.seq:
        return f"it takes back the credit of entry {credit.seq}, and does not say so"
    brought = {(_POCKET, source, party): fen for (source, _there, party), fen in _summed(credit).items()}
    if _out_of_account(walk, line) != brought or line.period != credit.period:
        return f"it does not mirror entry {credit.seq}"
    return None


def _decides(walk: Walk, line: WalkedEntry, target: WalkedEntry) -> str | None:
    """A decision is about a claim; one after another that was taken back says which."""
    first: WalkedEntry | None = target
    while first is not None and first.kind in {Kind.REVERSAL, Kind.CLAIM_DECISION}:
        first = walk.lines.get(first.target_seq or 0)
    if first is None or first.kind != Kind.MANUAL_CLAIM:
        return f"entry {target.seq} took no decision about a claim back"
    if unpack(line.detail).get("claim") != (None if first is target else first.seq):
        return f"it is about the claim of entry {first.seq}, and does not say so"
    return None


def _goes_back(walk: Walk, line: WalkedEntry, target: WalkedEntry) -> str | None:
    """All of a credit goes back where it came from: from the account, and what that lacks as a receivable."""
    if target.kind == Kind.REVERSAL and walk.lines[target.target_seq or 0].kind != Kind.CREDIT_BACK:
        return f"entry {target.seq} gave no credit again"
    came_from = {source for source, _target, _fen, _party in target.transfers}
    goes_to = {there for _source, there, _fen, _party in line.transfers}
    if line.amount_fen != target.amount_fen or goes_to != came_from or line.period != target.period:
        return f"it does not give back entry {target.seq}"
    return None


def _out_of_account(walk: Walk, line: WalkedEntry) -> dict[tuple[int, int, int | None], int]:
    """What the reversal of a credit takes, together with what the account of somebody who has died or left no
    longer has, and its holder owes.
    """
    sums = _summed(line)
    for (source, target, party), fen in list(sums.items()):
        if source == Side.RECEIVABLE and party == walk.book_id and walk.stage != Stage.ACTIVE:
            del sums[source, target, party]
            # what an employer paid goes back otherwise, so nobody is named
            sums[_POCKET, target, None] = sums.get((_POCKET, target, None), 0) + fen
    return sums


def _summed(line: WalkedEntry) -> dict[tuple[int, int, int | None], int]:
    """What an entry moves from where to where, the pockets taken for one."""
    sums: dict[tuple[int, int, int | None], int] = {}
    for source, target, fen, party in line.transfers:
        key = (_POCKET if source in POCKETS else source, _POCKET if target in POCKETS else target, party)
        sums[key] = sums.get(key, 0) + fen
    return sums
