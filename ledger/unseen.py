"""The characters that nobody sees: what they stand in reads the same without them, so they identify nothing.

Each range is (first, last), both included.
"""

from typing import Final

_IGNORABLE: Final = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x2060, 0x2065),
    (0x206A, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""Default_Ignorable_Code_Point of the Unicode Character Database, DerivedCoreProperties.txt
(of 14.0 as of 16.0), without IS_DIRECTION."""

IS_DIRECTION: Final = ((0x202A, 0x202E), (0x2066, 0x2069))
"""The rest: they turn the direction of writing and so change what is seen; who holds one is refused."""

_FORMAT: Final = (
    (0x0600, 0x0605),
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0xFFF9, 0xFFFB),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
)
"""General_Category Cf beside those, DerivedGeneralCategory.txt of 16.0."""

_EMPTY: Final = (
    # the Braille cell without a dot, a note head that is none, what fills a place in Egyptian and Khitan
    (0x2800, 0x2800),
    (0x1D159, 0x1D159),
    (0x13441, 0x13442),
    (0x16FE4, 0x16FE4),
)
"""Characters by the names chart that show an empty place, and are no blank by their property."""

_NONCHARACTERS: Final = (
    (0xFDD0, 0xFDEF),
    *((plane * 0x10000 + 0xFFFE, plane * 0x10000 + 0xFFFF) for plane in range(17)),
)
"""Noncharacter_Code_Point, PropList.txt: never a character."""

UNSEEN: Final = tuple(sorted((*_IGNORABLE, *_FORMAT, *_EMPTY, *_NONCHARACTERS)))
"""All that goes out of a text that identifies something."""
