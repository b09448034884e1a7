"""Every column that holds something sealed, and under what each of its values is sealed: the one list.

`keys rotate` seals them anew by it, and `doctor` asks them which keys still seal something. A test holds it
against the tables and against what opens there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, Table

from ledger import tables
from ledger.cases.cases import context as context_of_case
from ledger.chart.person_facts import PersonFact
from ledger.documents import handing_out, issuing
from ledger.estates import payout_reports
from ledger.events import webhooks
from ledger.inquiry import agency_requests, cards
from ledger.people import persons
from ledger.posting import approvals

# a row by the names of its columns
Row = Mapping[str, Any]


class SealedColumn(NamedTuple):
    """A column of sealed values."""

    table: Table
    name: str
    # under what the value of a row is sealed
    context: Callable[[Row], bytes]
    # the columns that the context is made of, beside the primary key
    needs: tuple[str, ...] = ()
    # what is recorded of people is sealed with a key of the person's own
    for_people: bool = False
    # the keys of people themselves
    holds_keys: bool = False

    @property
    def column(self) -> Column[bytes]:
        """The column itself."""
        found: Column[bytes] = self.table.c[self.name]
        return found


def _of_fact(row: Row) -> bytes:
    return persons.context_of_fact(PersonFact(row["what"]), row["digest"])


def _of_asked(row: Row) -> bytes:
    return agency_requests.context(row["request_id"], row["place"])


def _of_case(column: str) -> Callable[[Row], bytes]:
    return lambda row: context_of_case(column, row["case_id"])


SEALED_COLUMNS: Final = (
    # first what waits: once it is approved, what it holds goes into the others
    SealedColumn(
        tables.approval, "intent_sealed", lambda row: approvals.context(row["book_id"], row["number"])
    ),
    SealedColumn(
        tables.identity,
        "number_sealed",
        lambda row: persons.context_of_number(row["digest"]),
        ("digest", "person_id"),
        for_people=True,
    ),
    SealedColumn(
        tables.identity,
        "name_sealed",
        lambda row: persons.context_of_name(row["digest"]),
        ("digest", "person_id"),
        for_people=True,
    ),
    SealedColumn(tables.person_fact, "sealed", _of_fact, ("what", "digest", "person_id"), for_people=True),
    SealedColumn(tables.person_key, "wrapped", lambda row: row["ref"], holds_keys=True),
    SealedColumn(
        tables.declared_line,
        "number_sealed",
        lambda row: persons.context_of_sent(row["book_id"], row["line"]),
    ),
    SealedColumn(
        tables.estate_payout, "sealed", lambda row: payout_reports.context(row["digest"]), ("digest",)
    ),
    SealedColumn(tables.card, "number_sealed", lambda row: cards.context(row["digest"]), ("digest",)),
    SealedColumn(tables.agency_request_person, "number_sealed", _of_asked),
    SealedColumn(tables.inquiry_case, "text_sealed", _of_case("text")),
    SealedColumn(tables.inquiry_case, "reply_to_sealed", _of_case("reply_to")),
    SealedColumn(tables.inquiry_case_answer, "text_sealed", _of_case("answer")),
    SealedColumn(tables.inquiry_case_answer, "evidence_sealed", _of_case("evidence")),
    SealedColumn(tables.document, "facts_sealed", lambda row: issuing.context_of_facts(row["name"])),
    SealedColumn(tables.document_content, "content_sealed", lambda row: handing_out.context(row["name"])),
    SealedColumn(tables.webhook, "secret_sealed", lambda row: webhooks.context(row["name"])),
)


def contexts_in_intents(digest: bytes) -> tuple[bytes, ...]:
    """Under what the values may be sealed that a request which waits has in it, beside a digest."""
    return (
        persons.context_of_number(digest),
        persons.context_of_name(digest),
        *(persons.context_of_fact(what, digest) for what in PersonFact),
        payout_reports.context(digest),
    )
