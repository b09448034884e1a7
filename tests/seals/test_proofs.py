"""Proofs of statements: what holds, for trees of any size, and what is refused of everything else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.book import numbers
from ledger.chart.parties import Party
from ledger.money import format_yuan
from ledger.refusals import Refused
from ledger.seals import merkle
from ledger.seals.kept import BOOKS
from ledger.seals.merkle import Keeping, inclusion_path, leaf_hash, path_among, root_of
from ledger.seals.notes import COSIGNATURE, Note, NoteProblem, Signer
from ledger.seals.proof_check import (
    PROOF_BYTES_MAX,
    account_no,
    encoded,
    problems,
    statement_digest,
    yuan,
)
from ledger.seals.proving import WITNESSES_MAX, prove
from ledger.seals.sealing import Log
from ledger.vault import Keyring
from tests.seals.written import NOW, PRIVATE, YEAR, Written, sealing, written
from tests.support.people import KEYRING

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A log of five days, the last over eleven books of which eight have a balance."""
    return written(tmp_path_factory.mktemp("made"), books=11, days=5)


def codes(content: bytes, made: Written, *witnesses: str) -> list[tuple[str, str]]:
    return [(one.code, one.where) for one in problems(content, made.key, witnesses)]


# -- the way to the root -----------------------------------------------------------------------------------


def test_a_path_that_is_looked_up_is_that_of_the_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merkle, "STRIDE", 4)
    leaves = [leaf_hash(b"%d" % place) for place in range(90)]
    for size in range(1, len(leaves) + 1):
        tree = Keeping()
        for hashed in leaves[:size]:
            tree.add(hashed)
        assert tree.root() == root_of(leaves[:size])
        levels = [leaves[:size], tree.roots]
        while len(levels[-1]) >= 4:
            below = levels[-1]
            levels.append([root_of(below[at : at + 4]) for at in range(0, len(below) - 3, 4)])
        looked = 0

        def hashes(level: int, first: int, count: int, levels: list[list[bytes]] = levels) -> list[bytes]:
            nonlocal looked
            looked += count
            found = levels[level][first : first + count]
            assert len(found) == count, "it asks for nothing that is not kept"
            return found

        for index in range(size):
            looked = 0
            assert path_among(index, size, hashes) == inclusion_path(index, leaves[:size])
            assert looked <= 6 * len(levels), "a few of each level"


def test_there_is_no_way_from_where_no_leaf_is() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="no such leaf"):
            path_among(index, size, lambda *_asked: [])


@pytest.mark.parametrize(
    ("books", "days"), [(1, 1), (2, 2), (3, 255), (255, 256), (256, 257), (257, 600), (514, 3)]
)
def test_whoever_has_a_balance_has_a_proof_that_holds(tmp_path: Path, books: int, days: int) -> None:
    made = written(tmp_path, books, days)
    for place in {0, 1, 3, 254, 255, 256, books // 2, books - 1} & set(range(books)):
        if place % 3 == 2:
            with pytest.raises(Refused, match="statement_not_sealed"):
                made.prove(place)
            continue
        content = made.prove(place)
        assert problems(content, made.key) == []
        proof = json.loads(content)
        assert proof["statement"]["account_no"] == numbers.account_no(made.books[place])
        assert (proof["day"]["index"], proof["day"]["size"]) == (days - 1, days)
        assert (proof["book"]["index"], proof["book"]["size"]) == (place, books)


@pytest.mark.slow
def test_of_many_books_a_proof_has_less_than_five_kilobytes(tmp_path: Path) -> None:
    made = written(tmp_path, 66_000, 365)
    for place in (0, 1, 40_000, 65_535, 65_536, 65_998):
        content = made.prove(place)
        assert problems(content, made.key) == []
        assert len(content) < 5_000
    assert made.log.kept.roots(BOOKS, 365).stat().st_size == (257 + 1) * 32


# -- what is said of it ------------------------------------------------------------------------------------


def test_a_proof_says_whose_and_what_and_nothing_else(made: Written) -> None:
    proof = json.loads(made.prove(1))
    statement = proof["statement"]
    assert list(proof) == ["statement", "checkpoint", "day", "book", "balance"]
    assert statement == {
        "account_no": numbers.account_no(made.books[1]),
        "year": YEAR,
        "entries": 2,
        "closing": "0.95",
        "digest": statement["digest"],
    }
    said = f"1|{statement['account_no']}|{YEAR}|2|0.95|{proof['book']['head']}"
    assert statement["digest"] == sha256(said.encode()).hexdigest()
    leaf, salt = bytes.fromhex(proof["book"]["leaf"]), bytes.fromhex(proof["book"]["salt"])
    assert len(salt) == 16
    assert leaf.startswith(salt)
    assert leaf.endswith(bytes.fromhex(proof["book"]["head"]))
    assert base64.b64decode(proof["day"]["entry"]).startswith(b'{"sums"')


def test_the_digest_is_the_one_that_is_written_down() -> None:
    said = {"account_no": "P483920174650K", "year": 2025, "entries": 17, "closing": "2634.47"}
    assert statement_digest(said, bytes(range(32))).hex() == (
        "30ea490a36ee639216b7076f29fca02211a00027788b65bb83dafac44b34f6a0"
    )


def test_the_example_is_what_is_made_and_holds(tmp_path: Path) -> None:
    docs = Path(__file__).resolve().parents[2] / "docs"
    example = (docs / "proof-example.json").read_bytes()
    made = written(tmp_path, books=60, days=40, name="ledger-example")
    assert example == made.prove(40)
    assert problems(example, made.key) == []
    assert f"`{made.key.strip()}`" in (docs / "seals.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("party", Party)
def test_numbers_and_amounts_are_written_as_everywhere(party: Party) -> None:
    for more in (0, 1, 483_920_174_650, 999_999_999_999):
        assert account_no(party.first + more) == numbers.account_no(party.first + more)
    for fen in (0, 1, 99, 100, 12_850, -5, -100, 10**12):
        assert yuan(fen) == format_yuan(fen)


# -- nothing else is taken ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_proof_with_one_byte_changed_is_refused(made: Written, tmp_path: Path) -> None:
    again = written(tmp_path / "data", books=11, days=5)
    key = again.witnessed(tmp_path / "witness")
    for content in (again.prove(4), json.dumps(json.loads(again.prove(4))).encode()):
        assert problems(content, again.key, [key]) == []
        for place, byte in enumerate(content):
            for other in (byte ^ 1, byte ^ 0x20):
                changed = content[:place] + bytes([other]) + content[place + 1 :]
                assert problems(changed, again.key, [key]), (place, byte, other)
            assert problems(content[:place] + content[place + 1 :], again.key, [key])
            assert problems(content[:place] + b" " + content[place:], again.key, [key])
        assert problems(content + b"\n", again.key, [key])


def another(text: str) -> str:
    """The same in hex with one bit changed."""
    return bytes([int(text[:2], 16) ^ 1]).hex() + text[2:]


def digested(proof: dict[str, Any]) -> None:
    """As whoever forges a statement makes its digest again."""
    statement = proof["statement"]
    head = bytes.fromhex(proof["book"]["head"])
    statement["digest"] = statement_digest(statement, head).hex()


def says(**words: object) -> Change:
    def change(proof: dict[str, Any]) -> None:
        proof["statement"] |= words
        digested(proof)

    return change


def at(part: str, name: str, value: object) -> Change:
    def change(proof: dict[str, Any]) -> None:
        proof[part][name] = value(proof[part][name]) if callable(value) else value

    return change


def with_a_shorter_salt(part: str) -> Change:
    def change(proof: dict[str, Any]) -> None:
        proof[part]["salt"] = proof[part]["salt"][:30]

    return change


def as_an_empty_tree(part: str) -> Change:
    def change(proof: dict[str, Any]) -> None:
        proof[part] |= {"index": 0, "size": 0, "path": []}

    return change


WRONG: dict[str, tuple[Change, tuple[str, str]]] = {
    "a tree that is larger": (at("book", "size", 12), ("size_wrong", "book.size")),
    "a tree that is smaller": (at("balance", "size", 7), ("size_wrong", "balance.size")),
    "a longer log": (at("day", "size", 6), ("size_wrong", "day.size")),
    "an older log": (at("day", "size", 4), ("size_wrong", "day.size")),
    "an index behind the end": (at("book", "index", 11), ("index_wrong", "book.index")),
    "the same of a balance": (at("balance", "index", 8), ("index_wrong", "balance.index")),
    "the same of a day": (at("day", "index", 5), ("index_wrong", "day.index")),
    "another place": (at("book", "index", 3), ("root_wrong", "book")),
    "another day": (at("day", "index", 3), ("path_wrong", "day.path")),
    "a path with one too many": (
        at("book", "path", lambda path: [*path, path[0]]),
        ("path_wrong", "book.path"),
    ),
    "one too many at its beginning": (
        at("balance", "path", lambda path: [path[0], *path]),
        ("path_wrong", "balance.path"),
    ),
    "a path with one too few": (at("book", "path", lambda path: path[:-1]), ("path_wrong", "book.path")),
    "no path": (at("balance", "path", []), ("path_wrong", "balance.path")),
    "a path in another order": (at("book", "path", lambda path: path[::-1]), ("root_wrong", "book")),
    "another hash on the way": (
        at("balance", "path", lambda path: [another(path[0]), *path[1:]]),
        ("root_wrong", "balance"),
    ),
    "a path that no tree has": (at("day", "path", ["00" * 32] * 64), ("proof_malformed", "day.path")),
    "a tree of nothing": (as_an_empty_tree("book"), ("size_wrong", "book.size")),
    "no balances": (as_an_empty_tree("balance"), ("size_wrong", "balance.size")),
    "no days": (as_an_empty_tree("day"), ("size_wrong", "day.size")),
    "a day that was never sealed": (
        at("day", "entry", base64.b64encode(b"{}").decode()),
        ("root_wrong", "day"),
    ),
    "another balance": (says(closing="9999.99"), ("statement_wrong", "statement.closing")),
    "another year": (says(year=2024), ("statement_wrong", "statement.year")),
    "more entries": (says(entries=6), ("statement_wrong", "statement.entries")),
    "another account": (says(account_no="P483920174650K"), ("statement_wrong", "statement.account_no")),
    "a number that only looks the same": (says(entries=5.0), ("statement_wrong", "statement.entries")),
    "another digest": (at("statement", "digest", another), ("statement_wrong", "statement.digest")),
    "another head": (at("book", "head", another), ("leaf_wrong", "book.head")),
    "another salt": (at("book", "salt", another), ("leaf_wrong", "book.leaf")),
    "another salt of a balance": (at("balance", "salt", another), ("leaf_wrong", "balance.leaf")),
    "a salt that is short": (with_a_shorter_salt("book"), ("salt_short", "book.salt")),
    "the same of a balance again": (with_a_shorter_salt("balance"), ("salt_short", "balance.salt")),
    "a negative index": (at("book", "index", -1), ("proof_malformed", "book.index")),
    "an index that is true": (at("book", "index", True), ("proof_malformed", "book.index")),
    "a size as a text": (at("book", "size", "11"), ("proof_malformed", "book.size")),
    "a number without bound": (at("book", "size", 10**40), ("proof_malformed", "book.size")),
    "large letters": (at("book", "leaf", str.upper), ("proof_malformed", "book.leaf")),
    "blanks in hex": (at("book", "salt", lambda text: f" {text}"), ("proof_malformed", "book.salt")),
    "an empty leaf": (at("balance", "leaf", ""), ("proof_malformed", "balance.leaf")),
    "a head that is no digest": (at("book", "head", "00"), ("proof_malformed", "book.head")),
    "a path that is none": (at("book", "path", "00"), ("proof_malformed", "book.path")),
    "a hash that is none": (at("book", "path", [1]), ("proof_malformed", "book.path")),
    "no entry": (at("day", "entry", None), ("proof_malformed", "day.entry")),
    "an entry that is no base64": (at("day", "entry", "%"), ("proof_malformed", "day.entry")),
    "a member that nobody knows": (at("book", "more", 1), ("proof_malformed", "book")),
    "a member too few": (lambda proof: proof["book"].pop("head"), ("proof_malformed", "book")),
    "a part too many": (lambda proof: proof.update(more=1), ("proof_malformed", "proof")),
    "a part too few": (lambda proof: proof.pop("balance"), ("proof_malformed", "proof")),
    "a part that is none": (lambda proof: proof.update(day=[]), ("proof_malformed", "day")),
    "another order": (
        lambda proof: proof.update(statement=proof.pop("statement")),
        ("proof_malformed", "proof"),
    ),
    "no checkpoint": (lambda proof: proof.update(checkpoint=""), ("checkpoint_malformed", "checkpoint")),
    "half a letter": (
        lambda proof: proof.update(checkpoint=proof["checkpoint"] + "\ud800"),
        ("proof_malformed", "proof"),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_hold_is_named(made: Written, what: str) -> None:
    change, wanted = WRONG[what]
    proof = json.loads(made.prove(4))
    change(proof)
    try:
        content = encoded(proof)
    except UnicodeEncodeError:
        content = json.dumps(proof).encode()
    assert wanted in codes(content, made)


def test_another_accounts_leaf_or_path_is_no_proof(made: Written) -> None:
    mine, others = json.loads(made.prove(4)), json.loads(made.prove(6))
    mixed = mine | {"balance": others["balance"]}
    assert codes(encoded(mixed), made) == [("leaf_wrong", "balance.leaf")], "a balance that was sealed too"
    assert codes(encoded(others | {"statement": mine["statement"]}), made) == [
        ("statement_wrong", "statement.account_no")
    ]
    for part in ("book", "balance"):
        moved = mine[part] | {"path": others[part]["path"]}
        assert ("root_wrong", part) in codes(encoded(mine | {part: moved}), made)
        forged = mine[part] | {"leaf": others[part]["leaf"], "salt": others[part]["salt"]}
        assert ("root_wrong", part) in codes(encoded(mine | {part: forged}), made)


def test_a_leaf_of_the_other_tree_is_no_proof(made: Written) -> None:
    proof = json.loads(made.prove(4))
    book, balance = proof["book"], proof["balance"]
    head = {"head": book["head"]}
    swapped = proof | {
        "book": {"leaf": balance["leaf"], "salt": balance["salt"]} | head | {
            name: balance[name] for name in ("index", "size", "path")
        },
        "balance": {name: book[name] for name in balance},
    }  # fmt: skip
    assert {code for code, _where in codes(encoded(swapped), made)} == {"size_wrong", "leaf_wrong"}


def test_a_proof_of_another_log_or_day_is_none(made: Written, tmp_path: Path) -> None:
    other = written(tmp_path / "other", books=14, days=5)
    mine, theirs = json.loads(made.prove(4)), json.loads(other.prove(4))
    assert codes(encoded(theirs), made) == [], "the same key signed it: it is a log that forked"
    for part in ("day", "book", "balance", "checkpoint"):
        assert codes(encoded(mine | {part: theirs[part]}), made), part
    stranger = written(tmp_path / "stranger", books=11, days=5, name="ledger-else")
    assert codes(stranger.prove(4), made) == [("signature_unknown", "checkpoint")]
    of_another = written(tmp_path / "again", books=11, days=5)
    entries = [b"{}"]
    sealing(of_another.log, entries, "ledger-else")
    text = Note.parse((of_another.log.folder / "checkpoint").read_bytes()).text
    proof = mine | {"checkpoint": str(Note(text, [made.signer.line(text)]))}
    assert codes(encoded(proof), made) == [("checkpoint_of_another_log", "checkpoint")]


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"[]", b"null", b"1", b'"x"', b"\xff", b"\xef\xbb\xbf{}", b"[" * 40_000, b'{"a":' * 9_000,
        b"NaN", b"9" * 5_000, b"x" * (PROOF_BYTES_MAX + 1), "{}".encode("utf-16"), b"{} ",
    ],
    ids=range(15),
)  # fmt: skip
def test_what_is_no_proof_at_all_is_refused(made: Written, content: bytes) -> None:
    assert codes(content, made) == [("proof_malformed", "proof")]


def test_a_proof_is_written_in_one_way_only(made: Written) -> None:
    content = made.prove(4)
    text = content.decode()
    year = f'"year":{YEAR}'
    for odd in (
        text.replace(year, f'"year":{YEAR // 5}5e0'),
        text.replace(year, f'{year},{year}'),
        text.replace(year, f'"year":1,{year}'),
        text.replace('"index":4', '"index":4,"index":4'),
        text.replace("{", "{ ", 1),
        text.replace(",", ", "),
        text.replace("—", "\\u2014"),
        text.replace("statement", "statemen\\u0074", 1),
        text.replace("\\n", "\\u000a", 1),
        json.dumps(json.loads(text), indent=1),
        json.dumps(json.loads(text), sort_keys=True),
        f"{text}\n",
        f" {text}",
    ):  # fmt: skip
        assert odd != text
        assert codes(odd.encode(), made) == [("proof_malformed", "proof")], odd[:60]
    assert codes(json.dumps(json.loads(text)).encode(), made) == [], "as a program writes what it has read"


def test_bits_that_say_nothing_are_held_to_be_none(made: Written, tmp_path: Path) -> None:
    # a day that ends with some
    days = (json.loads(written(tmp_path / f"{books}", books).prove(0)) for books in (1, 12, 101))
    proof = next(one for one in days if one["day"]["entry"].endswith("="))
    entry = proof["day"]["entry"]
    cut = entry.rstrip("=")
    odd = cut[:-1] + chr(ord(cut[-1]) + 1) + "=" * (len(entry) - len(cut))
    assert base64.b64decode(odd) == base64.b64decode(entry)
    assert codes(encoded(proof | {"day": proof["day"] | {"entry": odd}}), made) == [
        ("proof_malformed", "day.entry")
    ]
    line = proof["checkpoint"][:-1]
    assert line.endswith("=")
    odd = f"{line[:-2]}{chr(ord(line[-2]) + 1)}=\n"
    assert codes(encoded(proof | {"checkpoint": odd}), made) == [("proof_malformed", "checkpoint")]


@pytest.mark.parametrize(
    "key",
    ["", "x", "a+b+c", "ledger-test+00000000+AA==", "no key\n", "\n\n"],
)
def test_what_is_no_key_checks_nothing(made: Written, key: str) -> None:
    assert [(one.code, one.where) for one in problems(made.prove(4), key)] == [("key_malformed", "--key")]
    found = problems(made.prove(4), made.key, [key])
    assert [(one.code, one.where) for one in found] == [("key_malformed", "--witness")]


def test_a_key_is_taken_for_what_it_is_for_alone(made: Written) -> None:
    seen = Signer(made.signer.verifier.name, PRIVATE, COSIGNATURE)
    assert [one.where for one in problems(made.prove(4), f"{seen.verifier}")] == ["--key"]
    assert [one.where for one in problems(made.prove(4), made.key, [made.key])] == ["--witness"]


# -- witnesses ---------------------------------------------------------------------------------------------


def test_cosignatures_come_along_and_each_is_held_to_a_key(tmp_path: Path) -> None:
    made = written(tmp_path / "data", books=11, days=5)
    alone = made.prove(4)
    keys = [made.witnessed(tmp_path / name) for name in ("one", "two")]
    content = made.prove(4)
    assert problems(content, made.key, keys) == problems(content, made.key, [*keys[::-1], keys[0]]) == []
    assert codes(content, made) == [("signature_unknown", "checkpoint")], "nothing in a proof is unchecked"
    assert codes(content, made, keys[0]) == [("signature_unknown", "checkpoint")]
    assert codes(alone, made, keys[0]) == [("signature_missing", "checkpoint")]
    proof = json.loads(content)
    text, lines = proof["checkpoint"].rsplit("\n\n", 1)
    log, first, second = lines.splitlines(keepends=True)
    for odd in (log + second + first, first + log + second, log + first + first, log + first, log * 2):
        assert codes(encoded(proof | {"checkpoint": f"{text}\n\n{odd}"}), made, *keys), odd
    assert len(content) - len(alone) < 2 * 150


def test_a_cosignature_of_an_older_checkpoint_stays_behind(tmp_path: Path) -> None:
    made = written(tmp_path / "data", books=11, days=5)
    alone = made.prove(4)
    made.witnessed(tmp_path / "one")
    for name, content in (("checkpoint", b"nothing"), ("key", b"nothing")):
        (made.log.witnesses / "odd").mkdir(exist_ok=True)
        (made.log.witnesses / "odd" / name).write_bytes(content)
    assert made.prove(4) != alone
    text = (made.log.folder / "checkpoint").read_text().replace("\n5\n", "\n4\n")
    witness = Signer("witness-old", Ed25519PrivateKey.from_private_bytes(bytes(32)), COSIGNATURE)
    older = text.rsplit("\n\n", 1)[0] + "\n"
    (made.log.witnesses / "one" / "checkpoint").write_text(str(Note(older, [witness.line(older, NOW)])))
    (made.log.witnesses / "one" / "key").write_text(str(witness.verifier))
    assert made.prove(4) == alone


def test_no_more_witnesses_than_a_proof_has_room_for(tmp_path: Path) -> None:
    made = written(tmp_path / "data", books=2)
    keys = {made.witnessed(tmp_path / f"w{number}") for number in range(WITNESSES_MAX + 2)}
    told = json.loads(made.prove(0))["checkpoint"]
    shown = sorted(keys)[:WITNESSES_MAX]
    assert problems(made.prove(0), made.key, shown) == []
    assert told.count("witness-") == WITNESSES_MAX


# -- where none is made ------------------------------------------------------------------------------------


def test_there_is_no_proof_of_what_the_last_seal_does_not_say(made: Written, tmp_path: Path) -> None:
    with pytest.raises(Refused) as told:
        prove(made.log, KEYRING, made.books[4], YEAR + 1)
    assert (told.value.code, told.value.facts) == ("statement_not_sealed", {"sealed_year": YEAR})
    for book in (made.books[2], made.books[4] + 1, made.books[0] - 1, made.books[-1] + 1):
        with pytest.raises(Refused) as told:
            prove(made.log, KEYRING, book, YEAR)
        assert (told.value.code, told.value.facts) == ("statement_not_sealed", {})
    with pytest.raises(Refused, match="statement_not_sealed"):
        prove(Log(tmp_path / "nothing"), KEYRING, made.books[4], YEAR)
    # as the first days were, which have not said how many balances they are over
    before = written(tmp_path / "before", 3)
    sealing(before.log, [b'{"books":3}'], "ledger-test")
    with pytest.raises(Refused, match="statement_not_sealed"):
        before.prove(0)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("seals/checkpoint", "checkpoint"),
        ("seals/key", "key"),
        ("seals/tile/entries/000.p/5", "missing"),
        ("seals/tile/0/000.p/5", "missing"),
        ("sealed/books-whole-5", "are missing"),
        ("sealed/balances-whole-5", "are missing"),
        ("sealed/books-roots-5", "are missing"),
        ("sealed/balances-roots-5", "are missing"),
    ],
)
def test_files_that_are_gone_or_cut_or_changed_prove_nothing(tmp_path: Path, file: str, says: str) -> None:
    made = written(tmp_path, books=514, days=5)
    made.log.begun.touch()
    path = tmp_path / file
    whole = path.read_bytes()
    assert made.prove(4)
    # a key is one without the end of its line, too
    path.write_bytes(whole[:-2])
    with pytest.raises(NoteProblem):
        made.prove(4)
    middle = 20 if "whole" not in file else 6 * len(whole) // 514
    for place in (0, middle, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            content = made.prove(4)
        except (NoteProblem, Refused):
            continue
        assert problems(content, made.key) == [], "what was changed lies nowhere on the way"
    path.unlink()
    with pytest.raises(NoteProblem, match=says):
        made.prove(4)


@pytest.mark.parametrize(
    "day",
    [
        b"5",
        b"null",
        b"true",
        b'"balances"',
        b'["balances"]',
        b"1.5",
        b"[" * 60_000,
        b'{"a":' * 9_000,
        b"\xff",
    ],
)
def test_a_day_of_another_kind_proves_nothing(tmp_path: Path, day: bytes) -> None:
    """The entry is read before anything holds it to the checkpoint: whatever JSON lies there is told."""
    made = written(tmp_path, books=5)
    (tmp_path / "seals/tile/entries/000.p/1").write_bytes(len(day).to_bytes(2, "big") + day)
    with pytest.raises(NoteProblem):
        made.prove(1)


def test_files_that_this_user_may_not_read_are_told(made: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_asked: object) -> None:
        raise PermissionError(13, "Permission denied", "sealed")

    for place in ("ledger.seals.kept.os.pread", "pathlib.Path.exists", "pathlib.Path.is_dir"):
        with monkeypatch.context() as patched:
            patched.setattr(place, refused)
            with pytest.raises(NoteProblem, match="what was sealed: Permission denied"):
                prove(made.log, KEYRING, made.books[4], YEAR)


def test_keys_of_another_installation_prove_nothing(made: Written) -> None:
    with pytest.raises(NoteProblem, match="does not prove itself: root_wrong at book"):
        prove(made.log, Keyring({1: bytes(32)}, bytes(32)), made.books[4], YEAR)


def test_a_seal_that_ends_meanwhile_is_what_the_proof_is_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = written(tmp_path, books=9, days=5)
    kept = made.log.kept
    tree = type(kept).tree

    def at_last(*asked: Any) -> Any:
        monkeypatch.setattr(type(kept), "tree", tree)
        written(tmp_path, books=10, days=6)
        kept.let_go_of_older(6)
        return tree(*asked)

    monkeypatch.setattr(type(kept), "tree", at_last)
    content = made.prove(4)
    assert problems(content, made.key) == []
    assert json.loads(content)["day"]["size"] == 6
