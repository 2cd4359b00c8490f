"""What a person sees: a terminal's screen as a model, fed with a program's output.

Pure: no descriptor, no clock. As much of xterm as clients use; colours and links are not kept.
Any bytes are taken.
"""

import re
from collections import namedtuple
from collections.abc import Callable

from .grid import Cell, Grid, styled, width
from .parse import Parser

_TAB = 8  # columns between two stops; no program that draws screens sets its own
# Titles come from a program; none that means something to us is longer.
_LONGEST = 4096
# The character sets, by what designates them, and whether one is that of lines.
_ASCII = dict.fromkeys("()*+", False)
# DEC special graphics, which ncurses draws its lines with: ` to ~.
_LINES = dict(zip(range(0x60, 0x7F), "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"))


_Saved = namedtuple(
    "_Saved", "x y look origin charset charsets", defaults=(0, 0, 0, False, "(", _ASCII)
)


class Screen:
    """A terminal of `cols` by `rows`.

    `title` by OSC 0 or 2; `state` by OSC 7501 (Codex: `state=idle:app=codex`); `unknown` while what
    was on the screen has been lost (`lose`).
    """

    def __init__(self, cols: int, rows: int) -> None:
        self.cols, self.rows = max(1, cols), max(1, rows)
        self.title = self.state = ""
        self.parser = Parser()
        self._reset()

    def _reset(self) -> None:
        self._main = self._grid = Grid(self.cols, self.rows)
        self.alternate = False
        self.hidden = False  # the cursor
        self._saved = {False: _Saved(), True: _Saved()}  # of the main and the alternate screen
        self._last = ""  # for REP
        self._grid_lost = self._main_lost = self._cursor_lost = False
        self._feeds_left = 0
        self._soft_reset()
        self._x = self._y = 0

    def _soft_reset(self) -> None:
        self._wrapping = False  # the cursor stands behind the last column
        self._look = 0
        self._top, self._end = 0, self.rows
        self._autowrap = True
        self._origin = self._inserting = False
        self._charset, self._charsets = "(", _ASCII

    # -- what one looks at --

    def feed(self, data: bytes) -> None:
        """The program wrote `data`."""
        for kind, piece in self.parser.pieces(data):
            _PIECES[kind](self, piece)
            if kind != "text":
                self._last = ""

    def lines(self) -> list[str]:
        """The rows as text, without what is blank at their ends."""
        return ["".join(row.text).rstrip() for row in self._grid.rows]

    def cells(self, y: int) -> list[Cell]:
        """Row `y`, column by column."""
        row = self._grid.rows[y]
        return [Cell(text, bool(look)) for text, look in zip(row.text, row.look)]

    @property
    def cursor(self) -> tuple[int, int]:
        """(column, row), from 0."""
        return self._x, self._y

    @property
    def unknown(self) -> bool:
        return self._grid_lost or self._cursor_lost

    def resize(self, cols: int, rows: int) -> None:
        """The terminal has a new size; nothing is reflowed."""
        self.cols, self.rows = max(1, cols), max(1, rows)
        y = self._grid.resize(self.cols, self.rows, self._y)
        if self._grid is not self._main:
            self._main.resize(self.cols, self.rows, self._saved[False].y)
        self._top, self._end = 0, self.rows
        self._x, self._y = min(self._x, self.cols - 1), y
        self._wrapping = False

    def lose(self) -> None:
        """Output was skipped: `unknown` until the program draws all anew, or scrolls all away."""
        self.parser.restart()
        self._soft_reset()
        self._grid_lost = self._cursor_lost = True
        # That many line feeds bring the cursor to the bottom and then everything out of sight.
        self._feeds_left = 2 * self.rows

    # -- text --

    def _text(self, text: str) -> None:
        if self._charsets[self._charset]:
            text = text.translate(_LINES)
        self._last = text[-1]
        if not self._inserting and (text.isascii() or set(map(width, text)) == {1}):
            self._narrow(text)
            return
        for char in text:
            self._wide(char)

    def _narrow(self, text: str) -> None:
        while text:
            self._wrap()
            room = self.cols - self._x
            if not self._autowrap and len(text) > room:
                text = text[: room - 1] + text[-1]  # the rest overwrites the last column
            piece, text = text[:room], text[room:]
            self._grid.rows[self._y].put(self._x, piece, self._look)
            self._advance(len(piece))

    def _wide(self, char: str) -> None:
        columns = width(char)
        row = self._grid.rows[self._y]
        if not columns:
            row.join(self._x if self._wrapping else max(0, self._x - 1), char)
            return
        if columns == 2 and self._x == self.cols - 1 and self._autowrap:
            self._wrapping = True
        self._wrap()
        row = self._grid.rows[self._y]
        columns = min(columns, self.cols)
        self._x = min(self._x, self.cols - columns)
        if self._inserting:
            row.insert(self._x, columns)
        row.put(self._x, [char] + [""] * (columns - 1), self._look)
        self._advance(columns)

    def _wrap(self) -> None:
        if self._wrapping and self._autowrap:
            self._x = 0
            self._feed_line()

    def _advance(self, columns: int) -> None:
        self._x += columns
        self._wrapping = self._x >= self.cols
        self._x = min(self._x, self.cols - 1)

    # -- controls --

    def _tab(self, count: int) -> None:
        """To the next of the stops, one every eight columns, `count` times; back where negative."""
        at = self._x // _TAB if count > 0 else -(-self._x // _TAB)
        self._column((at + count) * _TAB)

    def _feed_line(self) -> None:
        self._wrapping = False
        if self._y == self._end - 1:
            self._grid.scroll_up(self._top, self._end, 1)
        elif self._y < self.rows - 1:
            self._y += 1
        if self._feeds_left and self._end - self._top == self.rows:
            self._feeds_left -= 1
            if self._feeds_left == self.rows:
                self._y = self.rows - 1
            elif not self._feeds_left:
                self._grid_lost = self._cursor_lost = False

    def _next_line(self) -> None:
        self._column(0)
        self._feed_line()

    def _feed_back(self) -> None:
        self._wrapping = False
        if self._y == self._top:
            self._grid.scroll_down(self._top, self._end, 1)
        else:
            self._y = max(0, self._y - 1)

    # -- sequences --

    def _escape(self, between: str, final: str) -> None:
        if between in _ASCII:
            self._charsets = {**self._charsets, between: final == "0"}
        else:
            _ESCAPES.get(between + final, _ignore)(self)

    def _sequence(self, params: str, between: str, final: str) -> None:
        private = params[:1] if params[:1] in ("<", "=", ">", "?") else ""
        act = _SEQUENCES.get(private + between + final)
        if act is None or (":" in params and final != "m"):
            return
        numbers = []
        for param in params[len(private) :].split(";"):
            # With colons it is a colour or a kind of line, and says all that belongs to it.
            number = -1 if ":" in param else int(param[:6] or 0)
            numbers.append(min(number, 65535))
        self._wrapping = self._wrapping and final not in "JKX@P"  # what erases or shifts
        act(self, numbers)

    def _told(self, text: str) -> None:
        code, _, rest = text[:_LONGEST].partition(";")
        if code in ("0", "2"):
            self.title = rest
        elif code == "7501" and rest != "?":  # Claude asks the terminal whether it knows of it
            self.state = rest

    # -- the cursor --

    def _at(self, x: int, y: int) -> None:
        self._x = max(0, min(x, self.cols - 1))
        self._y = max(0, min(y, self.rows - 1))
        self._wrapping = False

    def _column(self, x: int) -> None:
        self._at(x, self._y)

    def _by(self, x: int, y: int) -> None:
        """Relative moves stop at the region's edge if they begin inside it."""
        top = self._top if self._y >= self._top else 0
        end = self._end if self._y < self._end else self.rows
        if y < 0 and self._feeds_left:
            self._feeds_left = 2 * self.rows
        self._at(self._x + x, max(top, min(self._y + y, end - 1)))

    def _go(self, x: int, y: int) -> None:
        self._cursor_lost = False
        self._feeds_left = 2 * self.rows if self._grid_lost else 0
        if self._origin:
            y = min(y + self._top, self._end - 1)
        self._at(x, y)

    def _save(self) -> None:
        self._saved[self.alternate] = _Saved(
            self._x, self._y, self._look, self._origin, self._charset, self._charsets
        )

    def _restore(self) -> None:
        saved = self._saved[self.alternate]
        self._at(saved.x, saved.y)
        self._look, self._origin = saved.look, saved.origin
        self._charset, self._charsets = saved.charset, saved.charsets

    # -- erasing, shifting --

    def _erase_line(self, kind: int) -> None:
        parts = {0: (self._x, self.cols), 1: (0, self._x + 1), 2: (0, self.cols)}
        self._grid.rows[self._y].erase(*parts.get(kind, (0, 0)))

    def _erase_screen(self, kind: int) -> None:
        if kind == 2 or (kind == 0 and self.cursor == (0, 0) and not self._cursor_lost):
            self._grid.erase(0, self.rows)
            self._grid_lost = False
            if not self._cursor_lost:
                self._feeds_left = 0
        elif kind < 2:
            self._erase_line(kind)
            self._grid.erase(*((self._y + 1, self.rows) if kind == 0 else (0, self._y)))

    def _lines_below(self, scroll: Callable[[Grid, int, int, int], None], count: int) -> None:
        """The cursor's line and those below it scroll, where the cursor is in the region."""
        if self._top <= self._y < self._end:
            scroll(self._grid, self._y, self._end, count)
            self._column(0)

    def _region(self, numbers: list[int]) -> None:
        top = max(1, numbers[0])
        end = min((numbers[1] if len(numbers) > 1 else 0) or self.rows, self.rows)
        if top < end:
            self._top, self._end = top - 1, end
            self._go(0, 0)

    # -- modes --

    def _modes(self, numbers: list[int], on: bool) -> None:
        for number in numbers:
            if number == 6:
                self._origin = on
                self._go(0, 0)
            elif number == 7:
                self._autowrap = on
            elif number == 25:
                self.hidden = not on
            elif number == 1048:
                self._save() if on else self._restore()
            elif number in (47, 1047, 1049):
                self._switch(on, number == 1049)

    def _switch(self, on: bool, keeping: bool) -> None:
        """To the alternate screen, empty, or back to the main one as it was; `keeping` the cursor,
        wherever it is already."""
        if on and keeping:
            self._save()
        if on and not self.alternate:
            self._grid = Grid(self.cols, self.rows)
            self._main_lost, self._grid_lost = self._grid_lost, False
        elif on and keeping:
            self._erase_screen(2)
        elif self.alternate and not on:
            self._grid, self._grid_lost = self._main, self._main_lost
        self.alternate = on
        if keeping and not on:
            self._restore()

    def _set(self, numbers: list[int], on: bool) -> None:
        if 4 in numbers:
            self._inserting = on

    def _repeat(self, count: int) -> None:
        if self._last:
            self._text(self._last * min(count, self.cols * self.rows))


def _count(act: Callable[[Screen, int], None]) -> Callable[[Screen, list[int]], None]:
    """For a sequence whose number says how often: none and 0 are 1."""
    return lambda screen, numbers: act(screen, numbers[0] or 1)


def _second(numbers: list[int]) -> int:
    return (numbers[1] if len(numbers) > 1 else 0) or 1


_ESCAPES: dict[str, Callable[[Screen], None]] = {
    "7": Screen._save,
    "8": Screen._restore,
    "D": Screen._feed_line,
    "M": Screen._feed_back,
    "E": Screen._next_line,
    "c": Screen._reset,
    "n": lambda s: setattr(s, "_charset", "*"),
    "o": lambda s: setattr(s, "_charset", "+"),
}

_CONTROLS: dict[str, Callable[[Screen], None]] = {
    **dict.fromkeys("\n\v\f", Screen._feed_line),
    "\r": lambda s: s._column(0),
    "\b": lambda s: s._column(s._x - 1),
    "\t": lambda s: s._tab(1),
    "\x0e": lambda s: setattr(s, "_charset", ")"),
    "\x0f": lambda s: setattr(s, "_charset", "("),
}


def _ignore(_screen: Screen) -> None: ...


_PIECES: dict[str, Callable[[Screen, re.Match[str]], None]] = {
    "text": lambda s, piece: s._text(piece[0]),
    "control": lambda s, piece: _CONTROLS.get(piece[0], _ignore)(s),
    "csi": lambda s, piece: s._sequence(*piece.group(2, 3, 4)),
    "escape": lambda s, piece: s._escape(*piece.group(7, 8)),
    "osc": lambda s, piece: s._told(piece["osc"]),
}

# By private prefix, intermediates and final.
_SEQUENCES: dict[str, Callable[[Screen, list[int]], None]] = {
    "A": _count(lambda s, n: s._by(0, -n)),
    "B": _count(lambda s, n: s._by(0, n)),
    "C": _count(lambda s, n: s._by(n, 0)),
    "D": _count(lambda s, n: s._by(-n, 0)),
    "a": _count(lambda s, n: s._by(n, 0)),
    "e": _count(lambda s, n: s._by(0, n)),
    "E": _count(lambda s, n: s._by(-s._x, n)),
    "F": _count(lambda s, n: s._by(-s._x, -n)),
    "G": _count(lambda s, n: s._column(n - 1)),
    "`": _count(lambda s, n: s._column(n - 1)),
    "d": lambda s, ns: s._go(s._x, (ns[0] or 1) - 1),
    "H": lambda s, ns: s._go(_second(ns) - 1, (ns[0] or 1) - 1),
    "f": lambda s, ns: s._go(_second(ns) - 1, (ns[0] or 1) - 1),
    "I": _count(lambda s, n: s._tab(n)),
    "Z": _count(lambda s, n: s._tab(-n)),
    "J": lambda s, ns: s._erase_screen(ns[0]),
    "?J": lambda s, ns: s._erase_screen(ns[0]),
    "K": lambda s, ns: s._erase_line(ns[0]),
    "?K": lambda s, ns: s._erase_line(ns[0]),
    "X": _count(lambda s, n: s._grid.rows[s._y].erase(s._x, s._x + n)),
    "@": _count(lambda s, n: s._grid.rows[s._y].insert(s._x, n)),
    "P": _count(lambda s, n: s._grid.rows[s._y].delete(s._x, n)),
    "L": _count(lambda s, n: s._lines_below(Grid.scroll_down, n)),
    "M": _count(lambda s, n: s._lines_below(Grid.scroll_up, n)),
    "S": _count(lambda s, n: s._grid.scroll_up(s._top, s._end, n)),
    "T": _count(lambda s, n: s._grid.scroll_down(s._top, s._end, n)),
    "b": _count(Screen._repeat),
    "r": Screen._region,
    "m": lambda s, ns: setattr(s, "_look", styled(s._look, ns)),
    "s": lambda s, ns: s._save(),
    "u": lambda s, ns: s._restore(),
    "h": lambda s, ns: s._set(ns, True),
    "l": lambda s, ns: s._set(ns, False),
    "?h": lambda s, ns: s._modes(ns, True),
    "?l": lambda s, ns: s._modes(ns, False),
    "!p": lambda s, ns: s._soft_reset(),
}
