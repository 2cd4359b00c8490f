"""A headless client that reads its prompts as lines on standard input: it stays reachable between
them, with no terminal at all. The wake is one more line.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from .. import adapters
from ..hub import launches
from ..ops.after import Done, after
from ..ops.handover import Handover
from ..ops.wake import Channel, Wake, by_hooks, drive
from ..pty.signals import Signals
from ..store.connect import open_db

GRACE_S = 5.0  # between SIGTERM and SIGKILL for the client's group


def run(home, agent, launch: str, told: Handover) -> None:
    """The client of `agent` that the hand-over `told` is of is fed its first lines, then a wake
    whenever mail waits; this process ends with it."""
    stream = adapters.load(told.tool, "stream")
    with Signals() as signals:
        client = subprocess.Popen(
            told.argv,
            stdin=subprocess.PIPE,
            env=told.env,
            cwd=told.cwd,
            start_new_session=True,
        )
        with open_db(home) as db:
            launches.started(db, launch, os.getpid(), client.pid)
        _write(client, told.stream)
        way = Channel(by_hooks, lambda *_: _write(client, [stream.wake()]))
        with Wake(home, agent, way, launch) as wake:
            while client.poll() is None:
                drive([wake], lambda _: False, [signals.fd])
                heard = set(os.read(signals.fd, 512))
                if {signal.SIGTERM, signal.SIGHUP} & heard:
                    _ended(client)
    code = client.wait()
    with open_db(home) as db:
        left = launches.over(db, launch, f"exit {code}", "", time.time())
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
