"""Claude Code's hook payloads in, its hook output out. Reads no database and keeps no state."""

import json
import os
import re

from ...bus.render import one_line
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
    TURN_FAILED,
    Reply,
    Signal,
)

KINDS = {
    "SessionStart": START,
    "UserPromptSubmit": PROMPT,
    "PostToolUse": TOOL,
    "PostToolUseFailure": TOOL,
    "PermissionRequest": BLOCKED,
    "Stop": TURN_END,
    "StopFailure": TURN_FAILED,
    "SessionEnd": END,
    "PreToolUse": SUB_ASKS,  # installed for subagents' hcom commands only
    "SubagentStart": SUB_START,
    "SubagentStop": SUB_END,
}

# Tools whose input says that a file was changed, or which shell command was run.
EDITS = frozenset(("Edit", "MultiEdit", "Write", "NotebookEdit"))
SHELLS = frozenset(("Bash",))

# A context of more than 10,000 characters is replaced by a preview and a file name. The room left
# is for what the client puts around it.
CONTEXT_CHARS = 9_500
BUDGET = {
    PROMPT: CONTEXT_CHARS,
    TOOL: CONTEXT_CHARS,
    TURN_END: CONTEXT_CHARS,
    SUB_TOOL: CONTEXT_CHARS,
    SUB_END: CONTEXT_CHARS,
}

# After this many turn ends in a row that were continued, without a tool call between, the client
# overrides the next one and its text is lost (CLAUDE_CODE_STOP_HOOK_BLOCK_CAP; 0: no cap).
STOP_CAP = 8

SUBAGENT_KINDS = (SUB_START, SUB_ASKS, SUB_END)

WAKE_SIGN = "hcom: new mail"  # in every wake, so that the prompt hook knows it for one
# What a prompt that is our wake begins with: sent to the session's socket, or by asyncRewake.
WAKE = (
    r'<cross-session-message from="uds:[^"\n]*" from-name="hcom"[^>\n]*>\n'
    + WAKE_SIGN
    + r"|(\[SYSTEM NOTIFICATION[^\n]*\n*)?<task-notification>\n<summary>"
    + WAKE_SIGN
)


def stop_cap(env) -> int:
    """How many turn ends in a row may be continued."""
    given = env.get("CLAUDE_CODE_STOP_HOOK_BLOCK_CAP", "")
    if not given.isdigit():
        return STOP_CAP
    return int(given) or 1_000_000


def needs_waiter(env) -> bool:
    """Whether this session can only be woken by a waiter: no messaging socket, a person in front of
    it (in -p the waiter would block the turn), a version that knows asyncRewake. A wrapper that
    owns the wake steps back for it."""
    version = re.match(r"claude-code_(\d+)-(\d+)-", env.get("AI_AGENT", ""))
    return (
        not env.get("CLAUDE_CODE_MESSAGING_SOCKET")
        and env.get("CLAUDE_CODE_ENTRYPOINT") == "cli"
        and version is not None
        and (int(version.group(1)), int(version.group(2))) >= (2, 1)
    )


def config_dir(env) -> str:
    """Where this Claude Code keeps its sessions and settings."""
    return env.get("CLAUDE_CONFIG_DIR") or os.path.join(
        env.get("HOME") or os.path.expanduser("~"), ".claude"
    )


def session_file(directory: str, pid: int) -> dict:
    """What Claude Code says of its process `pid` in sessions/PID.json; {} when it says nothing."""
    try:
        with open(os.path.join(directory, "sessions", f"{pid}.json"), encoding="utf-8") as stream:
            facts = json.load(stream)
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def surroundings(env) -> dict | None:
    """What a command run by Claude Code knows of its session; None when it is not run by it."""
    if env.get("CLAUDECODE") != "1" or not env.get("CLAUDE_CODE_SESSION_ID"):
        return None
    session, directory = env["CLAUDE_CODE_SESSION_ID"], config_dir(env)
    pid = env.get("CLAUDE_PID", "")
    pid = int(pid) if pid.isdigit() else _pid_of(directory, session)
    return {"session": session, "pid": pid, "client": {"config": directory}}


def _pid_of(directory: str, session: str) -> int:
    """The process of a session, by the files of all sessions; 0 when none says so."""
    folder = os.path.join(directory, "sessions")
    try:
        entries = [e for e in os.listdir(folder) if re.match(r"\d+\.json\Z", e)]
    except OSError:
        return 0
    for entry in entries:
        pid = int(entry[:-5])
        if session_file(directory, pid).get("sessionId") == session:
            return pid
    return 0


def read(event: str, payload: dict, env, pid: int, at: float) -> Signal:
    """The signal in one hook call; `pid` is the client's process. ValueError for no payload."""
    if not isinstance(payload, dict) or not isinstance(payload.get("session_id"), str):
        raise ValueError("not a payload of Claude Code")
    kind = KINDS.get(event, NOTHING)
    subagent = _text(payload, "agent_id")
    session, forked = payload["session_id"], ""
    directory = config_dir(env)
    if kind == START and payload.get("source") == "resume":
        # With --fork-session this one payload has the parent's id; the session file is right.
        named = session_file(directory, pid).get("sessionId")
        if isinstance(named, str) and named and named != session:
            session, forked = named, session
    if subagent:
        kind = SUB_TOOL if kind == TOOL else kind if kind in SUBAGENT_KINDS else NOTHING
    elif kind in SUBAGENT_KINDS:
        kind = NOTHING
    tool, detail = _used(payload)
    prompt = _text(payload, "prompt")
    return Signal(
        kind,
        session,
        env.get("HCOM_PROCESS_ID", ""),
        pid,
        _text(payload, "cwd"),
        _text(payload, "transcript_path"),
        _text(payload, "source") or _text(payload, "reason") or _text(payload, "error"),
        tool,
        detail,
        one_line(prompt),
        subagent,
        forked,
        bool(re.match(WAKE, prompt)),
        at,
        _client(payload, directory, env),
        (detail,) if tool in EDITS and detail and event == "PostToolUse" else (),
        detail if tool in SHELLS else "",
    )


def _client(payload: dict, directory: str, env) -> dict:
    # Not CLAUDE_CODE_MESSAGING_TOKEN: that stays in the client's own private file (wake._token).
    facts = {"config": directory}
    if isinstance(payload.get("permission_mode"), str):
        facts["mode"] = payload["permission_mode"]
    version = re.search(r"_(\d+)-(\d+)-(\d+)", env.get("AI_AGENT", ""))
    if version:
        facts["version"] = ".".join(version.groups())
    return facts


def _text(payload: dict, key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""


# What of a tool's input says what it was used on; a file, else a command, else a target.
DETAILS = (
    "file_path",
    "notebook_path",
    "command",
    "path",
    "pattern",
    "url",
    "query",
    "description",
)


def _used(payload: dict) -> tuple[str, str]:
    """The tool's name and what it was used on: the file, the command, the target."""
    tool, given = _text(payload, "tool_name"), payload.get("tool_input")
    if not isinstance(given, dict):
        return tool, ""
    for key in DETAILS:
        if isinstance(given.get(key), str):
            return tool, given[key][:2000]
    return tool, ""


def write(event: str, reply: Reply) -> str:
    """What the hook prints so that the model gets `reply`; "" for nothing to say."""
    if reply.kind == SUB_ASKS:
        return (
            json.dumps(
                {
                    "hookSpecificOutput": {
                        "hookEventName": event,
                        "permissionDecision": "deny",
                        "permissionDecisionReason": reply.text,
                    }
                }
            )
            if reply.drop
            else ""
        )
    if reply.drop:
        return json.dumps({"decision": "block", "reason": "hcom: the mail is already delivered"})
    if not reply.text:
        return ""
    if reply.kind == SUB_END:
        return json.dumps({"decision": "block", "reason": reply.text})
    return json.dumps(
        {"hookSpecificOutput": {"hookEventName": event, "additionalContext": reply.text}},
        ensure_ascii=True,
    )
