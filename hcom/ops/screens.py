"""What an agent's terminal shows: its wrapper puts that into a file of the launch, when asked."""

import json
import os
import time
from collections import namedtuple

from ..adapters.jsonl import tail
from ..bus.render import clean
from ..delivery import bell
from ..errors import HcomError
from ..home import dropped, private_folder, read, stat_of, write_private
from ..hub import people
from ..process import alive, environment
from ..store import kept, launches

SHOW = b"s"  # rung by who wants to see the screen
VIEWERS = "_viewer"
ANSWER_S = 3.0


# What a terminal shows: its lines, where the cursor stands as (column, row), and whether all of it
# is certain.
Screen = namedtuple("Screen", "lines cursor title complete")


# The name that people see of an agent, and the launch that runs its client now
Terminal = namedtuple("Terminal", "agent launch")


def of(db, name: str) -> Terminal:
    """The terminal of the agent called `name`. UnknownAgent; HcomError when it has none of ours."""
    agent = people.known(db, name)
    launch = launches.of_agent(db, agent.name)
    if not kept.of(db.home, launch).wrapped:
        raise HcomError(
            f"{agent.display} has no terminal of hcom's", f"hcom transcript @{agent.name}"
        )
    return Terminal(agent.display, launch)


def look(home, terminal: Terminal) -> Screen:
    """What the terminal shows now, or what a client that prints has printed. HcomError when its
    wrapper does not answer."""
    import glob  # no wrapper asks

    logs = home._replace(root=glob.escape(home.root)).path("logs", f"*-{terminal.launch[-8:]}.log")
    for printed in glob.glob(logs):
        text = b"\n".join(tail(printed)).decode("utf-8", "replace").replace("\r\n", "\n")
        if lines := clean(text).splitlines():
            return Screen(lines, (0, len(lines)), "", True)
    path = _path(home, terminal.launch)
    before, end = _written(path), time.monotonic() + ANSWER_S
    with bell.Bell(home, VIEWERS) as rings:
        bell.ring(home, [bell.of_launch(terminal.launch)], SHOW)
        while _written(path) == before:
            if time.monotonic() > end:
                raise HcomError(f"the terminal of {terminal.agent} does not answer", "hcom list")
            rings.wait(0.2)
    return Screen(**json.loads(read(path)))


def show(db, name: str, env) -> str:
    """The window of the agent called `name` is the one that its terminal shows; the name that
    people see of the agent. UnknownAgent; HcomError where there is no window that can be shown."""
    from .. import terminal  # no wrapper shows one

    agent = people.known(db, name)
    known = kept.of(db.home, launches.of_agent(db, agent.name))
    asked = kept.proven(db.home, agent)
    window = terminal.Opened(*known.window) if known.window else None
    for pid, start in ((known.wrapper, known.wrapper_start), (asked.pid, asked.pid_start)):
        if not (window or agent.headless) and alive(pid, start):
            window = terminal.around(environment(pid))
    if window is None:
        raise HcomError(f"{agent.display} has no window that hcom knows", f"hcom term {agent.name}")
    terminal.show_window(window, env)
    return agent.display


def put(home, launch: str, screen: Screen) -> None:
    """Who asked for it has the screen of the launch."""
    private_folder(os.path.dirname(_path(home, launch)))
    write_private(_path(home, launch), json.dumps(screen._asdict()))
    bell.ring(home, [VIEWERS])


def drop(home, launch: str) -> None:
    """The launch has no terminal any more."""
    dropped(_path(home, launch))


def _path(home, launch: str) -> str:
    return home.run("screens", launch)


def _written(path: str) -> int:
    found = stat_of(path)
    return found.st_mtime_ns if found else 0
