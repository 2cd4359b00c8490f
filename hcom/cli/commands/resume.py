"""hcom resume: an agent whose program has ended is started again, as the same agent."""

import os
import re

from ... import adapters
from ...errors import HcomError, UsageError
from ...hub import people
from ...process import alive
from ...store import agents
from ...store.connect import open_db
from ..model import Command, Option

SESSION = r"\w[\w.-]*"  # it becomes an argument of the client


def run(call) -> int:
    return again(call, False)


def again(call, fork: bool) -> int:
    """The agent named first is started again, or a copy of it; the other words go to its client."""
    if not call.words:
        raise UsageError("which agent?", "hcom resume NAME")
    with open_db(call.home) as db:
        agent = _found(db, call.words[0])
        if not re.fullmatch(SESSION, agent.session):
            raise HcomError(f"{agent.display} has no session to go on with", "hcom list -v")
        launch = adapters.load(agent.tool, "launch")
        if launch is None:
            raise HcomError(f"{agent.tool} cannot be started by hcom", "hcom list -v")
        if not fork and agent.ended_at is None and alive(agent.pid, agent.pid_start):
            raise HcomError(f"{agent.display} still runs", f"hcom fork {agent.name} for a copy")
        arguments = launch.resuming(agent.session, fork)
        if agent.stopped_at is not None and not fork:
            agents.rejoin(db, agent.name)
    from .. import launching

    extra = [*call.words[1:], *(call.tail or ())]
    if os.path.isdir(agent.directory):  # where not, `start` says so
        os.chdir(agent.directory)
    return launching.start(
        call.home,
        call.env,
        agent.tool,
        [*arguments, *extra],
        1,
        not call.values.headless,
        bool(call.values.headless),
        agent.directory,
    )


def _found(db, word: str):
    """The agent by name or session id; also one that has left."""
    found = agents.find(db, word.lstrip("@").lower()) or agents.bound(db, "session", word)
    return found or people.known(db, word)


COMMAND = Command(
    "resume",
    "Start an agent again that has ended, under its name",
    (("hcom resume NAME|SESSION [-- args]", "In this terminal; args go to the client"),),
    (Option("--headless", "Without a window"),),
    run,
    "name args",
    ("hcom resume kira --headless",),
    """
Also long after it ended. Its mail of the meantime arrives.
""",
)
