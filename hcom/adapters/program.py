"""An installed program, a client or a shell: where it is, and what it says when it is asked."""

import os
import select
import shutil
import signal
import subprocess
import time
from contextlib import suppress

ASK_S = 5.0  # how long it may take to answer


def found(env, name: str) -> str:
    """Its path; "" when it is not on the PATH."""
    return shutil.which(name, path=env.get("PATH", os.defpath)) or ""


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
