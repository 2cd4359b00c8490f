"""Which terminal modes a program has switched on, so that its death does not leave them on.

Only for a program that was killed: one that ends by itself may leave what it likes.
"""

import re

# What a shell's prompt cannot live with, and what switches it off, in this order: key reports,
# application keypad, a scrolling region; held-back output, or nothing of the rest shows;
# application keys, mouse, focus, paste, colour-scheme and size reports; the alternate screen; a
# hidden cursor.
_NUMBERS = b"2026 1 9 1000 1002 1003 1004 1005 1006 1015 1016 2004 2031 2048 47 1047 1049".split()
_HIDDEN = b"25"
_UNDO = {
    b"m": b"\x1b[>4m",
    b"=": b"\x1b>",
    b"r": b"\x1b7\x1b[r\x1b8",
    **{number: b"\x1b[?%sl" % number for number in _NUMBERS},
    _HIDDEN: b"\x1b[?25h",
}
_SWITCH = re.compile(
    rb"\x1b(?:\[\?([\d;]+)([hl])|\[([<>=])([\d;]*)u|\[>4(?:;(\d*))?m|([=>c])|\[(\d*);?(\d*)r)"
)
_TAIL = 32  # no switch is longer; kept so that one cut in two by a read is still found


class Modes:
    """Fed with the program's output; `undo` is what to send to the terminal after its death."""

    def __init__(self) -> None:
        self._on: set[bytes] = set()
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
            for number in _UNDO.keys() & numbers.split(b";"):
                self._set(number, switch == (b"l" if number == _HIDDEN else b"h"))
        elif kitty == b">":
            self._kitty += 1
        elif kitty == b"<":
            self._kitty = max(0, self._kitty - int(count or 1))
        elif keypad == b"c":
            self.__init__()  # type: ignore[misc]
        elif keypad:
            self._set(b"=", keypad == b"=")
        elif top is not None:
            self._set(b"r", bool(top or bottom))
        elif not kitty:
            self._set(b"m", bool(keys and keys != b"0"))

    def _set(self, mode: bytes, on: bool) -> None:
        (self._on.add if on else self._on.discard)(mode)

    def undo(self) -> bytes:
        """What puts the terminal back: nothing when nothing is on."""
        text = b"\x1b[<u" * min(self._kitty, 8)
        text += b"".join(off for mode, off in _UNDO.items() if mode in self._on)
        return text + (b"\x1b[m\r\n" if text else b"")
