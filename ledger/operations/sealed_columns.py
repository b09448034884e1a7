"""Every column that holds something sealed, under what its values are, and whose they are: the one list.

`keys rotate` seals them anew by it, `keys erase` takes along by it what is one person's alone, and `doctor`
asks them which keys still seal something. A test holds it against the tables and against what opens there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import Column, ColumnElement, Table, and_, or_, select

from ledger import tables
from ledger.cases.cases import context as context_of_case
from ledger.chart.parties import Party
from ledger.chart.person_facts import PersonFact
from ledger.documents import handing_out, issuing
from ledger.estates import payout_reports
from ledger.events import webhooks
from ledger.inquiry import agency_requests, cards
from ledger.operations.one_person import OnePerson
from ledger.people import persons
from ledger.posting import approvals

# a row by the names of its columns
Row = Mapping[str, Any]
_C, _D, _L = tables.inquiry_case.c, tables.document.c, tables.declared_line.c


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
    # which of its rows are about a person and nobody else; None: none is
    whose: Callable[[OnePerson], ColumnElement[bool]] | None = None

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


@cache
def _by_person(table: Table) -> Callable[[OnePerson], ColumnElement[bool]]:
    return lambda one: table.c.person_id.in_(one.people)


def _lines_of(one: OnePerson) -> ColumnElement[bool]:
    return and_(_L.account_id.in_(one.books), _L.number_sealed.is_not(None))


def _cases_of(one: OnePerson) -> ColumnElement[bool]:
    """Those about what is the person's, and what the person said of an employer."""
    about_employers = _C.book_id.between(Party.EMPLOYER.first, Party.EMPLOYER.last)
    return or_(_C.book_id.in_(one.books), and_(about_employers, _C.person.in_(one.numbers)))


def _answers_of(one: OnePerson) -> ColumnElement[bool]:
    return tables.inquiry_case_answer.c.case_id.in_(select(_C.case_id).where(_cases_of(one)))


def _documents_of(one: OnePerson) -> ColumnElement[bool]:
    return or_(_D.book_id.in_(one.books), _D.name.in_(one.staff_lists))


def _contents_of(one: OnePerson) -> ColumnElement[bool]:
    return tables.document_content.c.name.in_(select(_D.name).where(_documents_of(one)))


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
        whose=_by_person(tables.identity),
    ),
    SealedColumn(
        tables.identity,
        "name_sealed",
        lambda row: persons.context_of_name(row["digest"]),
        ("digest", "person_id"),
        for_people=True,
        whose=_by_person(tables.identity),
    ),
    SealedColumn(
        tables.person_fact,
        "sealed",
        _of_fact,
        ("what", "digest", "person_id"),
        for_people=True,
        whose=_by_person(tables.person_fact),
    ),
    SealedColumn(tables.person_key, "wrapped", lambda row: row["ref"], holds_keys=True),
    SealedColumn(
        tables.declared_line,
        "number_sealed",
        lambda row: persons.context_of_sent(row["book_id"], row["line"]),
        whose=_lines_of,
    ),
    SealedColumn(
        tables.estate_payout,
        "sealed",
        lambda row: payout_reports.context(row["digest"]),
        ("digest",),
        whose=_by_person(tables.estate_payout),
    ),
    SealedColumn(
        tables.card,
        "number_sealed",
        lambda row: cards.context(row["digest"]),
        ("digest",),
        whose=_by_person(tables.card),
    ),
    SealedColumn(
        tables.agency_request_person,
        "number_sealed",
        _of_asked,
        # each person of a request is a row
        whose=lambda one: tables.agency_request_person.c.person.in_(one.numbers),
    ),
    SealedColumn(tables.inquiry_case, "text_sealed", _of_case("text"), whose=_cases_of),
    SealedColumn(tables.inquiry_case, "reply_to_sealed", _of_case("reply_to"), whose=_cases_of),
    SealedColumn(tables.inquiry_case_answer, "text_sealed", _of_case("answer"), whose=_answers_of),
    SealedColumn(tables.inquiry_case_answer, "evidence_sealed", _of_case("evidence"), whose=_answers_of),
    SealedColumn(
        tables.document,
        "facts_sealed",
        lambda row: issuing.context_of_facts(row["name"]),
        whose=_documents_of,
    ),
    SealedColumn(
        tables.document_content,
        "content_sealed",
        lambda row: handing_out.context(row["name"]),
        whose=_contents_of,
    ),
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
