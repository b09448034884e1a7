"""Check the proof of a yearly statement. This one file, Python and its package `cryptography` are enough.

    python proof_check.py PROOF --key KEY [--witness KEY]...

PROOF is what `GET /v1/accounts/{account}/statements/{year}/proof` answered, byte for byte. KEY is how the
log of days is known, as `seals/key` has it and best had from somebody else; `--witness` is the same of a
witness, who then must have signed too. Nothing else is read, and nobody is asked. It prints `{"ok": true}`
and ends with 0, or tells what is wrong in `findings` and ends with 1; a wrong call ends with 2.

What holds is this. The key signed a checkpoint of the log, and the day's entry stands in that log. The book
of the account stood in the day's first tree, with so many entries and the digest that the chain has at the
last of them. What the account held at the end of its last finished year stood in the second. And the
statement says just that. No line is shared with what makes proofs, so that no mistake is made twice.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PROOF_BYTES_MAX: Final = 65_536
KEY_BYTES_MAX: Final = 1_024
SALT_BYTES_MIN: Final = 16
HASH_BYTES: Final = 32
PATH_MAX: Final = 63
NUMBER_MAX: Final = 2**63 - 1

# the row behind the salt, big end first: the book, how many entries, the last digest; the book, year, fen
_BOOK: Final = struct.Struct(">qi32s")
_BALANCE: Final = struct.Struct(">qhq")
_ED25519, _COSIGNATURE = 1, 4
_ID_BYTES, _TIME_BYTES = 4, 8
_CHARACTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_match_size = re.compile(r"0|[1-9][0-9]{0,18}").fullmatch
_match_signature = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})").fullmatch

_FORM: Final[dict[str, tuple[str, ...]]] = {
    "statement": ("account_no", "year", "entries", "closing", "digest"),
    "checkpoint": (),
    "day": ("entry", "index", "size", "path"),
    "book": ("leaf", "salt", "head", "index", "size", "path"),
    "balance": ("leaf", "salt", "index", "size", "path"),
}


class Wrong(Exception):
    """What does not hold: a stable code, where, and what, in a line that repeats nothing of the proof."""

    def __init__(self, code: str, where: str, what: str) -> None:
        super().__init__(what)
        self.code, self.where, self.what = code, where, what


@dataclass(frozen=True)
class Placed:
    """A leaf, and what says where it stands in a tree of so many."""

    leaf: bytes
    index: int
    size: int
    path: list[bytes]


class ReadProof(NamedTuple):
    """A proof as it was read: of the form that a proof has, and nothing more than that."""

    statement: Mapping[str, Any]
    digest: bytes
    checkpoint: str
    day: Placed
    book: Placed
    salt: bytes
    head: bytes
    balance: Placed
    balance_salt: bytes


class PublicKey(NamedTuple):
    """A key as it is published: `name+id+key` in one line."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """By which a signature names its key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_ID_BYTES]


# -- reading -----------------------------------------------------------------------------------------------


def read_proof(content: bytes) -> ReadProof:
    """Read the bytes of a proof, which is written in one way only. Raises Wrong."""
    proof = _parsed(content)
    for name, members in _FORM.items():
        if members and (type(proof[name]) is not dict or tuple(proof[name]) != members):
            raise _no_proof(name, f"the members of it are {', '.join(members)}")
    statement, book, balance = proof["statement"], proof["book"], proof["balance"]
    return ReadProof(
        statement,
        _hex(statement["digest"], "statement.digest", HASH_BYTES),
        _text(proof["checkpoint"], "checkpoint"),
        _placed(proof["day"], "day", _base64(_text(proof["day"]["entry"], "day.entry"), "day.entry")),
        _placed(book, "book", _hex(book["leaf"], "book.leaf")),
        _hex(book["salt"], "book.salt"),
        _hex(book["head"], "book.head", HASH_BYTES),
        _placed(balance, "balance", _hex(balance["leaf"], "balance.leaf")),
        _hex(balance["salt"], "balance.salt"),
    )


def encoded(proof: object) -> bytes:
    """A proof as it is answered: JSON without a blank, in UTF-8, its members in one order."""
    return json.dumps(proof, separators=(",", ":"), ensure_ascii=False).encode()


def _parsed(content: bytes) -> dict[str, Any]:
    if len(content) > PROOF_BYTES_MAX:
        raise _no_proof("", f"more than {PROOF_BYTES_MAX} bytes")
    try:
        proof: object = json.loads(content.decode())
        # as it is answered, or as Python writes it again: no blank, number, escape or member in another way.
        # What differs in one byte from either is not the other.
        ways = (encoded(proof), json.dumps(proof).encode())
    except (ValueError, RecursionError):
        raise _no_proof("", "it is no JSON in UTF-8") from None
    if content not in ways:
        raise _no_proof("", "a blank, an escape or a member is not as a proof is written")
    if not isinstance(proof, dict) or tuple(proof) != tuple(_FORM):
        raise _no_proof("", f"the members of it are {', '.join(_FORM)}")
    return proof


def _placed(part: dict[str, Any], name: str, leaf: bytes) -> Placed:
    index, size = (_number(part[one], f"{name}.{one}") for one in ("index", "size"))
    path = part["path"]
    if type(path) is not list or len(path) > PATH_MAX:
        raise _no_proof(f"{name}.path", f"a list of at most {PATH_MAX} hashes is wanted")
    hashes = [_hex(one, f"{name}.path", HASH_BYTES) for one in path]
    return Placed(leaf, index, size, hashes)


def _number(value: object, where: str) -> int:
    # True is a number to Python
    if type(value) is not int or not 0 <= value <= NUMBER_MAX:
        raise _no_proof(where, "a whole number that is not below zero is wanted")
    return value


def _text(value: object, where: str) -> str:
    if type(value) is not str:
        raise _no_proof(where, "a text is wanted")
    return value


def _hex(value: object, where: str, length: int | None = None) -> bytes:
    text = _text(value, where)
    try:
        content = bytes.fromhex(text)
    except ValueError:
        content = b""
    if content.hex() != text or not content or len(content) != (length or len(content)):
        raise _no_proof(where, "bytes in hex are wanted, in small letters")
    return content


def _base64(text: str, where: str) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        content = b""
    # the last character has bits that say nothing
    if base64.b64encode(content).decode() != text or not content:
        raise _no_proof(where, "bytes in base64 are wanted, as they are written in one way only")
    return content


def _no_proof(where: str, what: str) -> Wrong:
    return Wrong("proof_malformed", where or "proof", what)


def read_key(text: str, kind: int, where: str) -> PublicKey:
    """Read a key of a kind, as it is published. Raises Wrong."""
    name, _, rest = text.removesuffix("\n").partition("+")
    key_id, _, key = rest.partition("+")
    try:
        content = base64.b64decode(key, validate=True)
    except ValueError:
        content = b""
    found = PublicKey(name, content[0] if content else 0, content[1:])
    if len(content) != 1 + HASH_BYTES or found.kind != kind or found.key_id.hex() != key_id:
        raise Wrong("key_malformed", where, "no verifier key of this kind: name+id+key in one line is wanted")
    return found


# -- what holds --------------------------------------------------------------------------------------------


def problems(content: bytes, key: str, witnesses: Sequence[str] = ()) -> list[Wrong]:
    """Everything that does not hold of a proof; an empty list is a proof that holds."""
    try:
        log = read_key(key, _ED25519, "--key")
        others = [read_key(one, _COSIGNATURE, "--witness") for one in witnesses]
        proof = read_proof(content)
        roots = _day(proof, _checkpoint(proof, log, others))
    except Wrong as problem:
        return [problem]
    checks: tuple[Callable[[], None], ...] = (
        lambda: _in_tree("book", proof.book, *roots["books"]),
        lambda: _in_tree("balance", proof.balance, *roots["balances"]),
        lambda: _says(proof),
    )
    found: list[Wrong] = []
    for check in checks:
        try:
            check()
        except Wrong as problem:
            found.append(problem)
    return found


def _checkpoint(proof: ReadProof, log: PublicKey, witnesses: Sequence[PublicKey]) -> tuple[int, bytes]:
    """How many days the log has and its root, as all keys signed them. Raises Wrong."""
    text, parted, signed = proof.checkpoint.rpartition("\n\n")
    text += "\n"
    lines = text.split("\n")
    if not parted or not signed.endswith("\n") or len(lines) < 4 or _match_size(lines[1]) is None:
        raise Wrong("checkpoint_malformed", "checkpoint", "a name, a size, a root and signatures are wanted")
    # the log first, then witnesses by their names: all that stand there, none twice, and none unknown
    keys = [log, *sorted(set(witnesses))]
    told = signed.removesuffix("\n").split("\n")
    for line, key in zip(told, keys, strict=False):
        _signed_by(key, text, line)
    if len(told) != len(keys):
        few = len(told) < len(keys)
        what = "a witness has not signed it" if few else "of a signature the key was not given (--witness)"
        raise Wrong("signature_missing" if few else "signature_unknown", "checkpoint", what)
    if lines[0] != log.name:
        raise Wrong("checkpoint_of_another_log", "checkpoint", "it is of another log than its key")
    return int(lines[1]), _base64(lines[2], "checkpoint")


def _signed_by(key: PublicKey, text: str, line: str) -> None:
    match = _match_signature(line)
    content = _base64(match[2], "checkpoint") if match is not None else b""
    if match is None or match[1] != key.name or content[:_ID_BYTES] != key.key_id:
        raise Wrong("signature_unknown", "checkpoint", "a line of it is not by the key that is due there")
    time_bytes = _TIME_BYTES if key.kind == _COSIGNATURE else 0
    seen, signature = content[_ID_BYTES : _ID_BYTES + time_bytes], content[_ID_BYTES + time_bytes :]
    if time_bytes:
        text = f"cosignature/v1\ntime {int.from_bytes(seen, 'big')}\n{text}"
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        raise Wrong("signature_wrong", "checkpoint", "a signature is not of this text") from None


def _day(proof: ReadProof, signed: tuple[int, bytes]) -> dict[str, tuple[int, bytes]]:
    """How many leaves the two trees of the day have and their roots, as its entry says. Raises Wrong."""
    _in_tree("day", proof.day, *signed)
    try:
        entry = json.loads(proof.day.leaf.decode())
        return {
            name: (_number(entry[name], "day.entry"), _hex(entry[f"{name}_root"], "day.entry", HASH_BYTES))
            for name in ("books", "balances")
        }
    except (ValueError, RecursionError, KeyError, TypeError):
        raise Wrong("day_unreadable", "day.entry", "it says not what the roots of its day are") from None


def _in_tree(name: str, placed: Placed, size: int, root: bytes) -> None:
    """Hold a leaf to the root of a tree of so many, as RFC 9162 has it (2.1.3.2). Raises Wrong."""
    if placed.size != size:
        raise Wrong("size_wrong", f"{name}.size", "the tree has another size")
    if placed.index >= size:
        raise Wrong("index_wrong", f"{name}.index", "the tree has no such leaf")
    place, last = placed.index, size - 1
    hashed = sha256(b"\x00" + placed.leaf).digest()
    for beside in placed.path:
        if last == 0:
            raise Wrong("path_wrong", f"{name}.path", "it is longer than the way to the root")
        if place & 1 or place == last:
            hashed = sha256(b"\x01" + beside + hashed).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            hashed = sha256(b"\x01" + hashed + beside).digest()
        place, last = place >> 1, last >> 1
    if last:
        raise Wrong("path_wrong", f"{name}.path", "it is shorter than the way to the root")
    if hashed != root:
        raise Wrong("root_wrong", name, "it does not stand at this place of the tree")


def _says(proof: ReadProof) -> None:
    """Hold the statement to the two leaves, word by word. Raises Wrong."""
    book_id, entries, head = _BOOK.unpack(_behind_salt("book", proof.book.leaf, proof.salt, _BOOK.size))
    row = _behind_salt("balance", proof.balance.leaf, proof.balance_salt, _BALANCE.size)
    of, year, fen = _BALANCE.unpack(row)
    if head != proof.head:
        raise Wrong("leaf_wrong", "book.head", "the leaf ends with another digest")
    if of != book_id:
        raise Wrong("leaf_wrong", "balance.leaf", "it is of another account than the book")
    sealed = {"account_no": account_no(book_id), "year": year, "entries": entries, "closing": yuan(fen)}
    for name, value in sealed.items():
        # 1.0 and True would equal 1
        if type(proof.statement[name]) is not type(value) or proof.statement[name] != value:
            raise Wrong("statement_wrong", f"statement.{name}", "it says something else than was sealed")
    if proof.digest != statement_digest(sealed, head):
        raise Wrong("statement_wrong", "statement.digest", "it is not the digest of what the statement says")


def _behind_salt(name: str, leaf: bytes, salt: bytes, length: int) -> bytes:
    if len(salt) < SALT_BYTES_MIN:
        raise Wrong("salt_short", f"{name}.salt", f"it has less than {SALT_BYTES_MIN} bytes")
    if not leaf.startswith(salt) or len(leaf) != len(salt) + length:
        raise Wrong("leaf_wrong", f"{name}.leaf", "it is not the salt and one row behind it")
    return leaf[len(salt) :]


def statement_digest(statement: Mapping[str, Any], head: bytes) -> bytes:
    """The digest over what a statement says and, by the head of the chain, over all entries behind it."""
    said = "|".join(str(statement[name]) for name in ("account_no", "year", "entries", "closing"))
    # the number of the format: they are only ever added
    return sha256(f"1|{said}|{head.hex()}".encode()).digest()


def account_no(book_id: int) -> str:
    """The account number of a book: a letter, 12 digits, and a check character (ISO 7064 MOD 37,36)."""
    digits = f"{book_id:014d}"
    letter = int(digits[:-12])
    if not 1 <= letter <= 26:
        raise Wrong("leaf_wrong", "book.leaf", "it is of no account")
    text = _CHARACTERS[letter + 9] + digits[-12:]
    state = 36
    for character in text:
        state = (state + _CHARACTERS.index(character)) % 36 or 36
        state = state * 2 % 37
    return text + _CHARACTERS[(1 - state) % 36]


def yuan(fen: int) -> str:
    """An amount in fen as yuan with two decimals."""
    digits = f"{abs(fen):03d}"
    return f"{'-' if fen < 0 else ''}{digits[:-2]}.{digits[-2:]}"


# -- the door ----------------------------------------------------------------------------------------------


def findings(proof: Path, key: Path, witnesses: Sequence[Path] = ()) -> list[dict[str, str]]:
    """What does not hold of a proof in a file, by keys in files; of a file that cannot be read, that."""
    try:
        others = [_content(one, "--witness", KEY_BYTES_MAX).decode() for one in witnesses]
        log = _content(key, "--key", KEY_BYTES_MAX).decode()
        found = problems(_content(proof, "FILE", PROOF_BYTES_MAX), log, others)
    except UnicodeDecodeError:
        found = [Wrong("key_malformed", "keys", "a file of a key is no text")]
    except Wrong as problem:
        found = [problem]
    return [{"code": one.code, "where": one.where, "what": one.what} for one in found]


def _content(path: Path, where: str, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            # one more than that: what is too long is told so
            return file.read(most + 1)
    except OSError as error:
        raise Wrong("file_unreadable", where, str(error.strerror)) from None


def main() -> int:
    """Check what the command line names. The code to end with."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("proof", type=Path, metavar="PROOF", help="what the service answered")
    parser.add_argument("--key", type=Path, required=True, help="the key of the log")
    parser.add_argument("--witness", type=Path, action="append", default=[], help="the key of a witness")
    told = parser.parse_args()
    found = findings(told.proof, told.key, told.witness)
    sys.stdout.write(json.dumps({"ok": False, "findings": found} if found else {"ok": True}) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
