"""The last test of this folder looks at what all others were told: without them it has nothing to say."""

from pathlib import Path

import pytest

LAST = "test_every_fault_was_told"
FOLDER = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the last one out where a file is missing, or something was chosen by its name or its mark."""
    wanted = {file.name for file in FOLDER.glob("test_*.py")}
    here = {item.path.name for item in items if item.path.parent == FOLDER}
    chosen = config.option.keyword or config.option.markexpr or any("::" in one for one in config.args)
    if wanted - here or chosen:
        out = [item for item in items if item.path.parent == FOLDER and item.name == LAST]
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]
