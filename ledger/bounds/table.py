"""From when to when each day and month may lie that anybody can send: one table, which all doors read. Pure.

A bound is a row: its earliest and its latest edge, the rule, and every place where such a day is sent.
Decisions judge by the row (`OPENED_ON.admit(…)`), so a door that is forgotten is bounded all the same; a test
walks the OpenAPI document, the columns of files and the arguments of commands, and fails for a place that
stands in no row, or in two.
"""

from __future__ import annotations

from typing import Final

from ledger.bounds import care, looks
from ledger.bounds.bound import BEFORE_ITS_MONTH, Bound, Edge
from ledger.refusals import RefusalCode

# how far back a month is credited to retirees without being asked for expressly, in months
RETIREES_BACK: Final = 12

_TODAY: Final = (Edge("today"),)
_SINCE: Final = (Edge("since"),)
_A_YEAR_AHEAD: Final = (Edge("today", years=1),)
# nobody who inherits now was born earlier
_SINCE_BIRTHS: Final = (Edge("since", years=-140),)
_A_LIFE: Final = (Edge("since"), Edge("birth"))

# -- accounts ----------------------------------------------------------------------------------------------

OPENED_ON = Bound(
    earliest=(*_A_LIFE, Edge("rates")),
    latest=_TODAY,
    rule="R1: no account before its holder, before 1990, or before the area's first interest rate",
    sent=("POST /v1/accounts opened_on", "bulk open opened_on", "file accounts opened_on"),
)
BIRTH_DATE = Bound(
    rule="R1: just what the ID number says",
    sent=("POST /v1/accounts birth_date", "bulk open birth_date", "file accounts birth_date"),
    code=RefusalCode.ID_MISMATCH,
)
VALUED_ON = Bound(
    earliest=(Edge("opening"),),
    latest=_TODAY,
    rule="a debit is valued in the life of the account",
    sent=(
        "POST /v1/accounts/{account}/spendings effective_on",
        "POST /v1/holds/{hold}/capture effective_on",
        "bulk spend effective_on",
        "bulk capture effective_on",
        "file spendings effective_on",
    ),
)
CREDITED_ON = Bound(
    earliest=(Edge("opening"), Edge("month", months=-BEFORE_ITS_MONTH)),
    latest=_TODAY,
    rule="R8: money has arrived, and at most 12 months before its month began",
    sent=(
        "POST /v1/accounts/{account}/contributions effective_on",
        "bulk contribute effective_on",
        "file contributions effective_on",
    ),
)
CREDITED_MONTH = Bound(
    earliest=_A_LIFE,
    latest=_TODAY,
    rule="R8: a month of life, since 1990, that has begun",
    sent=(
        "POST /v1/accounts/{account}/contributions period",
        "bulk contribute period",
        "file contributions period",
    ),
)
REVERSED_ON = Bound(
    earliest=(Edge("original"),),
    latest=_TODAY,
    rule="R31: not before the value date of what is reversed",
    sent=("POST /v1/entries/{entry}/reversal effective_on", "bulk reverse effective_on"),
)
HELD_UNTIL = Bound(
    earliest=(Edge("now"),),
    latest=(Edge("days_max"),),
    rule="R23: to come, and no longer than holds.days_max of the area",
    sent=("POST /v1/accounts/{account}/holds expires_at", "bulk hold expires_at"),
)
FROZEN_FROM = Bound(
    earliest=_SINCE,
    latest=_A_YEAR_AHEAD,
    rule="an order that takes effect in more than a year is a slip",
    sent=("POST /v1/accounts/{account}/freezes from", "bulk freeze from"),
)
DIED_ON = Bound(
    earliest=(Edge("birth"),),
    latest=_TODAY,
    rule="R53: nobody dies before birth, or tomorrow",
    sent=(
        "POST /v1/accounts/{account}/death died_on",
        "POST /v1/accounts/{account}/death/correction died_on",
        "bulk death died_on",
        "bulk death_correction died_on",
        "file deaths died_on",
    ),
)
ESTATE_PAID_ON = Bound(
    earliest=(Edge("moved"), Edge("death"), Edge("divided")),
    latest=_TODAY,
    rule="R54: not before the last value date of the account, the death, nor while the area waits after it",
    sent=("POST /v1/accounts/{account}/estate paid_on", "POST /v1/estates paid_on"),
)
UNCLAIMED_ON = Bound(
    earliest=(Edge("held", years=1),),
    latest=_TODAY,
    rule="R57: what nobody inherits is held for a year",
    sent=("POST /v1/estates/{estate}/unclaimed paid_on",),
)
SAID_OF_CLAIMANT_ON = Bound(
    earliest=_SINCE_BIRTHS,
    latest=(*_TODAY, Edge("paid")),
    rule="R55, R56: what is said of a claimant lies before the payout",
    sent=(
        "POST /v1/estates born_on",
        "POST /v1/estates accepted_on",
        "POST /v1/estates notified_on",
    ),
)
WAIVED_ON = Bound(
    earliest=(Edge("death"),),
    latest=(*_TODAY, Edge("paid")),
    rule="R56: waived after the death and before the division",
    sent=("POST /v1/estates waived_on",),
)
TRUE_OF_A_PERSON_FROM = Bound(
    earliest=(Edge("birth"),),
    latest=_TODAY,
    rule="R4: nobody has a name, a number or an address before birth, or tomorrow",
    sent=(
        "POST /v1/accounts/{account}/names from",
        "bulk name_change from",
        "file names from",
        "POST /v1/accounts/{account}/id-numbers from",
        "bulk id_number from",
        "file numbers from",
        "POST /v1/accounts/{account}/contacts from",
        "bulk contact from",
    ),
)
INSURED_FROM = Bound(
    earliest=(*_SINCE, Edge("birth")),
    latest=_TODAY,
    rule="R51: somebody is insured elsewhere already, and has lived",
    sent=("POST /v1/transfers insured_from", "bulk transfer insured_from", "file transfers insured_from"),
)
TRANSFER_PAID_ON = Bound(
    earliest=(Edge("moved"),),
    latest=_TODAY,
    rule="R51: not before the last value date of the account, since all of it goes",
    sent=(
        "POST /v1/transfers/{transfer}/complete paid_on",
        "bulk transfer_complete paid_on",
        "file remittances paid_on",
    ),
)
TRANSFER_RECEIVED_ON = Bound(
    earliest=(Edge("opening"),),
    latest=_TODAY,
    rule="R51: money has come, and into an account that is there",
    sent=(
        "POST /v1/transfers/{transfer}/complete received_on",
        "bulk transfer_complete received_on",
        "file arrivals received_on",
    ),
)
SUPPLEMENT_ON = Bound(
    earliest=(*_SINCE, Edge("sent")),
    latest=_TODAY,
    rule="R51: what follows a transfer has come, and not before the money that it follows",
    sent=("POST /v1/transfers/{transfer}/supplements received_on",),
)
SUPPLEMENT_MONTH = Bound(
    earliest=(*_SINCE, Edge("insured")),
    latest=(*_TODAY, Edge("left"), Edge("sent")),
    rule="R51: arrears of a month in which the person was insured by the agency that sends them",
    sent=(
        "POST /v1/transfers/{transfer}/supplements period",
        "POST /v1/accounts/{account}/releases period",
    ),
)
EXIT_PAID_ON = Bound(
    earliest=(Edge("moved"),),
    latest=_TODAY,
    rule="R52: not before the last value date of the account, since all of it goes",
    sent=("POST /v1/accounts/{account}/exits paid_on", "bulk exit paid_on"),
)
INSTALMENT_ON = Bound(
    earliest=_SINCE,
    latest=_TODAY,
    rule="R67: an instalment has been paid",
    sent=("POST /v1/demands/{demand}/instalments paid_on", "bulk instalment paid_on"),
)
CARD_ISSUED_ON = Bound(
    earliest=_A_LIFE,
    latest=(*_TODAY, Edge("death")),
    rule="R60: a card is issued to somebody who lives",
    sent=("POST /v1/accounts/{account}/cards issued_on",),
)
MANDATE_UNTIL = Bound(
    earliest=_TODAY,
    latest=(Edge("today", years=50),),
    rule="R60: a mandate that is in force (mandate_ended), and whose end is no slip",
    sent=("POST /v1/people/lookup until",),
)
PREMIUM_YEAR = Bound(
    earliest=_SINCE,
    latest=_A_YEAR_AHEAD,
    rule="R69: a premium is paid for this year, the next, or one that is still owed",
    sent=("POST /v1/accounts/{account}/premiums year",),
)

# -- people ------------------------------------------------------------------------------------------------

ENROLLED_FROM = Bound(
    earliest=_A_LIFE,
    latest=_A_YEAR_AHEAD,
    rule="R5: a change is known a while ahead; further off it is a slip of the year",
    sent=(
        "POST /v1/accounts/{account}/enrolments from",
        "POST /v1/residents from",
        "file enrolments from",
    ),
)
ENDS_ON = Bound(
    earliest=(Edge("beginning"),),
    latest=(Edge("today", years=50),),
    rule="not before it begins; an end may lie far ahead, or be left open",
    sent=(
        "POST /v1/accounts/{account}/cards ends_on",
        "POST /v1/accounts/{account}/enrolments to",
        "POST /v1/accounts/{account}/filings to",
        "POST /v1/accounts/{account}/freezes to",
        "POST /v1/enrolments/{enrolment}/end to",
        "POST /v1/contracts/{contract}/end to",
        "POST /v1/filings/{filing}/end to",
        "POST /v1/suspensions/{suspension}/end to",
        "POST /v1/institutions/{institution}/contracts to",
        "POST /v1/institutions/{institution}/suspensions to",
        "POST /v1/residents to",
        "bulk freeze to",
        "file enrolments to",
    ),
)

# -- contributions -----------------------------------------------------------------------------------------

CLOSED_ON = Bound(
    earliest=_SINCE,
    latest=_TODAY,
    rule="the last day of an employer, that has been",
    sent=("POST /v1/employers/{employer}/closure on",),
)
REOPENED_ON = Bound(
    earliest=(*_SINCE, Edge("closure")),
    latest=_TODAY,
    rule="not before the last day of the employer",
    sent=("POST /v1/employers/{employer}/reopening on",),
)
OWED_MONTH = Bound(
    earliest=(Edge("since"), Edge("figures")),
    latest=_TODAY,
    rule="R7: a month that has begun, and that the area has figures for",
    sent=(
        "POST /v1/employers/{employer}/declarations period",
        "POST /v1/employers/{employer}/adjustments period",
        "POST /v1/receipts period",
        "file declarations period",
        "file receipts period",
        "command declare MONTH",
    ),
)
REFUNDED_MONTH = Bound(
    earliest=_SINCE,
    latest=_TODAY,
    rule="R16: a month that money waits for, also one that nothing can be worked out for",
    sent=("POST /v1/employers/{employer}/refunds period",),
)
ESTIMATED_MONTH = Bound(
    earliest=(Edge("since"), Edge("figures")),
    latest=(Edge("today", months=-1),),
    rule="R10: a month that is over, and that the area has figures for",
    sent=("POST /v1/employers/{employer}/estimates period", "command estimates MONTH"),
)
RECEIVED_ON = Bound(
    earliest=(Edge("since"), Edge("month", months=-BEFORE_ITS_MONTH)),
    latest=_TODAY,
    rule="R8, R11: money has arrived, and at most 12 months before its month began",
    sent=("POST /v1/receipts received_on", "file receipts received_on"),
)
CASE_STEP_ON = Bound(
    earliest=_SINCE,
    latest=_TODAY,
    rule="R6, R11: what was done is over",
    sent=(
        "POST /v1/employers/{employer}/case-steps taken_on",
        "POST /v1/employers/{employer}/case-steps period",
    ),
)
RETIREE_MONTH = Bound(
    earliest=(Edge("since"), Edge("today", months=-RETIREES_BACK)),
    latest=_TODAY,
    rule="R13: at most 12 months back, unless older months are asked for expressly",
    sent=("POST /v1/retiree-credits/{period} period", "command retiree-credits MONTH"),
)
OLDER_RETIREE_MONTH = Bound(
    earliest=(Edge("since"), Edge("opening")),
    latest=_TODAY,
    rule="R13: the same, with older months asked for expressly; to nobody before the opening",
    sent=(),
)

# -- long runs over a year ---------------------------------------------------------------------------------

FINISHED_YEAR = Bound(
    earliest=(Edge("rates"),),
    latest=(Edge("today", years=-1),),
    rule="R48, R42: a year that is over (year_not_over), and that the area has rates for (rates_missing)",
    sent=(
        "POST /v1/year-ends/{year} year",
        "POST /v1/annual-settlements/{year} year",
        "command year-end YEAR",
        "command annual-settlement YEAR",
    ),
    code=RefusalCode.YEAR_NOT_OVER,
)
INTEREST_CORRECTED = Bound(
    earliest=(Edge("opening"),),
    latest=(Edge("interest"),),
    rule="R48: a year of the account whose interest is posted",
    sent=(
        "POST /v1/accounts/{account}/interest/corrections from",
        "POST /v1/accounts/{account}/interest/corrections to",
    ),
)
CORRECTED_FROM = Bound(
    earliest=_SINCE,
    latest=_TODAY,
    rule="R9, K9: days that have begun: nothing was posted for others",
    sent=("POST /v1/corrections from",),
)
CORRECTED_TO = Bound(
    earliest=(Edge("beginning"),),
    latest=_A_YEAR_AHEAD,
    rule="R9, K9: what was wrong ends after it began",
    sent=("POST /v1/corrections to",),
)
CARE_YEAR = Bound(
    rule="R42: a year in which something was settled",
    sent=(
        "POST /v1/annual-settlements/{year}/{account} year",
        "GET /v1/annual-settlements/{year}/{account} year",
    ),
    code=RefusalCode.ANNUAL_SETTLEMENT_NOT_FOUND,
)

# -- what commands are told ---------------------------------------------------------------------------------

SWEPT_ON = Bound(
    earliest=_SINCE,
    latest=_TODAY,
    rule="a day that has begun: what it brings is told",
    sent=("command events AS_OF",),
)
SAMPLED_ON = Bound(
    earliest=_SINCE,
    rule="files of people who do not exist, as if written on that day",
    sent=("command sample TODAY",),
)

TABLE: Final[dict[str, Bound]] = {
    name: bound
    for name, bound in sorted((vars(looks) | vars(care) | globals()).items())
    if isinstance(bound, Bound)
}
"""Every bound by its name."""
