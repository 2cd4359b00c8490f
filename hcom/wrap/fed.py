"""A headless client that reads its prompts as lines on standard input: it stays reachable between
them, with no terminal at all. The wake is one more line.
"""

import os
import select
import signal
import subprocess
import sys
import time

from .. import adapters, log
from ..delivery import bell, owner
from ..hub import launches
from ..ops.after import Done, after
from ..process import start_of
from ..pty.signals import Signals
from ..store import deliveries
from ..store.connect import open_db

SAFETY_S = 30.0  # a ring can be lost with a crash
CONFIRM_S = 10.0  # the prompt hook takes the mail; not by then: another line
GRACE_S = 5.0  # between SIGTERM and SIGKILL for the client's group


def run(home, launch: str, told: dict) -> None:
    """The client that the hand-over `told` is of is fed its first lines, then a wake whenever mail
    waits; this process ends with it."""
    log.to(home.root)
    name, stream = told["agent"], adapters.load(told["tool"], "stream")
    lock = owner.take(home, name)
    with Signals() as signals, bell.Bell(home, name) as rings:
        client = subprocess.Popen(
            told["argv"],
            stdin=subprocess.PIPE,
            env=told["env"],
            cwd=told["cwd"],
            start_new_session=True,
        )
        with open_db(home) as db:
            launches.started(
                db,
                launch,
                name,
                os.getpid(),
                start_of(os.getpid()),
                client.pid,
                start_of(client.pid),
            )
        _write(client, told["stream"])
        _feed(home, name, stream, client, signals.fd, rings, lock)
    code = client.wait()
    with open_db(home) as db:
        keys = launches.over(db, launch, name, f"exit {code}", "", time.time())
    owner.give_up(lock)
    after(home, Done(left=[(name, keys)]))
    sys.exit(code if code >= 0 else 128 - code)


def _write(client, lines) -> None:
    try:
        for line in lines:
            client.stdin.write(line.encode() + b"\n")
        client.stdin.flush()
    except OSError:
        pass  # it has ended; that is seen at once


def _feed(home, name: str, stream, client, signalled: int, rings, lock: int) -> None:
    """Until the client ends: a line for each mail, and the end when we are told to end."""
    told_at, told_of = 0.0, 0
    while client.poll() is None:
        mail = 0
        if lock >= 0:
            with open_db(home) as db:
                mail = deliveries.newest_waking(db, name)
        now = time.monotonic()
        if mail and (mail != told_of or now - told_at > CONFIRM_S):
            _write(client, [stream.wake()])
            told_at, told_of = now, mail
        watched = [signalled] + ([rings.fd] if rings.fd >= 0 else [])
        ready, _, _ = select.select(watched, (), (), CONFIRM_S if mail else SAFETY_S)
        rings.rung()
        if signalled in ready and {signal.SIGTERM, signal.SIGHUP} & set(os.read(signalled, 512)):
            _ended(client)
            return


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
