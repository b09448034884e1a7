"""Which policies are in force, and an operator's word that an older one shall hold again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from ledger.clock import now_and_today
from ledger.operations.cli import Answer, Data, command, require_area, warn
from ledger.operations.installation import in_words, open_with_keys
from ledger.policy import Policy
from ledger.posting.in_force import in_force, outdated_areas, policy_versions, put_in_force
from ledger.settings import Settings


@command("policies")
def policies(
    data: Data = None,
    put: Annotated[
        list[int] | None,
        typer.Option(
            "--put-in-force",
            metavar="AREA",
            min=0,
            max=999_999,
            help="Let this installation's file of the area hold, also where a newer one was in force.",
        ),
    ] = None,
) -> Answer:
    """Show which policy of each area is in force, and whether the files of this installation are."""
    opened = open_with_keys(Settings.load(data))
    try:
        with in_words(), opened.engine.connect() as connection:
            for area in put or ():
                require_area(area, opened.policies, "--put-in-force")
            for area in put or ():
                put_in_force(connection, area, opened.policies[area], now_and_today()[0])
            # the numbers of files that were used before; of a new one 0
            known = policy_versions(connection, opened.policies, now_and_today()[0], create=False)
            with connection.begin():
                outdated = outdated_areas(connection, known)
                standing = in_force(connection)
    finally:
        opened.engine.dispose()
    shown = [
        _shown(area, opened.policies.get(area), known.get(area), area in outdated, standing.get(area))
        for area in sorted({*opened.policies, *standing})
    ]
    if outdated:
        named = ", ".join(f"{area:06d}" for area in sorted(outdated))
        warn(f"another policy is in force than the file has: {named}")
    return {"areas": shown, "ok": not outdated}, not outdated


def _shown(
    area: int, file: Policy | None, version: int | None, outdated: bool, stands: tuple[str, datetime] | None
) -> dict[str, Any]:
    """An area: what the file is, what is in force, and whether the file is outdated, new or in force."""
    hash_, since = stands or (None, None)
    if file is None:
        state = "no_file"
    elif outdated:
        state = "outdated"
    else:
        state = "in_force" if version else "new"
    return {
        "area": f"{area:06d}",
        "file": None if file is None else file.hash,
        "in_force": hash_,
        "since": None if since is None else since.isoformat(),
        "state": state,
    }
