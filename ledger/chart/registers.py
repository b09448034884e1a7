"""The registers that have a book: what decides and belongs to no party of its own."""

from enum import IntEnum

from ledger.chart.parties import Party


class Register(IntEnum):
    """A kind of register, by the number of its book."""

    POLICIES = 1
    AGENTS = 2
    INSTITUTIONS = 3
    EMPLOYERS = 4
    BATCHES = 5
    WATCHED = 6
    CARDS = 7
    WEBHOOKS = 8

    @property
    def book_id(self) -> int:
        return Party.REGISTER.first + self

    @property
    def word(self) -> str:
        return self.name.lower()
