"""Terminal output cut into what a terminal acts on: text, controls, sequences, strings.

Any bytes are taken; a sequence or character split over chunks waits for its rest, junk is dropped.
The grammar is ECMA-48 as xterm reads it, with UTF-8 and without the eight-bit controls.
"""

import codecs
import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    r"|\x1b\[([0-?]*)([ -/]*)(?P<csi>[@-~])"  # 2 parameters, 3 intermediates, 4 final
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f-\x9f])"
    r"|\x1b\](?P<osc>[^\x07\x18\x1a\x1b]*)(?:\x07|\x1b\\|[\x18\x1a]|(?=\x1b[^\\]))"
    r"|\x1b[PX^_][^\x18\x1a\x1b]*(?:\x1b\\|[\x18\x1a]|(?=\x1b[^\\]))"  # DCS, SOS, PM, APC
    r"|\x1b([ -/]*)(?P<escape>[0-OQ-WYZ\\`-~])"  # 7 intermediates, 8 final
)
_BEGUN = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x18\x1a\x1b]*\x1b?|[PX^_][^\x18\x1a\x1b]*\x1b?|[ -/]*)?\Z"
)
# Pictures and clipboards go through in strings longer than this; what does not end is junk.
_LONGEST = 1 << 16


class Parser:
    """Keeps only what is not yet whole."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """What comes next has nothing to do with what came before."""
        self._rest = ""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def pieces(self, data: bytes) -> Iterator[tuple[str, re.Match[str]]]:
        """Every whole piece in `data` that says something, and its kind by the names above."""
        text = self._rest + self._decode(data)
        at = 0
        end = len(text)
        token = _TOKEN.match
        while at < end:
            found = token(text, at)
            if found is None:
                if end - at < _LONGEST and _BEGUN.match(text, at):
                    break
                at += 1  # the ESC of something that is none
                continue
            at = found.end()
            if kind := found.lastgroup:
                yield kind, found
        self._rest = text[at:]
