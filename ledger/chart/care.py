"""The words of medical care, and the numbers under which the database keeps them: only ever added to."""

from enum import IntEnum

# the amounts of a row that a reversal turns; `ratio` is not an amount
SIGNED = (
    "total", "own_expense", "over_limit", "pre_self_pay", "in_scope", "excluded", "deductible", "pooled_pay",
    "large_pay", "top_up_pay", "account_pay", "mutual_pay", "cash_pay", "hospital_share", "own_burden",
)  # fmt: skip


class CareType(IntEnum):
    """What kind of care a bill is for; the services of a contract are these words."""

    OUTPATIENT = 1
    INPATIENT = 2
    PHARMACY = 3
    CHRONIC = 4

    @property
    def word(self) -> str:
        return self.name.lower()


CARE_WORDS: dict[str, CareType] = {one.word: one for one in CareType}


class CareTable(IntEnum):
    """The table of the policy that a bill went by, and whose counters it moved (R39)."""

    # the pooled fund pays nothing of it
    NONE = 0
    OUTPATIENT = 1
    INPATIENT = 2
    CHRONIC = 4

    @property
    def word(self) -> str:
        return self.name.lower()


class Filing(IntEnum):
    """What was filed for care outside the insured's own area (R40), or for inpatient care inside it."""

    NONE = 0
    REFERRED = 1
    EMERGENCY = 2
    LONG_TERM = 3

    @property
    def word(self) -> str:
        return self.name.lower()


FILING_WORDS: dict[str, Filing] = {one.word: one for one in Filing}


class Cut(IntEnum):
    """Why points come off the ratio (R40): none, care outside the area, or no referral inside it."""

    NONE = 0
    OUT_OF_AREA = 1
    NO_REFERRAL = 2


class Coverage(IntEnum):
    """Whether the pooled fund takes part, and if not, why (R28, R29, R43)."""

    COVERED = 1
    # not enrolled on the care date: the account pays, the fund does not
    PAUSED = 2
    WAITING = 3
    # of the resident scheme, whose fund is not kept here
    RESIDENT = 4
    # a pharmacy purchase, where the area's fund pays for none
    PHARMACY = 5

    @property
    def word(self) -> str:
        return self.name.lower()


class CauseKind(IntEnum):
    """Who is to bear care that neither the fund nor the account pays (R44)."""

    WORK_INJURY = 1
    THIRD_PARTY = 2
    PUBLIC_HEALTH = 3
    ABROAD = 4

    @property
    def word(self) -> str:
        return self.name.lower()


CAUSE_WORDS: dict[str, CauseKind] = {one.word: one for one in CauseKind}


class Channel(IntEnum):
    """How a row of amounts came about."""

    # a bill that an institution settled; a manual claim (R41); what an annual settlement changed (R42)
    NETWORK = 1
    MANUAL = 2
    ANNUAL = 3

    @property
    def word(self) -> str:
        return self.name.lower()


class ClearingState(IntEnum):
    """What became of a month's clearing."""

    CLEARED = 1
    ENDED = 2
    PAID = 3

    @property
    def word(self) -> str:
        return self.name.lower()
