"""What is allowed when: life stages, statuses, verbs, and the matrix of what each status lets through.

Numbers in this folder are stored in the database: they are only ever added, never changed or used again.
"""

from enum import Enum, IntEnum

from ledger.refusals import RefusalCode


class Stage(IntEnum):
    """The life of an account. Only forward, but for a death that is withdrawn.

    Closed is for ever (R58), but for an estate that was confirmed in error.
    """

    ACTIVE = 1
    DECEASED = 2
    TRANSFERRING = 3
    CLOSED = 4


class Status(Enum):
    """What callers see: life stage first, then freezes, then enrolment."""

    ACTIVE = "active"
    PAUSED = "paused"
    FROZEN = "frozen"
    DECEASED = "deceased"
    TRANSFERRING = "transferring"
    CLOSED = "closed"


STAGE_STATUS: dict[int, Status] = {
    Stage.ACTIVE: Status.ACTIVE,
    Stage.DECEASED: Status.DECEASED,
    Stage.TRANSFERRING: Status.TRANSFERRING,
    Stage.CLOSED: Status.CLOSED,
}


class Verb(Enum):
    """What somebody wants to do to an account; a row of the matrix."""

    CONTRIBUTION = "contribution"
    SPENDING = "spending"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    REVERSAL = "reversal"
    INTEREST = "interest"
    FREEZE = "freeze"
    FREEZE_END = "freeze_end"
    DEATH = "death"
    DEATH_WITHDRAWAL = "death_withdrawal"
    DEATH_CORRECTION = "death_correction"
    ESTATE = "estate"
    ESTATE_UNDO = "estate_undo"
    INHERITANCE = "inheritance"
    ENROLMENT = "enrolment"
    RETIREE_CREDIT = "retiree_credit"
    SETTLEMENT = "settlement"
    MUTUAL_AID = "mutual_aid"
    QUOTA_END = "quota_end"
    # what the agency does about a person's care beside a settlement: visits, filings, claims, cases
    CARE_CASE = "care_case"
    ANNUAL_SETTLEMENT = "annual_settlement"
    # of the person's file
    NAME_CHANGE = "name_change"
    ID_NUMBER = "id_number"
    CONTACT = "contact"
    MERGE = "merge"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"
    EXIT = "exit"
    DEMAND = "demand"


class Rule(Enum):
    """A cell of the matrix that is neither a plain yes nor a refusal."""

    YES = "yes"
    # taken for periods and value dates up to the end of life, refused after it
    UNTIL_DEATH = "until_death"


_CLOSED = RefusalCode.ACCOUNT_CLOSED
_DECEASED = RefusalCode.ACCOUNT_DECEASED
_FROZEN = RefusalCode.ACCOUNT_FROZEN
_MOVING = RefusalCode.ACCOUNT_TRANSFERRING
_ALIVE = RefusalCode.ACCOUNT_NOT_DECEASED
_NOT_PAID = RefusalCode.ESTATE_NOT_CONFIRMED
_LATER = RefusalCode.VERB_NOT_OFFERED
_YES = Rule.YES

_COLUMNS = (
    Status.ACTIVE,
    Status.PAUSED,
    Status.FROZEN,
    Status.DECEASED,
    Status.TRANSFERRING,
    Status.CLOSED,
)
_ROWS: dict[Verb, tuple[Rule | RefusalCode, ...]] = {
    #                     active   paused   frozen   deceased          transferring  closed
    Verb.CONTRIBUTION: (_YES, _YES, _YES, Rule.UNTIL_DEATH, _MOVING, _CLOSED),
    Verb.SPENDING: (_YES, _YES, _FROZEN, Rule.UNTIL_DEATH, _MOVING, _CLOSED),
    Verb.HOLD: (_YES, _YES, _FROZEN, _DECEASED, _MOVING, _CLOSED),
    Verb.CAPTURE: (_YES, _YES, _YES, Rule.UNTIL_DEATH, _MOVING, _CLOSED),
    Verb.RELEASE: (_YES, _YES, _YES, _YES, _YES, _CLOSED),
    # money that is already in the book comes back in every stage; a closed book hands it on to the heirs
    Verb.REVERSAL: (_YES, _YES, _YES, _YES, _YES, _YES),
    Verb.INTEREST: (_YES, _YES, _YES, _YES, _YES, _CLOSED),
    Verb.FREEZE: (_YES, _YES, _YES, _YES, _YES, _CLOSED),
    Verb.FREEZE_END: (_YES, _YES, _YES, _YES, _YES, _CLOSED),
    Verb.DEATH: (_YES, _YES, _YES, _DECEASED, _YES, _CLOSED),
    # of a death that stands; the estate is undone first
    Verb.DEATH_WITHDRAWAL: (_ALIVE, _ALIVE, _YES, _YES, _ALIVE, _CLOSED),
    Verb.DEATH_CORRECTION: (_ALIVE, _ALIVE, _YES, _YES, _ALIVE, _CLOSED),
    Verb.ESTATE: (_ALIVE, _ALIVE, _YES, _YES, _ALIVE, _CLOSED),
    # what was confirmed in error is the only way out of a closed account
    Verb.ESTATE_UNDO: (_ALIVE, _ALIVE, _YES, _NOT_PAID, _ALIVE, _YES),
    Verb.INHERITANCE: (_YES, _YES, _YES, _DECEASED, _MOVING, _CLOSED),
    Verb.ENROLMENT: (_YES, _YES, _YES, Rule.UNTIL_DEATH, _MOVING, _CLOSED),
    Verb.RETIREE_CREDIT: (_YES, _YES, _YES, Rule.UNTIL_DEATH, _MOVING, _CLOSED),
    # a paused account pays, and the fund does not: that is a matter of coverage, not of status (R28)
    Verb.SETTLEMENT: (_YES, _YES, _FROZEN, Rule.UNTIL_DEATH, _MOVING, _CLOSED),
    # a new quota; whether a paused donor may is the area's to say (R35)
    Verb.MUTUAL_AID: (_YES, _YES, _FROZEN, _DECEASED, _MOVING, _CLOSED),
    Verb.QUOTA_END: (_YES, _YES, _YES, _YES, _YES, _CLOSED),
    Verb.CARE_CASE: (_YES, _YES, _YES, Rule.UNTIL_DEATH, _MOVING, _CLOSED),
    # of a closed account it pays the heirs, and claims from nobody (R33)
    Verb.ANNUAL_SETTLEMENT: (_YES, _YES, _YES, _YES, _MOVING, _YES),
    # what was true of a person in life is recorded after the death too
    Verb.NAME_CHANGE: (_YES, _YES, _YES, Rule.UNTIL_DEATH, _YES, _CLOSED),
    Verb.ID_NUMBER: (_YES, _YES, _YES, Rule.UNTIL_DEATH, _YES, _CLOSED),
    Verb.CONTACT: (_YES, _YES, _YES, Rule.UNTIL_DEATH, _YES, _CLOSED),
    # of either account; an order to freeze is ended first
    Verb.MERGE: (_YES, _YES, _FROZEN, _DECEASED, _MOVING, _CLOSED),
    Verb.TRANSFER_OUT: (_YES, _YES, _FROZEN, _DECEASED, _MOVING, _CLOSED),
    Verb.TRANSFER_IN: (_YES, _YES, _YES, _DECEASED, _MOVING, _CLOSED),
    Verb.EXIT: (_YES, _YES, _FROZEN, _DECEASED, _MOVING, _CLOSED),
    # what the dead owe for certain is set off before the estate is divided (R54)
    Verb.DEMAND: (_YES, _YES, _YES, _YES, _MOVING, _CLOSED),
}
MATRIX: dict[Verb, dict[Status, Rule | RefusalCode]] = {
    verb: dict(zip(_COLUMNS, row, strict=True)) for verb, row in _ROWS.items()
}
