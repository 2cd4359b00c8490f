"""What a terminal sends as keys by their names, and pastes: one text, whatever is in it. Pure."""

from collections import namedtuple
from collections.abc import Iterable, Iterator

ESC, PASTE, PASTED = "\x1b", "\x1b[200~", "\x1b[201~"
NAMED = {"\r": "Enter", "\t": "Tab", "\x7f": "Backspace", "\x08": "Backspace", ESC: "Esc"}


# What was pasted
Paste = namedtuple("Paste", "text")


# The first button of the mouse was pressed there
Click = namedtuple("Click", "row col")


def _key(char: str) -> str:
    return NAMED.get(char) or (f"Ctrl-{chr(ord(char) + 64)}" if char < " " else char)


class Decoder:
    """Fed with what was read at once: characters, and names of the keys that curses knows."""

    def __init__(self) -> None:
        self._pasting, self._text = False, list[str]()

    def feed(self, symbols: "Iterable[str | Click]") -> "Iterator[str | Paste | Click]":
        """The keys and pastes that are whole. A paste may come in several reads."""
        sequence = ""
        for one in symbols:
            if isinstance(one, Click):
                yield one
            elif self._pasting:
                self._text.append(one if len(one) == 1 else "")
                if one == "~" and "".join(self._text[-len(PASTED) :]) == PASTED:
                    yield Paste("".join(self._text[: -len(PASTED)]))
                    self._pasting, self._text = False, []
            elif sequence == ESC and one == "[":
                sequence += one
            elif len(sequence) > 1:  # nobody types one; those we know nothing of mean nothing
                sequence += one
                if sequence == PASTE:
                    self._pasting = True
                if len(one) > 1 or "@" <= one <= "~":
                    sequence = ""
            elif sequence and one == "\r":
                yield "Alt-Enter"
                sequence = ""
            elif sequence:  # on a slow line what is typed behind Esc comes with it
                yield "Esc"
                sequence = ESC if one == ESC else ""
                if not sequence:
                    yield _key(one) if len(one) == 1 else one
            elif one == ESC:
                sequence = ESC
            else:
                yield _key(one) if len(one) == 1 else one
        if sequence:
            yield "Esc"
