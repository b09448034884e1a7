"""`verify` finds what was changed about rows that decide, by somebody who has every right on the database."""

from __future__ import annotations

import hashlib
import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import Connection, Engine, func, select, text

from ledger import tables
from ledger.accounts.spending import Spend
from ledger.book.detail import unpack
from ledger.book.numbers import entry_name
from ledger.chart.kinds import Kind
from ledger.chart.registers import Register
from ledger.contributions.employers import codes_of
from ledger.contributions.employers import enter as enter_employer
from ledger.database.engines import connect, connect_for, for_posting
from ledger.database.purposes import READ_LOG
from ledger.events.webhooks import WEBHOOK, RegisteredBy, end_webhook, register_webhook
from ledger.inquiry import cards, watched
from ledger.inquiry.asking import Clerk
from ledger.institutions.examples import EXAMPLE_INSTITUTIONS, register
from ledger.institutions.registry import Registered
from ledger.institutions.registry import enter as enter_institution
from ledger.posting import batches
from ledger.posting.agents import AGENT, AGENTS, agent_ids
from ledger.posting.registers import RegisterBook, open_registers
from ledger.verify import verify
from ledger.verify.registered import REGISTERS
from tests.support.clinic import Clinic
from tests.support.people import AREA, NOW, World
from tests.support.units import Unit, credit_code
from tests.verify.tampering import chain_anew, found, rewritten, run, tampering, with_every_right

_E = tables.entry.c


class Office:
    """Somebody who acted, by a policy; an employer, a hospital, and the institutions of the example."""

    def __init__(self, engine: Engine) -> None:
        self.world = World(engine)
        unit = Unit(self.world)
        self.names = {"E": codes(self.world, unit.book), "H": Clinic(self.world).institution(level=2)}
        self.account = self.world.open(opening=(0, 10_000))
        self.world.one(Spend(self.account, 100, self.world.today, "H0001", "s-1"))
        with engine.connect() as connection:
            ended = batches.take(connection, "import-1", "import", NOW)
            ended.done, ended.amount_fen, ended.refused, ended.bookmark = 3, 12_345, 2, 5
            lines = [batches.RefusedLine(2, "account_closed", "account"), batches.RefusedLine(4, "x")]
            batches.advance(connection, ended, NOW, 0, lines)
            ended.state = batches.FINISHED
            batches.save(connection, ended, NOW)
            under_way = batches.begin(connection, "year-end-1", "year-end", NOW)
            under_way.done = 7
            batches.save(connection, under_way, NOW + timedelta(minutes=1))
            self._at_the_window(connection)

    def _at_the_window(self, connection: Connection) -> None:
        by = Clerk("desk", "clerk-li", NOW, self.world.today)
        said_by = watched.SaidBy("desk", "auditor-he", NOW)
        watched.register_staff(connection, "clerk-li", bytes(range(32)), said_by)
        watched.flag(connection, self.account, "told the police", said_by)
        some = [
            cards.record_card(
                connection, self.world.keyring, self.account, f"REGISTER{number}",
                issued_on=date(2026, 1, 5), ends_on=None, by=by,
            )
            for number in (1, 2)
        ]  # fmt: skip
        cards.record_loss(connection, some[1].name, "on the bus", by)
        hooks = [
            register_webhook(
                connection, self.world.keyring, f"https://{name}.example/", None,
                RegisteredBy("desk", "admin-wu", NOW),
            )[0]
            for name in ("one", "two")
        ]  # fmt: skip
        end_webhook(connection, hooks[1].name, NOW)
        end_webhook(connection, hooks[1].name, NOW + timedelta(days=1))
        self.names |= {"C": some[0].name, "L": some[1].name, "W": hooks[0].name, "V": hooks[1].name}
        self.names["S"] = f"clerk-li/{bytes(range(32)).hex()}"
        self.names["F"] = f"{self.account}/{hashlib.sha256(b'told the police').hexdigest()}"


def codes(world: World, book: int) -> str:
    with world.engine.connect() as connection:
        return codes_of(connection, {book})[book]


@pytest.fixture(scope="module")
def office(engine: Engine) -> Office:
    return Office(engine)


def said(connection: Connection) -> set[tuple[str, str]]:
    """What of registers is found, and where; what else follows from it is another rule's."""
    return {(one.code, one.where) for one in found(connection) if one.code.startswith("register")}


def entries_of(connection: Connection, register: Register) -> list[tuple[int, dict[str, object]]]:
    rows = connection.execute(
        select(_E.seq, _E.detail)
        .where(_E.book_id == register.book_id, _E.kind == int(Kind.REGISTER_ROW))
        .order_by(_E.seq)
    )
    return [(seq, unpack(detail)) for seq, detail in rows]


def test_nothing_is_found_of_what_was_written_by_the_service(office: Office) -> None:
    assert verify(office.world.engine).findings == []


def test_every_row_has_one_entry_of_its_own_format(office: Office) -> None:
    with office.world.engine.connect() as connection, connection.begin():
        for kind in REGISTERS:
            entries = entries_of(connection, kind.register)
            for one in kind.tables:
                rows = list(one.rows(connection))
                told = [detail for _seq, detail in entries if detail["what"] == one.table]
                assert rows
                assert {detail["key"] for detail in told} == {one.name(row) for row in rows}
                # of a run one for its beginning and one for its end, and none for how far it is; and of an
                # address that it ended
                assert len(told) == len(rows) + (1 if one in {batches.BATCH, WEBHOOK} else 0)
                assert {detail["format"] for detail in told} == {1}


# what was done: (what is found, of which row; statement)
CHANGED, UNSAID, MISSING = "register_changed", "register_unsaid", "register_missing"
CHANGES = {
    "the name behind a number": (
        {(CHANGED, "agent 1")},
        "UPDATE agent SET name = 'somebody else' WHERE agent_id = 1",
    ),
    "two names exchanged": (
        {(CHANGED, "agent 1"), (CHANGED, "agent 2")},
        "UPDATE agent SET name = 'x-' || agent_id WHERE agent_id IN (1, 2)",
    ),
    "a caller taken away": ({(MISSING, "agent 1")}, "DELETE FROM agent WHERE agent_id = 1"),
    "a caller who never was": ({(UNSAID, "agent 900")}, "INSERT INTO agent VALUES (900, 'nobody')"),
    "another number of a name": (
        {(MISSING, "agent 1"), (UNSAID, "agent 901")},
        "UPDATE agent SET agent_id = 901 WHERE agent_id = 1",
    ),
    "a policy's instant": (
        {(CHANGED, "policy 1")},
        "UPDATE policy SET recorded_at = '2026-01-01 00:00:00' WHERE version = 1",
    ),
    "a policy's area": ({(CHANGED, "policy 1")}, "UPDATE policy SET area = 990300 WHERE version = 1"),
    "a policy taken away": ({(MISSING, "policy 1")}, "DELETE FROM policy WHERE version = 1"),
    "a policy that never was": (
        {(UNSAID, "policy 900")},
        "INSERT INTO policy VALUES (900, 990100, 'h', 'c', '2026-01-01 00:00:00')",
    ),
    "put in force by nobody": (
        {(UNSAID, "policy_in_force 900")},
        "INSERT INTO policy_in_force VALUES (900, 990100, 1, '2026-01-01 00:00:00')",
    ),
    "never put in force": (
        {(MISSING, "policy_in_force 1")},
        "DELETE FROM policy_in_force WHERE number = 1",
    ),
    "an institution's name": (
        {(CHANGED, "institution H")},
        "UPDATE institution SET name = 'x' WHERE code = :H",
    ),
    "an institution's level": (
        {(CHANGED, "institution H")},
        "UPDATE institution SET level = 3 WHERE code = :H",
    ),
    "an institution's kind": (
        {(CHANGED, "institution H")},
        "UPDATE institution SET kind = 'clinic' WHERE code = :H",
    ),
    "an institution that never was": (
        {(UNSAID, "institution X1")},
        "INSERT INTO institution VALUES ('X1', 9000000000001, 'x', 'hospital', 1, 990100)",
    ),
    "an institution taken away": (
        {(MISSING, "institution H")},
        "DELETE FROM institution WHERE code = :H",
    ),
    "a given contract's last day": (
        {(CHANGED, "contract H0001/2000-01-01")},
        "UPDATE contract SET valid_to = '2030-01-01' WHERE code = 'H0001'",
    ),
    "a given contract's first day": (
        {(MISSING, "contract H0001/2000-01-01")},
        "UPDATE contract SET valid_from = '1999-01-01' WHERE code = 'H0001'",
    ),
    "what a given contract is for": (
        {(CHANGED, "contract P0001/2000-01-01")},
        "UPDATE contract SET services = 'inpatient' WHERE code = 'P0001'",
    ),
    "an employer's name": (
        {(CHANGED, "employer E")},
        "UPDATE employer SET name = 'x' WHERE credit_code = :E",
    ),
    "when an employer was written down": (
        {(CHANGED, "employer E")},
        "UPDATE employer SET recorded_at = '2020-01-01 00:00:00' WHERE credit_code = :E",
    ),
    "an employer that never was": (
        {(UNSAID, "employer 91999999000000001X")},
        "INSERT INTO employer VALUES ('91999999000000001X', 5000000000001, 'x', 990100,"
        " '2026-01-01 00:00:00')",
    ),
    "an employer taken away": (
        {(MISSING, "employer E")},
        "DELETE FROM employer WHERE credit_code = :E",
    ),
    "how many a run did": (
        {(CHANGED, "batch import-1")},
        "UPDATE batch SET done = 4 WHERE batch_id = 'import-1'",
    ),
    "what a run moved": (
        {(CHANGED, "batch import-1")},
        "UPDATE batch SET amount_fen = 12346 WHERE batch_id = 'import-1'",
    ),
    "how a run ended": (
        {(CHANGED, "batch import-1")},
        "UPDATE batch SET state = 'failed' WHERE batch_id = 'import-1'",
    ),
    "that a run ended": (
        {(CHANGED, "batch import-1")},
        "UPDATE batch SET state = 'running', done = 0 WHERE batch_id = 'import-1'",
    ),
    "that a run goes on": (
        {(CHANGED, "batch year-end-1")},
        "UPDATE batch SET state = 'finished' WHERE batch_id = 'year-end-1'",
    ),
    "what a run is": (
        {(CHANGED, "batch year-end-1")},
        "UPDATE batch SET kind = 'import' WHERE batch_id = 'year-end-1'",
    ),
    "a refused line taken away": (
        {(CHANGED, "batch import-1")},
        "DELETE FROM batch_line WHERE batch_id = 'import-1' AND line = 2",
    ),
    "a refused line more": (
        {(CHANGED, "batch import-1")},
        "INSERT INTO batch_line VALUES ('import-1', 5, 'account_closed', 'account')",
    ),
    "why a line was refused": (
        {(CHANGED, "batch import-1")},
        "UPDATE batch_line SET code = 'x', field = NULL WHERE batch_id = 'import-1' AND line = 2",
    ),
    "a run that never was": (
        {(UNSAID, "batch import-9")},
        "INSERT INTO batch (batch_id, kind, state, started_at, updated_at, bookmark, done, refused,"
        " amount_fen) SELECT 'import-9', kind, state, started_at, updated_at, 0, 0, 0, 0 FROM batch"
        " WHERE batch_id = 'import-1'",
    ),
    "a run taken away": ({(MISSING, "batch import-1")}, "DELETE FROM batch WHERE batch_id = 'import-1'"),
    "whose number it is that acts by a name": (
        {(MISSING, "staff S"), (UNSAID, f"staff clerk-li/{'00' * 32}")},
        "UPDATE staff SET person = :zeros",
    ),
    "who registered it": ({(CHANGED, "staff S")}, "UPDATE staff SET actor = 1"),
    "a member of staff taken away": ({(MISSING, "staff S")}, "DELETE FROM staff"),
    "a flag taken away": ({(MISSING, "account_flag F")}, "DELETE FROM account_flag"),
    "since when it is flagged": (
        {(CHANGED, "account_flag F")},
        "UPDATE account_flag SET recorded_at = '2020-01-01 00:00:00'",
    ),
    "whose card it is": ({(CHANGED, "card C")}, "UPDATE card SET person_id = 900 WHERE name = :C"),
    "a card's last day": ({(CHANGED, "card C")}, "UPDATE card SET ends_on = '2040-01-01' WHERE name = :C"),
    "two cards exchanged": (
        {(CHANGED, "card C"), (CHANGED, "card L")},
        "UPDATE card SET issued_on = '2026-01-06'",
    ),
    "a card taken away": ({(MISSING, "card C")}, "DELETE FROM card WHERE name = :C"),
    "a card that was lost and is not": ({(MISSING, "card_loss L")}, "DELETE FROM card_loss"),
    "when a card was lost": ({(CHANGED, "card_loss L")}, "UPDATE card_loss SET lost_on = '2026-01-01'"),
    "where events are sent": (
        {(CHANGED, "webhook W")},
        "UPDATE webhook SET url = 'https://elsewhere.example/' WHERE name = :W",
    ),
    "which events are sent": (
        {(CHANGED, "webhook W")},
        "UPDATE webhook SET kinds = 'death' WHERE name = :W",
    ),
    "an address that had ended": (
        {(CHANGED, "webhook V")},
        "UPDATE webhook SET ended_at = NULL WHERE name = :V",
    ),
    "how far an address is": (set(), "UPDATE webhook SET tries = 3 WHERE name = :W"),
    "an address taken away": ({(MISSING, "webhook W")}, "DELETE FROM webhook WHERE name = :W"),
    "another version in force": (
        {(CHANGED, "policy_in_force 1")},
        "UPDATE policy_in_force SET version = 900 WHERE number = 1",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_about_a_register_is_found(office: Office, what: str) -> None:
    expected, statement = CHANGES[what]
    with tampering(office.world.engine) as connection:
        run(connection, statement, zeros=bytes(32), **office.names)
        told = {f" {code}": f" {letter}" for letter, code in office.names.items()}
        places = set()
        for code, where in said(connection):
            table, _, name = where.partition(" ")
            places.add((code, f"{table}{told.get(f' {name}', f' {name}')}"))
        assert places == expected


def test_numbers_of_a_policy_changed_together_with_its_hash_are_found(office: Office) -> None:
    """The text is that of its hash, and another one than was used."""
    with tampering(office.world.engine) as connection:
        content = connection.scalar(text("SELECT content FROM policy WHERE version = 1"))
        assert "0.0110" in content
        other = content.replace("0.0110", "0.0910")
        run(
            connection,
            "UPDATE policy SET content = :c, hash = :h WHERE version = 1",
            c=other,
            h=hashlib.sha256(other.encode()).hexdigest(),
        )
        assert (CHANGED, "policy 1") in said(connection)
        # by itself it is a policy as any other
        assert not any(one.code == "policy_changed" for one in found(connection))


def test_what_an_entry_says_is_read_or_named(office: Office) -> None:
    with office.world.engine.connect() as connection, connection.begin():
        seq = entries_of(connection, Register.AGENTS)[0][0]
    for change in ({"format": 2}, {"key": None}):
        with tampering(office.world.engine) as connection:
            rewritten(connection, Register.AGENTS.book_id, seq, lambda facts, new=change: facts.update(new))
            findings = said(connection)
            assert (UNSAID, "agent 1") in findings
    with tampering(office.world.engine) as connection:
        rewritten(connection, Register.AGENTS.book_id, seq, lambda facts: facts.pop("row"))
        place = entry_name(Register.AGENTS.book_id, seq)
        assert said(connection) == {("register_unreadable", place), (UNSAID, "agent 1")}


def test_a_row_that_is_recorded_once_and_said_anew_is_found(office: Office) -> None:
    """By whoever has every right, writes it anew and lets its register say so: the last word would count."""
    with tampering(office.world.engine) as connection:
        run(connection, "UPDATE agent SET name = 'somebody else' WHERE agent_id = 1")
        register = RegisterBook(connection, AGENTS, office.world.now)
        [row] = [one for one in AGENT.rows(connection) if one["agent_id"] == 1]
        register.record(AGENT, row)
        register.write()
        assert said(connection) == {(CHANGED, "agent 1")}


def test_a_register_says_nothing_for_somebody_or_by_a_policy(office: Office) -> None:
    where = f"WHERE book_id = {Register.AGENTS.book_id} AND seq = 2"
    with tampering(office.world.engine) as connection:
        run(connection, f"UPDATE entry SET caller = 1 {where}")
        chain_anew(connection, Register.AGENTS.book_id)
        codes = {(one.code, one.where) for one in found(connection)}
        assert ("reference_unknown", entry_name(Register.AGENTS.book_id, 2)) in codes


def test_a_whole_register_taken_away_is_found_row_by_row(office: Office) -> None:
    with tampering(office.world.engine) as connection:
        for table in ("entry", "book"):
            run(connection, f"DELETE FROM {table} WHERE book_id = {Register.AGENTS.book_id}")
        agents = connection.scalar(select(func.count()).select_from(tables.agent))
        findings = said(connection)
        assert len(findings) == agents
        assert {code for code, _where in findings} == {UNSAID}


def test_what_an_older_version_wrote_is_recorded_once(fresh_engine: Engine) -> None:
    """And nothing that comes later is taken for it: that is what somebody put there."""
    with fresh_engine.begin() as connection:
        run(connection, "INSERT INTO agent VALUES (1, 'an old one'), (2, 'another')")
        run(connection, "INSERT INTO policy VALUES (1, 990100, 'h', 'c', '2026-01-01 00:00:00.000000')")
    with fresh_engine.connect() as connection:
        open_registers(connection, REGISTERS, NOW)
        with connection.begin():
            assert said(connection) == set()
            told = [detail for _seq, detail in entries_of(connection, Register.AGENTS)]
            assert [(one["key"], one["before"], one["format"]) for one in told] == [
                ("1", True, 1),
                ("2", True, 1),
            ]
            entries = connection.scalar(select(func.count()).select_from(tables.entry))
        open_registers(connection, REGISTERS, NOW + timedelta(days=1))
        with connection.begin():
            assert connection.scalar(select(func.count()).select_from(tables.entry)) == entries
    with with_every_right(fresh_engine) as connection:
        run(connection, "INSERT INTO agent VALUES (3, 'forged')")
    with fresh_engine.connect() as connection:
        open_registers(connection, REGISTERS, NOW + timedelta(days=2))
        with connection.begin():
            assert said(connection) == {(UNSAID, "agent 3")}
        # who comes after it is recorded as ever, whatever the clock says
        agent_ids(connection, ["a new one"], NOW - timedelta(days=400))
        with connection.begin():
            assert said(connection) == {(UNSAID, "agent 3")}
    assert {one.code for one in verify(fresh_engine).findings} == {"policy_changed", UNSAID}


@pytest.mark.slow
def test_names_that_come_at_once_each_have_their_entry(fresh_engine: Engine, fresh_url: str) -> None:
    """Also those that open the register."""
    together = threading.Barrier(4)
    faults: list[BaseException] = []

    def come(place: int) -> None:
        engine = connect(fresh_url)
        try:
            with engine.connect() as connection:
                together.wait(60)
                for number in range(10):
                    agent_ids(connection, [f"own-{place}-{number}", f"shared-{number}"], NOW)
        except BaseException as fault:  # noqa: BLE001  whatever it is, the test tells it
            faults.append(fault)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=come, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    with fresh_engine.connect() as connection, connection.begin():
        numbers = set(connection.scalars(select(tables.agent.c.agent_id)))
        assert numbers == set(range(1, 51))
        assert len(entries_of(connection, Register.AGENTS)) == 50
        assert said(connection) == set()


def test_a_name_is_recorded_also_over_a_connection_without_transactions(
    fresh_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the log of reads has one: the name and its entry are written together, or neither is."""
    posting = for_posting(fresh_engine)
    with connect_for(posting, READ_LOG) as connection:
        agent_ids(connection, ["reads"], NOW)
        with monkeypatch.context() as failing:
            failing.setattr("ledger.posting.registers.write_batch", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                agent_ids(connection, ["fails"], NOW)
    with fresh_engine.connect() as connection, connection.begin():
        assert list(connection.scalars(select(tables.agent.c.name))) == ["reads"]
        assert said(connection) == set()
    if posting is not fresh_engine:
        posting.dispose()


def test_a_run_that_begins_again_is_one_that_goes_on_until_it_ends(fresh_engine: Engine) -> None:
    with fresh_engine.connect() as connection:
        for _ in range(2):
            batch = batches.begin(connection, "run", "kind", NOW)
            with connection.begin():
                assert said(connection) == set()
            batches.restart(connection, batch, NOW)
            batches.advance(connection, batch, NOW, 0, [batches.RefusedLine(1, "x")])
            with connection.begin():
                assert said(connection) == set()
            batch.state, batch.reason = batches.FAILED, "it met something"
            batches.save(connection, batch, NOW)
            # written down once more, as whoever ended it and whoever watched it may both do
            batches.save(connection, batch, NOW + timedelta(seconds=1))
            with connection.begin():
                assert said(connection) == set()
        with connection.begin():
            told = len(entries_of(connection, Register.BATCHES))
        # what others still write of it, who did not see it end, begins it again
        other = batches.take(connection, "run", "kind", NOW)
        other.state = batches.RUNNING
        batches.advance(connection, other, NOW, 0, ())
        batches.advance(connection, other, NOW, 0, ())
        with connection.begin():
            assert said(connection) == set()
            assert len(entries_of(connection, Register.BATCHES)) == told + 1


def test_what_is_written_down_once_more_is_recorded_once(fresh_engine: Engine) -> None:
    """By whoever begins beside others, or again: what is there stays, and so does what was said of it."""
    world, code = World(fresh_engine), credit_code()
    with fresh_engine.connect() as connection:
        for _ in range(2):
            register(connection, EXAMPLE_INSTITUTIONS, NOW)
            enter_institution(connection, Registered("T9", 0, "x", "clinic", 1, AREA), NOW)
            enter_employer(connection, code, "x", AREA, NOW)
            batches.take(connection, "run", "kind", NOW)
        with connection.begin():
            told = {one: len(entries_of(connection, one)) for one in Register}
            assert told[Register.INSTITUTIONS] == 2 * len(EXAMPLE_INSTITUTIONS) + 1
            assert (told[Register.EMPLOYERS], told[Register.BATCHES]) == (1, 1)
            assert said(connection) == set()
    assert verify(world.engine).findings == []
