"""The waiter of a client that has no socket: it ends with 2 when mail comes, and the client wakes.

One per session, the newest: each turn end starts another, which sends the old one away. It ends
with its client.
"""

import os
import sys
import time

from .. import adapters, log
from .. import home as homes
from ..adapters.base import parsed
from ..delivery import bell, owner
from ..hub import people
from ..process import alive, start_of
from ..store import deliveries
from ..store.connect import open_db, transaction

HANDOVER_S = 3.0  # how long the old waiter may take to go


def wait(tool: str, pid: int) -> int:
    """Block until there is something that may wake the agent: 2, its line on stderr. Else 0."""
    adapter = adapters.load(tool, "hook")
    payload = sys.stdin.buffer.read()
    if not adapter.needs_waiter(os.environ):
        return 0
    home = homes.locate(os.environ)
    log.to(home.root)
    start = start_of(pid)
    signal = adapter.read("wait", parsed(payload), os.environ, pid, time.time())
    with open_db(home) as db, transaction(db):
        agent = people.whose(db, people.Caller(signal.session, signal.launch, pid, start, tool))
    if agent is None or signal.subagent:
        return 0
    lock = _owned(home, agent.name)
    if lock < 0:
        return 0
    with bell.Bell(home, agent.name) as rings:
        return _watch(home, agent.name, rings, pid, start, adapter)


def _owned(home, name: str) -> int:
    """The ownership of the agent's wake, taken from the waiter before; -1 when it is not had."""
    end = time.monotonic() + HANDOVER_S
    while True:
        lock = owner.take(home, name)
        if lock >= 0 or time.monotonic() > end:
            return lock
        bell.ring(home, [name], bell.QUIT)
        time.sleep(0.05)


def _watch(home, name: str, rings, pid: int, start: str, adapter) -> int:
    death = _death_of(pid)
    while alive(pid, start):
        with open_db(home) as db:
            wanted = deliveries.wants_wake(db, name)
        if wanted:
            sys.stderr.write(adapter.WAKE_SIGN + "\n")
            return 2
        rung = rings.wait(bell.SAFETY_S if death >= 0 else 2.0, [death])
        if bell.QUIT in rung:
            return 0
    return 0


def _death_of(pid: int) -> int:
    """A descriptor that is readable once process `pid` has ended; -1 where there are none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1
