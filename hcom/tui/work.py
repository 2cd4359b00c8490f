"""What may take long, done beside the loop: sending, stopping, reading a transcript."""

import os
import queue
import threading
from collections.abc import Callable

from .. import log
from ..errors import HcomError, told


class Work:
    """Runs one act after another; `fd` is readable when one is done.

    A thread, for a process for each key would take longer than most of these acts, and a database
    that is locked, or a client that takes seconds to end, must not stop the keys.
    """

    def __init__(self) -> None:
        self.fds = self.fd, self._written = os.pipe()
        os.set_blocking(self.fd, False)
        self._todo: queue.SimpleQueue = queue.SimpleQueue()
        self._done: queue.SimpleQueue = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def do(self, act: Callable[[], object], then: Callable, refused: Callable[[str], None]) -> None:
        """`then(result)` is called once `act()` is done, or `refused(why)`."""
        self._todo.put((act, then, refused))

    def _run(self) -> None:
        while asked := self._todo.get():
            act, then, refused = asked
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
        """Nothing is begun any more; what runs has that long to end."""
        self._todo.put(None)
        self._thread.join(seconds)
