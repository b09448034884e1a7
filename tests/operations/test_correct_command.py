"""`python -m ledger correct` with a list: a file as employers hand it in, of any length."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ledger.book.numbers import book_id_of
from ledger.verify import verify
from tests.support.api_client import NOW, TODAY, id_number, key, running
from tests.support.employer_client import balance, hire, new_employer, owe, pay
from tests.support.file_doors import FileDoors

DAYS = ("2026-01-01", "2026-06-30")


class Listed:
    """Two people at an employer, paid for March, of whom the list should have said other wages."""

    def __init__(self, doors: FileDoors) -> None:
        self.doors = doors
        self.client = doors.client
        self.employer = new_employer(self.client)
        self.people = [hire(self.client) for _ in range(2)]
        owe(self.client, self.employer, "2026-03", dict.fromkeys(self.people, "8000.00"))
        pay(self.client, self.employer, "2026-03", "1520.00", "2026-04-10")

    def correct(self, text: str, *more: object) -> tuple[int, dict[str, object]]:
        path = self.doors.file(text.encode())
        code, said, _words = self.doors.command(
            "correct", *DAYS, "--reason", "other wages", "--employer", self.employer, "--list", path, *more
        )
        return code, said


@pytest.fixture
def listed(fresh_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listed]:
    with running(fresh_engine, tmp_path) as client:
        url = fresh_engine.url.render_as_string(hide_password=False)
        doors = FileDoors(client, url, tmp_path, monkeypatch)
        monkeypatch.setattr("ledger.operations.corrections.tune_process", lambda: None)
        monkeypatch.setattr("ledger.operations.corrections.now_and_today", lambda: (NOW, TODAY))
        yield Listed(doors)


def heading(*lines: str) -> str:
    return "\n".join(["公民身份号码,缴费工资", *lines, ""])


def test_a_list_is_shown_posted_and_right(listed: Listed, fresh_engine: Engine, tmp_path: Path) -> None:
    one, two = listed.people
    text = heading(f"{one},8500.00", f"{two},8000.00")
    code, said = listed.correct(text)
    assert (code, said["people"], said["more"], said["lines"]) == (0, 1, "10.00", 1)
    assert balance(listed.client, one) == "160.00"
    out = tmp_path / "letters.csv"
    code, said = listed.correct(text, "--confirm", "--lines", out)
    assert (code, said["people"], said["more"]) == (0, 1, "10.00")
    assert "posted" in out.read_text(encoding="utf-8-sig")
    code, said = listed.correct(text)
    assert (code, said["people"], said["lines"]) == (0, 0, 0)
    pay(listed.client, listed.employer, "2026-03", "47.50", TODAY.isoformat())
    assert balance(listed.client, one) == "170.00"
    assert verify(fresh_engine).findings == []


def test_what_is_shown_is_told_from_what_was_posted(listed: Listed) -> None:
    one, two = listed.people
    other = hire(listed.client)
    text = heading(f"{one},8500.00", f"{two},8600.00", f"{other},9000.00")
    _code, said = listed.correct(text)
    assert said["state"] == "shown"
    assert not {"posted", "left"} & set(said)
    code, said = listed.correct(text, "--confirm")
    assert (code, said["state"]) == (0, "posted")
    # of the third nothing was assessed
    assert (said["lines"], said["posted"], said["left"]) == (3, 2, 1)
    _code, said = listed.correct(text)
    assert (said["state"], said["lines"]) == ("shown", 1)
    # once more: what it posted then, and what is still left
    code, said = listed.correct(text, "--confirm")
    assert (code, said["posted"], said["left"]) == (0, 2, 1)


@pytest.mark.parametrize("what", ["month", "employer"])
def test_where_nothing_is_assessed_every_line_says_so(
    listed: Listed, fresh_engine: Engine, what: str
) -> None:
    """A month of which there is no list, an employer that never had one."""
    client = listed.client
    employer = new_employer(client) if what == "employer" else listed.employer
    first, last = ("2026-05-01", "2026-06-30") if what == "month" else DAYS
    body = {
        "kind": "list", "reason": "other wages", "from": first, "to": last, "employer": employer,
        "lines": [{"id_number": one, "wage": "8500.00"} for one in listed.people],
    }  # fmt: skip
    said = client.post("/v1/corrections", json=body).json()
    codes = [(one["code"], one["period"], one["difference"]) for one in said["lines"]]
    assert codes == [("nothing_assessed", first[:7], "0.00")] * 2
    assert (said["people"], said["count"]) == (0, 2)
    done = client.post("/v1/corrections", json=body | {"confirm": True}, headers=key()).json()
    assert (done["posted"], done["left"]) == (0, 2)
    assert done["lines"] == sorted(said["lines"], key=lambda one: book_id_of(one["account"]) or 0)
    assert verify(fresh_engine).findings == []


def test_the_lines_are_written_of_what_is_shown_too(listed: Listed, tmp_path: Path) -> None:
    one, two = listed.people
    other = hire(listed.client)
    text = heading(f"{one},8500.00", f"{two},8000.00", f"{other},9000.00")
    out, after = tmp_path / "shown.csv", tmp_path / "posted.csv"
    code, said = listed.correct(text, "--lines", out)
    assert (code, said["state"], said["lines"]) == (0, "shown", 2)
    code, said = listed.correct(text, "--confirm", "--lines", after)
    assert (code, said["state"]) == (0, "posted")
    shown, posted = (list(csv.DictReader(path.read_text("utf-8-sig").splitlines())) for path in (out, after))
    names = ("period", "before", "after", "state", "code")
    assert sorted(tuple(line[name] for name in names) for line in shown) == [
        ("2026-03", "0.00", "0.00", "left", "nothing_assessed"),
        ("2026-03", "160.00", "170.00", "planned", ""),
    ]
    assert [line["state"] for line in sorted(posted, key=lambda line: line["before"])] == ["left", "posted"]
    for line in (*shown, *posted):
        line["state"] = ""
    assert sorted(map(str, shown)) == sorted(map(str, posted)), "they say the same but for the state"
    code, said = listed.correct(text, "--lines", tmp_path / "nowhere" / "lines.csv")
    assert (code, said["code"]) == (2, "usage")


def test_a_line_that_cannot_be_taken_is_told_and_nothing_is_posted(listed: Listed) -> None:
    one, two = listed.people
    for lines, refused in (
        ((f"{one},8500.00", f"{two},-3"), "wage_invalid"),
        ((f"{one},8500.00", f"{id_number()},9000.00"), "account_not_found"),
        ((f"{one},8500.00", "119999199001010009,9000.00"), "id_checksum"),
        ((f"{one},8500.00", f"{one},9000.00"), "duplicate_line"),
        ((), "file_invalid"),
    ):
        code, said = listed.correct(heading(*lines), "--confirm")
        assert (code, said["code"]) == (2, refused), said
        assert one not in str(said), "no ID number in an answer"
    assert balance(listed.client, one) == "160.00"


def test_the_reason_holds_no_id_number(listed: Listed) -> None:
    person = listed.people[0]
    path = listed.doors.file(heading(f"{person},8500.00").encode())
    given = ("--employer", listed.employer, "--list", path)
    code, said, words = listed.doors.command("correct", *DAYS, "--reason", f"for {person}", *given)
    assert (code, said["code"]) == (1, "personal_data_in_text")
    assert person not in words


def test_a_list_without_its_employer_is_none(listed: Listed) -> None:
    path = listed.doors.file(heading(f"{listed.people[0]},8500.00").encode())
    for given in (("--list", path), ("--employer", listed.employer), ("--list", path, "--area", "990100")):
        code, said, _words = listed.doors.command("correct", *DAYS, "--reason", "x", *given)
        assert (code, said["code"]) == (2, "usage")
