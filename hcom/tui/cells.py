"""Text on a screen of cells: what of it is shown, and how many columns that takes. Pure.

All that is drawn goes through here: nothing that a terminal obeys, and nothing of which terminals
differ in how wide they draw it (joined emoji, variation selectors, flags).
"""

import unicodedata
from collections import namedtuple
from collections.abc import Iterator
from enum import Enum

from ..bus.render import clean
from ..pty.grid import width

GONE = "\ufffd"  # in place of what has no certain width
MARKS_MOST = 2  # combining marks on one letter; junk may hold thousands
FLAG, LETTER = 0x1F1E6, ord("A")  # a flag is two letters of a country


class Look(Enum):
    """How a piece of a line is drawn; where there is no colour, by weight alone."""

    PLAIN, DIM, BOLD, NEED, WORK, IDLE, BAD, CHOSEN, BAR = range(9)


# A piece of a line
Span = namedtuple("Span", "text look", defaults=(Look.PLAIN,))


Line = list[Span]


def _glyph(char: str) -> str:
    """What is shown of one character: itself, something alike, or nothing."""
    kind, code = unicodedata.category(char), ord(char)
    if FLAG <= code < FLAG + 26:
        return chr(code - FLAG + LETTER)
    if kind == "Cf" or 0xFE00 <= code < 0xFE10 or 0x1F3FB <= code < 0x1F400:
        return ""  # joiners, selectors and the colours of skins
    if kind in ("Zs", "Zl", "Zp"):
        return " "
    return GONE if kind in ("Cn", "Co", "Cs") or 0x1160 <= code < 0x1200 else char


def clusters(text: str) -> Iterator[tuple[str, int]]:
    """The letters of `text` as they are shown on one line, with what stands on each, and the
    columns each takes."""
    text = clean(text.replace("\t", " ").replace("\n", " "))
    if text.isascii():
        yield from ((char, 1) for char in text)
        return
    letter, columns, marks = "", 0, 0
    for char in "".join(map(_glyph, unicodedata.normalize("NFC", text))):
        if width(char):
            if letter:
                yield letter, columns
            letter, columns, marks = char, width(char), 0
        elif letter and marks < MARKS_MOST:
            letter, marks = letter + char, marks + 1
    if letter:
        yield letter, columns


def columns(text: str) -> int:
    """How many columns `text` takes when it is shown."""
    return sum(taken for _, taken in clusters(text))


def fit(text: str, room: int) -> str:
    """What is shown of `text` in at most `room` columns; … at the end where it was cut."""
    found, used = list[str](), 0
    for letter, taken in clusters(text[: 16 * room + 16]):
        if used + taken > room:
            while found and used > room - 1:
                used -= columns(found.pop())
            return "".join(found) + "…" * (room > 0)
        found.append(letter)
        used += taken
    return "".join(found)


def pad(text: str, room: int) -> str:
    """`fit`, and blanks up to `room` columns."""
    shown = fit(text, room)
    return shown + " " * (room - columns(shown))


def wrapped(text: str, room: int) -> Iterator[str]:
    """`text` in lines of at most `room` columns, broken behind blanks where there are such."""
    for line in text.split("\n"):
        found, used, blank = list[str](), 0, 0
        for letter, taken in clusters(line):
            if used + taken > room and found:
                at = blank or len(found)
                yield "".join(found[:at]).rstrip()
                found, blank = found[at:], 0
                used = columns("".join(found))
            found.append(letter)
            used += taken
            blank = len(found) if letter == " " else blank
        yield "".join(found)


def laid(room: int, spans: Line, right: Line = []) -> Line:  # noqa: B006 - never changed
    """A line of exactly `room` columns: `spans` from the left, cut where `right` begins, which
    stands at the right end; where both do not fit, `right` gives way."""
    taken = sum(columns(span.text) for span in right)
    if taken > room // 2:
        right, taken = [], 0
    found, left = list[Span](), room - taken
    for span in spans:
        shown = fit(span.text, left)
        left -= columns(shown)
        found.append(Span(shown, span.look))
    return [*found, Span(" " * left, found[-1].look if found else Look.PLAIN), *right]


def text_of(lines: list[Line]) -> str:
    """The lines as text, without blanks at their ends."""
    return "\n".join("".join(span.text for span in line).rstrip() for line in lines)
