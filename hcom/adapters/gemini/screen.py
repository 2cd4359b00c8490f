"""What Gemini CLI's screen says: whether it waits for a prompt, and what stands in its input box.

Pure; for the wrapper, which types only where this says idle and empty. Unknown means no. The title
says Ready under some dialogs too, so the box has to be there.
"""

import re
from collections import namedtuple

from ...bus.client import BLOCKED, BUSY, EMPTY, IDLE, TEXT, UNKNOWN
from ..base import no, yes
from ..front import Look

# The last is of versions up to 0.27, whose title tells no state: a line above their box does.
TITLES = {"◇  Ready (": IDLE, "✦  ": BUSY, "⏲  ": BUSY, "Gemini - ": IDLE}
ASKS = "✋  "  # also for a shell command that printed something and is silent
# What an empty box shows, without its blanks; the second with general.vimMode, ready for text.
PLACEHOLDERS = ("Typeyourmessageor@path/to/file", "Press'Esc'forNORMALmode.")
# Enter within 30 ms of what it last read is a newline (0.61.0); its screen shows what it has read.
ENTER_AFTER_S = 0.15
types = yes
answers = no  # its first hook comes before its first prompt
# What a box ends with, and what it then begins with: as 0.61 draws it in true colour, as 0.30 and
# 0.31 do, as 0.24 does, with a frame, and as 0.61 does without colour (NO_COLOR, or by a setting).
RULE = "─"
TOPS = {"▀": "▄", "▄": "▀", "╰": "╭", RULE: RULE}
NO_RULE = "▀"  # from 0.27 to 0.29 none stands above it: only the cursor tells it from a sent prompt
PROMPTS = (" > ", " * ")  # the latter with --yolo; ` ! ` runs what is typed in a shell
# What only a dialog or a panel shows, each in place of the box.
DIALOG = re.compile(r"│\s*●\s+\d+\. |Esc to close\)|^ Navigate: ↑/↓", re.MULTILINE)
# Below a box there is only a footer, and nothing has a frame.
FRAME = re.compile(r"^\s*[│╭╰]", re.MULTILINE)
# The line above the box's rule while it works, also where the title does not say so.
WORKS = re.compile(r"^ ?\S .*\(esc to cancel\b", re.MULTILINE)
STATUS_LINES = {"╭": 5}  # of a frame: blank ones and one of files that are read stand between


# The input box: what stands before the text, the text, the lines above its rule that say what the
# client does, and all lines below it.
Box = namedtuple("Box", "prompt text status below")


def look(screen) -> Look:
    """The client's state and its box, as a person would see them."""
    lines = screen.lines()
    held = _box(screen, lines)
    state = next((s for start, s in TITLES.items() if screen.title.startswith(start)), UNKNOWN)
    busy = BUSY if state == BUSY else UNKNOWN
    asks = screen.title.startswith(ASKS)
    if held is None:
        return Look(BLOCKED if asks or DIALOG.search("\n".join(lines)) else busy, UNKNOWN)
    if DIALOG.search(held.below) or FRAME.search(held.below):
        return Look(BLOCKED, UNKNOWN)
    if asks or WORKS.search(held.status):
        state = busy = BUSY
    if held.prompt not in PROMPTS:
        return Look(busy, UNKNOWN)
    text = held.text
    # The cursor is at column 0 below everything while the terminal has no focus.
    at_start = screen.cursor[0] in (0, len(held.prompt))
    if text.startswith("  ") and "".join(text.split()) in PLACEHOLDERS and at_start:
        return Look(state, EMPTY)
    return Look(state, TEXT, text) if text.strip() else Look(state, UNKNOWN)


def _box(screen, lines: list[str]) -> Box | None:
    """The input box; None when there is none.

    It is the last one on the screen, a rule stands a line or two above it, and the cursor is in it,
    or below it while the terminal has no focus. Prompts that were sent look like it but for that.
    A frame has no rule above it, and prompts that were sent have none.
    """
    edges = [y for y, line in enumerate(lines) if _edge(line, screen.cols) in TOPS]
    end = edges[-1] if edges else 0
    begins, top = TOPS.get(_edge(lines[end], screen.cols), ""), end - 1
    while top >= 0 and _edge(lines[top], screen.cols) != begins:
        top -= 1
    if begins == RULE:
        top, end = _padded(lines, end) or (top, end)
    rules = [y for y in range(max(0, top - 3), top) if _edge(lines[y], screen.cols) == RULE]
    inner = lines[top + 1 : end]
    if begins == "╭":  # dialogs have one, too
        inner = [line.strip("│").rstrip() for line in inner]
        rules = [top] if inner and inner[0].startswith(PROMPTS) else []
    column, row = screen.cursor
    if begins == NO_RULE and top < row < end:
        rules = rules or [top]
    if not rules or top < 0 or not (top < row < end or (row > end and column == 0)):
        return None
    inner = [line.ljust(3) for line in inner]
    status = lines[max(0, rules[0] - STATUS_LINES.get(begins, 2)) : rules[0]]
    text = (line[3:] for line in inner)
    return Box(inner[0][:3], *map("\n".join, (text, status, lines[end + 1 :])))


def _padded(lines: list[str], rule: int) -> tuple[int, int] | None:
    """The blank lines that a box below this rule is between, which has a colour and no edges where
    there is no true colour (0.61: no COLORTERM, as over ssh); None when there is none.

    Its end is the last blank line above the footer. With none of that, only text can be below.
    """
    below = range(rule + 1, min(rule + 4, len(lines) - 1))
    top = next((y for y in below if not lines[y] and lines[y + 1].startswith(PROMPTS)), 0)
    last = max(y for y, line in enumerate(lines) if line)
    end = max(y for y in range(last + 1) if not lines[y] or y == rule)
    footer = 0 < top < end and not lines[end + 1].startswith("   ")
    return (top, end if footer else last + 1) if top else None


def _edge(line: str, cols: int) -> str:
    """What a line that is nothing but an edge is drawn with; "" for any other."""
    drawn = set(line.rstrip("╯╮"))
    framed = line[:1] in "╭╰" and drawn == {line[:1], RULE}
    return line[:1] if len(line) >= cols - 1 and (framed or len(drawn) == 1) else ""
