"""The terminal, by curses: frames on it, of which only changed lines are sent, and keys from it."""

import curses
import locale
import os
import signal
from contextlib import suppress

from .cells import Look
from .typed import Click
from .views import Frame

try:
    from curses import BUTTON5_PRESSED as WHEEL_DOWN
except ImportError:  # a library that knows four
    WHEEL_DOWN = 0  # type: ignore[misc]

ESCAPE_MS = 25  # a key's sequence comes at once, Esc alone
PASTES = ("\x1b[?2004h", "\x1b[?2004l")
TITLES = ("\x1b[22;2t", "\x1b[23;2t")  # the one before is kept by the terminal, and back at the end
NAMES = {
    curses.KEY_UP: "Up",
    curses.KEY_DOWN: "Down",
    curses.KEY_LEFT: "Left",
    curses.KEY_RIGHT: "Right",
    curses.KEY_HOME: "Home",
    curses.KEY_END: "End",
    curses.KEY_NPAGE: "PgDn",
    curses.KEY_PPAGE: "PgUp",
    curses.KEY_BTAB: "Shift-Tab",
    curses.KEY_DC: "Delete",
    curses.KEY_BACKSPACE: "\x7f",
    curses.KEY_ENTER: "\r",
}
WHEEL = {curses.BUTTON4_PRESSED: "WheelUp", WHEEL_DOWN: "WheelDown"}
WHEELED = 3  # lines, as terminals do
WEIGHTS = {
    Look.PLAIN: curses.A_NORMAL,
    Look.DIM: curses.A_DIM,
    Look.BOLD: curses.A_BOLD,
    Look.NEED: curses.A_BOLD,
    Look.WORK: curses.A_NORMAL,
    Look.IDLE: curses.A_NORMAL,
    Look.BAD: curses.A_BOLD,
    Look.CHOSEN: curses.A_REVERSE,
    Look.BAR: curses.A_NORMAL,
}
COLOURS = {
    Look.NEED: curses.COLOR_RED,
    Look.BAD: curses.COLOR_RED,
    Look.WORK: curses.COLOR_GREEN,
    Look.IDLE: curses.COLOR_CYAN,
    Look.BAR: curses.COLOR_CYAN,
}


def usable(term: str) -> bool:
    """Whether screens can be drawn on this terminal: it is known, and has a cursor that moves."""
    try:
        curses.setupterm(term, 1)
        return curses.tigetstr("cup") is not None
    except curses.error:
        return False


class Screen:
    """The terminal while it is drawn on; a context manager that leaves it as it was."""

    def __init__(self, env):
        self.is_plain, self.has_mouse = bool(env.get("NO_COLOR")), False
        # The console of Linux takes the rest of a title for text.
        self.has_title = not env.get("TERM", "").startswith("linux")

    def __enter__(self) -> "Screen":
        locale.setlocale(locale.LC_ALL, "")
        self.window = curses.initscr()
        curses.set_escdelay(ESCAPE_MS)
        curses.noecho()
        curses.raw()
        curses.nonl()
        self.window.keypad(True)
        self.window.nodelay(True)
        self.window.leaveok(False)
        self.looks = dict(WEIGHTS)
        if curses.has_colors() and not self.is_plain:
            curses.start_color()
            curses.use_default_colors()
            for number, (look, colour) in enumerate(COLOURS.items(), 1):
                curses.init_pair(number, colour, -1)
                self.looks[look] |= curses.color_pair(number)
        self.take()
        return self

    def __exit__(self, *_error) -> None:
        self.leave()

    def leave(self) -> None:
        """The terminal is as it was, for a while or for good."""
        with suppress(curses.error, OSError):
            curses.endwin()
            self.send(PASTES[1] + TITLES[1] * self.has_title)

    def take(self) -> None:
        """The terminal is ours again, and all is drawn anew by the next `put`."""
        self.send(PASTES[0] + TITLES[0] * self.has_title)
        self.renew()

    def suspend(self) -> None:
        """Stopped until the shell has us go on."""
        self.leave()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, lambda *_: None)
        self.take()

    def renew(self) -> None:
        """All is drawn anew by the next `put`."""
        self.titled = ""
        self.shown: Frame | None = None
        self.window.clear()

    def send(self, sequence: str) -> None:
        """The terminal obeys what curses knows nothing of; all of ours, never of the bus."""
        os.write(1, sequence.encode())

    def title(self, text: str) -> None:
        """The terminal's title is `text`."""
        if self.has_title and text != self.titled:
            self.send(f"\x1b]2;{text}\x07")
            self.titled = text

    def size(self) -> tuple[int, int]:
        """Columns and rows, as they are now."""
        cols, rows = os.get_terminal_size(1)
        if (rows, cols) != self.window.getmaxyx() and rows and cols:
            curses.resizeterm(rows, cols)
            self.shown = None
            self.window.clear()
        rows, cols = self.window.getmaxyx()
        return cols, rows

    def put(self, frame: Frame) -> None:
        """The screen shows the frame."""
        if frame == self.shown:
            return
        before = self.shown.lines if self.shown else []
        with suppress(curses.error):  # a terminal without a cursor to hide
            curses.curs_set(frame.cursor is not None)
        for number, line in enumerate(frame.lines):
            if number < len(before) and before[number] == line:
                continue
            self.window.move(number, 0)
            self.window.clrtoeol()  # what is wider here than we thought leaves nothing behind
            with suppress(curses.error):  # behind the last cell there is no place for the cursor
                for text, look in line:
                    self.window.addstr(text, self.looks[look])
        if frame.cursor:
            self.window.move(*frame.cursor)
        self.window.refresh()
        self.shown = frame

    def mouse(self) -> bool:
        """Whether the mouse is ours from now on, and not the terminal's: the other of before."""
        self.has_mouse = not self.has_mouse
        curses.mouseinterval(0)
        curses.mousemask(sum(WHEEL) | curses.BUTTON1_PRESSED if self.has_mouse else 0)
        return self.has_mouse

    def _moused(self) -> "list[str | Click]":
        try:
            _, col, row, _, state = curses.getmouse()
        except curses.error:  # nothing that we asked for
            return []
        turned = next((name for button, name in WHEEL.items() if state & button), "")
        return [turned] * WHEELED if turned else [Click(row, col)]

    def read(self) -> "list[str | Click]":
        """What was typed since the last look: characters, and names of other keys."""
        found: list[str | Click] = []
        while True:
            try:
                key = self.window.get_wch()
            except curses.error:
                return found
            if isinstance(key, str):
                found.append(key)
            elif key == curses.KEY_MOUSE:
                found += self._moused()
            elif key in NAMES:
                found.append(NAMES[key])
