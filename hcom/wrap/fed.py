"""A headless client that reads its prompts as lines on standard input: it stays reachable between
them, with no terminal at all. The wake is one more line.
"""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress

from .. import adapters
from ..hub import launches
from ..ops.after import Done, after
from ..ops.handover import Handover
from ..ops.wake import Channel, Wake, by_hooks, drive
from ..pty.flow import Gone, drained
from ..pty.signals import Signals
from ..store.connect import open_db

LAST = 12  # lines of it are kept for who asks why it failed
GRACE_S = 5.0  # between SIGTERM and SIGKILL for the client's group


class Said:
    """What the client says, which goes in words to our standard output, a log."""

    def __init__(self, client, words):
        self.words, self.rest, self.fds = words, b"", [client.stdout.fileno()]
        self.last: deque[str] = deque((), LAST)
        os.set_blocking(self.fds[0], False)

    def pass_on(self) -> None:
        """All that is there now has been passed on; `fds` is empty at the end of it."""
        try:
            data = drained(self.fds[0]) if self.fds else b""
        except Gone:
            data, self.fds = b"\n", []
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            text = self.words(line.decode("utf-8", "replace"))
            if text.strip():
                self.last.extend(text.split("\n"))
                with suppress(OSError):  # a full disk costs the log, and not the client
                    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
                    sys.stdout.buffer.flush()


def run(home, agent, launch: str, told: Handover) -> None:
    """The client of `agent` that the hand-over `told` is of is fed its first lines, then a wake
    whenever mail waits; this process ends with it."""
    stream = adapters.load(told.tool, "stream")
    with Signals() as signals:
        client = subprocess.Popen(
            told.argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=told.env,
            cwd=told.cwd,
            start_new_session=True,
        )
        said = Said(client, stream.words)
        with open_db(home) as db:
            launches.started(db, launch, os.getpid(), client.pid)
        _write(client, told.stream)
        way = Channel(by_hooks, lambda *_: _write(client, [stream.wake()]))
        with Wake(home, agent, way, launch) as wake:
            while client.poll() is None:
                drive([wake], lambda _: False, [signals.fd, *said.fds])
                said.pass_on()
                heard: set[int] = set()
                with suppress(BlockingIOError):
                    heard.update(os.read(signals.fd, 512))
                if {signal.SIGTERM, signal.SIGHUP} & heard:
                    _ended(client)
    code = client.wait()
    said.pass_on()
    with open_db(home) as db:
        left = launches.over(db, launch, f"exit {code}", "\n".join(said.last), time.time())
    after(home, Done(left=left))
    sys.exit(code if code >= 0 else 128 - code)


def _write(client, lines) -> None:
    with suppress(OSError):  # it has ended; that is seen at once
        for line in lines:
            client.stdin.write(line.encode() + b"\n")
        client.stdin.flush()


def _ended(client) -> None:
    """The client's group is gone."""
    for number, patience_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, GRACE_S)):
        try:
            os.killpg(client.pid, number)
            client.wait(patience_s)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return
