"""The chain of reads: every column is under the digest, and no two rows tell the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import tables
from ledger.access.channels import ASKING_ONLY, SEES, may_see
from ledger.access.reads import LoggedRead, next_head
from ledger.chart.channels import EVERYTHING, NOTHING, AccessChannel, FieldGroup

AT = datetime(2026, 3, 1, 4, 0, 0, 123456, tzinfo=UTC)
READ = LoggedRead(
    1, 2, AT, 3, 4, "accounts:read", "person", 1, "own_request", "r", 16_000_000_000_001, b"p", 4, 1, "d"
)
OTHERS: dict[str, list[Any]] = {
    "at": [AT + timedelta(microseconds=1)],
    "role": ["accounts:reads"],
    "bound_to": [None, ""],
    "purpose": [None, ""],
    "ref": [None, "", "R"],
    "book_id": [None, 16_000_000_000_002],
    "person": [None, b"", b"q"],
    "document": [None, ""],
}


def test_a_row_has_every_column_but_its_digest() -> None:
    assert [*LoggedRead._fields, "head"] == tables.read_log.columns.keys()


@pytest.mark.parametrize("column", LoggedRead._fields)
def test_every_column_is_under_the_digest(column: str) -> None:
    before = next_head(bytes(32), READ)
    assert next_head(b"\x01" + bytes(31), READ) != before
    for value in OTHERS.get(column, [getattr(READ, column) + 1] if column not in OTHERS else []):
        assert next_head(bytes(32), READ._replace(**{column: value})) != before


@given(
    st.lists(st.text(max_size=6), min_size=4, max_size=4),
    st.lists(st.text(max_size=6), min_size=4, max_size=4),
)
def test_no_two_rows_tell_the_same(one: list[str], two: list[str]) -> None:
    names = ("role", "bound_to", "purpose", "ref")
    first, second = (READ._replace(**dict(zip(names, texts, strict=True))) for texts in (one, two))
    assert (next_head(bytes(32), first) == next_head(bytes(32), second)) is (one == two)


def test_every_channel_has_its_row() -> None:
    assert SEES.keys() == set(AccessChannel)
    assert SEES.keys() >= ASKING_ONLY


@pytest.mark.parametrize("channel", AccessChannel)
@pytest.mark.parametrize("group", FieldGroup)
def test_a_channel_sees_what_its_row_says(channel: AccessChannel, group: FieldGroup) -> None:
    assert may_see(channel, group) is (group in SEES[channel])
    assert may_see(channel, NOTHING)
    # of two groups both
    assert may_see(channel, group | FieldGroup.BALANCE) is (
        group in SEES[channel] and FieldGroup.BALANCE in SEES[channel]
    )


def test_the_table_is_that_of_the_rules() -> None:
    spending = FieldGroup.BALANCE | FieldGroup.ENTRIES | FieldGroup.CARE_AMOUNTS | FieldGroup.CARE_ITEMS
    # R62: never balance, spending, benefits; R61: no full number, diagnosis or item
    assert SEES[AccessChannel.EMPLOYER] & spending == NOTHING
    assert SEES[AccessChannel.PHONE] & (FieldGroup.IDENTITY_FULL | FieldGroup.CARE_ITEMS) == NOTHING
    assert SEES[AccessChannel.AGENCY] == NOTHING
    assert SEES[AccessChannel.SYSTEM] == SEES[AccessChannel.AUDIT] == EVERYTHING
