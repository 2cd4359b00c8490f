"""The process between the wrapper and its program: leads the pty's session, keeps its group.

Runs in a fork of the wrapper and never returns. It says what happens to the program in the one
way a parent can see: stops when the program stops, ends as the program ends. Told to end, or left
alone by a wrapper that was killed, it ends the whole group. It ends no id but its own child's,
which stays unreaped, so its number cannot have gone to anyone else.
"""

import os
import resource
import select
import signal
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .tty import Tty

# Blocked, and taken one by one by sigwait. The rest of the list would otherwise stop or end us.
HEARD = frozenset(
    {
        signal.SIGCHLD, signal.SIGCONT, signal.SIGHUP, signal.SIGTERM, signal.SIGALRM,
        signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU,
        signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE,
    }
)  # fmt: skip
# After the wrapper was killed a shell puts its own terminal modes back at once; look after that.
MEND_S = 0.3
# What the program started has been told to end when the program was; this long to do it.
AFTER_S = 0.2


class Keeper:
    """Looks after `program` for the wrapper `owner`, whose terminal `tty` is."""

    def __init__(self, program: int, owner: int, tty: "Tty | None", grace_s: float):
        self.program = program
        self.owner = owner
        self.tty = tty
        self.grace_s = grace_s
        self.asked = 0  # the signal that asked us to end the group, 0 when none did
        # What is yet to be done, and how long after what comes before it.
        self.steps: list[tuple[float, Callable[[], None]]] = []

    def run(self) -> "NoReturn":
        """The program is looked after until it has ended."""
        if os.getppid() != self.owner:
            self.close(signal.SIGHUP)  # it was killed before we were there to be told
        while True:
            how = self.ended()
            if how is not None:
                self.leave(how)
            number = signal.sigwait(HEARD)
            if number in (signal.SIGHUP, signal.SIGTERM):
                self.close(number)
            elif number == signal.SIGALRM:
                self.step()
            elif number == signal.SIGCONT:
                self.tell(signal.SIGCONT)

    def ended(self) -> int | None:
        """The exit code, or less than 0 the signal, once the program has ended; we stop when it has
        stopped."""
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return self.reaped()
        asked = os.WEXITED | os.WSTOPPED | os.WNOHANG
        found = os.waitid(os.P_PID, self.program, asked | os.WNOWAIT)
        if found is None:
            return None
        if found.si_code in (os.CLD_STOPPED, os.CLD_TRAPPED):
            os.waitid(os.P_PID, self.program, os.WSTOPPED | os.WNOHANG)  # seen: not again
            if not self.asked:
                os.kill(os.getpid(), signal.SIGSTOP)
            return None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def reaped(self) -> int | None:
        """The same where a dead child cannot be left in place: its id is then free at once."""
        pid, status = os.waitpid(self.program, os.WNOHANG | os.WUNTRACED)
        if pid and os.WIFSTOPPED(status):
            if not self.asked:
                os.kill(os.getpid(), signal.SIGSTOP)
            return None
        return os.waitstatus_to_exitcode(status) if pid else None

    def close(self, number: int) -> None:
        """The group is asked to end, and will be ended."""
        if self.asked:
            return
        self.asked = number
        # Some ignore the one and some the other: bash -i SIGTERM, Gemini's outer process both
        # (it follows its inner one). SIGKILL is for what is left after the grace.
        other = signal.SIGHUP if number == signal.SIGTERM else signal.SIGTERM
        half = self.grace_s / 2
        self.steps = [(half, partial(self.tell, n)) for n in (other, signal.SIGKILL)]
        if os.getppid() != self.owner:
            self.steps.insert(0, (MEND_S, self.mend))
        self.tell(number)
        self.tell(signal.SIGCONT)
        self.wait_for_step()

    def wait_for_step(self) -> None:
        if self.steps:
            signal.setitimer(signal.ITIMER_REAL, self.steps[0][0] or 0.001)

    def step(self) -> None:
        _, act = self.steps.pop(0)
        act()
        self.wait_for_step()

    def tell(self, number: int) -> None:
        """The program's group, and the group in front where the program is a shell, get it."""
        groups = {self.program}
        with suppress(OSError):  # the terminal is gone
            groups.add(os.tcgetpgrp(0))
        for group in groups - {os.getpgrp(), 0}:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)

    def mend(self) -> None:
        """The person's terminal is usable again, if no one else has seen to it yet."""
        if self.tty is None:
            return
        undo = self.tty.undo[:].partition(b"\0")[0]
        self.tty.undo[0] = 0
        with suppress(termios.error, OSError):  # closed with its window
            if termios.tcgetattr(self.tty.fd) == self.tty.raw:
                termios.tcsetattr(self.tty.fd, termios.TCSANOW, self.tty.sane)
            else:  # a shell has drawn its prompt, and marks pastes for itself
                undo = undo.replace(b"\x1b[?2004l", b"").removesuffix(b"\r\n")
            if select.select((), (self.tty.fd,), (), 0)[1]:
                os.write(self.tty.fd, undo)

    def leave(self, code: int) -> "NoReturn":
        """Gone, in the way the program went."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        if self.asked or os.getppid() != self.owner:
            time.sleep(AFTER_S)
            self.tell(signal.SIGKILL)
        else:
            # As a shell does: what the program left running is not hung up with our session.
            with suppress(OSError):
                os.tcsetpgrp(0, os.getpgrp())
        if os.getppid() != self.owner:
            time.sleep(MEND_S)
            self.mend()
        if code < 0:
            end_by(-code)
        os._exit(code)


def end_by(number: int) -> "NoReturn":
    """This process is killed by that signal, without a core: the one that matters is dumped."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    os._exit(128 + number)
