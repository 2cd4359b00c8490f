"""Terminal output cut into what a terminal acts on: text, controls, sequences, strings.

Any bytes are taken; a sequence or character split over chunks waits for its rest, junk is dropped.
The grammar is the state machine of vt100.net/emu/dec_ansi_parser as xterm has it: with UTF-8, and
colons between numbers; without the eight-bit controls.
"""

import codecs
import re
from collections.abc import Iterator

# What means something is shorter; of what is longer only the start is kept, and its end awaited.
_LONGEST = 1 << 14
_C0 = r"\x00-\x17\x19\x1c-\x1f\x7f"  # those that act inside a sequence; CAN, SUB and ESC end it
_WITHIN = rf"[ -?{_C0}]*"
_CUT = r"(?:(?=[\x18\x1a\x1b])|[^\x00-\x7f])"
_TOKEN = re.compile(
    r"(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
    rf"|\x1b\[([<-?]?[0-;]{{,{_LONGEST}}})([ -/]{{,2}})(?P<csi>[@-~])"  # 2 and 3: before the final
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f-\x9f])"
    r"|\x1b\](?P<osc>[^\x07\x18\x1a\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b([ -/]*)(?P<escape>[0-OQ-WYZ\\`-~])"  # 7 intermediates, 8 final
    # Without a word: DCS, SOS, PM, APC, and what is cut, malformed or too long.
    r"|\x1b\][^\x07\x18\x1a\x1b]*(?=[\x18\x1a]|\x1b[^\\])"
    r"|\x1b[PX^_][^\x18\x1a\x1b]*(?:\x1b\\|(?=[\x18\x1a]|\x1b[^\\]))"
    rf"|\x1b\[[ -?]*(?:[@-~]|{_CUT})|\x1b[ -/]*{_CUT}"
    rf"|(?P<inside>\x1b(?:[{_C0}]+\[{_WITHIN}|\[[ -?]*[{_C0}]{_WITHIN}|[ -/]*[{_C0}][ -/{_C0}]*))"
)


class Parser:
    """Keeps only what is not yet whole."""

    def __init__(self) -> None:
        self._rest = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def restart(self) -> bytes:
        """What comes next has nothing to do with what came before, and was not whole: that."""
        rest = self._rest.encode() + self._decoder.getstate()[0]
        self.__init__()  # type: ignore[misc]
        return rest

    def pieces(self, data: bytes) -> Iterator[tuple[str, re.Match[str]]]:
        """Every whole piece in `data` that says something, and its kind by the names above."""
        text, at = self._rest + self._decoder.decode(data), 0
        while found := _TOKEN.match(text, at):
            at, kind = found.end(), found.lastgroup
            if kind == "inside":  # the controls act at once, and the sequence goes on behind them
                first = sorted(found[0], key=lambda char: char == "\x1b" or " " <= char <= "~")
                text, at = "".join(first) + text[at:], 0
            elif kind:
                yield kind, found
        self._rest = text[at:]
        if len(self._rest) > _LONGEST + 5:  # more than a sequence that means something has
            end = "\x1b" * self._rest.endswith("\x1b")
            self._rest = self._rest[:_LONGEST] + "!!!" + end  # no sequence means anything with that
