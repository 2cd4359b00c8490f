"""The client programs that the end-to-end tests drive, each pinned to one version.

They live in `tests/.clients/<tool>-<version>` (or under HCOM_TEST_CLIENTS), put there once by npm,
which brings each package's platform binary as an optional dependency and runs its postinstall; a
library of Python's, by pip.
`python3 -m tests.rig.clients` fetches what is missing.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path
from typing import NamedTuple

REPO = Path(__file__).resolve().parent.parent.parent
FETCH_TIMEOUT_S = 900  # 400 MB over a slow line


class Client(NamedTuple):
    tool: str  # the command's name on PATH
    package: str
    version: str
    by: str = "npm"

    @property
    def program(self) -> str:
        """Where it lies in its folder: the command, or the library's own package."""
        return f"node_modules/.bin/{self.tool}" if self.by == "npm" else self.tool


CLIENTS = {
    "claude": Client("claude", "@anthropic-ai/claude-code", "2.1.332"),
    "claude-before": Client("claude", "@anthropic-ai/claude-code", "2.1.330"),
    "claude-old": Client("claude", "@anthropic-ai/claude-code", "2.1.197"),  # no messaging socket
    # skips settings with an event that it does not know, and is woken by typing
    "claude-older": Client("claude", "@anthropic-ai/claude-code", "2.1.77"),
    "gemini": Client("gemini", "@google/gemini-cli", "0.61.0"),
    "codex": Client("codex", "@openai/codex", "0.171.0"),
    "codex-old": Client("codex", "@openai/codex", "0.169.0"),
    "hub": Client("huggingface_hub", "huggingface_hub", "2.4.0", "pip"),
}

# How one is installed into its place; without its postinstall claude is a stub that only complains.
INSTALLS = {
    "npm": (
        *("npm", "install", "--prefix", "{place}", "--no-audit", "--no-fund", "--loglevel=error"),
        *("--no-package-lock", "--include=optional", "--ignore-scripts=false"),
        "{client.package}@{client.version}",
    ),
    "pip": (
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--root-user-action=ignore", "--target", "{place}"),
        "{client.package}=={client.version}",
    ),
}


def root() -> Path:
    """The folder that holds the installed clients."""
    chosen = os.environ.get("HCOM_TEST_CLIENTS")
    return Path(chosen) if chosen else Path(__file__).resolve().parent.parent / ".clients"


def folder(name: str) -> Path:
    client = CLIENTS[name]
    # what a library needs depends on the Python
    tag = f"-{sys.implementation.cache_tag}" if client.by == "pip" else ""
    return root() / f"{client.tool}-{client.version}{tag}"


def available(name: str) -> Path | None:
    """The executable of an installed client, or None; fetches nothing."""
    # our own mark, made after the program has said its version: a half-made install has none
    if not (folder(name) / "complete").exists():
        return None
    return folder(name) / CLIENTS[name].program


def fetch(name: str) -> Path:
    """The executable of the client, installed first if need be; racing callers install it once."""
    client, place = CLIENTS[name], folder(name)
    root().mkdir(parents=True, exist_ok=True)
    with open(root() / f".{place.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = available(name)
        if found:
            return found
        argv = [one.format(place=place, client=client) for one in INSTALLS[client.by]]
        place.mkdir(exist_ok=True)
        subprocess.run(
            argv,
            check=True,
            timeout=FETCH_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        verify(name)
        (place / "complete").touch()
    return place / client.program


def fetch_all(names: tuple[str, ...] = tuple(CLIENTS)) -> int:
    """The clients are installed, side by side, for a slow line can serve several; how many are not:
    each has said why."""
    fetching = [
        subprocess.Popen([sys.executable, "-m", "tests.rig.clients", name], cwd=REPO)
        for name in names
        if not available(name)
    ]
    return sum(bool(each.wait()) for each in fetching)


def fetched(name: str) -> bool:
    """Whether the client is there, installed now if it was not; says why when it is not."""
    try:
        fetch(name)
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        print(f"FAILED: the client {name} cannot be installed: {error}", flush=True)
        return False
    return True


def verify(name: str) -> None:
    """The installed client runs and says the pinned version; AssertionError otherwise."""
    place, client = folder(name), CLIENTS[name]
    env = {"PATH": os.environ["PATH"], "HOME": str(place), "CODEX_HOME": str(place)}
    program = str(place / client.program)
    argv = [program, "--version"]
    if client.by == "pip":
        env["PYTHONPATH"] = str(place)
        code = f"import {client.tool}; print({client.tool}.__version__)"
        argv = [sys.executable, "-c", code]
    done = subprocess.run(
        argv,
        env=env,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert client.version in done.stdout, f"{program} --version: {done.stdout}{done.stderr}"


def requires(*names: str):
    """A decorator that skips a test when a client is missing, or tmux, in which they run, and says
    which (`python3 -m tests.rig.clients` fetches clients).

    With HCOM_TEST_FETCH=1 (the whole suite) nothing is skipped: it is fetched, or fetching raises.
    """

    def decorated(test):
        test.clients_needed = names
        if os.environ.get("HCOM_TEST_FETCH") == "1":
            for name in names:
                fetch(name)
            return test
        missing = [name for name in names if available(name) is None]
        if not shutil.which("tmux"):
            missing.append("tmux")
        return unittest.skipIf(missing, f"not installed: {', '.join(missing)}")(test)

    return decorated


if __name__ == "__main__":
    # one is fetched here, several by a process each
    sys.exit(not fetched(sys.argv[1]) if sys.argv[1:] else fetch_all())
