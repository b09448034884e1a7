"""What watches the service names metrics that there are: the dashboard, the docs' table and their alerts."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from ledger.operations.figures import wrote_down_verified
from tests.http.test_api_metrics import Labels, settled
from tests.support.api_client import NOW, contribute, key, open_account, running, spending
from tests.whole.test_documents import blocks

DOCS = Path(__file__).resolve().parents[2] / "docs"
OPERATIONS = DOCS / "operations.md"
METRIC = re.compile(r"\b(?:ledger|process)_[a-z_]+\b")
# what Prometheus itself adds to each sample, and what a rule makes
ADDED = {"job", "instance"}
# of the operations guide a setting's, a table's or a file's name, and no metric
OTHER = {"ledger_owner"}


@pytest.fixture
def samples(
    fresh_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[tuple[str, Labels], float]:
    """A page on which something happened to every metric."""
    monkeypatch.setenv("LEDGER_METRICS_CALLERS", "true")
    with running(fresh_engine, tmp_path) as client:
        _live(client)
        assert wrote_down_verified(fresh_engine, NOW, 0)
        return settled(client)


def _live(client: TestClient) -> None:
    number = str(open_account(client)["account_no"])
    contribute(client, number, "100.00")
    path = f"/v1/accounts/{number}/spendings"
    assert client.post(path, json=spending(amount="500.00"), headers=key()).status_code == 409


def labels_of(samples: dict[tuple[str, Labels], float]) -> dict[str, set[str]]:
    """The metrics of a page as queries name them, with the labels they have."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, labels in samples:
        found[name] |= {label for label, _ in labels}
    return found


def families(samples: dict[tuple[str, Labels], float]) -> set[str]:
    """The metrics of a page as the table names them."""
    names = {name for name, _ in samples}
    return {
        name.removesuffix("_bucket")
        for name in names
        if not any(
            name.endswith(end) and f"{name.removesuffix(end)}_bucket" in names for end in ("_sum", "_count")
        )
    }


def _queries() -> list[tuple[str, str, str]]:
    board = json.loads((DOCS / "grafana-dashboard.json").read_text(encoding="utf-8"))
    return [
        (panel["title"], target["expr"], target["legendFormat"])
        for panel in board["panels"]
        for target in panel["targets"]
    ]


def test_every_metric_of_the_dashboard_is_on_the_page(samples: dict[tuple[str, Labels], float]) -> None:
    there = labels_of(samples)
    queries = _queries()
    for title, query, legend in queries:
        names = METRIC.findall(query)
        assert names, title
        known = set.union(*(there.get(name, set()) for name in names)) | ADDED
        assert set(names) <= there.keys(), title
        asked = set(re.findall(r"\{\{(\w+)\}\}", legend)) | set(re.findall(r"(\w+)=~?\"", query))
        for grouped in re.findall(r"by \(([^)]*)\)", query):
            asked |= set(grouped.split(", "))
        assert asked <= known, title
    # and whatever is on the page can be seen
    shown = {re.sub(r"_bucket$", "", name) for _, query, _ in queries for name in METRIC.findall(query)}
    assert families(samples) == shown


def test_every_panel_has_a_place_of_its_own() -> None:
    board = json.loads((DOCS / "grafana-dashboard.json").read_text(encoding="utf-8"))
    places: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        at: dict[str, Any] = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        covered = {
            (x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
        }
        assert not covered & places, panel["title"]
        places |= covered
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))


def test_the_table_of_the_docs_is_the_page(samples: dict[tuple[str, Labels], float]) -> None:
    there, told = labels_of(samples), {}
    for line in OPERATIONS.read_text(encoding="utf-8").splitlines():
        if re.match(r"\| `(ledger|process)_", line):
            for name, labels in re.findall(r"`([a-z_]+)(?:\{([a-z,]+)\})?`", line.split("|")[1]):
                told[name] = set(labels.split(",")) if labels else set()
    assert told.keys() == families(samples)
    for name, labels in told.items():
        has = there.get(name, there.get(f"{name}_bucket", set())) - {"le"}
        assert labels == has, name


def test_the_alerts_of_the_docs_ask_for_metrics_that_there_are(
    samples: dict[tuple[str, Labels], float],
) -> None:
    rules = "".join(block.text for block in blocks(OPERATIONS) if block.language == "yaml")
    queries = re.findall(r"expr: (.+)", rules)
    assert len(queries) >= 8
    there = labels_of(samples)
    for query in queries:
        assert set(METRIC.findall(query)) <= there.keys() - OTHER, query
    assert len(re.findall(r"- alert: ", rules)) == len(queries)
