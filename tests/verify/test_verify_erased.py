"""What `verify` says when a value is erased whose person was not, or half of a document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from ledger import tables
from ledger.vault import FORMS_FOR_PERSONS, key_named
from ledger.verify import verify
from ledger.verify.finding import line_name
from tests.people.test_erasure import OVER, erase
from tests.support.api_client import running
from tests.support.approvals import asks_nobody
from tests.support.erased_life import Written, bury, write
from tests.support.people import KEYRING, World
from tests.verify.tampering import TOLD, let_pass, with_every_right

GONE_ON = OVER.replace(year=2057)


@pytest.fixture
def written(fresh_engine: Engine, tmp_path: Path) -> Written:
    """Somebody who was erased."""
    with running(fresh_engine, tmp_path) as client:
        found = write(client, fresh_engine, tmp_path)
    world = asks_nobody(World(fresh_engine))
    bury(world, found.book)
    erase(world, found.book, GONE_ON)
    return found


def test_a_number_that_went_without_its_person_is_told(fresh_engine: Engine, written: Written) -> None:
    """By somebody with every right, under a key that was erased for another."""
    line, k = tables.declared_line, tables.person_key.c
    with fresh_engine.connect() as connection:
        ours = line.c.number_sealed.is_not(None)
        theirs = connection.scalar(
            select(line.c.number_sealed).where(ours, line.c.account_id == written.book)
        )
        assert bytes(theirs or b"")[:1] in FORMS_FOR_PERSONS
        assert (
            connection.scalar(select(k.erased_in).where(k.ref == key_named(bytes(theirs or b""))))
            == written.book
        )
    assert verify(fresh_engine, keyring=KEYRING).findings == []
    with with_every_right(fresh_engine) as past:
        past.execute(update(line).where(ours).values(number_sealed=theirs))
    told = verify(fresh_engine, keyring=KEYRING).findings
    TOLD.update(one.what for one in told)
    assert [one.code for one in told] == ["sent_number_wrong"]
    with with_every_right(fresh_engine) as past:
        past.execute(update(line).where(ours).values(number_sealed=KEYRING.person_key().seal_bytes(b"", b"")))
    told = verify(fresh_engine, keyring=KEYRING).findings
    assert {one.code for one in told} == {"sent_number_wrong"}
    assert len(told) > 1


def test_bytes_that_went_without_their_document_are_told(fresh_engine: Engine, written: Written) -> None:
    content = tables.document_content
    other = written.documents["others"]
    with fresh_engine.connect() as connection:
        held = {
            name: bytes(sealed)
            for name, sealed in connection.execute(select(content.c.name, content.c.content_sealed))
        }
    mine = written.documents["kept"]["document"]
    for name, sealed, serial in (
        (other["document"], held[mine], other["serial"]),
        (mine, held[other["document"]], written.documents["kept"]["serial"]),
    ):
        with with_every_right(fresh_engine) as past:
            past.execute(update(content).where(content.c.name == name).values(content_sealed=sealed))
        told = verify(fresh_engine, keyring=KEYRING).findings
        TOLD.update(one.what for one in told)
        assert [(one.code, one.where) for one in told] == [("document_broken", f"document {serial}")]
        with with_every_right(fresh_engine) as past:
            past.execute(update(content).where(content.c.name == name).values(content_sealed=held[name]))


def test_a_key_that_is_gone_or_back_against_what_its_row_says_is_told(
    fresh_engine: Engine, written: Written
) -> None:
    """By somebody who took the CHECK away for it, and made it look as it was afterwards."""
    key, check = tables.person_key, "person_key.ck_person_key_erased_by_an_entry"
    with fresh_engine.connect() as connection:
        others = connection.scalars(select(key.c.ref).where(key.c.wrapped.is_not(None))).all()
        wrapped = connection.scalar(select(key.c.wrapped).where(key.c.ref == others[0]))
        erased = connection.scalars(select(key.c.ref).where(key.c.wrapped.is_(None))).all()
        (place,) = {
            tuple(row)
            for row in connection.execute(
                select(key.c.erased_in, key.c.erased_by).where(key.c.erased_in.is_not(None))
            )
        }

    def told(where: str, refs: Sequence[bytes], value: bytes | None) -> set[tuple[str, str]]:
        with with_every_right(fresh_engine) as past:
            past.execute(update(key).where(key.c.ref.in_(refs)).values(wrapped=value))
        findings = verify(fresh_engine, keyring=KEYRING).findings
        TOLD.update(one.what for one in findings)
        found = {(one.code, one.where) for one in findings}
        assert ("row_refused", check) in found
        return {one for one in found if one[1] == where}

    with with_every_right(fresh_engine) as past:
        let_pass(past, check)
    entry = line_name(*place)
    assert told(entry, erased, wrapped) == {("key_not_erased", entry)}
    name = f"key {bytes(others[0]).hex()}"
    assert told(name, others[:1], None) == {("key_erased", name)}
