"""What a preset is: one way to open a window and close it again, as values. Pure.

A preset is argv with placeholders, filled in one pass and run as it stands.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

# `#{...}` is tmux's own format and `${...}` a shell's variable: neither is a placeholder of ours.
_PLACEHOLDER = re.compile(r"(?<![#$])\{([A-Za-z_][A-Za-z0-9_]*)\}")
OPEN_NAMES = frozenset({"script", "cwd", "title"})


class Platform(Enum):
    """Where hcom runs. WSL is a Linux that can also reach the Windows programs."""

    LINUX = "linux"
    MACOS = "darwin"
    WSL = "wsl"


class Opener(Enum):
    """How the opening command behaves once the window is there."""

    RETURNS = "returns"  # asks a terminal that runs already, or starts one in the background
    STAYS = "stays"  # is the terminal itself; a person may open further windows in it
    WINDOW = "window"  # is this one window and nothing else: ending it closes the window


class Full(NamedTuple):
    """What the opener, or who is asked before, says when there is no room, and the preset that
    still finds some."""

    ask: tuple[str, ...]
    says: str
    use: str


class Preset(NamedTuple):
    """One way to open a window, as it is on one platform.

    A window's id is made of parts: what the opener has in its environment (`keep`), what it prints
    (the named groups of `prints`), what the launched script finds in its own (`reports`). A preset
    with none of these can't name its window; it closes when its process ends.
    """

    name: str
    about: str
    open: tuple[str, ...]  # upper-case placeholders are of the opener's environment
    platforms: frozenset[Platform] = frozenset(Platform)
    opener: Opener = Opener.RETURNS
    keep: tuple[str, ...] = ()
    prints: str = ""
    reports: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    show: tuple[str, ...] = ()  # has a person look at it
    gone: str = ""  # what the closing command says when the window is gone already
    inside: tuple[tuple[str, ...], ...] = ()  # any one set of "VAR" and "VAR=value", all of it
    multiplexer: bool = False
    display: bool = False  # needs an X or Wayland display on Linux
    rank: int = 0  # place among the platform's defaults; 0 is never
    escape: tuple[tuple[str, str], ...] = ()  # what this opener would take as syntax in a value
    full: Full | None = None

    @property
    def program(self) -> str:
        """The binary that must be on PATH."""
        return self.open[0]

    @property
    def parts(self) -> set[str]:
        """The names of all parts of a window's id."""
        return {*self.keep, *re.compile(self.prints).groupindex, *self.reports}


def placeholders(argv: tuple[str, ...]) -> list[str]:
    """The placeholder names in `argv`, in order."""
    return [name for arg in argv for name in _PLACEHOLDER.findall(arg)]


def fill(
    argv: tuple[str, ...], values: Mapping[str, str], escape: tuple[tuple[str, str], ...] = ()
) -> list[str]:
    """`argv` with every placeholder replaced, once: a value is never looked into again.

    Raises KeyError with the name when `values` lacks one.
    """
    table = str.maketrans(dict(escape))
    return [_PLACEHOLDER.sub(lambda m: values[m[1]].translate(table), arg) for arg in argv]
