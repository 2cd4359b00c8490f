"""Codex's hook payloads in, its hook output out. Reads no database and keeps no state."""

import os
import re

from ... import home as homes
from .. import ADHOC, Caller, base
from ..base import (
    BLOCKED,
    END,
    NOTHING,
    PROMPT,
    START,
    SUB_END,
    SUB_START,
    SUB_TOOL,
    TOOL,
    TURN_END,
    TURN_FAILED,
    Reply,
    Signal,
    text,
)
from ..version import has
from . import host
from .versions import CONTEXT_LIMIT

WAKE_SIGN, PROVEN_BY, stop_cap = base.WAKE_TEXT, base.PROVEN_BY, base.no_cap
reaches = introduced = base.yes
needs_waiter = base.no  # `codex queue` wakes any

KINDS = {
    "SessionStart": START,
    "UserPromptSubmit": PROMPT,
    "PostToolUse": TOOL,
    "PermissionRequest": BLOCKED,
    "Stop": TURN_END,
    "Interrupt": TURN_FAILED,  # Esc; no Stop follows
    "SessionEnd": END,
    "SubagentStart": SUB_START,
    "SubagentStop": SUB_END,
}
# Tools whose input says that files were changed, or which shell command was run.
EDITS = frozenset(("apply_patch",))
SHELLS = frozenset(("Bash",))
# What of a tool's input says what it was used on.
DETAILS = ("command", "file_path", "path", "pattern", "url", "query", "message", "description")
PATCHED = r"(?m)^\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+?)\s*$"

# Context is not cut, since our handlers say additionalContextLimit 0; but a model's window holds
# some 250,000 tokens, and the mail may take a third of it.
CONTEXT_CHARS = 300_000
CUT_CHARS = 9_500  # of context, in versions that know no additionalContextLimit
# The reason of a turn end is cut in the middle beyond 2,500 tokens of 4 bytes each.
REASON_BYTES = 9_800
BUDGET = {
    PROMPT: CONTEXT_CHARS,
    TOOL: CONTEXT_CHARS,
    TURN_END: 9_500,
    SUB_TOOL: CONTEXT_CHARS,
    SUB_END: 9_500,
}
# The reason reaches the model inside <hook_prompt>, with these escaped: no channel for source code.
ESCAPED = frozenset("&<>")

UNSURE = frozenset((TURN_END,))


def carries(kind: str, said: str) -> bool:
    """Whether the channel of `kind` brings the whole of `said` to the model as it is."""
    return kind != TURN_END or (len(said.encode()) <= REASON_BYTES and ESCAPED.isdisjoint(said))


def most(agent) -> int:
    """The most that context brings to this session."""
    return CUT_CHARS if agent.client.get("cuts") else CONTEXT_CHARS


def config_dir(env) -> str:
    """Where this Codex keeps its sessions and settings."""
    return env.get("CODEX_HOME") or os.path.join(homes.user(env), ".codex")


def surroundings(env) -> Caller | None:
    """What a command run by Codex knows of its session; None when it is not run by it.

    A subagent has a thread of its own below the session's. It is not its parent, whose launch id it
    inherits; unless it joined under the name that its first hook offers, no hook brings it mail.
    """
    thread = env.get("CODEX_THREAD_ID")
    if not thread:
        return None
    if env.get("CODEX_SESSION_ID", thread) != thread:
        return Caller(thread, tool=ADHOC)
    pid = host.holder(config_dir(env), thread)
    launch, shared = env.get("HCOM_PROCESS_ID", ""), host.is_shared(pid)
    return Caller(thread, launch, pid, tool="codex", shared=shared)


def read(event: str, payload, env, pid: int, at: float) -> Signal:
    """The signal in one hook call; `pid` is the client's process. ValueError for no payload."""
    said = base.signal(KINDS.get(event, NOTHING), payload, env, pid, at, DETAILS)
    directory = config_dir(env)
    shared = host.is_shared(pid, said.transcript)
    forked = said.source == "fork" and _parent(said.transcript, directory, 0 if shared else pid)
    files = _patched(payload) if said.tool in EDITS else ()
    detail = _shown(files) if said.tool in EDITS else said.detail
    return said._replace(
        transcript="" if said.subagent else said.transcript,
        source="interrupt" if event == "Interrupt" else said.source,
        detail=detail,
        forked_from=forked or "",
        woken=text(payload, "prompt").strip() == WAKE_SIGN,
        client=_facts(said, directory),
        edited=files if event == "PostToolUse" else (),
        command=detail if said.tool in SHELLS else "",
        shared=shared,
    )


def _facts(said: Signal, directory: str) -> dict:
    """What is noted of the client. The version is that in which the session began: one that is
    resumed by a newer one gets less at once than it could, and nothing is lost."""
    if said.kind not in (START, PROMPT) or has(host.version(said.transcript), CONTEXT_LIMIT):
        return {"home": directory}
    return {"home": directory, "cuts": "yes"}


def _patched(payload: dict) -> tuple[str, ...]:
    """The files that a patch changes, as absolute paths."""
    paths = re.findall(PATCHED, text(base.fields(payload.get("tool_input")), "command"))
    cwd = base.path(payload, "cwd")
    return tuple(dict.fromkeys(os.path.normpath(os.path.join(cwd, path)) for path in paths))


def _shown(files: tuple[str, ...]) -> str:
    """A patch's first file, with how many more there are."""
    more = f" (+{len(files) - 1})" if len(files) > 1 else ""
    return files[0] + more if files else ""


def _parent(transcript: str, directory: str, pid: int) -> str:
    """The session that this one was forked from, by its rollout file.

    "" also for /fork: the same client goes on with the copy, and its agent with it, as after /new.
    """
    parent = host.begun(transcript, "forked_from_id")
    if not homes.is_id(parent) or pid and host.holds(pid, directory, parent):
        return ""
    return parent


def holds(client: dict, session: str, pid: int) -> bool:
    """Whether the client in process `pid` has the session open, by the session's own file."""
    return host.holds(pid, client.get("home", ""), session)


def write(event: str, reply: Reply) -> str:
    """What the hook prints so that the model gets `reply`; "" for nothing to say."""
    return base.answer(event, reply, (TURN_END, SUB_END))
