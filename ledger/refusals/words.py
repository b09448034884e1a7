"""What a code says: to HTTP, to people, and to whoever corrects a line of a file."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple, Self


class Words(NamedTuple):
    """One row of the table: a code, and how people are told of it."""

    code: str
    # as what HTTP answers it
    status: int
    # never changes
    title: str
    # a sentence for the clerk
    detail: str
    # a sentence without a comma for whoever has to correct a line of a file; left out where the title serves
    reason: str = ""


class Worded(StrEnum):
    """Codes that bring their words along."""

    def __new__(cls, code: str, *_words: Any) -> Self:
        member = str.__new__(cls, code)
        member._value_ = code
        return member

    def __init__(self, *row: Any) -> None:
        words = Words(*row)
        self.words = words if words.reason else words._replace(reason=words.title)
