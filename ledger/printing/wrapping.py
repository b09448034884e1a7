"""Lines of a text that must not be wider than its place. Pure: they are known before anything is drawn."""

from __future__ import annotations

from typing import Final

from ledger.printing.fonts import width_of

# never at the beginning of a line
_CLOSES: Final = frozenset("，。、；：？！）》〉」』】〕”’％…·,.;:?!)]}%")
# never at its end
_OPENS: Final = frozenset("（《〈「『【〔“‘([{￥¥")
# Latin text may go on in the next line after these
_BREAKS: Final = frozenset(" -/")
_IDEOGRAPHS_FROM: Final = "\u2e80"


def wrapped(text: str, room: int) -> tuple[str, ...]:
    """The text in lines of at most `room` thousandths of its size; nothing is added and nothing is lost.

    Words stay whole where they can; a word wider than the room is cut.
    """
    if width_of(text) <= room or len(text) < 2:
        return (text,)
    lines: list[str] = []
    begin = 0
    while begin < len(text):
        end = _line_end(text, begin, room)
        lines.append(text[begin:end])
        begin = end
    return tuple(lines)


def _line_end(text: str, begin: int, room: int) -> int:
    """Where the line that begins at `begin` ends."""
    taken, best = 0, begin
    for place in range(begin, len(text)):
        taken += width_of(text[place])
        if taken > room and place > begin:
            return best if best > begin else place
        if place + 1 < len(text) and _may_break(text[place], text[place + 1]):
            best = place + 1
    return len(text)


def _may_break(before: str, after: str) -> bool:
    if after in _CLOSES or after == " " or before in _OPENS:
        return False
    return before in _BREAKS or before >= _IDEOGRAPHS_FROM or after >= _IDEOGRAPHS_FROM
