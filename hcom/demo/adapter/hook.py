"""The stand-in's hook payloads in, its hook output out."""

import os
import re

from ... import home as homes
from .. import Caller, base
from ..base import (
    BLOCKED,
    END,
    NOTHING,
    PROMPT,
    START,
    SUB_ASKS,
    SUB_END,
    SUB_START,
    SUB_TOOL,
    TOOL,
    TURN_END,
    Reply,
    Signal,
    text,
)

UNSURE, PROVEN_BY, WAKE_SIGN = base.UNSURE, base.PROVEN_BY, base.WAKE_TEXT
carries = reaches = introduced = base.yes
holds = base.no

KINDS = {
    "Begin": START,
    "Prompt": PROMPT,
    "Before": SUB_ASKS,
    "After": TOOL,
    "Dialog": BLOCKED,
    "Done": TURN_END,
    "End": END,
    "SubBegin": SUB_START,
    "SubDone": SUB_END,
}
BUDGET = dict.fromkeys((PROMPT, TOOL, TURN_END, SUB_TOOL, SUB_END), 3_000)
STOP_CAP = 3  # the client ends a turn that was continued so often without a tool call between


most = base.no_cap


def stop_cap(_env) -> int:
    """How many turn ends in a row may be continued."""
    return STOP_CAP


def needs_waiter(env) -> bool:
    """Whether its hooks in the background may push, which is the one way to wake it then."""
    return env.get("STANDIN_PUSH") == "1"


def config_dir(env) -> str:
    """Where the client keeps its sessions and settings."""
    return os.path.join(homes.user(env), ".standin")


def surroundings(env) -> Caller | None:
    """What a command run by the client knows of its session; None when not run by it."""
    if env.get("STANDIN") != "1":
        return None
    launch, pid = env.get("HCOM_PROCESS_ID", ""), int(env["STANDIN_PID"])
    return Caller(env["STANDIN_SESSION"], launch, pid, tool="standin")


def read(event: str, payload, env, pid: int, at: float) -> Signal:
    """The signal in one hook call; `pid` is the client's process. ValueError for no payload."""
    said = base.signal(KINDS.get(event, NOTHING), payload, env, pid, at, ("command", "path"))
    prompt = text(payload, "prompt").removeprefix("pushed: ")
    asks = said.kind != SUB_ASKS or re.search(r"\bhcom\b", said.detail)
    return said._replace(
        kind=said.kind if asks else NOTHING,
        forked_from=text(payload, "forked_from"),
        woken=prompt.strip() == WAKE_SIGN,
        client={"home": config_dir(env)},
        edited=(said.detail,) if event == "After" and said.tool == "Edit" else (),
        command=said.detail if said.tool == "Shell" else "",
    )


def write(event: str, reply: Reply) -> str:
    """What the hook prints so that the model gets `reply`; "" for nothing to say."""
    if reply.kind == SUB_ASKS:
        return base.block(reply.text) if reply.drop else ""
    return base.answer(event, reply, (TURN_END, SUB_END))
