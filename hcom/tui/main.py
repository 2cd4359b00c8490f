"""What `hcom` alone comes to: the dashboard, where there is a terminal to draw on."""

import os

from ..pty import front, spawn


def usable(env) -> bool:
    """Whether the dashboard can be drawn here."""
    if not (os.isatty(0) and os.isatty(1)):
        return False
    try:
        from . import draw
    except ImportError:  # a Python without curses
        return False
    return draw.usable(env.get("TERM", ""))


def main(home, env) -> int:
    """The dashboard has run; its exit code. The terminal is as before."""
    from . import loop

    how = front.run(lambda owner: loop.run(home, env, owner))
    return how.code if isinstance(how, spawn.Exited) else 128 + how.signal
