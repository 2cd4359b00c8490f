"""The commands, by name; each is declared in a file of its own under commands/."""

from importlib import import_module

from .. import adapters
from ..bus.names import meant
from ..errors import UsageError
from .model import Command

# In the order of `hcom --help`.
COMMANDS = (
    "send",
    "listen",
    "list",
    "start",
    "stop",
    "kill",
    "resume",
    "fork",
    "term",
    "events",
    "transcript",
    "run",
    "config",
    "relay",
    "archive",
    "reset",
    "hooks",
    "status",
    "demo",
    "completion",
)


def find(name: str) -> Command:
    """The Command called `name`. UsageError when there is none."""
    if name not in COMMANDS:
        known = (*COMMANDS, *adapters.TOOLS, "--version")
        raise UsageError(f"no command {name!r}", meant(name, known, "hcom --help"))
    return import_module(f"{__package__}.commands.{name}").COMMAND
