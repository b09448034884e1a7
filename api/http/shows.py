"""What the answer of each route shows of a person: the one table, complete by a test that walks the routes.

A route that posts shows it in a dry run; what it answers to a posting is recorded by its entry. A route of
employers, institutions or files that shows nobody's data stands here with NOTHING.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from api.http.security import OPEN, SCOPE_OF
from ledger.access.channels import ASKABLE
from ledger.chart.channels import EVERYTHING, NOTHING, AccessChannel, FieldGroup

C, G = AccessChannel, FieldGroup
# an entry says what the balance was after it
_RECEIPT: Final = G.BALANCE | G.ENTRIES
_PRINTED: Final = EVERYTHING & ~(G.OTHERS_NAMES | G.READS)
_OF_STAFF: Final = G.IDENTITY_MASKED | G.PAYMENTS
_BILL: Final = G.CARE_AMOUNTS | G.CARE_ITEMS

_OF_PERSONS: Final[dict[tuple[str, str], FieldGroup]] = {
    ("POST", "/v1/accounts"): G.IDENTITY_MASKED,
    ("POST", "/v1/accounts/lookup"): G.IDENTITY_MASKED,
    ("GET", "/v1/accounts/{account}"): G.IDENTITY_MASKED,
    ("GET", "/v1/accounts/{account}/balance"): G.BALANCE,
    ("GET", "/v1/accounts/{account}/entries"): _RECEIPT,
    ("GET", "/v1/accounts/{account}/explain"): _RECEIPT,
    ("GET", "/v1/accounts/{account}/freezes"): G.ENTRIES,
    ("GET", "/v1/accounts/{account}/statements/{year}"): G.BALANCE | G.ENTRIES | G.PAYMENTS,
    ("GET", "/v1/accounts/{account}/statements/{year}/proof"): G.BALANCE | G.ENTRIES | G.PAYMENTS,
    ("GET", "/v1/accounts/{account}/interest/{year}"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/names"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/id-numbers"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/separation"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/contacts"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/merge"): _RECEIPT,
    ("GET", "/v1/accounts/{account}/person"): G.IDENTITY_MASKED,
    ("POST", "/v1/accounts/{account}/freezes"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/interest/corrections"): _RECEIPT,
    ("POST", "/v1/freezes/{freeze}/end"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/death"): _RECEIPT,
    ("GET", "/v1/accounts/{account}/death"): G.ENTRIES,
    ("POST", "/v1/accounts/{account}/death/withdrawal"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/death/correction"): _RECEIPT,
    ("GET", "/v1/reports/debits-after-death"): G.ENTRIES,
    ("GET", "/v1/reports/findings"): G.ENTRIES,
    ("POST", "/v1/accounts/{account}/estate"): _RECEIPT | G.OTHERS_NAMES,
    ("POST", "/v1/estates"): _RECEIPT | G.OTHERS_NAMES,
    ("GET", "/v1/estates"): G.ENTRIES,
    ("POST", "/v1/estates/{estate}/unclaimed"): _RECEIPT,
    ("POST", "/v1/estates/{estate}/payouts"): _RECEIPT,
    ("POST", "/v1/payouts/{payout}/review"): _RECEIPT,
    ("POST", "/v1/payouts/{payout}/paid"): _RECEIPT,
    ("POST", "/v1/payouts/{payout}/returned"): _RECEIPT,
    ("GET", "/v1/payouts"): G.ENTRIES | G.OTHERS_NAMES,
    ("GET", "/v1/estates/{estate}"): _RECEIPT | G.OTHERS_NAMES,
    ("POST", "/v1/estates/{estate}/disputes"): _RECEIPT | G.OTHERS_NAMES,
    ("POST", "/v1/estates/{estate}/agreement"): _RECEIPT | G.OTHERS_NAMES,
    ("POST", "/v1/estates/{estate}/undo"): _RECEIPT | G.OTHERS_NAMES,
    ("POST", "/v1/accounts/{account}/exits"): _RECEIPT,
    ("POST", "/v1/transfers"): _RECEIPT,
    ("GET", "/v1/transfers"): _RECEIPT,
    ("GET", "/v1/transfers/{transfer}"): _RECEIPT,
    ("GET", "/v1/transfers/{transfer}/sheet"): G.IDENTITY_FULL | G.BALANCE | G.PAYMENTS,
    ("POST", "/v1/transfers/{transfer}/complete"): _RECEIPT,
    ("POST", "/v1/transfers/{transfer}/acknowledge"): _RECEIPT,
    ("POST", "/v1/transfers/{transfer}/reject"): _RECEIPT,
    ("POST", "/v1/transfers/{transfer}/supplements"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/demands"): _RECEIPT,
    ("GET", "/v1/accounts/{account}/demands"): _RECEIPT,
    ("GET", "/v1/accounts/{account}/debts"): _RECEIPT,
    ("GET", "/v1/demands"): _RECEIPT,
    ("GET", "/v1/demands/{demand}"): _RECEIPT,
    ("POST", "/v1/demands/{demand}/set-off"): _RECEIPT,
    ("POST", "/v1/demands/{demand}/instalments"): _RECEIPT,
    ("GET", "/v1/suspended"): G.PAYMENTS,
    ("POST", "/v1/accounts/{account}/releases"): G.PAYMENTS,
    ("POST", "/v1/accounts/{account}/contributions"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/spendings"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/holds"): _RECEIPT,
    ("POST", "/v1/holds/{hold}/capture"): _RECEIPT,
    ("POST", "/v1/holds/{hold}/release"): _RECEIPT,
    ("GET", "/v1/entries/{entry}"): _RECEIPT,
    ("POST", "/v1/entries/{entry}/reversal"): _RECEIPT,
    ("POST", "/v1/bulk"): _RECEIPT,
    ("POST", "/v1/residents"): G.IDENTITY_MASKED | G.PAYMENTS,
    ("POST", "/v1/accounts/{account}/enrolments"): G.PAYMENTS,
    ("POST", "/v1/enrolments/{enrolment}/end"): G.PAYMENTS,
    ("POST", "/v1/employers/{employer}/declarations"): G.PAYMENTS,
    ("POST", "/v1/declarations/{declaration}/confirm"): G.PAYMENTS,
    ("GET", "/v1/declarations/{declaration}"): G.IDENTITY_MASKED | G.PAYMENTS,
    ("POST", "/v1/employers/{employer}/adjustments"): G.PAYMENTS,
    ("POST", "/v1/corrections"): G.PAYMENTS,
    ("GET", "/v1/corrections/{correction}"): G.PAYMENTS,
    ("GET", "/v1/corrections/{correction}/lines"): G.PAYMENTS,
    ("GET", "/v1/employers/{employer}/payments/{period}"): G.IDENTITY_MASKED | G.PAYMENTS,
    ("GET", "/v1/employers/{employer}/staff"): G.IDENTITY_MASKED | G.PAYMENTS,
    ("GET", "/v1/accounts/{account}/payments"): G.PAYMENTS,
    ("GET", "/v1/accounts/{account}/enrolments"): G.PAYMENTS,
    ("GET", "/v1/reports/overdue-registrations"): G.PAYMENTS,
    ("POST", "/v1/annual-settlements/{year}/{account}"): G.IDENTITY_MASKED | G.CARE_AMOUNTS,
    ("GET", "/v1/annual-settlements/{year}/{account}"): G.IDENTITY_MASKED | G.CARE_AMOUNTS,
    ("POST", "/v1/settlements"): _BILL,
    ("POST", "/v1/settlements/quote"): _BILL,
    ("POST", "/v1/settlements/correction"): G.CARE_AMOUNTS,
    ("POST", "/v1/settlements/{settlement}/reversal"): G.CARE_AMOUNTS,
    ("GET", "/v1/settlements/{settlement}"): _BILL,
    ("POST", "/v1/visits"): G.CARE_AMOUNTS,
    ("POST", "/v1/visits/{visit}/end"): G.CARE_AMOUNTS,
    ("GET", "/v1/visits/{visit}"): G.CARE_AMOUNTS,
    ("POST", "/v1/accounts/{account}/quotas"): G.BALANCE | G.CARE_AMOUNTS,
    ("GET", "/v1/accounts/{account}/quotas"): G.CARE_AMOUNTS,
    ("POST", "/v1/quotas/{quota}/end"): G.CARE_AMOUNTS,
    ("GET", "/v1/quotas/{quota}/uses"): G.CARE_AMOUNTS,
    ("POST", "/v1/accounts/{account}/premiums"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/filings"): G.CARE_AMOUNTS,
    ("POST", "/v1/filings/{filing}/end"): G.CARE_AMOUNTS,
    ("GET", "/v1/accounts/{account}/filings"): G.CARE_AMOUNTS,
    ("GET", "/v1/accounts/{account}/accumulators/{year}"): G.CARE_AMOUNTS,
    ("GET", "/v1/accounts/{account}/settlements"): G.CARE_AMOUNTS,
    ("POST", "/v1/third-party-cases"): G.CARE_AMOUNTS,
    ("GET", "/v1/third-party-cases/{case}"): G.CARE_AMOUNTS,
    ("POST", "/v1/third-party-cases/{case}/advance"): G.CARE_AMOUNTS,
    ("POST", "/v1/third-party-cases/{case}/recoveries"): G.CARE_AMOUNTS,
    ("POST", "/v1/claims"): G.CARE_AMOUNTS,
    ("GET", "/v1/claims"): G.CARE_AMOUNTS,
    ("GET", "/v1/claims/{claim}"): G.CARE_AMOUNTS,
    ("POST", "/v1/claims/{claim}/decision"): _BILL,
    ("POST", "/v1/accounts/{account}/flags"): G.IDENTITY_MASKED,
    ("GET", "/v1/read-log/findings"): G.IDENTITY_MASKED | G.READS,
    ("GET", "/v1/agency-requests/{agency_request}"): G.IDENTITY_MASKED,
    # of these what was granted
    ("GET", "/v1/agency-requests/{agency_request}/answer"): ASKABLE,
    ("GET", "/v1/me"): G.IDENTITY_MASKED,
    ("GET", "/v1/me/balance"): G.BALANCE,
    ("GET", "/v1/me/entries"): G.ENTRIES,
    ("GET", "/v1/me/payments"): G.PAYMENTS,
    ("GET", "/v1/me/settlements"): G.CARE_AMOUNTS,
    ("GET", "/v1/me/quotas"): G.CARE_AMOUNTS,
    ("GET", "/v1/me/statements/{year}"): G.BALANCE | G.ENTRIES | G.PAYMENTS,
    ("GET", "/v1/me/statements/{year}/proof"): G.BALANCE | G.ENTRIES | G.PAYMENTS,
    ("GET", "/v1/me/access-log"): G.READS,
    ("GET", "/v1/me/export"): EVERYTHING & ~G.OTHERS_NAMES,
    # of these what the kind shows, and only that is recorded
    ("POST", "/v1/accounts/{account}/documents"): _PRINTED,
    ("POST", "/v1/me/documents"): _PRINTED,
    ("GET", "/v1/me/documents/{document}"): _PRINTED,
    # an employer's own are let out too: what others show is asked for once the document is there
    ("GET", "/v1/documents/{document}"): _OF_STAFF,
    ("POST", "/v1/employers/{employer}/documents"): _OF_STAFF,
    ("GET", "/v1/employers/{employer}/documents/{document}"): _OF_STAFF,
    ("GET", "/v1/me/documents"): G.IDENTITY_MASKED,
    ("GET", "/v1/read-log"): G.READS,
    # of a report about a unit: what was for the person
    ("POST", "/v1/cases"): G.PAYMENTS,
    ("GET", "/v1/cases/{case}"): G.IDENTITY_MASKED | G.PAYMENTS,
    ("POST", "/v1/me/cases"): G.PAYMENTS,
    ("GET", "/v1/me/cases"): G.IDENTITY_MASKED,
    ("GET", "/v1/me/cases/{case}"): G.IDENTITY_MASKED | G.PAYMENTS,
    ("GET", "/v1/approvals/{approval}"): G.IDENTITY_MASKED | G.ENTRIES,
    # as the act: it answers with a receipt
    ("POST", "/v1/approvals/{approval}/approve"): _RECEIPT,
    ("POST", "/v1/accounts/{account}/cards"): G.IDENTITY_MASKED,
    ("POST", "/v1/cards/{card}/lost"): G.IDENTITY_MASKED,
    ("POST", "/v1/accounts/{account}/call-back-code"): G.IDENTITY_MASKED,
    ("POST", "/v1/people/lookup"): G.IDENTITY_MASKED,
    ("POST", "/v1/people/digests"): G.IDENTITY_MASKED,
    # one of the three, and only that is recorded
    ("POST", "/v1/phone/inquiries"): G.IDENTITY_MASKED | G.BALANCE | G.PAYMENTS,
    # the preview of a file says of each line whether it would be taken
    ("POST", "/v1/imports/accounts"): G.IDENTITY_MASKED,
    ("POST", "/v1/imports/contributions"): G.ENTRIES,
    ("POST", "/v1/imports/spendings"): _RECEIPT,
    ("POST", "/v1/imports/enrolments"): G.PAYMENTS,
    ("POST", "/v1/imports/declarations"): G.PAYMENTS,
    ("POST", "/v1/imports/names"): _RECEIPT,
    ("POST", "/v1/imports/deaths"): _RECEIPT,
    ("POST", "/v1/imports/transfers"): _RECEIPT,
    ("POST", "/v1/imports/remittances"): _RECEIPT,
    ("POST", "/v1/imports/acknowledgements"): _RECEIPT,
    ("POST", "/v1/imports/numbers"): _RECEIPT,
    ("POST", "/v1/imports/rejections"): _RECEIPT,
    ("POST", "/v1/imports/announcements"): _RECEIPT,
    ("POST", "/v1/imports/arrivals"): _RECEIPT,
}

# Those of employers and institutions themselves, of runs and of files, which name no person in their answer.
_OF_NOBODY: Final = (
    ("POST", "/v1/staff"),
    ("POST", "/v1/employers"),
    ("POST", "/v1/employers/{employer}/estimates"),
    ("POST", "/v1/employers/{employer}/case-steps"),
    ("POST", "/v1/employers/{employer}/closure"),
    ("POST", "/v1/employers/{employer}/reopening"),
    ("POST", "/v1/receipts"),
    ("POST", "/v1/employers/{employer}/refunds"),
    ("POST", "/v1/payments/{payment}/reversal"),
    ("GET", "/v1/employers/{employer}"),
    ("POST", "/v1/employers/{employer}/changes"),
    ("POST", "/v1/employers/{employer}/staff-moves"),
    ("POST", "/v1/employers/{employer}/merger"),
    ("GET", "/v1/employers/{employer}/changes"),
    ("GET", "/v1/employers/{employer}/arrears"),
    ("GET", "/v1/employers/{employer}/payments"),
    ("GET", "/v1/employers/{employer}/receipts"),
    ("GET", "/v1/employers/{employer}/case-steps"),
    ("POST", "/v1/year-ends/{year}"),
    ("POST", "/v1/retiree-credits/{period}"),
    ("POST", "/v1/annual-settlements/{year}"),
    ("GET", "/v1/batches/{batch}"),
    ("GET", "/v1/batches/{batch}/rejected"),
    ("GET", "/v1/reports/trial-balance"),
    ("GET", "/v1/policies/{area}"),
    ("GET", "/v1/reports/arrears"),
    ("GET", "/v1/reports/undeclared"),
    ("POST", "/v1/agency-requests"),
    ("GET", "/v1/agency-requests"),
    ("POST", "/v1/agency-requests/{agency_request}/decision"),
    # the worklist names nobody
    ("GET", "/v1/approvals"),
    ("POST", "/v1/approvals/{approval}/reject"),
    # the worklist names nobody; to a person their own, which is recorded
    ("GET", "/v1/cases"),
    ("POST", "/v1/cases/{case}/take"),
    ("POST", "/v1/cases/{case}/answer"),
    ("POST", "/v1/cases/{case}/close"),
    ("POST", "/v1/me/cases/{case}/close"),
    ("POST", "/v1/institutions"),
    ("GET", "/v1/institutions/{institution}"),
    ("POST", "/v1/institutions/{institution}/changes"),
    ("GET", "/v1/institutions/{institution}/changes"),
    ("POST", "/v1/institutions/{institution}/end"),
    ("POST", "/v1/institutions/{institution}/merger"),
    ("POST", "/v1/institutions/{institution}/reopening"),
    ("POST", "/v1/institutions/{institution}/contracts"),
    ("POST", "/v1/institutions/{institution}/suspensions"),
    ("POST", "/v1/contracts/{contract}/end"),
    ("POST", "/v1/suspensions/{suspension}/end"),
    ("POST", "/v1/institutions/{institution}/reconciliations"),
    ("GET", "/v1/institutions/{institution}/reconciliations"),
    ("GET", "/v1/institutions/{institution}/reconciliations/{day}/lines"),
    ("POST", "/v1/institutions/{institution}/clearings"),
    ("GET", "/v1/institutions/{institution}/clearings"),
    ("GET", "/v1/institutions/{institution}/statement"),
    ("POST", "/v1/clearings/{clearing}/end"),
    ("POST", "/v1/clearings/{clearing}/payment"),
    # an account number is a name that says nothing of anybody, and what happened is no detail of it
    ("GET", "/v1/events"),
    ("POST", "/v1/webhooks"),
    ("GET", "/v1/webhooks"),
    ("POST", "/v1/webhooks/{webhook}/end"),
    ("POST", "/v1/imports/employers"),
    ("POST", "/v1/imports/receipts"),
    *(route for route in SCOPE_OF if route[1].startswith("/v1/imports/") and route[0] == "GET"),
    *(route for route, scope in SCOPE_OF.items() if scope == OPEN),
)
SHOWN_BY: Final = {**_OF_PERSONS, **dict.fromkeys(_OF_NOBODY, NOTHING)}
"""The groups of fields that a route shows of persons."""

READS_BY_POST: Final = frozenset(
    {
        ("POST", "/v1/accounts/lookup"),
        ("POST", "/v1/settlements/quote"),
        ("POST", "/v1/people/lookup"),
        ("POST", "/v1/people/digests"),
        ("POST", "/v1/phone/inquiries"),
        # a print is a read, though it is kept
        ("POST", "/v1/accounts/{account}/documents"),
        ("POST", "/v1/employers/{employer}/documents"),
        ("POST", "/v1/me/documents"),
    }
)
"""Routes that only read, though they are called with a body."""

_REVIEWERS: Final = frozenset({C.SYSTEM, C.WINDOW, C.AUDIT})
_AGENCIES: Final = frozenset({C.SYSTEM, C.AGENCY})
_WINDOW: Final = frozenset({C.SYSTEM, C.WINDOW})
_ONESELF: Final = frozenset({C.SYSTEM, C.ONLINE, C.KIOSK})
# a clerk of the telephone writes down what cannot be answered at once, and reads nothing there
_ASK: Final = _WINDOW | _ONESELF | {C.PHONE, C.EMPLOYER}
_FOLLOW: Final = _WINDOW | _ONESELF | {C.EMPLOYER, C.AUDIT}
ONLY_THROUGH: Final[Mapping[tuple[str, str], frozenset[AccessChannel]]] = {
    # R63: a written request, decided by somebody else
    ("POST", "/v1/agency-requests"): _AGENCIES,
    ("GET", "/v1/agency-requests"): _REVIEWERS,
    ("GET", "/v1/agency-requests/{agency_request}"): _REVIEWERS,
    ("POST", "/v1/agency-requests/{agency_request}/decision"): _WINDOW,
    ("GET", "/v1/agency-requests/{agency_request}/answer"): _AGENCIES,
    # what proves later who is asking is handed over by somebody who was seen
    ("POST", "/v1/accounts/{account}/cards"): _WINDOW,
    ("POST", "/v1/cards/{card}/lost"): _WINDOW,
    ("POST", "/v1/accounts/{account}/call-back-code"): _WINDOW,
    ("POST", "/v1/phone/inquiries"): frozenset({C.PHONE}),
    # what happens to everybody is for other systems, and for nobody who asks about somebody
    ("GET", "/v1/events"): frozenset({C.SYSTEM}),
    ("POST", "/v1/webhooks"): frozenset({C.SYSTEM}),
    ("GET", "/v1/webhooks"): frozenset({C.SYSTEM}),
    ("POST", "/v1/webhooks/{webhook}/end"): frozenset({C.SYSTEM}),
    # what somebody should explain is for who audits
    ("GET", "/v1/reports/findings"): frozenset({C.AUDIT}),
    # R68: decided by somebody else
    ("GET", "/v1/approvals"): _REVIEWERS,
    ("GET", "/v1/approvals/{approval}"): _REVIEWERS,
    ("POST", "/v1/approvals/{approval}/approve"): _WINDOW,
    ("POST", "/v1/approvals/{approval}/reject"): _WINDOW,
    ("POST", "/v1/cases"): _ASK,
    ("GET", "/v1/cases"): _FOLLOW,
    ("GET", "/v1/cases/{case}"): _FOLLOW,
    ("POST", "/v1/cases/{case}/take"): _WINDOW,
    ("POST", "/v1/cases/{case}/answer"): _WINDOW,
    ("POST", "/v1/cases/{case}/close"): _WINDOW,
    # a print is a read that is kept, and others are told of it: an auditor, who writes nothing, has none made
    ("POST", "/v1/accounts/{account}/documents"): _WINDOW,
    ("POST", "/v1/employers/{employer}/documents"): _WINDOW | {C.EMPLOYER},
    ("POST", "/v1/me/documents"): _ONESELF,
    ("POST", "/v1/me/cases"): _ONESELF,
    ("POST", "/v1/me/cases/{case}/close"): _ONESELF,
}
"""Routes that stand open to some channels alone, whatever the channels may see elsewhere."""
