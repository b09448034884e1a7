"""The bounds of care and of those who give it: rows of the table as all others. Pure."""

from __future__ import annotations

from typing import Final

from ledger.bounds.bound import Bound, Edge

_TODAY: Final = (Edge("today"),)
_SINCE: Final = (Edge("since"),)
_A_YEAR_AHEAD: Final = (Edge("today", years=1),)
_A_LIFE: Final = (Edge("since"), Edge("birth"))

# -- care --------------------------------------------------------------------------------------------------

CARE_DATE = Bound(
    earliest=_A_LIFE,
    latest=_TODAY,
    rule="care of a living person, that has begun",
    sent=(
        "POST /v1/settlements care_date",
        "POST /v1/settlements/quote care_date",
        "POST /v1/claims care_date",
        "POST /v1/visits from",
    ),
)
VISIT_ENDED_ON = Bound(
    earliest=(Edge("visit"),),
    latest=_TODAY,
    rule="R54: a visit that began and is over, since one that is open keeps an estate open",
    sent=("POST /v1/visits/{visit}/end to",),
)
HANDED_IN_ON = Bound(
    earliest=(Edge("care"),),
    latest=_TODAY,
    rule="R41: after the care",
    sent=("POST /v1/claims received_on",),
)
FILED_FROM = Bound(
    earliest=_A_LIFE,
    latest=_A_YEAR_AHEAD,
    rule="R40: for care of a living person, known a while ahead",
    sent=("POST /v1/accounts/{account}/filings from",),
)
RECOVERED_ON = Bound(
    earliest=(Edge("care"),),
    latest=_TODAY,
    rule="R47: after the care that it is paid for",
    sent=("POST /v1/third-party-cases/{case}/recoveries received_on",),
)
REPAIRED_DAY = Bound(
    earliest=(Edge("bill"),),
    latest=_TODAY,
    rule="R34: a day that a comparison found different, of a month that is not cleared",
    sent=(
        "POST /v1/settlements repairs",
        "POST /v1/settlements/quote repairs",
        "POST /v1/settlements/{settlement}/reversal repairs",
    ),
)

# -- institutions ------------------------------------------------------------------------------------------

CONTRACT_FROM = Bound(
    earliest=_SINCE,
    latest=_A_YEAR_AHEAD,
    rule="R18: known a while ahead",
    sent=(
        "POST /v1/institutions/{institution}/contracts from",
        "POST /v1/institutions/{institution}/suspensions from",
    ),
)
CHANGED_FROM = Bound(
    earliest=_SINCE,
    latest=_A_YEAR_AHEAD,
    rule="K9: what is said of an employer or an institution from a day on, known a while ahead",
    sent=(
        "POST /v1/institutions/{institution}/changes from",
        "POST /v1/employers/{employer}/changes from",
        "POST /v1/institutions/{institution}/end to",
        "POST /v1/institutions/{institution}/merger from",
        "POST /v1/institutions/{institution}/reopening from",
        "POST /v1/employers/{employer}/staff-moves from",
    ),
)
MERGED_FROM = Bound(
    earliest=_SINCE,
    latest=_TODAY,
    rule="R5: the first day on which there is one employer instead of two, that has begun",
    sent=("POST /v1/employers/{employer}/merger from",),
)
COMPARED_DAY = Bound(
    earliest=_SINCE,
    latest=_TODAY,
    rule="R34: a day that has begun",
    sent=(
        "POST /v1/institutions/{institution}/reconciliations day",
        "GET /v1/institutions/{institution}/reconciliations/{day}/lines day",
    ),
)
CLEARED_MONTH = Bound(
    earliest=_SINCE,
    latest=(Edge("today", months=-1),),
    rule="R34: a month that is over",
    sent=("POST /v1/institutions/{institution}/clearings month",),
)
