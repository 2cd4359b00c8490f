"""hcom term: what an agent's terminal shows now."""

import json
import os
import sys
import time

from ...delivery import bell
from ...errors import HcomError, UsageError
from ...hub import launches as launching
from ...hub import people
from ...store import launches
from ...store.connect import open_db
from ...wrap.policy import SHOW, VIEWERS
from ..model import Command, Option

ANSWER_S = 3.0
FOLLOW_S = 0.5


def run(call) -> int:
    if len(call.words) != 1:
        raise UsageError("whose terminal?", "hcom term NAME")
    with open_db(call.home) as db:
        agent = people.known(db, call.words[0])
        if not launching.runs(launches.of_agent(db, agent.name)):
            raise HcomError(f"{agent.display} has no terminal of hcom's", "hcom list -v")
    path = call.home.path("run", "screens", agent.name)
    with bell.Bell(call.home, VIEWERS) as rings:
        shown = None
        while True:
            screen = _asked(call.home, agent.name, path, rings)
            if screen["lines"] != shown:
                _print(call, screen)
                shown = screen["lines"]
            if not call.values.follow:
                return 0
            time.sleep(FOLLOW_S)


def _asked(home, name: str, path: str, rings) -> dict:
    """The screen, as its wrapper has written it after we asked. HcomError when it does not."""
    try:
        os.unlink(path)
    except OSError:
        pass
    bell.ring(home, [name], SHOW)
    end = time.monotonic() + ANSWER_S
    while time.monotonic() < end:
        try:
            with open(path, encoding="utf-8") as stream:
                return json.load(stream)
        except (OSError, ValueError):
            rings.wait(0.2)
    raise HcomError(f"the terminal of {name} does not answer", "hcom list")


def _print(call, screen: dict) -> None:
    if call.values.json:
        call.say_json(screen)
    else:
        for line in screen["lines"]:
            call.say(line.rstrip())
    sys.stdout.flush()


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
)
