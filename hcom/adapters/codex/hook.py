"""Codex's hook payloads in, its hook output out. Reads no database and keeps no state."""

import json
import os
import re

from ...bus.render import one_line
from .. import ADHOC
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
)
from . import host

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
# What a hook inside a subagent is; a subagent's prompts and approvals are nobody's.
SUBAGENT_KINDS = {TOOL: SUB_TOOL, SUB_START: SUB_START, SUB_END: SUB_END}

# Tools whose input says that files were changed, or which shell command was run.
EDITS = frozenset(("apply_patch",))
SHELLS = frozenset(("Bash",))

# Context is not cut, since our handlers say additionalContextLimit 0; but a model's window holds
# some 250,000 tokens, and the mail may take a third of it.
CONTEXT_CHARS = 300_000
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
ESCAPED = re.compile("[&<>]")

# The wake, typed or queued, is this and nothing else: the prompt hook knows it by that.
WAKE_SIGN = "hcom: new mail. The messages are in the hook context of this prompt."


def stop_cap(_env) -> int:
    """How many turn ends in a row may be continued: Codex counts none."""
    return 1_000_000


def needs_waiter(_env) -> bool:
    """Whether this session can only be woken by a waiter: never, `codex queue` wakes any."""
    return False


def carries(kind: str, text: str) -> bool:
    """Whether the channel of `kind` brings the whole of `text` to the model as it is."""
    return kind != TURN_END or (len(text.encode()) <= REASON_BYTES and not ESCAPED.search(text))


def config_dir(env) -> str:
    """Where this Codex keeps its sessions and settings."""
    return env.get("CODEX_HOME") or os.path.join(
        env.get("HOME") or os.path.expanduser("~"), ".codex"
    )


def surroundings(env) -> dict | None:
    """What a command run by Codex knows of its session; None when it is not run by it.

    A subagent has a thread of its own below the session's. It is not its parent, whose launch id it
    inherits; unless it joined under the name that its first hook offers, no hook brings it mail.
    """
    thread = env.get("CODEX_THREAD_ID")
    if not thread:
        return None
    if env.get("CODEX_SESSION_ID", thread) != thread:
        return {"session": thread, "launch": "", "tool": ADHOC}
    directory = config_dir(env)
    pid = host.holder(directory, thread)
    return {
        "session": thread,
        "pid": pid,
        "shared": host.is_shared(pid),
        "client": {"home": directory},
    }


def read(event: str, payload: dict, env, pid: int, at: float) -> Signal:
    """The signal in one hook call; `pid` is the client's process. ValueError for no payload."""
    if not isinstance(payload, dict) or not isinstance(payload.get("session_id"), str):
        raise ValueError("not a payload of Codex")
    kind, subagent = KINDS.get(event, NOTHING), _text(payload, "agent_id")
    if subagent:
        kind = SUBAGENT_KINDS.get(kind, NOTHING)
    elif kind in (SUB_START, SUB_END):
        kind = NOTHING
    source = _text(payload, "source") or _text(payload, "reason")
    shared = host.is_shared(pid, _text(payload, "transcript_path"))
    forked = _parent(payload, config_dir(env), 0 if shared else pid) if source == "fork" else ""
    tool, detail, edited = _used(payload)
    prompt = _text(payload, "prompt")
    return Signal(
        kind,
        payload["session_id"],
        env.get("HCOM_PROCESS_ID", ""),
        pid,
        _text(payload, "cwd"),
        _text(payload, "transcript_path"),
        "interrupt" if event == "Interrupt" else source,
        tool,
        detail,
        one_line(prompt),
        subagent,
        forked,
        prompt.strip() == WAKE_SIGN,
        at,
        {"home": config_dir(env)},
        edited if event == "PostToolUse" else (),
        detail if tool in SHELLS else "",
        shared,
    )


def _parent(payload: dict, directory: str, pid: int) -> str:
    """The session that this one was forked from, by the head of its rollout file.

    "" also for /fork: the same client goes on with the copy, and its agent with it, as after /new.
    """
    try:
        with open(_text(payload, "transcript_path"), "rb") as stream:
            parent = json.loads(stream.readline())["payload"].get("forked_from_id")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
    if not isinstance(parent, str) or (pid and host.holder(directory, parent) == pid):
        return ""
    return parent


def _text(payload: dict, key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""


# What of a tool's input says what it was used on.
DETAILS = ("command", "file_path", "path", "pattern", "url", "query", "message", "description")
PATCHED = re.compile(r"^\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+?)\s*$", re.MULTILINE)


def _used(payload: dict) -> tuple[str, str, tuple[str, ...]]:
    """The tool's name, what it was used on, and the files it changed, as absolute paths.

    A patch's detail is its first file, with how many more there are.
    """
    tool, given = _text(payload, "tool_name"), payload.get("tool_input")
    if not isinstance(given, dict):
        return tool, "", ()
    detail = next((given[key] for key in DETAILS if isinstance(given.get(key), str)), "")
    if tool not in EDITS:
        return tool, detail[:2000], ()
    cwd = _text(payload, "cwd")
    files = tuple(
        dict.fromkeys(os.path.normpath(os.path.join(cwd, path)) for path in PATCHED.findall(detail))
    )
    more = f" (+{len(files) - 1})" if len(files) > 1 else ""
    return tool, files[0] + more if files else "", files


def write(event: str, reply: Reply) -> str:
    """What the hook prints so that the model gets `reply`; "" for nothing to say.

    Nothing but these keys: one that Codex does not know, and it drops the whole output.
    """
    if reply.drop:
        return json.dumps({"decision": "block", "reason": "hcom: the mail is already delivered"})
    if not reply.text:
        return ""
    if reply.kind in (TURN_END, SUB_END):
        return json.dumps({"decision": "block", "reason": reply.text})
    return json.dumps(
        {"hookSpecificOutput": {"hookEventName": event, "additionalContext": reply.text}}
    )
