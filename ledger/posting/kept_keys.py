"""The keys of people, kept with the entries of the commands that made the people known.

A stake carries the key of its person in front of the name. It is kept only where the name is: of whoever was
known before the stake's own is not used, and of a refused command nothing is written.
"""

from __future__ import annotations

from typing import Final

from ledger import tables
from ledger.database.direct import RoundTrip
from ledger.database.writers import RowWriter
from ledger.posting.attempt import Attempt
from ledger.vault import carried

# who has a key already, and gets another number, brings it once more
_KEYS: Final = RowWriter(tables.person_key, leave=True)


def keep_keys(trip: RoundTrip, attempt: Attempt) -> None:
    """Keep the keys of those whom the accepted commands made known, or gave a number with a name."""
    named = {person.digest for command in attempt.accepted for person in command.persons}
    stakes = [stake for digest, stake in attempt.fresh.items() if digest in named]
    stakes += [moved.named for moved in attempt.desk.moved.values() if moved.named is not None]
    found = {one.ref: one for one in (carried(stake.name_sealed) for stake in stakes) if one is not None}
    rows = [(one.ref, attempt.desk.now, one.wrapped, None, None) for _ref, one in sorted(found.items())]
    _KEYS.write_in(trip, rows)
