"""The one writer of the book.

`post` takes many commands and is the only code that writes books. It takes the stakes, locks the books in id
order, reads everything else after the locks, asks each command for its own pure decision, writes all that
was accepted in a few set-based statements and commits once. It knows none of the verbs.

A refused command leaves nothing, gives back its stakes, and does not disturb its neighbours.
"""

from ledger.posting.command import Command
from ledger.posting.desk import Desk
from ledger.posting.holdings import holding_digest, scheme_ref
from ledger.posting.needs import Look, Need
from ledger.posting.one_look import decide_at_a_look
from ledger.posting.outcomes import (
    AlreadyThere,
    Approval,
    BookRef,
    Change,
    Failed,
    Institution,
    Outcome,
    Person,
    PersonStake,
    PolicyOutdated,
    Posted,
    Receipt,
    Unavailable,
    Unknown,
    Waiting,
    WiderLocks,
)
from ledger.posting.reads import TARGET
from ledger.posting.rehearsal import rehearse
from ledger.posting.way_in import post

__all__ = [
    "TARGET",
    "AlreadyThere",
    "Approval",
    "BookRef",
    "Change",
    "Command",
    "Desk",
    "Failed",
    "Institution",
    "Look",
    "Need",
    "Outcome",
    "Person",
    "PersonStake",
    "PolicyOutdated",
    "Posted",
    "Receipt",
    "Unavailable",
    "Unknown",
    "Waiting",
    "WiderLocks",
    "decide_at_a_look",
    "holding_digest",
    "post",
    "rehearse",
    "scheme_ref",
]
