"""Which terminal modes a program has switched on, so that its death does not leave them on.

Only for a program that was killed: one that ends by itself may leave what it likes.
"""

import re

# What a shell's prompt cannot live with: alternate screen, mouse, focus, paste, hidden cursor,
# application keys, colour-scheme and size reports, held-back output.
_TROUBLE = {
    b"1", b"9", b"47", b"1000", b"1002", b"1003", b"1004", b"1005", b"1006", b"1015", b"1016",
    b"1047", b"1049", b"2004", b"2026", b"2031", b"2048",
}  # fmt: skip
_SWITCH = re.compile(
    rb"\x1b(?:\[\?([\d;]+)([hl])|\[([<>=])([\d;]*)u|\[>4(?:;(\d*))?m|([=>c])|\[(\d*);?(\d*)r)"
)
_TAIL = 32  # no switch is longer; kept so that one cut in two by a read is still found
_KEYPAD = b"="


class Modes:
    """Fed with the program's output; `undo` is what to send to the terminal after its death."""

    def __init__(self) -> None:
        self._on: set[bytes] = set()
        self._hidden = False
        self._kitty = 0
        self._rest = b""

    def feed(self, data: bytes) -> bool:
        """The program has written `data`; whether it switched anything."""
        if self._rest:
            data = self._rest + data
        end = 0
        if b"\x1b" in data:
            for found in _SWITCH.finditer(data):
                self._switch(found)
                end = found.end()
        cut = data.rfind(b"\x1b", max(end, len(data) - _TAIL))
        self._rest = data[cut:] if cut >= 0 else b""
        return end > 0

    def _switch(self, found: re.Match[bytes]) -> None:
        numbers, switch, kitty, count, keys, keypad, top, bottom = found.groups()
        if numbers:
            for number in numbers.split(b";"):
                if number == b"25":
                    self._hidden = switch == b"l"
                elif number in _TROUBLE:
                    (self._on.add if switch == b"h" else self._on.discard)(number)
        elif kitty == b">":
            self._kitty += 1
        elif kitty == b"<":
            self._kitty = max(0, self._kitty - int(count or 1))
        elif keypad == b"c":
            self.__init__()  # type: ignore[misc]
        elif keypad:
            (self._on.add if keypad == _KEYPAD else self._on.discard)(_KEYPAD)
        elif top is not None:
            (self._on.add if top or bottom else self._on.discard)(b"r")
        else:
            (self._on.add if keys and keys != b"0" else self._on.discard)(b"4m")

    def undo(self) -> bytes:
        """What puts the terminal back: nothing when nothing is on."""
        text = b"\x1b[<u" * min(self._kitty, 8)
        if b"4m" in self._on:
            text += b"\x1b[>4m"
        if _KEYPAD in self._on:
            text += b"\x1b>"
        if b"r" in self._on:
            text += b"\x1b7\x1b[r\x1b8"
        # Held-back output first, or nothing of the rest shows; the alternate screen last.
        order = sorted(self._on - {b"4m", _KEYPAD, b"r"}, key=lambda n: (n != b"2026", int(n)))
        alternate = [n for n in order if n in (b"47", b"1047", b"1049")]
        for number in [n for n in order if n not in alternate] + alternate:
            text += b"\x1b[?%sl" % number
        if self._hidden:
            text += b"\x1b[?25h"
        return text + (b"\x1b[m\r\n" if text else b"")
