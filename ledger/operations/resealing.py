"""Sealing anew what is sealed: every value under the newest key, in small steps beside the service.

What is recorded of people, and an older version sealed under a key of the installation, is sealed with a key
of the person's own; from then on that key alone is sealed anew.

What is to be done is found by the first bytes of each value, which name its key: so it may be killed at any
point and started again, and what others write meanwhile under an older key is found by the next pass. A value
that does not open is left as it is, and counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, Table, and_, func, select, tuple_, update

from ledger.clock import now_and_today
from ledger.documents import issuing
from ledger.id_forms import holds_id_number
from ledger.operations.one_person import OnePerson
from ledger.operations.sealed_columns import SEALED_COLUMNS, Row, SealedColumn, contexts_in_intents
from ledger.people.person_keys import own_key, with_keys_of_now
from ledger.people.renaming import ChangeName, RecordContact
from ledger.people.renumbering import ChangeNumber
from ledger.posting.intents import as_written, bytes_in, with_bytes
from ledger.tables import approval, document, document_content
from ledger.vault import (
    FORMS,
    FORMS_FOR_PERSONS,
    HEADER_BYTES,
    WRAPPED_BYTES,
    KeyMissingError,
    Keyring,
    KeyringError,
    carried,
    sealed_with,
)

_TOGETHER: Final = 200
"""Rows that are sealed anew in one transaction: milliseconds, so that nobody waits for them."""
_FEW: Final = 20
"""The same of documents, which are whole pages."""
PASSES_MAX: Final = 5
"""How often all tables are gone through, while others still seal under an older key."""
_DIGEST_BYTES: Final = 32
# what of the holder alone may wait in the holder's book
_ABOUT_THE_HOLDER: Final = frozenset(one.__name__ for one in (ChangeName, ChangeNumber, RecordContact))
_DONE = Callable[[int, int], None]


class Rotated(NamedTuple):
    """What became of it: values that are under an older key still, and by table those that do not open."""

    left: int
    broken: dict[str, int]


def rotate(connection: Connection, keyring: Keyring, report: _DONE | None = None) -> Rotated:
    """Seal everything anew under the newest key. Outside a transaction; may be killed and started again."""
    by_table = columns_by_table()
    left = count_left(connection, keyring)
    wanted, done = left, 0
    broken: dict[str, int] = {}
    for _pass in range(PASSES_MAX):
        broken = {}
        before = done
        for table, columns in by_table.items():
            for sealed, damaged in _of_table(connection, keyring, table, columns):
                done += sealed
                if damaged:
                    broken[table.name] = broken.get(table.name, 0) + damaged
                if report is not None:
                    report(min(done, wanted), wanted)
        left = count_left(connection, keyring)
        if left <= sum(broken.values()) or done == before:
            break
    return Rotated(left + broken.get(approval.name, 0) * (left == 0), broken)


def count_left(connection: Connection, keyring: Keyring) -> int:
    """How many values are sealed under another key than the newest."""
    with connection.begin():
        return sum(
            connection.scalar(select(func.count()).select_from(one.table).where(_is_older(one, keyring))) or 0
            for one in SEALED_COLUMNS
        )


def keys_in_use(connection: Connection) -> tuple[str, ...]:
    """The files of the keys under which something is sealed, one that is not here among them; in order.

    Within the transaction that is given: a look at all of the tables. Raises KeyringError for what is no
    sealed value.
    """
    headers: set[bytes] = set()
    for one in SEALED_COLUMNS:
        while True:
            other = select(one.column).where(
                one.column.is_not(None),
                func.substr(one.column, 1, 1).not_in(sorted(FORMS_FOR_PERSONS)),
                _header(one).not_in(sorted(headers)),
            )
            value = connection.scalar(other.limit(1))
            if value is None:
                break
            headers.add(bytes(value)[:HEADER_BYTES])
    return tuple(sorted({sealed_with(header) for header in headers}))


def _header(one: SealedColumn) -> Any:
    return func.substr(one.column, 1, HEADER_BYTES)


def _is_older(one: SealedColumn, keyring: Keyring) -> Any:
    """What is not sealed as it would be now."""
    if one.holds_keys:
        return and_(one.column.is_not(None), _header(one) != keyring.wrapped_header)
    ours = func.substr(one.column, 1, 1).in_(sorted(FORMS))
    # what is sealed for a person stays as it is: that one's key is sealed anew
    return ours if one.for_people else and_(ours, _header(one) != keyring.header)


def columns_by_table() -> dict[Table, list[SealedColumn]]:
    """The sealed columns of each table that has some, in the order of the list."""
    found: dict[Table, list[SealedColumn]] = {}
    for one in SEALED_COLUMNS:
        found.setdefault(one.table, []).append(one)
    return found


def _of_table(
    connection: Connection, keyring: Keyring, table: Table, columns: Sequence[SealedColumn]
) -> Iterable[tuple[int, int]]:
    """Seal a table's values anew, some at a time: (sealed, damaged) of each step."""
    key = list(table.primary_key.columns)
    names = {column.name for column in key}
    for one in columns:
        names |= {one.name, *one.needs}
    if table is document:
        names = {column.name for column in table.columns}
    query = select(*(table.c[name] for name in sorted(names))).order_by(*key)
    query = query.limit(_FEW if table in {document, document_content} else _TOGETHER)
    if table is not approval:
        # what waits is opened in any case: what stands in it may have been sealed before it was asked for
        older = [_is_older(one, keyring) for one in columns]
        query = query.where(older[0] if len(older) == 1 else older[0] | older[1])
    after: tuple[Any, ...] | None = None
    while True:
        sealed, damaged, after = _step(connection, keyring, query, key, columns, after)
        yield sealed, damaged
        if after is None:
            return


def _step(
    connection: Connection,
    keyring: Keyring,
    query: Select[Any],
    key: Sequence[Any],
    columns: Sequence[SealedColumn],
    after: tuple[Any, ...] | None,
) -> tuple[int, int, tuple[Any, ...] | None]:
    """One transaction: how many values were sealed anew, how many do not open, and where to go on."""
    if after is not None:
        query = query.where(tuple_(*key) > after if len(key) > 1 else key[0] > after[0])
    table = key[0].table
    sealed = damaged = 0
    with connection.begin():
        rows = [plain_row(row) for row in connection.execute(query).mappings()]
        for row in rows:
            try:
                anew = _anew(connection, keyring, row, columns)
            except KeyringError:
                damaged += 1
                continue
            if anew:
                # no lock over many books, which a cluster does not give: only where it is what was read
                same = [table.c[one.name] == row[one.name] for one in columns if one.name in anew]
                which = and_(*(column == row[column.name] for column in key), *same)
                connection.execute(update(table).where(which).values(anew))
                sealed += len(anew)
    following = tuple(rows[-1][column.name] for column in key) if rows else None
    return sealed, damaged, following


def plain_row(row: Any) -> dict[str, Any]:
    """A row by the names of its columns, with bytes as bytes on each database."""
    return {str(name): bytes(one) if isinstance(one, memoryview) else one for name, one in row.items()}


def _anew(
    connection: Connection, keyring: Keyring, row: Row, columns: Sequence[SealedColumn]
) -> dict[str, bytes]:
    """The values of a row that are sealed under an older key, under the newest. Raises KeyringError."""
    table = columns[0].table
    if table is approval:
        return _intent_anew(connection, keyring, row, columns[0])
    if columns[0].holds_keys:
        return {one.name: keyring.wrap_anew(one.context(row), row[one.name]) for one in columns}
    ours = [one for one in columns if row[one.name] is not None and row[one.name][:1] in FORMS]
    if columns[0].for_people:
        # opened first: a person gets no key for what does not open
        plain = {one.name: (keyring.open(row[one.name], one.context(row)), one.context(row)) for one in ours}
        key = own_key(connection, keyring, row["person_id"], now_and_today()[0])
        return {name: key.seal(text, context) for name, (text, context) in plain.items()}
    anew = {
        one.name: keyring.seal_anew(row[one.name], one.context(row))
        for one in ours
        if row[one.name][:HEADER_BYTES] != keyring.header
    }
    if table is document and anew:
        return _document_anew(keyring, row, anew)
    return anew


def _document_anew(keyring: Keyring, row: Row, anew: dict[str, bytes]) -> dict[str, bytes]:
    """With the digest over the row, which covers what is sealed: but only where it was right before."""
    seal = document_seal(keyring, row, anew)
    if seal is None:
        raise KeyringError("the row of a document is not as it was written")
    return anew | {"seal": seal}


def document_seal(keyring: Keyring, row: Row, anew: Mapping[str, bytes]) -> bytes | None:
    """The digest over the row of a document with some values anew; None where it was not right before."""
    issued = issuing.IssuedDocument(*(row[name] for name in issuing.IssuedDocument._fields))
    if not issuing.is_sound(keyring, issued):
        return None
    return issuing.seal_of(keyring, issued._replace(**anew))  # type: ignore[arg-type]  # bytes


def _intent_anew(connection: Connection, keyring: Keyring, row: Row, one: SealedColumn) -> dict[str, bytes]:
    """A request that waits, or waited: what is sealed in it is sealed anew, too."""
    held = keyring.open_bytes(row[one.name], one.context(row))
    plain = json.loads(held)
    values = tuple(bytes_in(plain))
    digests = [found for found in values if len(found) == _DIGEST_BYTES]
    contexts = [context for digest in dict.fromkeys(digests) for context in contexts_in_intents(digest)]
    older = [value for value in values if value[:HEADER_BYTES] != keyring.wrapped_header]
    keyed = with_keys_of_now(connection, older)
    written = as_written(
        with_bytes(plain, lambda value: _sealed_anew(keyring, keyed.get(value, value), contexts))
    )
    if written == held and row[one.name][:HEADER_BYTES] == keyring.header:
        return {}
    return {one.name: keyring.seal_bytes(written, one.context(row))}


def _sealed_anew(keyring: Keyring, value: bytes, contexts: Sequence[bytes]) -> bytes:
    """A value sealed anew; as it is where it is none, or under the newest key."""
    if value[:HEADER_BYTES] in {keyring.header, keyring.wrapped_header} or len(value) == _DIGEST_BYTES:
        return value
    if len(value) > WRAPPED_BYTES and (own := carried(value)) is not None:
        return keyring.wrap_anew(own.ref, own.wrapped) + own.sealed
    for context in contexts:
        try:
            return keyring.seal_anew(value, context)
        except KeyringError:
            continue  # it is sealed under another context, or is nothing that was sealed
    if value[:1] == keyring.header[:1] and len(value) > _DIGEST_BYTES and _names_a_key(keyring, value):
        raise KeyringError("what a request holds does not open")
    return value


def forget_person(connection: Connection, keyring: Keyring, one: OnePerson, refs: Set[bytes]) -> None:
    """Take a person, whose keys these are, out of every request that waits, or waited, for a second person.

    Such a request carries the key of whom it names, as it would write it down: that of the person, or one
    that was made for the request alone. Within the transaction that is given, some at a time. One that does
    not open is left: no key can be had from it. Raises KeyMissingError for one that opens elsewhere.
    """
    mine = _Mine(refs, one.numbers, keyring.person_key().seal_bytes(b"", b""))
    [intent] = [one for one in SEALED_COLUMNS if one.table is approval]
    key = list(approval.primary_key.columns)
    names = sorted({*(column.name for column in key), intent.name, *intent.needs})
    query = select(*(approval.c[name] for name in names)).where(intent.column.is_not(None))
    page = query.order_by(*key).limit(_TOGETHER)
    rows = [plain_row(found) for found in connection.execute(page).mappings()]
    while rows:
        for row in rows:
            if _forgotten(keyring, intent, row, one, mine) is None:
                continue
            which = [column == row[column.name] for column in key]
            # as it is by now: a rotation may have sealed it anew since it was read with the others
            held = select(*(approval.c[name] for name in names)).where(*which).with_for_update()
            now = plain_row(connection.execute(held).mappings().one())
            if (sealed := _forgotten(keyring, intent, now, one, mine)) is not None:
                connection.execute(update(approval).where(*which).values({intent.name: sealed}))
        after = tuple(rows[-1][column.name] for column in key)
        rows = [plain_row(found) for found in connection.execute(page.where(tuple_(*key) > after)).mappings()]


def _forgotten(keyring: Keyring, intent: SealedColumn, row: Row, one: OnePerson, mine: _Mine) -> bytes | None:
    """What a request holds, without what is the person's; None where nothing is. Raises KeyMissingError."""
    try:
        plain = json.loads(keyring.open_bytes(row[intent.name], intent.context(row)))
    except KeyMissingError:
        # others have the key that came since this process began
        raise
    except KeyringError:
        return None
    is_all = row["book_id"] in one.books and plain.get("of") in _ABOUT_THE_HOLDER
    kept = _without(plain, mine, is_all=is_all)
    return None if kept == plain else keyring.seal_bytes(as_written(kept), intent.context(row))


class _Mine(NamedTuple):
    """What of a request is the person's: sealed with these keys, or beside one of these digests."""

    refs: Set[bytes]
    numbers: Set[bytes]
    # what stands in its place: sealed with a key that nobody ever kept
    nothing: bytes


def _without(value: Any, mine: _Mine, *, is_all: bool) -> Any:
    """A part of a request without what is the person's; `is_all` says that whatever is sealed there is."""
    if isinstance(value, str):
        # the number by which heirs alike in all else are put in order
        return "" if is_all and holds_id_number(value) else value
    if isinstance(value, list):
        return [_without(one, mine, is_all=is_all) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"bytes"} and isinstance(value["bytes"], str):
        return {"bytes": _left_of(bytes.fromhex(value["bytes"]), mine, is_all=is_all).hex()}
    beside = value.get("digest")
    if isinstance(beside, dict) and isinstance(beside.get("bytes"), str):
        is_all = is_all or bytes.fromhex(beside["bytes"]) in mine.numbers
    return {name: _without(one, mine, is_all=is_all) for name, one in value.items()}


def _left_of(held: bytes, mine: _Mine, *, is_all: bool) -> bytes:
    if len(held) > WRAPPED_BYTES and (own := carried(held)) is not None:
        return own.sealed if is_all or own.ref in mine.refs else held
    # an older version sealed it under a key of the installation
    return mine.nothing if is_all and held[:1] in FORMS and len(held) > _DIGEST_BYTES else held


def _names_a_key(keyring: Keyring, value: bytes) -> bool:
    try:
        return sealed_with(value) in keyring.fingerprints
    except KeyringError:
        return False
