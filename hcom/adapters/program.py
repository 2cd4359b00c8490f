"""An installed program, a client or a shell: where it is, and what it says when it is asked."""

import functools
import json
import os
import select
import shutil
import signal
import subprocess
import time
from contextlib import suppress

from ..errors import HcomError
from ..home import keep
from .base import document, fields
from .version import numbers, placed

ASK_S = 5.0  # how long it may take to answer


def found(env, name: str) -> str:
    """Its path; "" when it is not on the PATH."""
    return shutil.which(name, path=env.get("PATH", os.defpath)) or ""


def refuse(env, name: str, folder: str, lacks: str, otherwise: str) -> None:
    """HcomError where a client is neither on the PATH nor has a folder of settings (it comes in
    other ways, too), or where it `lacks` something: the hint is what to do `otherwise`."""
    if not found(env, name) and not os.path.isdir(folder):
        raise HcomError(f"{name} is not installed: nothing was changed", "it is not on your PATH")
    if lacks:
        raise HcomError(f"{lacks}, and nothing was changed", otherwise)


def output(argv, env, patience_s: float = ASK_S, cwd: str | None = None) -> str:
    """What a program prints, run in `cwd`; "" when it does not run or takes too long."""
    try:
        return subprocess.run(
            argv,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience_s,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def conversed(argv, env, given: str, is_over, cwd: str | None = None) -> str:
    """What a program prints that is `given` a text and waits for more, until `is_over(printed)` or
    it has taken too long; it is ended then, with those that it started. "" when it does not run."""
    try:
        process = subprocess.Popen(
            argv,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return ""
    printed, end = b"", time.monotonic() + ASK_S
    with process:
        assert process.stdin and process.stdout
        with suppress(OSError):  # it may end before that
            os.write(process.stdin.fileno(), given.encode())
            while not is_over(printed.decode("utf-8", "replace")):
                left = max(0.0, end - time.monotonic())
                ready, _, _ = select.select([process.stdout], (), (), left)
                piece = os.read(process.stdout.fileno(), 1 << 20) if ready else b""
                if not piece:
                    break
                printed += piece
        with suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    return printed.decode("utf-8", "replace")


def packaged(env, name: str, package: str) -> tuple[int, ...] | None:
    """The version of the program on the PATH as its place tells; None where that tells nothing."""
    path = found(env, name)
    return placed(path, package) if path else None


def version(env, name: str, package: str, patience_s: float = ASK_S) -> tuple[int, ...] | None:
    """The version of the program on the PATH; None when there is none or it does not tell."""
    path = found(env, name)
    return _version(path, env, package, patience_s) if path else None


def every(home, env, name: str, package: str, also=()) -> dict[str, tuple[int, ...] | None]:
    """The versions, by path, of all programs of that name: on the PATH, where else they may be
    (`also`), and of those that were found before and still are there. The latter are not run: what
    lies there by now, an agent may have put there."""
    record = home.kept(f"{name}.json")
    before = document(record)
    folders = env.get("PATH", os.defpath).split(os.pathsep)
    here = [*filter(None, (found({"PATH": folder}, name) for folder in folders)), *also]
    now = {}
    for path in dict.fromkeys([*here, *before]):
        with suppress(OSError):  # it is gone
            mark = [os.path.realpath(path), os.stat(path).st_ctime_ns]  # npm sets no other time
            known = fields(before.get(path))
            if known.get("mark") != mark or not known.get("version"):
                said = (
                    _version(path, env, package, ASK_S) if path in here else placed(path, package)
                )
                known = {"mark": mark, "version": said}
            now[path] = json.loads(json.dumps(known))
    if now != before and os.path.isdir(home.kept()):  # who only looks makes no folder
        with suppress(OSError):  # in a sandbox nothing can be kept
            keep(record, json.dumps(now))
    return {path: tuple(said["version"] or ()) or None for path, said in now.items()}


def _version(path: str, env, package: str, patience_s: float) -> tuple[int, ...] | None:
    """What a program says only where its place does not: a client takes half a second to start."""
    known = placed(path, package)
    return known or _told(path, os.stat(path).st_ctime_ns, frozenset(env.items()), patience_s)


@functools.cache  # a command goes by it in several places
def _told(path: str, _changed: int, env, patience_s: float) -> tuple[int, ...] | None:
    return numbers(output([path, "--version"], dict(env), patience_s))
