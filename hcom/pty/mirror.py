"""A screen that is drawn when somebody looks, or when there is time: what passes costs little.

A flood is not drawn but skipped, up to a point from which on the screen is right again; if there
is none the screen says `unknown` until the program draws all anew.
"""

import re

from .screen import Screen

# Drawn in one go: about 5 ms, less than a person notices between key and echo.
BATCH = 16384
# Drawing costs about 0.2 s a MB. Spinners and streamed answers are far below this rate and are
# always drawn; a flood above it costs 5 % of one CPU at most.
RATE = 262144
BURST = 131072
# Kept for a look during a flood, which then takes 0.1 s at most.
LIMIT = 524288
KEPT = 65536

# What stays true over a gap: titles and states, and which of its two screens the program uses.
_LASTING = re.compile(
    rb"\x1b\](?:0|2|7501);[^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|\x1b\[\?(?:47|1047|1049)[hl]"
)
# Pictures and clipboards: of a control string nothing is shown, and its end is known without it.
_STRING = re.compile(rb"\x1b(?:\][^\x07\x18\x1a\x1b]*|[PX^_][^\x18\x1a\x1b]*)")
# What a program draws in one go, line by line by its place. The same once more shows nothing new:
# Codex up to 0.98 sends one each second while it is idle.
_FRAME = b"\x1b[?2026h\x1b["
# From here on the screen is known again: reset, all erased, an empty alternate screen.
_FRESH = (b"\x1bc", b"\x1b[2J", b"\x1b[?1049h")


class Mirror:
    """`screen` is what the person sees now."""

    def __init__(self, cols: int, rows: int) -> None:
        self._screen = Screen(cols, rows)
        self._waiting: list[bytes] = []
        self._size = 0
        self._credit = float(BURST)
        self._last = b""
        self.changed_at = float("-inf")  # when output last changed something; does not draw

    def feed(self, data: bytes, now: float) -> None:
        """The program wrote `data` (never rejects any)."""
        if self.changed_at > float("-inf"):
            self._credit = min(BURST, self._credit + (now - self.changed_at) * RATE)
        if data != self._last or not data.startswith(_FRAME):
            self.changed_at = now
        self._last = data
        self._waiting.append(data)
        self._size += len(data)
        if self._size >= BATCH and self._size <= self._credit:
            self._credit -= self._size
            self._draw()
        elif self._size > LIMIT:
            self._skip()

    def resize(self, cols: int, rows: int) -> None:
        """The person's terminal has a new size."""
        self._draw()
        self._screen.resize(cols, rows)

    @property
    def screen(self) -> Screen:
        """All that was fed is drawn."""
        self._draw()
        return self._screen

    def _draw(self) -> None:
        for data in self._waiting:
            self._screen.feed(data)
        self._waiting.clear()
        self._size = 0

    def _skip(self) -> None:
        data = self._screen.parser.restart() + b"".join(self._waiting)
        data = _STRING.sub(lambda string: string[0][:BATCH], data)
        if len(data) > KEPT:
            fresh = max(data.rfind(mark, len(data) - KEPT) for mark in _FRESH)
            cut = fresh if fresh >= 0 else data.find(b"\n", len(data) - KEPT)
            cut = cut if cut >= 0 else len(data) - KEPT
            lasting = b"".join(found.group() for found in _LASTING.finditer(data, 0, cut))
            self._screen.lose()
            self._screen.feed(lasting)
            self._screen.lose()
            data = data[cut:]
        self._waiting, self._size = [data], len(data)
