"""What an adapter's hook module turns a payload into, one Signal whatever the tool, and what the
hooks of all tools do alike. A hook process loads this, so it loads nothing slow; what each part of
an adapter is stands in interface.py.
"""

import json
from collections import namedtuple

from ..bus.render import one_line
from ..home import LIMIT_BYTES, is_id, read, stat_of

START = "start"  # a session began, was resumed, cleared or compacted
PROMPT = "prompt"  # a turn begins
TOOL = "tool"  # a tool was used
TURN_END = "turn_end"
TURN_FAILED = "turn_failed"  # the turn ended by an error; no turn_end follows
BLOCKED = "blocked"  # a dialog waits for the person
END = "end"  # the session is over
SUB_START = "sub_start"
SUB_ASKS = "sub_asks"  # a subagent is about to run an hcom command
SUB_TOOL = "sub_tool"
SUB_END = "sub_end"
NOTHING = "nothing"
OUTPUT = "output"  # no hook: what a command of ours printed for the model that ran it
# What a hook inside a subagent is; a subagent's prompts and approvals are nobody's.
INSIDE = {TOOL: SUB_TOOL, SUB_START: SUB_START, SUB_ASKS: SUB_ASKS, SUB_END: SUB_END}

# What every wake begins with: the prompt hook knows it by that. It says nothing of the message.
WAKE_SIGN = "hcom: new mail"
WAKE_HINT = "The messages are in the hook context of this prompt."
WAKE_TEXT = f"{WAKE_SIGN}. {WAKE_HINT}"  # a wake that is typed or queued is this and nothing else

# What is typed to a client whose version has no hooks; to one whose hooks are off, nothing is.
WAKE_BY_HAND = f"{WAKE_SIGN}. Run `hcom listen 1` to read it."

# Which later hooks of the same turn say that the model was asked with what a hook gave it: only
# such a request can have caused them. The hook of a tool that ran beside another says nothing.
PROVEN_BY = {
    PROMPT: (TOOL, TURN_END),
    TOOL: (TURN_END,),
    TURN_END: (TOOL, TURN_END),
    OUTPUT: (TURN_END,),
    SUB_TOOL: (SUB_END,),
    SUB_END: (SUB_TOOL, SUB_END),
}


class Signal(
    namedtuple(
        "Signal",
        "kind session launch pid cwd transcript source tool detail prompt subagent forked_from "
        "woken at client edited command shared",
        defaults=(NOTHING, "", "", 0, *("",) * 8, False, 0.0, None, (), "", False),
    )
):
    """One hook event. `source` is why a session began or ended; `tool` and `detail` what was used
    on what; `subagent` the tool's id of a subagent, whose own the `transcript` is then;
    `forked_from` the parent's session id; `woken` whether the prompt is our own wake; `at` when the
    hook began; `client` facts for the adapter alone. Of a tool that did its work: `edited` are the
    files it changed, as the payload names them, and `command` the shell command it ran. `shared`:
    process `pid` runs the sessions of other people's work too, and tells nothing of whose this one
    is."""

    __slots__ = ()

    @property
    def main_transcript(self) -> str:
        """The session's transcript; "" in a subagent, which has another."""
        return "" if self.subagent else self.transcript


# What the model is to be told, by the channel that belongs to `kind`; "" for nothing. `drop` asks
# the client to forget the prompt that this hook belongs to, or not to run the tool.
Reply = namedtuple("Reply", "kind text drop", defaults=("", "", False))


# -- payloads --

WORD_CHARS = 1000  # of the name of a tool or a reason: more is none
PATH_CHARS = 4096  # the most that systems take


def parsed(raw: bytes):
    """A hook's payload as JSON says it; half of a surrogate pair, where the client cut a text in
    the middle of an emoji, as "?". ValueError when it is no JSON."""
    value = json.loads(raw)
    if b"\\ud" in raw or b"\\uD" in raw:
        value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    return value


def fields(value) -> dict:
    """What a JSON object holds; {} for any other value."""
    return value if isinstance(value, dict) else {}


def items(value) -> list:
    """What a JSON array holds; [] for any other value."""
    return value if isinstance(value, list) else []


def document(path: str, limit: int = LIMIT_BYTES) -> dict:
    """The JSON object in a file; {} when there is none of at most `limit` bytes."""
    try:
        return fields(json.loads(read(path, limit).decode()))
    except (OSError, ValueError, RecursionError):
        return {}


def size(path: str) -> int:
    """How long a file is now; 0 when it is not there."""
    found = stat_of(path)
    return found.st_size if found else 0


def text(payload: dict, key: str) -> str:
    """The text in a field; "" when there is none."""
    value = payload.get(key)
    return value if isinstance(value, str) else ""


def word(payload: dict, key: str) -> str:
    """The short text in a field, on one line; "" when there is none."""
    return one_line(text(payload, key)[:WORD_CHARS])


def path(payload: dict, key: str) -> str:
    """The path in a field; "" when there is none that the system would take."""
    value = text(payload, key)
    return "" if "\0" in value or len(value) > PATH_CHARS else value


def signal(kind: str, payload, env, pid: int, at: float, details) -> Signal:
    """What the payloads of all clients say in the same words; the adapter puts in the rest. The
    first of the `details` that the tool was given says what it was used on. ValueError when this
    is no payload."""
    if not isinstance(payload, dict):
        raise ValueError("not a payload of a client's hook")
    session, subagent = payload.get("session_id"), payload.get("agent_id")
    asked = fields(payload.get("tool_input"))
    if not is_id(session) or not (subagent is None or is_id(subagent)):
        raise ValueError("not a payload of a client's session")
    told = (asked[key] for key in details if isinstance(asked.get(key), str))
    if subagent:
        kind = INSIDE.get(kind, NOTHING)
    elif kind in INSIDE.values():
        kind = NOTHING
    return Signal(
        kind=kind,
        session=session,
        launch=env.get("HCOM_PROCESS_ID", ""),
        pid=pid,
        cwd=path(payload, "cwd"),
        transcript=path(payload, "transcript_path"),
        source=word(payload, "source") or word(payload, "reason"),
        tool=word(payload, "tool_name"),
        detail=next(told, "")[:2000],
        prompt=one_line(text(payload, "prompt")),
        subagent=subagent or "",
        at=at,
    )


# -- replies --


def answer(event: str, reply: Reply, blocks=()) -> str:
    """The JSON that a client's hook prints: context for the model, or for the kinds in `blocks` the
    reason why its turn goes on; "" for nothing to say.

    Nothing but these keys: one that Codex does not know, and it drops the whole output.
    """
    if reply.drop:
        return block("hcom: the mail is already delivered")
    if not reply.text:
        return ""
    if reply.kind in blocks:
        return block(reply.text)
    return json.dumps(
        {"hookSpecificOutput": {"hookEventName": event, "additionalContext": reply.text}}
    )


def block(reason: str, **more: str) -> str:
    """The JSON by which a hook refuses: a prompt, or that the turn ends."""
    return json.dumps({"decision": "block", "reason": reason, **more})


# -- what a part takes over where its client needs nothing of its own (interface.py) --

UNSURE: frozenset[str] = frozenset()
NO_CAP = 1_000_000  # turn ends in a row that may be continued


def yes(*_facts: object) -> bool:
    """It is so, whatever the facts are."""
    return True


def no(*_facts: object) -> bool:
    """It is not so."""
    return False


def none(*_facts: object) -> tuple[()]:
    """There are none."""
    return ()


def nothing(*_facts: object) -> str:
    """There is nothing to say."""
    return ""


def no_cap(_of) -> int:
    """There is none: turn ends may be continued, and channels filled, as one likes."""
    return NO_CAP
