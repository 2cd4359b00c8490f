"""Claude Code's hook payloads in, its hook output out. Reads no database and keeps no state."""

import json
import os
import re
import time

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
    TURN_FAILED,
    WAKE_SIGN,
    Reply,
    Signal,
    text,
)

UNSURE, PROVEN_BY = base.UNSURE, base.PROVEN_BY
carries = reaches = introduced = base.yes
holds = base.no
most = base.no_cap

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

# What a prompt that is our wake begins with: sent to the session's socket, by asyncRewake, typed.
WAKE = (
    r'<cross-session-message from="uds:[^"\n]*" from-name="hcom"[^>\n]*>\n'
    + WAKE_SIGN
    + r"|(\[SYSTEM NOTIFICATION[^\n]*\n*)?<task-notification>\n<summary>"
    + WAKE_SIGN
    + rf"|{re.escape(base.WAKE_TEXT)}\s*\Z"
)

# What a prompt begins with that is the client's own notice of its background work.
NOTICE = (
    r"(\[SYSTEM NOTIFICATION[^\]]*\]\s*)?<task-notification>|Background agent .* was stopped by"
)


def wake_prompt(source: str, more: str = "", mode: str = "") -> str:
    """The prompt of a wake that says to be `source`'s: WAKE knows it. It names its moment, for the
    same text twice within 30 s would be dropped as a duplicate."""
    now = time.time()
    at = f"{time.strftime('%H:%M:%S', time.localtime(now))}.{int(now * 1000) % 1000}"
    return (
        f'<cross-session-message from="{source}" from-name="hcom"{mode}>\n'
        f"{WAKE_SIGN} ({at}){more}\n</cross-session-message>"
    )


def stop_cap(env) -> int:
    """How many turn ends in a row may be continued."""
    given = env.get("CLAUDE_CODE_STOP_HOOK_BLOCK_CAP", "")
    return (int(given) or base.NO_CAP) if given.isdigit() else STOP_CAP


def needs_waiter(env) -> bool:
    """Whether this session can only be woken by a waiter: no messaging socket, a person in front of
    it (in -p the waiter would block the turn), a version that knows asyncRewake. A wrapper that
    owns the wake steps back for it."""
    return (
        not env.get("CLAUDE_CODE_MESSAGING_SOCKET")
        and env.get("CLAUDE_CODE_ENTRYPOINT") == "cli"
        and (_version(env) or (0,)) >= (2, 1)
    )


def _version(env) -> tuple[int, ...] | None:
    """The client's version as it tells its hooks; older ones do not."""
    said = re.match(r"claude-code_(\d+)-(\d+)-(\d+)", env.get("AI_AGENT", ""))
    return tuple(map(int, said.groups())) if said else None


def config_dir(env) -> str:
    """Where this Claude Code keeps its sessions and settings."""
    return env.get("CLAUDE_CONFIG_DIR") or os.path.join(homes.user(env), ".claude")


def session_file(directory: str, pid: int) -> dict:
    """What Claude Code says of its process `pid` in sessions/PID.json; {} when it says nothing."""
    return base.document(os.path.join(directory, "sessions", f"{pid}.json"))


def surroundings(env) -> Caller | None:
    """What a command run by Claude Code knows of its session; None when it is not run by it."""
    if env.get("CLAUDECODE") != "1" or not env.get("CLAUDE_CODE_SESSION_ID"):
        return None
    session, said = env["CLAUDE_CODE_SESSION_ID"], env.get("CLAUDE_PID", "")
    pid = int(said) if said.isdigit() else _pid_of(config_dir(env), session)
    return Caller(session, env.get("HCOM_PROCESS_ID", ""), pid, tool="claude")


def _pid_of(directory: str, session: str) -> int:
    """The process of a session, as the session's own file says; 0 when none does."""
    import glob  # only a client too old to say it

    files = glob.glob(os.path.join(glob.escape(directory), "sessions", "*.json"))
    said = next((s for s in map(base.document, files) if s.get("sessionId") == session), {})
    return said["pid"] if isinstance(said.get("pid"), int) else 0


def read(event: str, payload, env, pid: int, at: float) -> Signal:
    """The signal in one hook call; `pid` is the client's process. ValueError for no payload."""
    said = base.signal(KINDS.get(event, NOTHING), payload, env, pid, at, DETAILS)
    detail, session = said.detail, said.session
    # Not CLAUDE_CODE_MESSAGING_TOKEN: that stays in the client's own private file (wake._token).
    client = {"config": config_dir(env)}
    if mode := base.word(payload, "permission_mode"):
        client["mode"] = mode
    if needs_waiter(env):
        client["waits"] = "yes"  # it may be between two waiters, and is woken all the same
    if said.kind == START and said.source == "resume":
        # With --fork-session this one payload has the parent's id; the session file is right.
        named = text(session_file(client["config"], pid), "sessionId")
        session = named if homes.is_id(named) else session
    if said.subagent:
        from .transcript import within  # most sessions have none

        own = within(said.transcript, said.subagent)
        kind = base.word(payload, "agent_type") if said.kind == SUB_START else ""
        said = said._replace(transcript=own, source=kind)
    # No other hook pays for patterns.
    is_prompt = said.kind == PROMPT
    woken = is_prompt and bool(re.match(WAKE, text(payload, "prompt")))
    noticed = is_prompt and re.match(NOTICE, said.prompt)
    changed = said.tool in EDITS and detail and event == "PostToolUse"
    return said._replace(
        session=session,
        forked_from=said.session if session != said.session else "",
        source=said.source or base.word(payload, "error"),
        woken=woken,
        prompt="" if noticed else said.prompt,
        client=client,
        edited=(detail,) if changed else (),
        command=detail if said.tool in SHELLS else "",
    )


def write(event: str, reply: Reply) -> str:
    """What the hook prints so that the model gets `reply`; "" for nothing to say."""
    if reply.kind == TURN_END and reply.text:
        from .versions import knows  # few hooks end a turn with mail

        # Where the version does not tell, it is before any that takes context here.
        takes = knows(_version(os.environ) or (0,), "Stop context")
        return base.answer(event, reply, () if takes else (TURN_END,))
    if reply.kind != SUB_ASKS or not reply.drop:
        return base.answer(event, reply)
    refused = {"permissionDecision": "deny", "permissionDecisionReason": reply.text}
    return json.dumps({"hookSpecificOutput": {"hookEventName": event, **refused}})
