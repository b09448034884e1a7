"""A wheel in an environment that has nothing else: what it forgot of the repository shows here."""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import subprocess
import sys
import sysconfig
import urllib.request
from pathlib import Path

import pytest

from ledger.clock import now_and_today
from ledger.operations.sample import write_sample
from tests.sbom import PROJECT, runtime

ROOT = Path(__file__).resolve().parents[2]
MINUTES = 5 * 60
DRAWS = """
from ledger.printing.rendering import rendered
from ledger.printing.sheet import Form, PrintedSheet
sheet = PrintedSheet("k", "单据", "S", "C", "https://ledger.example/", "2026-11-21T04:00:00Z", "中心", (), ())
print(rendered(sheet, Form.PDF, b"{}").pages)
"""
KEYS = ["document-1.key", "index.key", "jwks.json", "seal-1.key", "token-signing.pem"]

pytestmark = [pytest.mark.sqlite, pytest.mark.slow]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel and the packages it declares; no network is asked."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, where=ROOT)
    run(sys.executable, "-m", "venv", "--without-pip", folder / "env", where=folder)
    python = folder / "env" / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])", where=folder))
    here = Path(sysconfig.get_paths()["purelib"])
    files = (file for package in {*runtime()} - {PROJECT} for file in importlib.metadata.files(package) or ())
    for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
        (site / top).symlink_to(here / top)
    [wheel] = folder.glob("*.whl")
    install = ("install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check")
    run(sys.executable, "-m", "pip", "--python", python, *install, wheel, where=folder)
    return python


def run(*command: object, where: Path, **more: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LEDGER_")}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(word) for word in command],
        cwd=where,
        env=environment | more,
        capture_output=True,
        text=True,
        timeout=MINUTES,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_what_is_installed_is_the_wheel_alone(python: Path, tmp_path: Path) -> None:
    where = run(
        python, "-c", "import ledger, api; print(ledger.__file__); print(api.__file__)", where=tmp_path
    )
    assert all(str(python.parents[1]) in line for line in where.splitlines())
    assert not (python.parents[1] / "lib" / "migrations").exists()
    missing = run(python, "-c", "import importlib.util as u; print(u.find_spec('pytest'))", where=tmp_path)
    assert missing == "None"


def test_it_migrates_imports_serves_and_verifies(python: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"

    def ledger(*command: object) -> dict[str, object]:
        said: dict[str, object] = json.loads(
            run(python, "-m", "ledger", *command, "--data", data, where=tmp_path)
        )
        return said

    assert ledger("keys", "--signing")["made"] == KEYS
    assert ledger("migrate")["before"] is None
    write_sample(tmp_path / "in", 3, 1, now_and_today()[1])
    imported = ledger("import", tmp_path / "in" / "accounts.csv", tmp_path / "in" / "contributions.csv")
    assert imported["ok"] is True
    assert ledger("verify")["ok"] is True
    # what is drawn with comes along
    assert run(python, "-c", DRAWS, where=tmp_path).strip() == "1"
    with subprocess.Popen(
        [str(python), "-m", "ledger", "serve", "--port", "0", "--data", str(data)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as service:
        try:
            assert service.stdout is not None
            address = service.stdout.readline().split()[-1]
            for path in ("/livez", "/readyz", "/docs", "/openapi.json", "/v1/document-keys"):
                with urllib.request.urlopen(address + path, timeout=60) as answer:
                    assert answer.status == 200
        finally:
            service.terminate()
        assert service.wait(60) in {0, -signal.SIGTERM}
