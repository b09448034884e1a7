"""What a query says: by FastAPI's own fields, and refused where it says anything else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from starlette.datastructures import QueryParams

from api.http.errors import Fault, ShapeRefused, names_cash
from api.http.places import may_be_told
from ledger import RefusalCode


def asked_of(query: QueryParams, fields: Sequence[Any]) -> dict[str, Any] | None:
    """What a query says, read by FastAPI's own fields; None where something is wrong with it or missing."""
    asked: dict[str, Any] = {}
    for field in fields:
        said = query.get(field.alias)
        if said is not None:
            asked[field.name], faults = field.validate(said)
            if faults:
                return None
        elif field.field_info.is_required():
            return None
    return asked


def check_query(query: QueryParams, known: Iterable[str], body: object) -> None:
    """Refuse a query key that is not known or there twice, and a dry_run of neither true nor false."""
    faults = [
        Fault(
            RefusalCode.UNKNOWN_FIELD,
            "query",
            name if may_be_told(name) else "",
            "a query key that is not known",
        )
        for name in query
        if name not in known
    ]
    if len(query.multi_items()) != len(query):
        faults.append(Fault(RefusalCode.SHAPE_INVALID, "query", "", "a query key stands there twice"))
    if query.get("dry_run", "true") not in {"true", "false"}:
        faults.append(Fault(RefusalCode.SHAPE_INVALID, "query", "dry_run", "true or false"))
    if faults:
        if names_cash(dict(query)) or names_cash(body):
            faults.append(
                Fault(RefusalCode.CASH_FORBIDDEN, "body", "", "account money is never paid as cash")
            )
        raise ShapeRefused(faults)
