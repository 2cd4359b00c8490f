"""What the stand-in's screen says: its title tells its state, its box is below a rule."""

from ...bus.client import BLOCKED, BUSY, EMPTY, IDLE, TEXT, UNKNOWN
from ..base import no, yes
from ..front import Look

ENTER_AFTER_S = 0.05  # it takes what it reads in the order in which it comes
types = yes
answers = no
STATES = {"standin: idle": IDLE, "standin: busy": BUSY, "standin: asking": BLOCKED}


def look(screen) -> Look:
    """The client's state and its box, as a person would see them."""
    state, lines = STATES.get(screen.title, UNKNOWN), screen.lines()
    rules = [y for y, line in enumerate(lines) if line and not line.strip("─")]
    if screen.unknown or not rules or screen.cursor[1] <= rules[-1]:
        return Look(state, UNKNOWN)
    box = [line.rstrip() for line in lines[rules[-1] + 1 :]]
    text = "\n".join(box).removeprefix(">").strip()
    if text:
        return Look(state, TEXT, text)
    # Blanks in the box cannot be seen, but for where the cursor stands then.
    return Look(state, EMPTY if screen.cursor == (2, rules[-1] + 1) else UNKNOWN)
