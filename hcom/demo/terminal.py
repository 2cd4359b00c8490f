"""A program on a pty, as a person sees and uses it."""

import os
import signal
import time
from contextlib import suppress

from ..pty import spawn
from ..pty.mirror import Mirror

COLS, ROWS = 100, 24
PASTE, PASTED = "\x1b[200~", "\x1b[201~"


class Terminal:
    """`output` is all that the program has written, `ending` how it ended, None while it runs."""

    def __init__(self, argv, env, cwd: str, cols: int = COLS, rows: int = ROWS):
        self.child = spawn.spawn(argv, env, cols=cols, rows=rows, cwd=cwd)
        os.set_blocking(self.child.fd, False)
        self.mirror = Mirror(cols, rows)
        self.output = b""
        self.ending: spawn.Ending | None = None

    def pump(self) -> None:
        """What the program has written is on the screen; its end is known."""
        if self.ending is not None:
            return
        with suppress(OSError):  # nothing now, or never more
            while data := os.read(self.child.fd, 65536):
                self.output += data
                self.mirror.feed(data, time.monotonic())
        pid, status = os.waitpid(self.child.keeper, os.WNOHANG)
        if pid:
            self.ending = spawn.ending(status)

    @property
    def text(self) -> str:
        """The screen, as text."""
        return "\n".join(line.rstrip() for line in self.mirror.screen.lines())

    @property
    def title(self) -> str:
        """What the program calls its window."""
        return self.mirror.screen.title

    def still(self, seconds: float) -> bool:
        """Whether nothing was drawn for so long."""
        return time.monotonic() - self.mirror.changed_at > seconds

    def type(self, text: str) -> float:
        """The keys are pressed; when that was."""
        at = time.time()
        os.write(self.child.fd, text.encode())
        return at

    def prompt(self, text: str) -> float:
        """The text is pasted, and sent; when that was."""
        return self.type(f"{PASTE}{text}{PASTED}\r")

    def close(self) -> None:
        """The program has no terminal any more, and nobody who keeps it."""
        os.close(self.child.fd)
        if self.ending is None:
            os.kill(self.child.keeper, signal.SIGKILL)
            self.ending = spawn.ending(os.waitpid(self.child.keeper, 0)[1])
