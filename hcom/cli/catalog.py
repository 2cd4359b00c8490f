"""The commands, by name; each is declared in a file of its own under commands/."""

from importlib import import_module

from ..bus.names import near
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
    "run",
    "config",
    "archive",
    "reset",
    "hooks",
    "status",
    "completion",
)


def find(name: str) -> Command:
    """The Command called `name`. UsageError when there is none."""
    if name not in COMMANDS:
        close = near(name, COMMANDS)
        raise UsageError(
            f"no command {name!r}", f"did you mean {close[0]}?" if close else "hcom --help"
        )
    return import_module(f"{__package__}.commands.{name}").COMMAND
