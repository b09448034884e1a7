"""The bounds of what is only looked at or printed: rows of the table as all others. Pure."""

from __future__ import annotations

from typing import Final

from ledger.bounds.bound import Bound, Edge

_TODAY: Final = (Edge("today"),)
_SINCE: Final = (Edge("since"),)
# whose documents are printed, as paths name them
_PRINTED: Final = ("accounts/{account}", "me", "employers/{employer}")

SEEN_ON = Bound(
    latest=_TODAY,
    rule="what has been; before the opening everything is zero",
    sent=(
        "GET /v1/accounts/{account}/balance as_of",
        "GET /v1/accounts/{account}/balance as_known",
        "GET /v1/accounts/{account}/explain as_of",
        "GET /v1/me/balance as_of",
        "GET /v1/me/balance as_known",
        "GET /v1/accounts/{account}/explain as_known",
    ),
)
STATED_YEAR = Bound(
    earliest=(Edge("opening"),),
    latest=_TODAY,
    rule="R50: a year in which the account was there, as far as it has been",
    sent=(
        "GET /v1/me/statements/{year} year",
        "GET /v1/me/statements/{year}/proof year",
        "GET /v1/accounts/{account}/statements/{year} year",
        "GET /v1/accounts/{account}/statements/{year}/proof year",
        "GET /v1/accounts/{account}/interest/{year} year",
        *(f"POST /v1/{one}/documents year" for one in _PRINTED[:2]),
    ),
)
PRINTED_ON = Bound(
    earliest=(Edge("opening"),),
    latest=_TODAY,
    rule="R60: days on which the account was there, as far as they have been",
    sent=tuple(f"POST /v1/{one}/documents {day}" for one in _PRINTED for day in ("from", "to")),
)
REPORTED_MONTH = Bound(
    earliest=_SINCE,
    latest=_TODAY,
    rule="a month that has begun",
    sent=(
        "GET /v1/institutions/{institution}/statement month",
        "GET /v1/reports/undeclared period",
    ),
)
TOTALLED_ON = Bound(
    earliest=_SINCE,
    latest=_TODAY,
    rule="a day of recording",
    sent=(
        "GET /v1/reports/trial-balance on",
        "GET /v1/reports/findings from",
        "GET /v1/reports/findings to",
    ),
)
LOOKED_ON = Bound(
    earliest=_SINCE,
    latest=_TODAY,
    rule="R65: days on which somebody may have looked",
    sent=("GET /v1/read-log/findings from", "GET /v1/read-log/findings to"),
)
SHOWN = Bound(
    rule="it only says what is shown: any day, month or year that there is",
    sent=(
        "GET /v1/accounts/{account}/accumulators/{year} year",
        "GET /v1/accounts/{account}/entries from",
        "GET /v1/accounts/{account}/entries to",
        "GET /v1/accounts/{account}/payments from",
        "GET /v1/accounts/{account}/payments to",
        "GET /v1/me/entries from",
        "GET /v1/me/entries to",
        "GET /v1/me/payments from",
        "GET /v1/me/payments to",
        "GET /v1/suspended period",
        "GET /v1/read-log from",
        "GET /v1/read-log to",
        "GET /v1/claims due_by",
        "GET /v1/employers/{employer} on",
        "GET /v1/employers/{employer}/changes on",
        "GET /v1/institutions/{institution} on",
        "GET /v1/institutions/{institution}/changes on",
        "GET /v1/employers/{employer}/arrears on",
        "GET /v1/employers/{employer}/payments period",
        "GET /v1/employers/{employer}/payments/{period} period",
        "GET /v1/employers/{employer}/staff period",
        "GET /v1/policies/{area} on",
        "GET /v1/reports/arrears on",
        "GET /v1/reports/overdue-registrations on",
    ),
)
