"""What the wrapper costs: memory and CPU when idle, bytes through it, a keystroke's way.

The client is a shell script called `claude`, run by `hcom claude` in a terminal of ours.
"""

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import termios
import time
from pathlib import Path

from bench.bus import HCOM, Bus
from bench.measure import BARE, Row, at_most, below
from hcom.delivery import bell
from hcom.store import agents
from hcom.store.connect import transaction

IDLE_S = 20
SETTLE_S = 3.0  # what it does once after its start
BYTES = 50_000_000
PASSES = 5
KEYS = 300
LINE = b"\x1b[32m12:04:17\x1b[0m compiling module number 4711 of the project, as before: ok\r\n"
# The least that passes bytes: what any program between two terminals must do.
COPY = """
import os, pty, select, sys, tty
pid, fd = pty.fork()
if not pid:
    os.execvp(sys.argv[1], sys.argv[1:])
tty.setraw(0)
try:
    while True:
        for ready in select.select([0, fd], [], [])[0]:
            data = memoryview(os.read(ready, 65536))
            while data:
                data = data[os.write(1 if ready == fd else fd, data):]
except OSError:
    pass
"""


class Terminal:
    """A program in a terminal of 80x24; a context manager that ends it by its id."""

    def __init__(self, argv: list[str], env: dict[str, str]):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.execvpe(argv[0], argv, env)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_error) -> None:
        os.kill(self.pid, signal.SIGTERM)
        while not os.waitpid(self.pid, os.WNOHANG)[0]:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    pass  # the program has closed it
        os.close(self.fd)

    def until(self, wanted: bytes, timeout: float = 20) -> None:
        """The program has written that. RuntimeError when it does not."""
        said, end = b"", time.monotonic() + timeout
        while wanted not in said:
            if not select.select([self.fd], [], [], max(0, end - time.monotonic()))[0]:
                raise RuntimeError(f"never {wanted!r}, only {said[-300:]!r}")
            said += os.read(self.fd, 65536)

    def take(self, count: int) -> None:
        """So many bytes have been read."""
        while count > 0:
            count -= len(os.read(self.fd, 65536))


def client(bus: Bus, script: str) -> dict[str, list[str]]:
    """The script, installed as the client: how it is run bare, by a copy loop, by hcom."""
    path = bus.root / "bin/claude"
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    bus.env["PATH"] = f"{path.parent}:/usr/local/bin:/usr/bin:/bin"
    return {"bare": [str(path)], "copy": [*BARE, COPY, str(path)], "hcom": [*HCOM, "claude"]}


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no memory of {pid}")


def pss_mb(pid: int) -> float:
    """The memory that the process alone accounts for: what it shares is divided."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no memory of {pid}")


def cpu_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def idle() -> list[Row]:
    """The wrapper of an agent that waits: what it holds, and what it uses in 20 s."""
    with Bus() as bus:
        run = client(bus, "echo go\nexec sleep 600\n")
        with Terminal(run["hcom"], bus.env) as terminal:
            terminal.until(b"go")
            name = next(
                agent.name for agent in agents.every(bus.db) if agent.name not in ("luna", "nova")
            )
            with transaction(bus.db):
                agents.bind(bus.db, "session", "another-session", name)
            bell.ring(bus.home, [name])  # the wrapper sees that its client is ready
            time.sleep(SETTLE_S)
            group = [terminal.pid, *children(terminal.pid)]
            before = sum(map(cpu_ms, group))
            time.sleep(IDLE_S)
            used = sum(map(cpu_ms, group)) - before
            held, shared = rss_mb(terminal.pid), sum(map(pss_mb, group))
    return [
        Row("wrapper, resident", f"{held:.1f} MB", "", "", "<= 20 MB", held <= 20),
        Row("wrapper and keeper, their share", f"{shared:.1f} MB"),
        Row(f"wrapper idle for {IDLE_S} s", f"{used:.0f} ms CPU", "", "", "0 ms", used == 0),
    ]


def passed(argv: list[str], env: dict[str, str]) -> float:
    """How long 50 MB took from the client to the person, in ms."""
    with Terminal(argv, env) as terminal:
        terminal.until(b"go\n")
        began = time.perf_counter()
        os.write(terminal.fd, b"!")
        terminal.take(BYTES)
        return (time.perf_counter() - began) * 1000


def throughput() -> list[Row]:
    """A flood through the wrapper."""
    with Bus() as bus:
        (bus.root / "flood").write_bytes((LINE * (BYTES // len(LINE) + 1))[:BYTES])
        runs = client(
            bus, f"stty raw -echo\necho go\nhead -c 1 >/dev/null\nexec cat {bus.root}/flood\n"
        )
        taken: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(PASSES):
            for name, argv in runs.items():
                taken[name].append(passed(argv, bus.env))
        found = {name: statistics.median(times) for name, times in taken.items()}
    return [
        at_most("50 MB through the wrapper", found["hcom"], "a pty copy loop", found["copy"], 2),
        Row("the same, beside no pty between", found["hcom"], "cat", found["bare"]),
    ]


def key(terminal: Terminal) -> float:
    began = time.perf_counter()
    os.write(terminal.fd, b"x")
    select.select([terminal.fd], [], [])
    os.read(terminal.fd, 64)
    return (time.perf_counter() - began) * 1000


def echo() -> list[Row]:
    """From a key to its echo, with the wrapper between and without."""
    with Bus() as bus:
        run = client(bus, "stty raw -echo\necho go\nexec cat\n")
        with Terminal(run["hcom"], bus.env) as wrapped, Terminal(run["bare"], bus.env) as bare:
            for terminal in (wrapped, bare):
                terminal.until(b"go\n")
            time.sleep(SETTLE_S)
            taken = [(key(wrapped), key(bare)) for _ in range(KEYS)]
    with_it, without = (statistics.median(times) for times in zip(*taken))
    return [below("key to echo, added by the wrapper", with_it - without, 2, "without", without)]
