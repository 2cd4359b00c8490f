"""One direction of bytes: what was read and is not yet written, with an end to how much.

Nothing is looked at or changed. Who reads stops reading while `full`.
"""

import errno
import os

# Enough that a slow terminal does not stop a fast program at every line, little enough that
# Ctrl-C shows at once: what is in here is still printed after it.
ROOM = 65536
# A read of a pty gives 4 kB at most on Linux; more of them go into one write.
READ = 65536


class Gone(Exception):
    """The other side of the descriptor was closed."""


class Flow:
    """Bytes on their way to `fd`, at most `most` in one write (see tty.writable)."""

    def __init__(self, fd: int, most: int) -> None:
        self.fd = fd
        self.most = most
        self.pending = bytearray()

    @property
    def full(self) -> bool:
        return len(self.pending) >= ROOM

    def push(self, data: bytes = b"") -> None:
        """`data` is behind all that is on its way, and as much as can go at once is written; raises
        Gone."""
        self.pending += data
        while self.pending:
            piece = self.pending if len(self.pending) <= self.most else self.pending[: self.most]
            try:
                done = os.write(self.fd, piece)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EIO, errno.EPIPE, errno.EBADF, errno.ENXIO):
                    self.pending.clear()
                    raise Gone from error
                raise
            del self.pending[:done]
            if done == len(piece) and self.most < READ:
                return  # another write might wait: ask first


def drained(fd: int) -> bytes:
    """All that is there now, up to a bound: one read of what may wait would be too much.

    `fd` does not block. Empty when nothing is there; raises Gone at the end.
    """
    found = bytearray()
    while len(found) < READ:
        try:
            data = os.read(fd, READ)
        except BlockingIOError:
            break
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""  # Linux says EIO where others say end of file
        if not data:
            if found:
                break
            raise Gone
        found += data
    return bytes(found)
