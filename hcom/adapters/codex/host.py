"""The process that has a Codex session open, and whether it is the session's own.

A session's host holds a lock on thread-writer-locks/SESSION.lock. It is the client that the person
sees, or the background server (app-server) that all their clients share.
"""

import os
import re

from ...home import listed, opened, stat_of
from ...process import is_told_of
from ..version import numbers


def lock(directory: str, session: str) -> str:
    """The lock file of a session in the Codex home `directory`."""
    return os.path.join(directory, "thread-writer-locks", f"{session}.lock")


def holds(pid: int, directory: str, session: str) -> bool:
    """Whether process `pid` has the session open, where the system tells what it has open."""
    held = stat_of(lock(directory, session))
    if held is None:
        return False
    for descriptor in listed(f"/proc/{pid}/fd"):
        try:
            if os.path.samestat(os.stat(f"/proc/{pid}/fd/{descriptor}"), held):
                with open(f"/proc/{pid}/fdinfo/{descriptor}", encoding="ascii") as stream:
                    if " FLOCK " in stream.read():
                        return True
        except OSError:
            continue  # closed by now
    return False


def holder(directory: str, session: str) -> int:
    """The process that has the session open; 0 when none is found: also where it cannot be seen (no
    /proc, or from inside the sandbox), and now and then where the list changes under its reader."""
    try:
        inode = os.stat(lock(directory, session)).st_ino
        with open("/proc/locks", encoding="ascii") as stream:
            lines = [line.split() for line in stream]
    except OSError:
        return 0
    # 5: FLOCK  ADVISORY  WRITE 29069 fe:00:1608914 0 EOF. Not by device: some file systems
    # (btrfs, overlayfs) show another number there than to stat.
    return next(
        (
            int(words[4])
            for words in lines
            if words[1] == "FLOCK" and len(words) > 5 and words[5].rpartition(":")[2] == str(inode)
        ),
        0,
    )


def is_closed(directory: str, session: str, pid: int, pid_start: str) -> bool:
    """Whether this machine tells that nobody has the session open, which process `pid` had last."""
    return (
        is_told_of(pid_start)
        and os.path.exists("/proc/locks")
        and os.path.exists(lock(directory, session))
        and not (holds(pid, directory, session) or holder(directory, session))
    )


def is_shared(pid: int, rollout: str = "") -> bool:
    """Whether process `pid` hosts sessions of several clients: a server, by its command line or,
    where that cannot be read, by what began the session of the rollout file."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as stream:
            return b"app-server" in stream.read(4096).split(b"\0")
    except OSError:
        return begun(rollout, "source") == "vscode"


def begun(rollout: str, name: str) -> str:
    """What the first line of a session's rollout file says by that name; "" for nothing. Looked for
    in its head, which stands before the model's instructions."""
    try:
        with os.fdopen(opened(rollout), "rb") as stream:
            head = stream.read(8192)
    except OSError:
        return ""
    found = re.search(rf'"{name}":\s*"([\w.-]+)"', head.decode("utf-8", "replace"))
    return found[1] if found else ""


def version(rollout: str) -> tuple[int, ...] | None:
    """The version in which a session began, by its rollout file; None where it does not tell."""
    return numbers(begun(rollout, "cli_version"))
