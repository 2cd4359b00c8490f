"""The transparent wrapper: bytes both ways, size, signals, suspension, ending.

Mechanism only. When to type, what to watch and what to remember is the policy's; the first
exception in it ends its part for good, and the program goes on as if there were none. No threads:
one `select`, signals arrive as a descriptor, and without anything to do nothing wakes up.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from . import flow, spawn, tty
from .keys import Keys
from .modes import Modes
from .policy import Guarded, Policy
from .signals import SENT_ON, Signals

# A terminal that nobody looks at: wide enough that clients lay out as on a common screen.
HEADLESS = os.terminal_size((120, 40))
# A policy whose deadline stays in the past must not make the loop spin.
TICK_S = 0.02
# What the program wrote before it stopped or ended may reach the master a moment after the news.
SETTLE_S = 0.03
# The system holds less than this of a dead program's output; more comes from what it left running.
AFTER_END = 131072


class Ends(NamedTuple):
    """The person's side: None for a side that is not there (headless)."""

    stdin: int | None = 0
    stdout: int | None = 1


def run(
    argv: Sequence[str],
    env: Mapping[str, str],
    *,
    policy: Policy,
    keys: Keys,
    on_fault: Callable[[Exception], None],
    doorbells: Sequence[int] = (),
    ends: Ends = Ends(),
    cwd: str | None = None,
    grace_s: float = spawn.GRACE_S,
) -> spawn.Ending:
    """How `argv` ended, after running in front of the person; pass it to spawn.leave. `keys` is fed
    with what the person's terminal sends.

    Raises SpawnError before anything was touched when the program cannot be started. The
    terminal's modes and our signal handlers are as before at every way out.
    """
    terminal = tty.opened(ends.stdin) or tty.opened(ends.stdout)
    with Signals() as signals:
        size = tty.size(terminal.fd) if terminal else HEADLESS
        child = spawn.spawn(
            argv, env, cols=size.columns, rows=size.lines, cwd=cwd, tty=terminal, grace_s=grace_s
        )
        proxy = _Proxy(child, terminal, ends.stdin, signals.fd, Guarded(policy, on_fault), keys)
        try:
            proxy.begin(ends.stdout, doorbells)
            proxy.guard.call("on_start", child.pid, *size)
            return proxy.run()
        except BaseException:
            if proxy.how is None:
                spawn.end(child, signal.SIGHUP)
            raise
        finally:
            proxy.close()


class _Proxy:
    def __init__(
        self,
        child: spawn.Child,
        terminal: tty.Tty | None,
        stdin: int | None,
        signals: int,
        guard: Guarded,
        keys: Keys,
    ) -> None:
        self.child = child
        self.terminal = terminal
        self.stdin = stdin
        self.signals = signals
        self.guard = guard
        self.keys = keys
        self.modes = Modes()
        self.last = b""  # the last byte from stdin, for the end of input
        self.doorbells: set[int] = set()
        self.program: flow.Flow | None = flow.Flow(child.fd, flow.READ)
        self.person: flow.Flow | None = None
        self.how: spawn.Ending | None = None
        self.stopped = False
        self.closing = False
        self.settled_at = 0.0  # when a stop or an end is acted on, if no more output comes
        self.left = AFTER_END
        self.ticked_at = float("-inf")

    def begin(self, stdout: int | None, doorbells: Sequence[int]) -> None:
        os.set_blocking(self.child.fd, False)
        if stdout is not None:
            self.person = flow.Flow(*tty.writable(stdout))
        self.doorbells.update(doorbells)
        if self.terminal:
            tty.set_modes(self.terminal.fd, self.terminal.raw)

    # -- the loop --

    def run(self) -> spawn.Ending:
        while True:
            # `select` knows all kinds: /dev/null, files, terminals of macOS.
            told, room, _ = select.select(self.sources(), self.sinks(), (), self.timeout())
            now = time.monotonic()
            if self.signals in told:
                self.hear()
            self.pump(told, room, now)
            for fd in self.doorbells.intersection(told):
                self.guard.call("on_ready", fd)
            if self.guard.broken:
                self.doorbells.clear()
            if self.how and self.shown(told, now):
                return self.how
            if self.stopped and self.shown(told, now):
                self.suspend()
            elif not self.how and self.child.fd not in told:
                self.tick(now)

    def sources(self) -> list[int]:
        """What is read from when there is something: not what would go into a full buffer."""
        found = [self.signals, *self.doorbells]
        if self.program is not None:
            if self.left > 0 and not (self.person and self.person.full):
                found.append(self.child.fd)
            if self.stdin is not None and not self.program.full:
                found.append(self.stdin)
        return found

    def sinks(self) -> list[int]:
        """What is written to when there is room."""
        return [way.fd for way in (self.program, self.person) if way and way.pending]

    def timeout(self) -> float | None:
        if self.stopped or self.how:
            if self.person and self.person.pending and not self.closing:
                return None  # a slow reader; it will take it or be gone
            return max(0.0, self.settled_at - time.monotonic())
        due = self.due()
        return None if due is None else max(0.0, due - time.monotonic())

    def due(self) -> float | None:
        """When the policy has its tick; None for never, or not before the program has read."""
        deadline = self.guard.call("deadline")
        if deadline is None or self.program is None or self.program.pending:
            return None
        return max(deadline, self.keys.clear_at(), self.ticked_at + TICK_S)

    def tick(self, now: float) -> None:
        due = self.due()
        if due is None or now < due:
            return
        self.ticked_at = now
        typed = self.guard.call("tick", now)
        if isinstance(typed, bytes) and typed:
            self.to_program(typed)

    # -- bytes --

    def pump(self, told: list[int], room: list[int], now: float) -> None:
        if self.child.fd in told and self.program is not None:
            self.from_program(now)
        if self.stdin is not None and self.stdin in told:
            self.from_person(self.stdin, now)
        if self.child.fd in room:
            self.to_program()
        if self.person and self.person.fd in room:
            self.to_person()

    def from_program(self, now: float) -> None:
        try:
            data = flow.drained(self.child.fd)
        except flow.Gone:
            self.program = None  # its status comes with SIGCHLD
            return
        if not data:
            return
        if self.how:
            self.left -= len(data)
        self.settled_at = max(self.settled_at, now + SETTLE_S)
        if self.modes.feed(data) and self.terminal:
            tty.remember(self.terminal, self.modes.undo())
        self.guard.call("on_output", data, now)
        self.to_person(data)

    def from_person(self, stdin: int, now: float) -> None:
        try:
            data = os.read(stdin, flow.READ)
        except BlockingIOError:
            return  # someone else who shares this terminal was quicker
        except OSError:
            data = b""
        if not data:
            self.end_of_input()
            return
        self.last = data[-1:]
        self.keys.feed(data, now)
        self.to_program(data)

    def end_of_input(self) -> None:
        if self.terminal and self.terminal.fd == self.stdin:
            self.close_group(signal.SIGHUP)
        elif self.program is not None and tty.reads_lines(self.child.fd):
            # Ctrl-D ends the input at the start of a line, elsewhere it only sends the line.
            self.to_program(b"\x04" if self.last in (b"", b"\n", b"\r") else b"\x04\x04")
        self.stdin = None

    def to_program(self, data: bytes = b"") -> None:
        """`data` goes to the program, behind what is on its way."""
        if self.program is not None:
            try:
                self.program.push(data)
            except flow.Gone:
                self.program = None

    def to_person(self, data: bytes = b"") -> None:
        if self.person:
            try:
                self.person.push(data)
            except flow.Gone:
                # Nobody sees the program any more: it ends, and what it still writes goes nowhere.
                os.close(self.person.fd)
                self.person = self.stdin = None
                self.close_group(signal.SIGHUP)

    def shown(self, told: list[int], now: float) -> bool:
        """Whether the person has got all that the program wrote before it stopped or ended."""
        if self.closing and self.how:
            return True  # a frozen terminal must not hold up the end of its own session
        if self.person and self.person.pending:
            return False
        if self.program is None or self.left <= 0:
            return True
        return self.child.fd not in told and now >= self.settled_at

    # -- signals --

    def hear(self) -> None:
        heard = set(os.read(self.signals, 4096))
        for number in heard.intersection((signal.SIGHUP, signal.SIGTERM)):
            self.close_group(number)
        for number in heard.intersection(SENT_ON):
            self.send(self.child.pid, number)
        if signal.SIGTSTP in heard:
            self.send(-self.child.pid, signal.SIGTSTP)
        if heard & {signal.SIGCONT, signal.SIGWINCH} and self.terminal:
            if signal.SIGCONT in heard and self.how is None:
                tty.set_modes(self.terminal.fd, self.terminal.raw)
            self.resize(self.terminal.fd)
        if signal.SIGCHLD in heard and self.how is None:
            self.look()

    def look(self) -> None:
        pid, status = os.waitpid(self.child.keeper, os.WNOHANG | os.WUNTRACED)
        if not pid:
            return
        self.how = spawn.ending(status)
        self.stopped = self.how is None
        self.settled_at = time.monotonic() + SETTLE_S

    def send(self, pid: int, number: int) -> None:
        if self.how is None:  # the keeper keeps the program's id from being reused
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def close_group(self, number: int) -> None:
        """The keeper ends the program and all of its group; a stopped keeper hears it too."""
        self.send(self.child.keeper, number)
        self.send(self.child.keeper, signal.SIGCONT)
        self.stopped = False
        self.closing = True

    def resize(self, fd: int) -> None:
        size = tty.size(fd)
        if self.program is not None:
            spawn.resize(self.child.fd, *size)
        self.guard.call("on_resize", *size)

    def suspend(self) -> None:
        """The program was suspended: so are we and all of our job, till the shell continues us."""
        self.stopped = False
        if self.terminal:
            tty.set_modes(self.terminal.fd, self.terminal.sane)
            handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            # Where no shell could continue us the kernel ignores this, and we go straight on.
            os.killpg(0, signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, handler)
            tty.set_modes(self.terminal.fd, self.terminal.raw)
            self.resize(self.terminal.fd)
        self.send(self.child.keeper, signal.SIGCONT)

    def close(self) -> None:
        """The terminal is the person's again."""
        if isinstance(self.how, spawn.Killed):
            self.to_person(self.modes.undo())
        if self.person:
            os.close(self.person.fd)
        if self.terminal:
            tty.set_modes(self.terminal.fd, self.terminal.sane)
        os.close(self.child.fd)
