"""The names and ID numbers of a person, as answers tell them: oldest first, masked."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import Field

from api.http.answers import Answer
from api.http.fields import day_text
from ledger.people.id_numbers import mask_id_number, mask_name
from ledger.people.person_file import OnRecord, PersonFile


class NameItem(Answer):
    """A name, masked, and the day from which it counts: of the first one that of the opening."""

    name: str = Field(examples=["张*"])
    first: date | None = Field(
        alias="from", description="null for a first name that another one was before the opening"
    )


class NumberItem(Answer):
    """An ID number, masked."""

    id_number: str = Field(examples=["119*************15"])


def names_json(found: PersonFile | None, opened_on: date) -> list[dict[str, Any]]:
    """The names of a person, oldest first, masked: the first one counts from the opening."""
    names: tuple[OnRecord, ...] = () if found is None else found.names
    first = _first_day(names, opened_on)
    return [{"name": mask_name(one.text), "from": day_text(one.since or first)} for one in names]


def _first_day(names: tuple[OnRecord, ...], opened_on: date) -> date | None:
    """The day of the first name; None where a later one is of before the opening."""
    return None if any(one.since is not None and one.since < opened_on for one in names) else opened_on


def numbers_json(found: PersonFile | None) -> list[dict[str, str]]:
    """The ID numbers of a person, oldest first, masked."""
    numbers: tuple[OnRecord, ...] = () if found is None else found.numbers
    return [{"id_number": mask_id_number(one.text)} for one in numbers]
