"""Gemini CLI's hook payloads in, its hook output out. Keeps no state and reads no database.

Much that a hook says can still be lost: a failed or cancelled tool's context, a prompt's when the
answer is interrupted, a turn end's after Esc. `reaches` says what is known beforehand, and
PROVEN_BY that afterwards only the transcript tells what the model was given.
"""

import json
import os

from ... import home as homes
from ...bus.render import MARK, one_line
from ...process import outside
from .. import ADHOC, Caller, base
from ..base import (
    BLOCKED,
    END,
    NOTHING,
    PROMPT,
    START,
    TOOL,
    TURN_END,
    TURN_FAILED,
    Reply,
    Signal,
    text,
)
from . import transcript

WAKE_SIGN, carries, most = base.WAKE_TEXT, base.yes, base.no_cap
needs_waiter = holds = base.no  # a running hook would hold the turn up

KINDS = {
    "SessionStart": START,
    "BeforeAgent": PROMPT,
    "AfterTool": TOOL,
    "Notification": BLOCKED,  # comes up with a dialog, and only then
    "AfterAgent": TURN_END,
    "SessionEnd": END,
}

EDITS = ("write_file", "replace")
SHELLS = ("run_shell_command",)
# What of a tool's input says what it was used on; a file, else a command, else a target.
DETAILS = (
    "file_path",
    "command",
    "dir_path",
    "path",
    "pattern",
    "url",
    "query",
    "agent_name",
    "prompt",
    "description",
)

# 300,000 characters arrive whole. More would leave a model's window no room for its work.
CONTEXT_CHARS = 300_000
BUDGET = {PROMPT: CONTEXT_CHARS, TOOL: CONTEXT_CHARS, TURN_END: CONTEXT_CHARS}

PROVEN_BY: dict[str, tuple[str, ...]] = {}
UNSURE = frozenset((TOOL, TURN_END))

# The tools that run a subagent, by version. Its own tool calls look like the main agent's.
SUBAGENTS = ("invoke_agent", "delegate_to_agent", "codebase_investigator")

SHOWN = "hcom: new messages"  # all that a person sees of a turn end's text

_CANCELLED = "Command was cancelled by user"
CANCELLED = (_CANCELLED, f"<untrusted_context>\n{_CANCELLED}")
ESCAPED = frozenset("<>")


def stop_cap(_env) -> int:
    """How many turn ends in a row may be continued."""
    return 100  # a 101st block for one prompt would be lost


def config_dir(env) -> str:
    """Where this Gemini CLI keeps its sessions and settings."""
    return os.path.join(env.get("GEMINI_CLI_HOME") or homes.user(env), ".gemini")


def surroundings(env) -> Caller | None:
    """What a command run by Gemini CLI knows of its session: nothing but its launch, else the
    client's process, which is that of its hooks. None when not run by it.
    """
    if env.get("GEMINI_CLI") != "1":
        return None
    launch = env.get("HCOM_PROCESS_ID", "")
    pid = 0 if launch else outside("GEMINI_CLI")
    return Caller(launch=launch, pid=pid, tool="gemini" if launch or pid else ADHOC)


def reaches(signal: Signal, agent) -> bool:
    """Whether what the reply to this hook says comes to the model of `agent`."""
    if signal.kind == TURN_END:
        return not transcript.cancelled(signal.transcript)
    # Inside a subagent a tool's would come to that one's.
    return not signal.source and not agent.client.get("inside")


def introduced(signal: Signal, agent) -> bool:
    """Whether the model of this session still has what hcom told it at the session's first prompt.

    The text of SessionStart is lost when a session is resumed in the TUI, and comes too late for a
    prompt on the command line.
    """
    return agent.client.get("told") == signal.session and not transcript.forgot(signal.transcript)


def read(event: str, payload, env, pid: int, at: float) -> Signal:
    """The signal in one hook call; `pid` is the client's process. ValueError for no payload."""
    said = base.signal(KINDS.get(event, NOTHING), payload, env, pid, at, DETAILS)
    prompt, kind = text(payload, "prompt"), said.kind
    failure = _failure(payload) if kind == TOOL else ""
    if failure == "cancelled":
        kind = TURN_FAILED  # Esc; no turn end follows
    if kind == PROMPT and prompt.startswith(MARK):
        kind = NOTHING  # what a turn end handed over is the prompt of the turn that it continues
    tool, detail = _asked(payload) if kind == BLOCKED else (said.tool, said.detail)
    done = kind == TOOL and not failure
    return said._replace(
        kind=kind,
        source=failure if said.kind == TOOL else said.source,
        tool=tool,
        detail=detail,
        woken=prompt.strip() == WAKE_SIGN,
        client=_inside(event, kind, payload),
        edited=(os.path.join(said.cwd, detail),) if done and detail and tool in EDITS else (),
        command=detail if done and tool in SHELLS else "",
    )


def _failure(payload: dict) -> str:
    """Why a tool's result will not carry any context: error or cancelled; "" when it will."""
    response = base.fields(payload.get("tool_response"))
    if text(response, "llmContent").startswith(CANCELLED):
        return "cancelled"
    return "error" if response.get("error") else ""


def _inside(event: str, kind: str, payload: dict) -> dict:
    """The change to which subagents are at work: {"inside": {call: since}}, each call by its input,
    for nothing else tells calls apart. A new turn has none."""
    if kind in (START, PROMPT, TURN_END, TURN_FAILED):
        return {"inside": None}
    if text(payload, "tool_name") not in SUBAGENTS:
        return {}
    given = json.dumps(payload.get("tool_input"), sort_keys=True).encode()
    import hashlib  # only where a subagent is told apart

    key = hashlib.sha256(given).hexdigest()[:16]
    since = base.word(payload, "timestamp") or "unknown"
    return {"inside": {key: since if event == "BeforeTool" else None}}


# A dialog's kind, the tool that it is about, and which of its details says more; all others are
# about themselves, and have a title.
ASKED = {
    "exec": ("run_shell_command", "command"),
    "edit": ("replace", "filePath"),
    "mcp": ("mcp", "toolName"),
}


def _asked(payload: dict) -> tuple[str, str]:
    """What a dialog asks about, as (tool, what it is to be used on)."""
    details = base.fields(payload.get("details"))
    if not details:
        return base.word(payload, "notification_type"), one_line(text(payload, "message"))
    kind = base.word(details, "type")
    tool, key = ASKED.get(kind, (kind, "title"))
    return tool, (text(details, key) or text(details, "title"))[:2000]


def write(event: str, reply: Reply) -> str:
    """What the hook prints so that the model gets `reply`; "" for nothing to say."""
    if reply.kind == START:
        return ""
    if reply.kind == TURN_END and reply.text:
        return base.block(reply.text, systemMessage=SHOWN)
    note = "" if ESCAPED.isdisjoint(reply.text) else transcript.ESCAPE_NOTE
    # Behind a tool's result the client itself begins a paragraph; up to 0.26 nothing else tells
    # in its transcript where a prompt ends.
    begins = transcript.PARAGRAPH if reply.kind == PROMPT and reply.text else ""
    return base.answer(event, reply._replace(text=begins + reply.text + note))
