"""Doorbells: a waiter sleeps on a FIFO, whoever has news for it writes a byte.

A FIFO and no socket, since sandboxes refuse sockets long before they refuse files. A ring is a
hint: a lost one costs the time until the waiter's next safety check, never a message.
"""

import errno
import os
import stat
import time

from ..home import BELLS, dropped, listed

RING = b"."
QUIT = b"q"  # the agent has left
NOW = b"n"  # a person wants it, whatever it waits for
YIELD = b"y"  # a waiter of the agent's client wakes it from now on
EVERYONE = "_all"  # the bells of those who watch everything; no agent can have this name
# The bell of who talks to other devices; a file of this name in run/ says that there is to be one.
RELAY = "_relay"
# A sandbox may refuse FIFOs, or a ring be lost with a crash: look this often all the same.
SAFETY_S = 5.0


def of_launch(launch: str) -> str:
    """The name for which the wrapper of a launch rings, whichever agent its client is."""
    return "_" + launch


class Bell:
    """This process's doorbell for each of `names`; a context manager that takes it down at the end.

    Where no FIFO can be made it is silent, and waiting on it becomes slow looking.
    """

    def __init__(self, home, *names: str):
        self.folder, self.names = home.run(BELLS), names
        self.paths: list[str] = []
        self.fd = -1

    def __enter__(self):
        temporary = self._path(self.names[0]) + ".tmp"  # rung only once somebody listens
        try:
            dropped(temporary)
            self.paths = [temporary]
            os.mkfifo(temporary, 0o600)
            # Read and write: the FIFO never reports end of file when a ringer closes.
            self.fd = os.open(temporary, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
            self.hear(*self.names)
        except OSError:
            self.__exit__()  # silent
        except BaseException:  # an interrupt in between leaves nothing either
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error):
        for path in self.paths:
            dropped(path)
        self.paths = []
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def hear(self, *names: str) -> None:
        """It rings for these names, and no longer for others. OSError when it cannot."""
        wanted = [self._path(name) for name in names] if self.fd >= 0 else []
        kept = [path for path in self.paths if path in wanted]
        spare = [path for path in self.paths if path not in wanted]
        self.names, self.paths = names, wanted
        for path in wanted:
            if path not in kept and spare:
                os.rename(spare.pop(), path)
            elif path not in kept:  # only a wrapper has more than one: a sandbox may refuse links
                dropped(path)
                os.link((kept or wanted)[0], path, follow_symlinks=False)
        for path in spare:
            dropped(path)

    @property
    def path(self) -> str:
        """One of its names in the file system; "" when it is silent."""
        return self.paths[0] if self.paths else ""

    def _path(self, name: str) -> str:
        # A program may wait in several threads. Last is the process: by it what is left is found.
        return os.path.join(self.folder, f"{name}.{id(self):x}.{os.getpid()}")

    def rung(self) -> bytes:
        """What was rung since the last look, without waiting."""
        if self.fd < 0:
            return b""
        try:
            return os.read(self.fd, 4096)
        except BlockingIOError:
            return b""

    def wait(self, seconds: float, also=()) -> bytes:
        """What was rung, after at most `seconds`; b"" when nothing was. Ends early when one of
        the descriptors `also` is readable."""
        watched = [fd for fd in (self.fd, *also) if fd >= 0]
        if not watched:
            time.sleep(min(seconds, 1.0))
            return b""
        import select  # no hook waits

        select.select(watched, (), (), seconds)
        return self.rung()


def ring(home, names, token: bytes = RING) -> set[str]:
    """Every bell of each of `names` rings; the names that somebody listens for. A bell without a
    listener is taken down."""
    wanted = set(names)
    return {name for name, path in _hung(home) if name in wanted and _ring_one(path, token)}


def heard(home) -> set[str]:
    """The names that somebody listens for. Bells without a listener are taken down."""
    return {name for name, path in _hung(home) if _ring_one(path, b"")}


def _hung(home) -> list[tuple[str, str]]:
    """The name and the path of each bell."""
    folder = home.run(BELLS)
    bells = (entry for entry in listed(folder) if not entry.endswith(".tmp"))
    return [(entry.partition(".")[0], os.path.join(folder, entry)) for entry in bells]


def _ring_one(path: str, token: bytes) -> bool:
    """Whether somebody listens to that bell, which has been rung."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ENXIO:
            dropped(path)
        return False
    try:
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):  # else somebody's file under another name
            os.write(descriptor, token)
    except OSError:
        pass  # full: it has been rung often enough
    finally:
        os.close(descriptor)
    return True
