"""Accounts: opening one, and everything that is read about one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response
from pydantic_core import to_json

from api.accounts.answers import AccountAnswer, BalanceAnswer, EntryPage, ExplainAnswer
from api.accounts.bodies import AccountLookup, NewAccount
from api.accounts.entries import tell_heirs
from api.accounts.names import names_json, numbers_json
from api.http.declaring import By, by_of, posting
from api.http.errors import Fault, ShapeRefused
from api.http.fields import Day, Instant, KindFilter
from api.http.listing import LIMIT_DEFAULT, Cursor, Limit, json_answer
from api.http.opaque import given_back, handed_out
from api.http.places import told_as
from api.http.posting import respond, take
from api.http.receipts import entry_json, instant
from api.http.routes import OF_ACCOUNT, OF_ID_NUMBER, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import State, state_of
from ledger import BookRef, Kind, OpenAccount, OpeningBalance, Receipt, RefusalCode, persons, reports
from ledger.book.numbers import new_book_id
from ledger.chart.parties import Party
from ledger.money import format_yuan
from ledger.people.id_numbers import mask_id_number, mask_name
from ledger.people.person_file import file_of, merged_into

# fresh account numbers to choose from: that all of them are taken is as likely as losing them all
CANDIDATES = 4

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode

AsOf = Annotated[Day | None, Query(description="The value date up to which; default today")]
AsKnown = Annotated[Instant | None, Query(description="What was recorded by then; default now")]
OfKind = Annotated[KindFilter, Query()]
ValuedFrom = Annotated[Day | None, Query(alias="from", description="Value dates from this day")]
ValuedTo = Annotated[Day | None, Query(alias="to", description="Value dates up to this day")]
Most = Annotated[Limit, Query()]


def book_of(connection: Any, ref: BookRef) -> int:
    """The book behind a reference, looked up only when it is named by a person."""
    return ref if isinstance(ref, int) else reports.find_book(connection, ref)


@router.get(
    "/v1/accounts/{account}/balance",
    **describe(
        tag="accounts",
        summary="The balance by pocket, on any day and as known at any instant",
        answer=BalanceAnswer,
        refusals=(*OF_ACCOUNT, R.PERIOD_INVALID),
    ),
)
async def balance(account: str, request: Request, as_of: AsOf = None, as_known: AsKnown = None) -> Response:
    """Without `as_of` and `as_known`, as it stands now. The two answer independently of each other."""
    return await show_balance(request, state_of(request).ref(account), as_of, as_known)


async def show_balance(
    request: Request, ref: BookRef, as_of: date | None, as_known: datetime | None
) -> Response:
    """The balance of an account. Raises Refused."""
    state = state_of(request)

    def look(connection: Any) -> dict[str, Any]:
        book_id = book_of(connection, ref)
        shown_by(request).of(book_id)
        return balance_json(connection, state, book_id, as_of, as_known)

    return json_answer(await state.glance(look))


def balance_json(
    connection: Any, state: State, book_id: int, as_of: date | None, as_known: datetime | None
) -> dict[str, Any]:
    """An account's money on a day, as known at an instant. Raises Refused."""
    now, today = state.clock()
    shown = reports.balance(connection, book_id, as_of=as_of, as_known=as_known, now=now, today=today)
    return {
        "current_year": format_yuan(shown.current_year),
        "carried_over": format_yuan(shown.carried_over),
        "balance": format_yuan(shown.balance),
        "held": format_yuan(shown.held),
        "reserved": format_yuan(shown.reserved),
        "available": format_yuan(shown.available),
        "as_of": shown.as_of.isoformat(),
        "as_known": instant(shown.as_known),
    }


@router.get(
    "/v1/accounts/{account}/entries",
    **describe(
        tag="accounts",
        summary="The entries of an account in order, page by page",
        answer=EntryPage,
        refusals=OF_ACCOUNT,
    ),
)
async def entries(
    account: str,
    request: Request,
    kind: OfKind = None,
    first: ValuedFrom = None,
    last: ValuedTo = None,
    limit: Most = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> Response:
    """A cursor belongs to its account and filters."""
    wanted = Wanted(kind, first, last)
    return await show_entries(request, state_of(request).ref(account), wanted, limit, cursor)


class Wanted(NamedTuple):
    """Which entries of a list are asked for: of a kind, and of value dates."""

    kind: Kind | None
    first: date | None
    last: date | None


async def show_entries(
    request: Request, ref: BookRef, wanted: Wanted, limit: int, cursor: str | None
) -> Response:
    """A page of the entries of an account. Raises Refused, ShapeRefused."""
    state = state_of(request)

    def look(connection: Any) -> tuple[list[Receipt], str]:
        book_id = book_of(connection, ref)
        pages = Pages(state, book_id, *wanted)
        found = reports.entries(
            connection,
            book_id,
            **wanted._asdict(),
            after_seq=0 if cursor is None else pages.read(cursor),
            limit=limit + 1,
        )
        if not found:
            # no entries, or no such book
            reports.find_book(connection, book_id)
        more = len(found) > limit
        shown_by(request).of(book_id, items=len(found[:limit]))
        tell_heirs(request, found[:limit])
        following = f'"{pages.write(found[limit - 1].seq)}"' if more else "null"
        return found[:limit], following

    def write(seen: tuple[list[Receipt], str]) -> str:
        shown, following = seen
        return f'{{"items":[{",".join(map(entry_json, shown))}],"next_cursor":{following}}}'

    if limit <= LIMIT_DEFAULT:
        return json_answer(await state.glance_and(look, write))
    # to write a long one takes so long that others would wait for it
    return json_answer(await state.glance(lambda connection: write(look(connection))))


class Pages:
    """The cursors of one list: where the page before ended, signed, so that only our own are taken."""

    def __init__(
        self, state: State, book_id: int, kind: Kind | None, first: date | None, last: date | None
    ) -> None:
        self._state = state
        self._list = f"{book_id}|{kind and kind.word}|{first}|{last}"

    def write(self, seq: int) -> str:
        return handed_out(seq.to_bytes(4, "big") + self._mark(seq))

    def read(self, cursor: str) -> int:
        """The number after which the page begins. Raises ShapeRefused."""
        try:
            raw = given_back(cursor)
        except ValueError:
            raw = b""
        seq = int.from_bytes(raw[:4], "big")
        if len(cursor) != 16 or raw[4:] != self._mark(seq):
            raise ShapeRefused([Fault(R.SHAPE_INVALID, "query", "cursor", "a cursor of this very list")])
        return seq

    def _mark(self, seq: int) -> bytes:
        return self._state.keyring.digest("cursor", f"{self._list}|{seq}")[:8]


@router.get(
    "/v1/accounts/{account}/explain",
    **describe(
        tag="accounts",
        summary="Every fen of a balance, by entry kind, pocket, rule and policy version",
        answer=ExplainAnswer,
        refusals=(*OF_ACCOUNT, R.PERIOD_INVALID),
    ),
)
async def explain(account: str, request: Request, as_of: AsOf = None, as_known: AsKnown = None) -> Response:
    """The lines of a pocket add up to what the balance shows of it."""
    state = state_of(request)
    ref = state.ref(account)

    def look(connection: Any) -> dict[str, Any]:
        book_id = reports.find_book(connection, ref)
        now, today = state.clock()
        lines = reports.explain(connection, book_id, as_of=as_of, as_known=as_known, now=now, today=today)
        shown_by(request).of(book_id)
        return balance_json(connection, state, book_id, as_of, as_known) | {
            "lines": [
                {
                    "pocket": line.pocket.name.lower(),
                    "kind": line.kind.word,
                    "rule": line.rule,
                    "policy_version": line.policy_version,
                    "policy_hash": line.policy_hash,
                    "entries": line.entries,
                    "amount": format_yuan(line.amount_fen),
                }
                for line in lines
            ]
        }

    return json_answer(await state.read(look))


# -- one account ---------------------------------------------------------------------------------------------


@router.post(
    "/v1/accounts/lookup",
    **describe(
        tag="accounts",
        summary="The same as reading an account, with its number in the body",
        answer=AccountAnswer,
        refusals=OF_ACCOUNT,
        body=True,
    ),
)
@told_as(book="account")
async def lookup(body: AccountLookup, request: Request) -> Response:
    """For callers whose proxies log URLs."""
    return await show_account(request, state_of(request).ref(body.account))


@router.get(
    "/v1/accounts/{account}",
    **describe(
        tag="accounts",
        summary="An account by ID number or account number",
        answer=AccountAnswer,
        refusals=OF_ACCOUNT,
    ),
)
async def account(account: str, request: Request) -> Response:
    """The ETag is the number of its last entry."""
    return await show_account(request, state_of(request).ref(account))


async def show_account(request: Request, ref: BookRef) -> Response:
    """An account; the ETag is the number of its last entry. Raises Refused."""
    state = state_of(request)

    def look(connection: Any) -> dict[str, Any]:
        book_id = book_of(connection, ref)
        body = account_json(connection, state, book_id)
        # the number of one that went into another leads there for ever
        into = merged_into(connection, book_id) if body["status"] == "closed" else None
        if into is not None:
            book_id, body = into, account_json(connection, state, into)
        shown_by(request).of(book_id)
        return body

    body = await state.read(look)
    return json_answer(body, {"ETag": f'"{body["last_seq"]}"'})


def account_json(connection: Any, state: State, book_id: int) -> dict[str, Any]:
    """An account as it stands."""
    now, today = state.clock()
    shown = reports.account(connection, book_id, now=now, today=today)
    person = file_of(connection, state.keyring, shown.person_id or 0, whole=False)
    return {
        "account_no": shown.account_no,
        "status": shown.status.value,
        "opened_on": shown.opened_on.isoformat(),
        "area": str(shown.area),
        "name": None if person is None else mask_name(person.name),
        "id_number": None if person is None or person.number is None else mask_id_number(person.number),
        "names": names_json(person, shown.opened_on),
        "id_numbers": numbers_json(person),
        "died_on": None if shown.died_on is None else shown.died_on.isoformat(),
        "last_seq": shown.last_seq,
    }


def opening(body: NewAccount, by: By) -> tuple[OpenAccount, str]:
    """The command that opens an account, and the ID number in its 18 characters. Raises the id_* refusals."""
    stake, parsed = persons.stake_by_number(
        body.id_number,
        body.name,
        by.state.keyring,
        by.today,
        sex=None if body.sex is None else int(body.sex),
        birth_date=body.birth_date,
    )
    brought = body.opening
    command = OpenAccount(
        stake.digest,
        (stake,),
        tuple(new_book_id(Party.PERSON) for _ in range(CANDIDATES)),
        body.area,
        body.opened_on,
        None
        if brought is None
        else OpeningBalance(brought.current_year, brought.carried_over, brought.source_ref),
        sex=None if body.sex is None else int(body.sex),
        birth_date=body.birth_date,
        caller=by.who.caller,
        actor=by.who.actor,
        key=by.key,
    )
    return command, parsed.number


def _opening(body: NewAccount, by: By) -> OpenAccount:
    return opening(body, by)[0]


@posting(
    router,
    "/v1/accounts",
    OpenAccount,
    scope="accounts:write",
    tag="accounts",
    summary="Open the account of a person",
    answer=AccountAnswer,
    also={200: "The account was there already, opened just so; or a dry run"},
    refusals=(*OF_ID_NUMBER, R.AREA_UNKNOWN, R.ID_MISMATCH),
    bulk="open",
    make=_opening,
)
async def open_account(body: NewAccount, request: Request) -> Response:
    """One for life per insured person. Asked for again, the same account is the answer."""
    by = by_of(request)
    command, number = opening(body, by)
    done = await take(request, command)
    if done.created:
        answer = {
            "account_no": done.receipt.account_no,
            "status": "active",
            "opened_on": done.receipt.effective_on.isoformat(),
            "area": str(body.area),
            "name": mask_name(body.name),
            "id_number": mask_id_number(number),
            "names": [{"name": mask_name(body.name), "from": body.opened_on.isoformat()}],
            "id_numbers": [{"id_number": mask_id_number(number)}],
            "died_on": None,
            "last_seq": done.receipt.seq,
        }
    else:
        book_id = done.receipt.book_id
        answer = await by.state.read(lambda connection: account_json(connection, by.state, book_id))
    return respond(request, to_json(answer).decode(), done, status=201 if done.created else 200)
