"""Sealing a ledger, and holding it against what somebody kept: what is found of each way to change the past.

Whoever tampers here has every right on the database, and recomputes digests where that helps.
"""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, select

from ledger import tables
from ledger.access.read_log import ReadLog
from ledger.access.reads import Asker, Read
from ledger.accounts.contributing import Contribute
from ledger.accounts.spending import Spend
from ledger.accounts.year_end import PostInterest
from ledger.book.numbers import account_no, entry_name
from ledger.chart.channels import AccessChannel, FieldGroup
from ledger.chart.registers import Register
from ledger.database.engines import reading
from ledger.inquiry.statements import statement
from ledger.posting.agents import AGENT
from ledger.seals import looking, sealing
from ledger.seals import witness as witnessing
from ledger.seals.kept import BALANCES, BOOKS, READS, RowsOf
from ledger.seals.notes import NoteProblem, Signer, Verifier, read_checkpoint
from ledger.seals.proof_check import problems
from ledger.seals.proving import prove
from ledger.seals.sealing import Log, SealedDay, SealProblem, seal
from ledger.seals.since import HeldAgainst, hold_against
from ledger.seals.tiles import alone
from ledger.seals.witness import Inconsistent, witness
from ledger.vault import KeyringError
from ledger.verify import verify
from tests.support.people import World
from tests.verify.tampering import chain_anew, let_pass, rewritten, run, with_every_right

TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)


@dataclass
class Sealing:
    """A ledger of a few books, its log of days, and who signs it."""

    world: World
    log: Log
    signer: Signer
    books: list[int]

    def seal(self) -> SealedDay:
        with reading(self.world.engine) as connection:
            return seal(connection, self.world.keyring, self.log, self.signer)

    def keep(self) -> bytes:
        """The checkpoint, as somebody keeps it."""
        return (self.log.folder / "checkpoint").read_bytes()

    def hold(self, kept: bytes) -> HeldAgainst:
        with reading(self.world.engine) as connection:
            return hold_against(connection, self.world.keyring, self.log, kept, self.signer.verifier)

    def found(self, kept: bytes) -> set[tuple[str, str]]:
        held = self.hold(kept)
        assert held.findings_total == len(held.findings)
        return {(one.code, one.where) for one in held.findings}

    def spend(self, book: int) -> None:
        self.world.one(Spend(book, 100, TODAY, "H0001", self.world.ref("bill")), today=TODAY)

    def look(self, *, processes: int = 1) -> None:
        """Have each of some processes record that a clerk looked at every account."""
        asker = Asker("desk", "clerk-li", "accounts:read", AccessChannel.WINDOW, None, "own_request")
        for _ in range(processes):
            log = ReadLog(self.world.engine, self.world.keyring, lambda: (NOW, TODAY))
            log.record_here([Read(asker, book, None, FieldGroup.BALANCE) for book in self.books])
            log.stop()

    def day(self, number: int = -1) -> dict[str, object]:
        entries = self.log.read(self.signer.verifier)[1]
        said: dict[str, object] = json.loads(entries[number])
        return said


@pytest.fixture
def sealed(fresh_engine: Engine, tmp_path: Path) -> Sealing:
    world = World(fresh_engine)
    books = [
        world.open(opened_on=date(2025, 1, 1), opening=(0, 50_000), today=date(2025, 1, 1)) for _ in "abc"
    ]
    world.post(
        *(Contribute(book, 20_000, 202502, date(2025, 2, 1), f"c-{book}") for book in books),
        today=date(2025, 3, 1),
    )
    world.post(*(PostInterest(book, 2025) for book in books[:2]), today=date(2026, 1, 5))
    signer = Signer("ledger-test", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    return Sealing(world, Log(tmp_path / "data"), signer, books)


# -- what a day says ---------------------------------------------------------------------------------------


def test_a_day_is_added_when_something_was_written_and_none_when_nothing_was(sealed: Sealing) -> None:
    first = sealed.seal()
    with sealed.world.engine.connect() as connection:
        books = connection.execute(select(tables.book.c.last_seq)).scalars().all()
    assert first == SealedDay(1, True, len(books), sum(books))
    assert sealed.seal() == SealedDay(1, False, len(books), sum(books))
    sealed.spend(sealed.books[0])
    # the first of a year carries over
    assert sealed.seal() == SealedDay(2, True, len(books), sum(books) + 2)
    assert (sealed.day()["books"], sealed.day()["entries"]) == (len(books), sum(books) + 2)
    assert sealed.day()["balances"] == 2, "the third one has not finished its year"


def test_the_sums_of_a_day_are_those_of_the_ledger_and_add_up_to_nothing(sealed: Sealing) -> None:
    sealed.seal()
    sealed.spend(sealed.books[1])
    sealed.seal()
    sums = sealed.day()["sums"]
    assert isinstance(sums, dict)
    assert sum(sums.values()) == 0
    with sealed.world.engine.connect() as connection:
        columns = tables.book.c
        pockets = connection.execute(select(columns.current_year, columns.carried_over)).all()
    assert sums["current_year"] == sum(row.current_year for row in pockets)
    assert sums["carried_over"] == sum(row.carried_over for row in pockets)
    assert sums["institution_payable"] == 100


def test_what_an_account_ended_its_year_with_is_what_its_statement_says(sealed: Sealing) -> None:
    # valued in the year before, and booked after its end
    sealed.spend(sealed.books[0])
    sealed.seal()
    rows = {row.book_id: row for row in sealed.log.kept.rows(BALANCES, 1)}
    assert sorted(rows) == sorted(sealed.books[:2]), "the third one has not finished its year"
    with sealed.world.engine.connect() as connection, connection.begin():
        for book in sealed.books[:2]:
            shown = statement(connection, book, 2025, TODAY).told
            assert (rows[book].year, rows[book].fen) == (2025, shown.closing_fen)


@pytest.mark.parametrize("sorted_at_once", [1, 10_000_000])
def test_the_first_day_asks_for_all_at_once_what_later_ones_ask_by_book(
    sealed: Sealing, sorted_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "SORTED_AT_ONCE", sorted_at_once)
    # of few books few are asked for at once
    monkeypatch.setattr(looking, "PAGE", 2)
    world = sealed.world
    # no money, no year that is finished, and money that came after the year
    empty = world.open(opened_on=date(2025, 6, 1), today=date(2025, 6, 1))
    world.open(opened_on=date(2026, 1, 5), opening=(100, 0), today=date(2026, 1, 5))
    world.post(PostInterest(empty, 2025), today=date(2026, 1, 5))
    sealed.spend(sealed.books[0])
    with reading(world.engine) as connection, connection.begin():
        pages = list(looking.standing(connection))
        books = [book for page in pages for book in page]
        everything = [(book.book_id, 0) for book in books]
        assert looking.moved(connection) == looking.moved_since(connection, everything)
        by_book = looking.balances(connection, books)
        assert sorted(one.fen for one in by_book) == [0, 70_623, 70_623]
        with closing(looking.AllBalances(connection)) as at_once:
            assert [one for page in pages for one in at_once.of(page)] == by_book
        with closing(looking.AllBalances(connection)) as at_once:
            # some are left when it ends
            assert at_once.of(pages[0]) == looking.balances(connection, pages[0])


def test_what_is_kept_is_for_the_owner_alone_and_can_be_made_of_the_changes(sealed: Sealing) -> None:
    for book in sealed.books:
        sealed.spend(book)
        sealed.seal()
    kept = sealed.log.kept
    for file in kept.folder.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file.name
    both: tuple[RowsOf[Any], ...] = (BOOKS, BALANCES)
    for of in both:
        whole: list[object] = list(kept.rows(of, 3))
        kept.whole(of, 3).unlink()
        assert list(kept.rows(of, 3)) == whole
    assert sealed.found(sealed.keep()) == set()
    sealed.spend(sealed.books[0])
    assert sealed.seal().size == 4
    for of in both:
        kept.whole(of, 4).unlink()
    kept.changes(BOOKS, 2).unlink()
    assert sealed.found(sealed.keep()) == {("sealed_rows_broken", "seals")}
    with pytest.raises(NoteProblem, match="books-2: missing"):
        sealed.seal()


def test_of_the_newest_seal_alone_all_rows_and_their_roots_are_kept(sealed: Sealing) -> None:
    for book in sealed.books:
        sealed.spend(book)
        sealed.seal()
        proof = prove(sealed.log, sealed.world.keyring, sealed.books[0], 2025)
        assert problems(proof, str(sealed.signer.verifier)) == []
    names = {path.name for path in sealed.log.kept.folder.iterdir()}
    assert {name for name in names if "whole" in name or "roots" in name} == {
        f"{of}-{kind}-3" for of in ("books", "balances", "reads") for kind in ("whole", "roots")
    }


def test_a_seal_that_ended_half_way_is_made_again(sealed: Sealing, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed.seal()
    kept = sealed.keep()
    proof = prove(sealed.log, sealed.world.keyring, sealed.books[0], 2025)
    sealed.spend(sealed.books[0])

    def cut(*_arguments: object) -> None:
        raise KeyboardInterrupt

    for place in ("write_tiles", "write_whole"):
        with monkeypatch.context() as patched:
            patched.setattr(sealing, place, cut)
            with pytest.raises(KeyboardInterrupt):
                sealed.seal()
        assert sealed.keep() == kept
        assert sealed.found(kept) == set()
        assert prove(sealed.log, sealed.world.keyring, sealed.books[0], 2025) == proof
    sealed.spend(sealed.books[1])
    assert sealed.seal().size == 2
    assert prove(sealed.log, sealed.world.keyring, sealed.books[0], 2025) != proof
    assert sealed.found(kept) == sealed.found(sealed.keep()) == set()


def test_two_do_not_seal_at_once(sealed: Sealing) -> None:
    at_work = alone(sealed.log.kept.folder, AssertionError())
    with at_work, pytest.raises(SealProblem, match="another process"):
        sealed.seal()


# -- what is found -----------------------------------------------------------------------------------------


def test_nothing_is_found_in_a_ledger_that_only_grew(sealed: Sealing) -> None:
    sealed.seal()
    kept = sealed.keep()
    sealed.spend(sealed.books[0])
    fresh = sealed.world.open(opening=(0, 100), today=TODAY)
    sealed.spend(fresh)
    held = sealed.hold(kept)
    assert (held.kept, held.size, held.findings) == (1, 1, [])
    assert held.entries_since == 4
    sealed.seal()
    held = sealed.hold(kept)
    assert (held.kept, held.size, held.entries_since, held.findings) == (1, 2, 4, [])
    assert sealed.hold(sealed.keep()).entries_since == 0


def _cut_off(sealed: Sealing, book: int) -> int:
    """Take the last entry of a book away with all that it says; its number."""
    with with_every_right(sealed.world.engine) as connection:
        place = {"b": book}
        columns = tables.entry.c
        rows = connection.execute(
            select(columns.seq, columns.digest, columns.current_year_after, columns.carried_over_after)
            .where(columns.book_id == book)
            .order_by(columns.seq)
        ).all()
        *_, before, last = rows
        run(connection, "DELETE FROM transfer WHERE book_id = :b AND seq = :s", s=last.seq, **place)
        run(connection, "DELETE FROM entry WHERE book_id = :b AND seq = :s", s=last.seq, **place)
        run(
            connection,
            "UPDATE book SET last_seq = :s, head = :h, current_year = :c, carried_over = :o"
            " WHERE book_id = :b",
            s=before.seq,
            h=before.digest,
            c=before.current_year_after,
            o=before.carried_over_after,
            **place,
        )
    return int(last.seq)


def test_an_entry_that_was_cut_off_is_found_also_when_others_came_in_its_place(sealed: Sealing) -> None:
    book = sealed.books[0]
    sealed.spend(book)
    sealed.seal()
    kept = sealed.keep()
    seq = _cut_off(sealed, book)
    assert sealed.found(kept) == {("sealed_entry_missing", entry_name(book, seq))}
    with pytest.raises(SealProblem, match=f"{account_no(book)} no longer has its entry {seq}"):
        sealed.seal()
    sealed.spend(book)
    assert sealed.found(kept) == {("sealed_entry_changed", entry_name(book, seq))}
    with pytest.raises(SealProblem, match=f"{account_no(book)} has another entry {seq}"):
        sealed.seal()


def test_a_past_that_was_written_anew_with_all_its_digests_is_found(sealed: Sealing) -> None:
    book = sealed.books[1]
    sealed.spend(book)
    sealed.seal()
    kept = sealed.keep()
    with with_every_right(sealed.world.engine) as connection:
        run(connection, "UPDATE entry SET source_ref = 'forged' WHERE book_id = :b AND seq = 2", b=book)
        chain_anew(connection, book)
        last = connection.execute(
            select(tables.book.c.last_seq).where(tables.book.c.book_id == book)
        ).scalar_one()
    assert sealed.found(kept) == {("sealed_entry_changed", entry_name(book, last))}


def test_a_book_that_was_taken_away_is_found(sealed: Sealing) -> None:
    sealed.seal()
    kept = sealed.keep()
    # the first and the last by number: one is passed over, the other is left
    for book in (min(sealed.books), max(sealed.books)):
        with with_every_right(sealed.world.engine) as connection:
            for table in ("transfer", "entry", "book"):
                run(connection, f"DELETE FROM {table} WHERE book_id = :b", b=book)
        assert ("sealed_book_missing", account_no(book)) in sealed.found(kept)
        with pytest.raises(SealProblem, match="no longer has its entry"):
            sealed.seal()


def test_a_book_with_a_number_that_is_none_is_named_and_stops_nothing(sealed: Sealing) -> None:
    sealed.seal()
    kept = sealed.keep()
    book = sealed.books[0]
    with with_every_right(sealed.world.engine) as connection:
        let_pass(connection, "book.ck_book_only_persons_have_pockets")
        for table in ("transfer", "entry", "book"):
            run(connection, f"UPDATE {table} SET book_id = -7 WHERE book_id = :b", b=book)
    assert sealed.found(kept) == {("sealed_book_missing", account_no(book)), ("digest_wrong", "book -7-1")}
    with pytest.raises(SealProblem, match=account_no(book)):
        sealed.seal()


def test_an_entry_since_that_the_chain_does_not_make_is_found(sealed: Sealing) -> None:
    sealed.seal()
    kept = sealed.keep()
    book = sealed.books[2]
    sealed.spend(book)
    sealed.spend(book)
    with with_every_right(sealed.world.engine) as connection:
        run(connection, "UPDATE transfer SET amount_fen = 1 WHERE book_id = :b AND seq = 4", b=book)
    assert sealed.found(kept) == {("digest_wrong", entry_name(book, 4))}
    with with_every_right(sealed.world.engine) as connection:
        run(connection, "UPDATE transfer SET amount_fen = 100 WHERE book_id = :b AND seq = 4", b=book)
        run(connection, "UPDATE book SET head = :h WHERE book_id = :b", b=book, h=bytes(32))
    assert sealed.found(kept) == {("digest_wrong", account_no(book))}


def test_an_older_backup_is_found_though_it_has_its_own_log(sealed: Sealing, tmp_path: Path) -> None:
    sealed.seal()
    older = tmp_path / "older"
    shutil.copytree(sealed.log.folder.parent, older)
    sealed.spend(sealed.books[0])
    sealed.seal()
    kept = sealed.keep()
    sealed.log = Log(older)
    assert sealed.found(kept) == {("seal_log_rolled_back", "seals")}


def test_a_log_that_was_begun_anew_by_whoever_has_its_key_is_found(sealed: Sealing, tmp_path: Path) -> None:
    sealed.spend(sealed.books[0])
    sealed.seal()
    kept = sealed.keep()
    _cut_off(sealed, sealed.books[0])
    sealed.log = Log(tmp_path / "forged")
    sealed.seal()
    assert sealed.found(kept) == {
        ("seal_log_rewritten", "seals"),
    }


def test_kept_rows_that_were_changed_do_not_make_what_was_signed(sealed: Sealing) -> None:
    book = max(sealed.books)
    sealed.spend(book)
    sealed.seal()
    kept = sealed.keep()
    seq = _cut_off(sealed, book)
    # as if it had been sealed without its last entry
    rows = list(sealed.log.kept.rows(BOOKS, 1))
    with sealed.world.engine.connect() as connection:
        head = connection.execute(
            select(tables.book.c.head).where(tables.book.c.book_id == book)
        ).scalar_one()
    forged = [row._replace(seq=seq - 1, head=bytes(head)) if row.book_id == book else row for row in rows]
    content = b"".join(BOOKS.form.pack(*row) for row in forged)
    sealed.log.kept.whole(BOOKS, 1).write_bytes(content)
    assert sealed.found(kept) == {("sealed_rows_changed", "seals")}
    sealed.log.kept.whole(BOOKS, 1).write_bytes(content[:-1])
    assert sealed.found(kept) == {("sealed_rows_broken", "seals")}


def test_a_log_whose_files_do_not_bear_out_its_checkpoint_is_told(sealed: Sealing) -> None:
    sealed.seal()
    kept = sealed.keep()
    bundle = sealed.log.folder / "tile/entries/000.p/1"
    whole = bundle.read_bytes()
    bundle.write_bytes(whole.replace(b'"books":', b'"Books":'))
    assert sealed.found(kept) == {("seal_log_broken", "seals")}
    sealed.spend(sealed.books[0])
    with pytest.raises(NoteProblem, match="not those"):
        sealed.seal()
    bundle.write_bytes(whole)
    (sealed.log.folder / "checkpoint").unlink()
    assert sealed.found(kept) == {("seal_log_broken", "seals")}
    with pytest.raises(SealProblem, match="checkpoint is missing"):
        sealed.seal()


def test_what_was_kept_of_another_ledger_is_no_checkpoint_of_this_one(sealed: Sealing) -> None:
    sealed.seal()
    kept = sealed.keep()
    with pytest.raises(NoteProblem, match="has not signed"):
        sealed.hold(kept.replace(b"ledger-test", b"ledger-else"))
    with pytest.raises(NoteProblem):
        sealed.hold(b"nothing")


# -- the witness -------------------------------------------------------------------------------------------


def test_a_witness_signs_a_log_that_grows_and_no_other(sealed: Sealing, tmp_path: Path) -> None:
    key, state = str(sealed.signer.verifier), tmp_path / "witness"

    def show(log: Log) -> tuple[int, int | None]:
        done = witness(state, log.folder, key, NOW)
        return done.size, done.before

    sealed.seal()
    assert show(sealed.log) == (1, None)
    older = tmp_path / "older"
    shutil.copytree(sealed.log.folder.parent, older)
    for book in sealed.books:
        sealed.spend(book)
        sealed.seal()
    assert show(sealed.log) == (4, 1)
    assert show(sealed.log) == (4, 4), "the same again is the same"
    signed = (state / "checkpoint").read_bytes()
    with pytest.raises(Inconsistent, match="has 1 entries, and had 4"):
        show(Log(older))
    forged = Log(tmp_path / "forged")
    sealed.log = forged
    for book in (*sealed.books, *sealed.books):
        sealed.spend(book)
        sealed.seal()
    with pytest.raises(Inconsistent, match="does not begin with the 4"):
        show(forged)
    with pytest.raises(NoteProblem):
        witness(state, forged.folder, str(Signer("other", Ed25519PrivateKey.generate()).verifier), NOW)
    assert (state / "checkpoint").read_bytes() == signed, "and what it signed stays"


def test_what_a_witness_signed_can_be_held_against_by_whoever_knows_both(
    sealed: Sealing, tmp_path: Path
) -> None:
    sealed.seal()
    state = tmp_path / "witness"
    witness(state, sealed.log.folder, str(sealed.signer.verifier), NOW)
    content = (state / "checkpoint").read_bytes()
    _checkpoint, note = read_checkpoint(content, sealed.signer.verifier)
    note.check(Verifier.parse((state / "key").read_text()))
    assert sealed.found(content) == set(), "it is a checkpoint to keep"


def test_a_witness_that_lost_its_state_does_not_begin_anew(sealed: Sealing, tmp_path: Path) -> None:
    sealed.seal()
    state, key = tmp_path / "witness", str(sealed.signer.verifier)
    witness(state, sealed.log.folder, key, NOW)
    (state / "checkpoint").unlink()
    with pytest.raises(Inconsistent, match="is lost"):
        witness(state, sealed.log.folder, key, NOW)
    (state / "key").unlink()
    with pytest.raises(Inconsistent, match="is lost"):
        witness(state, sealed.log.folder, key, NOW)


def test_a_witness_goes_on_from_nothing_that_it_has_not_signed(sealed: Sealing, tmp_path: Path) -> None:
    """Whoever may write its state could have it forget else, by the log's own older checkpoint."""
    key, states = str(sealed.signer.verifier), (tmp_path / "one", tmp_path / "two")
    sealed.seal()
    older = sealed.keep()
    for state in states:
        witness(state, sealed.log.folder, key, NOW)
    theirs = (states[1] / "checkpoint").read_bytes()
    sealed.spend(sealed.books[0])
    sealed.seal()
    one = states[0]
    witness(one, sealed.log.folder, key, NOW)
    own = (one / "checkpoint").read_bytes()
    for other in (older, theirs):
        (one / "checkpoint").write_bytes(other)
        with pytest.raises(Inconsistent, match="not one that it has signed"):
            witness(one, sealed.log.folder, key, NOW)
        assert (one / "checkpoint").read_bytes() == other
    (one / "checkpoint").write_bytes(own)
    assert witness(one, sealed.log.folder, key, NOW).before == 2
    # and it makes no other key under the name that it had
    (one / "witness.key").unlink()
    with pytest.raises(KeyringError, match="missing"):
        witness(one, sealed.log.folder, key, NOW)
    assert (one / "checkpoint").read_bytes() != b""
    assert not (one / "witness.key").exists()


@pytest.mark.parametrize("step", range(8))
def test_a_witness_that_is_cut_off_when_it_begins_begins_again(
    step: int, sealed: Sealing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a full disk, or by who ends it: it has signed nothing yet, or goes on from what it has signed."""
    key, state = str(sealed.signer.verifier), tmp_path / "witness"
    sealed.seal()
    steps = itertools.count()

    def cut(real: Any) -> Any:
        def cut_off(*arguments: Any, **named: Any) -> Any:
            if next(steps) == step:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(*arguments, **named)

        return cut_off

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", cut(os.fsync))
        patched.setattr(os, "link", cut(os.link))
        try:
            witness(state, sealed.log.folder, key, NOW)
        except (OSError, KeyringError):
            pass
        else:
            raise AssertionError("it was not cut off")
    sealed.spend(sealed.books[0])
    sealed.seal()
    done = witness(state, sealed.log.folder, key, NOW)
    assert (done.size, done.before) in {(2, None), (2, 1)}
    assert sorted(one.name for one in state.iterdir()) == ["checkpoint", "key", "lock", "witness.key"]
    _checkpoint, note = read_checkpoint((state / "checkpoint").read_bytes(), sealed.signer.verifier)
    note.check(Verifier.parse((state / "key").read_text()))
    (state / "checkpoint").unlink()
    with pytest.raises(Inconsistent, match="is lost"):
        witness(state, sealed.log.folder, key, NOW)


def test_two_do_not_sign_for_a_witness_at_once(
    sealed: Sealing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would hold what it is shown to what was there before either: two logs would both be signed."""
    key, state = str(sealed.signer.verifier), tmp_path / "witness"
    sealed.seal()
    witness(state, sealed.log.folder, key, NOW)
    older = tmp_path / "older"
    shutil.copytree(sealed.log.folder.parent, older)
    sealed.spend(sealed.books[0])
    sealed.seal()
    tried: list[str] = []
    real = witnessing.write_whole

    def meanwhile(path: Path, content: bytes) -> None:
        if not tried:
            try:
                witness(state, Log(older).folder, key, NOW)
            except Inconsistent as problem:
                tried.append(str(problem))
            else:
                tried.append("signed")
        real(path, content)

    monkeypatch.setattr(witnessing, "write_whole", meanwhile)
    assert witness(state, sealed.log.folder, key, NOW).size == 2
    assert tried == ["another process signs for this witness: run it again"]


def test_a_witness_signs_nothing_whose_entries_are_not_there(sealed: Sealing, tmp_path: Path) -> None:
    sealed.seal()
    bundle = sealed.log.folder / "tile/entries/000.p/1"
    whole = bundle.read_bytes()
    bundle.write_bytes(whole.replace(b'"books":', b'"Books":'))
    state, key = tmp_path / "witness", str(sealed.signer.verifier)
    with pytest.raises(Inconsistent, match="not those of the checkpoint"):
        witness(state, sealed.log.folder, key, NOW)
    bundle.unlink()
    with pytest.raises(NoteProblem, match="missing"):
        witness(state, sealed.log.folder, key, NOW)
    assert not (state / "checkpoint").exists()


def test_a_register_that_was_written_anew_with_all_its_digests_is_found(sealed: Sealing) -> None:
    """Whoever does that leaves rows and entries that agree: only what was kept elsewhere tells."""
    sealed.seal()
    kept = sealed.keep()
    book = Register.AGENTS.book_id
    other = AGENT.digest({"agent_id": 1, "name": "somebody else"})
    with with_every_right(sealed.world.engine) as connection:
        run(connection, "UPDATE agent SET name = 'somebody else' WHERE agent_id = 1")
        rewritten(connection, book, 2, lambda facts: facts.update(row=other))
    assert verify(sealed.world.engine).findings == []
    assert ("sealed_entry_changed", account_no(book)) in {
        (code, where.partition("-")[0]) for code, where in sealed.found(kept)
    }


# -- the read log ------------------------------------------------------------------------------------------

# what somebody with every right does to reads 1-1 to 1-3 and 2-1 to 2-3, and what is found of it
READS_CHANGED = {
    "the newest chain taken away as a whole": (
        ["DELETE FROM read_log WHERE chain_id = 2", "DELETE FROM read_log_chain WHERE chain_id = 2"],
        {("sealed_read_missing", "read 2-3")},
    ),
    "the last read of a chain": (
        [
            "DELETE FROM read_log WHERE chain_id = 1 AND seq = 3",
            "UPDATE read_log_chain SET last_seq = 2, head ="
            " (SELECT head FROM read_log WHERE chain_id = 1 AND seq = 2) WHERE chain_id = 1",
        ],
        {("sealed_read_missing", "read 1-3")},
    ),
    "a chain made anew": (
        [
            "UPDATE read_log SET head = :other WHERE chain_id = 2 AND seq = 3",
            "UPDATE read_log_chain SET head = :other WHERE chain_id = 2",
        ],
        {("sealed_read_changed", "read 2-3")},
    ),
}


@pytest.mark.parametrize("what", READS_CHANGED)
def test_what_was_done_to_reads_that_were_sealed_is_found(sealed: Sealing, what: str) -> None:
    """Also where the reads that are left follow from each other as if there had never been others."""
    sealed.look(processes=2)
    sealed.seal()
    kept = sealed.keep()
    sealed.look()
    assert sealed.found(kept) == set()
    statements, expected = READS_CHANGED[what]
    with with_every_right(sealed.world.engine) as connection:
        for table in ("read_log", "read_log_chain"):
            run(connection, f"DELETE FROM {table} WHERE chain_id = 3")
        run(connection, *statements, other=bytes(32))
    assert sealed.found(kept) == expected
    sealed.spend(sealed.books[0])
    with pytest.raises(SealProblem, match="the read log has another read"):
        sealed.seal()


def test_reads_alone_make_no_day_and_the_next_one_has_them(sealed: Sealing) -> None:
    sealed.seal()
    assert sealed.day()["reads"] == 0
    sealed.look()
    sealed.spend(sealed.books[0])
    assert sealed.seal().size == 2
    sealed.look(processes=2)
    assert sealed.seal() == SealedDay(2, False, *sealed.seal()[2:])
    assert sealed.day()["reads"] == 3
    sealed.spend(sealed.books[0])
    sealed.seal()
    assert sealed.day()["reads"] == 9
    assert [tuple(row)[:2] for row in sealed.log.kept.rows(READS, 2)] == [(1, 3)]
    assert [tuple(row)[:2] for row in sealed.log.kept.rows(READS, 3)] == [(1, 3), (2, 3), (3, 3)]


def test_reads_of_a_log_that_an_older_version_began_are_sealed_from_the_next_day_on(
    sealed: Sealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed.look()
    with monkeypatch.context() as older:
        whole = sealing._entry_of
        older.setattr(
            sealing,
            "_entry_of",
            lambda day: json.dumps(
                {k: v for k, v in json.loads(whole(day)).items() if not k.startswith("reads")}
            ).encode(),
        )
        sealed.seal()
    for path in sealed.log.kept.folder.glob("reads-*"):
        path.unlink()
    kept = sealed.keep()
    assert sealed.found(kept) == set()
    sealed.spend(sealed.books[0])
    assert sealed.seal().size == 2
    assert sealed.day()["reads"] == 3
    assert sealed.found(kept) == sealed.found(sealed.keep()) == set()
    # what was kept of them and is gone shows in the root
    for path in sealed.log.kept.folder.glob("reads-*"):
        path.unlink()
    assert sealed.found(sealed.keep()) == {("sealed_rows_changed", "seals")}


def test_nothing_is_sealed_where_it_is_gone_how_far_the_read_log_was(sealed: Sealing) -> None:
    """Whoever takes reads away and what was kept of them would have the next day begin with what is left."""
    sealed.look()
    sealed.seal()
    kept = sealed.keep()
    with with_every_right(sealed.world.engine) as connection:
        for table in ("read_log", "read_log_chain"):
            run(connection, f"DELETE FROM {table}")
    for path in sealed.log.kept.folder.glob("reads-*"):
        path.unlink()
    sealed.spend(sealed.books[0])
    with pytest.raises(NoteProblem, match="reads_root"):
        sealed.seal()
    assert sealed.found(kept) == {("sealed_rows_changed", "seals")}


def test_a_book_and_what_was_kept_of_it_written_anew_go_into_no_other_day(sealed: Sealing) -> None:
    """Whoever has the database and the files has not the roots that were signed."""
    sealed.seal()
    kept, book = sealed.keep(), sealed.books[0]
    with with_every_right(sealed.world.engine) as connection:
        run(connection, "UPDATE entry SET source_ref = 'another' WHERE book_id = :b AND seq = 2", b=book)
        chain_anew(connection, book)
        found = connection.execute(select(tables.book.c.book_id, tables.book.c.head)).all()
        heads = {book_id: bytes(head) for book_id, head in found}
    rows = list(sealed.log.kept.rows(BOOKS, 1))
    assert [row.book_id for row in rows if heads[row.book_id] != row.head] == [book]
    write_rows(sealed.log, BOOKS, [row._replace(head=heads[row.book_id]) for row in rows])
    with pytest.raises(NoteProblem, match="books_root"):
        sealed.seal()
    sealed.spend(book)
    with pytest.raises(NoteProblem, match="books_root"):
        sealed.seal()
    assert sealed.keep() == kept
    assert sealed.found(kept) == {("sealed_rows_changed", "seals")}


@pytest.mark.parametrize("what", ["another amount", "one more", "one less"])
def test_a_balance_that_was_kept_and_changed_goes_into_no_other_day(sealed: Sealing, what: str) -> None:
    sealed.seal()
    kept = sealed.keep()
    rows = list(sealed.log.kept.rows(BALANCES, 1))
    first = rows[0]
    change = {
        "another amount": [first._replace(fen=first.fen + 1), *rows[1:]],
        "one more": [*rows, first._replace(book_id=rows[-1].book_id + 1)],
        "one less": rows[1:],
    }
    write_rows(sealed.log, BALANCES, change[what])
    sealed.spend(sealed.books[2])
    with pytest.raises(NoteProblem, match="balances_root"):
        sealed.seal()
    assert sealed.keep() == kept
    write_rows(sealed.log, BALANCES, rows)
    assert sealed.seal().size == 2
    assert sealed.found(kept) == set()


def test_many_books_are_looked_at_in_pages_that_come_to_the_same(
    sealed: Sealing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Years of other ends stand beside each other, and books without one."""
    more = [
        sealed.world.open(opened_on=date(2024, 1, 1), opening=(100, fen), today=date(2024, 1, 1))
        for fen in range(7)
    ]
    years = [PostInterest(book, 2024) for book in more[:6]] + [PostInterest(book, 2025) for book in more[:4]]
    sealed.world.post(*years, today=date(2026, 1, 5))
    days = []
    for number, size in enumerate([1_000, 4, 3, 1]):
        with monkeypatch.context() as patched:
            patched.setattr(looking, "PAGE", size)
            log = Log(sealed.log.folder.parent / str(number))
            with reading(sealed.world.engine) as connection:
                seal(connection, sealed.world.keyring, log, sealed.signer)
        days.append(log.read(sealed.signer.verifier)[1])
        rows = {row.book_id: row for row in log.kept.rows(BALANCES, 1)}
        with sealed.world.engine.connect() as connection, connection.begin():
            for book in [*more[:6], *sealed.books[:2]]:
                year = 2024 if book in more[4:6] else 2025
                shown = statement(connection, book, year, TODAY).told
                assert (rows[book].year, rows[book].fen) == (year, shown.closing_fen)
    assert len(days[0]) == 1
    assert days == days[:1] * len(days)


def write_rows(log: Log, of: RowsOf[Any], rows: list[Any]) -> None:
    """Put other rows in place of all that was kept of the first seal."""
    for path in (log.kept.whole(of, 1), log.kept.changes(of, 0)):
        path.write_bytes(b"".join(of.form.pack(*row) for row in rows))
