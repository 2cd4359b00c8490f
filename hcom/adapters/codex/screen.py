"""What Codex's screen says: whether it waits for a prompt, and what stands in its composer.

Pure; for the wrapper, which types only where this says idle and empty. Unknown means no.
"""

import re

from ...bus.client import BLOCKED, BUSY, EMPTY, IDLE, TEXT, UNKNOWN
from ..base import yes
from ..front import Look

# Codex tells its terminal its state by OSC 7501: `state=idle:app=codex`. Up to 0.162 it does not:
# it is idle then where its composer is there and neither its title nor a line says that it works.
STATE = re.compile(r"(?:^|:)state=(\w+)")
SAYS_IDLE = ("idle", "done")
WORKS = re.compile(r"\S .*\besc to interrupt\)")
SPINS = re.compile("[\u2800-\u28ff]")  # the title's first sign while it works
COMPOSER = "›"
# It takes Enter right behind a bracketed paste (0.169.0); this long for what it draws meanwhile.
ENTER_AFTER_S = 0.1
types = yes
# Words of every dialog that takes keys, each of them a screen's own (0.169.0).
DIALOG = re.compile(
    r"Press enter to (?:confirm|continue)|Would you like to (?:run|make|grant)|Trust this folder\?"
    r"|Hooks need review|^\s*[›❯]\s*\d+\. |Sign in with ChatGPT|esc to (?:cancel|go back|close)"
    r"|Try new model|enter (?:to )?(?:confirm|continue|select|submit)",
    re.MULTILINE,
)


def answers(agent) -> bool:
    """Its first hook comes with its first prompt, unless the launch saw that none will."""
    return agent.client.get("hooks") != "off"


def look(screen) -> Look:
    """The client's state and its composer, as a person would see them."""
    lines = screen.lines()
    said = STATE.search(screen.state)
    state = said[1] if said else ""
    box, typed, end = _composer(screen, lines)
    # A dialog takes the composer's place; the same words above a composer are somebody's talk.
    if state == "blocked" or DIALOG.search("\n".join(lines[end:])):
        return Look(BLOCKED, UNKNOWN)
    works = SPINS.match(screen.title) or any(WORKS.match(line) for line in lines)
    if state == "working" or works:
        return Look(BUSY, box, typed)
    idle = state in SAYS_IDLE if state else box != UNKNOWN
    return Look(IDLE if idle else UNKNOWN, box, typed)


def _composer(screen, lines: list[str]) -> tuple[str, str, int]:
    """What the composer holds, and where it ends, as (box, typed, line); the cursor stands in it,
    and is shown.

    Its first line begins with `› `, the next are indented by two, and blank lines frame it. A
    placeholder is dim.
    """
    column, row = screen.cursor
    if screen.hidden:
        return UNKNOWN, "", 0
    top = row
    while top >= 0 and lines[top].startswith("  "):
        top -= 1
    if top < 0 or column < 2 or not (lines[top] + " ").startswith(COMPOSER + " "):
        return UNKNOWN, "", 0
    end = top + 1
    while end < len(lines) and lines[end].startswith("  "):
        end += 1
    if end <= row:
        return UNKNOWN, "", 0
    shown = [cell for y in range(top, end) for cell in screen.cells(y)[2:] if cell.text.strip()]
    if all(cell.dim for cell in shown):
        # The cursor stands at the placeholder's start, or it is something else that is dim.
        return (EMPTY, "", end) if screen.cursor == (2, top) else (UNKNOWN, "", 0)
    return TEXT, "\n".join(line[2:] for line in lines[top:end]), end
