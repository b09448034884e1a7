"""Sample files: the same from the same seed, believable, and taken line by line by the import."""

import csv
import hashlib
import tracemalloc
from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from ledger import tables
from ledger.book.detail import unpack
from ledger.chart.kinds import Kind
from ledger.contributions.credit_codes import parse_credit_code
from ledger.imports import Importer, Summary
from ledger.money import parse_yuan
from ledger.operations.demo import IMPORTED
from ledger.operations.sample import FILES, PEOPLE_MAX, _id_number, write_sample
from ledger.people.id_numbers import parse_id_number
from ledger.verify import verify
from tests.support.people import World

TODAY = date(2026, 11, 21)


def digests(directory: Path) -> dict[str, str]:
    return {name: hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in FILES}


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_same_seed_and_day_give_the_same_files(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        write_sample(tmp_path / name, 30, seed, TODAY)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert all(digests(tmp_path / "c")[name] != digests(tmp_path / "a")[name] for name in FILES)


def test_they_are_the_same_on_every_machine(tmp_path: Path) -> None:
    # change this line when the files are meant to change
    write_sample(tmp_path, 3, 1, TODAY)
    assert rows(tmp_path / "accounts.csv")[1] == {
        "id_number": "629999198703063472", "name": "黎健春", "area": "990100", "sex": "1",
        "birth_date": "1987-03-06", "opening_current_year": "1178.00", "opening_carried_over": "6072.23",
        "opening_source_ref": "OLD-00000001", "opened_on": "2024-11-01",
    }  # fmt: skip


def test_the_counts_are_those_of_the_files(tmp_path: Path) -> None:
    counts = write_sample(tmp_path, 50, 1, TODAY)
    assert counts == {name: len(rows(tmp_path / name)) for name in FILES}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES), "a draft was left"


@pytest.mark.parametrize(
    "today", [TODAY, date(2026, 1, 1), date(2024, 2, 29), date(2026, 3, 31), date(2026, 12, 5)]
)
def test_every_line_is_believable(tmp_path: Path, today: date) -> None:
    write_sample(tmp_path, 200, 3, today)
    accounts = {row["id_number"]: row for row in rows(tmp_path / "accounts.csv")}
    assert len(accounts) == 200
    for row in accounts.values():
        parsed = parse_id_number(row["id_number"], today)
        assert parsed.number[2:6] == "9999", "nobody has this number"
        assert (str(parsed.sex), parsed.birth_date.isoformat()) == (row["sex"], row["birth_date"])
        row["name"].encode("gbk")
    for employer in rows(tmp_path / "employers.csv"):
        assert parse_credit_code(employer["credit_code"])[2:8] == "999999"

    moves: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    months: dict[str, list[str]] = defaultdict(list)
    for row in rows(tmp_path / "contributions.csv"):
        assert accounts[row["account"]]["opened_on"] <= row["effective_on"] <= today.isoformat()
        assert row["period"] < row["effective_on"][:7] < f"{today:%Y-%m}~"
        assert 9_000 <= parse_yuan(row["amount"]) <= 52_000
        months[row["account"]].append(row["period"])
        moves[row["account"]].append((row["effective_on"], 0, parse_yuan(row["amount"])))
    last = today.year * 12 + today.month - 2
    assert max(len(one) for one in months.values()) == 24
    assert {one[-1] for one in months.values()} == {f"{last // 12}-{last % 12 + 1:02d}"}

    short = 0
    for row in rows(tmp_path / "spendings.csv"):
        assert accounts[row["account"]]["opened_on"] <= row["effective_on"] <= today.isoformat()
        assert row["institution"] in {"H0001", "P0001"}
        moves[row["account"]].append((row["effective_on"], 1, -parse_yuan(row["amount"])))
    for account, history in moves.items():
        row = accounts[account]
        balance = sum(
            parse_yuan(row[name]) for name in ("opening_current_year", "opening_carried_over") if row[name]
        )
        for _day, _order, fen in sorted(history, key=lambda move: move[:2]):
            assert balance >= 0, "only the last bill may go beyond what is there"
            balance += fen
        short += balance < 0
    assert 0 < short < 40


def test_no_two_people_have_one_number() -> None:
    numbers = {_id_number(index, 5, TODAY)[0] for index in range(50_000)}
    numbers |= {_id_number(PEOPLE_MAX - 1 - index, 5, TODAY)[0] for index in range(1_000)}
    assert len(numbers) == 51_000


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_people(tmp_path: Path) -> None:
    peaks = []
    for people in (100, 1_000):
        tracemalloc.start()
        write_sample(tmp_path, people, 1, TODAY)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000


def test_nobody_makes_empty_files(tmp_path: Path) -> None:
    assert write_sample(tmp_path, 0, 1, TODAY) == dict.fromkeys(FILES, 0)
    with pytest.raises(ValueError, match="people"):
        write_sample(tmp_path, -1, 1, TODAY)


def test_all_of_it_is_imported_and_the_book_is_sound(tmp_path: Path, fresh_engine: Engine) -> None:
    counts = write_sample(tmp_path, 120, 2, TODAY)
    world = World(fresh_engine)
    with fresh_engine.connect() as connection:
        importer = Importer(
            connection, world.keyring, world.policies, lambda: (datetime(2026, 11, 21, 4, tzinfo=UTC), TODAY)
        )
        summaries: dict[str, Summary] = {}
        for name in IMPORTED:
            summary = summaries[name] = importer.run(tmp_path / name)
            assert (summary.lines, summary.posted, summary.refused) == (counts[name], counts[name], 0)
            assert summary.ok
        with connection.begin():
            people = select(func.count()).where(tables.book.c.person_id.is_not(None))
            assert connection.scalar(people) == 120
            total = connection.scalar(
                select(func.sum(tables.book.c.current_year + tables.book.c.carried_over))
            )
    amounts = {
        name: sum(parse_yuan(row["amount"]) for row in rows(tmp_path / name))
        for name in ("contributions.csv", "spendings.csv")
    }
    openings = sum(
        parse_yuan(row[name])
        for row in rows(tmp_path / "accounts.csv")
        for name in ("opening_current_year", "opening_carried_over")
        if row[name]
    )
    cash_rest = summaries["spendings.csv"].cash_rest_fen
    assert cash_rest > 0, "some bills go beyond what is there"
    paid = amounts["spendings.csv"] - cash_rest
    with fresh_engine.connect() as connection, connection.begin():
        details = connection.scalars(
            select(tables.entry.c.detail).where(tables.entry.c.kind == int(Kind.PAYMENT))
        )
        credited = sum(unpack(detail)["to_accounts"] for detail in details)
    assert credited > 0
    assert total == openings + amounts["contributions.csv"] - paid + credited
    assert verify(fresh_engine).clean
