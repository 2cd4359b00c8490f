"""An installed program, a client or a shell: where it is, and what it says when it is asked."""

import os
import shutil
import subprocess

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
