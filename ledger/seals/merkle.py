"""Merkle trees as RFC 6962 hashes them, and RFC 9162 proves them. Pure.

A tree over n leaves is the node over two trees: the left one has as many leaves as the largest power of two
that is smaller than n. Leaves and nodes are told apart by a byte in front, so that none passes for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves."""
STRIDE: Final = 256
"""Over how many leaves, and over how many of such roots, a root is kept."""

Hashes = Callable[[int, int, int], Sequence[bytes]]
"""`hashes(level, first, count)`: roots over STRIDE**level leaves each, from the `first` of them on."""


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two trees beside each other."""
    return sha256(b"\x01" + left + right).digest()


class Growing:
    """The root over leaves that come one after another, in memory that grows by the logarithm of them."""

    def __init__(self) -> None:
        self.size = 0
        # roots of whole subtrees, the largest first: one for each bit of the size
        self._whole: list[bytes] = []

    def add(self, hashed: bytes) -> None:
        """Add the hash of a leaf."""
        size = self.size
        while size & 1:
            hashed = node_hash(self._whole.pop(), hashed)
            size >>= 1
        self._whole.append(hashed)
        self.size += 1

    def root(self) -> bytes:
        """The root over the leaves so far."""
        return folded(self._whole)

    def wholes(self) -> Sequence[bytes]:
        """The roots of the whole subtrees that it is made of, the largest first."""
        return self._whole


def folded(wholes: Sequence[bytes]) -> bytes:
    """The root over whole trees beside each other, each smaller than the one before it."""
    if not wholes:
        return EMPTY_ROOT
    *left, root = wholes
    for whole in reversed(left):
        root = node_hash(whole, root)
    return root


class Keeping:
    """A tree that grows and keeps the root over every STRIDE leaves, by which paths are found later."""

    def __init__(self) -> None:
        self.size = 0
        self.roots: list[bytes] = []
        self._above = Growing()
        self._last: list[bytes] = []

    def add(self, hashed: bytes) -> None:
        """Add the hash of a leaf."""
        self._last.append(hashed)
        self.size += 1
        if len(self._last) == STRIDE:
            root = _root_of_whole(self._last)
            self.roots.append(root)
            self._above.add(root)
            self._last = []

    def root(self) -> bytes:
        """The root over the leaves so far."""
        last = Growing()
        for hashed in self._last:
            last.add(hashed)
        return folded([*self._above.wholes(), *last.wholes()])


def _root_of_whole(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of leaf hashes: two by two, in less than half the time of one by one."""
    while len(hashes) > 1:
        one = iter(hashes)
        hashes = [sha256(b"\x01" + left + right).digest() for left, right in zip(one, one, strict=True)]
    return hashes[0]


def root_of(hashes: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    tree = Growing()
    for hashed in hashes:
        tree.add(hashed)
    return tree.root()


def _split(size: int) -> int:
    """The largest power of two below a size of at least two."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_path(index: int, hashes: Sequence[bytes]) -> list[bytes]:
    """What proves that a leaf stands at its place in the tree over these leaf hashes."""
    if not 0 <= index < len(hashes):
        raise ValueError("no such leaf")
    if len(hashes) == 1:
        return []
    middle = _split(len(hashes))
    left, right = hashes[:middle], hashes[middle:]
    if index < middle:
        return [*inclusion_path(index, left), root_of(right)]
    return [*inclusion_path(index - middle, right), root_of(left)]


def path_among(index: int, size: int, hashes: Hashes) -> list[bytes]:
    """The same where no more is looked up than is on the way: a few hundred hashes, whatever the size."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    path: list[bytes] = []
    first = 0
    while size > 1:
        middle = _split(size)
        if index < middle:
            path.append(_root_among(first + middle, size - middle, hashes))
            size = middle
        else:
            path.append(_root_among(first, middle, hashes))
            first, index, size = first + middle, index - middle, size - middle
    return path[::-1]


def _root_among(first: int, size: int, hashes: Hashes) -> bytes:
    """The root over so many leaves, of the largest roots that are kept; no leaf before is half of a tree."""
    level = 0
    while STRIDE ** (level + 1) <= size:
        level += 1
    wholes: list[bytes] = []
    while size:
        some, rest = divmod(size, STRIDE**level)
        tree = Growing()
        for hashed in hashes(level, first // STRIDE**level, some) if some else ():
            tree.add(hashed)
        wholes += tree.wholes()
        first, size, level = first + size - rest, rest, level - 1
    return folded(wholes)


def consistency_path(first: int, hashes: Sequence[bytes]) -> list[bytes]:
    """What proves that the tree over the first so many of these leaf hashes is the beginning of the whole."""
    if not 0 < first <= len(hashes):
        raise ValueError("no such tree")
    return _subproof(first, hashes, is_whole=True)


def _subproof(first: int, hashes: Sequence[bytes], *, is_whole: bool) -> list[bytes]:
    if first == len(hashes):
        return [] if is_whole else [root_of(hashes)]
    middle = _split(len(hashes))
    left, right = hashes[:middle], hashes[middle:]
    if first <= middle:
        return [*_subproof(first, left, is_whole=is_whole), root_of(right)]
    return [*_subproof(first - middle, right, is_whole=False), root_of(left)]


def is_included(hashed: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a path proves that a leaf hash stands at an index of the tree of a size with this root."""
    if not 0 <= index < size:
        return False
    place, last = index, size - 1
    for beside in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            hashed = node_hash(beside, hashed)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hashed = node_hash(hashed, beside)
        place, last = place >> 1, last >> 1
    return last == 0 and hashed == root


def is_consistent(
    first: int, second: int, path: Sequence[bytes], first_root: bytes, second_root: bytes
) -> bool:
    """Whether a path proves that the tree of the first size is the beginning of that of the second.

    Nothing is proved of an empty tree: everything begins with it.
    """
    if not 0 < first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    hashes = list(path)
    if first & (first - 1) == 0:
        hashes.insert(0, first_root)
    if not hashes:
        return False
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = hashes[0]
    for beside in hashes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(beside, old), node_hash(beside, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, beside)
        place, last = place >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root
