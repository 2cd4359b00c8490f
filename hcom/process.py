"""Facts about processes: whether one is still the process it was, and starting a detached one."""

import os


def start_of(pid: int) -> str:
    """When process `pid` began, as an opaque word that tells it from a later one; "" if unknown.

    Linux: field 22 of /proc/PID/stat. Elsewhere "", and only the pid itself is compared.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return ""


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return stream.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except (OSError, IndexError):
        return False


def alive(pid: int, start: str) -> bool:
    """Whether process `pid` that began at `start` still runs."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    if _is_zombie(pid):
        return False
    now = start_of(pid)
    return not start or not now or now == start


def detach() -> bool:
    """Fork: True in a child of its own session with no terminal and no files; False in the caller,
    also when no process can be had: what a child would do is never worth failing for.

    The child must end with os._exit. An open database must not be carried over.
    """
    try:
        if os.fork():
            return False
    except OSError:
        return False
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    if null > 2:
        os.close(null)
    return True
