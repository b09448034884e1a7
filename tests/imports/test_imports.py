"""Files: every line is posted once or refused with the API's code, whatever happens on the way."""

from __future__ import annotations

import fcntl
import gc
import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.imports import ImportProblem
from ledger.imports.lines import LINE_BYTES_MAX
from ledger.posting import Unknown, batches
from ledger.posting.way_in import post
from ledger.refusals import Refused
from tests.support.office import ACCOUNTS, CONTRIBUTIONS, SPENDINGS, Office, contribution, counts
from tests.support.people import SomeoneFactory


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Office:
    return Office(engine, tmp_path)


# -- what is posted --------------------------------------------------------------------------------------


def test_three_files_make_accounts_with_money(office: Office) -> None:
    people = [SomeoneFactory() for _ in range(3)]
    accounts = office.file(
        f"{ACCOUNTS},sex,birth_date,opening_current_year,opening_carried_over,opening_source_ref",
        [
            f"{people[0].id_number},{people[0].name},990100,2024-01-01,,,,,",
            f'{people[1].id_number},"{people[1].name}",990100,2024-01-01,,,10.00,1000.50,OLD-1',
            f"{people[2].id_number},{people[2].name},990100,2024-01-01,,,0.00,0.01,OLD-2",
        ],
    )
    summary = office.run(accounts)
    assert (counts(summary), summary.kind, summary.amount_fen) == ((3, 3, 0, 0), "accounts", 101_051)
    assert summary.ok
    assert summary.rejected_file is None

    first, second, third = (person.id_number for person in people)
    summary = office.run(
        office.file(CONTRIBUTIONS, [contribution(first, "c1"), contribution(first, "c2", "0.01"),
                                    contribution(third, "c1")], end="\r\n")
    )  # fmt: skip
    assert (counts(summary), summary.posted_fen) == ((3, 3, 0, 0), 32_001)

    summary = office.run(
        office.file(SPENDINGS, [
            f"{first},s1,H0001,2026-05-01,100.00,false",
            f"{first},s2,P0001,2026-05-01,1000.00,true",
            f"{second},s1,H0001,2026-05-01,10.50,",
        ])
    )  # fmt: skip
    assert (counts(summary), summary.amount_fen) == ((3, 3, 0, 0), 111_050)
    assert (summary.posted_fen, summary.cash_rest_fen) == (17_051, 93_999)
    assert summary.ok
    assert [office.balance(one) for one in (first, second, third)] == [0, 100_000, 16_001]


def test_columns_may_stand_in_any_order_and_accounts_go_by_their_number_too(office: Office) -> None:
    book = office.world.open()
    number = office.world.one(office.world.opening()).account_no
    someone = office.account()
    file = office.file(
        "amount,account,effective_on,period,idempotency_key,source_ref",
        [f"1.00,{number},2026-04-15,2026-03,my-key,x", f"2.00,{someone},2026-04-15,2026-03,,x"],
    )
    assert counts(office.run(file)) == (2, 2, 0, 0)
    assert book


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_names_come_in_utf_8_with_or_without_bom_and_in_gbk(office: Office, encoding: str, end: str) -> None:
    someone = SomeoneFactory()
    names = ["朱镕基", "阿依古丽·买买提", "李娜", "欧阳 娜娜"]
    people = [SomeoneFactory() for _ in names]
    lines = [
        f"{person.id_number},{name},990100,2024-01-01" for person, name in zip(people, names, strict=True)
    ]
    assert counts(office.run(office.file(ACCOUNTS, lines, encoding, end))) == (4, 4, 0, 0)
    # the same people, from the API as it were: the names are the same
    for person, name in zip(people, names, strict=True):
        command = office.world.opening(person, name=name, opened_on=date(2024, 1, 1))
        assert not office.world.posted(command).created
    assert someone


@pytest.mark.parametrize("encoding", ["big5", "shift_jis", "utf-16-le", "utf-32", "latin-1"])
def test_other_encodings_are_refused_with_a_clear_word(office: Office, encoding: str) -> None:
    name = {"latin-1": "José Müller", "shift_jis": "山田太郎"}.get(encoding, "陳小明")
    lines = [f"{SomeoneFactory().id_number},{name},990100,2024-01-01" for _ in range(3)]
    before = office.entries()
    code, problem = office.refused_file(office.file(ACCOUNTS, lines, encoding))
    assert code == "file_invalid"
    assert "UTF" in problem
    assert office.entries() == before


# -- what is refused, file by file -------------------------------------------------------------------------

HEADERS = {
    "": "file_invalid",
    "\n": "file_invalid",
    "account,source_ref,period,effective_on": "column amount is missing",
    "account,source_ref,period,effective_on,amount,colour": "column 6 (colour) of line 1 is not known",
    "account,source_ref,period,effective_on,amount,119999198503140015": "column 6 of line 1 is not known",
    "account,source_ref,period,effective_on,amount,amount": "column amount stands there twice",
    "account|source_ref|period|effective_on|amount": "no kind of file",
    "account,source_ref,effective_on,amount": "no kind of file",
    "119999198503140015,x,2026-03,2026-04-15,160.00": "no kind of file",
    '"account,source_ref,period,effective_on,amount': "quotes",
    "account,source_ref,period,effective_on,amount,bank_card": "cash_forbidden",
    "account,source_ref,period,effective_on,\0amount": "control characters",
    f"account,source_ref,period,effective_on,amount{' ' * LINE_BYTES_MAX}": "too long",
}


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_a_header_is_checked_exactly(office: Office, header: str) -> None:
    content = f"{header}\n{contribution(office.account(), 'c1')}\n" if header else ""
    code, problem = office.refused_file(office.raw(content.encode()))
    assert HEADERS[header] in f"{code}: {problem}"
    assert "1199" not in problem, "what stands in place of a header may be a person"


def test_a_file_that_must_be_of_a_kind_is_not_taken_for_another(office: Office) -> None:
    file = office.file(CONTRIBUTIONS, [])
    with office.world.engine.connect() as connection, pytest.raises(Refused, match="file_invalid"):
        office.importer(connection).run(file, "spendings")


def test_what_is_no_file_is_said_so(office: Office, tmp_path: Path) -> None:
    for path, problem in ((tmp_path, "regular"), (tmp_path / "none.csv", "No such file")):
        with pytest.raises(ImportProblem, match=problem):
            office.run(path)


# -- what is refused, line by line -------------------------------------------------------------------------

BAD_CONTRIBUTIONS = {
    "{a},c,2026-03,2026-04-15": "shape_invalid",
    "{a},c,2026-03,2026-04-15,1.00,more": "shape_invalid",
    '{a},"c,2026-03,2026-04-15,1.00': "shape_invalid",
    '{a},"c"x,2026-03,2026-04-15,1.00': "shape_invalid",
    "{a},,2026-03,2026-04-15,1.00": "shape_invalid",
    "{a}, ,2026-03,2026-04-15,1.00": "shape_invalid",
    "{a}," + "x" * 65 + ",2026-03,2026-04-15,1.00": "shape_invalid",
    "{a},c\0,2026-03,2026-04-15,1.00": "shape_invalid",
    "{a},c\x1b[0m,2026-03,2026-04-15,1.00": "shape_invalid",
    "{a},c,2026-03,2026-02-30,1.00": "shape_invalid",
    "{a},c,2026-03,20260415,1.00": "shape_invalid",
    "{a},c,2026-03,2026-W16-3,1.00": "shape_invalid",
    "{a},c,2026-03,15.04.2026,1.00": "shape_invalid",
    "{a},c,2026-03,03/04/2026,1.00": "shape_invalid",
    "{a},c,2026-03,26-4-10,1.00": "shape_invalid",
    "{a},c,2026-03,2026/4-10,1.00": "shape_invalid",
    "{a},c,2026-03,2026.4.10,1.00": "shape_invalid",
    "A000000000000X,c,2026-03,2026-04-15,1.00": "account_not_found",
    "nobody,c,2026-03,2026-04-15,1.00": "account_not_found",
    "119999198503140015,c,2026-03,2026-04-15,1.00": "account_not_found",
    "119999198503140016,c,2026-03,2026-04-15,1.00": "id_checksum",
    "119999198502290011,c,2026-03,2026-04-15,1.00": "id_birthdate",
    "11999920301231001X,c,2026-03,2026-04-15,1.00": "id_future",
    "00999919850314001X,c,2026-03,2026-04-15,1.00": "id_prefix",
    "{a},c,2026-13,2026-04-15,1.00": "period_invalid",
    "{a},c,202603,2026-04-15,1.00": "period_invalid",
    "{a},c,2026-12,2026-04-15,1.00": "period_invalid",
    "{a},c,2026-03,2026-11-22,1.00": "period_invalid",
    "{a},c,2026-03,1999-04-15,1.00": "period_invalid",
    "{a},c,2026-03,2026-04-15,1.001": "amount_invalid",
    "{a},c,2026-03,2026-04-15,0.00": "amount_invalid",
    "{a},c,2026-03,2026-04-15,-1.00": "amount_invalid",
    "{a},c,2026-03,2026-04-15,NaN": "amount_invalid",
    "{a},c,2026-03,2026-04-15,1e2": "amount_invalid",
    "{a},c,2026-03,2026-04-15,12.345": "amount_invalid",
    "{a},c,2026-03,2026-04-15,160元": "amount_invalid",
    '{a},c,2026-03,2026-04-15,"11,60.00"': "amount_invalid",
    '{a},c,2026-03,2026-04-15,"160,00"': "amount_invalid",
    "{a},c,2026-03,2026-04-15,2026-04": "date_in_cell",
    "{a},c,2026-03,2026-04-15,=1+1": "formula_in_cell",
    "{a},c,2026-03,2026-04-15,'1.00": "leading_apostrophe",
    "1.19999E+17,c,2026-03,2026-04-15,1.00": "number_in_cell",
    "{a},c,2026-03,2026-04-15,10000000000.01": "amount_invalid",
}


def test_each_bad_line_gets_the_code_that_the_api_gives(office: Office) -> None:
    account = office.account()
    lines = [line.replace("{a}", account) for line in BAD_CONTRIBUTIONS]
    # a good line before, between and after: its neighbours do not disturb it
    mixed = [contribution(account, "good-0")]
    for number, line in enumerate(lines, start=1):
        mixed += [line, contribution(account, f"good-{number}")]
    summary = office.run(office.file(CONTRIBUTIONS, mixed))
    assert counts(summary) == (2 * len(lines) + 1, len(lines) + 1, 0, len(lines))
    assert office.rejected(summary) == [
        (2 * number + 1, code) for number, code in enumerate(BAD_CONTRIBUTIONS.values(), start=1)
    ]
    assert not summary.ok
    assert summary.agrees
    assert office.balance(account) == 16_000 * (len(lines) + 1)
    assert summary.rejected_file is not None
    assert account not in summary.rejected_file.read_text()


def test_bad_spendings_and_accounts(office: Office) -> None:
    account = office.account(10_000)
    summary = office.run(office.file(SPENDINGS, [
        f"{account},s1,H0001,2026-05-01,100.01,false",
        f"{account},s2,X9999,2026-05-01,1.00,false",
        f"{account},s3,cash,2026-05-01,1.00,false",
        f"{account},s4,ATM,2026-05-01,1.00,false",
        f"{account},s5,H0001,2026-05-01,1.00,perhaps",
        f"{account},s6,H0001,1999-05-01,1.00,true",
    ]))  # fmt: skip
    assert [code for _, code in office.rejected(summary)] == [
        "insufficient_balance", "institution_unknown", "cash_forbidden", "cash_forbidden", "shape_invalid",
        "period_invalid",
    ]  # fmt: skip
    assert summary.refused_fen == 10_201, "only lines that were understood have an amount"
    assert office.balance(account) == 10_000

    someone = SomeoneFactory()
    good = f"{someone.id_number},{someone.name},990100,2024-01-01"
    summary = office.run(office.file(f"{ACCOUNTS},sex,birth_date", [
        f"{good},,",
        f"{good.replace(someone.name, '别人')},,",
        f"{good.replace('2024-01-01', '2024-01-02')},,",
        f"{SomeoneFactory().id_number},张三,990199,2024-01-01,,",
        f"{SomeoneFactory().id_number},张三,99010,2024-01-01,,",
        f"{SomeoneFactory().id_number},张三,990100,2026-11-22,,",
        f"{SomeoneFactory().id_number},···,990100,2024-01-01,,",
        f"{SomeoneFactory().id_number},{'长' * 201},990100,2024-01-01,,",
        f"{someone.id_number},{someone.name},990100,2024-01-01,3,",
        f"{someone.id_number},{someone.name},990100,2024-01-01,,1901-01-01",
    ]))  # fmt: skip
    assert [code for _, code in office.rejected(summary)] == [
        "account_exists_other_person", "opening_differs", "area_unknown", "shape_invalid", "period_invalid",
        "name_invalid", "shape_invalid", "shape_invalid", "id_mismatch",
    ]  # fmt: skip
    assert summary.posted == 1


def test_a_line_may_not_be_endless_and_does_not_hide_the_next(office: Office) -> None:
    account = office.account()
    content = b"\n".join([
        CONTRIBUTIONS.encode(),
        contribution(account, "c1").encode(),
        b"x" * (5 * LINE_BYTES_MAX),
        b"",
        b"y" * LINE_BYTES_MAX,
        contribution(account, "c2").encode(),
        b"",
    ])  # fmt: skip
    summary = office.run(office.raw(content))
    assert counts(summary) == (4, 2, 0, 2), "an empty line is no line"
    assert office.rejected(summary) == [(3, "shape_invalid"), (5, "shape_invalid")]


@pytest.mark.slow
def test_memory_stays_small_whatever_the_file_is(office: Office) -> None:
    account = office.account()
    files = [
        office.raw(CONTRIBUTIONS.encode() + b"\n" + b'"' + b"z" * 60_000_000),
        office.file(CONTRIBUTIONS, [f"{account},c{n},2026-03,2026-04-15,x" for n in range(10_000)]),
    ]
    # another test may have served, and serving makes the collector lazy: here garbage is not memory
    lazy = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    try:
        for file in files:
            tracemalloc.start()
            office.run(file)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 40_000_000, "the first file is one line of sixty million bytes"
    finally:
        gc.set_threshold(*lazy)


# -- twice, and interrupted --------------------------------------------------------------------------------


def test_a_second_import_posts_nothing(office: Office) -> None:
    account = office.account()
    file = office.file(CONTRIBUTIONS, [contribution(account, f"c{n}") for n in range(5)])
    first = office.run(file)
    entries = office.entries()
    copy = office.raw(file.read_bytes())
    for path in (file, copy):
        again = office.run(path)
        assert counts(again) == (5, 0, 5, 0)
        assert (again.already_fen, again.posted_fen, again.batch_id) == (80_000, 0, first.batch_id)
        assert again.ok
    assert office.entries() == entries
    assert office.balance(account) == 80_000


def test_a_line_that_stands_there_twice_is_there_already_on_every_run(office: Office) -> None:
    account = office.account()
    # the repetition within one chunk, and far behind it
    lines = [contribution(account, f"c{n}") for n in range(1200)]
    file = office.file(CONTRIBUTIONS, [lines[0], *lines, lines[0]])
    first = office.run(file)
    assert counts(first) == (1202, 1200, 2, 0)
    assert (first.posted_fen, first.already_fen) == (1200 * 16_000, 2 * 16_000)
    second = office.run(file)
    assert counts(second) == (1202, 0, 1202, 0)
    assert office.balance(account) == 1200 * 16_000


def test_a_key_of_ones_own_goes_across_files(office: Office) -> None:
    account = office.account()
    header = f"{CONTRIBUTIONS},idempotency_key"
    one, other = contribution(account, "c1"), contribution(account, "c2")
    assert office.run(office.file(header, [f"{one},k1"])).posted == 1
    summary = office.run(office.file(header, [f"{other},k2", f"{one},k1", f"{other},k1", f"{one},a b"]))
    assert counts(summary) == (4, 1, 1, 2)
    assert office.rejected(summary) == [(4, "idempotency_key_reused"), (5, "idempotency_key_invalid")]


def test_a_reference_that_is_no_key_makes_one(office: Office) -> None:
    account = office.account()
    file = office.file(
        CONTRIBUTIONS, [contribution(account, "缴款 2026 年"), contribution(account, "字" * 64)]
    )
    assert counts(office.run(file)) == (2, 2, 0, 0)
    assert counts(office.run(file)) == (2, 0, 2, 0)


def test_a_list_of_rejected_lines_goes_when_they_are_posted(office: Office) -> None:
    account = office.account(0)
    spending = office.file(SPENDINGS, [f"{account},s1,H0001,2026-05-01,100.00,false"])
    first = office.run(spending)
    assert office.rejected(first) == [(2, "insufficient_balance")]
    office.run(office.file(CONTRIBUTIONS, [contribution(account, "c1")]))
    assert counts(office.run(spending)) == (1, 1, 0, 0)
    assert not list(office.folder.glob("*rejected*"))


def test_rejected_lines_go_where_they_are_wanted(office: Office, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    summary = office.run(office.file(CONTRIBUTIONS, ["x"]), rejected_directory=tmp_path / "out")
    assert summary.rejected_file == tmp_path / "out/1.csv.rejected.csv"
    with pytest.raises(ImportProblem, match="No such file"):
        office.run(office.file(CONTRIBUTIONS, ["x"]), rejected_directory=tmp_path / "none")


def test_two_imports_of_one_file_at_once_are_one_too_many(office: Office) -> None:
    file = office.file(CONTRIBUTIONS, [])
    draft = file.with_name(f".{file.name}.rejected.csv.draft")
    with draft.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(ImportProblem, match="another import"):
            office.run(file)
    assert counts(office.run(file)) == (0, 0, 0, 0)
    assert not draft.exists()


def test_a_file_cut_anywhere_posts_its_whole_lines_and_then_the_rest(office: Office) -> None:
    for cut_off in (1, 2, 3, 7, 12, 20, 30, 45, 60):
        account = office.account()
        whole = office.file(CONTRIBUTIONS, [contribution(account, f"c{n}") for n in range(4)])
        content = whole.read_bytes()
        summary = office.run(office.raw(content[:-cut_off]))
        # without its line end alone the last line is whole: an amount shows that
        cut = 1 if cut_off > 1 and content[-cut_off - 1 : -cut_off] != b"\n" else 0
        kept = content[:-cut_off].count(b"\n") - 1 + (cut_off == 1)
        assert counts(summary) == (kept + cut, kept, 0, cut)
        if cut:
            assert office.rejected(summary) == [(kept + 2, "shape_invalid")]
        again = office.run(whole)
        assert counts(again) == (4, 4 - kept, kept, 0)
        assert office.balance(account) == 4 * 16_000


def test_a_last_line_without_its_end_is_cut_unless_its_form_says_otherwise(office: Office) -> None:
    account = office.account()
    header = "account,amount,period,effective_on,source_ref"
    # who knows whether this was JS-1 or JS-10
    summary = office.run(office.raw(f"{header}\n{account},1.00,2026-03,2026-04-15,JS-1".encode()))
    assert office.rejected(summary) == [(2, "shape_invalid")]
    quoted = office.raw(f'{CONTRIBUTIONS}\n{account},JS-1,2026-03,2026-04-15,"1.00'.encode())
    assert office.rejected(office.run(quoted)) == [(2, "shape_invalid")]
    assert office.balance(account) == 0


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_a_file_cut_inside_a_character_keeps_its_encoding(office: Office, encoding: str) -> None:
    people = [SomeoneFactory() for _ in range(3)]
    header = "id_number,area,opened_on,name"
    content = "\n".join([header, *(f"{one.id_number},990100,2024-01-01,{one.name}" for one in people)])
    summary = office.run(office.raw(content.encode(encoding)[:-1]))
    assert counts(summary) == (3, 2, 0, 1)
    assert office.rejected(summary) == [(4, "shape_invalid")]


class Killed(BaseException):
    """Stands in for the end of the process."""


@pytest.mark.parametrize("where", ["before posting", "after posting"])
def test_a_run_that_ends_beside_a_commit_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    account = office.account()
    file = office.file(CONTRIBUTIONS, ["bad", *(contribution(account, f"c{n}") for n in range(2500))])
    calls = 0

    def dying(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2 and where == "before posting":
            raise Killed
        outcomes = post(*args, **more)
        if calls == 2:
            raise Killed
        return outcomes

    with monkeypatch.context() as patch:
        patch.setattr("ledger.imports.chunks.post", dying)
        with pytest.raises(Killed):
            office.run(file)
    assert not list(office.folder.glob("*.rejected.csv"))
    summary = office.run(file)
    already = 999 if where == "before posting" else 1999
    assert counts(summary) == (2501, 2500 - already, already, 1)
    assert office.balance(account) == 2500 * 16_000
    with office.world.engine.connect() as connection:
        batch = batches.find(connection, summary.batch_id)
    assert batch is not None
    assert (batch.state, batch.done, batch.refused, batch.bookmark, batch.amount_fen) == (
        "finished", 2500, 1, 2502, 40_000_000
    )  # fmt: skip


def test_a_chunk_of_unknown_fate_is_sent_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    account = office.account()
    file = office.file(CONTRIBUTIONS, [contribution(account, f"c{n}") for n in range(3)])
    lost = [True]

    def once_unknown(connection: Any, commands: Any, *more: Any, **named: Any) -> Any:
        outcomes = post(connection, commands, *more, **named)
        return [Unknown("lost") for _ in commands] if lost and lost.pop() else outcomes

    monkeypatch.setattr("ledger.imports.chunks.post", once_unknown)
    assert counts(office.run(file)) == (3, 0, 3, 0)
    monkeypatch.setattr(
        "ledger.imports.chunks.post", lambda _c, commands, *_more, **_named: [Unknown("lost")] * len(commands)
    )
    with pytest.raises(ImportProblem, match="go on"):
        office.run(file)


def test_a_line_that_meets_a_bug_does_not_stop_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = office.account()
    file = office.file(CONTRIBUTIONS, [contribution(account, f"c{n}") for n in range(5)])

    def buggy(connection: Any, commands: Any, *more: Any, **named: Any) -> Any:
        if any(command.source_ref == "c3" for command in commands):
            raise AssertionError("a bug")
        return post(connection, commands, *more, **named)

    monkeypatch.setattr("ledger.imports.chunks.post", buggy)
    summary = office.run(file)
    assert counts(summary) == (5, 4, 0, 1)
    assert office.rejected(summary) == [(5, "internal_error")]


def test_a_bug_that_every_line_meets_ends_the_run(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    file = office.file(CONTRIBUTIONS, [contribution(office.account(), f"c{n}") for n in range(50)])

    def broken(*_args: Any, **_more: Any) -> Any:
        raise AssertionError("a bug")

    monkeypatch.setattr("ledger.imports.chunks.post", broken)
    with pytest.raises(ImportProblem, match="bug"):
        office.run(file)
