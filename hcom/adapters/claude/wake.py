"""Waking an idle Claude Code through its session's messaging socket (2.1.330; not in 2.1.197).

The wake says nothing of the message: its prompt hook hands the text over. Nothing comes back on
the socket; the caller waits for the prompt hook.
"""

import json
import os

from ...bus import client
from ...bus.agent import ACTIVE, BLOCKED, INACTIVE, LISTENING, Agent
from ..base import WAKE_HINT, document
from .hook import session_file, wake_prompt
from .versions import SINCE

MORE = f". {WAKE_HINT} Answer with the hcom command, never with SendMessage."
STATES = {"idle": client.IDLE, "shell": client.IDLE, "busy": client.BUSY, "waiting": client.BLOCKED}
# A turn may end without any hook (Esc): the client's own session file tells `state` of that.
SEES_ESC = True


def _facts(agent: Agent) -> dict:
    directory = agent.client.get("config")
    return session_file(directory, agent.pid) if directory else {}


def _is_another(facts: dict, agent: Agent) -> bool:
    """Whether the agent's client has gone on with another session."""
    return bool(agent.session) and facts.get("sessionId", agent.session) != agent.session


def state(agent: Agent) -> str:
    """idle, busy, blocked or gone, by hooks and the client's own session file."""
    facts = _facts(agent)
    if _is_another(facts, agent):
        return client.GONE
    said = STATES.get(facts.get("status", ""), client.BUSY)
    # After its turn's end a session with background subagents still calls itself busy, though its
    # prompt is free; and what comes while its last hook still runs is a turn of its own.
    return client.IDLE if said == client.BUSY and agent.status == LISTENING else said


def status(agent: Agent) -> tuple[str, str] | None:
    """The status and its context by the client's session file, which also knows of Esc and of
    dialogs; None where there is no such file."""
    facts = _facts(agent)
    if _is_another(facts, agent):
        return INACTIVE, "exit:resume"
    said = STATES.get(facts.get("status", "")) if agent.session else None
    if said == client.BLOCKED:
        return BLOCKED, str(facts.get("waitingFor") or "dialog")
    shown = {client.BUSY: ACTIVE, client.IDLE: LISTENING}
    return (shown[said], agent.context) if said else None


def ring(agent: Agent, tries: int, rung_at: float) -> None:
    """The wake is written to the session's socket; `rung_at` is when it was before. OSError when
    there is no socket or it refuses."""
    import socket  # who only asks for the state needs none

    facts = _facts(agent)
    path = facts.get("messagingSocketPath")
    if not path:
        # Such a session is woken by its waiter, or by the wrapper that types; this one has none.
        since = ".".join(map(str, SINCE["socket"]))
        raise OSError(f"the client has no messaging socket: {since} or later has")
    # A session with permissions bypassed holds back what does not say it comes from such a one, and
    # the other way round. The mode is what a hook saw last: where nothing stirred, try the other.
    bypass = agent.client.get("mode") == "bypassPermissions"
    stirred = float(facts.get("statusUpdatedAt") or 0) / 1000 > rung_at
    mode = ' from-mode="bypass"' if bypass != (tries % 2 == 1 and not stirred) else ""
    source = f"uds:{os.path.dirname(path)}/hcom"
    lines = [
        {"type": "auth", "token": _token(agent)},
        {
            "type": "user",
            "from": source,
            "priority": "next",
            "message": {"role": "user", "content": wake_prompt(source, MORE, mode)},
        },
    ]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(2.0)
        connection.connect(path)
        connection.sendall(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def _token(agent: Agent) -> str:
    """What lets us speak to the session, by the client's own private file: it stands beside the
    session's file, from before the first prompt until both are gone (2.1.330)."""
    import glob

    folder = os.path.join(glob.escape(agent.client.get("config", "")), "sessions")
    keys = map(document, glob.glob(os.path.join(folder, f"{agent.pid}.*.key")))
    return next((str(key["peerToken"]) for key in keys if "peerToken" in key), "")
