"""Start a program on a new pty, and learn how it ended.

Between us and the program stands a keeper (keeper.py): it leads the pty's session, as a shell
would. Without it the program's process group would be orphaned, so the kernel would ignore its
Ctrl-Z (Gemini then waits for ever for a SIGCONT), and nobody would end it if we are killed.
"""

import errno
import fcntl
import os
import signal
import struct
import termios
import time
from collections import namedtuple
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ..errors import HcomError
from . import keeper
from .tty import Tty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

# A client gets this long between the first signal and SIGKILL: Claude Code gives its SessionEnd
# hooks 1.5 s by default, Gemini takes up to 2.5 s to notice that its terminal is gone.
GRACE_S = 5.0
# How often a blocking `end` looks: the keeper does the timing, this only waits for it.
LOOK_S = 0.02


class SpawnError(HcomError):
    """The program could not be started; the message says why."""


Exited = namedtuple("Exited", "code")


Killed = namedtuple("Killed", "signal")


Ending = Exited | Killed


# A running program: `pid` leads its process group, `keeper` is our child and its parent;
# `fd` is the master side of its pty.
Child = namedtuple("Child", "pid keeper fd")


def spawn(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    cols: int,
    rows: int,
    cwd: str | None = None,
    tty: Tty | None = None,
    grace_s: float = GRACE_S,
) -> Child:
    """`argv` runs on a pty of that size, found on the PATH of `env`, in `cwd`.

    The pty begins with the modes of `tty` (its erase key, for one), and the keeper puts `tty` right
    if this process is killed before it could do so itself.
    Raises SpawnError when the directory or the program cannot be used, or there are no terminals.
    """
    try:
        master, slave = os.openpty()
    except OSError as error:
        why = f"no terminal can be made here: {(error.strerror or '').lower()}"
        raise SpawnError(why, "it takes /dev/ptmx and /dev/pts") from None
    told, tell = os.pipe()  # both close on exec: end of file means that the program runs
    try:
        resize(master, cols, rows)
        if tty is not None:
            termios.tcsetattr(slave, termios.TCSANOW, tty.sane)
        owner = os.getpid()
        pid = os.fork()
        if not pid:
            _lead(slave, tell, argv, env, cwd, owner, tty, grace_s)
    except BaseException:
        os.close(master)
        os.close(told)
        raise
    finally:
        os.close(slave)
        os.close(tell)
    with os.fdopen(told, "rb") as pipe:
        report = dict(line.split() for line in pipe.read().splitlines())
    if report.keys() == {b"pid"}:
        return Child(int(report[b"pid"]), pid, master)
    os.close(master)
    os.waitpid(pid, 0)
    raise _refusal(report, argv[0], cwd)


def _refusal(report: Mapping[bytes, bytes], program: str, cwd: str | None) -> SpawnError:
    if b"chdir" in report:
        said = os.strerror(int(report[b"chdir"])).lower()
        return SpawnError(f'cannot use directory "{cwd}": {said}')
    code = int(report.get(b"exec", errno.EAGAIN))  # no word: the keeper itself could not start
    if code == errno.ENOENT:
        return SpawnError(f'"{program}" is not installed')
    return SpawnError(f'cannot run "{program}": {os.strerror(code).lower()}')


def _lead(
    slave: int,
    tell: int,
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: str | None,
    owner: int,
    tty: Tty | None,
    grace_s: float,
) -> "NoReturn":
    """In the keeper: lead the pty's session, start the program, keep it till it ends."""
    try:
        signal.set_wakeup_fd(-1)
        signal.pthread_sigmask(signal.SIG_BLOCK, keeper.HEARD)
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        kept = os.dup(tty.fd) if tty else -1
        for fd in (0, 1, 2):
            os.dup2(slave, fd)
        _close_others({tell, kept})
        program = os.fork()
        if not program:
            _become(tell, argv, env, cwd)
        _into_foreground(program)
        os.write(tell, b"pid %d\n" % program)
        os.close(tell)
        keeper.Keeper(program, owner, tty._replace(fd=kept) if tty else None, grace_s).run()
    finally:
        os._exit(127)


def _become(tell: int, argv: Sequence[str], env: Mapping[str, str], cwd: str | None) -> "NoReturn":
    """In the program's process: become it, or tell the reason and end."""
    stage = b"exec"
    try:
        _into_foreground(0)
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            with suppress(OSError, ValueError):  # reserved by the C library
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if cwd is not None:
            stage = b"chdir"
            os.chdir(cwd)
            stage = b"exec"
        os.execvpe(argv[0], list(argv), dict(env))
    except OSError as error:
        os.write(tell, b"%s %d\n" % (stage, error.errno or errno.EINVAL))
    except ValueError:  # a NUL or "=" where none may be
        os.write(tell, b"exec %d\n" % errno.EINVAL)
    finally:
        os._exit(127)


def _into_foreground(program: int) -> None:
    """`program` (0: this process) leads a group of its own, the one that reads the terminal.

    Done by both parent and child, so that neither can run ahead of it; needs SIGTTOU blocked.
    """
    with suppress(OSError):  # the other of the two did it, or the program has already ended
        os.setpgid(program, program)
        os.tcsetpgrp(0, program or os.getpid())


def _close_others(keep: set[int]) -> None:
    try:
        fds = [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        fds = list(range(1024))  # the usual limit, where there is no list of what is open
    for fd in fds:
        if fd > 2 and fd not in keep:
            with suppress(OSError):  # the descriptor of the listing itself
                os.close(fd)


def resize(fd: int, cols: int, rows: int) -> None:
    """The terminal `fd` has that size; programs in front of it get SIGWINCH if it changed."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def ending(status: int) -> Ending | None:
    """How a process ended by its wait status; None when it has only stopped."""
    if os.WIFSIGNALED(status):
        return Killed(os.WTERMSIG(status))
    return Exited(os.WEXITSTATUS(status)) if os.WIFEXITED(status) else None


def end(child: Child, number: int = signal.SIGTERM) -> Ending:
    """The program's whole group is gone: `number`, half the grace, the other one, then SIGKILL.

    The pty is read meanwhile, for a program may want to write before it goes.
    """
    os.kill(child.keeper, number)
    os.kill(child.keeper, signal.SIGCONT)  # it is stopped while the program is
    os.set_blocking(child.fd, False)
    while True:
        pid, status = os.waitpid(child.keeper, os.WNOHANG)
        if pid:
            return ending(status) or Killed(signal.SIGKILL)
        with suppress(OSError):  # nothing to read, or no one left to write
            os.read(child.fd, 65536)
        time.sleep(LOOK_S)


def leave(how: Ending) -> "NoReturn":
    """This process ends as the program did: same exit status, or killed by the same signal."""
    if isinstance(how, Exited):
        raise SystemExit(how.code)
    keeper.end_by(how.signal)
