"""The ledger of personal medical accounts: its public face.

What the doors and other programs import. `connect` gives an engine; commands go to the book through a
`Writer` (or `post`, for a program of its own), or are only rehearsed; `reports` reads.

    engine = connect("sqlite:///ledger.db")
    with engine.connect() as connection:
        outcomes = post(connection, [Spend(…)], *now_and_today(), policies)
"""

import gc

# What is imported stays. To look for rubbish in it meanwhile, and at the end of the process, takes as long as
# all the rest of a short command.
_COLLECTS = gc.isenabled()
gc.disable()

from ledger import reports
from ledger.accounts.closure import CorrectDeath, ReportDeath
from ledger.accounts.contributing import Contribute
from ledger.accounts.freezes import EndFreeze, Freeze
from ledger.accounts.holds import Capture, Hold, Release
from ledger.accounts.interest_corrections import CorrectInterest
from ledger.accounts.mistaken_deaths import WithdrawDeath
from ledger.accounts.mutual_aid import EndQuota, GiveQuota, PayPremium
from ledger.accounts.opening import OpenAccount, OpeningBalance
from ledger.accounts.reversals import Reverse
from ledger.accounts.spending import Spend
from ledger.care import annual_settlements
from ledger.care.annual_settlements import CloseYear
from ledger.care.bills import Bill
from ledger.care.entry_reversals import ReverseEntry
from ledger.care.filings import EndFiling, RecordFiling
from ledger.care.manual_claims import DecideClaim, SubmitClaim
from ledger.care.settlements import Quoted, Settle, quote_minutes
from ledger.care.taking_back import CorrectMessage, ReverseSettlement
from ledger.care.third_party import OpenCase, PayAdvance, RecordRecovery
from ledger.care.visits import EndVisit, RegisterVisit
from ledger.chart.kinds import KIND_WORDS, Kind
from ledger.chart.matrix import Status
from ledger.chart.sides import Side
from ledger.clearing.clearings import Clear, EndClearing, PayInstitution
from ledger.clearing.reconciliations import Reconcile
from ledger.clock import Clock, now_and_today
from ledger.contributions import employers
from ledger.contributions import late_months as _late_months  # noqa: F401  joins the report of a death
from ledger.contributions.adjustments import Adjust
from ledger.contributions.assessing import Declared
from ledger.contributions.closures import CloseEmployer, ReopenEmployer
from ledger.contributions.declarations import Confirm, Declare
from ledger.contributions.employer_changes import ChangeEmployer
from ledger.contributions.employers import RegisterEmployer
from ledger.contributions.estimates import Estimate, ReverseEstimate
from ledger.contributions.payment_reversals import ReversePayment
from ledger.contributions.payments import ReceivePayment
from ledger.contributions.refunds import RefundSurplus
from ledger.contributions.staff_moves import MergeEmployer, MoveStaff
from ledger.contributions.supervision import RecordStep
from ledger.database.engines import at_a_glance, connect, for_purpose, glancing, reading
from ledger.database.faults import Trouble, is_lost, trouble
from ledger.database.purposes import LOOKS, OFFICE, POSTING, PROBE, REPORTS, Purpose
from ledger.estates.claimants import ConfirmEstate, NameClaimants, NamedClaimant
from ledger.estates.disputes import AgreeOnEstate, DisputeEstate
from ledger.estates.division import RELATIONS, DivideEstate, HeirShare
from ledger.estates.merging import MergeAccounts
from ledger.estates.payouts import OrderPayout, RecordPayout, ReturnPayout, ReviewPayout
from ledger.estates.unclaimed import PayUnclaimedEstate
from ledger.estates.undoing import UndoEstate
from ledger.imports.lists import ListLine, read_list, require_nil_said
from ledger.institutions.changes import ChangeInstitution
from ledger.institutions.closing import EndInstitution, MergeInstitution, ReopenInstitution
from ledger.institutions.ends import EndContract, EndSuspension
from ledger.institutions.registry import AddContract, RegisterInstitution, Suspend
from ledger.owed.demands import DemandBack, PayInstalment, SetOffDemand
from ledger.people import persons
from ledger.people.enrolments import EndEnrolment, Enrol
from ledger.people.renaming import ChangeName, RecordContact
from ledger.people.renumbering import ChangeNumber
from ledger.people.residents import EnrolResident, resident_ref
from ledger.people.separation import SeparatePeople
from ledger.policy import Policy, load_policies
from ledger.posting import (
    BookRef,
    Command,
    Failed,
    Outcome,
    PersonStake,
    PolicyOutdated,
    Posted,
    Receipt,
    Unavailable,
    Unknown,
    Waiting,
    batches,
    decide_at_a_look,
)
from ledger.posting.rehearsal import rehearse
from ledger.posting.way_in import post
from ledger.posting.writer import Overloaded, Stopped, Writer
from ledger.refusals import PRECEDENCE, RefusalCode, Refused
from ledger.transfers.coming_in import AnnounceTransfer, CreditTransfer
from ledger.transfers.exits import PayExit
from ledger.transfers.going_out import AcknowledgeTransfer, RejectTransfer, RequestTransfer, SendTransfer
from ledger.transfers.supplements import ReleaseSuspended, SupplementTransfer
from ledger.vault import Keyring

gc.freeze()
if _COLLECTS:
    gc.enable()

__all__ = [
    "KIND_WORDS",
    "LOOKS",
    "OFFICE",
    "POSTING",
    "PRECEDENCE",
    "PROBE",
    "RELATIONS",
    "REPORTS",
    "AcknowledgeTransfer",
    "AddContract",
    "Adjust",
    "AgreeOnEstate",
    "AnnounceTransfer",
    "Bill",
    "BookRef",
    "Capture",
    "ChangeEmployer",
    "ChangeInstitution",
    "ChangeName",
    "ChangeNumber",
    "Clear",
    "Clock",
    "CloseEmployer",
    "CloseYear",
    "Command",
    "Confirm",
    "ConfirmEstate",
    "Contribute",
    "CorrectDeath",
    "CorrectInterest",
    "CorrectMessage",
    "CreditTransfer",
    "DecideClaim",
    "Declare",
    "Declared",
    "DemandBack",
    "DisputeEstate",
    "DivideEstate",
    "EndClearing",
    "EndContract",
    "EndEnrolment",
    "EndFiling",
    "EndFreeze",
    "EndInstitution",
    "EndQuota",
    "EndSuspension",
    "EndVisit",
    "Enrol",
    "EnrolResident",
    "Estimate",
    "Failed",
    "Freeze",
    "GiveQuota",
    "HeirShare",
    "Hold",
    "Keyring",
    "Kind",
    "ListLine",
    "MergeAccounts",
    "MergeEmployer",
    "MergeInstitution",
    "MoveStaff",
    "NameClaimants",
    "NamedClaimant",
    "OpenAccount",
    "OpenCase",
    "OpeningBalance",
    "OrderPayout",
    "Outcome",
    "Overloaded",
    "PayAdvance",
    "PayExit",
    "PayInstalment",
    "PayInstitution",
    "PayPremium",
    "PayUnclaimedEstate",
    "PersonStake",
    "Policy",
    "PolicyOutdated",
    "Posted",
    "Purpose",
    "Quoted",
    "Receipt",
    "ReceivePayment",
    "Reconcile",
    "RecordContact",
    "RecordFiling",
    "RecordPayout",
    "RecordRecovery",
    "RecordStep",
    "RefundSurplus",
    "RefusalCode",
    "Refused",
    "RegisterEmployer",
    "RegisterInstitution",
    "RegisterVisit",
    "RejectTransfer",
    "Release",
    "ReleaseSuspended",
    "ReopenEmployer",
    "ReopenInstitution",
    "ReportDeath",
    "RequestTransfer",
    "ReturnPayout",
    "Reverse",
    "ReverseEntry",
    "ReverseEstimate",
    "ReversePayment",
    "ReverseSettlement",
    "ReviewPayout",
    "SendTransfer",
    "SeparatePeople",
    "SetOffDemand",
    "Settle",
    "Side",
    "Spend",
    "Status",
    "Stopped",
    "SubmitClaim",
    "SupplementTransfer",
    "Suspend",
    "Trouble",
    "Unavailable",
    "UndoEstate",
    "Unknown",
    "Waiting",
    "WithdrawDeath",
    "Writer",
    "annual_settlements",
    "at_a_glance",
    "batches",
    "connect",
    "decide_at_a_look",
    "employers",
    "for_purpose",
    "glancing",
    "is_lost",
    "load_policies",
    "now_and_today",
    "persons",
    "post",
    "quote_minutes",
    "read_list",
    "reading",
    "rehearse",
    "reports",
    "require_nil_said",
    "resident_ref",
    "trouble",
]
