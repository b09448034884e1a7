"""An entry that was decided and not yet written. Pure."""

from __future__ import annotations

from datetime import date, datetime

from ledger.book.beside import Row
from ledger.book.chain import TransferLine
from ledger.chart.kinds import Kind


class Draft:
    """An entry that was decided and not yet written. Amounts in fen."""

    __slots__ = (
        "beside",
        "carried_over_after",
        "current_year_after",
        "detail",
        "effective_on",
        "expires_at",
        "fact_on",
        "held_change",
        "keyed",
        "kind",
        "period",
        "recorded_at",
        "reserved_change",
        "seq",
        "source_ref",
        "target_seq",
        "transfers",
    )

    def __init__(
        self,
        kind: Kind,
        effective_on: date,
        transfers: tuple[TransferLine, ...] = (),
        *,
        period: int | None = None,
        fact_on: date | None = None,
        held_change: int | None = None,
        reserved_change: int | None = None,
        target_seq: int | None = None,
        source_ref: str | None = None,
        expires_at: datetime | None = None,
        detail: str | None = None,
        keyed: bool = False,
        beside: tuple[Row, ...] = (),
    ) -> None:
        self.kind = kind
        self.effective_on = effective_on
        self.transfers = transfers
        self.period = period
        self.fact_on = fact_on
        self.held_change = held_change
        self.reserved_change = reserved_change
        self.target_seq = target_seq
        self.source_ref = source_ref
        self.expires_at = expires_at
        self.detail = detail
        # the one entry of a command that carries its idempotency key, and is its receipt
        self.keyed = keyed
        # the rows that the entry writes beside itself, for the few kinds that do
        self.beside = beside
        self.seq = 0
        # when it is recorded: now, unless its book was written to later than that
        self.recorded_at: datetime | None = None
        self.current_year_after = 0
        self.carried_over_after = 0
