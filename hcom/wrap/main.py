"""`wrapped LAUNCH`: what a launch left for it is taken, its client wrapped or fed to its end."""

import os
import sys
import time

from .. import adapters, log
from .. import home as homes
from ..adapters.base import WAKE_TEXT
from ..errors import HcomError, told
from ..hub import launches as launching
from ..ops import handover, screens
from ..ops.after import Done, after
from ..ops.wake import Wake, channel
from ..pty import proxy, spawn
from ..pty.keys import Keys
from ..pty.mirror import Mirror
from ..store import agents, kept
from ..store.connect import open_db
from .policy import Typing, Wrap

# What tells a program which terminal it is in: a new window has its own.
TERMINAL = (
    "TERM",
    "COLORTERM",
    "TMUX",
    "STY",
    "WINDOW",
    "ZELLIJ",
    "KITTY_",
    "WEZTERM_",
    "ALACRITTY_",
    "GHOSTTY_",
    "WT_",
    "ITERM_",
    "LC_TERMINAL",
    "VTE_",
    "KONSOLE_",
    "GNOME_TERMINAL_",
    "COLUMNS",
    "LINES",
    "XTERM_",
    "SHLVL",
)


def main(argv: list[str]) -> int:
    """`wrapped LAUNCH`: take the hand-over of a launch, and be its client's wrapper."""
    home, launch = homes.locate(os.environ), argv[1]
    try:
        left = _handed_over(home, launch)
        log.to(home.root)
        with open_db(home) as db:
            agent = agents.bound(db, "launch", launch)
        if agent is None:
            raise HcomError("this launch is nobody's any more", "start it again with hcom")
        if left.stream is None:
            run(home, agent, launch, left)
        else:
            from . import fed

            fed.run(home, agent, launch, left)
    except HcomError as error:
        sys.stderr.write(f"hcom: {told(error)}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _handed_over(home, launch: str) -> handover.Handover:
    """What the launcher left for this launch; the environment of this terminal is put in its
    place."""
    left = handover.take(home, launch)
    if left.headless:
        return left
    env = {k: v for k, v in left.env.items() if not k.startswith(TERMINAL)}
    env.update((k, v) for k, v in os.environ.items() if k.startswith(TERMINAL))
    _report_window(home, launch)
    return left._replace(env=env)


def _report_window(home, launch: str) -> None:
    """Some terminals tell a window's id only to what runs in it."""
    window = kept.of(home, launch).window
    if not window:
        return
    from .. import terminal

    opened = terminal.Opened(*window)
    preset = terminal.builtin(terminal.current_platform()).get(opened.preset.casefold())
    if preset:
        kept.note(home, launch, window=list(terminal.with_reported(opened, preset, os.environ)))


def run(home, agent, launch: str, left: handover.Handover) -> None:
    """The client of `agent` that the hand-over `left` is of runs in front of this terminal, or with
    none; this process ends as it does."""
    mirror, keys = Mirror(80, 24), Keys()
    ends = proxy.Ends()
    if left.headless:  # what is printed goes to its log, and of a screen nothing
        printing = adapters.load(left.tool, "launch").is_printing(left.argv[1:])
        ends = proxy.Ends(None, 1 if printing else None)
    way = _way(left.tool, kept.of(home, launch).client or {}, mirror, keys)
    with Wake(home, agent, way, launch) as wake:
        try:
            how = proxy.run(
                left.argv,
                left.env,
                policy=Wrap(wake, mirror, keys),
                keys=keys,
                on_fault=lambda error: broken(wake, error),
                ends=ends,
                cwd=left.cwd,
                doorbells=[wake.rings.fd] if wake.rings.fd >= 0 else [],
            )
        except spawn.SpawnError as error:
            _over(home, launch, mirror, error.message)
            raise
        _over(home, launch, mirror, _said(how))
    spawn.leave(how)


def broken(wake: Wake, error: Exception) -> None:
    """The wrapper only passes bytes from now on: others may wake the agent, and people see why."""
    log.log("wrap.failed", error=repr(error)[:300])
    kept.note(wake.home, wake.launch, wrapper=-1)  # it is none any more
    wake.step_aside()
    wake.fail(f"its wrapper failed: {error!r}"[:200])


def _way(tool: str, client: dict, mirror: Mirror, keys: Keys):
    """How a client of the tool is woken, of which this was noted: by its own channel, or typing."""
    screen, by_hand = adapters.load(tool, "screen"), client.get("wake", "")
    if not screen.types(client):
        return channel(tool)
    return Typing(screen, by_hand or WAKE_TEXT, mirror, keys, bool(by_hand))


def _said(how) -> str:
    return f"exit {how.code}" if isinstance(how, spawn.Exited) else f"killed by signal {how.signal}"


def _over(home, launch: str, mirror: Mirror, why: str) -> None:
    """The agent's session has ended, and a launch that never came to be leaves no agent."""
    screen = [line for line in mirror.screen.lines() if line.strip()][-12:]
    try:
        with open_db(home) as db:
            left = launching.over(db, launch, why, "\n".join(screen), time.time())
        screens.drop(home, launch)
        after(home, Done(left=left))
    except Exception as error:  # boundary: the client's exit status matters more
        log.log("wrap.unended", error=repr(error)[:300])
