"""Opens one window, pane or tab and closes exactly that one. Starts processes, decides nothing.

Every wait is bounded, no shell is used, and what a command prints goes to files, not pipes: a
terminal that stays in the background with our pipe open would hold us up after its opener ended.
"""

import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import IO, Any, NamedTuple

from ..errors import HcomError
from ..process import proven, start_of
from .choice import current_platform
from .preset import Opener, Preset, fill
from .table import builtin

OPEN_S = 15.0  # `open` and osascript first start the application, on a cold disk or with a dialog
SETTLE_S = 0.4  # "cannot open display" and a wrong option come well within this; a window stays
CLOSE_S = 5.0
GRACE_S = 2.0  # from asking a terminal to end to ending it
_POLL_S = 0.02  # only while a terminal ends, at most GRACE_S long
# A part of a window's id, in every preset of ours: words, a number or a path.
PLAIN = r"[\w %@+,.:/=-]*"
_ERROR_CHARS = 500  # a screenful at most of what a failing command said

# Terminals this process started. Held so that they are reaped when they end, not left as zombies.
_started: list[subprocess.Popen[bytes]] = []


class Opened(NamedTuple):
    """A window that was opened: enough to close it later, from another process."""

    preset: str
    id: str = ""  # "name=value" words, quoted as in a shell; "" when the window can't be named
    pid: int | None = None  # of a terminal that stays in the foreground


class _Failed(Exception):
    """The command ended with an error; the text is what it said."""


def open_window(
    preset: Preset,
    script: str,
    cwd: str,
    env: Mapping[str, str],
    title: str,
) -> Opened:
    """`script` runs in a new window of `preset`, or soon will.

    `env` is for the opening command; the window has its own. Raises HcomError when the command is
    missing, fails or hangs.
    """
    if not os.path.isdir(cwd):
        raise HcomError(f"no directory {cwd!r}", hint="cd to a directory that exists")
    upper = {name: value for name, value in env.items() if name.isupper()}
    values = {"TMUX_PANE": "", **upper, "script": script, "cwd": cwd, "title": label(title)}
    try:
        argv = fill(preset.open, values, preset.escape)
    except KeyError as error:
        raise HcomError(
            f"terminal {preset.name!r} needs {error.args[0]} in the environment",
            hint="hcom config terminal default",
        ) from None
    try:
        if preset.full:
            room = _run(fill(preset.full.ask, values), cwd, env, OPEN_S)
            if re.search(preset.full.says, room):
                raise _Failed(room)
        if preset.opener is Opener.RETURNS:
            return Opened(preset.name, _id_from(preset, _run(argv, cwd, env, OPEN_S), env))
        return _detached(preset, argv, cwd, env)
    except _Failed as error:
        if preset.full and re.search(preset.full.says, str(error)):
            other = builtin(current_platform())[preset.full.use]
            return open_window(other, script, cwd, env, title)
        raise HcomError(
            f"terminal {preset.name!r} did not open: {error}", hint="hcom config terminal --info"
        ) from None


def with_reported(opened: Opened, preset: Preset, env: Mapping[str, str]) -> Opened:
    """`opened` with the id that the launched script finds in its own environment `env`."""
    return opened._replace(id=_joined({**_parts(opened.id), **_named(preset.reports, env)}))


def close_window(opened: Opened, env: Mapping[str, str]) -> None:
    """The window of `opened` is gone, and no other. One that was gone already is no error.

    A window that can't be named is left to close with its process. Raises HcomError when the
    closing command fails.
    """
    preset = builtin(current_platform()).get(opened.preset.casefold())
    if preset is None:  # a custom command, or a preset since removed
        return
    parts = _parts(opened.id)
    if preset.opener is Opener.WINDOW and opened.pid:
        _end(opened.pid, parts.get("born", ""))
        return
    try:
        _ask(preset, preset.close, parts, env)
    except _Failed as error:
        if not preset.gone or not re.search(preset.gone, str(error), re.I):
            raise HcomError(f"terminal {preset.name!r} did not close: {error}") from None


def show_window(opened: Opened, env: Mapping[str, str]) -> None:
    """The window of `opened` is the one that its terminal shows. HcomError when that terminal has
    no way to, or failed."""
    preset = builtin(current_platform()).get(opened.preset.casefold())
    try:
        if preset and _ask(preset, preset.show, _parts(opened.id), env):
            return
        said = "cannot be asked to show a window"
    except _Failed as error:
        said = f"did not show it: {error}"
    raise HcomError(f"terminal {opened.preset!r} {said}")


def around(env: Mapping[str, str]) -> Opened | None:
    """The window that a process with this environment began in; None where it has no name."""
    socket, server, *_ = (*env.get("TMUX", "").split(","), "", "")
    wezterm, kitty = ("WEZTERM_UNIX_SOCKET", "WEZTERM_PANE"), ("KITTY_LISTEN_ON", "KITTY_WINDOW_ID")
    for preset, parts in (
        ("tmux-window", {"socket": socket, "server": server, "pane": env.get("TMUX_PANE", "")}),
        ("WezTerm", {name: env.get(name, "") for name in wezterm}),
        ("kitty-tab", dict(zip(("KITTY_LISTEN_ON", "window"), (env.get(n, "") for n in kitty)))),
    ):
        if all(parts.values()):
            return Opened(preset, _joined(parts))
    return None


def _ask(preset: Preset, command: tuple[str, ...], parts: dict[str, str], env) -> bool:
    """Whether the window has a name, and the command was run on it. Raises _Failed."""
    # An agent in a sandbox can write what we remember; some terminals read commands in it.
    parts = {
        name: parts[name]
        for name in preset.parts & parts.keys()
        if re.fullmatch(PLAIN, parts[name])
    }
    # Half an id could name another window: pane 5 of whichever terminal answers us now.
    if not command or not preset.parts <= parts.keys():
        return False
    where = {name: value for name, value in parts.items() if name.isupper()}
    _run(fill(command, parts), "/", {**env, **where}, CLOSE_S)
    return True


def label(title: str) -> str:
    """`title` without anything a terminal could take for an option, a format or a separator."""
    safe = "".join(c if c.isalnum() or c in " -_.:@+/" else "-" for c in title).strip()
    return safe.lstrip("-").strip() or "hcom"


def _id_from(preset: Preset, out: str, env: Mapping[str, str]) -> str:
    match = re.search(preset.prints, out)
    # Without one the window is there all the same; it closes when its process ends.
    return _joined({**_named(preset.keep, env), **match.groupdict("")}) if match else ""


def _named(names: tuple[str, ...], env: Mapping[str, str]) -> dict[str, str]:
    return {name: env[name] for name in names if env.get(name)}


def _joined(parts: Mapping[str, str]) -> str:
    return shlex.join(f"{name}={value}" for name, value in parts.items())


def _parts(ident: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in shlex.split(ident) if "=" in word)


def _start(start: Callable[..., Any], argv: list[str], env: Mapping[str, str], **how: Any) -> Any:
    """What subprocess's `start` returns of the command. Raises _Failed when there can be none."""
    _started[:] = [process for process in _started if process.poll() is None]
    try:
        return start(argv, env=dict(env), stdin=subprocess.DEVNULL, **how)
    except (OSError, ValueError) as error:  # the latter is a NUL byte in an argument
        raise _Failed(f"{argv[0]}: {getattr(error, 'strerror', error)}") from None


def _run(argv: list[str], cwd: str, env: Mapping[str, str], limit: float) -> str:
    """What `argv` printed. Raises _Failed when it ends with an error or not within `limit` s."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        how: dict[str, Any] = {"cwd": cwd, "stdout": out, "stderr": err, "timeout": limit}
        try:
            # In our own session: `kitten @` without a socket speaks through the controlling
            # terminal. After Ctrl-C, too, run() leaves no opener behind.
            status = _start(subprocess.run, argv, env, **how).returncode
        except subprocess.TimeoutExpired:
            raise _Failed(
                f"{argv[0]} did not return within {limit:g} s" + _said(err, ": ")
            ) from None
        if status:
            raise _Failed(_said(err) or _said(out) or f"{argv[0]} ended with status {status}")
        return _text(out)


def _detached(preset: Preset, argv: list[str], cwd: str, env: Mapping[str, str]) -> Opened:
    """The terminal runs in a session of its own, unless it handed over to another and ended."""
    with tempfile.TemporaryFile() as err:
        how: dict[str, Any] = {"cwd": cwd, "stdout": err, "stderr": err, "start_new_session": True}
        process = _start(subprocess.Popen, argv, env, **how)
        try:
            status = process.wait(SETTLE_S)
        except subprocess.TimeoutExpired:
            _started.append(process)
            parts = {**_named(preset.keep, env), "born": start_of(process.pid)}
            return Opened(preset.name, _joined(parts), process.pid)
        if status:
            raise _Failed(_said(err) or f"{argv[0]} ended with status {status}")
        return Opened(preset.name)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(100_000).decode("utf-8", "replace")


def _said(file: IO[bytes], before: str = "") -> str:
    words = " ".join(_text(file).split())  # one line, and no control character of theirs reaches us
    shown = "".join(c for c in words if c.isprintable())[-_ERROR_CHARS:]
    return before + shown if shown else ""


def _end(pid: int, born: str) -> None:
    """The terminal `pid` has ended, if it is still the one that was born then."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not proven(pid, born):
            return
        try:
            os.killpg(pid, number)  # it leads its own session; a wrapper's child belongs to it
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise HcomError(f"cannot end the terminal with pid {pid}: {error.strerror}") from None
        limit = time.monotonic() + GRACE_S
        while proven(pid, born) and time.monotonic() < limit:
            time.sleep(_POLL_S)
