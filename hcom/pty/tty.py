"""The person's terminal: raw while the program has it, as it was at every way out."""

import mmap
import os
import select
import termios
from collections import namedtuple
from contextlib import suppress

# For a terminal that does not say (a serial line, `script` in a cron job); what terminfo assumes.
UNKNOWN_COLS, UNKNOWN_ROWS = 80, 24


# The person's terminal: its descriptor, the modes to leave it in and those we set (of tcgetattr),
# and shared memory with what makes it as before, up to a NUL: the keeper sees it.
Tty = namedtuple("Tty", "fd sane raw undo")


def size(fd: int) -> os.terminal_size:
    """The terminal's present size."""
    try:
        cols, rows = os.get_terminal_size(fd)
    except OSError:
        cols = rows = 0
    return os.terminal_size((cols or UNKNOWN_COLS, rows or UNKNOWN_ROWS))


def opened(fd: int | None) -> Tty | None:
    """The terminal behind `fd` with its modes now and those to set; None when it is none."""
    if fd is None:
        return None
    try:
        sane = termios.tcgetattr(fd)
    except termios.error:
        return None
    return Tty(fd, sane, _raw(sane), mmap.mmap(-1, mmap.PAGESIZE))


def _raw(sane: list) -> list:
    """cfmakeraw: every byte through, both ways, as it is."""
    iflag, oflag, cflag, lflag, ispeed, ospeed, cc = sane
    iflag &= ~(
        termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP
        | termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON
    )  # fmt: skip
    lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    cflag = (cflag & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
    cc = list(cc)
    cc[termios.VMIN], cc[termios.VTIME] = 1, 0  # as integers they read back the same
    return [iflag, oflag & ~termios.OPOST, cflag, lflag, ispeed, ospeed, cc]


def remember(terminal: Tty, undo: bytes) -> None:
    """Whoever finds us killed can still put the terminal back, by sending it `undo`."""
    terminal.undo[: len(undo) + 1] = undo + b"\0"


def set_modes(fd: int, modes: list) -> None:
    """The terminal has those modes, unless it is gone; what was already written is drawn first."""
    with suppress(termios.error):  # closed with its window: there is nothing left to put right
        termios.tcsetattr(fd, termios.TCSADRAIN, modes)


def reads_lines(fd: int) -> bool:
    """Whether the program on the pty `fd` reads lines: only then does an end of input exist."""
    with suppress(termios.error):
        return bool(termios.tcgetattr(fd)[3] & termios.ICANON)
    return False


def writable(fd: int) -> tuple[int, int]:
    """A descriptor for the same file and how much may be written at once without waiting.

    A terminal is opened a second time: O_NONBLOCK on `fd` itself would hold for everyone who
    shares it, the person's shell too, and stay after us.
    """
    with suppress(OSError):  # no /dev, or the terminal of another user (su)
        if os.isatty(fd):
            again = os.open(os.ttyname(fd), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
            return again, 65536
    return os.dup(fd), select.PIPE_BUF
