"""Everything that is held about a person, as one JSON document.

It is written as it is read, some hundreds of entries at a time, so that an account with very many takes no
more memory than one with few. What is written is of one moment all the same: an entry never changes, and
those that came since are left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, Request, Response
from pydantic_core import from_json, to_json
from starlette.responses import StreamingResponse

from api.accounts.accounts import account_json, balance_json
from api.accounts.freezes import freezes_json
from api.accounts.mutual_aid import quotas_json
from api.care.claims import claim_json
from api.care.filings import counters_json, filings_json
from api.care.filings import item_json as settlement_json
from api.care.settlement_answers import policy_at, view_json
from api.care.third_party import case_json
from api.care.visits import visit_json
from api.http.fields import day_text
from api.http.receipts import entry_json, instant
from api.http.routes import JSON, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import State, caller_of, state_of
from api.inquiry.access_log import look_json
from api.inquiry.answers import ExportAnswer
from api.inquiry.cases import own_cases
from api.inquiry.document_answers import item_json
from api.inquiry.me import person_of
from api.people.person_reports import enrolments_json, months_json
from ledger import Keyring, RefusalCode, Refused, persons, reports
from ledger.book.numbers import account_no, has_account
from ledger.care import reports as care
from ledger.chart.care import Channel
from ledger.documents.issuing import IssuedDocument, documents_listed
from ledger.inquiry.accesses import Access, Place, Sought, accesses_shown
from ledger.inquiry.cards import cards_held
from ledger.inquiry.held import cases_of, claims_of, visits_of, years_of_care
from ledger.inquiry.holders import Holder, holder_of
from ledger.people.person_file import PersonFile, file_of

router = APIRouter(route_class=LedgerRoute)
_PAGE: Final = 500
_BILLS: Final = 100

# what a page has to say after an entry's number, with the numbers it ends with; nothing once all was said
_Page = Callable[[Any, int], tuple[list[str], int]]


class _Part(NamedTuple):
    """One book of the person: what is read at once, and up to which entry the rest goes."""

    book_id: int
    last_seq: int
    facts: dict[str, Any]


@router.get(
    "/v1/me/export",
    **describe(
        tag="me",
        summary="Everything that is held about the person, as one document",
        answer=ExportAnswer,
        refusals=(RefusalCode.ACCOUNT_NOT_FOUND,),
    ),
)
async def export(request: Request) -> Response:
    """Name and ID number whole. What is withheld until a day is not told here either."""
    state, person = state_of(request), person_of(request)

    def look(connection: Any) -> tuple[dict[str, Any], list[_Part], Sought]:
        holder = holder_of(connection, person)
        if holder.person_id is None:
            raise Refused(RefusalCode.ACCOUNT_NOT_FOUND, at="book")
        parts = [_part(connection, state, book_id) for book_id in holder.books]
        if parts:
            shown_by(request).of(parts[0].book_id, items=sum(part.last_seq for part in parts))
        else:
            shown_by(request).of_person(person)
        head = _head(connection, request, holder, holder.person_id)
        return head, parts, Sought(holder.books, holder.digests)

    head, parts, sought = await state.report(look)
    name = f'attachment; filename="export-{state.clock()[1]}.json"'
    return StreamingResponse(
        _written(state, head, parts, sought), 200, {"Content-Disposition": name}, media_type=JSON
    )


# -- what is read at once ------------------------------------------------------------------------------------


def _head(connection: Any, request: Request, holder: Holder, person_id: int) -> dict[str, Any]:
    state = state_of(request)
    known = persons.known(connection, state.keyring, [person_id])[person_id]
    # of whoever was erased there is none
    on_file = file_of(connection, state.keyring, person_id) or PersonFile((), (), None, (), ())
    given = [one for book_id in holder.accounts for one in care.quotas_given(connection, book_id)]
    return {
        "exported_at": instant(state.clock()[0]),
        "name": known.name,
        "id_number": known.number,
        "other_id_numbers": persons.other_numbers(connection, state.keyring, person_id),
        "names": [{"name": one.text, "from": day_text(one.since)} for one in on_file.names],
        "phones": [{"phone": one.text, "from": day_text(one.since)} for one in on_file.phones],
        "addresses": [{"address": one.text, "from": day_text(one.since)} for one in on_file.addresses],
        "cases": own_cases(connection, state, caller_of(request)),
        "documents": [item_json(one) for one in _documents(connection, state, holder)],
        "cards": cards_json(connection, state.keyring, person_id, state.clock()[1]),
        "quotas": {
            "given": quotas_json(request, connection, given, {person_id}),
            "received": quotas_json(
                request, connection, care.quotas_received_by(connection, person_id), {person_id}
            ),
        },
    }


def _documents(connection: Any, state: State, holder: Holder) -> list[IssuedDocument]:
    """Every document that was printed of the person and is not withheld, the latest first."""
    found: list[IssuedDocument] = []
    before: tuple[datetime, str] | None = None
    while True:
        page = documents_listed(connection, holder.books, before, _PAGE, state.policies, state.clock()[1])
        found += page
        if len(page) < _PAGE:
            return found
        before = page[-1].issued_at, page[-1].name


def cards_json(connection: Any, keyring: Keyring, person_id: int, today: date) -> list[dict[str, Any]]:
    """Every card of a person, lost ones too, with its number whole."""
    return [
        {
            "card": card.name,
            "card_no": number,
            "issued_on": card.issued_on.isoformat(),
            "ends_on": day_text(card.ends_on),
            "status": card.status(today),
            "lost_on": day_text(card.lost_on),
        }
        for card, number in cards_held(connection, keyring, person_id)
    ]


def _part(connection: Any, state: State, book_id: int) -> _Part:
    today = state.clock()[1]
    account = account_json(connection, state, book_id)
    with_money = has_account(book_id)
    facts = {
        "account_no": account_no(book_id),
        "account": account if with_money else None,
        "balance": balance_json(connection, state, book_id, None, None) if with_money else None,
        "freezes": freezes_json(connection, book_id),
        "enrolments": enrolments_json(connection, book_id, today),
        "payments": months_json(connection, book_id),
        "filings": filings_json(connection, book_id),
        "visits": [visit_json(one) for one in visits_of(connection, book_id)],
        "claims": [claim_json(one) for one in claims_of(connection, book_id)],
        "third_party_cases": [
            from_json(case_json(book_id, seq, one)) for seq, one in cases_of(connection, book_id)
        ],
        "years_of_care": [
            counters_json(book_id, year, one) for year, one in years_of_care(connection, book_id).items()
        ],
    }
    return _Part(book_id, account["last_seq"], facts)


# -- what is written page by page ----------------------------------------------------------------------------


async def _written(
    state: State, head: dict[str, Any], parts: Sequence[_Part], sought: Sought
) -> AsyncIterator[str]:
    yield _opened(head)
    yield ',"access_log":['
    async for text in _looks(state, sought):
        yield text
    yield "]"
    if parts:
        yield f",{_opened(parts[0].facts)[1:]}"
        async for text in _pages_of(state, parts[0]):
            yield text
    else:
        yield f",{_opened(_NOTHING)[1:]}"
    yield ',"other_books":['
    for number, part in enumerate(parts[1:]):
        yield f"{',' if number else ''}{_opened(part.facts)}"
        async for text in _pages_of(state, part):
            yield text
        yield "}"
    yield "]}"


def _opened(members: dict[str, Any]) -> str:
    """A JSON object without its end."""
    return to_json(members).decode()[:-1]


async def _pages_of(state: State, part: _Part) -> AsyncIterator[str]:
    book_id, last_seq = part.book_id, part.last_seq

    def bills(connection: Any, after: int) -> tuple[list[str], int]:
        found = care.settlements(connection, book_id, after, _BILLS, with_lines=True)
        bills = [one for one in found if one.seq <= last_seq]
        texts = [_bill_json(connection, state, _as_of(one, last_seq)) for one in bills]
        return texts, bills[-1].seq if len(bills) == _BILLS else last_seq

    def entries(connection: Any, after: int) -> tuple[list[str], int]:
        found = reports.entries(connection, book_id, after_seq=after, limit=_PAGE)
        texts = [entry_json(one) for one in found if one.seq <= last_seq]
        return texts, min(found[-1].seq, last_seq) if len(found) == _PAGE else last_seq

    for name, page in (("settlements", bills), ("entries", entries)):
        yield f',"{name}":['
        async for text in _list(state, page, last_seq):
            yield text
        yield "]"


async def _list(state: State, page: _Page, last_seq: int) -> AsyncIterator[str]:
    after, between = 0, ""
    while after < last_seq:
        texts, after = await state.report(_behind(page, after))
        if texts:
            yield between + ",".join(texts)
            between = ","


async def _looks(state: State, sought: Sought) -> AsyncIterator[str]:
    """Who looked, the latest first: what is looked at meanwhile stands before the first page."""
    after: Place | None = None
    more, between = True, ""
    while more:
        found = await state.report(_looks_behind(state, sought, after))
        more = len(found) == _PAGE
        if found:
            after = found[-1].place
            yield between + ",".join(to_json(look_json(one)).decode() for one in found)
            between = ","


def _looks_behind(state: State, sought: Sought, after: Place | None) -> Callable[[Any], list[Access]]:
    today = state.clock()[1]
    return lambda connection: accesses_shown(connection, sought, after, _PAGE, state.policies, today)


def _behind(page: _Page, after: int) -> Callable[[Any], tuple[list[str], int]]:
    return lambda connection: page(connection, after)


def _as_of(one: care.Settled, last_seq: int) -> care.Settled:
    """A bill as it stood when the book had so many entries: what took it back since is left out."""
    return one if (one.reversed_by or 0) <= last_seq else one._replace(reversed_by=None)


def _bill_json(connection: Any, state: State, one: care.Settled) -> str:
    """A settled bill with its items; of a reversal and a yearly difference there are none."""
    is_bill = one.row.reverses_seq is None and one.row.channel is not Channel.ANNUAL
    bill = view_json(policy_at(connection, state, one.policy_version), one) if is_bill else "null"
    return f'{_opened(settlement_json(one))},"bill":{bill}}}'


# of a person whom only others name: a heir, a relative
_NOTHING: Final[dict[str, Any]] = {
    "account_no": None,
    "account": None,
    "balance": None,
    **{
        name: []
        for name in (
            "freezes", "enrolments", "payments", "filings", "visits", "claims", "third_party_cases",
            "years_of_care", "settlements", "entries",
        )
    },
}  # fmt: skip
