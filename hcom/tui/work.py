"""What may take long, done beside the loop: sending, stopping, reading a transcript."""

import os
import queue
import threading
import time
from collections.abc import Callable

from .. import log
from ..errors import HcomError
from .keys import told


class Work:
    """Runs acts, each at once; `fd` is readable when one is done.

    In threads, for a process for each key would take longer than most of these acts, and a database
    that is locked, or a client that takes seconds to start or to end, must not stop the keys.
    """

    def __init__(self) -> None:
        self.fds = self.fd, self._written = os.pipe()
        os.set_blocking(self.fd, False)
        self._done: queue.SimpleQueue = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def do(self, act: Callable[[], object], then: Callable, refused: Callable[[str], None]) -> None:
        """`then(result)` is called by `finish` once `act()` is done, or `refused(why)`."""
        thread = threading.Thread(target=self._run, args=(act, then, refused), daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()

    def _run(self, act: Callable[[], object], then: Callable, refused: Callable) -> None:
        try:
            done = (then, act())
        except HcomError as error:
            done = (refused, told(error))
        except Exception as error:  # boundary
            log.log("tui.failed", error=repr(error)[:300])
            done = (refused, f"this is a bug: {error!r}")
        self._done.put(done)
        os.write(self._written, b".")

    def finish(self) -> None:
        """What was done since is told, in this thread."""
        while not self._done.empty():
            then, result = self._done.get()
            then(result)

    def end(self, seconds: float) -> None:
        """What still runs has had that long to end."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0))
