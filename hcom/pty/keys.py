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

_WHOLE = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    rb"|\x1bO[ -~]"  # SS3: F1, arrows
    rb"|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, DCS, APC, PM, SOS: answers to queries
    rb"|\x1b\x1b?[^\x1b\[O\]P_^X]"  # Alt and a key
    rb"|[^\x1b]+",
    re.DOTALL,
)
_BEGUN = re.compile(rb"\x1b+(?:\[[0-?]*[ -/]*|O|[\]P_^X][^\x07\x1b]*\x1b?)?\Z", re.DOTALL)
_REPORT = re.compile(
    rb"\x1b\[(?:[IO]|<[\d;]*[Mm]|M.{0,3}|\?[\d;]*[cunhlRy$]*|>[\d;]*c|[\d;]*[Rtn]|\?[\d;$]*y)\Z"
    rb"|\x1b[\]P_^X]",
    re.DOTALL,
)
# No answer of a terminal is longer; what has not ended by then is not a sequence.
_LONGEST = 65536


class Keys:
    """`typed_at`: when a person last typed or pasted (monotonic; minus infinity for never)."""

    def __init__(self) -> None:
        self.typed_at = float("-inf")
        self._seen_at = float("-inf")
        self._rest = b""
        self._pasting = False

    def feed(self, data: bytes, now: float) -> None:
        """`data` came from the person's terminal."""
        self._seen_at = now
        data = self._rest + data
        at = 0
        while at < len(data):
            found = _WHOLE.match(data, at)
            if found is None:
                if _BEGUN.match(data, at) and len(data) - at < _LONGEST:
                    break
                at += 1  # junk: whatever it is, it did not come from a terminal
                self.typed_at = now
                continue
            self._take(found.group(), now)
            at = found.end()
        self._rest = data[at:]
        if self._rest:
            self.typed_at = now

    def _take(self, piece: bytes, now: float) -> None:
        if piece == b"\x1b[200~":
            self._pasting = True
        elif piece == b"\x1b[201~":
            self._pasting = False
        if not _REPORT.match(piece):
            self.typed_at = now

    def clear_at(self) -> float:
        """From when on a byte may be put in without landing inside something of the person's."""
        if self._pasting:
            return self._seen_at + PASTE_S
        return self._seen_at + (RUSH_S if self._rest else QUIET_S)
