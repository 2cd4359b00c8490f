"""What a launch leaves for the process that will run its client, which takes it away.

Private, and out of reach of an agent in a sandbox: it holds the client's arguments and environment.
"""

import json
import os
from collections import namedtuple

from ..errors import HcomError
from ..home import dropped, private_folder, read, write_private

# The agent's name, its tool, and how the client is started: `headless` for no window, `stream` the
# first lines of one that is fed, None of one that has a terminal.
Handover = namedtuple("Handover", "agent tool argv env cwd headless stream")


def paths(home, launch: str) -> tuple[str, str]:
    """The file of a launch's hand-over, and the script that a new terminal runs for it."""
    return home.kept("launch", launch + ".json"), home.kept("launch", launch + ".sh")


def leave(home, launch: str, handover: Handover) -> None:
    """It lies there for the wrapper of `launch`."""
    private_folder(home.kept("launch"))
    write_private(paths(home, launch)[0], json.dumps(handover._asdict()))


def is_taken(home, launch: str) -> bool:
    """Whether the launch's wrapper has begun."""
    return not os.path.exists(paths(home, launch)[0])


def take(home, launch: str) -> Handover:
    """What was left for `launch`, which is gone now. HcomError when there is none."""
    path = paths(home, launch)[0]
    try:
        handover = Handover(**json.loads(read(path)))
        os.unlink(path)
    except (OSError, ValueError, TypeError):
        raise HcomError("this launch is over", "start it again with hcom") from None
    return handover


def drop(home, launch: str) -> None:
    """Nothing of it lies there."""
    for path in paths(home, launch):
        dropped(path)
