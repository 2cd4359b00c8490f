"""hcom resume: an agent whose program has ended is started again, as the same agent."""

import os

from ...errors import UsageError
from ...ops import agents
from ...store.connect import open_db
from .. import launching
from ..model import Command, Option


def run(call) -> int:
    return again(call, False)


def again(call, fork: bool) -> int:
    """The agent named first is started again, or a copy of it; the other words go to its client."""
    if not call.words:
        raise UsageError("which agent?", f"hcom {'fork' if fork else 'resume'} NAME")
    with open_db(call.home) as db:
        tool, args, directory = agents.again(db, call.words[0], fork)
    if os.path.isdir(directory):  # where not, `start` says so
        os.chdir(directory)
    return launching.start(
        call.home,
        call.env,
        tool,
        [*args, *call.words[1:], *(call.tail or ())],
        1,
        not call.values.headless,
        bool(call.values.headless),
        directory,
    )


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
