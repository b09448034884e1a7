"""The ledger of personal medical accounts: its public face.

What the doors and other programs import. `connect` gives an engine; commands go to the book through a
`Writer` (or `post`, for a program of its own), or are only rehearsed; `reports` reads.

    engine = connect("sqlite:///ledger.db")
    with engine.connect() as connection:
        outcomes = post(connection, [Spend(…)], *now_and_today(), policies)
"""

from ledger import batches, persons, reports, year_end
from ledger.accounts import OpenAccount, OpeningBalance
from ledger.chart import KIND_WORDS, Kind, Side, Status
from ledger.clock import now_and_today
from ledger.closure import RELATIONS, HeirShare, ReportDeath, SettleEstate
from ledger.contributions import Contribute
from ledger.database import connect, glancing, is_lost, reading
from ledger.freezes import EndFreeze, Freeze
from ledger.holds import Capture, Hold, Release
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
)
from ledger.refusals import PRECEDENCE, RefusalCode, Refused
from ledger.reversals import Reverse
from ledger.spending import Spend
from ledger.vault import Keyring
from ledger.writer import Overloaded, Stopped, Writer

__all__ = [
    "KIND_WORDS",
    "PRECEDENCE",
    "RELATIONS",
    "BookRef",
    "Capture",
    "Command",
    "Contribute",
    "EndFreeze",
    "Failed",
    "Freeze",
    "HeirShare",
    "Hold",
    "Keyring",
    "Kind",
    "OpenAccount",
    "OpeningBalance",
    "Outcome",
    "Overloaded",
    "PersonClaim",
    "Policy",
    "Posted",
    "Receipt",
    "RefusalCode",
    "Refused",
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
    "glancing",
    "is_lost",
    "load_policies",
    "now_and_today",
    "persons",
    "post",
    "reading",
    "rehearse",
    "reports",
    "year_end",
]
