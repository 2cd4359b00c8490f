"""Who owns an agent's wake: the process that holds run/wake/NAME.lock, and only one does."""

import fcntl
import os


def take(home, agent: str) -> int:
    """A descriptor that holds the ownership until it is closed or its process ends; -1 when
    another process has it."""
    path = os.path.join(home.root, "run", "wake", f"{agent}.lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return -1
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return -1
    return descriptor


def give_up(descriptor: int) -> None:
    """Somebody else may own the wake."""
    if descriptor >= 0:
        os.close(descriptor)
