"""Whose book a number is of, at both ends of every letter."""

import pytest

from ledger.book.numbers import account_no, book_id_of, has_account, is_institution, party_of
from ledger.chart.parties import NUMBERS_PER_LETTER, Party


@pytest.mark.parametrize("letter", range(1, 27))
@pytest.mark.parametrize("digits", [0, 1, 123_456_789_012, NUMBERS_PER_LETTER - 1])
def test_a_number_says_whose_book_it_is(letter: int, digits: int) -> None:
    book_id = letter * NUMBERS_PER_LETTER + digits
    parties = {
        5: Party.EMPLOYER, 6: Party.FUND, 7: Party.REGISTER, 9: Party.INSTITUTION, 16: Party.PERSON,
        18: Party.RESIDENT,
    }  # fmt: skip
    assert party_of(book_id) is parties.get(letter)
    # P is the sixteenth letter, I the ninth: a person's account has pockets, and nobody else's book
    assert has_account(book_id) is (letter == 16)
    assert is_institution(book_id) is (letter == 9)


@pytest.mark.parametrize("letter", [1, 5, 9, 16, 18, 26])
@pytest.mark.parametrize("digits", [0, 1, 123_456_789_012, NUMBERS_PER_LETTER - 1])
def test_a_number_is_read_as_it_was_written(letter: int, digits: int) -> None:
    book_id = letter * NUMBERS_PER_LETTER + digits
    assert book_id_of(account_no(book_id)) == book_id


@pytest.mark.parametrize("book_id", [0, NUMBERS_PER_LETTER - 1, 27 * NUMBERS_PER_LETTER])
def test_there_is_no_letter_before_a_or_after_z(book_id: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        account_no(book_id)
