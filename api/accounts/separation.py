"""Over HTTP: two people that shared one ID number are told apart, as a case has found (R4)."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from api.accounts.person_facts import PersonReceipt
from api.http.declaring import By, posts
from api.http.fields import IdText, Name, Strict, Words, example
from api.http.routes import OF_ACCOUNT, OF_ID_NUMBER, LedgerRoute
from ledger import Refused, SeparatePeople, persons
from ledger.people.id_numbers import parse_id_number

router = APIRouter(route_class=LedgerRoute)

# nobody has this number yet: identity numbers of people say nothing, and are drawn
_PERSON_BITS = 62


class Separation(Strict):
    """The other one of the two: name and own ID number, the case that found it out, and the document."""

    model_config = example(
        case="5f0c9a1be27d3346a80e",
        id_number="329999201906010040",
        name="李四",
        document="Household register 118",
    )

    case: Annotated[str, Field(min_length=1, max_length=64, description="A case about the account")]
    id_number: IdText
    name: Name
    document: Words
    shared: IdText | None = Field(
        None,
        description="The number that both had; may be left out where the holder has one alone, or where it is"
        " the other person's own",
    )


@posts(
    router,
    "/v1/accounts/{account}/separation",
    scope="accounts:write",
    tag="accounts",
    summary="Tell two people apart who shared one ID number",
    answer=PersonReceipt,
    refusals=(*OF_ACCOUNT, *OF_ID_NUMBER),
)
def separate(account: str, body: Separation, by: By) -> SeparatePeople:
    """The account stays with its holder. The other person opens one under the number of their own."""
    keyring, today = by.state.keyring, by.today
    stake, _parsed = persons.stake_by_number(body.id_number, body.name, keyring, today)
    shared = None
    if body.shared is not None:
        try:
            shared = persons.number_digest(parse_id_number(body.shared, today), keyring)
        except Refused as refused:
            refused.at = "shared"
            raise
    person_id = secrets.randbits(_PERSON_BITS)
    return SeparatePeople(by.ref(account), (stake,), shared, body.case, body.document, person_id, *by.sent_by)
