"""One act of the walk: a hook or a command of hcom in a process of its own, which a fork begins, so
that thousands of them take minutes. It is a real process: it dies really, and runs beside others.

A fault is put in at a point: the n-th of the calls that reach the outside (POINTS), before or
behind it. There the process is killed, or stops until it is told to go on.

Who runs the acts is a runner: Forks here, or Real (tests/real.py). It is a context manager and has
`begin`, `left_behind` (what the walk has to run), `settle` (who runs by itself is done) and
BLOCKED_S.
"""

import fcntl
import importlib
import json
import os
import pkgutil
import random
import select
import signal
import socket
import sys
import traceback
from collections import namedtuple

import hcom
from hcom import cli
from hcom.adapters.claude import setup
from hcom.hooks import handle, recorder
from hcom.hooks import main as hooks
from hcom.hooks import spool as spooled
from hcom.ops import after, match, wake

POINTS = {
    "execute",
    "executemany",
    "write",
    "open",
    "unlink",
    "rename",
    "replace",
    "link",
    "utime",
    "mkdir",
    "mkfifo",
    "close",
    "flock",
    "posix_spawn",
    "fstat",
}
KILL, STOP = "kill", "stop"
GONE, FULL, CLOSED = "gone", "full", "closed"  # what becomes of its output
HANG_S = 60
BUSY_S = 0.05  # a hook beside one that was stopped within its transaction waits no longer

for one in pkgutil.walk_packages(hcom.__path__, "hcom."):  # once, here, and not in each fork
    # the stand-in's adapter is one only where `hcom demo` has put it among the others
    if not one.name.endswith("__main__") and not one.name.startswith("hcom.demo.adapter."):
        importlib.import_module(one.name)

MAINS = {"hook": hooks.main, "match": match.main, "wake": wake.main}


class Fault(namedtuple("Fault", "kind point", defaults=("", 0))):
    """What goes wrong with an act, and when."""

    __slots__ = ()


class Act(namedtuple("Act", "argv env given fault seed program", defaults=((),))):
    """What is to be done: the words of hcom or, where a `program` does it, that one's."""

    __slots__ = ()


class Outcome(namedtuple("Outcome", "code said errors killed")):
    """What an act said. `killed`: it was, and `code` tells nothing."""

    __slots__ = ()


class Trap:
    """A profiler that sends this process a signal at the n-th point."""

    def __init__(self, point: int, number: int):
        self.left, self.number = point, number

    def __call__(self, _frame, event, what):
        if event in ("c_call", "c_return") and getattr(what, "__name__", "") in POINTS:
            self.left -= 1
            if not self.left:
                sys.setprofile(None)
                os.kill(os.getpid(), self.number)


class Forks:
    """Begins acts by forks. What they leave behind is noted, for the walk to run when it will."""

    BLOCKED_S = 0.4  # who takes longer beside one that was stopped waits for that

    def __init__(self, world):
        self.left = os.path.join(world.root, "left")
        self.kept = [(m, n, getattr(m, n)) for m, n in SET]

    def __enter__(self):
        for module, name in SET:
            value = SET[module, name]
            setattr(module, name, self.note if value is None else value)
        return self

    def __exit__(self, *_error):
        for module, name, value in self.kept:
            setattr(module, name, value)

    def note(self, argv, _env, _keep=()) -> list[int]:
        with open(self.left, "a") as stream:
            stream.write(json.dumps(argv[4:]) + "\n")
        return []

    def left_behind(self) -> list[list[str]]:
        """What was to be left behind since the last time, each once."""
        try:
            with open(self.left) as stream:
                lines = dict.fromkeys(stream)
            os.unlink(self.left)
        except OSError:
            return []
        return [words for words in map(json.loads, lines) if words[0] != "wake"]

    def settle(self) -> None:
        """Nothing runs by itself."""

    def begin(self, host: "Host | None", act: Act) -> "Running":
        """The act runs, until its end or the point where it is to stop."""
        return begun(host, act)


def begun(host: "Host | None", act: Act) -> "Running":
    """The act runs, as a child of `host` or of this process."""
    # No pipe where it is to be read: a command waits until that has been done.
    said, errors = os.memfd_create("said"), os.memfd_create("errors")
    there, out = os.pipe() if act.fault.kind == GONE else (os.dup(said), said)
    if act.fault.kind == GONE:
        os.close(there)
        there = said
    pid = host.begin(act, out, errors) if host else os.fork()
    if not pid:
        run(out, errors, act)
    os.close(out)
    return Running(pid, host, there, errors)


class Host:
    """A process that acts are children of, as hooks and commands are of their client."""

    def __init__(self):
        self.line, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if not self.pid:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the walk's end is not this one's work
            os.dup2(its.fileno(), 3)
            os.closerange(4, 256)
            serve(socket.socket(fileno=3))
        its.close()

    def begin(self, act: Act, *descriptors: int) -> int:
        """The act runs; its process."""
        said = json.dumps(act._replace(given=act.given.decode())).encode()
        socket.send_fds(self.line, [said], descriptors)
        return int(self.line.recv(64))

    def hold(self, path: str) -> None:
        """It has the lock of that file, and no other one."""
        self.line.send(json.dumps(path).encode())
        self.line.recv(64)

    def waited(self, pid: int) -> int:
        """The status of an act that has stopped or ended, once it has."""
        self.line.send(json.dumps(pid).encode())
        return int(self.line.recv(64))

    def end(self) -> None:
        """It is gone."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.line.close()


def serve(line: socket.socket) -> None:
    """A host's work: until nobody is at the other end."""
    held = -1
    while True:
        said, descriptors, _, _ = socket.recv_fds(line, 1 << 20, 2)
        ask = json.loads(said) if said else os._exit(0)
        if isinstance(ask, int):
            line.send(str(os.waitpid(ask, os.WUNTRACED)[1]).encode())
            continue
        if isinstance(ask, str):
            if held >= 0:
                os.close(held)
            held = os.open(ask, os.O_CREAT | os.O_WRONLY)
            fcntl.flock(held, fcntl.LOCK_EX)
            line.send(b"held")
            continue
        act = Act(*ask)
        pid = os.fork()
        if not pid:
            out, errors = descriptors
            run(out, errors, act._replace(given=act.given.encode(), fault=Fault(*act.fault)))
        for one in descriptors:
            os.close(one)
        line.send(str(pid).encode())


def run(out: int, errors: int, act: Act) -> None:
    """This process does the act and ends."""
    code, fault = 70, act.fault
    try:
        signal.alarm(HANG_S)
        stand(out, errors, act)
        if act.program:
            replaced(act)
        os.environ.clear()
        os.environ.update(act.env)
        sys.stdin, sys.stderr = os.fdopen(0, closefd=False), os.fdopen(2, "w", closefd=False)
        sys.stdout = None if fault.kind == CLOSED else os.fdopen(1, "w", closefd=False)
        random.seed(act.seed)
        if fault.kind in (KILL, STOP):
            number = signal.SIGKILL if fault.kind == KILL else signal.SIGSTOP
            sys.setprofile(Trap(fault.point, number))
        argv = act.argv
        code = MAINS[argv[0]](argv) if argv[0] in MAINS else cli.main(argv)
        sys.stderr.flush()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        sys.setprofile(None)
        os._exit(code)


def stand(out: int, errors: int, act: Act) -> None:
    """The standard streams are the act's, with the fault that it is to meet there."""
    stdin = os.memfd_create("given")
    os.write(stdin, act.given)
    os.lseek(stdin, 0, 0)
    os.dup2(stdin, 0)
    os.dup2(os.open("/dev/full", os.O_WRONLY) if act.fault.kind == FULL else out, 1)
    os.dup2(errors, 2)
    os.closerange(3, 200)
    if act.fault.kind == CLOSED:
        os.close(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def replaced(act: Act) -> None:
    """This process is the act's program, in a group of its own."""
    os.setpgid(0, 0)
    os.chdir(act.env["PWD"])
    for number in (signal.SIGINT, signal.SIGPIPE):  # as a client starts its children
        signal.signal(number, signal.SIG_DFL)
    os.execvpe(act.program[0], act.program, act.env)


# What is set for the time of the walk; None for what notes who is left behind.
SET = {
    (after, "leave_behind"): None,
    (spooled, "leave_behind"): None,
    (wake, "leave_behind"): None,
    (recorder, "LINGER_S"): 0.0,
    (setup, "NOTICED_S"): 0.0,
    (handle, "HOOK_BUSY_S"): BUSY_S,
}


class Running:
    """An act that runs, or has stopped."""

    def __init__(self, pid: int, host: "Host | None", out: int, errors: int):
        self.pid, self.host, self.out, self.errors = pid, host, out, errors
        self.status: int | None = None
        self.killed = False  # a part of it that is not its first process

    def wait(self, seconds: float = 0.0) -> bool:
        """Whether it has stopped or ended, at once or within the time (0: ever)."""
        if self.status is None:
            watch = os.pidfd_open(self.pid)
            ended = not seconds or select.select([watch], (), (), seconds)[0]
            os.close(watch)
            if ended and self.host:
                self.status = self.host.waited(self.pid)
            elif ended:
                self.status = os.waitpid(self.pid, os.WUNTRACED)[1]
        return self.status is not None

    @property
    def stopped(self) -> bool:
        return self.status is not None and os.WIFSTOPPED(self.status)

    def go_on(self) -> None:
        """Where it was stopped, it runs."""
        if self.stopped:
            self.status = None
            self.strike(signal.SIGCONT)

    def strike(self, number: int) -> None:
        """Its processes get the signal. None is reaped before it has been waited for."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:  # it is in no group of its own (yet)
            os.kill(self.pid, number)

    def outcome(self) -> Outcome:
        """What it said, once it has ended."""
        while not self.wait() or self.stopped:
            self.go_on()
        said, errors = _content(self.out), _content(self.errors)
        status = self.status or 0
        killed = self.killed or os.WIFSIGNALED(status)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
            errors += f"ended by signal {os.WTERMSIG(status)}"
        return Outcome(os.waitstatus_to_exitcode(status), said, errors, killed)


def _content(file: int) -> str:
    with os.fdopen(file, "rb") as stream:
        stream.seek(0)
        return stream.read().decode("utf-8", "replace")
