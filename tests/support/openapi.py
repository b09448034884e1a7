"""The document of the API as it is committed; `tests/house/test_openapi.py` holds it to the app."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

COMMITTED: Final = Path(__file__).resolve().parents[2] / "api/openapi.json"
DOCUMENT: Final[dict[str, Any]] = json.loads(COMMITTED.read_text(encoding="utf-8"))
