"""The bytes of a document, the same for ever: made again from its facts, or those that were kept.

They leave only when their digest is the one of the day on which they were handed out. What makes a form may
change: bytes are kept before, by `python -m ledger documents keep`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select

from ledger import tables
from ledger.database.lookups import insert_or_leave
from ledger.documents.issuing import (
    COLUMNS,
    IssuedDocument,
    hold_contents,
    is_sound,
    maker_of,
    read_row,
    sheet_of,
    signed_data,
)
from ledger.printing.rendering import rendered
from ledger.printing.sheet import Form
from ledger.refusals import RefusalCode, Refused
from ledger.vault import FORMS_FOR_PERSONS, KeyMissingError, Keyring, KeyringError, is_erased

_D, _K = tables.document.c, tables.document_content.c
_CONTENT: Final = b"document_content.content|"
_TOGETHER: Final = 50

MEDIA_TYPES: Final = {
    Form.PDF: "application/pdf",
    Form.HTML: "text/html; charset=utf-8",
    Form.CSV: "text/csv; charset=utf-8",
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Form.JSON: "application/json",
}


class Kept(NamedTuple):
    """What `keep` did: documents whose bytes it kept, and those of which it could not, by serial number."""

    kept: int
    already: int
    broken: tuple[str, ...]


def kept_content(connection: Connection, name: str) -> bytes | None:
    """The bytes of a document that were kept, sealed; None where none were."""
    sealed = connection.scalar(select(_K.content_sealed).where(_K.name == name))
    return None if sealed is None else bytes(sealed)


def open_kept(keyring: Keyring, name: str, sealed: bytes) -> bytes:
    """The bytes of a document that were kept, opened. Raises KeyringError."""
    return keyring.open_bytes(sealed, context(name))


def content_of(keyring: Keyring, row: IssuedDocument, kept: bytes | None) -> bytes:
    """The bytes that were handed out. May take seconds.

    Raises Refused: document_damaged when the row, the facts or the bytes are not those of that day;
    document_not_kept when what makes the form has changed and its bytes were not kept before, or its person
    was erased. Raises KeyMissingError where they are sealed with a key that this process does not have: that
    is no damage.
    """
    if not is_sound(keyring, row):
        raise Refused(RefusalCode.DOCUMENT_DAMAGED)
    if row.is_erased:
        raise Refused(RefusalCode.DOCUMENT_NOT_KEPT)
    if kept is None and row.made_by != maker_of(Form(row.form)):
        raise Refused(RefusalCode.DOCUMENT_NOT_KEPT)
    try:
        content = _made_again(keyring, row) if kept is None else open_kept(keyring, row.name, kept)
    except KeyMissingError:
        raise
    except KeyringError:
        raise Refused(RefusalCode.DOCUMENT_DAMAGED) from None
    if sha256(content).digest() != row.sha256:
        raise Refused(RefusalCode.DOCUMENT_DAMAGED)
    return content


def _made_again(keyring: Keyring, row: IssuedDocument) -> bytes:
    sheet = sheet_of(keyring, row)
    return rendered(sheet, Form(row.form), signed_data(row, sheet)).content


def context(name: str) -> bytes:
    """Under what the bytes of a document are sealed."""
    return _CONTENT + name.encode()


def keep(
    connection: Connection, keyring: Keyring, now: datetime, report: Callable[[int, int], None] | None = None
) -> Kept:
    """Keep the bytes of every document that can be made now and has none kept. Outside a transaction.

    Of one that was erased there is nothing to keep. Can be interrupted and started again, and goes on beside
    a service that hands out more.
    """
    with connection.begin():
        total = connection.scalar(select(func.count()).select_from(tables.document)) or 0
        already = connection.scalar(select(func.count()).select_from(tables.document_content)) or 0
    kept, after = 0, ""
    broken: list[str] = []
    query = (
        select(*COLUMNS)
        .select_from(tables.document.outerjoin(tables.document_content, _K.name == _D.name))
        .where(_K.name.is_(None), func.substr(_D.facts_sealed, 1, 1).not_in(sorted(FORMS_FOR_PERSONS)))
        .order_by(_D.name)
        .limit(_TOGETHER)
    )
    while True:
        with connection.begin():
            rows = [read_row(row) for row in connection.execute(query.where(_D.name > after))]
        if not rows:
            return Kept(kept, already, tuple(broken))
        for row in rows:
            try:
                content = content_of(keyring, row, None)
            except Refused:
                broken.append(row.serial)
                continue
            kept += _keep_one(connection, keyring, row, content, now)
        after = rows[-1].name
        if report is not None:
            report(already + kept + len(broken), total)


def _keep_one(
    connection: Connection, keyring: Keyring, row: IssuedDocument, content: bytes, now: datetime
) -> bool:
    """Keep the bytes of a document, unless it was erased since its facts were read: whether they were."""
    sealed = keyring.seal_bytes(content, context(row.name))
    facts = select(_D.facts_sealed).where(_D.name == row.name)
    with connection.begin():
        hold_contents(connection)
        if is_erased(bytes(connection.execute(facts).scalar_one())):
            return False
        connection.execute(
            insert_or_leave(connection, tables.document_content),
            {"name": row.name, "content_sealed": sealed, "kept_at": now},
        )
    return True
