"""Terminal output cut into what a terminal acts on: text, controls, sequences, strings.

Any bytes are taken; a sequence or character split over chunks waits for its rest, junk is dropped.
The grammar is ECMA-48 as xterm reads it, with UTF-8 and without the eight-bit controls.
"""

import codecs
import re
from typing import Protocol

_TOKEN = re.compile(
    r"([^\x00-\x1f\x7f-\x9f]+)"  # 1 text
    r"|\x1b\[([0-?]*)([ -/]*)([@-~])"  # 2 parameters, 3 intermediates, 4 final
    r"|([\x00-\x1a\x1c-\x1f\x7f-\x9f])"  # 5 control
    r"|\x1b\]([^\x07\x18\x1a\x1b]*)(?:\x07|\x1b\\|[\x18\x1a]|(?=\x1b[^\\]))"  # 6 OSC
    r"|\x1b[PX^_][^\x18\x1a\x1b]*(?:\x1b\\|[\x18\x1a]|(?=\x1b[^\\]))"  # DCS, SOS, PM, APC
    r"|\x1b([ -/]*)([0-OQ-WYZ\\`-~])"  # 7 intermediates, 8 final
)
_BEGUN = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x18\x1a\x1b]*\x1b?|[PX^_][^\x18\x1a\x1b]*\x1b?|[ -/]*)?\Z"
)
# Pictures and clipboards go through in strings longer than this; what does not end is junk.
_LONGEST = 1 << 16
_TEXT, _CSI, _CONTROL, _OSC, _ESCAPE = 1, 4, 5, 6, 8


class Sink(Protocol):
    """Who acts on it."""

    def text(self, text: str) -> None: ...
    def control(self, char: str) -> None: ...
    def csi(self, params: str, between: str, final: str) -> None: ...
    def escape(self, between: str, final: str) -> None: ...
    def osc(self, text: str) -> None: ...


class Parser:
    """Feeds a sink; keeps only what is not yet whole."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.restart()

    def restart(self) -> None:
        """What comes next has nothing to do with what came before."""
        self._rest = ""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def feed(self, data: bytes) -> None:
        """Every whole piece in `data` has reached the sink, in order."""
        text = self._rest + self._decode(data)
        at = 0
        end = len(text)
        token = _TOKEN.match
        sink = self._sink
        while at < end:
            found = token(text, at)
            if found is None:
                if end - at < _LONGEST and _BEGUN.match(text, at):
                    break
                at += 1  # the ESC of something that is none
                continue
            at = found.end()
            kind = found.lastindex
            if kind == _TEXT:
                sink.text(found.group())
            elif kind == _CSI:
                sink.csi(*found.group(2, 3, 4))
            elif kind == _CONTROL:
                sink.control(found.group())
            elif kind == _ESCAPE:
                sink.escape(*found.group(7, 8))
            elif kind == _OSC:
                sink.osc(found.group(6))
        self._rest = text[at:]
