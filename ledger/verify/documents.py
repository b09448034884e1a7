"""What must be true of documents that were handed out: each stands as it was written."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from sqlalchemy import Connection, select

from ledger import tables
from ledger.documents.handing_out import open_kept
from ledger.documents.issuing import COLUMNS, is_sound, read_row
from ledger.vault import Keyring, KeyringError, is_erased
from ledger.verify.finding import Finding
from ledger.verify.streams import streamed

_D, _K = tables.document.c, tables.document_content.c


def documents_are_as_written(connection: Connection, keyring: Keyring | None) -> Iterator[Finding]:
    """No row was changed, and bytes that were kept are those that were handed out.

    Without the keys neither can be told.
    """
    if keyring is None:
        return
    query = (
        select(*COLUMNS, _K.content_sealed)
        .select_from(tables.document.outerjoin(tables.document_content, _K.name == _D.name))
        .order_by(_D.name)
    )
    for *columns, sealed in streamed(connection, query):
        row = read_row(columns)
        if not is_sound(keyring, row):
            yield Finding("document_broken", f"document {row.serial}", "its row is not as it was written")
            continue
        if sealed is None:
            continue
        if row.is_erased or is_erased(bytes(sealed)):
            # both go at once
            if not (row.is_erased and is_erased(bytes(sealed))):
                what = "its facts were erased without its bytes, or these without them"
                yield Finding("document_broken", f"document {row.serial}", what)
            continue
        try:
            content = open_kept(keyring, row.name, bytes(sealed))
        except KeyringError:
            content = None
        if content is None or sha256(content).digest() != row.sha256:
            yield Finding("document_broken", f"document {row.serial}", "other bytes were kept of it")
