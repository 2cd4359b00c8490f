"""Waking an idle Codex that has no wrapper: `codex queue` puts a prompt into its session's queue.

The wake says nothing of the message: its prompt hook hands the text over. The session looks at its
queue about every 10 s (a session of the shared daemon at once) and keeps the person's draft.
"""

import os

from ...bus import client
from ...bus.agent import BLOCKED, INACTIVE, LISTENING, Agent
from ...process import leave_behind, program, proven
from ..version import lacking, placed
from . import host
from .environment import scrubbed
from .hook import WAKE_SIGN
from .versions import PACKAGE, QUEUE

STATES = {LISTENING: client.IDLE, BLOCKED: client.BLOCKED}
SEES_ESC = False  # but a hook tells of it


def state(agent: Agent) -> str:
    """idle, busy, blocked or gone: whether the session is open by its lock, the rest by the last
    hook. One without a session has had no prompt yet, and no queue."""
    home = agent.client.get("home")
    is_open = home and agent.session
    if not is_open or host.is_closed(home, agent.session, agent.pid, agent.pid_start):
        return client.GONE
    return STATES.get(agent.status, client.BUSY)


def status(agent: Agent) -> tuple[str, str] | None:
    """Inactive when no process has the session open; None otherwise: hooks told the rest, and where
    none was heard, not where the session's lock is."""
    known = agent.session and agent.client.get("home")
    return (INACTIVE, "exit:closed") if known and state(agent) == client.GONE else None


def ring(agent: Agent, tries: int, _rung_at: float) -> None:
    """The wake is being put into the session's queue. OSError when there is no program to do so."""
    if tries == 1:
        return  # the first may lie there unread for 10 s yet, and twice would be two turns
    # The session's own, and not the PATH's: an agent may have put another there.
    codex = program(agent.pid) if proven(agent.pid, agent.pid_start) else ""
    if not codex:
        raise FileNotFoundError(2, "the program of the session is not known")
    lacks = lacking("codex", placed(codex, PACKAGE), "takes no wake outside hcom", QUEUE)
    if lacks:
        raise OSError(lacks)
    words = [codex, "queue", "--thread", agent.session, "--message", WAKE_SIGN]
    # Not waited for: it takes 0.2 to 0.5 s, and whoever sends is not to feel that. Nor a child:
    # Codex ends all that a command of its agent leaves behind in the command's own session.
    leave_behind(words, {**scrubbed(os.environ), "CODEX_HOME": agent.client["home"]})
