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
from ..delivery.wake import Rung
from ..hub import people
from ..ops.wake import SAFETY_S, Channel, Wake, channel, drive
from ..process import alive, start_of
from ..store.connect import open_db
from .context import heard

HANDOVER_S = 3.0  # how long who owned the wake before may take to step aside
UNTOLD_S = 2.0  # how often it is asked whether the client lives, where its end cannot be waited for


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
    with open_db(home) as db:
        caller = people.Caller(signal.session, signal.launch, pid, start, tool, signal.shared)
        agent = heard(home, db, adapter, caller).agent and people.own(db, caller)
    if agent is None or signal.subagent:
        return 0
    lock, death = _owned(home, agent.name), _death_of(pid)
    if lock < 0:
        return 0
    way = Channel(channel(tool).state, lambda *_: print(adapter.WAKE_SIGN, file=sys.stderr))
    with Wake(home, agent, way, lock=lock) as wake:
        drive(
            [wake],
            lambda _: _is_over(wake) or not alive(pid, start),
            [death] if death >= 0 else [],
            SAFETY_S if death >= 0 else UNTOLD_S,
        )
        return 2 if isinstance(wake.state, Rung) else 0


def _is_over(wake: Wake) -> bool:
    """Whether the client has been told, another waiter does that, or its agent has left."""
    return isinstance(wake.state, Rung) or wake.aside or wake.known.agent is None


def _owned(home, name: str) -> int:
    """The ownership of the agent's wake, given up by the waiter before or the client's wrapper; -1
    when it is not had."""
    end = time.monotonic() + HANDOVER_S
    while (lock := owner.take(home, name)) < 0 and time.monotonic() < end:
        bell.ring(home, [name], bell.YIELD)
        time.sleep(0.05)
    return lock


def _death_of(pid: int) -> int:
    """A descriptor that is readable once process `pid` has ended; -1 where there are none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return -1
