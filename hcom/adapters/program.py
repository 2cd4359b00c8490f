"""An installed program, a client or a shell: where it is, and what it says when it is asked."""

import os
import re
import select
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from ..errors import HcomError
from .base import document

ASK_S = 5.0  # how long it may take to answer


def found(env, name: str) -> str:
    """Its path; "" when it is not on the PATH."""
    return shutil.which(name, path=env.get("PATH", os.defpath)) or ""


def refuse_missing(env, name: str, folder: str) -> None:
    """HcomError where a client is neither on the PATH nor has a folder of settings: it comes in
    other ways, too."""
    if not found(env, name) and not os.path.isdir(folder):
        raise HcomError(f"{name} is not installed: nothing was changed", "it is not on your PATH")


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
    """The version of the program on the PATH by where it is: in the npm `package`, or in a file or
    folder called by it, as installers do that keep several; None where that tells nothing."""
    path = found(env, name)
    if not path:
        return None
    real = Path(os.path.realpath(path))
    said = [document(str(folder / "package.json")) for folder in real.parents[:3]]
    known = [str(s.get("version")) for s in said if s.get("name") == package]
    known += [part for part in (real.name, real.parent.name) if re.fullmatch(r"\d+(\.\d+)+", part)]
    return next(filter(None, map(numbers, known)), None)


def version(env, name: str, package: str, patience_s: float = ASK_S) -> tuple[int, ...] | None:
    """The version of the program on the PATH, which is asked only where nothing else tells; None
    when there is none or it does not say."""
    path = found(env, name)
    if not path:
        return None
    return packaged(env, name, package) or numbers(output([path, "--version"], env, patience_s))


def numbers(text: str) -> tuple[int, ...] | None:
    """The first version that a text names."""
    said = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, said.groups())) if said else None
