"""Every table, constraint and index. The target of the migrations; nothing else lives here.

Each table says in `info["room"]` what it is, and a test holds what follows from that:

* `book`: belongs to one book. `book_id` stands first in the primary key, in every unique constraint and in
  every foreign key between book tables, so that books can be spread over machines.
* `claim`: something unique beyond one book, keyed by the digest of what it claims and by nothing else.
* `reference`: small and read-mostly.
"""

from ledger.tables.base import Instant, metadata
from ledger.tables.books import book, entry, transfer
from ledger.tables.claims import claim, identity
from ledger.tables.contributions import (
    LEVY_AMOUNTS,
    assessment,
    assessment_line,
    declared_line,
    enrolment,
    levy,
    levy_line,
)
from ledger.tables.references import agent, batch, batch_line, contract, employer, institution, policy

__all__ = [
    "APPEND_ONLY",
    "LEVY_AMOUNTS",
    "NEVER_DELETED",
    "Instant",
    "agent",
    "assessment",
    "assessment_line",
    "batch",
    "batch_line",
    "book",
    "claim",
    "contract",
    "declared_line",
    "employer",
    "enrolment",
    "entry",
    "identity",
    "institution",
    "levy",
    "levy_line",
    "metadata",
    "policy",
    "transfer",
]

# What the database itself never lets anybody change or take away; the migrations make the triggers.
APPEND_ONLY = (
    "entry", "transfer", "policy", "levy_line", "assessment_line", "declared_line", "enrolment",
)  # fmt: skip
# The rows that are state: they change, and are never taken away.
NEVER_DELETED = ("book", "levy", "assessment")
