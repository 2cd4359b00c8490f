"""Facts about processes: whether one is still the process it was, and leaving one behind."""

import os
import sys
from collections import namedtuple

PROC = "/proc"
FIRST = "4026531836"  # the namespace that all others are in, where all is seen (proc_ns.h)
FIRST_KEPT = 100  # what is kept open for a process left behind has numbers from here


class Process(namedtuple("Process", "state start parent command", defaults=("", "", 0, ""))):
    """What the system says of a process: its state letter first, when it began as an opaque word
    that tells it from a later one of the same number, and after an @ the namespace in which that
    counts, its parent, the name of its program. Empty where nothing is said: it is gone, or may not
    be seen."""

    __slots__ = ()

    @property
    def ended(self) -> bool:
        """Whether it only waits for its parent to notice its end."""
        return self.state[:1] in ("Z", "X")


def told(pid: int) -> Process:
    """What the system says of process `pid` now: Linux in /proc, others by ps."""
    try:
        with open(f"{PROC}/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            before, _, after = stream.read().rpartition(")")  # a name may hold ") "
        fields = after.split()  # proc(5): the third is the state, the 22nd the start
        start = f"{fields[19]}@{pid_space()}"
        return Process(fields[0], start, int(fields[1]), before.partition("(")[2])
    except (OSError, IndexError):
        if os.path.exists(f"{PROC}/self/stat"):
            return Process()
    words = _said_by_ps(pid).split(None, 7)
    if len(words) < 8:
        return Process()
    return Process(words[0], " ".join(words[2:7]), int(words[1]), os.path.basename(words[7]))


def _said_by_ps(pid: int) -> str:
    """State, parent, start (five words) and program of a process; "" when ps says nothing."""
    argv = ["ps", "-o", "stat=,ppid=,lstart=,comm=", "-p", str(pid)]
    # The C locale, so that the same moment reads the same in every process that asks. Not through
    # subprocess, which no hook is to load.
    env = {**os.environ, "LC_ALL": "C"}
    read, write = os.pipe()
    try:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, write, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        child = os.posix_spawnp(argv[0], argv, env, file_actions=actions)
    except OSError:
        os.close(read)
        return ""
    finally:
        os.close(write)
    with open(read, encoding="utf-8", errors="replace") as stream:
        said = stream.read()
    try:
        os.waitpid(child, 0)
    except ChildProcessError:
        pass  # a host that ignores SIGCHLD
    return said.strip()


def program(pid: int) -> str:
    """The file by which to start the program that process `pid` runs; "" where nobody tells."""
    path = f"{PROC}/{pid}/exe"  # also where the file has been replaced since
    if not os.access(path, os.X_OK):
        path = "".join(_said_by_ps(pid).split(None, 7)[7:])
    return path if os.path.isabs(path) and os.access(path, os.X_OK) else ""


def start_of(pid: int) -> str:
    """When process `pid` began (see Process); "" when it has ended or nobody tells."""
    found = told(pid)
    return "" if found.ended else found.start


def alive(pid: int, start: str) -> bool:
    """Whether process `pid` that began at `start` still runs; where either start is not known, the
    number alone decides."""
    if not is_told_of(start):
        return _is_below(pid, start.partition("@")[0])
    if pid <= 0 or not _exists(pid):
        return False
    now = told(pid)
    known = not start or not now.start or start in (now.start, now.start.partition("@")[0])
    return not now.ended and known


def is_told_of(start: str) -> bool:
    """Whether a process that began at `start` has its number here."""
    return start.partition("@")[2] in ("", pid_space())


def sees(start: str) -> bool:
    """Whether a process that began at `start` would be found from here (`alive`), if it lived."""
    return is_told_of(start) or pid_space() == FIRST


def ended(pid: int, start: str) -> bool:
    """Whether process `pid` that began at `start` has surely ended: only who would see it alive can
    tell."""
    return sees(start) and not alive(pid, start)


def _is_below(pid: int, start: str) -> bool:
    """Whether a process that began then has the number `pid` in a namespace below this one."""
    for entry in filter(str.isdigit, os.listdir(PROC) if start else ()):
        try:
            if start_of(int(entry)).partition("@")[0] == start:
                with open(f"{PROC}/{entry}/status", encoding="utf-8", errors="replace") as stream:
                    numbers = next(line for line in stream if line.startswith("NSpid:")).split()
                if numbers[2:] and numbers[-1] == str(pid):
                    return True
        except (OSError, StopIteration):
            continue  # ended by now, or of a system that does not tell
    return False


def proven(pid: int, start: str) -> bool:
    """Whether `pid` is surely the process that began at `start`: one that may be ended."""
    return bool(start) and start_of(pid) == start


def above(pid: int):
    """Process `pid` and those above it, the nearest first, as far as the system tells."""
    while pid > 0:
        yield pid
        pid = told(pid).parent


def is_above(pid: int, below: int = 0) -> bool:
    """Whether process `pid` runs the process `below` (0: this one), itself or by what it has
    started."""
    return pid in above(told(below).parent if below else os.getppid())


def environment(pid: int) -> dict[str, str]:
    """What process `pid` was started with; {} where nobody tells."""
    return dict(entry.split("=", 1) for entry in _given(pid, "environ") if "=" in entry)


def command(pid: int) -> list[str]:
    """The program of process `pid` and its arguments; [] where nobody tells."""
    return _given(pid, "cmdline")[:-1]


def _given(pid: int, file: str) -> list[str]:
    try:
        with open(f"{PROC}/{pid}/{file}", "rb") as stream:
            return os.fsdecode(stream.read()).split("\0")
    except OSError:
        return []


def outside(sign: str) -> int:
    """The process that gave its commands, of which this is one, the variable `sign`: the nearest
    above that has none itself. 0 where nobody tells."""
    for pid in above(os.getppid()):
        if sign not in (told_of := environment(pid)):
            return pid if told_of else 0
    return 0


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def pid_space() -> str:
    """The namespace in which process ids mean what they mean here; "" where nobody tells."""
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""


def itself() -> list[str]:
    """The words that run this package, wherever it lies."""
    package = os.path.dirname(os.path.abspath(__file__))
    return [os.path.realpath(sys.executable), "-I", "-S", package]


def stand() -> None:
    """The standard streams are there, also those that the caller has closed: from such nothing can
    be read, printing to it is an error as on a full disk, complaints vanish. Else the files that
    are opened next would be taken for them."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if fd == 2 else os.O_RDONLY)  # it is the lowest free
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(fd, "w" if fd == 2 else "r", closefd=False))


def leave_behind(argv: list[str], env, keep=()) -> list[int]:
    """`argv` runs in / as a process that is nobody's child: in a session of its own, no terminal
    and none of our descriptors but `keep`, whose numbers there are returned. [] also when there can
    be no process: what it would do is never worth failing for.

    A shell starts it and is waited for (a millisecond), so that the caller has no child to reap.
    """
    null = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    given = [(os.POSIX_SPAWN_DUP2, fd, FIRST_KEPT + n) for n, fd in enumerate(keep)]
    # Somebody else's directory is not held, nor is what lies there looked at.
    shell = ["sh", "-c", 'cd /; "$@" &', "sh", *argv]
    try:
        closed = [(os.POSIX_SPAWN_CLOSE, fd) for fd in _inheritable()]
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
