"""Follows what comes from the person's terminal: are we between two keys, and did a person type?

Reports that terminals send by themselves (focus, mouse, answers to queries) are not typing.
Changes no byte.
"""

import re

# A terminal sends a key's bytes in one go; over a slow ssh they may come in two packets. A lone
# ESC is also a key of its own, so silence has to end the wait for the rest.
RUSH_S = 0.3
# A paste that was begun and not ended: after this long its terminal has died in the middle.
PASTE_S = 30.0
# Input seen within this long is a burst still going on: Gemini takes keys < 30 ms apart for one.
QUIET_S = 0.1

# OSC with a number or a title, DCS, APC of graphics; with another start it is Alt and a key.
_STRING = rb"(?:\](?:\d+;|[lL])|P[\d!$+=>@|]|_G)[^\x07\x18\x1a\x1b]*"
_PIECE = re.compile(
    rb"(?P<report>\x1b(?:\["
    rb"(?:[IO]|M[^\x01-\x1f]{3}|\d+;\d+;\d+M"  # focus; mouse: X10, urxvt
    rb"|[<-?][0-?]*[ -/]*[@-~]"  # SGR mouse, attributes, modes, keyboard: no key has a prefix
    # Cursor, sizes, status, terminal parameters, modes, locator; Shift-F3 and its like are keys.
    rb"|(?!1;(?:[2-9]|1[0-6])R)\d[\d;]*(?:[Rntx]|\$y|&w))"
    rb"|" + _STRING + rb"(?:[\x07\x18\x1a]|\x1b\\|(?=\x1b[^\\]))))"
    rb"|(?P<begun>\x1b(?:\x1b?(?:\[[0-?]*(?:[;<-?]\d*[ -/]+)?|O)?|\[M[^\x01-\x1f]{,2}|\]\d*|[P_]"
    rb"|" + _STRING + rb"\x1b?)\Z)"
    rb"|\x1b\[20(?P<paste>[01])~"
    rb"|\x1b[^\x1b]*|[^\x1b]+",
    re.DOTALL,
)
_ESC = re.compile(rb"\x1b(?:\[27(?:;1)?(?::\d)?u)?")  # as a byte, and in kitty's protocol
_SHORT = 2  # ESC, or Alt and a key: more that is not whole comes from no key
_KEPT = 64  # the start of a report, which may be a clipboard


class Keys:
    """What the person's terminal sends; times are monotonic."""

    def __init__(self) -> None:
        self._typed_at = self._seen_at = float("-inf")
        self._rest = self._key = b""  # what is not whole; the last that was typed
        self._pasting = False

    @property
    def typed_at(self) -> float:
        """When a person last typed or pasted; minus infinity for never."""
        return self._seen_at if 0 < len(self._rest) <= _SHORT else self._typed_at

    @property
    def escaped(self) -> bool:
        """Whether the key that was typed last is Esc."""
        return _ESC.fullmatch(self._rest or self._key) is not None

    def feed(self, data: bytes, now: float) -> None:
        """`data` came from the person's terminal."""
        if len(self._rest) <= _SHORT and now > self._seen_at + RUSH_S:  # it was a key
            self._typed_at, self._key, self._rest = self.typed_at, self._rest or self._key, b""
        data, self._rest, self._seen_at = self._rest + data, b"", now
        for found in _PIECE.finditer(data):
            if found.lastgroup == "begun":
                self._rest = found[0][:_KEPT] + b"\x1b" * (found[0][_KEPT:][-1:] == b"\x1b")
            elif found.lastgroup != "report":
                self._typed_at, self._key = now, found[0][:_KEPT]
            if found.lastgroup == "paste":
                self._pasting = found["paste"] == b"0"

    def clear_at(self) -> float:
        """From when on a byte may be put in without landing inside something of the person's."""
        if self._pasting:
            return self._seen_at + PASTE_S
        return self._seen_at + (RUSH_S if self._rest else QUIET_S)
