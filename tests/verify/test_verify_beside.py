"""Every kind of row that entries write beside themselves is one that `verify` looks at."""

from ledger.book.beside import RowKind
from ledger.institutions.rows import CONTRACT_END_ROW, CONTRACT_ROW, SUSPENSION_END_ROW, SUSPENSION_ROW
from ledger.posting.identities import IDENTITY_ROW
from ledger.verify.beside import WRITES

# of a table without entries: they are held against what the institution's book says of them
OF_CONTRACTS = {CONTRACT_ROW, CONTRACT_END_ROW, SUSPENSION_ROW, SUSPENSION_END_ROW}


def test_every_kind_of_row_is_verified() -> None:
    declared = {kind for row, kind in RowKind._of.items() if row.__module__.startswith("ledger.")}
    assert {kind.table for kind in declared - OF_CONTRACTS} == {
        # whose numbers are is held against an entry by a commitment of its own
        IDENTITY_ROW.table,
        *(kind.table for kinds in WRITES.values() for kind in kinds),
    }
    assert declared >= OF_CONTRACTS
