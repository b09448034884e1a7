"""Trees and their proofs: against the vectors that everybody has, and for all small trees."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.seals.merkle import (
    EMPTY_ROOT,
    Growing,
    consistency_path,
    inclusion_path,
    is_consistent,
    is_included,
    leaf_hash,
    root_of,
)

# the leaves and roots by which implementations of RFC 6962 are compared
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SMALL = 40


def hashes(size: int) -> list[bytes]:
    return [leaf_hash(b"leaf %d" % place) for place in range(size)]


def test_roots_are_those_that_others_compute() -> None:
    found = [root_of(leaf_hash(bytes.fromhex(leaf)) for leaf in LEAVES[:size]).hex() for size in range(9)]
    assert found == ROOTS
    assert sha256(b"").digest() == EMPTY_ROOT


def test_a_leaf_is_no_node_and_a_node_no_leaf() -> None:
    left, right = hashes(2)
    assert leaf_hash(left + right) != root_of([left, right])


@pytest.mark.parametrize("size", range(1, SMALL))
def test_every_leaf_is_proved_at_its_place_and_at_no_other(size: int) -> None:
    leaves = hashes(size)
    root = root_of(leaves)
    for index, hashed in enumerate(leaves):
        path = inclusion_path(index, leaves)
        proved = [place for place in range(-1, size + 1) if is_included(hashed, place, size, path, root)]
        assert proved == [index]
        assert not is_included(hashed, index, size, [*path, root], root), "a path that is too long"
        assert not path or not is_included(hashed, index, size, path[:-1], root), "one that is too short"
        assert not is_included(leaf_hash(b"another"), index, size, path, root)
        assert not is_included(hashed, index, size, path, leaf_hash(b"another root"))


@pytest.mark.parametrize("second", range(1, SMALL))
def test_every_beginning_is_proved_and_nothing_else(second: int) -> None:
    leaves = hashes(second)
    root = root_of(leaves)
    for first in range(1, second + 1):
        path, before = consistency_path(first, leaves), root_of(leaves[:first])
        assert is_consistent(first, second, path, before, root)
        assert not is_consistent(first, second, [*path, root], before, root), "too long"
        assert not path or not is_consistent(first, second, path[:-1], before, root), "too short"
        other = root_of([*leaves[: first - 1], leaf_hash(b"another")])
        assert not is_consistent(first, second, path, other, root), "another past"
        assert not is_consistent(second + 1, second, path, before, root), "a past that is longer"
    assert not is_consistent(0, second, [], EMPTY_ROOT, root), "of nothing nothing is proved"


def test_there_is_no_proof_of_what_is_not_there() -> None:
    leaves = hashes(3)
    for index in (-1, 3):
        with pytest.raises(ValueError, match="leaf"):
            inclusion_path(index, leaves)
    for first in (0, 4):
        with pytest.raises(ValueError, match="tree"):
            consistency_path(first, leaves)


@given(st.lists(st.binary(max_size=8), max_size=70), st.data())
def test_a_tree_that_grows_has_at_every_size_the_root_of_the_definition(
    leaves: list[bytes], data: st.DataObject
) -> None:
    def defined(some: list[bytes]) -> bytes:
        if not some:
            return sha256(b"").digest()
        if len(some) == 1:
            return sha256(b"\x00" + some[0]).digest()
        middle = 1
        while middle * 2 < len(some):
            middle *= 2
        return sha256(b"\x01" + defined(some[:middle]) + defined(some[middle:])).digest()

    tree = Growing()
    cut = data.draw(st.integers(0, len(leaves)))
    for leaf in leaves[:cut]:
        tree.add(leaf_hash(leaf))
    assert tree.root() == defined(leaves[:cut])
    for leaf in leaves[cut:]:
        tree.add(leaf_hash(leaf))
    assert (tree.size, tree.root()) == (len(leaves), defined(leaves))
