"""Facts about processes: whether one is still the process it was, and leaving one behind."""

import os
import sys

FIRST_KEPT = 100  # what is kept open for a process left behind has numbers from here


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


def itself() -> list[str]:
    """The words that run this package, wherever it lies."""
    package = os.path.dirname(os.path.abspath(__file__))
    return [os.path.realpath(sys.executable), "-I", "-S", package]


def leave_behind(argv: list[str], env, keep=()) -> list[int]:
    """`argv` runs as a process that is nobody's child: in a session of its own, with no terminal
    and none of our descriptors but `keep`, whose numbers there are returned. [] also when there can
    be no process: what it would do is never worth failing for.

    A shell starts it and is waited for (a millisecond), so that the caller has no child to reap.
    """
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    given = [(os.POSIX_SPAWN_DUP2, fd, FIRST_KEPT + n) for n, fd in enumerate(keep)]
    closed = [(os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable()]
    shell = ["sh", "-c", '"$@" &', "sh", *argv]
    try:
        pid = os.posix_spawn(
            "/bin/sh", shell, env, file_actions=[*null, *closed, *given], setsid=True
        )
        os.waitpid(pid, 0)
    except OSError:
        return []
    return [FIRST_KEPT + n for n in range(len(given))]


def _inheritable() -> list[int]:
    """Our descriptors that a program started by us would have, but for the first three."""
    found = []
    for name in os.listdir("/dev/fd"):
        try:
            if int(name) > 2 and os.get_inheritable(int(name)):
                found.append(int(name))
        except OSError:
            continue  # the listing's own
    return found
