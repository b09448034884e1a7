"""How the books that a run left out are told: employers by credit code, anybody else by account number."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from ledger.book.numbers import account_no
from ledger.contributions.employers import Employer, by_book
from ledger.posting.left_out import OneLeftOut


def _told(employer: Employer | None, book_id: int) -> str:
    return account_no(book_id) if employer is None else employer.credit_code


def named(connection: Connection, books: Sequence[OneLeftOut]) -> list[dict[str, str]]:
    """Each as `book`, `code` and the facts of its refusal."""
    with connection.begin():
        employers = by_book(connection, {one.book_id for one in books})
    return [
        {
            "book": employers[one.book_id].credit_code
            if one.book_id in employers
            else account_no(one.book_id),
            "code": one.code,
            **one.facts,
        }
        for one in books
    ]
