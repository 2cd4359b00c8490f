"""Who owns an agent's wake: the process that holds run/wake/NAME.lock, and only one does."""

import os

from ..home import WAKE, Lock


def take(home, agent: str) -> int:
    """A descriptor that holds the ownership until it is closed or its process ends; -1 when
    another process has it."""
    lock = Lock(home, os.path.join(WAKE, agent))
    try:
        lock.take()
    except OSError:
        pass
    return lock.fd


def give_up(descriptor: int) -> None:
    """Somebody else may own the wake."""
    if descriptor >= 0:
        os.close(descriptor)
