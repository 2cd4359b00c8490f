"""Which process has a Codex session open: it holds a lock on thread-writer-locks/SESSION.lock."""

import os


def path(directory: str, session: str) -> str:
    """The lock file of a session in the Codex home `directory`."""
    return os.path.join(directory, "thread-writer-locks", f"{session}.lock")


def holder(directory: str, session: str) -> int:
    """The process that has the session open; 0 when none has, or that cannot be seen (no /proc, or
    from inside the sandbox)."""
    try:
        inode = os.stat(path(directory, session)).st_ino
        with open("/proc/locks", encoding="ascii") as stream:
            lines = [line.split() for line in stream]
    except OSError:
        return 0
    # 5: FLOCK  ADVISORY  WRITE 29069 fe:00:1608914 0 EOF. Not by device: some file systems
    # (btrfs, overlayfs) show another number there than to stat.
    return next((int(words[4]) for words in lines if words[1] == "FLOCK" and len(words) > 5
                 and words[5].rpartition(":")[2] == str(inode)), 0)


def is_known(directory: str, session: str) -> bool:
    """Whether this machine tells who has the session open."""
    return os.path.exists("/proc/locks") and os.path.exists(path(directory, session))
