"""Which name is in force when: pure, and whatever the order in which names were recorded."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ledger.people.dated import DatedDigest, NamesOnRecord, in_order
from ledger.people.renumbering import roles_of

A, B, C = (bytes([letter]) * 32 for letter in b"abc")
BEGIN = date(2020, 1, 1)


def names(*since: tuple[date, bytes]) -> NamesOnRecord:
    return NamesOnRecord(
        A, in_order(DatedDigest(day, digest, 1, seq) for seq, (day, digest) in enumerate(since))
    )


def test_each_name_is_that_of_its_time() -> None:
    known = names((date(2021, 5, 1), B), (date(2023, 5, 1), C))
    assert [known.in_force(date(2021, 4, 30)), known.in_force(date(2021, 5, 1))] == [A, B]
    assert [known.in_force(date(2023, 4, 30)), known.in_force(date(2023, 5, 1))] == [B, C]
    assert known.in_force(date.min) == A
    assert known.was_ever_called(B)
    assert not known.was_ever_called(bytes(32))
    assert known.all == {A, B, C}


def test_of_a_month_every_name_of_it_counts() -> None:
    known = names((date(2021, 5, 10), B), (date(2021, 5, 20), C))
    first, last = date(2021, 5, 1), date(2021, 5, 31)
    assert all(known.is_called_within(one, first, last) for one in (A, B, C))
    assert not known.is_called_within(A, date(2021, 5, 10), last)
    assert not known.is_called_within(C, first, date(2021, 5, 19))


def test_of_one_day_the_later_word_counts() -> None:
    assert names((BEGIN, B), (BEGIN, C)).in_force(BEGIN) == C


@given(st.permutations(list(range(6))), st.integers(-5, 400))
def test_the_order_in_which_names_were_recorded_is_all_one(order: list[int], later: int) -> None:
    said = [(BEGIN + timedelta(days=60 * place), bytes([place]) * 32) for place in range(6)]
    day = BEGIN + timedelta(days=later)
    assert names(*(said[place] for place in order)).in_force(day) == names(*said).in_force(day)


@given(st.permutations(list(range(4))))
def test_one_number_is_in_force_whatever_the_order(order: list[int]) -> None:
    digests = [bytes([place]) * 32 for place in range(4)]
    said = in_order(
        DatedDigest(BEGIN + timedelta(days=place), digests[place], 1, seq) for seq, place in enumerate(order)
    )
    assert roles_of(dict.fromkeys(digests, 2), said) == dict.fromkeys(digests, 2) | {digests[3]: 1}
    assert roles_of({A: 1, B: 2}, ()) == {A: 1, B: 2}
