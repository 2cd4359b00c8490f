"""Messages between processes: how soon a blocked listener prints, and many at once."""

import json
import os
import select
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.bus import CI, HCOM, REPO, Bus
from bench.measure import BARE, Row, below
from hcom.bus.message import Envelope
from hcom.hub import mail
from hcom.ops.after import Done, after

REPEATS = 30
CROWD, EACH = 20, 50
CROWD_S = 300  # a listener of the crowd gives up after this
FIFO = """
import os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
os.write(1, b"ready")
os.read(fd, 1)
os.write(1, b"rung")
"""
# Workers run the commands themselves, without a new interpreter each: that is more at once.
SENDER = """
import sys
sys.path.insert(0, sys.argv[1])
from hcom.cli import main
sys.stdin.read()
for number in range(int(sys.argv[3])):
    code = main(["send", "--name", sys.argv[2], f"@crowd- {sys.argv[2]}-{number}."])
    if code:
        sys.exit(code)
"""
LISTENER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from hcom.cli import main
end, wanted = time.monotonic() + float(sys.argv[4]), int(sys.argv[3])
class Counting:
    got = 0
    def __init__(self, stream): self.stream = stream
    def write(self, text):
        Counting.got += text.count("\\n")
        return self.stream.write(text)
    def flush(self): self.stream.flush()
    def reconfigure(self, **_): pass
sys.stdout = Counting(sys.stdout)
while Counting.got < wanted and time.monotonic() < end:
    if main(["listen", "--name", sys.argv[2], "--json", "--timeout", "10"]) > 1:
        sys.exit(1)
"""


def until_said(process: subprocess.Popen, timeout: float = 10) -> float:
    """When the process's output could first be read, by perf_counter."""
    if not select.select([process.stdout], [], [], timeout)[0]:
        raise RuntimeError("nothing was printed")
    return time.perf_counter()


def heard(bus: Bus, turn: int) -> float:
    """From the commit of one message to what a blocked listener prints of it, in ms."""
    bells = Path(bus.home.path("run", "bells"))
    process = subprocess.Popen(
        [*HCOM, "listen", "--name", "nova", "--timeout", "20"],
        env=bus.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    while not [*bells.glob(f"nova.*.{process.pid}")]:
        time.sleep(0.01)
    time.sleep(0.05)  # from its bell to its sleep
    sent = mail.send(bus.db, CI, f"number {turn}", ["nova"], Envelope("", "", ""), time.time())
    committed = time.perf_counter()
    after(bus.home, Done(sent.to, sent.wakes))
    took = until_said(process) - committed
    if f"number {turn}" not in process.communicate(timeout=10)[0].decode():
        raise RuntimeError("another message was printed")
    return took * 1000


def rung(bus: Bus, _turn: int) -> float:
    """From writing to a FIFO to what a bare interpreter prints that waits for it, in ms."""
    path = bus.root / "fifo"
    if not path.exists():
        os.mkfifo(path)
    process = subprocess.Popen(
        [*BARE, FIFO, str(path)], env=bus.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    until_said(process)
    os.read(process.stdout.fileno(), 5)
    time.sleep(0.05)
    began = time.perf_counter()
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.write(descriptor, b".")
    took = until_said(process) - began
    os.close(descriptor)
    process.communicate(timeout=10)
    return took * 1000


def listen() -> list[Row]:
    """A blocked `hcom listen`."""
    with Bus() as bus:
        found, base = [], []
        for turn in range(REPEATS):
            found.append(heard(bus, turn))
            base.append(rung(bus, turn))
    return [
        below(
            "blocked listen, commit to print",
            statistics.median(found),
            10,
            "python, FIFO to print",
            statistics.median(base),
        ),
        Row(f"the same, worst of {REPEATS}", max(found), "", max(base)),
    ]


def started(bus: Bus, program: str, *words: str) -> subprocess.Popen:
    argv = [sys.executable, "-I", "-S", "-c", program, str(REPO), *words]
    return subprocess.Popen(
        argv,
        env=bus.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def crowd() -> list[Row]:
    """20 processes send 50 messages each to 20 listeners: what is lost, what comes twice."""
    with Bus() as bus:
        listening = join(bus, "crowd")
        senders = [started(bus, SENDER, name, str(EACH)) for name in join(bus, "")]
        began = time.perf_counter()
        listeners = [
            (name, started(bus, LISTENER, name, str(CROWD * EACH), str(CROWD_S)))
            for name in listening
        ]
        for sender in senders:
            sender.stdin.close()  # the start signal
        errors = lost = doubled = 0
        for sender in senders:
            sender.stdin = None
            errors += sender.communicate(timeout=CROWD_S)[1].count("\n") + bool(sender.returncode)
        sent_s = time.perf_counter() - began
        for _, listener in listeners:
            out, err = listener.communicate(timeout=CROWD_S + 20)
            errors += err.count("\n") + bool(listener.returncode)
            ids = [json.loads(line)["id"] for line in out.splitlines()]
            lost += max(0, CROWD * EACH - len(set(ids)))
            doubled += len(ids) - len(set(ids))
        seconds = time.perf_counter() - began
    told = f"{lost} lost, {doubled} doubled, {errors} errors"
    return [
        Row(
            f"{CROWD} x {EACH} messages to {CROWD} listeners",
            told,
            "",
            "",
            "0, 0, 0",
            not lost and not doubled and not errors,
        ),
        Row("the same, until sent / until received", f"{sent_s:.1f} / {seconds:.1f} s"),
    ]


def join(bus: Bus, tag: str) -> list[str]:
    """20 new agents without hooks; their names."""
    from hcom.hub import people

    return [
        people.join(bus.db, "adhoc", time.time(), tag=tag, status="active").name
        for _ in range(CROWD)
    ]
