"""What the screen of a Claude Code says that has no way of its own to be woken (versions.py).

Found with 1.0.128, 2.0.76, 2.1.77 and 2.1.119. Pure; for the wrapper, which types only where this
says idle and empty. Unknown means no: Enter on an approval dialog approves it.
"""

import re
from collections import namedtuple

from ...bus.client import BLOCKED, BUSY, EMPTY, IDLE, TEXT, UNKNOWN
from ..base import no
from ..front import Look

# An Enter sooner than 150 ms after a paste is taken for part of it (2.1.197).
ENTER_AFTER_S = 0.3
answers = no  # its first hook comes at its start
RULE = "─╭╮╰╯"  # older have a frame around the box
PROMPTS = (">", "❯")  # `!` runs what is typed in a shell, `#` keeps it
PLACEHOLDER = re.compile(r'Try ".*"?')
# What stands below an empty box, or after a prompt that was sent; with text in it, it may be gone.
FOOTER = re.compile(r"\? for shortcuts|\(shift\+tab to cycle\)")
WORKS = re.compile(r"\besc to interrupt\b")
SPINS = re.compile("[\u2800-\u28ff]")  # the title's first sign while it works; older have no title
STATUS_LINES = 8  # above the box: what it does, a tip, what it has yet to do
# Words of every dialog and panel that takes keys; a box has none of them below it.
DIALOG = re.compile(
    r"^[│\s]*❯ \d\. |\besc to (?:cancel|exit|close|go back)|\benter to (?:confirm|select)",
    re.MULTILINE | re.IGNORECASE,
)


# The input box: the sign before the text, the text, the lines above it that say what the client
# does, and all lines below it.
Box = namedtuple("Box", "prompt text above below")


def types(client) -> bool:
    """Whether the launch found a version that has to be woken so."""
    return bool(client.get("typed"))


def look(screen) -> Look:
    """The client's state and its box, as a person would see them."""
    lines = screen.lines()
    box = _box(lines, screen.cols)
    if box is None or box.prompt not in PROMPTS:
        return Look(BLOCKED if DIALOG.search("\n".join(lines)) else UNKNOWN, UNKNOWN)
    if DIALOG.search(box.below):
        return Look(BLOCKED, UNKNOWN)
    busy = SPINS.match(screen.title) or WORKS.search(box.above) or WORKS.search(box.below)
    text = box.text.replace("\xa0", " ").strip()
    if not text or PLACEHOLDER.fullmatch(text):
        # Without its footer it is being drawn, or something else than a prompt is asked for.
        state = IDLE if FOOTER.search(box.below) else UNKNOWN
        return Look(BUSY if busy else state, EMPTY)
    return Look(BUSY if busy else IDLE, TEXT, text)


def _box(lines: list[str], cols: int) -> Box | None:
    """The input box, between the last two rules across the screen, which may be the top and the
    bottom of a frame; None when there is none."""
    rules = [y for y, line in enumerate(lines) if len(line) >= cols - 1 and not line.strip(RULE)]
    if len(rules) < 2 or rules[-1] == rules[-2] + 1:
        return None
    top, end = rules[-2:]
    inner = [re.sub(r"^│[ \xa0](.*)│$", r"\1", line) for line in lines[top + 1 : end]]
    above = [line for line in lines[:top] if line.strip()][-STATUS_LINES:]
    text = "\n".join(line[2:] for line in inner)
    return Box(inner[0][:1], text, "\n".join(above), "\n".join(lines[end + 1 :]))
