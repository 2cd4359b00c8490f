"""`wrapped LAUNCH`: what a launch left for it is taken, its client wrapped or fed to its end."""

import json
import os
import sys
import time

from .. import home as homes
from .. import log
from ..delivery import bell
from ..errors import HcomError
from ..hub import launches as launching
from ..ops.after import Done, after
from ..pty import proxy, spawn
from ..store import launches
from ..store.connect import open_db, transaction
from .policy import TERMINAL, Wrap


def main(argv: list[str]) -> int:
    """`wrapped LAUNCH`: take the hand-over of a launch, and be its client's wrapper."""
    home = homes.locate(os.environ)
    try:
        told = _handed_over(home, argv[1])
        if told["stream"] is None:
            run(home, argv[1], told)
        else:
            from . import fed

            fed.run(home, argv[1], told)
    except HcomError as error:
        sys.stderr.write(f"hcom: {error.message}" + (f" ({error.hint})\n" if error.hint else "\n"))
        return 1
    except KeyboardInterrupt:
        return 130


def _handed_over(home, launch: str) -> dict:
    """What the launcher left for this launch, which is gone now; the environment of this terminal
    is put in its place."""
    path = home.kept("launch", launch + ".json")
    try:
        with open(path, encoding="utf-8") as stream:
            told = json.load(stream)
        os.unlink(path)
    except (OSError, ValueError):
        raise HcomError("this launch is over", "start it again with hcom") from None
    if not told["headless"]:
        told["env"] = {k: v for k, v in told["env"].items() if not k.startswith(TERMINAL)}
        told["env"].update((k, v) for k, v in os.environ.items() if k.startswith(TERMINAL))
        _report_window(home, launch)
    return told


def _report_window(home, launch: str) -> None:
    """Some terminals tell a window's id only to what runs in it."""
    with open_db(home) as db:
        found = launches.find(db, launch)
        if not found or not found.window:
            return
        from .. import terminal

        opened = terminal.Opened(*found.window)
        presets = terminal.builtin(terminal.current_platform())
        preset = presets.get(opened.preset.casefold())
        if preset:
            with transaction(db):
                launches.set_window(db, launch, terminal.with_reported(opened, preset, os.environ))


def run(home, launch: str, told: dict) -> None:
    """The client that the hand-over `told` is of runs in front of this terminal, or with none; this
    process ends as it does."""
    log.to(home.root)
    with bell.Bell(home, told["agent"]) as rings:
        policy = Wrap(home, told["agent"], told["tool"], launch, rings)
        ends = proxy.Ends(None, None) if told["headless"] else proxy.Ends()
        try:
            how = proxy.run(
                told["argv"],
                told["env"],
                policy=policy,
                on_fault=_fault,
                ends=ends,
                cwd=told["cwd"],
                doorbells=[rings.fd] if rings.fd >= 0 else [],
            )
        except spawn.SpawnError as error:
            _over(home, policy, error.message)
            raise
        _over(home, policy, _said(how))
    if isinstance(how, spawn.Exited) and how.code == 0:
        sys.exit(0)
    spawn.leave(how)


def _fault(error: Exception) -> None:
    log.log("wrap.failed", error=repr(error)[:300])


def _said(how) -> str:
    return f"exit {how.code}" if isinstance(how, spawn.Exited) else f"killed by signal {how.signal}"


def _over(home, policy: Wrap, why: str) -> None:
    """The agent's session has ended, and a launch that never came to be leaves no agent."""
    screen = [line for line in policy.mirror.screen.lines() if line.strip()][-12:]
    try:
        with open_db(home) as db:
            keys = launching.over(
                db, policy.launch, policy.name, why, "\n".join(screen), time.time()
            )
        after(home, Done(left=[(policy.name, keys)]))
    except Exception as error:  # boundary: the client's exit status matters more
        _fault(error)
