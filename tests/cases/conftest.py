"""An app over the module's database, and where its keys are."""

from __future__ import annotations

from tests.inquiry.conftest import client, folder, keys

__all__ = ["client", "folder", "keys"]
