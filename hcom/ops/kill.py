"""Ending the clients of agents, with the windows that hcom opened for them. No process is signalled
that is not surely the one meant.
"""

import os
import signal
import time
from collections import namedtuple

from ..bus.agent import STOPPED
from ..errors import HcomError
from ..process import alive, proven
from ..store import kept, launches
from . import agents, launch

# The wrapper gives its client 5 s between the first signal and SIGKILL, then it is our turn.
PATIENCE_S = 8.0


# The agents that had a process, which has ended, and a line of each other agent and of each process
# that was left alone.
Killed = namedtuple("Killed", "agents left")


def kill(db, words, by: str, env, now: float) -> Killed:
    """The clients of those that `words` name (see agents.chosen) have ended, and who had one has
    left at the wish of `by`; of "all" those that hcom launched. HcomError where it is not sure
    whose a process is: nobody's is ended."""
    loose = agents.loose(db, now)
    targets = [
        (
            kept.proven(db.home, a),
            kept.of(db.home, a.launch if a in loose else launches.of_agent(db, a.name)),
        )
        for a in agents.chosen(db, words, now, loose)
    ]
    if words == ["all"]:
        targets = [(a, found) for a, found in targets if found.wrapped]
    left = [line for a, found in targets for line in _unsure(a, found)]
    ended = [a for a, found in targets if _told(a, found)]
    if words != ["all"]:
        left += [
            f"hcom: {a.display} has no process that hcom can end; it leaves by: hcom stop {a.name}"
            for a, _ in targets
            if a not in ended
        ]
    end = time.monotonic() + PATIENCE_S
    for agent, found in targets:
        _gone(agent, found, end)
        if agent in ended and agent.context != STOPPED:
            agents.stop(db, [agent], by, "killed", now)
        launch.close(found, env)
    return Killed(ended, left)


def _processes(agent, found) -> list[tuple[int, str]]:
    """The wrapper, where there is one, and the client, as they were known."""
    pairs = ((found.wrapper, found.wrapper_start), (agent.pid, agent.pid_start))
    return [pair for pair in pairs if pair[0] > 0]


def _unsure(agent, found) -> list[str]:
    """What is said of numbers that are another process's now: those are left alone. HcomError
    where nobody can tell whether they are."""
    lines = []
    for pid, start in _processes(agent, found):
        if alive(pid, "") and not alive(pid, start):
            lines.append(
                f"hcom: process {pid} was {agent.display}'s, now it is another and left alone"
            )
        elif alive(pid, start) and not proven(pid, start):
            raise HcomError(
                f"cannot tell whether process {pid} is still {agent.display}'s: nothing was killed",
                f"end it by hand, then: hcom stop {agent.name}",
            )
    return lines


def _told(agent, found) -> bool:
    """Whether there was a process, which has been told to end: the wrapper, else the client."""
    return any(_signal(*pair, signal.SIGTERM) for pair in _processes(agent, found))


def _signal(pid: int, start: str, number: int) -> bool:
    """Whether the process was there, and surely the one that began then: it has the signal."""
    if not proven(pid, start):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _gone(agent, found, end: float) -> None:
    """The processes have ended, by SIGKILL when `end` (monotonic) has come."""
    pairs = _processes(agent, found)
    while any(proven(*pair) for pair in pairs):
        if time.monotonic() > end:
            for pair in pairs:
                _signal(*pair, signal.SIGKILL)
            return
        time.sleep(0.05)
