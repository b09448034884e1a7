"""Programs of the system that look at what was printed: a spreadsheet program, a reader of PDF.

Where one is missing the test is skipped and says so; with CI=true it fails, since .ci/run installs them.
"""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str, package: str) -> str:
    """The path of a program, or the test is skipped."""
    found = shutil.which(name)
    if found is None:
        assert not os.environ.get("CI"), f"{name} is missing: install {package}"
        pytest.skip(f"{name} is missing: install {package}")
    return found
