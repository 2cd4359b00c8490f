"""Waking a stand-in that no wrapper of ours sees: a line in its inbox is its next prompt."""

import os

from ...bus.agent import Agent
from ...bus.client import BLOCKED, BUSY, GONE, IDLE
from .. import base, plain

STATES = {"idle": IDLE, "asking": BLOCKED, "panel": BLOCKED}
SEES_ESC = True  # its file says what it does, whatever the hooks told
status = plain.status  # its hooks tell


def _path(agent: Agent, end: str) -> str:
    return os.path.join(agent.client.get("home", ""), "live", f"{agent.pid}.{end}")


def state(agent: Agent) -> str:
    """Whether the client is idle, busy, blocked or gone."""
    said = base.document(_path(agent, "json"))
    return STATES.get(said["state"], BUSY) if said.get("session") == agent.session else GONE


def ring(agent: Agent, _tries: int, _rung_at: float) -> None:
    """The wake is in the client's inbox. OSError when it has none, or nobody reads it."""
    inbox = os.open(_path(agent, "fifo"), os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        os.write(inbox, base.WAKE_TEXT.encode())
    finally:
        os.close(inbox)
