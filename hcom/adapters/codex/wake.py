"""Waking an idle Codex that has no wrapper: `codex queue` puts a prompt into its session's queue.

The wake says nothing of the message: its prompt hook hands the text over. The session looks at its
queue about every 10 s (a session of the shared daemon at once) and keeps the person's draft.
"""

import os

from ...bus import client
from ...bus.agent import BLOCKED, INACTIVE, LISTENING, Agent
from . import host
from .environment import scrubbed
from .hook import WAKE_SIGN, config_dir

STATES = {LISTENING: client.IDLE, BLOCKED: client.BLOCKED}
SEES_ESC = False  # but a hook tells of it


def _home(agent: Agent) -> str:
    return agent.client.get("home") or config_dir(os.environ)


def state(agent: Agent) -> str:
    """idle, busy, blocked or gone: whether the session is open by its lock, the rest by the last
    hook. One without a session has had no prompt yet, and no queue."""
    if not agent.session:
        return client.GONE
    if host.is_known(_home(agent), agent.session) and not host.holder(_home(agent), agent.session):
        return client.GONE
    return STATES.get(agent.status, client.BUSY)


def status(agent: Agent) -> tuple[str, str] | None:
    """Inactive when no process has the session open; None otherwise: hooks told the rest."""
    if agent.session and state(agent) == client.GONE:
        return INACTIVE, "exit:closed"
    return None


def ring(agent: Agent, tries: int, _rung_at: float) -> None:
    """The wake is being put into the session's queue. OSError when there is no program to do so."""
    if tries == 1:
        return  # the first may lie there unread for 10 s yet, and twice would be two turns
    program = _program()
    env = {**scrubbed(os.environ), "CODEX_HOME": _home(agent)}
    null = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        *((os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)),
    ]
    # Not waited for: it takes 0.2 to 0.5 s, and whoever sends is not to feel that.
    os.posix_spawn(
        program,
        ["codex", "queue", "--thread", agent.session, "--message", WAKE_SIGN],
        env,
        file_actions=null,
    )


def _program() -> str:
    """The Codex on the PATH: the process that the database names need not be one."""
    # Not shutil.which: a hook process may come here, and is not to load all that.
    for folder in os.get_exec_path():
        if os.path.isabs(folder) and os.access(os.path.join(folder, "codex"), os.X_OK):
            return os.path.join(folder, "codex")
    raise FileNotFoundError(2, "codex is not on the PATH")
