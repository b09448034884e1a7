"""The call-back code: set at the window and said by telephone (R61). Only its digest is kept."""

from __future__ import annotations

import hmac
import re
from typing import Final

from sqlalchemy import Connection, select

from ledger import tables
from ledger.database.writers import RowWriter
from ledger.inquiry.asking import Clerk, account_holder
from ledger.vault import Keyring

CODE_PATTERN: Final = "^[0-9]{4,8}$"
"""The form of a code, anchored, as the OpenAPI document publishes it: ASCII digits."""

_match_code = re.compile(CODE_PATTERN).fullmatch
_B = tables.call_back_code.c
_ROWS = RowWriter(tables.call_back_code, replace=True)


def is_code(text: str) -> bool:
    """Whether a text can be a call-back code: four to eight ASCII digits."""
    return _match_code(text) is not None


def set_code(connection: Connection, keyring: Keyring, book_id: int, code: str, by: Clerk) -> None:
    """Give an account a call-back code in place of the one it had. Raises Refused(account_not_found)."""
    written = by.row(connection)
    digest = _digest(keyring, book_id, code)
    with connection.begin():
        account_holder(connection, book_id)
        _ROWS.write(
            connection, [(book_id, digest, written["recorded_at"], written["caller"], written["actor"])]
        )


def has_code(connection: Connection, keyring: Keyring, book_id: int, code: str) -> bool:
    """Whether it is the code of the account."""
    digest = connection.scalar(select(_B.digest).where(_B.book_id == book_id))
    said = _digest(keyring, book_id, code)
    return digest is not None and hmac.compare_digest(bytes(digest), said)


def _digest(keyring: Keyring, book_id: int, code: str) -> bytes:
    return keyring.digest("call_back_code", f"{book_id}|{code}")
