"""Handing a document out: it gets its number and its code, is drawn, signed, and written down as facts.

A row is never changed; a keyed digest over all of it tells what was. Reading goes by `IssuedDocument`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, insert, or_, select
from sqlalchemy.exc import DBAPIError

from ledger import tables
from ledger.chart.channels import FieldGroup
from ledger.chart.documents import DocumentKind
from ledger.chart.events import EventKind
from ledger.clock import day_of
from ledger.database.faults import trouble
from ledger.database.locks import wait_for_turn
from ledger.documents.asked import Span
from ledger.documents.codes import code_digest, is_name, new_code, new_name, new_serial
from ledger.documents.drafting import Drafted, Printer
from ledger.documents.facts import Issue
from ledger.documents.kept_facts import (
    DATA_VERSION,
    flattened,
    from_facts,
    sign,
    to_data,
    to_facts,
    totals_of,
)
from ledger.documents.rests_on import RestsOn, read_rests_on
from ledger.events.outbox import tell
from ledger.inquiry.accesses import Print, prints_shown
from ledger.inquiry.asking import Clerk
from ledger.people.still_known import known_accounts
from ledger.policy import Policy
from ledger.posting import Unavailable
from ledger.printing.rendering import LINES_MAX, Rendered, lines_of, made_by, rendered
from ledger.printing.sheet import Form, PrintedSheet
from ledger.refusals import RefusalCode, Refused
from ledger.vault import Keyring, KeyringError, is_erased

_D = tables.document.c
COLUMNS: Final = tuple(tables.document.c)
"""Every column of a document, in the order of `IssuedDocument`."""

_FACTS: Final = b"document.facts|"
_CONTENT: Final = "document content"
_log = logging.getLogger(__name__)


class IssuedDocument(NamedTuple):
    """A document as it is kept: every column, in order."""

    name: str
    serial: str
    code_digest: bytes
    kind: int
    form: str
    made_by: str
    key_id: str
    signature: bytes
    book_id: int
    first: date
    last: date
    fields: int
    items: int
    totals: str
    rests_on: str
    facts_sealed: bytes
    sha256: bytes
    pages: int
    issued_at: datetime
    caller: int
    actor: int
    purpose: str | None
    ref: str | None
    seal: bytes

    @property
    def of_kind(self) -> DocumentKind:
        return DocumentKind(self.kind)

    @property
    def shows(self) -> FieldGroup:
        """What it shows of persons."""
        return FieldGroup(self.fields)

    @property
    def span(self) -> Span:
        return Span(self.first, self.last)

    @property
    def sums(self) -> dict[str, str]:
        """The sums that it states, in yuan."""
        sums: dict[str, str] = json.loads(self.totals)
        return sums

    @property
    def is_erased(self) -> bool:
        """Whether nobody opens it any more, because whose it was, or the last one on it, was erased."""
        return is_erased(self.facts_sealed)

    @property
    def rests(self) -> RestsOn:
        return read_rests_on(self.rests_on)


class HandedOut(NamedTuple):
    """What whoever asked for a document is told. The code is told this once: of it a digest is kept."""

    document: str
    serial: str
    verification_code: str
    sha256: bytes
    pages: int
    issued_at: datetime


class Named(NamedTuple):
    """A document that has its number and its code, and is not handed out yet."""

    name: str
    issue: Issue


def maker_of(form: Form) -> str:
    """What makes a document of a form: form, library, fonts, and the data that is signed."""
    return f"{made_by(form)} {DATA_VERSION}"


def named(check_url: str, now: datetime) -> Named:
    """A number, a code, and the address at which that is checked, for one document.

    Without `check_url` there is no address: a path alone leads nobody anywhere.
    """
    code = new_code()
    address = f"{check_url}/v1/checks/{code}" if check_url else ""
    return Named(new_name(), Issue(new_serial(day_of(now)), code, address, now))


def drawn(keyring: Keyring, sheet: PrintedSheet, form: Form, span: Span) -> tuple[Rendered, str, bytes]:
    """A sheet in its form, the name of the key that signed its data, and the signature.

    May take seconds. Raises KeyringError where there is no key that signs.
    """
    key_id = keyring.signing
    if key_id is None:
        raise KeyringError("there is no key that signs documents")
    data = to_data(sheet, span)
    signature = sign(keyring, key_id, data)
    return rendered(sheet, form, flattened(key_id, data, signature)), key_id, signature


class PrintedBy(NamedTuple):
    """Who prints a document, and what for."""

    clerk: Clerk
    purpose: str | None
    ref: str | None


class Drawn(NamedTuple):
    """A document ready to be written down."""

    sheet: PrintedSheet
    form: Form
    rendering: Rendered
    key_id: str
    signature: bytes
    # the sheet as it is kept: packing a long one takes time, which whoever writes it down does without
    facts: bytes


def draw(keyring: Keyring, drafted: Drafted, issue: Issue, form: Form) -> Drawn:
    """All of a document, drawn and signed. May take seconds.

    Raises KeyringError, and Refused(document_too_long) for more lines than are drawn.
    """
    sheet = drafted.sheet(issue)
    if lines_of(sheet) > LINES_MAX:
        raise Refused(RefusalCode.DOCUMENT_TOO_LONG, at="from", lines_max=LINES_MAX)
    return Drawn(sheet, form, *drawn(keyring, sheet, form, drafted.span), to_facts(sheet))


def write_down(
    connection: Connection, printer: Printer, drafted: Drafted, named: Named, made: Drawn, by: PrintedBy
) -> HandedOut:
    """Keep a document as it is handed out. Outside a transaction.

    Others are told of it, unless it was printed for what the person is not to know of yet: then they are told
    on the day on which the look is withheld no longer.

    Raises Unavailable where the database does not take it, and for somebody who was erased since it was
    drafted.
    """
    try:
        return _write_down(connection, printer, drafted, named, made, by)
    except DBAPIError as error:
        if trouble(error) is not None:
            raise
        # whatever it has against the row: there is no document, and the same may be asked for again
        _log.error("a document was not taken by the database: %s", type(error.orig).__name__)
        raise Unavailable("the document was not written down") from error


def _write_down(
    connection: Connection, printer: Printer, drafted: Drafted, named: Named, made: Drawn, by: PrintedBy
) -> HandedOut:
    keyring, agents = printer.keyring, by.clerk.row(connection)
    content_digest = sha256(made.rendering.content).digest()
    row = IssuedDocument(
        name=named.name,
        serial=named.issue.serial,
        code_digest=code_digest(named.issue.verification_code, keyring),
        kind=int(drafted.kind),
        form=made.form.value,
        made_by=maker_of(made.form),
        key_id=made.key_id,
        signature=made.signature,
        book_id=drafted.book_id,
        first=drafted.span.first,
        last=drafted.span.last,
        fields=int(drafted.fields),
        items=drafted.items,
        totals=json.dumps(totals_of(made.sheet)),
        rests_on=drafted.rests_on.as_json(),
        facts_sealed=keyring.seal_bytes(made.facts, context_of_facts(named.name)),
        sha256=content_digest,
        pages=made.rendering.pages,
        issued_at=named.issue.issued_at,
        caller=agents["caller"],
        actor=agents["actor"],
        purpose=by.purpose,
        ref=by.ref,
        seal=b"",
    )
    row = row._replace(seal=seal_of(keyring, row))
    with connection.begin():
        wait_for_turn(connection, _CONTENT, shared=True)
        if drafted.named and next(known_accounts(connection, drafted.named), None) is None:
            # what would be kept of them would outlive their key
            raise Unavailable("whose document it is was erased since it was drafted")
        connection.execute(insert(tables.document), row._asdict())
        if listed(connection, [row], printer.policies, by.clerk.today):
            tell(connection, EventKind.DOCUMENT_ISSUED, row.book_id, row.serial, row.issued_at)
    return HandedOut(
        row.name, row.serial, named.issue.verification_code, content_digest, row.pages, row.issued_at
    )


def hold_contents(connection: Connection) -> None:
    """Let nobody else write a document down, keep its bytes, or erase one, until the transaction ends."""
    wait_for_turn(connection, _CONTENT)


def seal_of(keyring: Keyring, row: IssuedDocument) -> bytes:
    """What only who has the keys can say of a document's row."""
    *values, _seal = row
    told = [_told(value) for value in values]
    return keyring.digest("document", "".join(f"{len(text)}:{text}" for text in told))


def _told(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value)


# -- looking -----------------------------------------------------------------------------------------------


def read_row(row: Sequence[Any]) -> IssuedDocument:
    """A row of the table, with its digests as bytes."""
    return IssuedDocument._make(bytes(one) if isinstance(one, memoryview) else one for one in row)


def find(connection: Connection, name: str) -> IssuedDocument:
    """The document of that name. Raises Refused(document_not_found)."""
    if is_name(name):
        row = connection.execute(select(*COLUMNS).where(_D.name == name)).one_or_none()
        if row is not None:
            return read_row(row)
    raise Refused(RefusalCode.DOCUMENT_NOT_FOUND, at="document")


def find_said(connection: Connection, said: str) -> IssuedDocument | None:
    """The document of that name, or with that serial number: what stands on the paper is the latter."""
    called = said.strip().upper()
    column = _D.name if is_name(called) else _D.serial
    row = connection.execute(select(*COLUMNS).where(column == called)).one_or_none()
    return None if row is None else read_row(row)


def find_of(connection: Connection, name: str, books: Sequence[int]) -> IssuedDocument:
    """The document of that name, if it is of one of these books; somebody else's is as unknown as none."""
    found = find(connection, name)
    if found.book_id not in books:
        raise Refused(RefusalCode.DOCUMENT_NOT_FOUND, at="document")
    return found


def listed(
    connection: Connection, found: Sequence[IssuedDocument], policies: Mapping[int, Policy], today: date
) -> list[IssuedDocument]:
    """Of some documents those that the person may know of: what a court had printed not before its day."""
    prints = [Print(one.name, one.serial, one.issued_at, one.purpose, one.ref, one.book_id) for one in found]
    known = {one.name for one in prints_shown(connection, prints, policies, today)}
    return [one for one in found if one.name in known]


def by_code(connection: Connection, keyring: Keyring, code: str) -> IssuedDocument | None:
    """The document with a verification code, which is one; None for a code that nobody was given."""
    digest = code_digest(code, keyring)
    row = connection.execute(select(*COLUMNS).where(_D.code_digest == digest)).one_or_none()
    return None if row is None else read_row(row)


def documents_listed(
    connection: Connection,
    books: Sequence[int],
    before: tuple[datetime, str] | None,
    limit: int,
    policies: Mapping[int, Policy],
    today: date,
) -> list[IssuedDocument]:
    """The same as the person is shown them. What is withheld leaves no gap: a page is full without it."""
    shown: list[IssuedDocument] = []
    while len(shown) < limit:
        found = documents_of(connection, books, before, limit)
        shown += listed(connection, found, policies, today)
        if len(found) < limit:
            break
        before = found[-1].issued_at, found[-1].name
    return shown[:limit]


def documents_of(
    connection: Connection, books: Sequence[int], before: tuple[datetime, str] | None, limit: int
) -> list[IssuedDocument]:
    """At most `limit` documents of these books, the latest first, before that one."""
    within: list[ColumnElement[bool]] = [_D.book_id.in_(books)]
    if before is not None:
        at, name = before
        within.append(or_(_D.issued_at < at, and_(_D.issued_at == at, _D.name < name)))
    query = select(*COLUMNS).where(*within).order_by(_D.issued_at.desc(), _D.name.desc()).limit(limit)
    return [read_row(row) for row in connection.execute(query)]


def context_of_facts(name: str) -> bytes:
    """Under what the facts of a document are sealed."""
    return _FACTS + name.encode()


def is_sound(keyring: Keyring, row: IssuedDocument) -> bool:
    """Whether a row is as it was written."""
    return row.seal == seal_of(keyring, row)


def sheet_of(keyring: Keyring, row: IssuedDocument) -> PrintedSheet:
    """The sheet of a document, as it was printed. Raises KeyringError."""
    return from_facts(keyring.open_bytes(row.facts_sealed, context_of_facts(row.name)))


def signed_data(row: IssuedDocument, sheet: PrintedSheet) -> bytes:
    """The data of a document with its signature, as it was signed."""
    return flattened(row.key_id, to_data(sheet, row.span), row.signature)
