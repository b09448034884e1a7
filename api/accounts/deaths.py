"""What is known of deaths: one with its facts, and what was taken out of accounts after death (R53)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.accounts.accounts import book_of
from api.accounts.answers import DeadDebitPage, DeathAnswer
from api.http.listing import (
    LIMIT_DEFAULT,
    Cursor,
    Listing,
    Page,
    PageLimit,
    answer_pages,
    json_answer,
    with_csv,
)
from api.http.routes import OF_ACCOUNT, LedgerRoute, describe
from api.http.shown import shown_by
from api.http.state import state_of
from ledger import RefusalCode
from ledger.accounts.death_reports import death as death_of
from ledger.accounts.debits_after import DebitAfter, debits_of_the_dead
from ledger.book.detail import unpack
from ledger.book.numbers import account_no
from ledger.clock import day_of
from ledger.money import format_yuan

router = APIRouter(route_class=LedgerRoute)
R = RefusalCode


@router.get(
    "/v1/accounts/{account}/death",
    **describe(
        tag="closure",
        summary="The death of the account holder: its facts, and the debits after it",
        answer=DeathAnswer,
        refusals=(*OF_ACCOUNT, R.ACCOUNT_NOT_DECEASED),
    ),
)
async def death(account: str, request: Request) -> Response:
    """A death that was withdrawn is none; its facts stand among those of a later one, and in the entries."""
    state = state_of(request)
    ref = state.ref(account)

    def look(connection: Any) -> dict[str, Any]:
        book_id = book_of(connection, ref)
        shown_by(request).of(book_id)
        found = death_of(connection, book_id)
        return {
            "died_on": found.died_on.isoformat(),
            "facts": [
                {
                    "entry": fact.name,
                    "kind": fact.kind.word,
                    "died_on": unpack(fact.detail).get("died_on"),
                    "recorded_on": day_of(fact.recorded_at).isoformat(),
                }
                for fact in found.facts
            ],
            "debits_after": [_debit_json(one) for one in found.debits],
            "still_owed": format_yuan(found.still_owed),
        }

    return json_answer(await state.read(look))


def _debit_json(one: DebitAfter) -> dict[str, Any]:
    return {
        "entry": one.entry,
        "amount": format_yuan(one.fen),
        "kind": one.kind.word,
        "on": one.on_day.isoformat(),
    }


_DEBITS = Listing({
    "account_no": "账户号", "died_on": "死亡日期", "entry": "分录号", "kind": "类型", "on": "日期",
    "amount": "金额",
})  # fmt: skip


@router.get(
    "/v1/reports/debits-after-death",
    **with_csv(
        describe(
            tag="reports",
            summary="Debits of accounts after the death of their holder, which nobody has reversed",
            answer=DeadDebitPage,
        )
    ),
)
async def debits_after_death(
    request: Request, cursor: Cursor = None, limit: PageLimit = LIMIT_DEFAULT
) -> Response:
    """By account. Each keeps its estate open until it is reversed, or the day of death is corrected."""

    def page_after(connection: Any, after: Any, count: int) -> Page:
        place = None if after is None else (int(after[0]), int(after[1]))
        return [
            (
                [one.debit.book_id, one.debit.seq],
                {"account_no": account_no(one.account_id), "died_on": one.died_on.isoformat()}
                | _debit_json(one.debit),
            )
            for one in debits_of_the_dead(connection, place, count)
        ]

    return await answer_pages(
        request, _DEBITS, "debits-after-death", "debits-after-death", page_after, cursor, limit,
        whose=lambda key: int(key[0]),
    )  # fmt: skip
