"""Who may do what: the one table of roles, each with what its token may hold and how far that reaches.

The guard of the routes goes by the rows of those who are bound to somebody: a scope that none of them has
counts in no token that is bound, whatever it was given. The other rows say what the agency gives its own
people and systems. A test walks every route with a token of each row, and holds the table of docs/inquiry.md
to this one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from ledger.access.tokens import SCOPES
from ledger.chart.channels import AccessChannel as C


class Reach(StrEnum):
    """Whose data a role reaches."""

    OWN_UNIT = "own unit"
    OWN_BILLS = "own bills"
    OWN_PERSON = "own person"
    # the areas that the installation keeps
    OWN_AREA = "own area"
    # the persons and groups of fields of a request that was granted
    GRANTED = "what was granted"


class Binding(StrEnum):
    """The claim by which a token is bound to somebody."""

    EMPLOYER = "employer"
    INSTITUTION = "institution"
    PERSON = "person"


class Role(NamedTuple):
    """An actor: what binds its token, through which channels it comes, which scopes it may hold."""

    actor: str
    binding: Binding | None
    channels: frozenset[C]
    scopes: frozenset[str]
    reach: Reach


def _role(actor: str, channels: set[C], scopes: str, reach: Reach, binding: Binding | None = None) -> Role:
    return Role(actor, binding, frozenset(channels), frozenset(scopes.split()), reach)


ROLES: Final[tuple[Role, ...]] = (
    _role(
        "insured person",
        {C.ONLINE, C.KIOSK, C.SYSTEM},
        "accounts:read cases:read cases:write",
        Reach.OWN_PERSON,
        Binding.PERSON,
    ),
    _role(
        "employer",
        {C.EMPLOYER, C.SYSTEM},
        "accounts:read employers:read employers:write cases:read cases:write",
        Reach.OWN_UNIT,
        Binding.EMPLOYER,
    ),
    _role(
        "institution",
        {C.INSTITUTION, C.SYSTEM},
        "institutions:read settlements:read settlements:write clearings:read clearings:write",
        Reach.OWN_BILLS,
        Binding.INSTITUTION,
    ),
    _role("other agency", {C.AGENCY}, "agency-requests:ask", Reach.GRANTED),
    _role("collector", {C.SYSTEM}, "receipts:write", Reach.OWN_AREA),
    _role("clerk of the telephone", {C.PHONE}, "accounts:read cases:write", Reach.OWN_AREA),
    _role(
        "clerk",
        {C.WINDOW},
        "accounts:read accounts:write postings:write employers:read employers:write institutions:read"
        " settlements:read mutual-aid:read mutual-aid:write care:read care:write clearings:read cases:read"
        " cases:write",
        Reach.OWN_AREA,
    ),
    _role(
        "reviewer",
        {C.WINDOW},
        "accounts:read postings:reverse employers:read contributions:act institutions:read institutions:write"
        " settlements:read care:read clearings:read cases:read cases:answer approvals:decide"
        " agency-requests:decide reports:read",
        Reach.OWN_AREA,
    ),
    _role("payer", {C.WINDOW}, "receipts:write clearings:read clearings:pay reports:read", Reach.OWN_AREA),
    _role(
        "auditor",
        {C.AUDIT},
        "accounts:read employers:read institutions:read settlements:read mutual-aid:read care:read"
        " clearings:read cases:read approvals:decide agency-requests:decide reports:read",
        Reach.OWN_AREA,
    ),
    _role("administrator", {C.SYSTEM}, "admin reports:read", Reach.OWN_AREA),
    _role("system of the agency", {C.SYSTEM}, " ".join(SCOPES), Reach.OWN_AREA),
)

OF_ANY_BOUND: Final = frozenset().union(*(role.scopes for role in ROLES if role.binding is not None))
"""The scopes that count in a token that is bound to somebody. No other one does, whatever the path names."""
