"""Ending a quota: by the donor, or with the donor's insurance (R36)."""

from __future__ import annotations

from datetime import date

from ledger.book.beside.asked import care_of
from ledger.book.detail import pack
from ledger.book.state import Book, Draft
from ledger.chart.kinds import Kind


def end_quota(book: Book, quota_seq: int, day: date, reason: str, *, keyed: bool = False) -> Draft:
    """Add the entry that ends a quota of this book."""
    care = care_of(book)
    quota = care.quotas[quota_seq]
    care.set_quota(quota_seq, quota._replace(remaining=0, ended=True))
    return book.add(
        Draft(
            Kind.QUOTA_END,
            day,
            reserved_change=-quota.remaining if quota.remaining else None,
            target_seq=quota_seq,
            detail=pack(reason=reason) if reason else None,
            keyed=keyed,
        )
    )


def end_quotas(book: Book, day: date, reason: str) -> None:
    """End every quota that this account gave and that still stands."""
    for seq, quota in sorted(care_of(book).quotas.items()):
        if not quota.ended:
            end_quota(book, seq, day, reason)
