"""How long PostgreSQL may take for one statement, by what the connection is for."""

from __future__ import annotations

from typing import NamedTuple

# a server that says nothing that much longer than a statement may take is frozen, or the network is gone
GRACE_SECONDS = 3


class Purpose(NamedTuple):
    """What a connection is for. Times in whole seconds; 0 is no limit."""

    name: str
    # PostgreSQL ends a statement then, and a transaction in which the client has said nothing for as long
    statement_seconds: int

    @property
    def answer_seconds(self) -> float | None:
        """When the client gives the connection up, though PostgreSQL should have ended the statement."""
        return self.statement_seconds + GRACE_SECONDS if self.statement_seconds else None


PROBE = Purpose("probe", 2)
# the record of a read, without which nothing is shown
READ_LOG = Purpose("read log", 3)
# what a counter waits for: a balance, a page, a quote
LOOKS = Purpose("looks", 5)
# reports, lists as files, dry runs of many commands
REPORTS = Purpose("reports", 60)
# one batch of the writer, whose statements wait up to ten seconds for a lock
POSTING = Purpose("posting", 15)
# long lists and payments of employers
OFFICE = Purpose("office", 60)
# files, the year end and its like, other programs
RUN = Purpose("run", 600)
VERIFY = Purpose("verify", 3_600)
# a migration takes as long as it takes
SCHEMA = Purpose("schema", 0)

PURPOSES = (PROBE, READ_LOG, LOOKS, REPORTS, POSTING, OFFICE, RUN, VERIFY, SCHEMA)
