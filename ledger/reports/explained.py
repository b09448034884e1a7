"""Every fen of a balance by what put it there: entry kind, pocket, rule and policy version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, case, func, select

from ledger import tables
from ledger.bounds.looks import SEEN_ON
from ledger.chart.kinds import Kind
from ledger.chart.sides import Side
from ledger.refusals import RefusalCode, Refused
from ledger.reports.accounts import find_book
from ledger.reports.history import CHANGES, IN_CURRENT_YEAR, KNOWN_BY_THEN, moment

# The rule (docs/rules.md) by which a kind of entry moves what it moves.
RULES: dict[Kind, str] = {
    Kind.OPENING: "R2",
    Kind.CONTRIBUTION: "R8",
    Kind.SPENDING: "R20, K6",
    Kind.HOLD: "R23",
    Kind.CAPTURE: "R23, K6",
    Kind.RELEASE: "R23",
    Kind.EXPIRY: "R23",
    Kind.REVERSAL: "R31, R32, K6",
    Kind.FREEZE: "R66",
    Kind.FREEZE_END: "R66",
    Kind.INTEREST: "R48, K5",
    Kind.CARRY_OVER: "R49",
    Kind.DEATH: "R53",
    Kind.DEATH_WITHDRAWAL: "R53",
    Kind.DEATH_CORRECTION: "R53",
    Kind.ESTATE: "R54, R57, K7",
    Kind.INHERITANCE: "R57, K7",
    Kind.ESTATE_CLAIMANTS: "R55",
    Kind.ESTATE_DISPUTE: "R56",
    Kind.ESTATE_AGREEMENT: "R55",
    Kind.ESTATE_UNDO: "R58, R68",
    Kind.INHERITANCE_BACK: "R57, R68",
    Kind.PAYOUT_ORDER: "R57",
    Kind.PAYOUT_REVIEW: "R68",
    Kind.PAYOUT: "R57",
    Kind.PAYOUT_RETURN: "R57",
    Kind.RECLASSIFICATION: "K5, K6",
    Kind.NAME_CHANGE: "R4",
    Kind.ID_NUMBER: "R4",
    Kind.MERGE: "R2, R4",
    Kind.MERGE_BACK: "R4, R31",
    Kind.CONTACT: "R1",
    Kind.SEPARATION: "R2, R4",
    Kind.IDENTITY: "R1, R4",
    Kind.ERASURE: "Q18",
    Kind.DECLARATION: "R7",
    Kind.ASSESSMENT: "R7, R9",
    Kind.ESTIMATE: "R10",
    Kind.ADJUSTMENT: "R9, R16",
    Kind.PAYMENT: "R8, R11, K4",
    Kind.CASE_STEP: "R6, R11",
    Kind.ENROLMENT: "R5",
    Kind.ENROLMENT_END: "R5",
    Kind.RETIREE_CREDIT: "R13",
    Kind.REFUND_TO_PAYER: "R16",
    Kind.SETTLEMENT: "R24, K3",
    Kind.QUOTA: "R36",
    Kind.QUOTA_END: "R36",
    Kind.MUTUAL_AID: "R37",
    Kind.AID_BACK: "R36, R42",
    Kind.CREDIT_BACK: "R15",
    Kind.CREDIT_SHORTFALL: "R16",
    Kind.INTEREST_CORRECTION: "R48, K5",
    Kind.RETIREE_CORRECTION: "R13, R16",
    Kind.VISIT: "R22",
    Kind.VISIT_END: "R22",
    Kind.FILING: "R40",
    Kind.THIRD_PARTY_CASE: "R45",
    Kind.ADVANCE: "R46",
    Kind.RECOVERY: "R47",
    Kind.MANUAL_CLAIM: "R41",
    Kind.CLAIM_DECISION: "R41",
    Kind.ANNUAL_SETTLEMENT: "R42",
    Kind.PREMIUM: "R19",
    Kind.CONTRACT: "R18",
    Kind.SUSPENSION: "R18",
    Kind.RECONCILIATION: "R34",
    Kind.CLEARING: "R34",
    Kind.CLEARING_END: "R34",
    Kind.INSTITUTION_PAYMENT: "R34",
    Kind.CORRECTION: "R30",
    Kind.CONTRACT_END: "R18",
    Kind.SUSPENSION_END: "R18",
    Kind.FILING_END: "R40",
    Kind.EMPLOYER_CLOSURE: "R5",
    Kind.EMPLOYER_REOPENING: "R5",
    Kind.EMPLOYER_CHANGE: "R5",
    Kind.EMPLOYER_MERGER: "R5",
    Kind.STAFF_MOVE: "R5",
    Kind.INSTITUTION_CHANGE: "R18, K9",
    Kind.INSTITUTION_END: "R18",
    Kind.INSTITUTION_REOPENING: "R18",
    Kind.TRANSFER_OUT: "R51",
    Kind.TRANSFER_IN: "R51",
    Kind.TRANSFER_REQUEST: "R51",
    Kind.TRANSFER_ACKNOWLEDGEMENT: "R51",
    Kind.TRANSFER_REJECTION: "R51",
    Kind.TRANSFER_SUPPLEMENT: "R33, R51",
    Kind.SUSPENSE_RELEASE: "R15",
    Kind.EXIT: "R52",
    Kind.DEMAND: "R67",
    Kind.INSTALMENT: "R67",
    Kind.FURTHER_INTEREST: "R48, K5",
    Kind.INTEREST_BACK: "R48, R58",
    Kind.SET_OFF: "R67",
    Kind.REGISTER_ROW: "R65",
}

_LINES = (
    select(
        CHANGES.kind,
        CHANGES.policy_version,
        tables.policy.c.hash,
        func.sum(case((CHANGES.current_year != 0, 1), else_=0)),
        func.sum(CHANGES.current_year),
        func.sum(case((CHANGES.carried_over != 0, 1), else_=0)),
        func.sum(CHANGES.carried_over),
        IN_CURRENT_YEAR,
    )
    .select_from(
        CHANGES.kind.table.outerjoin(tables.policy, tables.policy.c.version == CHANGES.policy_version)
    )
    .where(KNOWN_BY_THEN)
    .group_by(CHANGES.kind, CHANGES.policy_version, tables.policy.c.hash)
    .order_by(CHANGES.kind, CHANGES.policy_version)
)


@dataclass(frozen=True, slots=True)
class ExplainLine:
    """What entries of one kind, under one policy version, did to one pocket: `amount_fen`, signed."""

    kind: Kind
    pocket: Side
    rule: str
    policy_version: int | None
    policy_hash: str | None
    entries: int
    amount_fen: int


def explain(
    connection: Connection,
    book_id: int,
    *,
    as_of: date | None = None,
    as_known: datetime | None = None,
    now: datetime,
    today: date,
) -> list[ExplainLine]:
    """Why the balance of that day is what it is: lines whose sum per pocket is what `balance` shows.

    They are what the entries moved, pocket by pocket. A turn of the year that no entry has written, because
    nothing was posted since or because the day lies before the entry's other half, is a line of kind
    `carry_over` with no entries and no policy, one for each pocket.

    Raises Refused(account_not_found), and Refused(period_invalid) for a day or an instant to come.
    """
    find_book(connection, book_id)
    if as_of is not None and as_of > today:
        SEEN_ON.admit(as_of, today, "as_of")
    if as_known is not None and as_known > now:
        raise Refused(RefusalCode.PERIOD_INVALID, at="as_known", latest=today)
    rows = connection.execute(_LINES, moment(book_id, as_of or today, as_known or now)).all()
    lines: list[ExplainLine] = []
    unwritten = 0
    for number, version, policy_hash, to_current, current, to_carried, carried, shown in rows:
        kind = Kind(number)
        unwritten += int(shown) - int(current)
        for pocket, entries, fen in (
            (Side.CURRENT_YEAR, to_current, current),
            (Side.CARRIED_OVER, to_carried, carried),
        ):
            if entries:
                lines.append(
                    ExplainLine(kind, pocket, RULES[kind], version, policy_hash, int(entries), int(fen))
                )
    if unwritten:
        rule = RULES[Kind.CARRY_OVER]
        for pocket, fen in ((Side.CURRENT_YEAR, unwritten), (Side.CARRIED_OVER, -unwritten)):
            lines.append(ExplainLine(Kind.CARRY_OVER, pocket, rule, None, None, 0, fen))
    return sorted(lines, key=lambda line: line.pocket)
