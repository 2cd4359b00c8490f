"""A part of this program that draws on the person's terminal, in a process of its own: whatever
becomes of it, the terminal is as before. It knows nothing of what is drawn.
"""

import os
import signal
import termios
from collections.abc import Callable
from contextlib import suppress

from . import spawn
from .tty import set_modes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# Told to the one that draws: it ends in its own way.
TOLD = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
# What a killed one may have left on: the alternate screen, a hidden cursor, pastes, application
# keys, a look, a title.
UNDO = b"\x1b[?1000l\x1b[?1006l\x1b[23;2t\x1b[?1049l\x1b[?25h\x1b[?2004l\x1b[?1l\x1b>\x1b[m\r"


def run(draw: Callable[[int], int]) -> spawn.Ending:
    """How `draw(owner)` ended, which ran in front of the terminal; `owner` is a descriptor that is
    at its end once this process has gone."""
    sane = termios.tcgetattr(0)
    ends, held = os.pipe()
    child = os.fork()
    if not child:
        _draw(draw, ends, held)
    os.close(ends)
    before = {n: signal.signal(n, lambda number, _: _tell(child, number)) for n in TOLD}
    try:
        while True:
            _, status = os.waitpid(child, os.WUNTRACED)
            if os.WIFSTOPPED(status):  # it has left the screen: so do we, and both go on at once
                os.kill(os.getpid(), signal.SIGTSTP)
                _tell(child, signal.SIGCONT)
                continue
            how = spawn.ending(status)
            if how:
                break
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(held)
    if isinstance(how, spawn.Killed):
        with suppress(OSError):
            os.write(1, UNDO)
    set_modes(0, sane)
    return how


def _tell(child: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, number)


def _draw(draw: Callable[[int], int], ends: int, held: int) -> "NoReturn":
    code = 1
    try:
        os.close(held)
        code = draw(ends)
    finally:
        os._exit(code)
