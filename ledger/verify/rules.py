"""What must be true of every entry of a book, given all before it.

A rule looks at the walk so far and at one entry and says what is wrong, or None. They are asked in order and
the first answer is the finding, so a later rule may rely on the ones before it: nothing looks into the detail
of an entry before its digest is right.
"""

from __future__ import annotations

from collections.abc import Callable

from ledger.book.detail import unpack
from ledger.book.numbers import is_institution, parse_entry_name, party_of
from ledger.chart.kinds import BOOKED_AGAIN, MOVES, REOPENS, Kind
from ledger.chart.matrix import Stage
from ledger.chart.parties import Party
from ledger.chart.sides import POCKETS, Side
from ledger.clock import day_of
from ledger.months import period_of
from ledger.verify.interest import (
    correction_is_the_difference,
    interest_goes_back,
    interest_is_what_is_owed,
)
from ledger.verify.leaving import LEAVES, leaves_as_it_may
from ledger.verify.targets import target_fits, target_kind
from ledger.verify.walk import Walk, WalkedEntry

EntryRule = Callable[[Walk, WalkedEntry], str | None]

_KINDS = frozenset(int(kind) for kind in Kind)
_CLOSES_HOLD = frozenset({Kind.CAPTURE, Kind.RELEASE, Kind.EXPIRY})
# what is about care, and needs no account
_OF_CARE = frozenset({
    Kind.SETTLEMENT, Kind.REVERSAL, Kind.VISIT, Kind.VISIT_END, Kind.FILING, Kind.FILING_END, Kind.ADVANCE,
    Kind.THIRD_PARTY_CASE, Kind.RECOVERY, Kind.MANUAL_CLAIM, Kind.CLAIM_DECISION, Kind.ANNUAL_SETTLEMENT,
})  # fmt: skip
# what the books of others are about; all other kinds belong into the account of a person
_KINDS_OF: dict[Party | None, frozenset[Kind]] = {
    Party.EMPLOYER: frozenset({
        Kind.OPENING, Kind.DECLARATION, Kind.ASSESSMENT, Kind.ESTIMATE, Kind.ADJUSTMENT, Kind.PAYMENT,
        Kind.REFUND_TO_PAYER, Kind.CASE_STEP, Kind.REVERSAL, Kind.EMPLOYER_CLOSURE, Kind.EMPLOYER_REOPENING,
        Kind.EMPLOYER_CHANGE, Kind.EMPLOYER_MERGER, Kind.STAFF_MOVE, Kind.CREDIT_SHORTFALL,
        Kind.SUSPENSE_RELEASE,
    }),
    Party.INSTITUTION: frozenset({
        Kind.OPENING, Kind.CONTRACT, Kind.CONTRACT_END, Kind.SUSPENSION, Kind.SUSPENSION_END,
        Kind.RECONCILIATION, Kind.CLEARING, Kind.CLEARING_END, Kind.INSTITUTION_PAYMENT, Kind.CORRECTION,
        Kind.INSTITUTION_CHANGE, Kind.INSTITUTION_END, Kind.INSTITUTION_REOPENING,
    }),
    Party.RESIDENT: frozenset({Kind.OPENING, Kind.ENROLMENT, Kind.ENROLMENT_END, Kind.IDENTITY}) | _OF_CARE,
    Party.REGISTER: frozenset({Kind.OPENING, Kind.REGISTER_ROW}),
}  # fmt: skip
_OF_OTHERS_ALONE = (
    _KINDS_OF[Party.EMPLOYER] | _KINDS_OF[Party.INSTITUTION] | _KINDS_OF[Party.REGISTER]
) - {
    Kind.OPENING, Kind.REFUND_TO_PAYER, Kind.REVERSAL,
}  # fmt: skip
# what may stand in a book because of a command about another one, under the policy of that one's area
_OF_ANOTHER_BOOK = frozenset({
    Kind.INHERITANCE, Kind.MUTUAL_AID, Kind.REVERSAL, Kind.CARRY_OVER, Kind.EXPIRY, Kind.ESTATE,
    Kind.RECLASSIFICATION, Kind.QUOTA_END, Kind.SET_OFF, Kind.AID_BACK,
    # of staff that goes on with another employer
    Kind.ENROLMENT, Kind.ENROLMENT_END,
    Kind.INHERITANCE_BACK,
    # what an employer of another area paid for somebody who had died
    Kind.ADJUSTMENT, Kind.REFUND_TO_PAYER,
    Kind.MERGE, Kind.MERGE_BACK, Kind.CREDIT_BACK, Kind.EXIT, Kind.TRANSFER_OUT, Kind.TRANSFER_SUPPLEMENT,
})  # fmt: skip
# what comes back of an advance goes to the fund, whatever became of the account; what comes to the account
# is set against what the estate still owes, and then goes to the heirs
_AFTER_CLOSING = frozenset({
    Kind.REVERSAL, Kind.CARRY_OVER, Kind.ESTATE, Kind.RECOVERY, Kind.SET_OFF,
    Kind.ANNUAL_SETTLEMENT, Kind.AID_BACK, Kind.CONTRIBUTION, Kind.ESTATE_UNDO, Kind.INHERITANCE_BACK,
    Kind.INTEREST_CORRECTION, Kind.MERGE, Kind.PAYOUT_ORDER, Kind.PAYOUT_REVIEW, Kind.PAYOUT,
    Kind.PAYOUT_RETURN,
    # whose it was is said of a closed book too, and that nobody knows any more
    Kind.IDENTITY, Kind.ERASURE,
    # and of one that was left otherwise it follows the money
    Kind.EXIT, Kind.TRANSFER_OUT, Kind.TRANSFER_SUPPLEMENT, Kind.TRANSFER_REJECTION,
})  # fmt: skip
# of one that went into another, what is taken back of what it had, a claim that is decided anew, and what is
# paid of a demand that is open again
_AFTER_A_MERGE = _AFTER_CLOSING | frozenset({
    Kind.MERGE_BACK, Kind.CREDIT_BACK, Kind.REFUND_TO_PAYER, Kind.CLAIM_DECISION, Kind.INSTALMENT,
    Kind.RETIREE_CORRECTION,
})  # fmt: skip
# what is said of an estate before it is divided
_OF_AN_UNDIVIDED_ESTATE = frozenset({
    Kind.ESTATE_CLAIMANTS, Kind.ESTATE_DISPUTE, Kind.ESTATE_AGREEMENT,
})  # fmt: skip
_OF_PAYOUTS = frozenset({Kind.PAYOUT_ORDER, Kind.PAYOUT_REVIEW, Kind.PAYOUT, Kind.PAYOUT_RETURN})
_NEEDS_A_LIVING_PERSON = frozenset({Kind.HOLD, Kind.DEATH, Kind.INHERITANCE, Kind.QUOTA, Kind.MUTUAL_AID})


def follows(walk: Walk, line: WalkedEntry) -> str | None:
    """The digest covers the one before it and the content."""
    if line.digest_behind(walk.head) != line.digest:
        return "the digest does not follow from the one before and the content"
    return None


def is_of_a_known_kind(_walk: Walk, line: WalkedEntry) -> str | None:
    if line.kind not in _KINDS:
        return f"there is no kind {line.kind}"
    if (line.seq == 1) != (line.kind == Kind.OPENING):
        return "a book begins with its opening, and has one"
    return None


def is_in_such_a_book(walk: Walk, line: WalkedEntry) -> str | None:
    party = party_of(walk.book_id)
    fits = line.kind in _KINDS_OF[party] if party in _KINDS_OF else line.kind not in _OF_OTHERS_ALONE
    if not fits:
        return f"a {Kind(line.kind).word} in the book of such a party"
    if not walk.has_pockets and any(POCKETS & {source, target} for source, target, _, _ in line.transfers):
        return "only the account of a person has pockets"
    return None


def moves_what_its_kind_moves(walk: Walk, line: WalkedEntry) -> str | None:
    allowed = MOVES.get(Kind(line.kind), frozenset())
    for source, target, fen, party in line.transfers:
        if fen <= 0 or (source, target) not in allowed:
            return f"a {Kind(line.kind).word} does not move {fen} fen from side {source} to side {target}"
        if Side.INSTITUTION_PAYABLE in {source, target} and party not in walk.reference.institutions:
            return "the institution that is paid is not known"
        if Side.ESTATE_PAYABLE in {source, target} and party is None and not _is_the_states(walk, line):
            return "money of an estate belongs to nobody"
    return None


def _is_the_states(walk: Walk, line: WalkedEntry) -> bool:
    """Whether it is, or takes back, an estate that nobody inherited."""
    estate = walk.lines.get(line.target_seq or 0) if line.kind == Kind.ESTATE_UNDO else line
    return (
        estate is not None
        and estate.kind == Kind.ESTATE
        and unpack(estate.detail).get("unclaimed_to") == "state"
    )


def balances_follow(walk: Walk, line: WalkedEntry) -> str | None:
    for side, before, after in (
        (Side.CURRENT_YEAR, walk.current_year, line.current_year_after),
        (Side.CARRIED_OVER, walk.carried_over, line.carried_over_after),
    ):
        if before + line.change(side) != after:
            return (
                f"{side.name.lower()} is {after} after it, its transfers make it {before + line.change(side)}"
            )
        if after < 0:
            return f"{side.name.lower()} is below zero after it"
    return None


def document_is_new(walk: Walk, line: WalkedEntry) -> str | None:
    """A document makes one entry of a kind, until that is reversed."""
    if line.kind in BOOKED_AGAIN and (line.kind, line.source_ref) in walk.documents:
        return "its document was booked before"
    return None


def holds_follow(walk: Walk, line: WalkedEntry) -> str | None:
    held, reserved = line.held_change, line.reserved_change
    if line.kind == Kind.HOLD:
        fits = held is not None and held > 0
    elif line.kind in _CLOSES_HOLD:
        fits = held is not None and held < 0
    else:
        fits = held is None
    if not fits or not _fits_the_quotas(walk, line):
        return f"a {Kind(line.kind).word} does not change the holds by {held} and the quotas by {reserved}"
    set_aside = walk.held + (held or 0) + walk.reserved + (reserved or 0)
    if walk.held + (held or 0) < 0 or walk.reserved + (reserved or 0) < 0:
        return "the holds, or the quotas, are below zero after it"
    if set_aside > line.current_year_after + line.carried_over_after:
        return "more is held and reserved after it than there is"
    return None


def _fits_the_quotas(walk: Walk, line: WalkedEntry) -> bool:
    """Whether an entry changes what is reserved as its kind does; each quota is asked for in aid.py."""
    reserved = line.reserved_change
    if line.kind == Kind.QUOTA:
        return reserved is not None and reserved > 0
    if line.kind == Kind.QUOTA_END:
        return reserved is None or reserved < 0
    if line.kind == Kind.MUTUAL_AID:
        return reserved == -line.amount_fen and line.amount_fen != 0
    if line.kind == Kind.REVERSAL and (
        target_kind(walk, line) == Kind.QUOTA or _of_an_open_quota(walk, line)
    ):
        return reserved is None or reserved < 0
    if line.kind == Kind.REVERSAL and target_kind(walk, line) == Kind.MUTUAL_AID:
        # into the quota, or free when the quota has ended since
        return reserved is None or 0 <= reserved <= line.amount_fen
    if line.kind == Kind.REVERSAL and REOPENS in unpack(line.detail):
        ended = walk.lines[line.target_seq or 0].reserved_change
        return (reserved or 0) == -(ended or 0)
    if line.kind == Kind.AID_BACK:
        # below zero where it is claimed again
        return reserved is None or reserved == line.change(Side.CURRENT_YEAR) + line.change(Side.CARRIED_OVER)
    return reserved is None


def _of_an_open_quota(walk: Walk, line: WalkedEntry) -> bool:
    """Whether it takes back a quota that was opened again, by what opened it."""
    target = walk.lines.get(line.target_seq or 0)
    return target is not None and target.kind == Kind.REVERSAL and REOPENS in unpack(target.detail)


def dates_fit(walk: Walk, line: WalkedEntry) -> str | None:
    day = line.effective_on
    if walk.recorded_at is not None and line.recorded_at < walk.recorded_at:
        return "it was recorded before the entry before it"
    if line.kind != Kind.OPENING and day < walk.opened_on:
        return "its value date is before the opening"
    if day > day_of(line.recorded_at):
        return "its value date is after the day on which it was recorded"
    if line.fact_on is not None and line.fact_on > day:
        return "the day of the late fact is after its value date"
    if line.kind == Kind.CARRY_OVER and (day.month, day.day) != (1, 1):
        return "a year is carried over on 1 January"
    return None


def fits_the_stage(walk: Walk, line: WalkedEntry) -> str | None:
    after = _AFTER_A_MERGE if walk.is_merged else _AFTER_CLOSING
    if walk.stage == Stage.CLOSED and line.kind not in after:
        return f"a {Kind(line.kind).word} in a closed account"
    if walk.stage == Stage.DECEASED and line.kind in _NEEDS_A_LIVING_PERSON:
        return f"a {Kind(line.kind).word} after the report of death"
    if line.kind in _OF_AN_UNDIVIDED_ESTATE and walk.stage != Stage.DECEASED:
        return f"a {Kind(line.kind).word} in the account of somebody alive"
    if line.kind in _OF_PAYOUTS and walk.stage != Stage.CLOSED:
        return f"a {Kind(line.kind).word} of an estate that was not divided"
    if line.kind == Kind.ESTATE_UNDO and walk.stage != Stage.CLOSED:
        return "an estate that was not divided is taken back"
    if line.kind in {Kind.DEATH_CORRECTION, Kind.DEATH_WITHDRAWAL}:
        if walk.stage != Stage.DECEASED or line.target_seq != walk.death_fact:
            return f"a {Kind(line.kind).word} of no death that stands"
        if line.kind == Kind.DEATH_CORRECTION:
            told, known = unpack(line.detail), walk.died_on
            if known is None or told["was"] != known.isoformat() or told["died_on"] == told["was"]:
                return "it corrects another day than the one that was known"
    if line.kind in LEAVES:
        return leaves_as_it_may(walk, line)
    if line.kind == Kind.ESTATE:
        if walk.stage != (Stage.DECEASED if line.target_seq is None else Stage.CLOSED):
            return "an estate is divided once, after the report of death; what comes later names its reversal"
        if line.current_year_after or line.carried_over_after or walk.held or walk.reserved:
            return "an estate leaves nothing behind"
    if line.kind == Kind.MERGE and line.source_ref is None:
        if walk.stage != (Stage.ACTIVE if line.target_seq is None else Stage.CLOSED):
            return "an account goes into another once, while its holder lives; what comes later names it"
        if line.current_year_after or line.carried_over_after or walk.held or walk.reserved:
            return "an account that goes into another leaves nothing behind"
    if (wrong := _called_back(walk, line)) is not None:
        return wrong
    # of an account that went into another one, that one knows of the death
    dead = line.kind == Kind.CREDIT_BACK and walk.stage != Stage.CLOSED
    if dead and (walk.died_on is None or (line.period or 0) <= period_of(walk.died_on)):
        return "a credit goes back that was not for a month after death"
    return None


def _called_back(walk: Walk, line: WalkedEntry) -> str | None:
    """Money is called back out of an open account for a closed one, which it leaves at once."""
    before = walk.lines.get(walk.last_seq)
    arrived = before is not None and before.kind == Kind.MERGE_BACK and before.source_ref is not None
    if arrived and (line.current_year_after or line.carried_over_after):
        return "what was called back stays in an account that went into another"
    if line.kind == Kind.MERGE_BACK and (walk.stage == Stage.CLOSED) != (line.source_ref is not None):
        return "money is called back for an account that is closed, out of one that is not"
    return None


def corrects_a_credit(walk: Walk, line: WalkedEntry) -> str | None:
    """The difference to a retiree's credit is that of a month which was credited before (R13)."""
    if line.kind != Kind.RETIREE_CORRECTION:
        return None
    credit = walk.lines.get(unpack(line.detail)["credit"])
    if credit is None or credit.seq >= line.seq or credit.period != line.period:
        return "it corrects no credit of its month"
    # one that came again acts on what had taken it back
    back = walk.lines.get(credit.target_seq or 0) if credit.kind == Kind.REVERSAL else None
    came_again = back is not None and back.kind == Kind.CREDIT_BACK
    if credit.kind not in {Kind.RETIREE_CREDIT, Kind.RETIREE_CORRECTION} and not came_again:
        return f"entry {credit.seq} is no retiree's credit"
    return None


def names_what_is_known(walk: Walk, line: WalkedEntry) -> str | None:
    known = walk.reference
    if party_of(walk.book_id) is Party.REGISTER:
        # what is known by it must not hang on what it says
        named = line.policy_version or line.caller or line.actor
        return "a register is nobody's, and by no policy" if named else None
    area = unpack(line.detail)["area"] if line.kind == Kind.OPENING else walk.area
    # an institution of another area has a contract here, and that area no policy
    foreign = is_institution(walk.book_id) and line.policy_version == 0
    its_area = known.areas.get(line.policy_version)
    if not foreign and its_area != area and (its_area is None or line.kind not in _OF_ANOTHER_BOOK):
        return f"there is no policy version {line.policy_version} of its area"
    if line.caller not in known.agents or line.actor not in known.agents:
        return "the caller or the actor is not known"
    return None


def moves_between_pockets_fit(walk: Walk, line: WalkedEntry) -> str | None:
    """Money moves between the pockets for a debit dated back that follows at once, or for a reversal that
    undid one and stands before it, and only so (K5, K6).
    """
    if line.kind == Kind.RECLASSIFICATION:
        told = unpack(line.detail)
        if "reversal" in told:
            return _moved_after(walk, line, told["reversal"])
        named = parse_entry_name(told["debit"])
        if named is None or named[0] != walk.book_id or named[1] <= line.seq:
            return "it is for no debit that follows it"
        walk.moved_for.setdefault(named[1], []).append((line.effective_on, line.amount_fen))
        return None
    if walk.moved_for and line.kind != Kind.CARRY_OVER:
        moved = walk.moved_for.pop(line.seq, None)
        taken = -line.change(Side.CURRENT_YEAR) - line.change(Side.CARRIED_OVER)
        if moved is None or any(day <= line.effective_on or fen > taken for day, fen in moved):
            return "what was moved between the pockets before it was not moved for it"
    return None


def _moved_after(walk: Walk, line: WalkedEntry, name: str) -> str | None:
    """It comes right after the reversal that it names, turns of years and moves of the same aside."""
    named = parse_entry_name(name)
    seq = line.seq - 1
    while seq in walk.lines and walk.lines[seq].kind in {Kind.RECLASSIFICATION, Kind.CARRY_OVER}:
        seq -= 1
    before = walk.lines.get(seq)
    if named != (walk.book_id, seq) or before is None or before.kind != Kind.REVERSAL or walk.moved_for:
        return "it is for no reversal that it follows"
    given = before.change(Side.CURRENT_YEAR) + before.change(Side.CARRIED_OVER)
    if line.effective_on <= before.effective_on or line.amount_fen > given:
        return "it moves more than its reversal gave back, or before it"
    return None


# In the order in which they are asked; each with the code of its finding.
ENTRY_RULES: tuple[tuple[str, EntryRule], ...] = (
    ("digest_broken", follows),
    ("kind_wrong", is_of_a_known_kind),
    ("kind_wrong", is_in_such_a_book),
    ("reference_unknown", names_what_is_known),
    ("move_not_allowed", moves_what_its_kind_moves),
    ("balance_wrong", balances_follow),
    ("date_wrong", dates_fit),
    ("stage_wrong", fits_the_stage),
    ("target_wrong", target_fits),
    ("target_wrong", corrects_a_credit),
    ("document_twice", document_is_new),
    ("hold_wrong", holds_follow),
    ("move_not_allowed", moves_between_pockets_fit),
    ("interest_wrong", interest_is_what_is_owed),
    ("interest_wrong", correction_is_the_difference),
    ("interest_wrong", interest_goes_back),
)
