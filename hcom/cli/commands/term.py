"""hcom term: what an agent's terminal shows now."""

import sys
import time

from ...errors import UsageError
from ...ops import screens
from ...store.connect import open_db
from ..model import Command, Option

FOLLOW_S = 0.5


def run(call) -> int:
    if not call.words:
        raise UsageError("whose terminal?", "hcom term NAME")
    with open_db(call.home) as db:
        terminal = screens.of(db, call.words[0])
    shown = None
    while True:
        screen = screens.look(call.home, terminal)
        if screen.lines != shown:
            call.show(screen._asdict(), "\n".join(line.rstrip() for line in screen.lines))
            sys.stdout.flush()
            shown = screen.lines
        if not call.values.follow:
            return 0
        time.sleep(FOLLOW_S)


COMMAND = Command(
    "term",
    "Show what an agent's terminal shows",
    (("hcom term NAME", "Its screen, as text"),),
    (
        Option("--json", "Lines, cursor and title as JSON"),
        Option("--follow -f", "Again whenever it changes"),
    ),
    run,
    "name",
    ("hcom term kira",),
    """
For agents that hcom launched, in a window or headless.
""",
    most=1,
)
