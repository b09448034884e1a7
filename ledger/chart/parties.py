"""Whose book it is: the letters with which account numbers begin."""

from typing import Final

PARTY_LETTERS: Final = {"P": "person", "E": "employer", "I": "institution", "F": "fund", "R": "resident"}
