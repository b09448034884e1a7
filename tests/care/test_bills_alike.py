"""One bill is settled once: alike are institution, person, day, kind of care and the same lines."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from api.http.asgi import BILL_BODY_MAX, BODY_MAX
from ledger.book.detail import unpack
from ledger.care.case_reports import claim as read_claim
from ledger.care.manual_claims import EVIDENCE, DecideClaim, SubmitClaim
from ledger.care.rows import BillLine
from ledger.care.settlements import Settle
from ledger.chart.care import CareType
from ledger.database.engines import glancing
from ledger.people.residents import resident_ref
from ledger.posting import Posted, Receipt, decide_at_a_look, rehearse
from ledger.refusals import RefusalCode, Refused
from tests.support import care_client
from tests.support.api_client import key, running
from tests.support.clinic import CARE_DAY, Clinic, LineText
from tests.support.people import SomeoneFactory, World

R = RefusalCode
LINES: list[LineText] = [("A", "700.00"), ("B", "200.00"), ("C", "100.00")]


@pytest.fixture
def clinic(sound_engine: Engine) -> Clinic:
    return Clinic(World(sound_engine), numbers=False)


def settling(clinic: Clinic, code: str, patient: int, **more: Any) -> Settle:
    quoting = more.pop("quoting", False)
    return clinic.command(code, patient, clinic.bill(LINES, **more), quoting=quoting)


def on_paper(clinic: Clinic, code: str, patient: int, bill_no: str, **more: Any) -> SubmitClaim:
    world = clinic.world
    bill = clinic.bill(LINES, bill_no=bill_no, use_account=False, **more)
    papers = frozenset(EVIDENCE)
    return SubmitClaim(patient, None, code, clinic.parties[code], bill, world.today, papers, key=world.ref())


def decided(clinic: Clinic, code: str, made: Receipt, approve: bool) -> DecideClaim:
    with clinic.world.engine.connect() as connection, connection.begin():
        row = read_claim(connection, made.book_id, made.seq).row
    return DecideClaim(made.book_id, made.seq, code, row, approve, "checked")


def quoted(clinic: Clinic, command: Settle) -> RefusalCode | None:
    """Why a pre-settlement is refused, by a rehearsal and, where there is one, by one look."""
    world = clinic.world
    command.caller, command.actor = "test", "tester"
    with world.engine.connect() as connection:
        [outcome] = rehearse(connection, [command], world.now, world.today, world.policies)
    return outcome.code if isinstance(outcome, Refused) else None


# -- what is alike -------------------------------------------------------------------------------------------


def test_the_same_bill_under_another_message(clinic: Clinic) -> None:
    code, patient = clinic.institution(), clinic.patient()
    first = settling(clinic, code, patient)
    clinic.world.one(first)
    assert clinic.world.refusal(settling(clinic, code, patient)) == R.DUPLICATE_BILL
    assert quoted(clinic, settling(clinic, code, patient, quoting=True)) == R.DUPLICATE_BILL
    # the message itself is answered as it was
    assert clinic.world.posted(first).replayed


def test_a_claim_turned_down_in_the_same_batch_is_none(clinic: Clinic) -> None:
    code, patient = clinic.institution(), clinic.patient()
    made = clinic.world.one(on_paper(clinic, code, patient, "paper-1"))
    outcomes = clinic.world.post(
        settling(clinic, code, patient),
        decided(clinic, code, made, approve=False),
        settling(clinic, code, patient),
    )
    assert [getattr(one, "code", None) for one in outcomes] == [R.DUPLICATE_BILL, None, None]


def order(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    return lines[::-1]


def written_otherwise(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    full_width = str.maketrans({"X": "\uff38", "0": "\uff10"})
    first, second, third = lines
    return (
        first._replace(item=first.item.lower(), self_pay_ratio=1),
        second._replace(item=second.item.translate(full_width)),
        third._replace(item=f" {third.item[:2]}\u200b\u3000{third.item[2:]} ", over_limit=5),
    )


def another_item(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    return (lines[0]._replace(item="X9999"), *lines[1:])


def another_class(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    return (lines[0]._replace(line_class="C"), *lines[1:])


def another_limit(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    return (lines[0]._replace(over_limit=1), *lines[1:])


def another_share(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    return (lines[0], lines[1]._replace(self_pay_ratio=1), lines[2])


def amounts_moved(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    return (lines[0]._replace(amount=69_999), lines[1]._replace(amount=20_001), lines[2])


def a_line_in_two(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    half = lines[0]._replace(amount=35_000)
    return (half, half, *lines[1:])


def every_line_in_three(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    apart = [
        line._replace(item=item, amount=fen)
        for line in lines
        for item, fen in ((line.item, 1), (line.item.lower(), 99), (f" {line.item}", line.amount - 100))
    ]
    return tuple(apart[::2] + apart[1::2])


def a_line_of_nothing(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    return (BillLine("Q", "A", 0), *lines)


def lines_of_nothing(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    nothing = [line._replace(amount=0, line_class=other) for line in lines for other in "ABC"]
    return (*lines, *nothing, BillLine("Q", "B", 0, 0, 5))


def in_two_and_nothing(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    return lines_of_nothing(every_line_in_three(lines))


def a_part_of_another_item(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    return (lines[0]._replace(amount=69_999), lines[0]._replace(item="X9999", amount=1), *lines[1:])


def a_part_of_another_class(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    return (lines[0]._replace(amount=69_999), lines[0]._replace(line_class="C", amount=1), *lines[1:])


def a_part_of_another_share(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    part = lines[1]._replace(amount=1, self_pay_ratio=5)
    return (lines[0], lines[1]._replace(amount=19_999), part, lines[2])


def a_part_above_the_limit(lines: tuple[BillLine, ...]) -> tuple[BillLine, ...]:
    return (lines[0]._replace(amount=69_999), lines[0]._replace(amount=1, over_limit=1), *lines[1:])


CHANGES = {
    order: True,
    written_otherwise: True,
    another_item: False,
    another_class: False,
    another_limit: False,
    another_share: False,
    amounts_moved: False,
    a_line_in_two: True,
    every_line_in_three: True,
    a_line_of_nothing: True,
    lines_of_nothing: True,
    in_two_and_nothing: True,
    a_part_of_another_item: False,
    a_part_of_another_class: False,
    a_part_of_another_share: False,
    a_part_above_the_limit: False,
}


@pytest.mark.parametrize(("change", "alike"), CHANGES.items(), ids=[one.__name__ for one in CHANGES])
def test_alike_are_the_same_lines_in_any_order(clinic: Clinic, change: Any, alike: bool) -> None:
    code, patient = clinic.institution(), clinic.patient()
    clinic.world.one(settling(clinic, code, patient))
    bill = clinic.bill(LINES)
    other = clinic.command(code, patient, replace(bill, lines=change(bill.lines)))
    if alike:
        assert clinic.world.refusal(other) == R.DUPLICATE_BILL
    else:
        clinic.world.one(other)


_APART = [one for one in CHANGES if one is not written_otherwise]


@pytest.mark.parametrize("first", _APART, ids=[one.__name__ for one in _APART])
def test_it_does_not_matter_which_of_two_came_first(clinic: Clinic, first: Any) -> None:
    """However the one that stands is written; and on paper as over the network."""
    code, patient = clinic.institution(), clinic.patient()
    bill = clinic.bill(LINES)
    clinic.world.one(clinic.command(code, patient, replace(bill, lines=first(bill.lines))))
    on_the_way = on_paper(clinic, code, patient, "1")
    if CHANGES[first]:
        assert clinic.world.refusal(settling(clinic, code, patient)) == R.DUPLICATE_BILL
        assert clinic.world.refusal(on_the_way) == R.DUPLICATE_BENEFIT
    else:
        clinic.world.one(on_the_way)


@pytest.mark.parametrize("limits", [((5, 0), (0, 5)), ((3, 2), (5, 0)), ((1, 4), (4, 1))])
def test_what_is_above_the_limit_adds_up_over_the_lines_of_an_item(
    clinic: Clinic, limits: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    """What the fund pays hangs on the sums alone (K2)."""
    code, patient = clinic.institution(), clinic.patient()

    def split(above: tuple[int, int], fen: tuple[int, int], share: int = 7) -> Settle:
        lines = [BillLine("X01", "B", *one, share) for one in zip(fen, above, strict=True)]
        return clinic.command(code, patient, replace(clinic.bill(LINES), lines=tuple(lines)))

    clinic.world.one(split(limits[0], (35_000, 35_000)))
    assert clinic.world.refusal(split(limits[1], (69_990, 10))) == R.DUPLICATE_BILL
    clinic.world.one(split((limits[1][0], limits[1][1] + 1), (69_990, 10)))
    clinic.world.one(split(limits[1], (69_990, 10), share=8))


@pytest.mark.parametrize(
    "more",
    [{"day": CARE_DAY - timedelta(days=1)}, {"care_type": "chronic"}],
    ids=["another day", "another kind of care"],
)
def test_what_is_of_another_day_or_kind_is_another_bill(clinic: Clinic, more: dict[str, Any]) -> None:
    code, patient = clinic.institution(), clinic.patient()
    bills = [
        settling(clinic, code, patient),
        settling(clinic, code, patient, **more),
        settling(clinic, clinic.institution(), patient),
        settling(clinic, code, clinic.patient()),
    ]
    assert len({clinic.world.one(bill).name for bill in bills}) == len(bills)


@pytest.mark.parametrize(
    "more",
    [{"use_account": False}, {"hospital_share": 5}, {"total": 100_000}],
    ids=["without the account", "a share of the hospital", "with its total"],
)
def test_what_is_said_beside_the_lines_makes_no_other_bill(clinic: Clinic, more: dict[str, Any]) -> None:
    code, patient = clinic.institution(), clinic.patient()
    clinic.world.one(settling(clinic, code, patient))
    assert clinic.world.refusal(settling(clinic, code, patient, **more)) == R.DUPLICATE_BILL


NUMBERS = [
    (None, "1", R.DUPLICATE_BILL),
    ("1", None, R.DUPLICATE_BILL),
    ("1", "1", R.DUPLICATE_BILL),
    ("1", "2", None),
]


@pytest.mark.parametrize(("first", "second", "code"), NUMBERS)
def test_two_numbers_are_two_bills(
    clinic: Clinic, first: str | None, second: str | None, code: RefusalCode | None
) -> None:
    hospital, patient = clinic.institution(), clinic.patient()
    clinic.world.one(settling(clinic, hospital, patient, bill_no=first))
    other = settling(clinic, hospital, patient, bill_no=second)
    assert quoted(clinic, settling(clinic, hospital, patient, bill_no=second, quoting=True)) == code
    if code is None:
        clinic.world.one(other)
        # and a third without a number may be either of them
        assert clinic.world.refusal(settling(clinic, hospital, patient)) == R.DUPLICATE_BILL
    else:
        assert clinic.world.refusal(other) == code


def test_the_institutions_word_that_it_is_another_one(clinic: Clinic) -> None:
    code, patient = clinic.institution(), clinic.patient()
    clinic.world.one(settling(clinic, code, patient))
    told = clinic.world.one(settling(clinic, code, patient, again=True))
    assert unpack(told.detail)["again"] is True
    clinic.world.one(settling(clinic, code, patient, again=True))
    assert quoted(clinic, settling(clinic, code, patient, again=True, quoting=True)) is None
    assert clinic.world.refusal(settling(clinic, code, patient)) == R.DUPLICATE_BILL
    # it is no word about a number
    clinic.world.one(settling(clinic, code, patient, bill_no="1", again=True))
    numbered = settling(clinic, code, patient, bill_no="1", again=True)
    assert clinic.world.refusal(numbered) == R.DUPLICATE_BILL


# -- what does not count any more ----------------------------------------------------------------------------


def test_a_bill_that_was_taken_back_does_not_count(clinic: Clinic) -> None:
    code, patient = clinic.institution(), clinic.patient()
    for _turn in range(2):
        settled = clinic.settled(clinic.world.posted(settling(clinic, code, patient)))
        clinic.reverse(settled)
    last = settling(clinic, code, patient)
    clinic.world.one(last)
    clinic.correct(code, last.message_id)
    clinic.world.one(settling(clinic, code, patient))
    assert clinic.world.refusal(settling(clinic, code, patient)) == R.DUPLICATE_BILL


def test_of_two_that_are_alike_the_other_one_counts(clinic: Clinic) -> None:
    code, patient = clinic.institution(), clinic.patient()
    first = clinic.settled(clinic.world.posted(settling(clinic, code, patient)))
    second = clinic.settled(clinic.world.posted(settling(clinic, code, patient, again=True)))
    clinic.reverse(first)
    assert clinic.world.refusal(settling(clinic, code, patient)) == R.DUPLICATE_BILL
    clinic.reverse(second)
    clinic.world.one(settling(clinic, code, patient))


# -- on paper ------------------------------------------------------------------------------------------------


def test_a_bill_of_the_network_is_not_handed_in_on_paper(clinic: Clinic) -> None:
    code, patient = clinic.institution(), clinic.patient()
    settled = clinic.settled(clinic.world.posted(settling(clinic, code, patient)))
    assert clinic.world.refusal(on_paper(clinic, code, patient, "1")) == R.DUPLICATE_BENEFIT
    clinic.world.one(on_paper(clinic, code, patient, "1", again=True))
    clinic.reverse(settled)
    # what is handed in counts
    assert clinic.world.refusal(settling(clinic, code, patient)) == R.DUPLICATE_BILL


@pytest.mark.parametrize("approve", [True, False])
def test_a_bill_on_paper_is_not_settled_over_the_network(clinic: Clinic, approve: bool) -> None:
    code, patient = clinic.institution(), clinic.patient()
    made = clinic.world.one(on_paper(clinic, code, patient, "1"))
    assert clinic.world.refusal(settling(clinic, code, patient)) == R.DUPLICATE_BILL
    assert quoted(clinic, settling(clinic, code, patient, quoting=True)) == R.DUPLICATE_BILL
    # two claims have numbers of their own
    clinic.world.one(decided(clinic, code, made, approve))
    if approve:
        assert clinic.world.refusal(settling(clinic, code, patient)) == R.DUPLICATE_BILL
        assert clinic.world.refusal(on_paper(clinic, code, patient, "1")) == R.DUPLICATE_BENEFIT
    else:
        clinic.world.one(settling(clinic, code, patient))


# -- numbers by year -----------------------------------------------------------------------------------------


def test_a_number_counts_in_its_year_of_care(clinic: Clinic) -> None:
    code, patient = clinic.institution(), clinic.patient()
    last_year = date(2025, 12, 31)
    clinic.world.one(settling(clinic, code, patient, bill_no="1", day=last_year))
    clinic.world.one(settling(clinic, code, clinic.patient(), bill_no="1", day=date(2026, 1, 1)))
    for day, more in ((last_year, 1), (date(2025, 1, 1), 2)):
        other = clinic.command(code, patient, clinic.bill([("A", f"{more}.00")], day=day, bill_no="1"))
        assert clinic.world.refusal(other) == R.DUPLICATE_BILL
    assert clinic.world.refusal(on_paper(clinic, code, patient, "1")) == R.DUPLICATE_BENEFIT


# -- the same person with two books, one batch, two at once --------------------------------------------------


def test_a_resident_who_opens_an_account_is_the_same_person(clinic: Clinic) -> None:
    code, someone = clinic.institution(), SomeoneFactory()
    clinic.resident(someone)
    digest = clinic.digest(someone)

    def command() -> Settle:
        bill = clinic.bill(LINES)
        party = clinic.parties[code]
        return Settle(digest, resident_ref(digest), code, party, clinic.world.ref("m"), bill)

    clinic.world.one(command())
    clinic.world.open(someone)
    assert clinic.world.refusal(command()) == R.DUPLICATE_BILL


def test_of_one_batch_the_first_is_taken(clinic: Clinic) -> None:
    code, patient = clinic.institution(), clinic.patient()
    commands = [settling(clinic, code, patient) for _ in range(3)]
    commands.append(settling(clinic, code, patient, again=True))
    commands.append(on_paper(clinic, code, patient, "1"))  # type: ignore[arg-type]  # any command
    outcomes = clinic.world.post(*commands)
    assert [isinstance(one, Posted) for one in outcomes] == [True, False, False, True, False]
    assert {one.code for one in outcomes if isinstance(one, Refused)} == {
        R.DUPLICATE_BILL,
        R.DUPLICATE_BENEFIT,
    }


def test_of_many_at_once_one_is_settled(clinic: Clinic) -> None:
    code, patient = clinic.institution(), clinic.patient("5000.00")
    start = threading.Barrier(6)
    commands: list[Any] = [settling(clinic, code, patient) for _ in range(4)]
    commands += [on_paper(clinic, code, patient, str(number)) for number in range(2)]
    outcomes: list[Any] = []

    def send(command: Any) -> None:
        start.wait()
        outcomes.extend(clinic.world.post(command))

    threads = [threading.Thread(target=send, args=(command,)) for command in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [one.receipt.kind.word for one in outcomes if isinstance(one, Posted)]
    # two claims have numbers of their own; with a bill that has none there is one
    assert taken == ["settlement"] or set(taken) == {"manual_claim"}


@pytest.mark.postgres
def test_one_look_leaves_bills_that_may_be_alike_to_a_rehearsal(clinic: Clinic) -> None:
    world, someone, code = clinic.world, SomeoneFactory(), clinic.institution()
    patient = clinic.patient(someone=someone)
    digest = clinic.digest(someone)

    def look(**more: Any) -> object:
        bill = clinic.bill(LINES, **more)
        command = Settle(digest, None, code, clinic.parties[code], "m", bill, quoting=True)
        command.caller, command.actor = "test", "tester"
        with glancing(world.engine) as connection:
            found = decide_at_a_look(connection, command, world.now, world.today, world.policies)
        return found.code if isinstance(found, Refused) else type(found)

    in_full = type(None)
    assert [look(), look(bill_no="1")] == [Posted, Posted]
    world.one(settling(clinic, code, patient, bill_no="1"))
    assert [look(), look(bill_no="1"), look(bill_no="2")] == [in_full, in_full, Posted]
    assert look(again=True) is Posted
    assert look(day=CARE_DAY - timedelta(days=1)) is Posted
    assert look(day=date(2025, 3, 10), bill_no="1") is Posted
    assert CareType.OUTPATIENT.word == "outpatient"


# -- over HTTP -----------------------------------------------------------------------------------------------


@pytest.fixture
def client(engine: Engine, tmp_path: Path) -> Iterator[TestClient]:
    with running(engine, tmp_path) as found:
        yield found


def many(count: int, width: int = 6) -> list[dict[str, str]]:
    return [
        {
            "item": f"X{number:0{width}d}",
            "class": "ABC"[number % 3],
            "amount": "1.00",
            "self_pay_ratio": "0.10",
        }
        for number in range(count)
    ]


@pytest.mark.slow
def test_a_bill_of_twenty_thousand_lines(client: TestClient) -> None:
    hospital, patient = care_client.new_institution(client), care_client.new_patient(client, "500.00")
    lines = many(20_000)
    body = care_client.bill(hospital, patient, []) | {"lines": lines, "bill_no": None}
    # longer than any other request may be
    assert len(json.dumps(body)) > BODY_MAX
    assert client.post("/v1/settlements/quote", json=body).status_code == 201
    settled = care_client.send(client, body)
    assert (settled.status_code, settled.json()["total"]) == (201, "20000.00")
    kept = client.get(f"/v1/settlements/{settled.json()['settlement']}").json()
    assert [one["item"] for one in kept["lines"]] == [one["item"] for one in lines]
    assert care_client.send(client, body).headers["Idempotent-Replayed"] == "true"
    again = body | {"message_id": care_client.message(), "lines": lines[::-1]}
    assert care_client.send(client, again).json()["code"] == "duplicate_bill"
    one_more = body | {"message_id": care_client.message(), "lines": many(20_001)}
    refused = care_client.send(client, one_more)
    assert (refused.status_code, refused.json()["code"]) == (422, "shape_invalid")


@pytest.mark.parametrize("path", ["/v1/settlements", "/v1/settlements/quote", "/v1/claims"])
def test_a_bill_may_have_eight_mebibytes(client: TestClient, path: str) -> None:
    headers = key() | {"content-type": "application/json"}
    blanks = b"[" + b" " * (BILL_BODY_MAX - 2) + b"]"
    assert client.post(path, content=blanks, headers=headers).status_code == 422
    too_long = client.post(path, content=blanks + b" ", headers=headers)
    assert (too_long.status_code, too_long.json()["code"]) == (413, "body_too_large")
    other = client.post("/v1/visits", content=blanks, headers=headers)
    assert (other.status_code, other.json()["code"]) == (413, "body_too_large")


def test_over_http(client: TestClient) -> None:
    hospital, patient = care_client.new_institution(client), care_client.new_patient(client, "500.00")
    body = care_client.bill(hospital, patient, LINES)
    del body["bill_no"]

    def sent(**more: Any) -> tuple[int, Any]:
        answer = care_client.send(client, body | {"message_id": care_client.message()} | more)
        return answer.status_code, answer.json().get("code")

    assert sent() == (201, None)
    assert sent() == (409, "duplicate_bill")
    assert sent(lines=body["lines"][::-1]) == (409, "duplicate_bill")
    assert sent(again=False) == (409, "duplicate_bill")
    assert sent(again="yes") == (422, "shape_invalid")
    quote = client.post("/v1/settlements/quote", json=body)
    assert (quote.status_code, quote.json()["code"]) == (409, "duplicate_bill")
    claim = {
        name: fact for name, fact in body.items() if name != "message_id"
    } | {"bill_no": "paper-1", "evidence": ["invoice"]}  # fmt: skip
    handed_in = client.post("/v1/claims", json=claim, headers=key())
    assert (handed_in.status_code, handed_in.json()["code"]) == (409, "duplicate_benefit")
    assert [one["pointer"] for one in handed_in.json()["errors"]] == ["/lines"]
    assert sent(again=True) == (201, None)
    quote = client.post("/v1/settlements/quote", json=body | {"again": True})
    assert quote.status_code == 201
    assert sent(again=True, quote=quote.json()["quote"]) == (201, None)
    assert client.post("/v1/claims", json=claim | {"again": True}, headers=key()).status_code == 201
