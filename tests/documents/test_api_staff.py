"""Whom an employer had registered, by days: on its list and in the staff of a month."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from fastapi.testclient import TestClient

from ledger.chart.members import MemberClass
from ledger.people.membership import Enrolment, stints_with
from tests.support.api_client import key
from tests.support.documents_client import of
from tests.support.employer_client import hire, new_employer

NOVEMBER = ("2026-11-01", "2026-11-21")
HERE, ELSEWHERE = 1, 2


def enrol(client: TestClient, person: str, employer: str | None, first: str, **more: Any) -> str:
    body = {"member_class": "active", "from": first, **more}
    if employer is not None:
        body["employer"] = employer
    answer = client.post(f"/v1/accounts/{person}/enrolments", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["enrolment"])


def staff(client: TestClient, employer: str, *span: str) -> list[tuple[str, str, str | None]]:
    days = dict(zip(("from", "to"), span, strict=True)) if span else {}
    told = of(client, f"/v1/employers/{employer}", kind="staff_list", **days)
    assert told["head"]["people"] == len(told["tables"]["staff"])
    return [(one["member_class"], one["from"], one["to"]) for one in told["tables"]["staff"]]


def of_month(client: TestClient, employer: str, month: str) -> list[tuple[str, str, str | None]]:
    items = client.get(f"/v1/employers/{employer}/staff?period={month}").json()["items"]
    return [(one["member_class"], one["from"], one["to"]) for one in items]


def test_who_left_and_came_again_within_a_month(client: TestClient) -> None:
    employer, person = new_employer(client), hire(client)
    enrol(client, person, employer, "2026-01-01", to="2026-11-10", wage="8000.00")
    enrol(client, person, employer, "2026-11-20", wage="9000.00")
    again, before = ("在职", "2026-11-20", None), ("在职", "2026-01-01", "2026-11-10")
    assert staff(client, employer) == [again]
    for span, found in (
        (NOVEMBER, [again]),
        (("2026-11-20", "2026-11-20"), [again]),
        (("2026-11-11", "2026-11-19"), []),
        (("2026-11-10", "2026-11-19"), [before]),
        (("2026-10-01", "2026-11-05"), [before]),
    ):
        assert staff(client, employer, *span) == found, span
    assert of_month(client, employer, "2026-11") == [("active", "2026-11-20", None)]
    assert of_month(client, employer, "2026-10") == [("active", "2026-01-01", "2026-11-10")]


@pytest.mark.parametrize("how", ["died", "retired", "flexible"])
def test_an_open_registration_ends_by_what_ends_it(client: TestClient, how: str) -> None:
    """A death, a retirement and the end of employment show as the last day, and in no other way."""
    employer, person = new_employer(client), hire(client)
    enrol(client, person, employer, "2026-01-01")
    if how == "died":
        body = {"died_on": "2026-11-05", "evidence": "certificate"}
        assert client.post(f"/v1/accounts/{person}/death", json=body, headers=key()).status_code == 201
    else:
        enrol(client, person, None, "2026-11-06", member_class=how)
    left = ("在职", "2026-01-01", "2026-11-05")
    assert staff(client, employer) == []
    for span, found in (
        (NOVEMBER, [left]),
        (("2026-11-05", "2026-11-21"), [left]),
        (("2026-11-06", "2026-11-21"), []),
        (("2026-10-01", "2026-10-02"), [left]),
    ):
        assert staff(client, employer, *span) == found, span
    assert of_month(client, employer, "2026-11") == [("active", "2026-01-01", "2026-11-05")]
    assert of_month(client, employer, "2026-12") == []


def test_who_had_left_before_the_death_left_on_that_day(client: TestClient) -> None:
    employer, person = new_employer(client), hire(client)
    enrol(client, person, employer, "2026-01-01", to="2026-11-02")
    body = {"died_on": "2026-11-05", "evidence": "certificate"}
    assert client.post(f"/v1/accounts/{person}/death", json=body, headers=key()).status_code == 201
    assert staff(client, employer, *NOVEMBER) == [("在职", "2026-01-01", "2026-11-02")]
    assert staff(client, employer, "2026-11-03", "2026-11-21") == []


def test_a_later_class_at_the_same_employer_counts(client: TestClient) -> None:
    employer, person = new_employer(client), hire(client)
    enrol(client, person, employer, "2026-01-01", wage="8000.00")
    enrol(client, person, employer, "2026-11-15", member_class="retired")
    assert staff(client, employer) == [("退休", "2026-11-15", None)]
    assert staff(client, employer, "2026-11-01", "2026-11-14") == [("在职", "2026-01-01", "2026-11-14")]


def test_other_employers_end_nothing(client: TestClient) -> None:
    employer, other, person = new_employer(client), new_employer(client), hire(client)
    enrol(client, person, employer, "2026-01-01")
    enrol(client, person, other, "2026-06-15")
    assert staff(client, employer) == [("在职", "2026-01-01", None)]
    assert staff(client, other, "2026-06-01", "2026-06-14") == []
    assert staff(client, other) == [("在职", "2026-06-15", None)]


def test_stints_are_the_days_on_which_the_word_counts() -> None:
    """Against the plain rule, day by day."""
    draw = random.Random(62)
    begin = date(2026, 1, 1)
    for _ in range(400):
        words = []
        for seq in range(1, draw.randint(1, 6)):
            first = begin + timedelta(days=draw.randrange(30))
            last = None if draw.random() < 0.4 else first + timedelta(days=draw.randrange(15))
            kind = draw.choice((MemberClass.ACTIVE, MemberClass.RETIRED, MemberClass.FLEXIBLE))
            employer = None if kind is MemberClass.FLEXIBLE else draw.choice((HERE, ELSEWHERE))
            words.append(Enrolment(seq, kind, employer, first, last))
        stints = stints_with(words, HERE)
        for offset in range(-1, 60):
            day = begin + timedelta(days=offset)
            heard = [
                one
                for one in words
                if one.first <= day <= (one.last or date.max)
                and (one.employer_id in {HERE, None} or one.member_class is MemberClass.RETIRED)
            ]
            latest = max(heard, key=lambda one: one.seq, default=None)
            wanted = [] if latest is None or latest.employer_id != HERE else [latest]
            assert [one.word for one in stints if one.first <= day <= (one.last or date.max)] == wanted
        for one, other in pairwise(stints):
            assert one.last is not None
            assert one.last < other.first
            assert one.word != other.word or one.last + timedelta(days=1) < other.first
