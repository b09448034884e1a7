"""The exception that carries a code."""

from __future__ import annotations

from ledger.refusals.codes import RefusalCode


class Refused(Exception):
    """An expected no.

    `at` is the field that was refused, as the command calls it; in what a field holds, the way there:
    `lines/1/amount`. Empty where no field is to blame. The door says where that stood in the request.

    `facts` are what the caller may be told beside the code (amounts in fen, dates, limits). They never
    hold what the caller sent, an ID number or a name.
    """

    def __init__(self, code: RefusalCode, *, at: str = "", **facts: object) -> None:
        super().__init__(code.value)
        self.code = code
        self.at = at
        self.facts = facts

    def __repr__(self) -> str:
        return f"Refused({self.code.value})"
