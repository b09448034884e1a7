"""Several migrators of one database at once: one works, the others wait, and all end well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ledger.operations.installation import head_revision
from ledger.vault import Keyring
from tests.support.office import command_line, finish

MIGRATORS = 3


@pytest.mark.slow
def test_all_end_well(empty_url: str, tmp_path: Path) -> None:
    # indexes that are made beside everything else wait for whoever looks at the database: also for a
    # migrator that waits for its turn
    keys = tmp_path / "keys"
    Keyring.create(keys)
    at_work = [command_line(empty_url, keys, "migrate") for _ in range(MIGRATORS)]
    said = [one.communicate(timeout=600) for one in at_work]
    assert [one.returncode for one in at_work] == [0] * MIGRATORS, said
    assert {json.loads(out)["after"] for out, _err in said} == {head_revision()}
    assert finish(command_line(empty_url, keys, "verify"))["findings_total"] == 0
