"""The installed Codex: whether it is there, and what it can do."""

import os
import re
import shutil
import subprocess

NAME = "codex"
ASK_S = 5.0  # how long it, or the person's login shell, may take to answer


def found(env) -> str:
    """Its path; "" when it is not on the PATH."""
    return shutil.which(NAME, path=env.get("PATH", os.defpath)) or ""


def abilities(env) -> frozenset[str]:
    """Which of --no-daemon and hooks it has; both when there is none to ask.

    A Codex with --no-daemon has hooks (0.169.0 has both); an older one is asked for its features.
    """
    program = found(env)
    if not program or "--no-daemon" in output([program, "--help"], env):
        return frozenset(("--no-daemon", "hooks"))
    features = output([program, "features", "list"], env)
    return frozenset(("hooks",) if re.search(r"^hooks\s.*\btrue\b", features, re.M) else ())


def output(argv, env) -> str:
    """What a program prints; "" when it does not run or takes too long."""
    try:
        return subprocess.run(
            argv,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASK_S,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
