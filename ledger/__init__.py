"""The ledger of personal medical accounts: its public face.

What the doors and other programs import. `connect` gives an engine; commands go to the book through a
`Writer` (or `post`, for a program of its own), or are only rehearsed; `reports` reads.

    engine = connect("sqlite:///ledger.db")
    with engine.connect() as connection:
        outcomes = post(connection, [Spend(…)], *now_and_today(), policies)
"""

from ledger import batches, employers, persons, reports, retirees, year_end
from ledger.accounts import OpenAccount, OpeningBalance
from ledger.adjustments import Adjust, RefundSurplus
from ledger.assessing import Declared
from ledger.chart import KIND_WORDS, Kind, Side, Status
from ledger.clock import now_and_today
from ledger.closure import RELATIONS, HeirShare, ReportDeath, SettleEstate
from ledger.contributions import Contribute
from ledger.database import connect, glancing, is_lost, reading
from ledger.declarations import Confirm, Declare
from ledger.employers import RegisterEmployer
from ledger.enrolments import EndEnrolment, Enrol
from ledger.estimates import Estimate
from ledger.freezes import EndFreeze, Freeze
from ledger.holds import Capture, Hold, Release
from ledger.imports.lists import ListLine, read_list
from ledger.payments import ReceivePayment
from ledger.policy import Policy, load_policies
from ledger.posting import (
    BookRef,
    Command,
    Failed,
    Outcome,
    PersonClaim,
    Posted,
    Receipt,
    Unknown,
    post,
    rehearse,
    resident_ref,
)
from ledger.refusals import PRECEDENCE, RefusalCode, Refused
from ledger.residents import EnrolResident
from ledger.reversals import Reverse
from ledger.spending import Spend
from ledger.supervision import RecordStep
from ledger.vault import Keyring
from ledger.writer import Overloaded, Stopped, Writer

__all__ = [
    "KIND_WORDS",
    "PRECEDENCE",
    "RELATIONS",
    "Adjust",
    "BookRef",
    "Capture",
    "Command",
    "Confirm",
    "Contribute",
    "Declare",
    "Declared",
    "EndEnrolment",
    "EndFreeze",
    "Enrol",
    "EnrolResident",
    "Estimate",
    "Failed",
    "Freeze",
    "HeirShare",
    "Hold",
    "Keyring",
    "Kind",
    "ListLine",
    "OpenAccount",
    "OpeningBalance",
    "Outcome",
    "Overloaded",
    "PersonClaim",
    "Policy",
    "Posted",
    "Receipt",
    "ReceivePayment",
    "RecordStep",
    "RefundSurplus",
    "RefusalCode",
    "Refused",
    "RegisterEmployer",
    "Release",
    "ReportDeath",
    "Reverse",
    "SettleEstate",
    "Side",
    "Spend",
    "Status",
    "Stopped",
    "Unknown",
    "Writer",
    "batches",
    "connect",
    "employers",
    "glancing",
    "is_lost",
    "load_policies",
    "now_and_today",
    "persons",
    "post",
    "read_list",
    "reading",
    "rehearse",
    "reports",
    "resident_ref",
    "retirees",
    "year_end",
]
