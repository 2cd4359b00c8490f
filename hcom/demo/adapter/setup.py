"""Our hooks in the stand-in's settings."""

import os

from .. import base, settings
from ..launcher import handler
from .hook import config_dir

PROGRAM, PACKAGE, SESSION_VARIABLE = "standin", "", "STANDIN_SESSION"
BRINGS = False
NOTICED_S = 0.01  # it reads its settings with every hook
advice = warnings = base.nothing
trusts = base.none

LAST_S = 7_200  # a subagent's last hook waits for its mail, subagent_timeout seconds
# Event, mode of the launcher, seconds it may take.
EVENTS = (
    ("Begin", "now", 10),
    ("Prompt", "now", 10),
    ("Before", "sub", 10),
    ("After", "later", 10),
    ("Dialog", "now", 10),
    ("Done", "now", 10),
    ("End", "now", 10),
    ("SubBegin", "now", 10),
    ("SubDone", "now", LAST_S),
)
# Where the waiter begins: the client has nothing to do then.
WAITS, WAIT_S = ("Begin", "Done"), 86_400


def hooks_file(home, env) -> settings.Owned:
    """The settings file that our hooks belong in."""
    hooks = [(e, handler(home, "standin", e, mode, seconds)) for e, mode, seconds in EVENTS]
    for event in WAITS:
        hooks.append((event, handler(home, "standin", event, "wait", WAIT_S, background=True)))
    path = os.path.join(settings.folder(home, config_dir(env), ".standin"), "settings.json")
    return settings.Owned(home, path, [(("hooks", event), {"hooks": [h]}) for event, h in hooks])


def files(home, env, _allowed, _every) -> list[settings.File]:
    """All that has to be somewhere; the stand-in asks nobody before it runs a command."""
    return [hooks_file(home, env)]


launch_files = files
