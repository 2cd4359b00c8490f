"""Rows of cells: what stands where, and how. Writing, erasing and shifting; no cursor, no modes.

Beside them what has no cursor either: looks as SGR sets them.
"""

import unicodedata
from collections import namedtuple
from functools import lru_cache

DIM = 1
_LOOKS = {0: 0, 2: DIM, 22: 0}  # the look after an SGR number; all others leave it as it is


# One column: `text` is empty in the right half of a wide character
Cell = namedtuple("Cell", "text dim")


@lru_cache(maxsize=4096)
def width(char: str) -> int:
    """The columns a terminal gives the character: 0, 1 or 2."""
    if char == "\u00ad":
        return 1  # a soft hyphen is format to Unicode and visible to terminals
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class Row:
    """`text` and `look` have one entry a column and stay of that length."""

    __slots__ = ("look", "text")

    def __init__(self, cols: int) -> None:
        self.text = [" "] * cols
        self.look = bytearray(cols)

    def put(self, x: int, text: str | list[str], look: int) -> None:
        """`text`, one entry a column, stands from `x`; a wide character cut in two is gone."""
        end = x + len(text)
        self._split(x)
        self._split(end)
        self.text[x:end] = text
        self.look[x:end] = bytes((look,)) * len(text)

    def _split(self, x: int) -> None:
        if 0 < x < len(self.text) and not self.text[x]:
            self.text[x - 1] = self.text[x] = " "

    def join(self, x: int, mark: str) -> None:
        """The combining `mark` stands on the character at `x`."""
        if x and not self.text[x]:
            x -= 1
        if len(self.text[x]) < 16:  # junk may hold thousands
            self.text[x] += mark

    def erase(self, x: int, end: int) -> None:
        self.put(x, " " * (min(end, len(self.text)) - x), 0)

    def insert(self, x: int, count: int) -> None:
        cols = len(self.text)
        count = min(count, cols - x)
        self._split(x)
        self._split(cols - count)
        self.text[x:] = [" "] * count + self.text[x : cols - count]
        self.look[x:] = bytes(count) + self.look[x : cols - count]

    def delete(self, x: int, count: int) -> None:
        cols = len(self.text)
        count = min(count, cols - x)
        self._split(x)
        self._split(x + count)
        self.text[x:] = self.text[x + count :] + [" "] * count
        self.look[x:] = self.look[x + count :] + bytes(count)

    def resize(self, cols: int) -> None:
        self._split(cols)
        self.text = (self.text + [" "] * cols)[:cols]
        self.look = (self.look + bytes(cols))[:cols]


class Grid:
    """The rows of one screen."""

    def __init__(self, cols: int, rows: int) -> None:
        self.cols = cols
        self.rows = [Row(cols) for _ in range(rows)]

    def scroll_up(self, top: int, end: int, count: int) -> None:
        """Rows [top, end) move up by `count`; empty ones follow."""
        count = min(count, end - top)
        self.rows[top:end] = self.rows[top + count : end] + self._empty(count)

    def scroll_down(self, top: int, end: int, count: int) -> None:
        count = min(count, end - top)
        self.rows[top:end] = self._empty(count) + self.rows[top : end - count]

    def _empty(self, count: int) -> list[Row]:
        return [Row(self.cols) for _ in range(count)]

    def erase(self, top: int, end: int) -> None:
        self.rows[top:end] = self._empty(len(self.rows[top:end]))

    def resize(self, cols: int, rows: int, y: int) -> int:
        """The new size, without reflow: the client draws anew. Answers the cursor's new row."""
        self.cols = cols
        for row in self.rows:
            row.resize(cols)
        above = max(0, y - rows + 1)  # what a terminal would move into its scrollback
        self.rows = self.rows[above : above + rows]
        self.rows += self._empty(rows - len(self.rows))
        return y - above


def styled(look: int, numbers: list[int]) -> int:
    """The look after SGR `numbers`."""
    at = 0
    while at < len(numbers):
        number = numbers[at]
        if number in (38, 48, 58):  # a colour: 5 and one number, or 2 and three
            kind = numbers[at + 1] if at + 1 < len(numbers) else 0
            at += {5: 2, 2: 4}.get(kind, 0)
        look = _LOOKS.get(number, look)
        at += 1
    return look
