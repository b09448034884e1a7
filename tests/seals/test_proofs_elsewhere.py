"""Proofs, checkpoints and trees of ours, looked at by a program of others; and our checker where we are not.

The other program is `tlog-scales`, which knows the formats of C2SP (signed notes, checkpoints, cosignatures,
tiles) and the proofs of RFC 9162, and nothing of us.
"""

from __future__ import annotations

import ast
import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey, VkeySet
from tlog_scales.tiles import leaf_hash as their_leaf_hash
from tlog_scales.tlog import (
    Checkpoint,
    ConsistencyProof,
    ConsistencyProofInvalid,
    InclusionProof,
    InclusionProofInvalid,
)

from ledger.seals import proof_check
from ledger.seals.merkle import (
    EMPTY_ROOT,
    consistency_path,
    inclusion_path,
    is_consistent,
    is_included,
    leaf_hash,
    root_of,
)
from tests.seals.written import Written, written

DAYS = 300
CHECKER = Path(proof_check.__file__)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return written(tmp_path_factory.mktemp("made"), books=300, days=DAYS)


# -- another program ---------------------------------------------------------------------------------------


def test_another_program_reads_the_log_and_comes_to_the_root_that_was_signed(made: Written) -> None:
    reader = TilesReader(LocalBackend(made.log.folder))
    checkpoint = reader.get_checkpoint()
    checkpoint.verify(Vkey.from_string(made.key.strip()))
    assert (checkpoint.origin, checkpoint.size) == ("ledger-test", DAYS)
    assert reader.calculate_root_hash() == checkpoint.root_hash
    assert json.loads(reader.get_entry(DAYS - 1))["books"] == 300
    proof = json.loads(made.prove(4))
    shown = reader.get_inclusion_proof(DAYS - 1, DAYS)
    assert [one.hex() for one in shown.node_hashes] == proof["day"]["path"]
    for size in (1, 255, 256, 257, DAYS):
        reader.get_consistency_proof(size, DAYS).check(reader.mth(0, size), checkpoint.root_hash)


def theirs(part: dict[str, Any]) -> InclusionProof:
    return InclusionProof(part["index"], part["size"], [bytes.fromhex(one) for one in part["path"]])


@pytest.mark.parametrize("place", [0, 4, 255, 256, 298])
def test_another_program_checks_every_part_of_a_proof(made: Written, place: int) -> None:
    """From the key to the statement, by nothing of ours: what docs/seals.md tells those who write one."""
    proof = json.loads(made.prove(place))
    checkpoint = Checkpoint.from_text(proof["checkpoint"])
    checkpoint.verify(Vkey.from_string(made.key.strip()))
    entry = base64.b64decode(proof["day"]["entry"])
    assert proof["day"]["size"] == checkpoint.size
    theirs(proof["day"]).check(their_leaf_hash(entry), checkpoint.root_hash)
    day = json.loads(entry)
    for part, tree in (("book", "books"), ("balance", "balances")):
        leaf = bytes.fromhex(proof[part]["leaf"])
        assert proof[part]["size"] == day[tree]
        theirs(proof[part]).check(their_leaf_hash(leaf), bytes.fromhex(day[f"{tree}_root"]))
        assert leaf.startswith(bytes.fromhex(proof[part]["salt"]))
        with pytest.raises(InclusionProofInvalid):
            theirs(proof[part]).check(their_leaf_hash(leaf + b"x"), bytes.fromhex(day[f"{tree}_root"]))
    book, balance = (bytes.fromhex(proof[part]["leaf"])[16:] for part in ("book", "balance"))
    assert book.endswith(bytes.fromhex(proof["book"]["head"]))
    assert int.from_bytes(book[8:12], "big") == proof["statement"]["entries"]
    assert book[:8] == balance[:8]
    assert int.from_bytes(balance[8:10], "big") == proof["statement"]["year"]
    fen = int.from_bytes(balance[10:], "big", signed=True)
    assert fen == int(proof["statement"]["closing"].replace(".", ""))


def test_another_program_knows_our_witness(tmp_path: Path) -> None:
    made = written(tmp_path / "data", books=3)
    witness = Vkey.from_string(made.witnessed(tmp_path / "witness").strip())
    checkpoint = Checkpoint.from_text(json.loads(made.prove(0))["checkpoint"])
    log = Vkey.from_string(made.key.strip())
    signed = {key.name for key, _line in VkeySet(log, witness).verify(checkpoint.signatures, checkpoint)}
    assert signed == {log.name, witness.name}


LEAVES = st.lists(st.binary(max_size=8), min_size=1, max_size=200)


@given(LEAVES, st.data())
def test_both_say_the_same_of_any_tree(leaves: list[bytes], data: st.DataObject) -> None:
    hashes = [leaf_hash(leaf) for leaf in leaves]
    assert hashes == [their_leaf_hash(leaf) for leaf in leaves]
    size, root = len(leaves), root_of(hashes)
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, hashes)
    InclusionProof(index, size, path).check(hashes[index], root)
    first = data.draw(st.integers(1, size))
    ConsistencyProof(first, size, consistency_path(first, hashes)).check(root_of(hashes[:first]), root)


HASHES = st.lists(st.integers(0, 9).map(lambda number: leaf_hash(b"%d" % number)), max_size=9)


@given(st.data())
def test_both_say_the_same_of_proofs_that_may_be_none(data: st.DataObject) -> None:
    leaves = [leaf_hash(b"%d" % place) for place in range(data.draw(st.integers(1, 40)))]
    size = data.draw(st.integers(0, 40))
    index = data.draw(st.integers(0, 40))
    first = data.draw(st.integers(1, 40))
    root, before = root_of(leaves), root_of(leaves[:first])
    right = inclusion_path(index, leaves) if index < len(leaves) else []
    path = data.draw(st.one_of(HASHES, st.just(right), st.just(right[:-1]), st.just([*right, root])))
    hashed = leaves[index] if index < len(leaves) else root
    # of an empty tree, or a path into it, both say no
    assert is_included(hashed, index, size, path, root) == they_include(hashed, index, size, path, root)
    way = consistency_path(first, leaves) if first <= len(leaves) else []
    some = data.draw(st.one_of(HASHES, st.just(way), st.just(way[:-1]), st.just([*way, root])))
    assert is_consistent(first, size, some, before, root) == they_follow(first, size, some, before, root)


def they_include(hashed: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    try:
        InclusionProof(index, size, path).check(hashed, root)
    except InclusionProofInvalid:
        return False
    return True


def they_follow(first: int, second: int, path: list[bytes], old: bytes, new: bytes) -> bool:
    try:
        ConsistencyProof(first, second, path).check(old, new)
    except ConsistencyProofInvalid:
        return False
    return True


def test_what_is_a_proof_of_nothing() -> None:
    """Wrong size, over-long, another tree, first behind second, and the empty tree: both say no."""
    leaves = [leaf_hash(b"%d" % place) for place in range(7)]
    root, path = root_of(leaves), inclusion_path(2, leaves)
    other = root_of(leaves[:6])
    for index, size, some, of in (
        (2, 8, path[:-1], root), (2, 9, path, root), (2, 3, path, root), (2, 7, [*path, root], root),
        (2, 7, path[:-1], root), (2, 7, path, other), (7, 7, path, root), (0, 0, [], EMPTY_ROOT),
    ):  # fmt: skip
        assert not is_included(leaves[2], index, size, some, of)
        assert not they_include(leaves[2], index, size, some, of)
    way = consistency_path(3, leaves)
    before = root_of(leaves[:3])
    for first, second, some, old, new in (
        (3, 9, way, before, root), (4, 7, way, before, root), (3, 7, [*way, root], before, root),
        (3, 7, way[:-1], before, root), (3, 7, way, other, root), (3, 7, way, before, other),
        (7, 3, way, root, before), (8, 7, way, before, root), (3, 7, [], before, root),
    ):  # fmt: skip
        assert not is_consistent(first, second, some, old, new)
        assert not they_follow(first, second, some, old, new)
    assert not is_consistent(0, 7, [], EMPTY_ROOT, root), "of nothing nothing is proved, though others let it"


# -- our checker, elsewhere --------------------------------------------------------------------------------


def test_the_checker_needs_nothing_of_ours() -> None:
    tree = ast.parse(CHECKER.read_text(encoding="utf-8"))
    tops = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or "ledger"]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert tops - sys.stdlib_module_names == {"cryptography"}


@pytest.mark.slow
def test_the_checker_runs_by_itself(made: Written, tmp_path: Path) -> None:
    alone, proof, key = (tmp_path / name for name in ("check.py", "proof.json", "key"))
    shutil.copy(CHECKER, alone)
    proof.write_bytes(made.prove(4))
    key.write_text(made.key)

    def run(*arguments: object) -> tuple[int, Any]:
        # -I: nothing of the folder that it is called in, of the environment, or of the user
        done = subprocess.run(
            [sys.executable, "-I", str(alone), *map(str, arguments)],
            cwd=tmp_path,
            env={},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, json.loads(done.stdout) if done.stdout else None

    assert run(proof, "--key", key) == (0, {"ok": True})
    proof.write_bytes(made.prove(4).replace(b'"year":2025', b'"year":2026'))
    code, said = run(proof, "--key", key)
    assert (code, said["ok"]) == (1, False)
    assert [one["code"] for one in said["findings"]] == ["statement_wrong"]
    assert run(tmp_path, "--key", key)[1]["findings"][0]["code"] == "file_unreadable"
    assert run(proof, "--key", tmp_path / "none")[1]["findings"][0]["where"] == "--key"
    assert run(proof)[0] == run("--key", key)[0] == run(proof, key)[0] == 2
