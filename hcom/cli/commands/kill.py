"""hcom kill: the clients of agents end, with the windows that hcom opened for them."""

import os
import signal
import time

from ...errors import HcomError
from ...hub import launches as launching
from ...ops import agents, launch
from ...process import alive
from ...store import launches
from ...store.connect import open_db
from ..model import Command

# The wrapper gives its client 5 s between the first signal and SIGKILL, then it is our turn.
PATIENCE_S = 8.0


def run(call) -> int:
    if not call.words:
        raise HcomError("kill whom?", "hcom kill NAME, tag:NAME or all")
    with open_db(call.home) as db:
        own = call.identify(db)
        everyone = call.words == ["all"]
        named = agents.chosen(db, call.words, call.now)
        targets = [(a, launches.of_agent(db, a.name)) for a in named]
        targets = [(a, found) for a, found in targets if not everyone or launching.runs(found)]
        ended = [a for a, found in targets if _told(a, found)]
        end = time.monotonic() + PATIENCE_S
        for agent, found in targets:
            _gone(agent, found, end)
            agents.stop(db, [agent], agents.by(own), "killed", call.now)
            launch.close(found, call.env)
    call.agent = None
    call.say("killed " + ", ".join(a.display for a in ended) if ended else "nothing to kill")
    return 0 if ended or everyone else 1


def _told(agent, found) -> bool:
    """Whether there was a process, which has been told to end."""
    pid = (
        found.wrapper
        if launching.runs(found)
        else agent.pid
        if alive(agent.pid, agent.pid_start)
        else 0
    )
    if pid:
        os.kill(pid, signal.SIGTERM)
    return bool(pid)


def _gone(agent, found, end: float) -> None:
    """The processes have ended, by SIGKILL when `end` (monotonic) has come."""
    pairs = [(agent.pid, agent.pid_start)]
    pairs += [(found.wrapper, found.wrapper_start)] if found else []
    while any(alive(*pair) for pair in pairs):
        if time.monotonic() > end:
            for pid, start in pairs:
                if alive(pid, start):
                    os.kill(pid, signal.SIGKILL)
            return
        time.sleep(0.05)


COMMAND = Command(
    "kill",
    "End agents' programs, and close the windows that hcom opened",
    (
        ("hcom kill NAME ...", "End these (also headless ones)"),
        ("hcom kill tag:NAME", "All with the tag"),
        ("hcom kill all", "All that hcom launched"),
    ),
    (),
    run,
    "names",
    ("hcom kill all",),
    """
The client's whole process group gets SIGTERM, and SIGKILL when it has not gone after some seconds.
""",
)
