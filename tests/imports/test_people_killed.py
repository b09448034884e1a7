"""Files about people that are killed half way, or imported twice at once: each line counts once."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from ledger import tables
from ledger.chart.kinds import Kind
from ledger.database.engines import connect
from ledger.imports import KINDS
from ledger.verify import verify
from tests.imports.test_imports_runs import wait_for
from tests.support.office import ACCOUNTS, clone, command_line, drop, finish, timeless, undisturbed_import
from tests.support.people import id_number, write_keys

PEOPLE = 2_400
# one of a thousand lines is refused
REFUSED = 3
# a block of lines is written down as one
KILLED_AFTER = 1_000


@dataclass(frozen=True)
class Scene:
    """Opened accounts, the keys of their people, and files about all of them."""

    template: str
    keys: Path
    files: dict[str, Path]


@pytest.fixture(scope="module")
def scene(new_database: Callable[[bool], str], tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("people")
    numbers = [id_number(n, prefix="139999") for n in range(PEOPLE)]
    contents = {
        "accounts": (
            f"{ACCOUNTS},opening_current_year,opening_carried_over,opening_source_ref",
            [f"{one},王伟,990100,2026-01-01,0.00,10.00,OLD" for one in numbers],
        ),
        # now and then a line that is refused
        "names": (
            "id_number,old_name,name,from,document",
            [f"{one},{'王伟' if n % 1000 else '李伟'},王维,2026-03-01,R{n}" for n, one in enumerate(numbers)],
        ),
        "deaths": (
            "id_number,name,died_on,evidence",
            [f"{one},{'王伟' if n % 1000 else '李伟'},2026-05-01,D{n}" for n, one in enumerate(numbers)],
        ),
        "transfers": (
            "account,other_agency,insured_from,document",
            [
                f"{one},330100,{'2026-05-01' if n % 1000 else '2099-01-01'},A{n}"
                for n, one in enumerate(numbers)
            ],
        ),
        "announcements": (
            "account,other_agency,current_year,carried_over,interest,amount,document",
            [
                f"{one},330100,1.00,2.00,0.50,{'3.50' if n % 1000 else '3.51'},S{n}"
                for n, one in enumerate(numbers)
            ],
        ),
    }  # fmt: skip
    files = {}
    for kind, (heading, lines) in contents.items():
        files[kind] = folder / f"{kind}.csv"
        files[kind].write_text("".join(f"{line}\n" for line in (heading, *lines)), encoding="utf-8")
    write_keys(folder / "keys")
    template = new_database(True)
    finish(command_line(template, folder / "keys", "import", files["accounts"]))
    return Scene(template, folder / "keys", files)


@pytest.fixture
def copy(scene: Scene) -> Iterator[Callable[[str], str]]:
    """Makes copies of the scene's database."""
    made: list[str] = []

    def make(name: str) -> str:
        made.append(clone(scene.template, name))
        return made[-1]

    yield make
    for url in made:
        drop(url)


def is_clean(url: str) -> bool:
    engine = connect(url)
    try:
        return verify(engine).clean
    finally:
        engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["names", "deaths", "transfers", "announcements"])
def test_killed_half_way_and_imported_again_it_is_imported_once(
    scene: Scene, copy: Callable[[str], str], kind: str
) -> None:
    assert kind in KINDS
    file, bad = scene.files[kind], REFUSED
    undisturbed, killed = copy(f"{kind}_undisturbed"), copy(f"{kind}_killed")
    expected = undisturbed_import(undisturbed, scene.keys, file)
    assert (expected.lines, expected.posted, expected.refused) == (PEOPLE, PEOPLE - bad, bad)
    process = command_line(killed, scene.keys, "import", file)
    wait_for(killed, expected.batch_id, KILLED_AFTER, process)
    process.kill()
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL, "it came to its end before it was killed"
    assert is_clean(killed), "what is written by then is whole"
    code, said = ended(command_line(killed, scene.keys, "import", file))
    assert (code, said["lines"], said["refused"]) == (1, PEOPLE, bad)
    assert said["posted"] + said["already"] == PEOPLE - bad
    assert said["already"] >= KILLED_AFTER - bad
    assert said["posted"] > 0
    assert said["totals_agree"]
    again, told = ended(command_line(killed, scene.keys, "import", file))
    assert (again, told["posted"], told["already"]) == (1, 0, PEOPLE - bad)
    assert timeless(killed) == timeless(undisturbed)
    assert is_clean(killed)


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, int]]:
    out, err = process.communicate(timeout=600)
    said = json.loads(out)
    assert "refused" in said, (said, err)
    return process.returncode, said


@pytest.mark.slow
@pytest.mark.parametrize("alike", [True, False], ids=["one file", "one death by two registers"])
def test_two_imports_of_the_same_deaths_at_once(
    scene: Scene, copy: Callable[[str], str], tmp_path: Path, alike: bool
) -> None:
    """Each death is reported once, and whoever comes second with it is told that it is known."""
    url, bad = copy(f"at_once_{alike}"), REFUSED
    processes = []
    for clerk in ("clerk-1", "clerk-2"):
        folder = tmp_path / clerk
        folder.mkdir()
        file = folder / "deaths.csv"
        text = scene.files["deaths"].read_text(encoding="utf-8")
        # by another register it is said with other words, and in another order
        lines = text.splitlines() if alike else text.replace(",D", f",{clerk}-").splitlines()
        rest = lines[1:] if alike or clerk == "clerk-1" else lines[:0:-1]
        file.write_text("".join(f"{line}\n" for line in (lines[0], *rest)), encoding="utf-8")
        processes.append(command_line(url, scene.keys, "import", file, "--by", clerk))
    both = [ended(process) for process in processes]
    for code, said in both:
        assert (code, said["lines"], said["refused"]) == (1, PEOPLE, bad)
        assert said["posted"] + said["already"] == PEOPLE - bad
        assert said["totals_agree"]
    assert sum(said["posted"] for _code, said in both) == PEOPLE - bad
    engine = connect(url)
    e = tables.entry.c
    try:
        with engine.connect() as connection, connection.begin():
            died = connection.execute(
                select(func.count(), func.count(e.book_id.distinct())).where(e.kind == int(Kind.DEATH))
            ).one()
    finally:
        engine.dispose()
    assert tuple(died) == (PEOPLE - bad, PEOPLE - bad)
    assert is_clean(url)
