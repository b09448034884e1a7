"""Whose book a number is of, at both ends of every letter."""

import pytest

from ledger.book.numbers import has_account, is_institution, party_of
from ledger.chart.parties import NUMBERS_PER_LETTER, Party


@pytest.mark.parametrize("letter", range(1, 27))
@pytest.mark.parametrize("digits", [0, 1, 123_456_789_012, NUMBERS_PER_LETTER - 1])
def test_a_number_says_whose_book_it_is(letter: int, digits: int) -> None:
    book_id = letter * NUMBERS_PER_LETTER + digits
    parties = {5: Party.EMPLOYER, 6: Party.FUND, 9: Party.INSTITUTION, 16: Party.PERSON, 18: Party.RESIDENT}
    assert party_of(book_id) is parties.get(letter)
    # P is the sixteenth letter, I the ninth: a person's account has pockets, and nobody else's book
    assert has_account(book_id) is (letter == 16)
    assert is_institution(book_id) is (letter == 9)
