"""Adding and removing hooks for the commands: which safe commands are allowed, in which places."""

import os

from .. import adapters, config
from ..adapters import launcher
from ..errors import HcomError
from ..home import Home

# What agents may run unasked: (words, whether more words may follow). Not `run`, launches, stop,
# kill, reset, nor anything of config and relay that changes something.
SAFE = (
    ("hcom send", True),
    ("hcom start", True),
    ("hcom list", True),
    ("hcom events", True),
    ("hcom listen", True),
    ("hcom transcript", True),
    ("hcom archive", True),
    ("hcom status", True),
    ("hcom help", True),
    ("hcom --help", False),
    ("hcom -h", False),
    ("hcom --version", False),
    ("hcom relay", False),
    ("hcom relay pull", False),
    ("hcom config", False),
    ("hcom config --json", False),
    *((f"hcom config {key}", False) for key in config.SHORT_KEYS),
)


def add(home, env, tool: str) -> bool:
    """The tool's settings hold our hooks; False when they already did. HcomError."""
    return _put(home, env, adapters.load(tool, "setup").add)


def _put(home, env, verb) -> bool:
    try:
        launcher.write(
            home,
            [
                adapters.load(t, "setup").SESSION_VARIABLE
                for t in adapters.TOOLS
                if adapters.load(t, "setup").SESSION_VARIABLE
            ],
        )
    except OSError as error:
        raise HcomError(
            f"cannot write {home.root}: {error.strerror}",
            "in a sandbox: export HCOM_DIR=$PWD/.hcom",
        ) from None
    allowed = SAFE if config.read(home, env).auto_approve else ()
    return verb(home, env, allowed, SAFE)


def add_for_launch(home, env, tool: str) -> list[str]:
    """The tool is ready for a launch; what the person should know of it."""
    setup = adapters.load(tool, "setup")
    said = []
    try:
        # A client that is given its hooks with each launch has less to be put in its settings.
        _put(home, env, getattr(setup, "prepare", setup.add))
    except HcomError as error:
        said.append(f"no hooks: {error.message}")
    warnings = getattr(setup, "warnings", None)
    return said + (warnings(home, env, os.getcwd()) if warnings else [])


def advice(home, env, tool: str) -> str:
    """What the person has yet to do so that the installed hooks run; "" for nothing."""
    said = getattr(adapters.load(tool, "setup"), "advice", None)
    return said(home, env) if said else ""


def remove(home, env, tool: str) -> list[str]:
    """Our entries are out of the tool's settings, the user's and those beside HCOM_DIR; the paths
    of the files that had some."""
    setup = adapters.load(tool, "setup")
    user = env.get("HOME") or os.path.expanduser("~")
    places = dict.fromkeys((home, Home(os.path.join(user, ".hcom"), user)))
    return [setup.path(place, env) for place in places if setup.remove(place, env, SAFE)]
